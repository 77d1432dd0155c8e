"""What a trained network says of many spectra, in chunks of one size."""

from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from diffmrs.errors import InputError

_CHUNK = 256  # spectra per compiled call


def tumour_probability(network: Any, points: np.ndarray) -> np.ndarray:
    """Probability of tumour of each spectrum. [spectra]"""
    return _chunked(network, points, 0)


def activation_maps(network: Any, points: np.ndarray) -> np.ndarray:
    """Class activation map of each spectrum, see `ResCNNNetwork.activation`. [spectra, points]"""
    return _chunked(network, points, 1)


def _chunked(network: Any, points: np.ndarray, which: int) -> np.ndarray:
    if not len(points):
        raise InputError("there are no spectra to classify")
    graph, params, rest = cast(Any, nnx.split(network, nnx.Param, ...))
    padded = np.concatenate([points, np.zeros((-len(points) % _CHUNK, points.shape[1]))]).astype(np.float32)
    pieces = [jnp.asarray(padded[start : start + _CHUNK]) for start in range(0, len(padded), _CHUNK)]
    found = [np.asarray(_answers(piece, params, rest, graph)[which]) for piece in pieces]
    return np.concatenate(found)[: len(points)]


@partial(jax.jit, static_argnames="graph")
def _answers(points: Array, params: Any, rest: Any, graph: Any) -> tuple[Array, Array]:
    """Probability and map: compiled together, as compiling takes longer than computing both."""
    network = nnx.merge(graph, params, rest, copy=True)
    signal = points[..., None]
    return jax.nn.softmax(network(signal))[:, 1], network.activation(signal)
