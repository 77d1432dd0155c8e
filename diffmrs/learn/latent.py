"""Standard normal coordinates of the signal model's parameters: what learned estimators and their priors speak of.

Every parameter that a `Population` lets vary is told by one number z that is standard normal in that population (for a
uniform distribution the probit of its position in the range). The prior of all coordinates together is then a unit
Gaussian, whatever the population; limits are kept by construction.
"""

from dataclasses import dataclass, fields
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel
from diffmrs.pytree import container
from diffmrs.simulate.distributions import Gaussianised, LogNormal, Uniform
from diffmrs.simulate.population import Population

_GAIN = "gain"


@container(static=("model", "blocks"))
@dataclass(frozen=True)
class Latent:
    """Coordinates of the parameters of one FID; make it with `latent_for`.

    Attributes:
        population: where the coordinates are standard normal.
        gain: factor on all amplitudes, for data of unknown scale; None for data in the units of the population.
        model: tells the numbers of members and groups.
        blocks: the fields of the population that vary, and how many numbers each has.
    """

    population: Population
    gain: LogNormal | None
    model: SignalModel
    blocks: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return sum(count for _, count in self.blocks)

    def block(self, name: str) -> slice:
        """Where the coordinates of a field of the population lie.

        Raises:
            InputError: it does not vary.
        """
        first = 0
        for field, count in self.blocks:
            if field == name:
                return slice(first, first + count)
            first += count
        raise InputError(f"{name} does not vary here; what varies: {', '.join(field for field, _ in self.blocks)}")

    def draw(self, key: Array) -> Float[Array, " size"]:
        """Coordinates of one FID of the population; that of the gain for a gain of 1."""
        return jax.random.normal(key, (self.size,))

    def parameters(self, z: Float[Array, " size"]) -> Parameters:
        """The parameters that coordinates stand for."""
        told = self._values(z)
        amplitude = told["amplitude"] * told.get(_GAIN, jnp.ones(1, z.dtype))
        width = jnp.maximum(told["lorentzian_fwhm_hz"] + told["own_lorentzian_fwhm_hz"], 0.0)
        third = told["third_moment_hz3"]
        return Parameters(
            amplitude=amplitude,
            lorentzian_fwhm_hz=width,
            frequency_shift_hz=told["frequency_shift_hz"] + told["own_frequency_shift_hz"],
            gaussian_variance_hz2=told["gaussian_fwhm_hz"] ** 2,
            third_moment_hz3=third if self.model.lineshape.asymmetric else third[:0],
            lineshape=jnp.asarray(self.model.lineshape.kernel_hz == 0, z.dtype),
            phase0_rad=told["phase0_rad"][0],
            delay_s=told["delay_s"][0],
            baseline=jnp.zeros(len(self.model.baseline_roughness), z.dtype),
        )

    def coordinates(self, parameters: Parameters, gain: Float[Array, ""] | float = 1.0) -> Float[Array, " size"]:
        """The coordinates of parameters: the inverse of `parameters`.

        Args:
            parameters: of one FID.
            gain: the factor on the amplitudes, where that is a coordinate.

        Raises:
            InputError: groups have shifts or widths of their own besides common ones: many coordinates tell the same.
        """
        split = [name for name, _ in self.blocks if name.startswith("own_") and name[4:] in dict(self.blocks)]
        if split:
            raise InputError(f"{split[0]} varies besides {split[0][4:]}, so that coordinates cannot be told apart")
        known = {
            "amplitude": parameters.amplitude / gain,
            "lorentzian_fwhm_hz": parameters.lorentzian_fwhm_hz[:1],
            "own_lorentzian_fwhm_hz": parameters.lorentzian_fwhm_hz,
            "frequency_shift_hz": parameters.frequency_shift_hz[:1],
            "own_frequency_shift_hz": parameters.frequency_shift_hz,
            "gaussian_fwhm_hz": parameters.gaussian_fwhm_hz,
            "third_moment_hz3": parameters.third_moment_hz3,
            "phase0_rad": parameters.phase0_rad[None],
            "delay_s": parameters.delay_s[None],
            _GAIN: jnp.asarray(gain, parameters.amplitude.dtype)[None],
        }
        for name in ("lorentzian_fwhm_hz", "frequency_shift_hz"):  # of the common and the own, take off what is fixed
            own = f"own_{name}"
            if own in dict(self.blocks):
                known[own] -= _middle(getattr(self.population, name), 1)
            elif name in dict(self.blocks):
                known[name] -= _middle(getattr(self.population, own), self.model.n_groups)[:1]
        return jnp.concatenate([self._margin(name).to_normal(known[name]) for name, _ in self.blocks])

    def _values(self, z: Array) -> dict[str, Array]:
        told, first, sizes = {}, 0, dict(self.blocks)
        for name, count in _sizes(self.model).items():
            if name in sizes:
                told[name] = self._margin(name).from_normal(z[first : first + count])
                first += count
            else:
                told[name] = _middle(getattr(self.population, name), count).astype(z.dtype)
        if _GAIN in sizes:
            told[_GAIN] = self._margin(_GAIN).from_normal(z[first:])
        return told

    def _margin(self, name: str) -> Gaussianised:
        margin: Any = self.gain if name == _GAIN else getattr(self.population, name)
        return cast(Gaussianised, margin)


