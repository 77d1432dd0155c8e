"""Test-time adaptation beside Gauss-Newton steps, at equal time, for `fit_vs_learned.py`."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from vs_fits import Estimator
from vs_learned import Reconstructed, replace_z, signal_of
from vs_setting import COUNT, Given, amplitudes, example
from vs_suite import normalised_error

from diffmrs.fitting.engine import over_voxels
from diffmrs.learn.adapt_spectrum import adapted_answer, adapted_network
from diffmrs.learn.mode import gauss_newton
from diffmrs.simulate.spectra import Simulated

WAYS = {
    "network": (10, 50),  # steps of Adam on all weights
    "answer": (30,),  # on the coordinates
    "Gauss-Newton": (1, 2, 5),
}


def adapted(network: Any, start: Estimator, sets: dict[str, Simulated], given: Given) -> list[dict[str, Any]]:
    """Error, excess cost over the fit, and processor time per spectrum of each way, for each set of spectra."""
    decoder, told = given.setting.gaussian, Reconstructed(network, given)
    shown = {name: example(one) for name, one in sets.items()}
    signals = {name: signal_of(given, one) for name, one in shown.items()}
    begins = {name: start(one).more["z"] for name, one in shown.items()}
    rows: list[dict[str, Any]] = []
    least: dict[str, np.ndarray] = {}
    plans = [("Gauss-Newton", 30), ("network alone", 0), *((way, k) for way, all_ in WAYS.items() for k in all_)]
    for way, steps in plans:
        run = _runner(way, steps, told, decoder)
        for name, spectra in shown.items():
            voxels = (replace_z(spectra, begins[name]), signals[name])
            (amplitude, cost), spent = timed(run, voxels)
            least.setdefault(name, cost)  # the first plan is as good as converged
            excess = cost - least[name]
            rows.append({
                "set": name, "way": way, "steps": steps, "error": normalised_error(amplitudes(sets[name]), amplitude,
                                                                                  given),
                "excess_cost": float(np.median(excess)), "ms": 1e3 * spent / len(cost),
            })  # fmt: skip
    return rows


def _runner(way: str, steps: int, told: Any, decoder: Any) -> Callable[[Any], Any]:
    def one(voxel: Any, decoder: Any) -> Any:
        spectrum, signal = voxel
        observed, noise_sd = decoder.observed(spectrum.fid), spectrum.noise_sd
        if way == "network":
            z = adapted_network(told, signal, observed, noise_sd, decoder, steps=steps)
        elif way == "answer":
            z = adapted_answer(spectrum.z, observed, noise_sd, decoder, steps=steps)
        elif way == "Gauss-Newton":
            z = gauss_newton(spectrum.z, observed, noise_sd, decoder, steps).z
        else:
            z = spectrum.z
        rest = decoder.residual(z, observed, noise_sd)
        return decoder.latent.parameters(z).amplitude[:COUNT], 0.5 * rest @ rest

    return jax.jit(lambda voxels: over_voxels(one, voxels, decoder))


def timed(run: Callable[[Any], Any], inputs: Any, repeats: int = 2) -> tuple[Any, float]:
    """Results as NumPy arrays, and the least processor time of a call in seconds, compilation left out.

    Processor time is that of all threads, and on a busy machine the only one that can be repeated.
    """
    jax.block_until_ready(run(inputs))
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        found = jax.block_until_ready(run(inputs))
        spent.append(time.process_time() - begin)
    return jax.tree.map(np.asarray, found), min(spent)


__all__ = ["adapted", "timed"]
