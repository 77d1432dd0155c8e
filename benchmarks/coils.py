"""Coil combination: the share of the best possible signal-to-noise ratio that is reached, simulated and measured.

Usage: python benchmarks/coils.py [--sets 20]
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from common import arguments, write_json

from diffmrs.axes import spectrum_of
from diffmrs.io import read_data
from diffmrs.preprocess import coil_weights, noise_covariance, sensitivities_by_svd, sensitivities_from_water

N_POINTS, DWELL_S = 2048, 5e-4
noise_of, by_svd = jax.jit(noise_covariance), jax.jit(sensitivities_by_svd)
from_water = jax.jit(sensitivities_from_water)
MEASURED = {
    "03 metabolites, 4 coils x 16": "03_steam_7t_multicoil/steam7t_metab_raw_4coil_16avg.nii.gz",
    "03 water (eddy currents), 4 coils x 2": "03_steam_7t_multicoil/steam7t_wref_ecc_raw_4coil_2avg.nii.gz",
    "03 water (quantification), 4 coils x 2": "03_steam_7t_multicoil/steam7t_wref_quant_raw_4coil_2avg.nii.gz",
    "03 water, 32 coils x 1": "03_steam_7t_multicoil/steam7t_wref_32coil.nii.gz",
    "07 water, 8 coils x 2": "07_slaser_spinal_cord_7t/slaser_longTE_noWS_raw_8coil_2avg.nii.gz",
}


def complex_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def gain(weights: np.ndarray, sensitivities: np.ndarray, covariance: np.ndarray) -> float:
    return float(abs(weights @ sensitivities) / np.sqrt((weights @ covariance @ weights.conj()).real))


def lost(coils: int, transients: int, sets: int) -> dict[str, float]:
    """Share of the signal-to-noise ratio lost with weights from the data instead of the true ones, mean over sets."""
    time = np.arange(N_POINTS) * DWELL_S
    water = 1e3 * np.exp(-15 * time)
    losses: dict[str, list[float]] = {"by SVD": [], "from water": [], "plain sum in phase": []}
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        root = np.exp(0.3 * rng.normal(size=coils))[:, None] * (
            np.eye(coils) + 0.4 * complex_normal(rng, coils, coils) / np.sqrt(coils)
        )
        true = 2 * root @ root.conj().T
        sensitivities = complex_normal(rng, coils)
        noise = (root @ complex_normal(rng, coils, (transients + 1) * N_POINTS)).reshape(coils, -1, N_POINTS)
        noise = noise.astype(np.complex64)
        reference = jnp.asarray(noise[:, :1] + (sensitivities[:, None, None] * water).astype(np.complex64))
        covariance = noise_of(jnp.asarray(noise[:, 1:]))
        best = gain(np.linalg.solve(true, sensitivities).conj(), sensitivities, true)
        for name, found in (
            ("by SVD", coil_weights(by_svd(reference, covariance), covariance)),
            ("from water", coil_weights(from_water(reference), covariance)),
            ("plain sum in phase", jnp.asarray(sensitivities.conj() / np.abs(sensitivities))),
        ):
            losses[name].append(1 - gain(np.asarray(found, complex), sensitivities, true) / best)
    return {name: float(np.mean(values)) for name, values in losses.items()}


def measured(file: Path) -> dict[str, float]:
    """Signal-to-noise ratio of the tallest line of the mean transient, against that of the best coil."""
    fid = np.asarray(read_data(file).fid)
    fid = fid.reshape(fid.shape[3], -1, fid.shape[-1])
    covariance = noise_of(jnp.asarray(fid))
    true = np.asarray(covariance, complex)
    mean = np.asarray(spectrum_of(jnp.asarray(fid.mean(axis=1))), complex)

    def ratio(weights: np.ndarray) -> float:
        return float(np.abs(weights @ mean).max() / np.sqrt((weights @ true @ weights.conj()).real))

    coils = len(fid)
    best = max(ratio(row) for row in np.eye(coils, dtype=complex))
    first = np.asarray(from_water(jnp.asarray(fid)), complex)
    found = {
        "plain sum": ratio(np.ones(coils, complex)),
        "sum in phase": ratio(first.conj() / np.abs(first)),
        "sum weighted by signal": ratio(first.conj()),
        "by SVD": ratio(np.asarray(coil_weights(by_svd(jnp.asarray(fid), covariance), covariance), complex)),
        "from water": ratio(np.asarray(coil_weights(jnp.asarray(first, covariance.dtype), covariance), complex)),
    }
    return {name: value / best for name, value in found.items()}


def main() -> None:
    options = arguments(__doc__, sets=20)
    results: dict[str, dict[str, float]] = {}
    for coils in (8, 32):
        for transients in (1, 4, 16):
            name = f"loss, {coils} coils, noise from {transients} transients of {N_POINTS} points"
            results[name] = lost(coils, transients, options.sets)
            print(name, results[name])
    for name, file in MEASURED.items():
        results[f"ratio to best coil, {name}"] = measured(options.data / file)
        print(name, results[f"ratio to best coil, {name}"])
    write_json(options.out / "coils.json", results)


if __name__ == "__main__":
    main()
