"""Soft constraints as a user writes them: which quantity, its mean and standard deviation, and who says so."""

from dataclasses import dataclass

from diffmrs.errors import InputError

SIDES = ("both", "below", "above")
WIDTHS_AND_SHIFTS = ("lorentzian_fwhm_hz", "frequency_shift_hz", "gaussian_variance_hz2", "third_moment_hz3")
SCALARS = ("phase0_rad", "delay_s")
SHIFT_IN_PPM = "frequency_shift_ppm"  # turned into Hz when the acquisition is known; positive is to higher ppm

Weights = tuple[tuple[str, float], ...]  # name of a basis member and its weight


@dataclass(frozen=True)
class RatioPrior:
    """A ratio of amplitudes that is expected near a mean.

    Attributes:
        numerator: members and their weights.
        denominator: members and their weights; parts that a basis lacks are left out.
        mean: expected ratio.
        sd: its standard deviation.
        side: `"both"`; `"below"` or `"above"` when only ratios below or above the mean cost something.
        source: where mean and sd come from.
    """

    numerator: Weights
    denominator: Weights
    mean: float
    sd: float
    source: str
    side: str = "both"

    def __post_init__(self) -> None:
        _check(self.label, self.mean, self.sd, self.side)

    @property
    def label(self) -> str:
        """What is constrained, in short."""
        return f"{_sum_of(self.numerator)}/{_sum_of(self.denominator)}"


@dataclass(frozen=True)
class ParameterPrior:
    """A width, shift or phase that is expected near a mean, by itself or relative to that of other members.

    Attributes:
        quantity: field of `diffmrs.model.Parameters`: `"lorentzian_fwhm_hz"`, `"frequency_shift_hz"`,
            `"gaussian_variance_hz2"`, `"third_moment_hz3"`, `"phase0_rad"` or `"delay_s"`; or
            `"frequency_shift_ppm"`, positive to higher ppm.
        member: a basis member of the group it is about; empty for the phases.
        mean: expected value, in the unit that the quantity is named with.
        sd: its standard deviation.
        relative_to: members whose weighted mean is subtracted before comparing.
        side: `"both"`; `"below"` or `"above"` when only values below or above the mean cost something.
        source: where mean and sd come from.
    """

    quantity: str
    member: str
    mean: float
    sd: float
    source: str
    relative_to: Weights = ()
    side: str = "both"

    def __post_init__(self) -> None:
        known = (*WIDTHS_AND_SHIFTS, SHIFT_IN_PPM, *SCALARS)
        if self.quantity not in known:
            raise InputError(
                f"prior on {self.quantity!r}: there is no such quantity; there are {', '.join(known)}, and ratios of "
                "amplitudes"
            )
        if (self.quantity in SCALARS) != (self.member == ""):
            raise InputError(
                f"prior on {self.quantity}: member is {self.member!r}; phases have none, the others need one"
            )
        _check(self.label, self.mean, self.sd, self.side)

    @property
    def label(self) -> str:
        """What is constrained, in short."""
        of = f" of {self.member}" if self.member else ""
        return f"{self.quantity}{of}" + (f" against {_sum_of(self.relative_to)}" if self.relative_to else "")


Constraint = RatioPrior | ParameterPrior


def _check(label: str, mean: float, sd: float, side: str) -> None:
    if not abs(mean) < float("inf"):
        raise InputError(f"prior on {label}: mean is {mean}; it must be finite")
    if not 0 < sd < float("inf"):
        raise InputError(f"prior on {label}: sd is {sd}; it must be positive and finite")
    if side not in SIDES:
        raise InputError(f"prior on {label}: side is {side!r}; it must be one of {', '.join(SIDES)}")


def _sum_of(weights: Weights) -> str:
    parts = [name if weight == 1 else f"{weight:g} {name}" for name, weight in weights]
    return parts[0] if len(parts) == 1 else f"({'+'.join(parts)})"
