"""Flags about strong signals that do not belong to the metabolites: residual water and lipids."""

import numpy as np

from diffmrs.data import ArrayLike
from diffmrs.quality.flags.evidence import Evidence
from diffmrs.quality.flags.flag import Flag
from diffmrs.quality.flags.signal import LEAST_SNR

# Water over the tallest metabolite: after removal 0.1; its tail biases the fit from 1 on; at 15 the fit is lost.
SOME_WATER, MOST_WATER = 0.5, 5.0
# Lipids over the tallest metabolite: macromolecules and lactate of a healthy brain reach 0.3.
SOME_LIPIDS, MOST_LIPIDS = 0.4, 0.6


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

WATER_TAIL = Flag(
    "water_tail",
    severe=False,
    meaning=f"residual water, {SOME_WATER:g} to {MOST_WATER:g} times as high as the tallest metabolite",
    raised=lambda e: (_water(e) > SOME_WATER) & (_water(e) <= MOST_WATER) & (e.snr >= LEAST_SNR),
    sentence=lambda e, k: (
        f"The residual water line stands {_water(e)[k]:.1f} times as high as the tallest metabolite: its tail may "
        "bias what lies near it; it can be removed first (--remove-water)."
    ),
)

LIPIDS = Flag(
    "lipids",
    severe=True,
    meaning=f"the signal of 0.8 to 1.8 ppm stands above {MOST_LIPIDS:g} of the tallest metabolite: lipids or lactate",
    raised=lambda e: (_lipids(e) > MOST_LIPIDS) & (e.snr >= LEAST_SNR),
    sentence=lambda e, k: (
        f"The signal between 0.8 and 1.8 ppm stands {_lipids(e)[k]:.1f} times as high as the tallest metabolite: "
        "lipids (from the scalp, or of a lesion) or lactate; what lies beneath and beside it is uncertain."
    ),
)

SOME_LIPIDS_FLAG = Flag(
    "some_lipids",
    severe=False,
    meaning=f"the signal of 0.8 to 1.8 ppm stands at {SOME_LIPIDS:g} to {MOST_LIPIDS:g} of the tallest metabolite",
    raised=lambda e: (_lipids(e) > SOME_LIPIDS) & (_lipids(e) <= MOST_LIPIDS) & (e.snr >= LEAST_SNR),
    sentence=lambda e, k: (
        f"The signal between 0.8 and 1.8 ppm stands at {_lipids(e)[k]:.2f} of the tallest metabolite, more than "
        "macromolecules account for: probably some lipids."
    ),
)
