"""Where a network's examples come from: synthetic spectra drawn from a key on the device, or measured ones."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.data import Basis
from diffmrs.learn.latent import Latent
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel
from diffmrs.pytree import container
from diffmrs.simulate.artefacts import Artefacts
from diffmrs.simulate.baseline import RandomBaseline
from diffmrs.simulate.distributions import Distribution
from diffmrs.simulate.recipe import Recipe
from diffmrs.simulate.simulate_recipe import recipe_sampler
from diffmrs.simulate.spectra import simulate_around


class Example(NamedTuple):
    """One spectrum to learn from, or a stack with the same leading axis."""

    fid: Complex[Array, "*batch points"]
    noise_sd: Float[Array, "*batch"]  # of the real part of the spectrum
    parameters: Parameters | None = None  # the truth; None for measured data
    z: Float[Array, "*batch size"] | None = None  # its coordinates
    fed: Any = None  # what a `View` makes of the FID, where that is kept (`diffmrs.learn.keep`)


@runtime_checkable
class Source(Protocol):
    """Anything that makes an example from a key, under `jit` and `vmap`."""

    def draw(self, key: Array) -> Example:
        """One example."""


def draw_examples(key: Array, source: Source, count: int) -> Example:
    """Many examples, [count, ...]."""
    return jax.vmap(source.draw)(jax.random.split(key, count))


@container(static=("snr_definition",))
@dataclass(frozen=True)
class PopulationSource:
    """Spectra of a population with noise, and if wanted baselines and artefacts that the decoder does not know.

    Attributes:
        latent: the population and its coordinates.
        basis_fid: of the members, sampled as the model says. [members, points]
        snr: signal-to-noise ratio of the metabolites.
        baseline: smooth signal that the basis does not hold; none when absent.
        artefacts: what spoils metabolites and baseline before noise is added; none when absent.
        snr_definition: a name in `diffmrs.simulate.SNR_DEFINITIONS`.
    """

    latent: Latent
    basis_fid: jax.Array
    snr: Distribution
    baseline: RandomBaseline | None = None
    artefacts: Artefacts | None = None
    snr_definition: str = "peak"

    def draw(self, key: Array) -> Example:
        """One spectrum and its truth."""
        key_z, key_rest = jax.random.split(key)
        z = self.latent.draw(key_z)
        if self.latent.gain is not None:  # told relative to the data once these are scaled
            gain = self.latent.block("gain")
            z = z.at[gain].set(self.latent.gain.to_normal(jnp.ones(1, z.dtype)))
        made = simulate_around(
            key_rest,
            self.latent.parameters(z),
            self.basis_fid,
            self.latent.model,
            snr=self.snr,
            snr_definition=self.snr_definition,
            baseline=self.baseline,
            artefacts=self.artefacts,
        )
        return Example(made.fid, made.noise_sd, made.parameters, z)


@container(static=("sampler",))
@dataclass(frozen=True)
class RecipeSource:
    """Spectra by the recipe of a publication; make it with `recipe_source`.

    Attributes:
        latent: coordinates of the decoder's model.
        basis_fid: of the recipe's members. [members, points]
        sampler: what makes one spectrum.
    """

    latent: Latent
    basis_fid: jax.Array
    sampler: Any

    def draw(self, key: Array) -> Example:
        """One spectrum and its truth."""
        made = self.sampler(key, self.basis_fid)
        parameters = _regrouped(made.parameters, self.latent.model)
        return Example(made.fid, made.noise_sd, parameters, self.latent.coordinates(parameters))


def recipe_source(recipe: Recipe, basis: Basis, latent: Latent, *, physical: bool = False) -> RecipeSource:
    """Spectra by a recipe as examples for a decoder.

    Args:
        recipe: one of `diffmrs.simulate.RECIPES`, or one of your own.
        basis: with the members of the recipe, in its order.
        latent: coordinates of the parameters; its model has those members.
        physical: take the physical form, not the published one.

    Raises:
        InputError: the basis lacks an ingredient, or the model has not the members of the recipe, its points, or puts
            members into one group that the recipe tells apart.
    """
    sampler, basis_fid = recipe_sampler(recipe, basis, physical=physical)
    model, count = latent.model, len(recipe.members(basis))
    if (len(model.groups), model.n_points) != (count, basis.n_points):
        raise InputError(
            f"the recipe makes {count} members of {basis.n_points} points, but the model is for {len(model.groups)} of "
            f"{model.n_points}"
        )
    extra = [one.damping_per_s for one in recipe.ingredients] or [0.0] * count
    if (recipe.own and model.n_groups < count) or len(set(zip(model.groups, extra, strict=True))) > model.n_groups:
        raise InputError(
            "the recipe gives members a shift or width of their own, but the model has them in one group; put each "
            "into a group of its own"
        )
    return RecipeSource(latent, basis_fid, sampler)


def _regrouped(parameters: Parameters, model: SignalModel) -> Parameters:
    """Parameters of members that each form a group, for groups that are alike anyhow."""
    first = jnp.asarray([model.groups.index(group) for group in range(model.n_groups)])
    shims = parameters.gaussian_variance_hz2
    return replace(
        parameters,
        lorentzian_fwhm_hz=parameters.lorentzian_fwhm_hz[first],
        frequency_shift_hz=parameters.frequency_shift_hz[first],
        gaussian_variance_hz2=jnp.broadcast_to(shims[:1], (model.n_shims,)),
        baseline=jnp.zeros(len(model.baseline_roughness), shims.dtype),
    )


@container()
@dataclass(frozen=True)
class MeasuredSource:
    """Measured spectra, each as likely as any other; nothing is known of their truth.

    Attributes:
        fid: as the network meets them, registered where it expects that. [spectra, points]
        noise_sd: of the real part of each spectrum. [spectra]
    """

    fid: jax.Array
    noise_sd: jax.Array

    def draw(self, key: Array) -> Example:
        """One of the spectra."""
        which = jax.random.randint(key, (), 0, self.noise_sd.shape[0])
        return Example(self.fid[which], self.noise_sd[which])
