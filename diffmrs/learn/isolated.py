r"""Networks that draw each metabolite's spectrum alone; areas against that of water are the amplitudes.

The U-Net of Rizzo et al. (2023, Magn Reson Med 89:1707): the target of member m is the real part of its own spectrum in
the window, $a_m \operatorname{Re} S_m$, and that of the reference is the water line. Amplitude m is $c_m A_m / A_w$ of
the areas; $c_m$ follows from the targets. One network draws all members, where the authors have one for each.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.axes import spectrum_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.learn.encoders.parts import Shape
from diffmrs.learn.encoders.registry import Encoder
from diffmrs.learn.encoders.unet import UNet1D
from diffmrs.learn.examples import Example, Source, draw_examples
from diffmrs.learn.inputs import InputSpec
from diffmrs.learn.losses import amplitudes_of, dropout_of, mean_of
from diffmrs.learn.view import View
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import predict_fid
from diffmrs.pytree import container
from diffmrs.simulate.recipe import Recipe
from diffmrs.simulate.simulate_recipe import recipe_sampler

_MEASURED = 64


class IsolatedNetwork(nnx.Module):
    """A `UNet1D` and one linear layer from its channels at each sample to the spectra there.

    Args:
        spec: of the U-Net.
        shape: of the input: samples, channels.
        members: spectra besides the water's.
        rngs: for the initial weights.

    Raises:
        InputError: the specification is of another network.
    """

    def __init__(self, spec: Encoder, shape: Shape, members: int, rngs: nnx.Rngs) -> None:
        if not isinstance(spec, UNet1D):
            raise InputError(f"the loss 'isolated' goes with the encoder 'unet', not with {type(spec).__name__}")
        self.encoder = spec.build(shape, rngs)
        self.width = spec.channels[0]
        self.output = nnx.Linear(self.width, members + 1, rngs=rngs)

    def __call__(
        self, signal: Float[Array, "batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch samples spectra"]:
        """Spectra of the members, then of the water."""
        features = self.encoder(signal, rngs=rngs)
        return self.output(features.reshape(*signal.shape[:2], self.width))


@container(static=("view", "sampler", "window"))
@dataclass(frozen=True)
class Isolated:
    """Squared error of the spectra of all members and of the water; make it with `isolated_loss`.

    Attributes:
        view: how FIDs are seen.
        basis_fid: of the members. [members, points]
        sampler: of the examples; knows model and water.
        window: first and last sample of the spectrum.
        size: root mean square of each target, by which it is divided. [members + 1]
        areas: the factors $c_m$, for areas of the divided spectra. [members]
    """

    view: View
    basis_fid: jax.Array
    sampler: Any
    window: tuple[int, int]
    size: Any
    areas: Any

    def targets(self, parameters: Parameters) -> Float[Array, "samples spectra"]:
        """What the network is to draw of one FID, before it is divided."""
        amplitude = parameters.amplitude

        def alone(kept: Array) -> Array:
            return predict_fid(replace(parameters, amplitude=amplitude * kept), self.basis_fid, self.sampler.model)

        fids = jax.vmap(alone)(jnp.eye(amplitude.size, dtype=amplitude.dtype))
        water = self.sampler.water(parameters.gaussian_fwhm_hz[0])
        fids = jnp.concatenate([fids, water[None].astype(fids.dtype)])
        return jax.vmap(spectrum_of)(fids).real[:, slice(*self.window)].T

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The mean over a batch, and the mean squared error of the amplitudes."""
        truth, parameters = amplitudes_of(batch), cast(Parameters, batch.parameters)
        seen = jax.vmap(self.view.see)(batch)
        drawn = network(seen.signal, rngs=dropout_of(key))
        off = drawn - jax.vmap(self.targets)(parameters) / jnp.asarray(self.size)[None, None]
        found = amplitudes_of_areas(jnp.sum(drawn, axis=1), jnp.asarray(self.areas))
        error = mean_of(jnp.mean((found - truth) ** 2, axis=1), seen.usable)
        return mean_of(jnp.mean(off**2, axis=(1, 2)), seen.usable), {"squared_error": error}


def amplitudes_of_areas(
    areas: Float[Array, "batch spectra"], factors: Float[Array, " members"]
) -> Float[Array, "batch members"]:
    """Amplitudes of the members from their areas and that of the water, which is last; NaN where there is none."""
    water = areas[:, -1:]
    return jnp.where(water > 0, areas[:, :-1] / jnp.where(water > 0, water, 1) * factors[None], jnp.nan)


def isolated_loss(recipe: Recipe, basis: Basis, view: View, source: Source) -> Isolated:
    """The loss for a recipe with a water reference.

    Raises:
        InputError: the recipe has no water, or the network is fed something else than a spectrum.
    """
    spec = view.spec
    if recipe.water_protons is None or not recipe.water_seen:
        raise InputError(f"the loss 'isolated' needs a recipe with water in sight; {recipe.name} has none")
    if not isinstance(spec, InputSpec) or spec.kind != "spectrum" or spec.in_row:
        raise InputError("the loss 'isolated' needs the input 'spectrum', not in_row")
    sampler, basis_fid = recipe_sampler(recipe, basis)
    window = slice(0, basis.n_points)
    if spec.ppm_range is not None:
        window = basis.acquisition.window(basis.n_points, spec.ppm_range)
    ones = jnp.ones(basis_fid.shape[0] + 1)
    loss = Isolated(view, basis_fid, sampler, (window.start, window.stop), ones, ones[1:])
    size, areas = _measured(loss, source)
    return replace(loss, size=size, areas=areas)


@partial(jax.jit)
def _measured(loss: Isolated, source: Source) -> tuple[Array, Array]:
    made = draw_examples(jax.random.key(5), source, _MEASURED)
    targets = jax.vmap(loss.targets)(cast(Parameters, made.parameters))
    size = jnp.sqrt(jnp.mean(targets**2, axis=(0, 1)))
    areas = jnp.sum(targets, axis=1) / size[None]
    ratio = areas[:, :-1] / areas[:, -1:]
    truth = amplitudes_of(made)
    return size, jnp.sum(truth * ratio, axis=0) / jnp.sum(ratio**2, axis=0)
