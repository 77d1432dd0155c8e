"""A fitted volume made up for tests of what is shown of it: known numbers, no fit."""

import numpy as np

from diffmrs.panels import SpectrumMap, VolumeContent, VoxelCurves
from diffmrs.results import Layout

NAMES = ("tCr", "tNAA", "Cr", "NAA")


def layout(space=(5, 4, 3), extra=(), everywhere=False) -> Layout:
    """All voxels but those of x = 0."""
    count = int(np.prod(space)) * int(np.prod(extra, dtype=int))
    rows = np.arange(count)
    return Layout(space, extra, rows if everywhere else rows[count // space[0] :])


def curves(rows: np.ndarray, points: int = 40) -> VoxelCurves:
    rng = np.random.default_rng(1)
    ppm = np.linspace(4.2, 0.5, points)
    fit = np.exp(-(((ppm - 2) / 0.1) ** 2))[None] * rng.uniform(1, 9, (rows.size, 1))
    baseline = 0.1 * np.cos(ppm)[None] * np.ones((rows.size, 1))
    data = fit + baseline + 0.05 * rng.normal(size=fit.shape)
    return VoxelCurves(ppm, *(part.astype(np.float32) for part in (data, fit + baseline, baseline)), rows)


def content(space=(5, 4, 3), extra=(), *, n_curves=None, points=40, names=NAMES, everywhere=False) -> VolumeContent:
    where = layout(space, extra, everywhere)
    count = where.rows.size
    rng = np.random.default_rng(0)
    amplitude, bound = rng.uniform(1, 9, (count, len(names))), rng.uniform(2, 60, (count, len(names)))
    flags = np.where(np.arange(count) % 7 == 3, 1 << 2, 0)  # no_signal
    return VolumeContent(
        layout=where,
        maps=(
            SpectrumMap("tNAA", "mM", "total NAA", amplitude[:, 1]),
            SpectrumMap("SNR", "", "signal to noise", np.where(flags, np.nan, 20 + amplitude[:, 0])),
            SpectrumMap("trust", "", "whether to use it", np.where(flags, 2.0, 0.0), ("yes", "with care", "no")),
        ),
        names=names,
        n_sums=2,
        numbers={"amplitude": amplitude, "crlb_percent": bound},
        flags=flags,
        marked=flags > 0,
        status=["converged"] * count,
        curves=curves(np.arange(count if n_curves is None else n_curves), points),
    )
