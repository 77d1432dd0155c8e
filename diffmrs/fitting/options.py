"""What a user may choose about the model of a fit, in one place for the command line, the pipeline and the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diffmrs.model.baseline import Baseline, SplineBaseline
from diffmrs.model.shape import VOIGT, Lineshape
from diffmrs.priors.constraints import Constraint

DEFAULT_BASELINE = SplineBaseline()
DEFAULT_PRIORS = "ratios"


@dataclass(frozen=True)
class ModelOptions:
    """Choices about the model.

    Attributes:
        baseline: the baseline functions.
        priors: name of a ready set of soft constraints, or constraints and names of sets.
        priors_source: what to call the constraints in a report, when they are not a ready set.
        lineshape: Voigt lines, and what may be added to them.
        noise_scale: regions in which noise counts for more or less: lower and upper ppm, factor.
        inflate: whether uncertainties grow where the residual is larger than the noise.
    """

    baseline: Baseline = DEFAULT_BASELINE
    priors: str | Sequence[str | Constraint] = DEFAULT_PRIORS
    priors_source: str = ""
    lineshape: Lineshape = VOIGT
    noise_scale: tuple[tuple[float, float, float], ...] = ()
    inflate: bool = False

    @property
    def keywords(self) -> dict[str, Any]:
        """As arguments of `diffmrs.fit`."""
        return {
            "baseline": self.baseline,
            "priors": self.priors,
            "lineshape": self.lineshape,
            "noise_scale": self.noise_scale,
            "inflate": self.inflate,
        }

    @property
    def in_words(self) -> dict[str, str]:
        """For a report."""
        words = {
            "baseline": self.baseline.in_words,
            "line shape": self.lineshape.in_words,
            "soft constraints": f"set {self.priors}" if isinstance(self.priors, str) else self.priors_source,
            "uncertainty": "posterior standard deviation (Laplace), all other parameters unknown; "
            + ("grown by the residual over the noise" if self.inflate else "noise measured in the data"),
        }
        if self.noise_scale:
            words["noise"] = ", ".join(f"x {f:g} from {low:g} to {high:g} ppm" for low, high, f in self.noise_scale)
        return words
