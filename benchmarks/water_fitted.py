"""Water left in, removed, or fitted as members of the basis: errors of concentrations of the demo spectrum.

Spectra of the demo (1024 points, 3 T, tallest line 65 noise standard deviations high) with three Lorentzian water lines
of one phase, 3 to 100 times as high as NAA. Fitted with the default baseline and without soft constraints; with water
members from 0.5 to 5.1 ppm, else to 4.2 ppm.

    python benchmarks/water_fitted.py [--spectra N] [--out DIR]
"""

import argparse
from pathlib import Path

from common import HERE, use_all_cores, write_json

use_all_cores()

import jax  # noqa: E402
import numpy as np  # noqa: E402

from diffmrs import MRSData, fit  # noqa: E402
from diffmrs.demo import ACQUISITION, N_POINTS, demo_spectrum  # noqa: E402
from diffmrs.fitting import FitResult  # noqa: E402
from diffmrs.fitting.prepare import default_groups  # noqa: E402
from diffmrs.preprocess import remove_water_from  # noqa: E402
from diffmrs.spins import water_members  # noqa: E402

SUMS = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCho"), "Ins": ("Ins",), "Glu": ("Glu",)}
PARTS = ((0.6, 0.0, 6.0), (0.3, 2.0, 11.0), (0.1, -3.0, 20.0))  # share, Hz, Hz


def water_of(height: float) -> np.ndarray:
    time = ACQUISITION.time_s(N_POINTS)
    rates = [2j * np.pi * (ACQUISITION.ppm_to_hz(4.65) - 2.5 + f) - np.pi * width for _, f, width in PARTS]
    fid = np.exp(1.1j) * sum(a * np.exp(rate * time) for (a, *_), rate in zip(PARTS, rates, strict=True))
    return height * fid / np.abs(np.fft.fft(fid)).max()


def errors(result: FitResult, truth: dict[str, float]) -> dict[str, list[float] | float]:
    """Mean and standard deviation of each error in percent, and the share that converged."""
    found = np.asarray(result.estimate.parameters.amplitude)
    told: dict[str, list[float] | float] = {"converged": float(result.converged.mean())}
    for name, parts in SUMS.items():
        amount = sum(found[:, result.names.index(part)] for part in parts)
        off = 100 * (amount / sum(truth[part] for part in parts) - 1)
        told[name] = [float(off.mean()), float(off.std())]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", type=int, default=16, help="per case; default %(default)s")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    options = parser.parse_args()
    demos = [demo_spectrum(jax.random.key(k)) for k in range(options.spectra)]
    basis = demos[0].basis
    truth = dict(zip(basis.names, map(float, demos[0].amplitude), strict=True))
    clean = np.stack([np.asarray(demo.data.spectra[0]) for demo in demos])
    tallest = float(np.abs(np.fft.fft(clean[0])).max())
    water = water_members(ACQUISITION, N_POINTS)
    groups = default_groups(basis)
    groups += (max(groups) + 1,) * len(water.names)
    results = {"no water": errors(fit(MRSData(clean, ACQUISITION), basis, priors="none"), truth)}
    for times in (3, 10, 30, 100):
        data = MRSData((clean + water_of(times * tallest)).astype(np.complex64), ACQUISITION)
        ways = {
            "left in": fit(data, basis, priors="none"),
            "removed": fit(remove_water_from(data), basis, priors="none"),
            "fitted": fit(data, basis.joined(water), priors="none", ppm_range=(0.5, 5.1), groups=groups, shims=groups),
        }
        results |= {f"{times} times, {way}": errors(result, truth) for way, result in ways.items()}
    write_json(options.out / "water_fitted.json", results)
    print((options.out / "water_fitted.json").read_text())


if __name__ == "__main__":
    main()
