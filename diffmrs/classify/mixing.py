r"""Mixing augmentation (Lu et al. 2021): more spectra from sums of two, $x' = (1-\alpha)\, x_j + \alpha\, x_k$."""

from dataclasses import dataclass

import numpy as np

from diffmrs.classify.labelled import Labelled, one_hot
from diffmrs.errors import InputError

PARTNERS = ("same", "other", "both")


@dataclass(frozen=True)
class Mixing:
    """How spectra are mixed.

    With a partner of the other class and `alpha` 0.5, as published, either label fits the mixture: half of these labels
    say nothing. Take `soft`, or 0.3 at most.

    Attributes:
        partner: class of the partner: `"same"`, `"other"`, or `"both"` (any).
        alpha: share of the partner.
        factor: how many spectra there are afterwards for each one before; the originals are among them.
        soft: labels are mixed like spectra; otherwise the mixture keeps the label of the first.
    """

    partner: str = "both"
    alpha: float = 0.5
    factor: int = 5
    soft: bool = False

    def __post_init__(self) -> None:
        if self.partner not in PARTNERS:
            raise InputError(f"partner of mixing is {self.partner!r}; it must be one of {', '.join(PARTNERS)}")
        if not 0 <= self.alpha <= 0.5:
            raise InputError(f"alpha of mixing is {self.alpha:g}; it must be from 0 to 0.5")
        if not 1 <= self.factor <= 1000:
            raise InputError(f"factor of mixing is {self.factor}; it must be from 1 to 1000")


def mixed(spectra: Labelled, mixing: Mixing, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The spectra and their mixtures.

    Args:
        spectra: what is mixed.
        mixing: how; where a class has no member to be a partner, the spectrum is its own.
        rng: draws the partners.

    Returns:
        Points and the share of each class, [factor * spectra, ...]; the originals first.
    """
    count, target = spectra.points.shape[0], one_hot(spectra.label)
    members = [np.flatnonzero(spectra.label == c) for c in (0, 1)]
    points, targets = [spectra.points], [target]
    for _ in range(mixing.factor - 1):
        partner = np.asarray(rng.integers(count, size=count))
        if mixing.partner != "both":
            for own in (0, 1):
                among = members[own if mixing.partner == "same" else 1 - own]
                if among.size:
                    partner[members[own]] = rng.choice(among, members[own].size)
                else:
                    partner[members[own]] = members[own]
        points.append((1 - mixing.alpha) * spectra.points + mixing.alpha * spectra.points[partner])
        targets.append((1 - mixing.alpha) * target + mixing.alpha * target[partner] if mixing.soft else target)
    return np.concatenate(points), np.concatenate(targets)
