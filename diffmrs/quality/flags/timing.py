"""Flags about what happens during the FID: eddy currents and echoes that should not be there."""

import numpy as np

from diffmrs.data import ArrayLike
from diffmrs.quality.flags.evidence import Evidence
from diffmrs.quality.flags.flag import Flag

# Of simulated spectra without eddy currents 2; of good ones of the brain, corrected with their water scan, up to 11.
SOME_DRIFT_DEG, MOST_DRIFT_DEG = 4.0, 15.0
SMOOTH = 0.7  # squared steps over squares of the phase: 2 at random, below 0.5 when it wanders slowly
ECHO_PART = 0.05  # of the signal; late residuals of good spectra of the brain reach 0.035
ECHO_RISE = 5.0  # energy of a block over the least before it; in noise the largest of a record stays below 3


def _echo(evidence: Evidence) -> ArrayLike:
    return (evidence.course.echo_part > ECHO_PART) & (evidence.course.echo_rise > ECHO_RISE)


def _wanders(evidence: Evidence, above_deg: float, up_to_deg: float) -> ArrayLike:
    drift = evidence.course.phase_drift_deg
    return (drift > above_deg) & (drift <= up_to_deg) & (evidence.course.phase_roughness < SMOOTH)


EDDY_CURRENTS = Flag(
    "eddy_currents",
    severe=True,
    meaning=f"the phase of all lines together wanders by more than {MOST_DRIFT_DEG:g} degrees during the FID",
    raised=lambda e: _wanders(e, MOST_DRIFT_DEG, np.inf),
    sentence=lambda e, k: (
        f"The phase of all lines together wanders by {e.course.phase_drift_deg[k]:.0f} degrees (root mean square) "
        "during the FID: eddy currents or a drifting field; correct with the water scan (--water, --ecc)."
    ),
)

PHASE_WANDER = Flag(
    "phase_wander",
    severe=False,
    meaning=f"the phase of all lines together wanders by {SOME_DRIFT_DEG:g} to {MOST_DRIFT_DEG:g} degrees in the FID",
    raised=lambda e: _wanders(e, SOME_DRIFT_DEG, MOST_DRIFT_DEG),
    sentence=lambda e, k: (
        f"The phase of all lines together wanders by {e.course.phase_drift_deg[k]:.0f} degrees (root mean square) "
        "during the FID: the lineshape is not that of the model, perhaps by eddy currents (--water, --ecc)."
    ),
)

SPURIOUS_ECHO = Flag(
    "spurious_echo",
    severe=True,
    meaning="a signal foreign to the basis set rises late in the FID: an echo, mostly from outside the voxel",
    raised=_echo,
    sentence=lambda e, k: (
        f"A signal foreign to the basis set rises {1e3 * e.course.echo_s[k]:.0f} ms into the FID "
        f"({100 * e.course.echo_part[k]:.0f} % of the fitted signal): an echo, mostly from outside "
        "the voxel, or lines that the basis set lacks."
    ),
)
