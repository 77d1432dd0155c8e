"""All flags of all spectra."""

from dataclasses import dataclass

import numpy as np

from diffmrs.quality.flags.axis import AXIS_OFF, AXIS_SHIFTED, CONJUGATED
from diffmrs.quality.flags.contamination import LIPIDS, RESIDUAL_WATER, SOME_LIPIDS_FLAG, WATER_TAIL
from diffmrs.quality.flags.ending import NOT_CONVERGED, NOT_FITTED, SHIFT_AT_BOUND
from diffmrs.quality.flags.evidence import Evidence
from diffmrs.quality.flags.flag import Flag
from diffmrs.quality.flags.misfit import CORRELATED_RESIDUAL, MISFIT, UNEXPLAINED_SIGNAL
from diffmrs.quality.flags.receiver import CLIPPED, SPIKE
from diffmrs.quality.flags.signal import BROAD_LINES, NO_SIGNAL, ZERO_WIDTH
from diffmrs.quality.flags.timing import EDDY_CURRENTS, PHASE_WANDER, SPURIOUS_ECHO

# The order is that of the bits in the map `flags.nii.gz`: append, never reorder.
FLAGS: tuple[Flag, ...] = (
    NOT_FITTED,
    NOT_CONVERGED,
    NO_SIGNAL,
    ZERO_WIDTH,
    SHIFT_AT_BOUND,
    AXIS_OFF,
    CONJUGATED,
    RESIDUAL_WATER,
    LIPIDS,
    SPURIOUS_ECHO,
    EDDY_CURRENTS,
    CLIPPED,
    SPIKE,
    UNEXPLAINED_SIGNAL,
    MISFIT,
    BROAD_LINES,
    AXIS_SHIFTED,
    WATER_TAIL,
    SOME_LIPIDS_FLAG,
    PHASE_WANDER,
    CORRELATED_RESIDUAL,
)


# What shows in the residual is not worth a flag of its own when its cause is known from the data.
_LOST = (NO_SIGNAL, AXIS_OFF, CONJUGATED, RESIDUAL_WATER)
_EXPLAINED_BY: dict[Flag, tuple[Flag, ...]] = {
    LIPIDS: (NO_SIGNAL,),
    SOME_LIPIDS_FLAG: (NO_SIGNAL,),
    WATER_TAIL: (NO_SIGNAL,),
    SPURIOUS_ECHO: _LOST,
    EDDY_CURRENTS: (*_LOST, LIPIDS, SPURIOUS_ECHO),
    PHASE_WANDER: (*_LOST, LIPIDS, SPURIOUS_ECHO),
    BROAD_LINES: _LOST,
    CORRELATED_RESIDUAL: _LOST,
    AXIS_SHIFTED: (*_LOST, SHIFT_AT_BOUND),
}


@dataclass(frozen=True)
class Flags:
    """Which flags are raised for which spectrum.

    Attributes:
        raised: in the order of `FLAGS`. [spectra, flags]
        evidence: what they rest on; None where it was not kept, as for the spectra of a volume.
    """

    raised: np.ndarray
    evidence: Evidence | None

    @property
    def severe(self) -> np.ndarray:
        """Spectra with at least one severe flag. [spectra]"""
        return np.asarray(self.raised[:, [flag.severe for flag in FLAGS]].any(axis=1))

    def names(self, index: int) -> tuple[str, ...]:
        """Names of the flags of one spectrum, severe ones first."""
        return tuple(flag.name for flag in self._of(index))

    def sentences(self, index: int, *, severe: bool | None = None) -> tuple[str, ...]:
        """What the flags say of one spectrum, in words; only the severe ones, or only the others, when asked.

        With the spectrum's own numbers where the evidence was kept, else what they say of any spectrum.
        """
        chosen = (flag for flag in self._of(index) if severe is None or flag.severe == severe)
        evidence = self.evidence
        return tuple(flag.meaning if evidence is None else flag.sentence(evidence, index) for flag in chosen)

    def counts(self) -> dict[str, int]:
        """How many spectra each flag is raised for, flags without any left out."""
        totals = self.raised.sum(axis=0)
        return {flag.name: int(n) for flag, n in zip(FLAGS, totals, strict=True) if n}

    def bit_mask(self) -> np.ndarray:
        """One number per spectrum: the sum of 2 to the power of each raised flag's place in `FLAGS`. [spectra]"""
        return np.asarray(self.raised @ (1 << np.arange(len(FLAGS))))

    def _of(self, index: int) -> list[Flag]:
        return [flag for flag, on in zip(FLAGS, self.raised[index], strict=True) if on]


def judge(evidence: Evidence) -> Flags:
    """Raise the flags that the evidence calls for.

    A spectrum that was not fitted has no flag but that, and a flag whose cause has one of its own stays down.
    """
    with np.errstate(invalid="ignore"):
        raised = np.stack([np.asarray(flag.raised(evidence), dtype=bool) for flag in FLAGS], axis=1)
    for flag, causes in _EXPLAINED_BY.items():
        raised[:, FLAGS.index(flag)] &= ~raised[:, [FLAGS.index(cause) for cause in causes]].any(axis=1)
    unfitted = raised[:, FLAGS.index(NOT_FITTED)]
    raised[unfitted] = [flag is NOT_FITTED for flag in FLAGS]
    return Flags(raised, evidence)
