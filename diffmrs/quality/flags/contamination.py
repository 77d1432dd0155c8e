"""Flags about strong signals that do not belong to the metabolites: residual water and lipids."""

import numpy as np

from diffmrs.data import ArrayLike
from diffmrs.quality.flags.evidence import Evidence
from diffmrs.quality.flags.flag import Flag

MOST_WATER = 5.0  # times the tallest metabolite; the default fit bears 3, and loses its way at 15
MOST_LIPIDS = 0.6  # of the tallest metabolite; macromolecules and lactate of a healthy brain reach 0.45


def _water(evidence: Evidence) -> ArrayLike:
    return evidence.lines.water / np.maximum(evidence.lines.metabolites, 1e-30)


def _lipids(evidence: Evidence) -> ArrayLike:
    return evidence.lines.lipids / np.maximum(evidence.lines.metabolites, 1e-30)


RESIDUAL_WATER = Flag(
    "residual_water",
    severe=True,
    meaning=f"the water line stands more than {MOST_WATER:g} times as high as the tallest metabolite",
    raised=lambda e: _water(e) > MOST_WATER,
    sentence=lambda e, k: (
        f"The residual water line stands {_water(e)[k]:.0f} times as high as the tallest metabolite, and its tail "
        "reaches into the fit: remove it first (--remove-water)."
    ),
)

LIPIDS = Flag(
    "lipids",
    severe=True,
    meaning=f"the signal of 0.8 to 1.8 ppm stands above {MOST_LIPIDS:g} of the tallest metabolite: lipids or lactate",
    raised=lambda e: (_lipids(e) > MOST_LIPIDS) & (e.snr >= 4.0),
    sentence=lambda e, k: (
        f"The signal between 0.8 and 1.8 ppm stands {_lipids(e)[k]:.1f} times as high as the tallest metabolite: "
        "lipids (from the scalp, or of a lesion) or lactate; what lies beneath and beside it is uncertain."
    ),
)
