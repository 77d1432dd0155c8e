r"""A fit whose prior and baseline stiffness are learned, by differentiating through the fit.

A network tells, per spectrum, the centre and the precision of the Gaussian that draws the coordinates, and how stiff
the baseline is; the fit does the rest. What is minimised is the squared error of its amplitudes, and the gradient comes
from the implicit function theorem at the mode (`find_mode`), not from the iterations: bilevel optimisation as in
Gould et al. 2016 (arXiv:1607.05447). Where signal and noise are Gaussian and the model linear, the best such fit is the
Wiener filter.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Complex, Float

from diffmrs.errors import InputError
from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.solver import LevenbergMarquardt, Status
from diffmrs.learn.decoder import Decoder, Prior
from diffmrs.learn.examples import Example
from diffmrs.learn.losses import amplitudes_of, dropout_of, mean_of
from diffmrs.learn.mode import Mode, find_mode
from diffmrs.learn.scene import Scene
from diffmrs.pytree import container

_MOST = 12.0  # logarithm of the largest factor on precision and stiffness


class Constant(nnx.Module):
    """The same numbers for every spectrum: hyperparameters in the place of a network. They start at zero.

    Args:
        n_outputs: how many.
    """

    def __init__(self, n_outputs: int):
        self.values = nnx.Param(jnp.zeros(n_outputs))

    def __call__(
        self, signal: Float[Array, "batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "batch outputs"]:
        """The numbers, once for each spectrum."""
        values = self.values[...].astype(signal.dtype)
        return jnp.broadcast_to(values[None], (signal.shape[0], values.shape[0]))


class Steered(NamedTuple):
    """What a network's outputs make of a fit."""

    prior: Prior
    decoder: Decoder  # with the stiffness that they tell


def steering_outputs(decoder: Decoder) -> int:
    """How many numbers steer the fit of one spectrum: a centre and a precision per coordinate, and the stiffness."""
    return 2 * decoder.latent.size + (len(decoder.model.baseline_roughness) > 0)


def steered(outputs: Float[Array, " outputs"], decoder: Decoder) -> Steered:
    """The prior and decoder that outputs tell: centre, log precision, and log of a factor on the stiffness.

    Zeros tell the prior of the population and the stiffness of the decoder.

    Raises:
        InputError: there are not `steering_outputs` of them.
    """
    size, wanted = decoder.latent.size, steering_outputs(decoder)
    if outputs.shape[0] != wanted:
        raise InputError(f"the network gives {outputs.shape[0]} numbers, but to steer the fit takes {wanted}")
    prior = Prior(outputs[:size], jnp.clip(outputs[size : 2 * size], -_MOST, _MOST))
    if wanted == 2 * size:
        return Steered(prior, decoder)
    factor = jnp.exp(jnp.clip(outputs[-1], -_MOST, _MOST))
    return Steered(prior, replace(decoder, stiffness=decoder.stiffness * factor.astype(decoder.stiffness.dtype)))


def steered_mode(
    outputs: Float[Array, " outputs"],
    observed: Complex[Array, " window"],
    noise_sd: Float[Array, ""],
    decoder: Decoder,
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Mode:
    """The fit of one spectrum, steered by a network's outputs and differentiable in them; begun at the centre."""
    prior, own = steered(outputs, decoder)
    return find_mode(prior.centre, observed, noise_sd, own, optimiser, prior=prior)


@container(static=("optimiser",))
@dataclass(frozen=True)
class ThroughMode:
    """Squared error of the amplitudes of the steered fit, in units of their spread; fits that do not converge left out.

    Attributes:
        scene: how FIDs are seen and explained.
        sd: standard deviation of each amplitude in the population; where FIDs have a scale of their own, of amplitude
            over scale. [members]
        optimiser: the solver.
    """

    scene: Scene
    sd: Any
    optimiser: LevenbergMarquardt = LevenbergMarquardt()

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The mean over a batch."""
        seen = jax.vmap(self.scene.see)(batch)
        outputs = network(seen.signal, rngs=dropout_of(key))

        def one(voxel: tuple[Array, Array, Array], decoder: Decoder) -> tuple[Array, Array]:
            found = steered_mode(*voxel, decoder, self.optimiser)
            return decoder.latent.parameters(found.z).amplitude, found.status

        amplitude, status = over_voxels(one, (outputs, seen.observed, seen.noise_sd), self.scene.decoder)
        off = (amplitude - amplitudes_of(batch) / seen.scale[:, None]) / jnp.asarray(self.sd)[None]
        converged = status == Status.CONVERGED
        error = mean_of(jnp.mean(off**2, axis=1), seen.usable & converged)
        return error, {"converged": jnp.mean(converged.astype(error.dtype))}
