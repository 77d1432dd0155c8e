"""Figures of a classification: ROC curves, what the network looks at, and how spectra lie to each other."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffmrs.classify.baselines import check_sklearn
from diffmrs.classify.metrics import weighted_auc
from diffmrs.errors import InputError
from diffmrs.plot import GREY, PALETTE

CLASSES = ("no tumour", "tumour")
_MOST_PLACED = 1500  # spectra that t-SNE places


def roc_curve(label: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates for falling thresholds, from (0, 0) to (1, 1).

    Args:
        label: 0 or 1, both present. [spectra]
        score: higher for tumour. [spectra]

    Raises:
        InputError: there is only one class.
    """
    if np.unique(label).size < 2:
        raise InputError("all labels are the same; there is no ROC curve")
    values, rank = np.unique(-score, return_inverse=True)
    rates = []
    for kind in (0, 1):
        counts = np.bincount(rank, weights=(label == kind).astype(float), minlength=values.size)
        rates.append(np.concatenate([[0.0], np.cumsum(counts) / counts.sum()]))
    return rates[0], rates[1]


def plot_roc(label: np.ndarray, scores: Mapping[str, np.ndarray], *, ax: Axes | None = None) -> Axes:
    """ROC curves of several classifiers, with their areas.

    Args:
        label: what is held to be true. [spectra]
        scores: of each classifier. [spectra]
        ax: where to draw; a new figure when absent.
    """
    axes = _axes((4.0, 4.0)) if ax is None else ax
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    for colour, (name, score) in zip(PALETTE, scores.items(), strict=False):
        axes.plot(*roc_curve(label, score), color=colour, label=f"{name}  {weighted_auc(label, score):.2f}")
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", aspect="equal")
    axes.legend(frameon=False, fontsize=8, title="area", title_fontsize=8, loc="lower right")
    return axes


def plot_activation(
    ppm: np.ndarray, points: np.ndarray, activation: np.ndarray, label: np.ndarray, *, ax: Axes | None = None
) -> Axes:
    """Mean spectrum of each class over the mean class activation map of tumour minus that of the others.

    Args:
        ppm: of the points.
        points: as the classifier sees them. [spectra, points]
        activation: class activation map of each. [spectra, points]
        label: 0 or 1. [spectra]
        ax: where to draw; a new figure when absent.
    """
    axes = _axes((7.0, 3.6)) if ax is None else ax
    lit = activation[label == 1].mean(axis=0) - activation[label == 0].mean(axis=0)
    means = [points[label == kind].mean(axis=0) for kind in (0, 1)]
    low, high = min(m.min() for m in means), max(m.max() for m in means)
    largest = np.abs(lit).max()
    edges = np.concatenate([[ppm[0]], (ppm[1:] + ppm[:-1]) / 2, [ppm[-1]]])
    mesh = axes.pcolormesh(
        edges, [low, high], lit[None], cmap="PuOr_r", vmin=-largest, vmax=largest, alpha=0.6, rasterized=True
    )
    for kind, colour in ((0, PALETTE[0]), (1, PALETTE[1])):
        axes.plot(ppm, means[kind], color=colour, linewidth=1.2, label=f"mean of {CLASSES[kind]}")
    axes.set(xlabel="chemical shift (ppm)", yticks=[], xlim=(ppm[0], ppm[-1]))
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.figure.colorbar(mesh, ax=axes, label="map, tumour − none", shrink=0.8)
    return axes


def plot_clusters(
    ppm: np.ndarray, points: np.ndarray, label: np.ndarray, *, clusters: int = 7, seed: int = 0
) -> Figure:
    """Spectra in clusters (k-means), and side by side so that like ones are neighbours (t-SNE).

    Args:
        ppm: of the points.
        points: as the classifier sees them; at least 8. [spectra, points]
        label: 0 or 1. [spectra]
        clusters: how many; Lu et al. 2021 show 7.
        seed: of both.

    Raises:
        InputError: there are too few spectra, or scikit-learn is missing.
    """
    check_sklearn()
    from sklearn.cluster import KMeans
    from sklearn.manifold import TSNE

    if points.shape[0] < max(8, clusters):
        raise InputError(f"{points.shape[0]} spectra are too few for {clusters} clusters and a map")
    found = KMeans(clusters, n_init=4, random_state=seed).fit(points)
    shown = np.random.default_rng(seed).permutation(points.shape[0])[:_MOST_PLACED]
    perplexity = min(30.0, (shown.size - 1) / 3)
    placed = TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(points[shown])
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    step = 1.1 * np.ptp(found.cluster_centers_, axis=1).max()
    shares = [label[found.labels_ == k].mean() for k in range(clusters)]
    for place, k in enumerate(np.argsort(shares)):
        size = int(np.sum(found.labels_ == k))
        left.plot(ppm, found.cluster_centers_[k] + place * step, color="black", linewidth=0.8)
        left.text(
            ppm[-1], place * step, f" {100 * shares[k]:.0f} % tumour\n of {size}", fontsize=7, va="bottom", ha="left"
        )
    left.set(xlabel="chemical shift (ppm)", yticks=[], xlim=(ppm[0], ppm[-1] - 0.25 * np.ptp(ppm)))
    for kind in (0, 1):
        own = label[shown] == kind
        right.plot(*placed[own].T, "o", color=PALETTE[kind], markersize=2.5, alpha=0.6, label=CLASSES[kind])
    right.set(xticks=[], yticks=[], title="t-SNE, colours as labelled")
    right.legend(frameon=False, fontsize=8)
    left.set_title(f"{clusters} clusters (k-means)")
    return figure


def _axes(size: tuple[float, float]) -> Axes:
    return Figure(figsize=size, layout="constrained").subplots()
