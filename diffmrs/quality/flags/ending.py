"""Flags about how the fit ended."""

import numpy as np

from diffmrs.fitting import Status
from diffmrs.quality.flags.flag import Flag

NOT_FITTED = Flag(
    "not_fitted",
    severe=True,
    meaning="the spectrum holds NaN, infinity or only zeros and was not fitted",
    raised=lambda e: e.status == Status.INVALID,
    sentence=lambda e, k: "The spectrum holds NaN, infinity or only zeros; it was not fitted.",
)

NOT_CONVERGED = Flag(
    "not_converged",
    severe=True,
    meaning="the fit stopped before it found its optimum",
    raised=lambda e: np.isin(e.status, (Status.STEP_LIMIT, Status.STALLED)),
    sentence=lambda e, k: f"The fit did not converge ({Status(int(e.status[k])).explanation.split(': ')[-1]}).",
)

SHIFT_AT_BOUND = Flag(
    "shift_at_bound",
    severe=True,
    meaning="the frequency shift rests at the largest that was allowed: the lines probably lie elsewhere",
    raised=lambda e: np.array(["frequency_shift_hz" in names for names in e.at_bounds], dtype=bool),
    sentence=lambda e, k: (
        f"The shift of {e.shift_ppm[k]:+.2f} ppm rests at its bound: the lines probably lie elsewhere."
    ),
)
