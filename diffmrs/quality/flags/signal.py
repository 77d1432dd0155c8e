"""Flags about whether there is a signal at all, and lines of a believable width."""

import numpy as np

from diffmrs.quality.flags.evidence import Evidence
from diffmrs.quality.flags.flag import Flag

# A fit of pure noise has lines of about 2 standard deviations (20 members, 14 records); the landmarks, moved to where
# they match best, reach 3.6 in one of ten thousand.
LEAST_SNR = 4.0
# An undamped line in a record of length T is 1.21 / T wide (transform of a box): half of that is no line.
LEAST_WIDTH_RECORDS = 0.6
LEAST_ADDED_HZ = 0.1  # tissue and shim always add more; at zero the data may be narrower than the basis
BROAD_PPM = 0.1  # above it, spectra of the brain are rejected by common practice (Kreis 2004, NMR Biomed 17:361)


def _no_signal(evidence: Evidence) -> np.ndarray:
    return (evidence.snr < LEAST_SNR) | (evidence.match.best_snr < LEAST_SNR)


def _zero_width(evidence: Evidence) -> np.ndarray:
    least_hz = LEAST_WIDTH_RECORDS / evidence.duration_s
    return (evidence.linewidth_hz < least_hz) | (evidence.added_width_hz < LEAST_ADDED_HZ)


NO_SIGNAL = Flag(
    "no_signal",
    severe=True,
    meaning=f"nothing stands clearly above the noise (less than {LEAST_SNR:g} standard deviations)",
    raised=_no_signal,
    sentence=lambda e, k: (
        "Nothing stands clearly above the noise: "
        f"{'the fitted lines' if e.snr[k] < LEAST_SNR else 'NAA, creatine and choline'} reach "
        f"{min(e.snr[k], np.nan_to_num(e.match.best_snr[k], nan=np.inf)):.1f} times its standard deviation."
    ),
)

ZERO_WIDTH = Flag(
    "zero_width",
    severe=True,
    meaning="the fitted lines are not wider than those of the basis set, or narrower than the record can show",
    raised=_zero_width,
    sentence=lambda e, k: (
        f"The fitted linewidth is {e.linewidth_hz[k]:.2f} Hz, of which the fit added {e.added_width_hz[k]:.2f} Hz to "
        "the basis set: these may be spikes, or data narrower than the basis, and the amplitudes are then wrong."
    ),
)

BROAD_LINES = Flag(
    "broad_lines",
    severe=False,
    meaning=f"the lines are wider than {BROAD_PPM:g} ppm (1H): neighbours can no longer be told apart",
    raised=lambda e: (e.linewidth_ppm > BROAD_PPM) & (e.nucleus == "1H"),
    sentence=lambda e, k: (
        f"The lines are {e.linewidth_ppm[k]:.2f} ppm ({e.linewidth_hz[k]:.1f} Hz) wide; above {BROAD_PPM:g} ppm "
        "neighbouring metabolites can no longer be told apart."
    ),
)
