"""Flags about the chemical-shift axis: moved, or the wrong way round."""

import numpy as np

from diffmrs.data import ArrayLike
from diffmrs.quality.flags.evidence import Evidence
from diffmrs.quality.flags.flag import Flag

# Part of the signal between 1.8 and 3.4 ppm that three equally high singlets explain: 0.6 to 0.75 in good spectra of
# the brain, below 0.4 anywhere else along them and in noise.
GOOD_MATCH = 0.4
BETTER_BY = 0.2
SURE_SNR = 6.0  # matched signal over noise; at 4 noise alone matches once in ten thousand records
FAR_PPM = 0.1  # temperature moves water by 0.01 ppm per kelvin: more than this is another convention or a phantom


def _axis_off(evidence: Evidence) -> ArrayLike:
    match = evidence.match
    return (match.best > np.maximum(match.fitted + BETTER_BY, GOOD_MATCH)) & (match.best_snr > SURE_SNR)


def _conjugated(evidence: Evidence) -> ArrayLike:
    match = evidence.match
    other = np.maximum(match.fitted, match.best)
    return (match.mirrored > np.maximum(other + BETTER_BY, GOOD_MATCH)) & (match.best_snr > SURE_SNR)


AXIS_OFF = Flag(
    "axis_off",
    severe=True,
    meaning="NAA, creatine and choline lie elsewhere than where the fit put them: the ppm axis is off, or the fit lost",
    raised=lambda e: _axis_off(e) & ~_conjugated(e),
    sentence=lambda e, k: (
        f"NAA, creatine and choline match the data at a shift of {e.match.best_ppm[k]:+.2f} ppm, but the fit shifted "
        f"by {e.shift_ppm[k]:+.2f} ppm: either the ppm axis is off, or something stronger misled the fit."
    ),
)

AXIS_SHIFTED = Flag(
    "axis_shifted",
    severe=False,
    meaning=f"the fit moved the spectrum by more than {FAR_PPM:g} ppm",
    raised=lambda e: np.abs(e.shift_ppm) > FAR_PPM,
    sentence=lambda e, k: (
        f"The fit moved the spectrum by {e.shift_ppm[k]:+.2f} ppm: check the ppm reference of data and basis set."
    ),
)

CONJUGATED = Flag(
    "conjugated",
    severe=True,
    meaning="the mirror image of the spectrum matches NAA, creatine and choline, the spectrum does not",
    raised=_conjugated,
    sentence=lambda e, k: (
        "The mirror image of the spectrum matches NAA, creatine and choline, the spectrum does not: the data are "
        "probably stored with the opposite sign of frequency (conjugated)."
    ),
)
