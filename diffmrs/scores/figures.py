"""Figures of scores. Functions draw on the axes they are given, without pyplot state or rcParams."""

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffmrs.errors import InputError
from diffmrs.plot import FIT, GREY, PALETTE
from diffmrs.scores.accuracy import accuracy
from diffmrs.scores.calibration import Calibration
from diffmrs.scores.ranks import ecdf_band

_MOST_POINTS = 2000


def plot_truth_estimate(
    truth: Any, estimate: Any, *, constant: Any = None, name: str = "", ax: Axes | None = None
) -> Axes:
    """Estimates of one metabolite against the truth, with their line, that of perfection and the constant predictor.

    Args:
        truth: finite. [spectra]
        estimate: what is not finite is left out. [spectra]
        constant: what the constant predictor answers; the mean of the truth when absent.
        name: of the metabolite, for the title.
        ax: where to draw; a new figure when absent.

    Returns:
        The axes.

    Raises:
        InputError: the shapes do not fit, or the truth is not finite.
    """
    true, other = np.asarray(truth, np.float64), np.asarray(estimate, np.float64)
    if true.ndim != 1:
        raise InputError(f"truth has shape {true.shape}; the figure shows one metabolite, [spectra]")
    level = float(true.mean()) if constant is None else constant
    scores = accuracy(true[:, None], other[:, None] if other.ndim == 1 else other, constant=np.array([level]))
    axes = _new_axes() if ax is None else ax
    ends = np.array([true.min(), true.max()])
    shown = slice(None, None, max(true.size // _MOST_POINTS, 1))
    axes.plot(true[shown], other[shown], "o", color=PALETTE[0], markersize=2, alpha=0.35, markeredgewidth=0)
    axes.plot(ends, ends, color=GREY, linewidth=1, label="perfect")
    axes.plot(ends, [level, level], color=GREY, linewidth=1, linestyle="--", label="constant predictor")
    line = scores.intercept[0] + scores.slope[0] * ends
    axes.plot(ends, line, color=FIT, linewidth=1.5, label=f"slope {scores.slope[0]:.2f}")
    axes.set_title(f"{name}  R² {scores.r2[0]:.2f}, skill {scores.skill[0]:.2f}".strip(), fontsize=9)
    axes.set_xlabel("truth", fontsize=9)
    axes.set_ylabel("estimate", fontsize=9)
    return _finished(axes, legend="upper left")


def plot_coverage(
    calibrations: dict[str, Calibration], *, metabolite: int | None = None, ax: Axes | None = None
) -> Axes:
    """How often intervals cover the truth against how often they say they do. Below the diagonal: too narrow.

    The band is two binomial standard errors of one metabolite of the first calibration.

    Args:
        calibrations: by label; give them many levels for a smooth curve.
        metabolite: which one; the mean over all when absent.
        ax: where to draw; a new figure when absent.

    Returns:
        The axes.

    Raises:
        InputError: there is nothing to draw, or no such metabolite.
    """
    if not calibrations:
        raise InputError("there are no calibrations to draw")
    axes = _new_axes() if ax is None else ax
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    for number, (label, one) in enumerate(calibrations.items()):
        count = one.coverage.shape[1]
        if metabolite is not None and not 0 <= metabolite < count:
            raise InputError(f"metabolite is {metabolite}; there are {count}, from 0")
        levels = np.array(one.levels)
        order = np.argsort(levels)
        covered = one.coverage.mean(axis=1) if metabolite is None else one.coverage[:, metabolite]
        if number == 0:
            wide = 2 * one.coverage_se.max(axis=1)[order]
            low, high = levels[order] - wide, levels[order] + wide
            axes.fill_between(levels[order], low, high, color=GREY, alpha=0.25, linewidth=0)
        ink = PALETTE[number % len(PALETTE)]
        axes.plot(levels[order], covered[order], color=ink, marker="o", markersize=3, linewidth=1.2, label=label)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("nominal coverage", fontsize=9)
    axes.set_ylabel("actual coverage", fontsize=9)
    return _finished(axes, legend="upper left")


def plot_ranks(ranks: Any, draws: int, *, bins: int = 20, ax: Axes | None = None) -> Axes:
    """Histogram of the ranks of simulation-based calibration, with the 95 % band that each bar alone should keep to.

    Args:
        ranks: of one metabolite, 0 to `draws`. [spectra]
        draws: how many posterior draws there were.
        bins: at most.
        ax: where to draw; a new figure when absent.

    Returns:
        The axes.

    Raises:
        InputError: the ranks are not one per spectrum.
    """
    found = np.asarray(ranks)
    if found.ndim != 1 or not found.size:
        raise InputError(f"ranks have shape {found.shape}; the figure shows one metabolite, [spectra]")
    count = min(bins, draws + 1)
    edges = np.ceil(np.arange(count + 1) * (draws + 1) / count) / (draws + 1)
    share = np.diff(edges)
    heights = np.histogram((found + 0.5) / (draws + 1), edges)[0] / (found.size * share)
    scatter = 1.96 * np.sqrt((1 - share) / (share * found.size))
    axes = _new_axes() if ax is None else ax
    axes.stairs(heights, edges, fill=True, color=PALETTE[0], alpha=0.6)
    axes.stairs(1 + scatter, edges, baseline=np.maximum(1 - scatter, 0), fill=True, color=GREY, alpha=0.35)
    axes.axhline(1.0, color=GREY, linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, None)
    axes.set_xlabel("rank of the truth among draws (share)", fontsize=9)
    axes.set_ylabel("density", fontsize=9)
    return _finished(axes)


def plot_ecdf(pit: dict[str, Any], *, ax: Axes | None = None) -> Axes:
    """Distribution function of PIT values or rank shares less that of a uniform one, with the 95 % band of all of it.

    Args:
        pit: by label: values between 0 and 1 of one metabolite; NaN is left out. [spectra]
        ax: where to draw; a new figure when absent.

    Returns:
        The axes.

    Raises:
        InputError: there is nothing to draw.
    """
    values = {label: np.sort(np.asarray(one, np.float64).ravel()) for label, one in pit.items()}
    values = {label: one[~np.isnan(one)] for label, one in values.items()}
    if not values or not all(one.size for one in values.values()):
        raise InputError("there are no values to draw")
    axes = _new_axes() if ax is None else ax
    where, low, high = ecdf_band(min(one.size for one in values.values()))
    axes.fill_between(where, low - where, high - where, color=GREY, alpha=0.3, linewidth=0)
    for number, (label, one) in enumerate(values.items()):
        at = np.linspace(0, 1, 201)
        curve = np.searchsorted(one, at, side="right") / one.size - at
        axes.plot(at, curve, color=PALETTE[number % len(PALETTE)], linewidth=1.2, label=label)
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_xlabel("PIT (share of the posterior below the truth)", fontsize=9)
    axes.set_ylabel("distribution less uniform", fontsize=9)
    return _finished(axes, legend="best")


def _new_axes() -> Axes:
    return Figure(figsize=(4.2, 3.8), dpi=130, layout="constrained").add_subplot()


def _finished(axes: Axes, legend: Literal["upper left", "best"] | None = None) -> Axes:
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if legend is not None:
        axes.legend(loc=legend, fontsize=7, frameon=False)
    return axes
