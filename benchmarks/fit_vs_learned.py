"""Fits and learned estimators on the same spectra with the same information, judged alike.

The recipe of Shamaei et al. 2023 (19 metabolites and macromolecules at 3 T), by default with noise as a receiver makes
it. Every estimator knows basis, noise and ranges. Trains seven kinds of network with three seeds each, scores all
estimators on 1000 spectra, samples the posterior of some as a referee, tries spectra unlike those of the training, and
adapts networks to single spectra.

    python benchmarks/fit_vs_learned.py [--data DIR] [--out DIR] [--checkpoints DIR] [--steps 1000] [--published]
        [--full] [--quick] [--only scores referee strange adapt times]

`--published` damps the noise with the signal, as the recipe was published; `--full` trains for 150 000 steps each (on
an accelerator); `--quick` is a smoke test of tiny sizes. Writes `fit_vs_learned.json`, `.md`, `.csv` and figures.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from common import arguments_of_training, use_all_cores, write_json
from vs_adapt import adapted, timed
from vs_figures import draw
from vs_fits import Answer, Estimator, box_fit, kept, laplace_on_ranges, map_fit, sampled
from vs_learned import (
    after_steps,
    bounds_at,
    ensemble,
    features_of_network,
    posterior,
    reconstructing,
    signal_of,
    supervised,
    with_dropout,
)
from vs_nets import SHARES, trained
from vs_scores import Yardsticks, over_seeds, rows_of, summary, tables
from vs_setting import COUNT, NINE, QUICK, Given, Size, amplitudes, example, given
from vs_suite import INDEX, Watch, errors, flags, separations, strange_sets

from diffmrs.fitting.engine import over_voxels
from diffmrs.learn.examples import Example
from diffmrs.learn.mode import find_mode, gauss_newton
from diffmrs.scores import constant_predictor, ridge, sample_calibration, write_score_table
from diffmrs.scores.accuracy import accuracy

PARTS = ("scores", "referee", "strange", "adapt", "times")
STEPS_AFTER = (1, 2, 5)
FULL_STEPS, QUICK_STEPS = 150_000, 4
AMORTISED = {"gaussian": "posterior, Gaussian", "flow": "posterior, flow", "elbo": "posterior, self-supervised"}
REFINED = ("posterior, Gaussian", "posterior, self-supervised", "physics decoder, as published")
BOUNDED = ("posterior, Gaussian", "physics decoder, as published")
Nets = dict[str, list[Any]]


def linear(data: Given, *, constant: bool) -> Estimator:
    """Ridge regression on the points that networks see, or the mean of the training."""
    stored = data.bank
    assert stored.parameters is not None
    look = jax.jit(lambda spectra: signal_of(data, spectra))
    parts = [look(Example(stored.fid[k : k + 512], stored.noise_sd[k : k + 512])) for k in
             range(0, stored.noise_sd.shape[0], 512)]  # fmt: skip
    features = np.concatenate([np.asarray(part).reshape(len(part), -1) for part in parts])
    truth = np.asarray(stored.parameters.amplitude)[:, :COUNT]
    made = (constant_predictor if constant else ridge)(features, truth)
    return lambda spectra: Answer(made(np.asarray(look(spectra)).reshape(spectra.noise_sd.shape[0], -1)))


def fits(data: Given, folder: Path | None) -> dict[str, Estimator]:
    """What needs no training, or only a linear one."""
    made = {
        "constant": linear(data, constant=True),
        "ridge": linear(data, constant=False),
        "least squares, not negative": box_fit(data, ranges=False),
        "least squares in the ranges": box_fit(data, ranges=True),
        "fit with the prior (MAP, Laplace)": map_fit(data),
        "fit in the ranges (Laplace)": laplace_on_ranges(data),
    }
    return {name: kept(one, folder, name) for name, one in made.items()}


def learned(data: Given, nets: Nets) -> Iterator[tuple[str, int, Estimator]]:
    """Every trained estimator, seed by seed."""
    for seed, network in enumerate(nets["supervised"]):
        yield "supervised", seed, supervised(network, data)
    for seed, network in enumerate(nets["dropout"]):
        yield "dropout left on", seed, with_dropout(network, data)
    for seed, network in enumerate(nets["spread"]):
        yield "variance head", seed, supervised(network, data)
    yield "ensemble of variance heads", 0, ensemble(nets["spread"], data)
    for kind, name in AMORTISED.items():
        for seed, network in enumerate(nets[kind]):
            yield name, seed, posterior(network, data)
    for seed, network in enumerate(nets["reconstruction"]):
        yield "physics decoder, as published", seed, reconstructing(network, data)


def scored(data: Given, nets: Nets, folder: Path | None, tag: str) -> dict[str, Any]:
    """All scores on the tests."""
    yard, spectra, rows = Yardsticks(data), example(data.tests), []
    answers: dict[tuple[str, int], Answer] = {}
    everyone = [(name, 0, one) for name, one in fits(data, folder).items()]
    everyone += [(name, seed, kept(one, folder, f"{tag} {name} {seed}")) for name, seed, one in learned(data, nets)]
    for name, seed, estimator in everyone:
        answer = estimator(spectra)
        print(name, seed, flush=True)
        answers[name, seed] = answer
        rows += rows_of(name, seed, answer, data, yard)
    bound, both = bounds_at(data, prior=False), bounds_at(data, prior=True)
    fit = answers["fit with the prior (MAP, Laplace)", 0]
    distances: dict[str, list[float]] = {}
    for steps in (0, *STEPS_AFTER):
        go = after_steps(data, steps)
        for name, seed in [key for key in answers if key[0] in REFINED]:
            found = go(answers[name, seed].more["z"], spectra)
            label = f"{name} + {steps} steps"
            distances.setdefault(label, []).append(from_fit(found.amplitude, fit.amplitude, data))
            if steps:
                rows += rows_of(label, seed, found, data, yard)
    for name, seed in [key for key in answers if key[0] in BOUNDED]:
        own = answers[name, seed]
        for label, sds in (("CRLB", bound), ("CRLB with the prior", both)):
            stated = replace(own, samples=None, sd=sds(own.more["z"], spectra))
            rows += rows_of(f"{name}, {label}", seed, stated, data, yard)
    table = over_seeds(rows)
    bounds = {"crlb_r2": ceiling(yard.crlb, data), "bayesian_r2": ceiling(yard.bayesian[None], data)}
    status = {name: float(np.mean(one.more["status"] != 0)) for (name, _), one in answers.items()
              if "status" in one.more}  # fmt: skip
    return {"scores": summary(table), "from_fit": {name: float(np.mean(one)) for name, one in distances.items()},
            "bounds": bounds, "not_converged": status, "rows": table}  # fmt: skip


def from_fit(found: np.ndarray, fit: np.ndarray, data: Given) -> float:
    """Root mean square distance from the converged fit, worst of the nine, in units of the fit's own error."""
    off = np.sqrt(np.mean((found - fit) ** 2, axis=0))
    return float(np.max((off / np.sqrt(np.mean((fit - amplitudes(data.tests)) ** 2, axis=0)))[INDEX]))


