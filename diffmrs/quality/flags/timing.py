"""Flags about what happens during the FID: eddy currents and echoes that should not be there."""

from diffmrs.data import ArrayLike
from diffmrs.quality.flags.evidence import Evidence
from diffmrs.quality.flags.flag import Flag

MOST_DRIFT_DEG = 15.0  # good spectra of the brain, corrected with their water scan, reach 11
SMOOTH = 0.7  # squared steps over squares of the phase: 2 at random, below 0.5 when it wanders slowly
ECHO_PART = 0.05  # of the signal; late residuals of good spectra of the brain reach 0.035
ECHO_RISE = 5.0  # energy of a block over the least before it; in noise the largest of a record stays below 3


def _echo(evidence: Evidence) -> ArrayLike:
    return (evidence.course.echo_part > ECHO_PART) & (evidence.course.echo_rise > ECHO_RISE)


def _eddy(evidence: Evidence) -> ArrayLike:
    return (evidence.course.phase_drift_deg > MOST_DRIFT_DEG) & (evidence.course.phase_roughness < SMOOTH)


EDDY_CURRENTS = Flag(
    "eddy_currents",
    severe=True,
    meaning=f"the phase of all lines together wanders by more than {MOST_DRIFT_DEG:g} degrees during the FID",
    raised=_eddy,
    sentence=lambda e, k: (
        f"The phase of all lines together wanders by {e.course.phase_drift_deg[k]:.0f} degrees (root mean square) "
        "during the FID: eddy currents or a drifting field; correct with the water scan (--water, --ecc)."
    ),
)

SPURIOUS_ECHO = Flag(
    "spurious_echo",
    severe=True,
    meaning="a signal foreign to the basis set rises late in the FID: an echo, mostly from outside the voxel",
    raised=_echo,
    sentence=lambda e, k: (
        f"A signal foreign to the basis set rises {1e3 * e.course.echo_s[k]:.0f} ms into the FID "
        f"({100 * e.course.echo_part[k]:.0f} % of the fitted signal): a spurious echo, mostly from outside the voxel."
    ),
)
