"""Alignment and lipid suppression of spectroscopic images against known truth.

Spectra are those of the demo: 15 metabolites and 5 macromolecules at 3 T, lines of 4 Hz. Alignment: 400 spectra with
shifts to 15 Hz and all phases, and their Cramér-Rao bounds. Lipids: a slice of 24 x 24 voxels from the centre of its
k-space, without a filter, a brain in a field of 6 Hz within a ring of fat; amplitudes by linear least squares, with
width, shift and phase of each voxel known and a polynomial of order 6 under the members, against those without lipids
and noise.

    python benchmarks/mrsi_preprocessing.py [--out DIR]
"""

import argparse
from pathlib import Path

import numpy as np
from common import HERE, write_json

from diffmrs.data import MRSData
from diffmrs.demo import ACQUISITION, CONCENTRATIONS_MM, MACROMOLECULES_MM, demo_basis
from diffmrs.preprocess import (
    align_voxels,
    apply_lipid_operator,
    line_loss,
    lipid_mask_from_data,
    lipid_operator,
    mask_from_data,
)

BASIS = demo_basis()
TIME, PPM = BASIS.time_s, BASIS.ppm
AMOUNTS = np.array([(CONCENTRATIONS_MM | MACROMOLECULES_MM)[name] for name in BASIS.names])
WIDTH = np.exp(-4 * np.pi * TIME)
SHAPES = np.asarray(BASIS.fid, complex) * WIDTH
BRAIN = AMOUNTS @ SHAPES
SUMS = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCho"), "Ins": ("Ins",), "Lac": ("Lac",)}
FAT = ((0.9, 3.0), (1.3, 12.0), (1.6, 1.0), (2.03, 1.5), (2.25, 1.0), (2.75, 0.4), (5.3, 0.8))  # ppm, protons
FINE, VOXELS, FIELD_HZ = 72, 24, 6.0


def spectra_of(fid: np.ndarray) -> np.ndarray:
    halved = np.concatenate([0.5 * fid[..., :1], fid[..., 1:]], axis=-1)
    return np.fft.fftshift(np.fft.fft(halved, axis=-1), axes=-1)


