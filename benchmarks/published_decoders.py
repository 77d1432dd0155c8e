"""The physics-informed networks of Shamaei et al. 2023 on their recipe, beside a fit with the same prior.

Trains DQ-nMM, DQ-pMM and DQ-rpMM as published but for the number of steps, and an amortised posterior of our own on the
same spectra; tests all on 1000 others, in both forms of the recipe (noise damped with the signal, as published, or
last), and lets a few Gauss-Newton steps follow on each.

    python benchmarks/published_decoders.py [--data DIR] [--out DIR] [--steps 12000] [--full] [--checkpoints DIR]
        [--only nMM pMM rpMM posterior]

The published size is 150 000 steps of 128 spectra (`--full`). Writes `published_decoders.json` and `.md`.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from common import arguments_of_training, use_all_cores, write_json
from deepmrs import ACQUISITION, NAMES, POINTS, Setting, parametric_basis, setting
from flax import nnx

from diffmrs.fitting.engine import over_voxels
from diffmrs.learn import CNN, Decoder, InputSpec, Subspace
from diffmrs.learn.examples import Example, draw_examples
from diffmrs.learn.losses import PosteriorLoss
from diffmrs.learn.mode import find_mode, gauss_newton
from diffmrs.learn.network import Network
from diffmrs.learn.posterior import PosteriorNetwork
from diffmrs.learn.published import Reconstruction, reconstruction
from diffmrs.learn.scene import Scene
from diffmrs.learn.subspace import fitted_subspace
from diffmrs.learn.training import Progress, Training, train

NINE = ("NAA", "Cr", "Ins", "Glu", "GPC", "Tau", "PCho", "PCr", "NAAG")
PAPER = {"NAA": 0.98, "Cr": 0.88, "Ins": 0.71, "Glu": 0.68, "GPC": 0.67, "Tau": 0.66, "PCho": 0.62, "PCr": 0.54,
         "NAAG": 0.46}  # fmt: skip
TESTS = 1000
STEPS_AFTER = (0, 1, 2, 5)
SPEC = InputSpec("spectrum", POINTS, ppm_range=(0.2, 4.3))
DRAWS = 256
COMPONENTS = 160  # 64 leave out the directions in which creatine differs from phosphocreatine


def r2(truth: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """One minus squared error over variance, of the nine metabolites that the paper names."""
    left = 1 - np.sum((estimate - truth) ** 2, axis=0) / np.sum((truth - truth.mean(axis=0)) ** 2, axis=0)
    return {name: float(left[NAMES.index(name)]) for name in NINE}


def schedule(options: argparse.Namespace, share: float = 1.0) -> Training:
    """Adam from 1e-3, a tenth after two drops, as published (there after 12 and 50 % of at most 200 epochs)."""
    steps = 150_000 if options.full else int(options.steps * share)
    return Training(
        steps=steps, batch=128, schedule="steps", drops=(0.6, 0.9), clip=1e6, every=max(steps // 20, 1), validation=512,
        seed=options.seed,
    )  # fmt: skip


def trained(name: str, network: nnx.Module, loss: Any, given: Setting, how: Training, options: Any) -> tuple[Any, dict]:
    begin = time.perf_counter()

    def show(progress: Progress) -> None:
        numbers = {key: round(value, 4) for key, value in progress.numbers.items()}
        print(f"{name} {progress.step} {time.perf_counter() - begin:.0f} s {numbers}", flush=True)

    file = None
    if options.checkpoints is not None:
        options.checkpoints.mkdir(parents=True, exist_ok=True)
        file = options.checkpoints / f"{name}_{how.steps}_{how.seed}.safetensors"
    network, history = train(network, loss, given.source, how, checkpoint=file, on_progress=show)
    spent = {"steps": history[-1].step, "batch": how.batch, "seconds_this_run": time.perf_counter() - begin}
    return network, spent


def after_steps(z: jax.Array, tests: Example, given: Setting) -> dict[str, np.ndarray]:
    """Amplitudes after Gauss-Newton steps with the Gaussian prior."""
    decoder = given.gaussian

    def one(voxel: Any, _: Any, steps: int) -> jax.Array:
        z, fid, noise_sd = voxel
        found = gauss_newton(z, decoder.observed(fid), noise_sd, decoder, steps)
        return decoder.latent.parameters(found.z).amplitude

    results = {}
    for steps in STEPS_AFTER:
        run = jax.jit(lambda stack, steps=steps: over_voxels(lambda v, s: one(v, s, steps), stack))
        results[str(steps)] = np.asarray(run((z, tests.fid, tests.noise_sd)))[:, : len(NAMES)]
    return results


def fitted(fid: jax.Array, noise_sd: jax.Array, decoder: Decoder) -> dict[str, np.ndarray]:
    """Amplitudes and damping of the fit with a Gaussian prior, from the middle of the population."""

    def one(voxel: Any, _: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        fid, noise_sd = voxel
        found = find_mode(jnp.zeros(decoder.latent.size), decoder.observed(fid), noise_sd, decoder)
        parameters = decoder.latent.parameters(found.z)
        return parameters.amplitude, parameters.lorentzian_fwhm_hz[0] * np.pi, found.status

    amplitude, damping, status = jax.jit(lambda stack: over_voxels(one, stack))((fid, noise_sd))
    amplitude = np.asarray(amplitude)[:, : len(NAMES)]
    return {"amplitude": amplitude, "damping_per_s": np.asarray(damping), "status": np.asarray(status)}


def fitted_whitened(fit: dict[str, np.ndarray], tests: Example, given: Setting) -> dict[str, np.ndarray]:
    """The fit of one who knows that the noise was damped: with the damping of a first fit taken off, it is white."""
    time_s = np.arange(POINTS) * ACQUISITION.dwell_time_s
    grown = tests.fid * np.exp(fit["damping_per_s"][:, None] * time_s).astype(np.float32)
    return fitted(grown, tests.noise_sd, given.undamped)


def reconstructed(name: str, loss: Reconstruction, given: Setting, options: Any) -> tuple[Callable, dict]:
    """Train one published network; what makes coordinates of FIDs with it."""
    network = Network(CNN(), (POINTS, 2), loss.n_outputs, nnx.Rngs(options.seed))
    network, spent = trained(name, network, loss, given, schedule(options), options)
    latent = given.gaussian.latent

    def coordinates(fids: jax.Array) -> tuple[jax.Array, jax.Array]:
        parameters = jax.vmap(loss.parameters)(loss.read(network, fids))
        amplitude = parameters.amplitude[:, : len(NAMES)]
        if parameters.amplitude.shape[1] != len(NAMES) + 1:
            return amplitude, jnp.zeros((fids.shape[0], latent.size))
        return amplitude, jax.vmap(latent.coordinates)(parameters)

    return jax.jit(coordinates), spent


def amortised(form: str, given: Setting, options: Any) -> tuple[Callable, dict]:
    """Train an amortised posterior on the ranges; mean and draws of the amplitudes, and coordinates."""
    scene = Scene(SPEC, given.uniform)
    shape = SPEC.shape(ACQUISITION, POINTS)
    network = PosteriorNetwork(
        Subspace(n_components=COMPONENTS, widths=(512, 512, 512)), shape, given.uniform.latent.size,
        nnx.Rngs(options.seed), flow_layers=0,
    )  # fmt: skip
    fitted_subspace(network.encoder, scene, given.source, jax.random.key(77))
    how = Training(
        steps=150_000 if options.full else 2 * options.steps, batch=128, every=max(options.steps // 10, 1),
        validation=1024, seed=options.seed,
    )  # fmt: skip
    network, spent = trained(f"posterior_{form}", network, PosteriorLoss(scene), given, how, options)

    latent = given.uniform.latent

    @jax.jit
    def some(tests: Example) -> tuple[jax.Array, jax.Array]:
        seen = jax.vmap(scene.see)(tests)
        z, _ = network.sample(seen.signal, jax.random.key(5), DRAWS)
        amplitude = jax.vmap(jax.vmap(latent.parameters))(z).amplitude[:, :, : len(NAMES)]
        middle = jax.vmap(latent.parameters)(network(seen.signal))
        return amplitude, jax.vmap(given.gaussian.latent.coordinates)(middle)

    def posterior(tests: Example) -> tuple[np.ndarray, np.ndarray]:
        parts = [some(jax.tree.map(lambda leaf, k=k: leaf[k : k + 50], tests)) for k in range(0, TESTS, 50)]
        draws, z = zip(*parts, strict=True)
        return np.concatenate(draws, axis=1), np.concatenate(z)

    return posterior, spent


def main() -> None:
    options = arguments_of_training(__doc__, steps=12_000, only=("nMM", "pMM", "rpMM", "posterior"))
    use_all_cores()
    file = options.out / "published_decoders.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for form in ("published", "physical")[: 2 if "posterior" in options.only else 1]:
        given = setting(options.data, physical=form == "physical")
        tests = jax.jit(lambda key, given=given: draw_examples(key, given.source, TESTS))(jax.random.key(2023))
        assert tests.parameters is not None
        truth = np.asarray(tests.parameters.amplitude)[:, : len(NAMES)]
        rows = results.setdefault(form, {"r2": {"paper": PAPER}, "training": {}, "after_steps": {}})
        fit = fitted(tests.fid, tests.noise_sd, given.gaussian)
        rows["r2"]["fit with the prior (MAP)"] = r2(truth, fit["amplitude"])
        if form == "published":
            rows["r2"]["the same, noise whitened"] = r2(truth, fitted_whitened(fit, tests, given)["amplitude"])
        rows["fits_not_converged"] = int(np.sum(fit["status"] != 0))
        if form == "published":
            light, heavy = given.basis, parametric_basis(options.data)
            losses = {
                "nMM": reconstruction(light, len(NAMES), unit=1.0),
                "pMM": reconstruction(heavy, len(NAMES), unit=1.0),
                "rpMM": reconstruction(heavy, len(NAMES), unit=1.0, late_weight=2.0),
            }
            for name in (one for one in losses if one in options.only):
                run, spent = reconstructed(name, losses[name], given, options)
                amplitude, z = run(tests.fid)
                rows["r2"][f"DQ-{name}"] = r2(truth, np.asarray(amplitude))
                rows["training"][f"DQ-{name}"] = spent
                if name == "nMM":
                    rows["after_steps"]["DQ-nMM"] = {
                        steps: r2(truth, found) | {"largest_difference_from_fit_in_sd": spread(found, fit, truth)}
                        for steps, found in after_steps(z, tests, given).items()
                    }
                write_json(file, results)
        if "posterior" in options.only:
            run, spent = amortised(form, given, options)
            draws, z = jax.tree.map(np.asarray, run(tests))
            rows["r2"]["amortised posterior (mean)"] = r2(truth, draws.mean(axis=0))
            rows["training"]["amortised posterior"] = spent
            inside = (np.quantile(draws, 0.025, axis=0) <= truth) & (truth <= np.quantile(draws, 0.975, axis=0))
            rows["coverage_95"] = {name: float(inside[:, k].mean()) for k, name in enumerate(NAMES)}
            rows["coverage_95_all"] = float(inside.mean())
            rows["after_steps"]["amortised posterior"] = {
                steps: r2(truth, found) | {"largest_difference_from_fit_in_sd": spread(found, fit, truth)}
                for steps, found in after_steps(jnp.asarray(z), tests, given).items()
            }
            write_json(file, results)
    (options.out / "published_decoders.md").write_text(as_markdown(results))
    print(as_markdown(results))


def spread(found: np.ndarray, fit: dict[str, np.ndarray], truth: np.ndarray) -> float:
    """Root mean square distance from the converged fit, worst metabolite, in units of the fit's own error."""
    off = np.sqrt(np.mean((found - fit["amplitude"]) ** 2, axis=0))
    return float(np.max(off / np.sqrt(np.mean((fit["amplitude"] - truth) ** 2, axis=0))))


def as_markdown(results: dict[str, Any]) -> str:
    lines = ["`python benchmarks/published_decoders.py`", ""]
    for form, rows in results.items():
        lines += [f"**Noise as {form}**, R² on {TESTS} spectra", "", "| estimator | " + " | ".join(NINE) + " |"]
        lines += ["|---" * (1 + len(NINE)) + "|"]
        for name, row in rows["r2"].items():
            lines.append(f"| {name} | " + " | ".join(f"{row[one]:.2f}" for one in NINE) + " |")
        for name, each in rows["after_steps"].items():
            for steps, row in each.items():
                if steps != "0":
                    lines.append(f"| {name} + {steps} | " + " | ".join(f"{row[one]:.2f}" for one in NINE) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
