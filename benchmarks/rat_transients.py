"""Transients of a rat brain at 9.4 T with offsets, water and lipids: the published recipe of an alignment benchmark.

The recipe is that of Shamaei et al. 2023 (Magn Reson Med 89:1221) as their published code has it; their measured
reference transient is replaced by a simulated one, scaled as theirs: largest sample 1.
"""

from dataclasses import dataclass

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.spins import macromolecule_basis, simulate_basis
from diffmrs.spins.sequences import steam

POINTS = 1980
ACQUISITION = Acquisition(dwell_time_s=2.272e-4, spectrometer_frequency_mhz=400.32, ppm_reference=4.7)
NOISE_SD = 0.05  # of the real part, and of the imaginary part, of each sample
DAMPING_PER_S = (2.0, 0.1)  # mean and standard deviation over transients
# Rat brain, mM, rounded from Pfeuffer et al. 1999 (J Magn Reson 141:104).
RAT_MM = {
    "Ala": 0.7, "Asc": 2.0, "Asp": 2.0, "Cr": 4.0, "GABA": 1.5, "Glc": 2.0, "Gln": 3.0, "Glu": 9.0, "GPC": 0.7,
    "GSH": 0.9, "Ins": 5.0, "Lac": 1.5, "NAA": 9.0, "NAAG": 0.6, "PCho": 0.5, "PCr": 4.5, "PE": 1.6, "Tau": 5.5,
}  # fmt: skip
MACROMOLECULES = 12.0  # on the protons of the set, mM
# Voigt line added to every metabolite: with it the bounds are near those of the published reference transient.
LORENTZ_HZ, GAUSS_HZ = 2.0, 2.0


@dataclass(frozen=True)
class Set:
    """Transients and their truth.

    Attributes:
        fid: [transients, points].
        shift_hz: [transients].
        phase_rad: [transients].
        contaminated: whether water or lipids were added. [transients]
    """

    fid: np.ndarray
    shift_hz: np.ndarray
    phase_rad: np.ndarray
    contaminated: np.ndarray


def reference() -> np.ndarray:
    """The noise-free transient, largest sample 1. [points]"""
    basis = simulate_basis(
        tuple(RAT_MM), steam(0.01, 0.01), ACQUISITION, POINTS, lorentzian_fwhm_hz=LORENTZ_HZ, gaussian_fwhm_hz=GAUSS_HZ
    )
    broad = np.asarray(macromolecule_basis("lcmodel_7t", ACQUISITION, POINTS).fid)
    kept = [k for k, n in enumerate(macromolecule_basis("lcmodel_7t", ACQUISITION, POINTS).names) if n[:2] == "MM"]
    fid = np.array(list(RAT_MM.values())) @ np.asarray(basis.fid) + MACROMOLECULES * broad[kept].sum(axis=0)
    return fid / np.abs(fid).max()


def draw(
    count: int, clean: np.ndarray, *, nuisances: bool, shift_hz: float = 20.0, phase_deg: float = 90.0, seed: int = 0
) -> Set:
    """Transients of a reference, as published.

    Args:
        count: transients.
        clean: `reference()`.
        nuisances: half as many draws, with replacement, of transients that get water, and of those that get lipids.
        shift_hz: largest shift either way, Hz.
        phase_deg: largest phase either way, degrees.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    time = ACQUISITION.time_s(POINTS)

    def near(mean: float, sd: float, n: int = count) -> np.ndarray:
        return mean * rng.normal(1, sd, (n, 1))

    fid = near(1, 0.1) * clean
    shift, phase = rng.uniform(-shift_hz, shift_hz, count), rng.uniform(-phase_deg, phase_deg, count) * np.pi / 180
    spoiled = np.zeros(count, bool)
    if nuisances:
        n = count // 2
        water = (
            -20
            * time
            * near(1, 0.1, n)
            * np.exp(-(near(100, 0.1, n) + 2j * np.pi * rng.normal(0, 0.02, (n, 1))) * time)
        )
        lipids = -1j * near(1, 0.1, n) * np.exp((2j * np.pi * near(1400, 0.02, n) - near(300, 0.1, n)) * time)
        for added in (water, lipids):
            where = rng.integers(0, count, n)
            fid[where] += added  # the last of repeated draws counts, as in the published code
            spoiled[where] = True
    damping = rng.normal(*DAMPING_PER_S, (count, 1))
    fid = fid * np.exp((2j * np.pi * shift[:, None] - damping) * time + 1j * phase[:, None])
    noise = rng.normal(0, NOISE_SD, (count, POINTS, 2)) @ np.array([1, 1j])
    return Set((fid + noise).astype(np.complex64), shift, phase, spoiled)


def bounds(clean: np.ndarray, n_points: int) -> dict[str, float]:
    """Cramér-Rao bounds of shift and phase with amplitude and damping unknown, for a known reference."""
    time = ACQUISITION.time_s(POINTS)[:n_points]
    fid = (clean[:n_points]) * np.exp(-DAMPING_PER_S[0] * time)
    columns = np.stack([2j * np.pi * time * fid, 1j * fid, fid, -time * fid])
    fisher = (columns.conj() @ columns.T).real / NOISE_SD**2
    sd = np.sqrt(np.diag(np.linalg.inv(fisher)))
    alone = np.sqrt(np.diag(np.linalg.inv(fisher[:2, :2])))
    return {
        "shift_hz": float(sd[0]), "phase_deg": float(np.degrees(sd[1])),
        "shift_hz_damping_known": float(alone[0]), "phase_deg_damping_known": float(np.degrees(alone[1])),
    }  # fmt: skip
