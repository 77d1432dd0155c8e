"""A conditional normalising flow: monotone splines, one half of the coordinates steering the other.

Rational-quadratic splines (Gregory & Delbourgo 1982; as coupling layers: Durkan et al. 2019, Neural Spline Flows, eq.
4-8) between -4 and 4, the identity outside, around a full Gaussian that the network tells. What a Gaussian cannot say,
skew, tails and limits, the splines add.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

_REACH = 4.0
_LEAST = 1e-3  # share of the width or height of a bin, and slope


class SplineFlow(nnx.Module):
    """Coupling layers over standard normal coordinates, steered by features.

    Args:
        size: coordinates.
        n_features: of the encoder.
        rngs: for the initial weights.
        layers: coupling layers; each moves half of the coordinates.
        bins: of each spline.
        hidden: width of the networks that steer.
    """

    def __init__(
        self, size: int, n_features: int, rngs: nnx.Rngs, *, layers: int = 4, bins: int = 8, hidden: int = 128
    ):
        self.size, self.bins = size, bins
        self.orders = _orders(size, layers)
        moved = size - size // 2
        zero = nnx.initializers.zeros_init()
        # Two parts of one layer, so that many draws for one spectrum share that of the features.
        # A single coordinate has none to steer it; flax cannot start weights of no inputs, so it is given a zero.
        self.first = nnx.List([nnx.Linear(max(size // 2, 1), hidden, rngs=rngs) for _ in range(layers)])
        self.steer = nnx.List([nnx.Linear(n_features, hidden, use_bias=False, rngs=rngs) for _ in range(layers)])
        self.second = nnx.List([nnx.Linear(hidden, hidden, rngs=rngs) for _ in range(layers)])
        self.last = nnx.List(
            [nnx.Linear(hidden, moved * (3 * bins - 1), kernel_init=zero, rngs=rngs) for _ in range(layers)]
        )

    def to_base(
        self, values: Float[Array, "*batch size"], features: Float[Array, "*batch features"]
    ) -> tuple[Float[Array, "*batch size"], Float[Array, "*batch"]]:
        """Towards the unit Gaussian, and the logarithm of the derivative's determinant."""
        total = jnp.zeros(values.shape[:-1], values.dtype)
        for layer in range(len(self.orders)):
            values, slope = self._layer(layer, values, features, False)
            total = total + slope
        return values, total

    def from_base(
        self, values: Float[Array, "*batch size"], features: Float[Array, "*batch features"]
    ) -> Float[Array, "*batch size"]:
        """The inverse of `to_base`."""
        for layer in reversed(range(len(self.orders))):
            values, _ = self._layer(layer, values, features, True)
        return values

    def _layer(self, layer: int, values: Array, features: Array, inverse: bool) -> tuple[Array, Array]:
        order = np.array(self.orders[layer])
        steering, moved = order[: self.size // 2], order[self.size // 2 :]
        known = values[..., steering] if steering.size else jnp.zeros_like(values)
        hidden = nnx.gelu(self.first[layer](known) + self.steer[layer](features))
        hidden = nnx.gelu(self.second[layer](hidden))
        told = self.last[layer](hidden).reshape(*values.shape[:-1], moved.size, 3 * self.bins - 1)
        new, log_slope = spline(values[..., moved], told, inverse=inverse)
        # The features may be more precise than the weights, and so than the draws.
        return values.astype(new.dtype).at[..., moved].set(new), jnp.sum(log_slope, axis=-1)


def _orders(size: int, layers: int) -> tuple[tuple[int, ...], ...]:
    """Which coordinates steer (the first half) and which are moved, per layer; fixed.

    Every second layer moves what steered the one before, so that none is left unmoved.
    """
    shuffle = np.random.default_rng(0)
    orders: list[tuple[int, ...]] = []
    for layer in range(layers):
        if layer % 2:
            orders.append(orders[-1][size // 2 :] + orders[-1][: size // 2])
        else:
            orders.append(tuple(int(k) for k in shuffle.permutation(size)))
    return tuple(orders)


def spline(
    values: Float[Array, "*shape"], told: Float[Array, "*shape numbers"], *, inverse: bool = False
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """A monotone rational-quadratic spline through (-4, -4) and (4, 4), the identity beyond; slope 1 at both ends.

    Args:
        values: where.
        told: 3·bins - 1 numbers: widths, heights, and slopes between the bins; zeros give the identity.
        inverse: go the other way.

    Returns:
        The new values, and the logarithm of their derivative.
    """
    bins = (told.shape[-1] + 1) // 3
    widths, heights, slopes = jnp.split(told, [bins, 2 * bins], axis=-1)
    x_knots, y_knots = _knots(widths), _knots(heights)
    steep = _LEAST + (1 - _LEAST) * jax.nn.softplus(slopes + np.log(np.e - 1))
    steep = jnp.concatenate([jnp.ones_like(steep[..., :1]), steep, jnp.ones_like(steep[..., :1])], axis=-1)
    inside = (values > -_REACH) & (values < _REACH)
    held = jnp.where(inside, values, 0.0)
    knots = y_knots if inverse else x_knots
    place = jnp.sum(held[..., None] >= knots[..., 1:-1], axis=-1)

    def at(array: Array, offset: int = 0) -> Array:
        return jnp.take_along_axis(array, (place + offset)[..., None], axis=-1)[..., 0]

    left, width = at(x_knots), at(x_knots, 1) - at(x_knots)
    low, height = at(y_knots), at(y_knots, 1) - at(y_knots)
    slope, begin, end = height / width, at(steep), at(steep, 1)
    if inverse:
        rise = held - low
        a = height * (slope - begin) + rise * (begin + end - 2 * slope)
        b = height * begin - rise * (begin + end - 2 * slope)
        c = -slope * rise
        # Positive but for rounding; at zero the root would have no derivative.
        share = 2 * c / (-b - jnp.sqrt(jnp.maximum(b**2 - 4 * a * c, jnp.finfo(b.dtype).tiny)))
    else:
        share = (held - left) / width
    mixed = share * (1 - share)
    below = slope + (begin + end - 2 * slope) * mixed
    slope_here = slope**2 * (end * share**2 + 2 * slope * mixed + begin * (1 - share) ** 2) / below**2
    if inverse:
        new, log_slope = left + share * width, -jnp.log(slope_here)
    else:
        new, log_slope = low + height * (slope * share**2 + begin * mixed) / below, jnp.log(slope_here)
    return jnp.where(inside, new, values), jnp.where(inside, log_slope, 0.0)


def _knots(told: Array) -> Array:
    """Ends of the bins, from -4 to 4, rising."""
    count: Any = told.shape[-1]
    shares = _LEAST + (1 - _LEAST * count) * jax.nn.softmax(told, axis=-1)
    rising = jnp.cumsum(shares, axis=-1)[..., :-1]
    ends = jnp.zeros_like(rising[..., :1])
    return 2 * _REACH * jnp.concatenate([ends, rising, ends + 1], axis=-1) - _REACH
