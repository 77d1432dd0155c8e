r"""Recipes: training data as a publication describes them, small tables to copy and change.

$$x(t) = e^{i\varphi} \sum_m a_m b_m(t)\, e^{(2\pi i f_m - d_m) t - \pi^2 G^2 t^2 / (4 \ln 2)} + n(t)$$

In the **published** form damping may be negative and noise may be damped with the signal, where the authors did so. In
the **physical** form damping beyond the basis is never negative and noise is added last, as a receiver does.
"""

from dataclasses import dataclass, replace

from diffmrs.data import Basis, is_macromolecule
from diffmrs.errors import InputError
from diffmrs.spins.library import canonical_name

Range = tuple[float, float]
MACROMOLECULES = "MM"
_SUMS = {"tCr": ("tCr", "Cr", "PCr"), "tCho": ("tCho", "GPC", "PCho")}  # a member of the basis that stands for a sum


@dataclass(frozen=True)
class Ingredient:
    """One signal of a recipe.

    Attributes:
        name: of the metabolite; tCr and tCho are one signal each; MM is the only macromolecule of the basis.
        amplitude: lowest and highest, equally likely between.
        damping_per_s: what it is damped beyond the others, 1/s.
    """

    name: str
    amplitude: Range
    damping_per_s: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How a publication makes its training data. All ranges are uniform.

    Attributes:
        name: short.
        source: the publication.
        note: what the two forms have in common with it and what not.
        ingredients: the signals; when there are none, every member of the basis with `amplitude`.
        amplitude: of every member, without `ingredients`.
        outer: amplitudes come only from this share of each range at either end, 0 to 0.5; 0 for all of it.
        shift_hz: frequency shift, Hz.
        damping_per_s: damping beyond the basis, 1/s (width of the line times pi).
        own: whether each signal has a shift and a damping of its own; else all have the same.
        gaussian_fwhm_hz: Gaussian width, Hz, common.
        phase_rad: zero-order phase, rad.
        own_phase: whether each signal has a phase of its own; else it is common.
        snr: lowest and highest signal-to-noise ratio; None where `noise_sd` tells.
        snr_definition: a name in `diffmrs.simulate.SNR_DEFINITIONS`.
        noise_sd: of the real part of each sample, in units of one proton at amplitude 1 (a fifth of creatine).
        noise_first: whether in the published form noise is added before shift, damping and phase.
        water_protons: first sample of the water that `snr` refers to, in the same units; None for the FID itself.
        water_ppm: where that water is put into the spectrum, ppm.
        water_seen: whether it is there, or only sets the noise.
    """

    name: str
    source: str
    note: str
    ingredients: tuple[Ingredient, ...] = ()
    amplitude: Range = (0.0, 1.0)
    outer: float = 0.0
    shift_hz: Range = (0.0, 0.0)
    damping_per_s: Range = (0.0, 0.0)
    own: bool = False
    gaussian_fwhm_hz: Range = (0.0, 0.0)
    phase_rad: Range = (0.0, 0.0)
    own_phase: bool = False
    snr: Range | None = None
    snr_definition: str = "first-point"
    noise_sd: float = 0.0
    noise_first: bool = False
    water_protons: float | None = None
    water_ppm: float = 0.5
    water_seen: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.outer <= 0.5:
            raise InputError(f"outer of the recipe is {self.outer:g}; it must lie between 0 and 0.5")

    def physical(self) -> "Recipe":
        """The physical form: no negative damping, noise last."""
        low, high = self.damping_per_s
        return replace(self, damping_per_s=(max(low, 0.0), max(high, 0.0)), noise_first=False)

    def without(self, *names: str) -> "Recipe":
        """The recipe without some ingredients."""
        return replace(self, ingredients=tuple(one for one in self.ingredients if one.name not in names))

    def missing(self, basis: Basis) -> tuple[str, ...]:
        """The ingredients that a basis lacks."""
        return tuple(one.name for one in self.ingredients if _member(one.name, basis) is None)

    def members(self, basis: Basis) -> tuple[str, ...]:
        """The member of a basis for each ingredient.

        Raises:
            InputError: the basis lacks an ingredient.
        """
        if not self.ingredients:
            return basis.names
        missing = self.missing(basis)
        if missing:
            raise InputError(
                f"the basis lacks {', '.join(missing)} of the recipe {self.name}; leave them out with "
                "recipe.without(...) or add them to the basis"
            )
        return tuple(name for one in self.ingredients if (name := _member(one.name, basis)) is not None)


def proton_of(basis: Basis) -> float:
    """First sample of one proton at amplitude 1: a fifth of that of creatine, which has five.

    Raises:
        InputError: the basis has neither creatine nor phosphocreatine.
    """
    found = _member("tCr", basis)
    if found is None:
        raise InputError("the basis has no Cr, PCr or tCr, which sets the scale of the noise of this recipe")
    return float(abs(basis.fid[basis.index(found), 0])) / 5


def _member(name: str, basis: Basis) -> str | None:
    if name == MACROMOLECULES:
        heavy = [member for member in basis.names if is_macromolecule(member)]
        return heavy[0] if len(heavy) == 1 else None
    known = {canonical_name(member): member for member in basis.names}
    wanted = _SUMS.get(name, (name,))
    return next((known[canonical_name(one)] for one in wanted if canonical_name(one) in known), None)