def latent_for(population: Population, model: SignalModel, *, gain: LogNormal | None = None) -> Latent:
    """Coordinates of all that varies in a population.

    Args:
        population: its distributions must be told by standard normal numbers (`diffmrs.simulate.Gaussianised`), or not
            vary (`Uniform` with equal limits).
        model: the fixed part.
        gain: how a factor common to all amplitudes is distributed, for data of unknown scale.

    Raises:
        InputError: a distribution is not told by standard normal numbers, has no spread, or does not fit the model.
    """
    blocks = []
    for name, count in _sizes(model).items():
        margin = getattr(population, name)
        if isinstance(margin, Uniform) and bool(np.all(np.asarray(margin.low) == np.asarray(margin.high))):
            continue
        if not isinstance(margin, Gaussianised):
            raise InputError(
                f"the distribution of {name} is a {type(margin).__name__}, which has no normal coordinates"
            )
        if count:
            _check(name, margin, count)
            blocks.append((name, count))
    if gain is not None:
        _check(_GAIN, gain, 1)
        blocks.append((_GAIN, 1))
    return Latent(population, gain, model, tuple(blocks))


def _check(name: str, margin: Gaussianised, count: int) -> None:
    """Raise `InputError` unless a distribution makes `count` numbers of as many coordinates, and the reverse."""
    wrong = f"the distribution of {name} does not give {count} numbers, as the model needs"
    try:
        middle = margin.from_normal(jnp.zeros(count))
    except (TypeError, ValueError) as error:  # InputError is a ValueError and says more
        raise error if isinstance(error, InputError) else InputError(wrong) from None
    if middle.shape != (count,):
        raise InputError(wrong)
    if not bool(jnp.all(jnp.isfinite(middle)) & jnp.all(jnp.isfinite(margin.to_normal(middle)))):
        raise InputError(f"the distribution of {name} has no spread, or numbers that are not finite")


def _sizes(model: SignalModel) -> dict[str, int]:
    """How many numbers each field of a population has."""
    sizes = {field.name: 1 for field in fields(Population)}
    return sizes | {
        "amplitude": len(model.groups),
        "own_lorentzian_fwhm_hz": model.n_groups,
        "own_frequency_shift_hz": model.n_groups,
        "gaussian_fwhm_hz": model.n_shims,
        "third_moment_hz3": model.n_shims if model.lineshape.asymmetric else 0,
    }


def _middle(margin: object, count: int) -> Array:
    """The value of what does not vary."""
    assert isinstance(margin, Uniform)
    return jnp.broadcast_to(jnp.asarray(margin.low, float), (count,))
