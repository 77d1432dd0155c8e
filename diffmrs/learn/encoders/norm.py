"""Batch norm that knows from the randomness it is given whether it is in training."""

import jax
from flax import nnx
from jaxtyping import Array, Float


class BatchNorm(nnx.Module):
    """Batch norm (Ioffe & Szegedy 2015) over all axes but the last.

    With a stream `batch` in `rngs`, as losses give it in training, values are normalised by their own batch, whose mean
    and variance join a running mean. Without it, dropout on or off, the running mean counts: a spectrum is then encoded
    alike in any company.
    """

    def __init__(self, width: int, rngs: nnx.Rngs, momentum: float = 0.99) -> None:
        self.norm = nnx.BatchNorm(width, momentum=momentum, epsilon=1e-3, rngs=rngs)

    def __call__(self, values: Float[Array, "*batch width"], rngs: nnx.Rngs | None) -> Float[Array, "*batch width"]:
        """The values, normalised."""
        normed: jax.Array = self.norm(values, use_running_average=rngs is None or "batch" not in rngs)
        return normed
