"""The networks of Rizzo et al. 2023 in `published.py`: how far they are drawn to the mean, and how far they must be."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from pub_ablations import ablations
from pub_fits import best_fit, coordinates, model_of, posterior_sd
from pub_scores import GROUPS, in_groups, lines
from pub_sets import challenge_basis
from pub_train import Run, bank_of, fed_of, prepared_for, stacked, tests_of, trained

from diffmrs.learn import Example
from diffmrs.learn.uncertain import dropout_draws, mean_and_variance, mixture_moments
from diffmrs.scores import constant_predictor, gaussian_calibration, projection, ridge

NETWORKS = (
    "rizzo-shallow-2d", "rizzo-shallow-2d-hp", "rizzo-shallow-2d-relu", "rizzo-double-2d", "rizzo-deep-2d",
    "rizzo-deep-1d", "rizzo-resnet-1d", "rizzo-resnet-2d", "rizzo-inception-1d", "rizzo-inception-2d", "rizzo-unet-1d",
)  # fmt: skip
UNSURE = ("rizzo-two-path", "lee-kim2022")
FEW = ("rizzo-shallow-2d", "rizzo-deep-1d", "rizzo-unet-1d")  # of a smoke test
HYBRID = ("rizzo-shallow-2d", "rizzo-deep-1d", "rizzo-resnet-1d", "rizzo-inception-1d")
WINDOW_PPM = (-0.5, 6.0)
DRAWS = 20


def rizzo(run: Run, data: Path, out: Path) -> dict[str, Any]:
    """Scores of three groups of metabolites, measured and predicted slopes, calibration; draws the figure."""
    basis = challenge_basis(data)
    first = prepared_for(run, NETWORKS[0], basis)
    tests = tests_of(run, first)
    truth, names = np.asarray(tests.parameters.amplitude), first.basis.names
    rows: dict[str, Any] = {}
    slopes: dict[str, np.ndarray] = {}

    def add(name: str, answers: list[np.ndarray]) -> None:
        own = [lines(truth[: len(one)], one) for one in answers]
        slopes[name] = np.mean([one["slope"] for one in own], axis=0)
        rows[name] = in_groups(own, names)

    dense = prepared_for(run, "rizzo-deep-1d", basis)
    features, known, _ = bank_of(dense, 4000 if run.share == 1 else 300)
    seen = fed_of(dense, tests)
    water = np.asarray(model_of(dense.preset.recipe, basis, None).water)
    add("projection", [projection(np.asarray(first.basis.fid))(np.asarray(tests.fid) - water[None])])
    add("ridge", [ridge(features, known)(seen)])
    model = model_of(first.preset.recipe, basis, WINDOW_PPM)
    noise = np.asarray(tests.noise_sd)
    add("least squares in the ranges", [best_fit(model, prior=0.0)(tests.fid, noise, jax.random.key(0))[0]])
    add("fit with the prior (MAP)", [best_fit(model)(tests.fid, noise, jax.random.key(0))[0]])
    _, bayes = posterior_sd(model, coordinates(model, tests.parameters), noise)
    predicted = 1 - np.mean(bayes**2, axis=0) / np.asarray(model.sd)[: truth.shape[1]] ** 2
    models: dict[str, list[Any]] = {}
    for name in (*(NETWORKS if run.share == 1 else FEW), *UNSURE):
        prepared = prepared_for(run, name, basis)
        models[name] = trained(run, name, prepared)
        add(name, [one.quantify(tests.fid)[0] for one in models[name]])
    hybrid = [models[name][0] for name in HYBRID if name in models]
    several = {"stack, one family": models["rizzo-shallow-2d"], "stack, hybrid": hybrid}
    for name, members in several.items():
        add(name, [stacked(run, name.replace(", ", "_"), members, first, seed)(tests) for seed in range(run.seeds)])
    constant = constant_predictor(features, known)(seen)
    floor = 100 * np.sqrt(((constant - truth) ** 2).mean(axis=0)) / truth.mean(axis=0)
    theory = {group: float(np.mean(predicted[[names.index(one) for one in members]])) for group, members in
              GROUPS.items()}  # fmt: skip
    draw(out / "published_slopes.png", names, predicted, slopes)
    return {
        "scores": rows,
        "predicted slope": theory,
        "slope error of the fit": float(np.max(np.abs(slopes["fit with the prior (MAP)"] - predicted)[:-1])),
        "sigma of the constant, %": {group: float(np.mean(floor[[names.index(one) for one in members]]))
                                     for group, members in GROUPS.items()},
        "calibration": calibration(models, tests, truth),
        "ablations": ablations(run, basis, tests),
    }  # fmt: skip


def calibration(models: dict[str, list[Any]], tests: Any, truth: np.ndarray) -> dict[str, Any]:
    """Coverage, and correlation of the stated SD with the size of the error, of four ways to be unsure."""
    told = {}
    mean, sd = models["rizzo-two-path"][0].quantify(tests.fid)
    told["two paths"] = mean, sd
    one = models["lee-kim2022"][0]
    told["variance head"] = one.quantify(tests.fid)
    see = jax.jit(lambda fid, noise: jax.vmap(one.view.see)(Example(fid, noise)).signal)
    parts = []
    for k in range(0, len(truth), 100):
        outputs = dropout_draws(one.network, see(tests.fid[k : k + 100], tests.noise_sd[k : k + 100]),
                                jax.random.key(k), DRAWS)  # fmt: skip
        moments = mixture_moments(*mean_and_variance(outputs, jnp.asarray(one.mean), jnp.asarray(one.sd)))
        parts.append([np.asarray(each) for each in moments])
    mean, variance = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    told["variance head and dropout"] = mean, np.sqrt(variance)
    pairs = [each.quantify(tests.fid) for each in models["lee-kim2022"]]
    means, sds = (jnp.asarray([each[k] for each in pairs]) for k in (0, 1))
    mean, variance = (np.asarray(each) for each in mixture_moments(means, sds**2))
    told["ensemble of variance heads"] = mean, np.sqrt(variance)
    rows = {}
    for name, (mean, sd) in told.items():
        found = gaussian_calibration(truth, mean, sd)
        error = np.abs(mean - truth)
        sizes = [float(np.corrcoef(error[:, k], sd[:, k])[0, 1]) for k in range(truth.shape[1])]
        relative = np.corrcoef(error.mean(axis=0) / truth.mean(axis=0), sd.mean(axis=0) / truth.mean(axis=0))[0, 1]
        covered = zip(found.levels, found.coverage, strict=True)
        rows[name] = {
            "coverage": {str(level): float(each.mean()) for level, each in covered},
            "correlation within a metabolite": float(np.nanmean(sizes)),
            "correlation over metabolites": float(relative),
        }
    return rows


def draw(path: Path, names: tuple[str, ...], predicted: np.ndarray, slopes: dict[str, np.ndarray]) -> None:
    """Measured slopes over the predicted ones."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    shown = [name for name in slopes if name != "projection"]
    for number, name in enumerate(shown):
        fit = name.startswith("fit")
        colour = colormaps["tab20"](number % 20)
        axes.plot(
            predicted, slopes[name], "s" if fit else ".", ms=7, mfc="none" if fit else None,
            color="k" if fit else colour, label=name,
        )  # fmt: skip
    last = -1.0
    for place, which in sorted(zip(predicted, names, strict=True)):
        if place < 0.95:  # those above lie on one another
            last = max(place, last + 0.02)
            axes.annotate(which, (place, 1.02), (last, 1.06), rotation=90, fontsize=7, ha="center")
    axes.set(xlabel="slope predicted from prior and bound", ylabel="slope of estimate on truth")
    axes.set(xlim=(0.2, 1.02), ylim=(-0.05, 1.2))
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=120)
