r"""Test-time adaptation: gradient steps on one spectrum by the decoder's likelihood, after training.

What is adapted is the network (all its weights, anew for each spectrum) or only its answer. Both go downhill on
$\tfrac12\lVert r(z) \rVert^2$, the cost that `gauss_newton` and `find_mode` minimise, and have the same goal: what they
reach in many steps of Adam (Kingma & Ba 2015), `gauss_newton` reaches in few.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Complex, Float

from diffmrs.learn.decoder import Decoder


def adapted_answer(
    start: Float[Array, " size"],
    observed: Complex[Array, " window"],
    noise_sd: Float[Array, ""],
    decoder: Decoder,
    *,
    steps: int,
    learning_rate: float = 0.1,
) -> Float[Array, " size"]:
    """The best coordinates on the way from a network's answer.

    Args:
        start: the answer.
        observed: the data, from `Decoder.observed`.
        noise_sd: standard deviation of the noise in the real part of the spectrum.
        decoder: the model.
        steps: how many; 0 leaves the answer as it is.
        learning_rate: of Adam, in units of the coordinates.
    """
    return _downhill(start, lambda z: z, observed, noise_sd, decoder, steps, learning_rate)


def adapted_network(
    network: nnx.Module,
    signal: Float[Array, "samples channels"],
    observed: Complex[Array, " window"],
    noise_sd: Float[Array, ""],
    decoder: Decoder,
    *,
    steps: int,
    learning_rate: float = 1e-4,
) -> Float[Array, " size"]:
    """The best coordinates while a network is trained on one spectrum. The network that is given stays as it is.

    Args:
        network: its first outputs are coordinates: a `PosteriorNetwork`, or a `Network`.
        signal: what it is fed.
        observed: the data, from `Decoder.observed`.
        noise_sd: standard deviation of the noise in the real part of the spectrum.
        decoder: the model.
        steps: how many.
        learning_rate: of Adam.
    """
    parts: Any = nnx.split(network, nnx.Param, ...)
    graph, params, rest = parts

    def answer(params: Any) -> Array:
        found: Any = nnx.merge(graph, params, rest, copy=True)
        coordinates: Array = found(signal[None])[0, : decoder.latent.size]
        return coordinates

    return _downhill(params, answer, observed, noise_sd, decoder, steps, learning_rate)


def _downhill(
    start: Any, answer: Any, observed: Array, noise_sd: Array, decoder: Decoder, steps: int, learning_rate: float
) -> Array:
    optimiser = optax.adam(learning_rate)

    def cost(moved: Any) -> tuple[Array, Array]:
        z = answer(moved)
        rest = decoder.residual(z, observed, noise_sd)
        # Per number, so that the size of a gradient does not hang on that of the window.
        return 0.5 * jnp.mean(rest**2), z

    def step(state: tuple[Any, Any, Array, Array], _: None) -> tuple[tuple[Any, Any, Array, Array], None]:
        moved, memory, best, least = state
        (found, z), slope = jax.value_and_grad(cost, has_aux=True)(moved)
        better = found < least  # False for NaN
        updates, memory = optimiser.update(slope, memory, moved)
        moved = optax.apply_updates(moved, updates)
        return (moved, memory, jnp.where(better, z, best), jnp.where(better, found, least)), None

    first = answer(start)
    state = (start, optimiser.init(start), first, jnp.asarray(jnp.inf, first.dtype))
    (moved, _, best, least), _ = jax.lax.scan(step, state, None, length=steps)
    if steps == 0:
        return first
    found, z = cost(moved)
    return jnp.where(found < least, z, best)
