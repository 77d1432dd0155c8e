"""Published supervised estimators beside what any of them must beat, and what none of them can.

Each preset is trained with three initialisations in its reduced size, and scored beside the constant, projection on the
basis, ridge regression, a random forest, the fit with the same prior (MAP) and the bounds.

    python benchmarks/published.py --checkpoints DIR [--data DIR] [--out DIR] [--full] [--quick]
        [--only hatami scattering scalogram rizzo]

What is trained is kept in the folder of checkpoints, and a run that was stopped goes on there. `--full` trains in the
published sizes (on an accelerator); `--quick` is a smoke test. Writes `published.json` and a figure.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from common import arguments_of_training, write_json
from flax import nnx
from pub_fits import best_fit, coordinates, model_of, posterior_sd
from pub_rizzo import rizzo
from pub_scores import smape, statistics
from pub_search import searched
from pub_sets import challenge_basis, scattering_sets
from pub_train import Run, bank_of, fed_of, prepared_for, tests_of, trained

from diffmrs.learn.presets import prepare
from diffmrs.learn.presets.preset import preset_of
from diffmrs.scores import constant_predictor, projection, random_forest, ridge

PARTS = ("hatami", "scattering", "scalogram", "rizzo")
WINDOW_PPM = (0.2, 4.3)
CLEAN_NOISE = 3.0  # that a fit assumes where there is none; at SNR 10 it is about 300
_STACK = {"encoder": "stack", "kernels": [9], "dense": []}
SCALOGRAM_RIVALS: dict[str, dict[str, Any]] = {
    "scalogram": {},
    "spectrum": {
        "representation": {"kind": "spectrum", "ppm_range": list(WINDOW_PPM)},
        "network": {**_STACK, "channels": [16, 32, 48, 79], "pools": [2]},
    },
    "fid": {
        "representation": {"kind": "fid", "n_points": 1536},
        "network": {**_STACK, "channels": [16, 32, 48, 89], "pools": [8, 4, 2, 2]},
    },
}


def hatami(run: Run, data: Path) -> dict[str, Any]:
    """SMAPE of 20 metabolites, with noise and without."""
    basis, results = challenge_basis(data), {}
    for name, changes in (("snr10", {}), ("noise-free", {"recipe": {"noise": False}})):
        prepared = prepared_for(run, "hatami2018", basis, **changes)
        tests = tests_of(run, prepared)
        truth = np.asarray(tests.parameters.amplitude)
        rows = plain(run, prepared, tests, lambda found, truth=truth: smape(truth, found, 20))
        nets = [one.quantify(tests.fid)[0] for one in trained(run, f"hatami_{name}", prepared)]
        rows["network"] = statistics([smape(truth, one, 20) for one in nets])
        model = model_of(prepared.preset.recipe, basis, WINDOW_PPM)
        few = jax.tree.map(lambda leaf: leaf[: run.fits], tests)
        noise = np.asarray(few.noise_sd)
        rows["spectra that fits see"] = len(noise)
        true = truth[: len(noise)]
        rows["network, on these"] = statistics([smape(true, one[: len(noise)], 20) for one in nets])
        if name == "snr10":
            z = coordinates(model, few.parameters)
            crlb, bayes = posterior_sd(model, z, noise)
            rows["median CRLB over SD of the range"] = float(np.median(crlb[:, :20]) * np.sqrt(12))
            gaussian = np.random.default_rng(0).normal(true, bayes)
            rows["linear-Gaussian posterior"] = smape(true, gaussian, 20)
        else:
            noise = np.full(len(noise), CLEAN_NOISE, np.float32)
        found = best_fit(model, starts=1, steps=50)(few.fid, noise, jax.random.key(1))[0]
        rows["MAP, one start"] = smape(true, found, 20)
        found = searched(model, few.fid, noise, starts=2 if name == "snr10" else 6, rounds=4)
        rows["MAP, searched"] = smape(true, found[0], 20)
        results[name] = rows
    return results


def plain(run: Run, prepared: Any, tests: Any, score: Any) -> dict[str, Any]:
    """Estimators that are no networks and need no fit."""
    features, truth, _ = bank_of(prepared, 4000 if run.share == 1 else 300)
    seen = fed_of(prepared, tests)
    least = projection(np.asarray(prepared.basis.fid))
    forest = random_forest(features[:2000], truth[:2000], trees=30 if run.share == 1 else 2, depth=12)
    return {
        "constant": score(constant_predictor(features, truth)(seen)),
        "projection": score(least(np.asarray(tests.fid))),
        "ridge": score(ridge(features, truth)(seen)),
        "random forest": score(forest(seen)),
    }


def scattering(run: Run, data: Path) -> dict[str, Any]:
    """SMAPE of 15 metabolites on sets like DSS2 to DSS7."""
    results = {}
    for name, basis, recipe in scattering_sets(run.folder):
        prepared = prepared_for(run, "scattering", basis, recipe)
        tests = tests_of(run, prepared, recipe)
        truth = np.asarray(tests.parameters.amplitude)
        rows = plain(run, prepared, tests, lambda found, truth=truth: smape(truth, found, 15))
        nets = [one.quantify(tests.fid)[0] for one in trained(run, f"scattering_{name}", prepared)]
        rows["network"] = statistics([smape(truth, one, 15) for one in nets])
        few = jax.tree.map(lambda leaf: leaf[: run.fits], tests)
        noise = np.asarray(few.noise_sd)
        if not noise.any():
            noise = np.full(len(noise), 1e-4 * np.abs(np.asarray(basis.fid)).max() * np.sqrt(2048), np.float32)
        model = model_of(recipe, basis, (0.2, 4.3))
        true = truth[: len(noise)]
        rows["spectra that fits see"] = len(noise)
        rows["network, on these"] = statistics([smape(true, one[: len(noise)], 15) for one in nets])
        found = best_fit(model, steps=60)(few.fid, noise, jax.random.key(1))[0]
        rows["MAP, one start"] = smape(true, found, 15)
        found = searched(model, few.fid, noise, starts=2, rounds=4)[0]
        rows["MAP, searched"] = smape(true, found, 15)
        if few.noise_sd.any() and not recipe.own_phase:
            crlb, bayes = posterior_sd(model, coordinates(model, few.parameters), noise)
            rows["median CRLB over SD of the range"] = float(np.median(crlb[:, :15]) * np.sqrt(12) / 0.5)
            rows["linear-Gaussian posterior"] = smape(true, np.random.default_rng(0).normal(true, bayes), 15)
        results[name] = rows
    return results


def scalogram(run: Run, data: Path) -> dict[str, Any]:
    """Errors from scalogram, spectrum and FID with about as many parameters."""
    basis, results = challenge_basis(data), {}
    for name, changes in SCALOGRAM_RIVALS.items():
        prepared = prepared_for(run, "scalogram", basis) if not changes else rival(run, basis, changes)
        tests = tests_of(run, prepared)
        truth = np.asarray(tests.parameters.amplitude)
        nets = trained(run, f"scalogram_{name}", prepared)
        found = [one.quantify(tests.fid)[0] for one in nets]
        results[name] = {
            "parameters": sum(leaf.size for leaf in jax.tree.leaves(nnx.state(nets[0].network, nnx.Param))),
            "smape": statistics([smape(truth, one, 20) for one in found]),
            "mse": statistics([float(np.mean((one - truth) ** 2)) for one in found]),
        }
        middle = np.broadcast_to(prepared.mean, truth.shape)
        results["constant"] = {"smape": smape(truth, middle, 20), "mse": float(np.mean((middle - truth) ** 2))}
    return results


def rival(run: Run, basis: Any, changes: dict[str, Any]) -> Any:
    """The scalogram's preset with another input and encoder of about as many parameters."""
    prepared = prepared_for(run, "scalogram", basis)
    tables = {**prepared.preset.tables, **changes}
    preset = replace(preset_of(tables, prepared.preset.size, "rival"), training=prepared.preset.training)
    return prepare(preset, basis)


def main() -> None:
    options = arguments_of_training(__doc__, steps=0, only=PARTS, flags=("quick",))
    folder = options.checkpoints or options.out / "published"
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder, options.full)
    if options.quick:
        run = replace(run, share=0.005, seeds=2, tests=100, fits=4)
    file = options.out / "published.json"
    parts: dict[str, Any] = {"hatami": hatami, "scattering": scattering, "scalogram": scalogram,
                             "rizzo": lambda run, data: rizzo(run, data, options.out)}  # fmt: skip
    for name in (one for one in PARTS if one in options.only):
        found = parts[name](run, options.data)
        results = json.loads(file.read_text()) if file.exists() else {}  # another part may have run meanwhile
        write_json(file, results | {"size": "full" if options.full else "reduced", name: found})
        print(name, "done", flush=True)


if __name__ == "__main__":
    main()
