"""Transients of a MEGA-PRESS scan at 3 T, ON and OFF, with offsets and with water and lipids that come and go.

The spectra are those of `12_basis_sets` of the reference data (FID-A, TE 68 ms, 2048 points of 0.5 ms at 127.7 MHz) at
concentrations of the brain, without macromolecules, broadened to some 6 Hz; the largest OFF sample is 1.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from alignment_networks import unstable
from rat_transients import Set

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.learn import TransientSource, draw_examples
from diffmrs.simulate.distributions import Normal, Uniform

POINTS = 2048
ACQUISITION = Acquisition(dwell_time_s=5e-4, spectrometer_frequency_mhz=127.731, ppm_reference=3.0)
NOISE_SD = 0.03  # of the real part, and of the imaginary part, of each sample: NAA peak over noise is some 20
# Human brain, mM, rounded from de Graaf, In Vivo NMR Spectroscopy (2nd ed. 2007), chapter 2.
BRAIN_MM = {
    "Asc": 1.0, "Asp": 2.0, "Cr": 4.5, "GABA": 1.3, "GPC": 1.0, "GSH": 1.5, "Glc": 1.0, "Gln": 2.5, "Glu": 9.0,
    "Ins": 6.0, "Lac": 0.8, "NAA": 10.0, "NAAG": 1.5, "PCh": 0.6, "PCr": 3.5, "PE": 1.5, "Scyllo": 0.3, "Tau": 1.5,
}  # fmt: skip
BROADER_PER_S = 12.0
CHOLINE_PPM = (3.1, 3.35)


def conditions(data: Path) -> np.ndarray:
    """Noise-free FIDs, ON and OFF. [2, points]"""
    stored = np.load(data / "12_basis_sets" / "megapress_3t_te68_fida_on_off.npz")
    fids = [sum(mm * stored[f"{name}_{one}"] for name, mm in BRAIN_MM.items()) for one in ("ON", "OFF")]
    # FID-A keeps higher ppm at positive frequencies.
    both = np.conj(np.stack(fids)) * np.exp(-BROADER_PER_S * ACQUISITION.time_s(POINTS))
    return (both / np.abs(both[1]).max()).astype(np.complex64)


def source(clean: np.ndarray, shift_hz: float = 20.0, phase_deg: float = 90.0, **changes: float) -> TransientSource:
    """Transients of one condition, offsets and nuisances as in `rat_transients`; `share=0` for none of these."""
    water_hz, lipids_hz = (float(ACQUISITION.ppm_to_hz(ppm)) for ppm in (4.65, 1.3))
    most = np.radians(phase_deg)
    return TransientSource(
        jnp.asarray(clean), ACQUISITION, Uniform(-shift_hz, shift_hz), Uniform(-most, most), NOISE_SD,
        Normal(1.0, 0.1), Normal(1.0, 0.1), unstable(lipids_hz, water_hz=water_hz, **changes),
    )  # fmt: skip


def scan(clean: np.ndarray, count: int, seed: int, **options: float) -> Set:
    """One scan: `count` ON transients, then as many OFF. Fields of `Set` are [2, transients, ...]."""
    run = jax.jit(draw_examples, static_argnums=2)
    made = [run(jax.random.key(2 * seed + k), source(one, **options), count) for k, one in enumerate(clean)]
    fid, z = np.stack([np.asarray(one.fid) for one in made]), np.stack([np.asarray(one.z) for one in made])
    return Set(fid, z[..., 0], z[..., 1], np.ones(z.shape[:2], bool))


def bounds(clean: np.ndarray) -> tuple[float, float]:
    """Cramér-Rao bounds of shift, Hz, and phase, degrees, of one condition, for a known reference."""
    time = ACQUISITION.time_s(POINTS)
    columns = np.stack([2j * np.pi * time * clean, 1j * clean])
    sd = np.sqrt(np.diag(np.linalg.inv((columns.conj() @ columns.T).real / NOISE_SD**2)))
    return float(sd[0]), float(np.degrees(sd[1]))


def choline_artefact(clean: np.ndarray, off_hz: np.ndarray, off_rad: np.ndarray) -> float:
    """What wrong offsets leave in the noise-free difference around choline: largest real part, % of the OFF peak."""
    time = ACQUISITION.time_s(POINTS)
    wrong = clean[:, None] * np.exp(-1j * (2 * np.pi * off_hz[..., None] * time + off_rad[..., None]))
    rest = wrong.mean(axis=1) - clean
    window = ACQUISITION.window(POINTS, CHOLINE_PPM)
    left = np.asarray(spectrum_of(jnp.asarray(rest[0] - rest[1])))[window]
    return float(100 * np.abs(left.real).max() / np.asarray(spectrum_of(jnp.asarray(clean[1])))[window].real.max())
