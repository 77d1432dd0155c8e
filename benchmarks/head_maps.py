"""Maps of a synthetic head with a tumour-like lesion, fitted and true, on the same scales: the figure of the README.

    python benchmarks/head_maps.py [--priors ratios|weak|none] [--size 64]

Writes `docs/images/head_maps.png` and prints the errors in healthy tissue and in the lesion.
"""

import argparse
from pathlib import Path

import jax
import numpy as np
from common import use_all_cores

use_all_cores()

from matplotlib.figure import Figure  # noqa: E402
from mrsi_speed import HERE, metabolites_and_mm  # noqa: E402

from diffmrs.simulate import simulate_head  # noqa: E402
from diffmrs.volume import fit_volume  # noqa: E402

MAPS = {
    "tNAA": ("NAA", "NAAG"),
    "tCr": ("Cr", "PCr"),
    "tCho": ("GPC", "PCho"),
    "Ins": ("Ins",),
    "Glx": ("Glu", "Gln"),
    "Lac": ("Lac",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--priors", default="weak", help="default %(default)s")
    parser.add_argument("--size", type=int, default=64, help="voxels across (default %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "images" / "head_maps.png")
    options = parser.parse_args()
    head = simulate_head(jax.random.key(3), metabolites_and_mm(), (options.size, options.size, 1), snr=30.0)
    volume = fit_volume(head.data, head.basis, mask=head.mask, priors=options.priors, progress=True)
    rows = []
    for name, members in MAPS.items():
        fitted = volume.map(name)[:, :, 0]
        true = np.where(head.mask, head.concentration_mm(*members), np.nan)[:, :, 0]
        rows.append((name, "mM", fitted, true))
    pairs = zip(rows[2][2:], rows[0][2:], strict=True)
    rows.insert(3, ("tCho/tNAA", "", *(np.where(naa > 0.3, cho / np.maximum(naa, 0.3), np.nan) for cho, naa in pairs)))
    lesion = (head.tissue.tumour > 0.7)[:, :, 0]
    healthy = (head.mask & (head.tissue.gm + head.tissue.wm > 0.8))[:, :, 0]
    for name, _, fitted, true in rows:
        for where, inside in (("healthy", healthy), ("lesion", lesion)):
            means = np.nanmean(true[inside]), np.nanmean(fitted[inside])
            rmse = np.sqrt(np.nanmean((fitted - true)[inside] ** 2))
            print(f"{name:10s} {where:8s} true {means[0]:6.2f} fitted {means[1]:6.2f} rmse {rmse:.2f}")
    draw(rows, head.mask[:, :, 0]).savefig(options.out, dpi=110)


def draw(rows: list, mask: np.ndarray) -> Figure:
    """Fitted above, truth below; seen from the feet, the patient's right on the left."""
    figure = Figure(figsize=(1.55 * len(rows), 4.7), layout="constrained", facecolor="black")
    panels = figure.subplots(2, len(rows))
    along, across = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    cut = (slice(along[0] - 1, along[-1] + 2), slice(across[0] - 1, across[-1] + 2))
    for column, (name, unit, fitted, true) in enumerate(rows):
        top = float(np.nanpercentile(true, 99.5))
        for axes, values in zip(panels[:, column], (fitted, true), strict=True):
            seen = values[cut][::-1].T
            colours = axes.imshow(seen, origin="lower", cmap="inferno", vmin=0, vmax=top, interpolation="nearest")
            axes.set_facecolor("black")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        panels[0, column].set_title(name, color="white", fontsize=10)
        bar = figure.colorbar(colours, ax=panels[:, column], orientation="horizontal", shrink=0.85, aspect=14, pad=0.02)
        bar.ax.tick_params(colors="white", labelsize=7)
        bar.outline.set_visible(False)
        bar.set_label(unit or "ratio", color="white", fontsize=8)
    for axes, text in zip(panels[:, 0], ("fitted", "truth"), strict=True):
        axes.set_ylabel(text, color="white", fontsize=10)
    return figure


if __name__ == "__main__":
    main()
