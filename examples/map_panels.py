"""
Maps of a volume
================

Panels of metabolite and quality maps in radiological convention, with what not to use struck through.

Runs without data: the maps are made up, of a head with a lesion that has lost NAA and gained choline.

Usage: python map_panels.py [FIGURE.png]
"""

import sys

import numpy as np

from diffmrs.panels import map_figure

LESION = (0.35, 0.1, 0.1)  # right is positive: on the left of the picture


def main(figure_path: str = "map_panels.png") -> None:
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (28, 32, 12)), indexing="ij")
    head = (x / 0.85) ** 2 + (y / 0.95) ** 2 + (z / 1.1) ** 2
    mask = head < 1
    lesion = np.exp(-sum((axis - centre) ** 2 for axis, centre in zip((x, y, z), LESION, strict=True)) / 0.03)
    width_hz = 5 + 4 * np.exp(-((y - 0.9) ** 2 + x**2) / 0.1) + 6 * np.clip(-z, 0, 1) ** 3
    snr = 60 / width_hz * (1.2 - 0.5 * head)

    def measured(usual: np.ndarray) -> np.ndarray:
        noisy = usual * (1 + rng.normal(size=mask.shape) / (2 * snr))
        return np.where(mask & (rng.random(mask.shape) > 0.01), noisy, np.nan)

    severe = mask & ((width_hz > 10.5) | (head > 0.96))
    care = mask & ((width_hz > 8) | (head > 0.9))
    naa, cho = measured(11 * (1 - 0.7 * lesion)), measured(1.8 * (1 + 1.2 * lesion))
    maps = {
        "tNAA": naa,
        "tCho": cho,
        "tCho/tNAA": cho / naa,
        "linewidth": measured(width_hz),
        "trust": np.where(severe, 2.0, np.where(care, 1.0, 0.0)),
    }
    figure = map_figure(
        maps,
        mask,
        units={"tNAA": "mM", "tCho": "mM", "linewidth": "Hz"},
        labels={"trust": ("no flag", "with care", "do not use")},
        marked=severe,
        affine=np.array([[6.0, 0, 0, -84], [0, 6.0, 0, -96], [0, 0, 10.0, -60], [0, 0, 0, 1]]),
        title="A made-up head with a lesion",
    )
    figure.savefig(figure_path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
