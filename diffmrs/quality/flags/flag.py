"""What a flag is."""

from collections.abc import Callable
from dataclasses import dataclass

from diffmrs.data import ArrayLike
from diffmrs.quality.flags.evidence import Evidence


@dataclass(frozen=True)
class Flag:
    """One reason to distrust a fit.

    Attributes:
        name: short and stable, for files and scripts.
        severe: whether the numbers should not be used; otherwise they are to be read with care.
        meaning: what it says of a spectrum, for any of them.
        raised: which spectra it applies to. [spectra]
        sentence: what it says of one spectrum, with its numbers.
    """

    name: str
    severe: bool
    meaning: str
    raised: Callable[[Evidence], ArrayLike]
    sentence: Callable[[Evidence, int], str]