def ceiling(sd: np.ndarray, data: Given) -> dict[str, float]:
    """R² of errors of that size."""
    left = 1 - np.mean(sd**2, axis=0) / amplitudes(data.tests).var(axis=0)
    return {name: float(left[k]) for name, k in zip(NINE, INDEX, strict=True)}


def refereed(data: Given, nets: Nets, count: int) -> dict[str, Any]:
    """Mean and SD of each posterior against those of the sampler on the same spectra."""
    spectra = jax.tree.map(lambda leaf: leaf[:count], example(data.tests))
    truth = amplitudes(data.tests)[:count]
    referee = sampled(data)(spectra)
    assert referee.samples is not None
    sd = referee.samples.std(axis=0)
    rows: dict[str, Any] = {"spectra": count, "divergences": int(referee.more["divergences"].sum()),
                            "largest_r_hat": float(referee.more["r_hat"].max())}  # fmt: skip
    rivals = {"sampler (NUTS)": lambda _: referee, "fit with the prior (MAP, Laplace)": map_fit(data),
              "fit in the ranges (Laplace)": laplace_on_ranges(data)}  # fmt: skip
    rivals |= {AMORTISED[kind]: posterior(nets[kind][0], data) for kind in AMORTISED}
    rivals |= {"variance head": supervised(nets["spread"][0], data), "supervised": supervised(nets["supervised"][0],
                                                                                              data)}  # fmt: skip
    for name, estimator in rivals.items():
        answer = estimator(spectra)
        own = answer.samples.std(axis=0) if answer.samples is not None else answer.sd
        off = (answer.amplitude - referee.amplitude) / sd
        row = {"mean_off_in_sd": float(np.sqrt(np.mean(off[:, INDEX] ** 2))),
               "r2": float(np.mean(accuracy(truth, answer.amplitude).r2[INDEX]))}  # fmt: skip
        if own is not None:
            row["sd_ratio"] = float(np.exp(np.mean(np.log(own / sd)[:, INDEX])))
        rows[name] = row
    stated = sample_calibration(truth, referee.samples)
    rows["coverage"] = {str(level): float(one[INDEX].mean()) for level, one in zip(stated.levels, stated.coverage,
                                                                                  strict=True)}  # fmt: skip
    return rows


def strange(data: Given, nets: Nets, count: int, folder: Path | None) -> dict[str, Any]:
    """Errors and flags on the suite."""
    sets = {"usual": jax.tree.map(lambda leaf: leaf[:count], data.tests), **strange_sets(data, count)}
    start = posterior(nets["gaussian"][0], data)
    watch = Watch(data, start, features_of_network(nets["gaussian"][0], data))
    result = {"flags": flags(watch, {name: one for name, one in sets.items() if name != "usual"}, data),
              "separations": separations(sets, data)}  # fmt: skip
    two = after_steps(data, 2)
    chosen = fits(data, folder)
    del chosen["fit in the ranges (Laplace)"]
    chosen |= {
        "supervised": supervised(nets["supervised"][0], data),
        "ensemble of variance heads": ensemble(nets["spread"], data),
        "posterior, Gaussian": start,
        "posterior, flow": posterior(nets["flow"][0], data),
        "physics decoder, as published": reconstructing(nets["reconstruction"][0], data),
        "posterior, Gaussian + 2 steps": lambda spectra: two(start(spectra).more["z"], spectra),
    }
    return result | {"errors": errors(sets, chosen, data)}


