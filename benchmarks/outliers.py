"""Transients spoilt by motion: how many are found, how many good ones are taken for such, and what clean data lose.

Synthetic brain spectra at 3 T (the spectrum of `diffmrs demo`), sets of 16 to 64 aligned transients with small shifts
and phases left in. Usage: python benchmarks/outliers.py [--sets 200]
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from common import arguments, write_json

from diffmrs.axes import spectrum_of
from diffmrs.demo import demo_spectrum
from diffmrs.preprocess import transient_weights, weighted_mean

SHIFT_HZ, PHASE_RAD = 0.3, np.radians(3)  # standard deviations of what alignment leaves
SHARE = 8  # one transient in so many is spoilt


def spoilt(kind: str, fid: np.ndarray, acquisition, rng: np.random.Generator) -> np.ndarray:
    time = acquisition.time_s(fid.size)
    first = np.abs(fid[0])
    if kind == "half of the signal lost":
        return 0.5 * fid
    if kind == "a fifth of the signal lost":
        return 0.8 * fid
    if kind == "shift of 5 Hz":
        return fid * np.exp(2j * np.pi * 5 * time)
    if kind == "phase of 40 degrees":
        return fid * np.exp(1j * np.radians(40))
    if kind == "lines 6 Hz wider":
        return fid * np.exp(-np.pi * 6 * time)
    if kind == "lipids as strong as all metabolites":
        shift = acquisition.ppm_to_hz(1.3 + 0.05 * rng.normal())
        return fid + first * np.exp((2j * np.pi * shift - np.pi * 25) * time + 2j * np.pi * rng.random())
    if kind == "echo, a third of all metabolites":
        shift = acquisition.ppm_to_hz(rng.uniform(0.8, 4.0))
        bell = np.exp(-(((time - rng.uniform(0.02, 0.12)) / 0.008) ** 2))
        return fid + first / 3 * bell * np.exp(2j * np.pi * (shift * time + rng.random()))
    raise ValueError(kind)


KINDS = (
    "half of the signal lost",
    "a fifth of the signal lost",
    "shift of 5 Hz",
    "phase of 40 degrees",
    "lines 6 Hz wider",
    "lipids as strong as all metabolites",
    "echo, a third of all metabolites",
)


def main() -> None:
    options = arguments(__doc__, sets=200)
    demo = demo_spectrum(jax.random.key(0), noise_sd=0.0)
    clean, acquisition = np.asarray(demo.data.spectra[0]), demo.data.acquisition
    time = acquisition.time_s(clean.size)
    window = acquisition.window(clean.size, (0.5, 4.2))
    judge = jax.jit(jax.vmap(partial(transient_weights, acquisition=acquisition)))
    average = jax.jit(jax.vmap(weighted_mean))

    def sets(kind: str | None, transients: int, noise_sd: float, rng) -> tuple[np.ndarray, np.ndarray]:
        shape = (options.sets, transients)
        turn = 2 * np.pi * SHIFT_HZ * rng.normal(size=(*shape, 1)) * time + PHASE_RAD * rng.normal(size=(*shape, 1))
        signal = clean * np.exp(1j * turn)
        bad = np.zeros(shape, bool)
        if kind is not None:
            bad[:, : transients // SHARE] = True
            for index in np.argwhere(bad):
                signal[tuple(index)] = spoilt(kind, signal[tuple(index)], acquisition, rng)
        noise = rng.normal(size=(*shape, clean.size, 2)) @ np.array([1, 1j])
        return (signal + noise_sd * noise).astype(np.complex64), bad

    def errors(mean: np.ndarray, ideal: np.ndarray) -> float:
        off = np.asarray(spectrum_of(jnp.asarray(mean - ideal)))[:, window]
        return float(np.sqrt(np.mean(np.abs(off) ** 2)))

    found = {}
    for peak_snr, noise_sd in (("16", 9.6), ("8", 19.2), ("4", 38.4)):
        for transients in (16, 32, 64):
            rng = np.random.default_rng(transients)
            rows = {}
            for kind in (None, *KINDS):
                fids, bad = sets(kind, transients, noise_sd, rng)
                result = judge(jnp.asarray(fids))
                outlier, weight = np.asarray(result.outlier), np.asarray(result.weight)
                robust = average(jnp.asarray(fids), result.weight)
                plain = average(jnp.asarray(fids), jnp.full(weight.shape, 1 / transients))
                good = average(jnp.asarray(fids), jnp.asarray(~bad, jnp.float32))
                row = {"false alarms": outlier[~bad].mean(), "good transients": int((~bad).sum())}
                row |= {"error against plain mean": errors(robust, clean) / errors(plain, clean)}
                if kind is not None:
                    row |= {"found": outlier[bad].mean(), "left in the mean": weight[bad].mean() * transients}
                    row |= {"error against mean of good ones": errors(robust, clean) / errors(good, clean)}
                rows[kind or "none"] = row
                print(peak_snr, transients, kind, {name: round(float(value), 4) for name, value in row.items()})
            found[f"{transients} transients, NAA {peak_snr} noise sd high in each"] = rows
    write_json(options.out / "outliers.json", found)


if __name__ == "__main__":
    main()