def noise_like(fid: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    return sd * (rng.normal(size=fid.shape) + 1j * rng.normal(size=fid.shape))


def alignment(snr: float, water: float = 0.0, lipids: float = 0.0, count: int = 400) -> dict[str, float]:
    """Errors of shift and phase, less what is common to all spectra; `water` and `lipids` in heights of NAA."""
    rng = np.random.default_rng(0)
    shift, phase = rng.uniform(-15, 15, count), rng.uniform(-np.pi, np.pi, count)
    height = spectra_of(BRAIN).real.max()
    fid = BRAIN * np.exp(1j * (2 * np.pi * shift[:, None] * TIME + phase[:, None]))
    for size, ppm, width_hz in ((water, 4.65, 7.0), (lipids, 1.3, 30.0)):
        hz = ACQUISITION.ppm_to_hz(ppm) + rng.normal(0, 4, count)
        turn = phase if ppm < 4 else rng.uniform(-np.pi, np.pi, count)
        line = np.exp((2j * np.pi * hz[:, None] - np.pi * width_hz) * TIME + 1j * turn[:, None])
        fid = fid + size * height * np.pi * width_hz * ACQUISITION.dwell_time_s * line
    fid = fid + noise_like(fid, height / snr / np.sqrt(TIME.size), rng)
    mask = np.ones((count, 1, 1), bool)
    aligned = align_voxels(MRSData(fid.reshape(count, 1, 1, -1), ACQUISITION), mask)
    found = aligned.likeness.ravel() > 0
    turns = np.exp(1j * (aligned.phase_rad.ravel() - phase))[found]
    off_hz, off_rad = (aligned.shift_hz.ravel() - shift)[found], np.angle(turns * np.conj(turns.mean()))
    off_hz = off_hz - np.median(off_hz)
    near = np.abs(off_hz) < 5
    inside = (PPM > 1.8) & (PPM < 4.2)
    smooth = np.polynomial.legendre.legvander(np.linspace(-1, 1, inside.sum()), 6).T
    slopes = [spectra_of(x)[inside] for x in (2j * np.pi * TIME * BRAIN, 1j * BRAIN, BRAIN)]
    bounds = []
    for columns in (slopes, [*slopes, *smooth, *(1j * smooth)]):
        jacobian = np.array([np.concatenate([c.real, c.imag]) for c in columns]) * snr / height
        bounds.append(np.sqrt(np.diag(np.linalg.inv(jacobian @ jacobian.T)))[:2])
    return {
        "snr": snr, "water": water, "lipids": lipids,
        "shift_error_hz": float(np.sqrt(np.mean(off_hz[near] ** 2))), "shift_bound_hz": float(bounds[1][0]),
        "shift_bound_without_polynomial_hz": float(bounds[0][0]),
        "phase_error_rad": float(np.sqrt(np.mean(off_rad[near] ** 2))), "phase_bound_rad": float(bounds[1][1]),
        "phase_bound_without_polynomial_rad": float(bounds[0][1]),
        "not_found": float(1 - found.mean()), "beyond_5_hz": float(1 - near.mean()),
    }  # fmt: skip


def head(fat_scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """FIDs of metabolites and of lipids, [x, y, 1, points], and the field at the voxels, Hz, [x, y, 1]."""
    rng = np.random.default_rng(0)
    edge = (np.arange(FINE) + 0.5) / (FINE / 2) - 1
    x, y = np.meshgrid(edge, edge, indexing="ij")
    radius = np.hypot(x / 0.8, y / 0.9)
    field = FIELD_HZ * np.cos(2 * x + 1) * np.sin(2 * y)
    inside = np.where((radius < 0.82)[..., None], BRAIN * np.exp(2j * np.pi * field[..., None] * TIME), 0)
    outside = np.zeros_like(inside)
    for voxel in map(tuple, np.argwhere((radius > 0.93) & (radius < 1.05))):
        common_hz, strength = 15 * np.sin(3 * x[voxel]), rng.uniform(0.3, 1.5) * np.exp(1j * y[voxel])
        for ppm, protons in FAT:
            rate = 2j * (ACQUISITION.ppm_to_hz(ppm) + common_hz) - 25 * rng.uniform(0.7, 1.5)
            outside[voxel] += fat_scale * strength * protons * np.exp(rate * np.pi * TIME)
    coarse = field.reshape(VOXELS, FINE // VOXELS, VOXELS, FINE // VOXELS).mean(axis=(1, 3))
    return *(_measured(picture) for picture in (inside, outside)), coarse[..., None]


def _measured(picture: np.ndarray) -> np.ndarray:
    kept = slice((FINE - VOXELS) // 2, (FINE + VOXELS) // 2)
    k_space = np.fft.fftshift(np.fft.fft2(picture, axes=(0, 1)), axes=(0, 1))[kept, kept]
    image = np.fft.ifft2(np.fft.ifftshift(k_space, axes=(0, 1)), axes=(0, 1)) * (VOXELS / FINE) ** 2
    return image[:, :, None]


def amounts(fid: np.ndarray, shapes: np.ndarray, field_hz: np.ndarray) -> np.ndarray:
    """Least squares in each voxel. [voxels, sums]"""
    inside = (PPM > 0.6) & (PPM < 4.1)
    smooth = np.polynomial.legendre.legvander(np.linspace(-1, 1, inside.sum()), 6).T * np.abs(shapes).sum(axis=1).max()
    found = []
    for one, hz in zip(fid, field_hz, strict=True):
        members = spectra_of(shapes * np.exp(2j * np.pi * hz * TIME))[:, inside]
        columns = np.concatenate([members, smooth, 1j * smooth])
        seen = spectra_of(one)[inside]
        both = [np.concatenate([a.real, a.imag], axis=-1).T for a in (columns, seen)]
        found.append(np.linalg.lstsq(*both, rcond=None)[0][: len(shapes)])
    rows = [[BASIS.index(name) for name in names] for names in SUMS.values()]
    return np.stack([np.array(found)[:, row].sum(axis=1) for row in rows], axis=1)


def lipids(fat_scale: float) -> dict[str, object]:
    """Errors of amounts with nothing done, and after suppression with three ways to treat the basis."""
    metabolites, fat, field = head(fat_scale)
    fid = metabolites + fat + noise_like(fat, 2.4, np.random.default_rng(1))
    data = MRSData(fid.astype(np.complex64), ACQUISITION)
    skull = lipid_mask_from_data(data)
    operator = lipid_operator(data, skull)
    clean = np.asarray(apply_lipid_operator(data.fid, operator))
    brain = mask_from_data(data.with_fid(clean)) & ~skull
    band = (PPM > 0.8) & (PPM < 1.85)
    strength = [np.sqrt((np.abs(spectra_of(x[brain])[:, band]) ** 2).mean(axis=1)) for x in (fat, metabolites)]
    left = np.asarray(apply_lipid_operator(fat[brain], operator))
    edge = strength[0] >= np.percentile(strength[0], 80)
    truth = amounts(metabolites[brain], SHAPES, field[brain])
    narrow = np.asarray(apply_lipid_operator(SHAPES / WIDTH, operator)) * WIDTH
    ways = {
        "nothing done": (data.fid, SHAPES),
        "basis as it was": (clean, SHAPES),
        "basis through the operator": (clean, np.asarray(apply_lipid_operator(SHAPES, operator))),
        "basis of no width through the operator": (clean, narrow),
    }
    errors = {}
    for way, (fids, shapes) in ways.items():
        off = 100 * (amounts(np.asarray(fids)[brain], shapes, field[brain]) / truth - 1)
        both = np.median(off, axis=0), np.sqrt((off[edge] ** 2).mean(axis=0))
        errors[way] = {name: [float(part[k]) for part in both] for k, name in enumerate(SUMS)}
    over = strength[0] / strength[1]
    still = np.sqrt((np.abs(spectra_of(left)[:, band]) ** 2).mean())
    loss = line_loss(operator, (2.008, 3.027, 3.21, 1.31))
    return {
        "fat_scale": fat_scale,
        "beta": operator.beta,
        "rank": operator.rank,
        "brain_voxels": int(brain.sum()),
        "lipids_over_metabolites_median_and_p95": [float(np.percentile(over, p)) for p in (50, 95)],
        "reduction": float(np.sqrt((strength[0] ** 2).mean()) / still),
        "loss": dict(zip(("NAA", "Cr", "Cho", "Lac"), map(float, loss), strict=True)),
        "error_percent_median_and_edge_rms": errors,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    out = parser.parse_args().out
    rows = [alignment(snr) for snr in (3.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)]
    rows += [alignment(40.0, *more) for more in ((20.0, 0.0), (100.0, 0.0), (0.0, 1.0), (0.0, 3.0))]
    slices = [lipids(scale) for scale in (30.0, 200.0, 600.0)]
    for row in [*rows, *slices]:
        print(row)
    write_json(out / "mrsi_preprocessing.json", {"alignment": rows, "lipids": slices})


if __name__ == "__main__":
    main()
