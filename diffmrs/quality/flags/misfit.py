"""Flags about what the fit left over."""

import numpy as np

from diffmrs.data import ArrayLike
from diffmrs.quality.flags.evidence import Evidence
from diffmrs.quality.flags.flag import Flag

# Reduced chi-square. Spectra that the model describes lie between 0.85 and 1.2, as the noise itself is known to a few
# percent only; four standard deviations above 1 is 1.3.
MISFIT_CHI2 = 1.3
UNEXPLAINED = 0.15  # residual above the noise over fitted signal; good spectra of the brain reach 0.10
WHITE_SD = 4.0  # standard deviations below 2 at which the Durbin-Watson number of noise is no longer believed


def _least_durbin_watson(evidence: Evidence) -> float:
    """Of n complex residuals that are noise the number has mean 2 and standard deviation 2 / sqrt(2 n)."""
    return 2 - WHITE_SD * 2 / float(np.sqrt(2 * evidence.n_window))


def _correlated(evidence: Evidence) -> ArrayLike:
    alike = evidence.residual.residual_durbin_watson < _least_durbin_watson(evidence)
    return alike & (evidence.chi2_reduced <= MISFIT_CHI2)


MISFIT = Flag(
    "misfit",
    severe=False,
    meaning=f"the reduced chi-square is above {MISFIT_CHI2:g}: the errors are larger than the Cramér-Rao bounds say",
    raised=lambda e: e.chi2_reduced > MISFIT_CHI2,
    sentence=lambda e, k: (
        f"The residual is {np.sqrt(e.chi2_reduced[k]):.1f} times the noise (reduced chi-square "
        f"{e.chi2_reduced[k]:.3g}): the model leaves signal unexplained, and the errors are larger than the "
        "Cramér-Rao bounds say."
    ),
)

UNEXPLAINED_SIGNAL = Flag(
    "unexplained_signal",
    severe=True,
    meaning=f"the residual above the noise is more than {100 * UNEXPLAINED:g} % of the fitted signal",
    raised=lambda e: (e.residual.unexplained > UNEXPLAINED) & (e.chi2_reduced > MISFIT_CHI2),
    sentence=lambda e, k: (
        f"The model misses signal as strong as {100 * e.residual.unexplained[k]:.0f} % of what it explains: "
        "it does not describe this spectrum."
    ),
)

CORRELATED_RESIDUAL = Flag(
    "correlated_residual",
    severe=False,
    meaning="the residual is small but not noise: neighbouring points resemble each other",
    raised=_correlated,
    sentence=lambda e, k: (
        "The residual is small, but neighbouring points resemble each other (Durbin-Watson number "
        f"{e.residual.residual_durbin_watson[k]:.2f}, 2 for noise): either the model leaves structure unexplained, or "
        "the data were filtered before, and the Cramér-Rao bounds do not hold."
    ),
)