def adapted_all(data: Given, nets: Nets, size: Size) -> list[dict[str, Any]]:
    """Adaptation on usual spectra, and on two kinds of strange ones that the model can explain."""
    sets = strange_sets(data, size.adapted)
    usual = jax.tree.map(lambda leaf: leaf[: size.adapted], data.tests)
    chosen = {"usual": usual, "double_linewidth": sets["double_linewidth"], "large_shift": sets["large_shift"]}
    network = nets["reconstruction"][0]
    return adapted(network, reconstructing(network, data), chosen, data)


def times(data: Given, nets: Nets, many: int) -> dict[str, Any]:
    """Processor seconds for many spectra and milliseconds for one, without training and compilation."""
    stored = data.bank
    whole = Example(stored.fid[:many], stored.noise_sd[:many])
    single = jax.tree.map(lambda leaf: leaf[:1], whole)
    middle = jnp.zeros((many, data.setting.gaussian.latent.size))
    network, decoder = nets["gaussian"][0], data.setting.gaussian
    latent = data.setting.uniform.latent

    def alone(spectra: Example) -> jax.Array:
        return jax.vmap(latent.parameters)(network(signal_of(data, spectra))).amplitude

    def and_steps(spectra: Example) -> jax.Array:
        parameters = jax.vmap(latent.parameters)(network(signal_of(data, spectra)))
        start = jax.vmap(decoder.latent.coordinates)(parameters)
        return over_voxels(refine, (spectra.fid, spectra.noise_sd, start), decoder)

    def refine(voxel: Any, decoder: Any) -> jax.Array:
        mode = gauss_newton(voxel[2], decoder.observed(voxel[0]), voxel[1], decoder, 2)
        return decoder.latent.parameters(mode.z).amplitude

    def fit(spectra: Example) -> jax.Array:
        return over_voxels(converge, (spectra.fid, spectra.noise_sd, middle[: spectra.noise_sd.shape[0]]), decoder)

    def converge(voxel: Any, decoder: Any) -> jax.Array:
        mode = find_mode(voxel[2], decoder.observed(voxel[0]), voxel[1], decoder)
        return decoder.latent.parameters(mode.z).amplitude

    rows = {}
    for name, run in {"network": alone, "network + 2 steps": and_steps, "fit with the prior": fit}.items():
        compiled = jax.jit(run)
        rows[name] = {"spectra": many, "cpu_s": timed(compiled, whole, 1)[1],
                      "one_ms": 1e3 * min(timed(compiled, single, 5)[1] for _ in range(2))}  # fmt: skip
    return rows


def main() -> None:
    options = arguments_of_training(__doc__, steps=1000, only=PARTS, flags=("published", "quick"))
    use_all_cores()
    run(options, QUICK if options.quick else Size())


def run(options: argparse.Namespace, size: Size) -> None:
    """Train, judge, write."""
    data = given(options.data, size, physical=not options.published)
    steps = FULL_STEPS if options.full else QUICK_STEPS if options.quick else options.steps
    nets: Nets = {}
    costs: dict[str, Any] = {}
    folder = None if options.checkpoints is None else options.checkpoints / ("answers_physical" if data.physical else
                                                                            "answers_published")  # fmt: skip
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    for kind in SHARES:
        several = size.members if kind == "spread" else size.seeds
        made = [trained(kind, seed, data, size, options.checkpoints, steps) for seed in range(several)]
        nets[kind] = [network for network, _ in made]
        costs[kind] = {"networks": several, "steps": made[0][1]["steps"], "cpu_s": sum(one["cpu_s"] for _, one in made)}
    stem = options.out / ("fit_vs_learned_published" if options.published else "fit_vs_learned")
    file = stem.with_suffix(".json")
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    results |= {"noise": "last" if data.physical else "damped with the signal", "training": costs}
    if "scores" in options.only:
        found = scored(data, nets, folder, str(steps))
        write_score_table(stem.with_suffix(".csv"), [row for row in found.pop("rows") if row["stratum"] == "all"])
        results |= found
        write_json(file, results)
    parts = {
        "referee": lambda: refereed(data, nets, size.referee),
        "strange": lambda: strange(data, nets, size.strange, folder),
        "adapt": lambda: adapted_all(data, nets, size),
        "times": lambda: times(data, nets, size.many),
    }
    for name in (one for one in parts if one in options.only):
        results[name] = parts[name]()
        write_json(file, results)
        print(name, "done", flush=True)
    if "scores" in results:
        stem.with_suffix(".md").write_text(tables(results))
    draw(results, stem)


if __name__ == "__main__":
    main()
