"""Set the directions of a `Subspace` encoder from examples of what it will see."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from diffmrs.learn.encoders import subspace_of
from diffmrs.learn.encoders.subspace import SubspaceEncoder
from diffmrs.learn.examples import Source, draw_examples
from diffmrs.learn.scene import Scene

_AT_ONCE = 512


def fitted_subspace(encoder: SubspaceEncoder, scene: Scene, source: Source, key: Array, count: int = 4096) -> None:
    """Set an encoder's directions to those in which examples differ most.

    Args:
        encoder: whose directions are set, in place.
        scene: how FIDs are seen.
        source: where examples come from.
        key: `jax.random` key.
        count: examples.
    """
    keys = jax.random.split(key, -(-count // _AT_ONCE))
    signals = np.concatenate([np.asarray(_signals(one, scene, source, min(_AT_ONCE, count))) for one in keys])[:count]
    encoder.set_directions(*subspace_of(jnp.asarray(signals), encoder.spec.n_components))


@partial(jax.jit, static_argnames="count")
def _signals(key: Array, scene: Scene, source: Source, count: int) -> Array:
    # The source is an argument: a large one must not be compiled in as a constant.
    return jax.vmap(scene.see)(draw_examples(key, source, count)).signal
