"""A projection on the few directions in which spectra differ, then a small perceptron."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.learn.encoders.mlp import MLP, Layers
from diffmrs.learn.encoders.parts import (
    ACTIVATIONS,
    PRECISIONS,
    Shape,
    check_choice,
    check_counts,
    check_rate,
    check_shape,
    over_batch,
    precision_of,
)


class Fixed(nnx.Variable):
    """Numbers of a network that are set once and not trained."""


@dataclass(frozen=True)
class Subspace:
    """Coordinates in a fixed subspace, which must be set before training, then fully connected layers.

    Spectra of one protocol lie, but for the noise, near a subspace of a few dozen dimensions, so most of the weights
    of the first layer of a perceptron have nothing to learn; here they are computed (`subspace_of`). Until
    `set_directions` is called the directions are random ones.

    Attributes:
        n_components: dimensions of the subspace.
        widths: of the fully connected layers.
        activation: `"gelu"`, `"relu"`, `"elu"`, `"silu"` or `"tanh"`.
        dropout: share of the values after each activation that is set to zero in training.
        precision: what is computed in: `"input"` (as the input), `"float32"`, `"bfloat16"` or `"float64"`.
    """

    n_components: int = 64
    widths: tuple[int, ...] = (256, 256)
    activation: str = "gelu"
    dropout: float = 0.0
    precision: str = "input"

    def __post_init__(self) -> None:
        check_counts(self, "n_components", "widths")
        check_rate(self, "dropout")
        check_choice(self, "activation", tuple(ACTIVATIONS))
        check_choice(self, "precision", PRECISIONS)

    def build(self, shape: Shape, rngs: nnx.Rngs) -> "SubspaceEncoder":
        """The network for an input of that shape, with random directions.

        Raises:
            InputError: there are more components than numbers in the input.
        """
        check_shape(self, shape)
        samples, channels = shape
        if self.n_components > samples * channels:
            raise InputError(
                f"a subspace of {self.n_components} dimensions is asked of {samples} samples x {channels} channels"
            )
        return SubspaceEncoder(self, samples, channels, rngs)


class SubspaceEncoder(nnx.Module):
    """What `Subspace` describes."""

    def __init__(self, spec: Subspace, samples: int, channels: int, rngs: nnx.Rngs) -> None:
        self.spec = spec
        self.n_features = spec.widths[-1]
        types = precision_of(spec.precision)
        shape = (samples, channels, spec.n_components)
        directions = jax.random.normal(rngs.params(), shape, types["param_dtype"]) / np.sqrt(samples * channels)
        self.mean = Fixed(jnp.zeros(shape[:2], types["param_dtype"]))
        self.matrix = Fixed(directions)
        layers = MLP(spec.widths, spec.activation, spec.dropout, False, spec.precision)
        self.layers = Layers(spec.n_components, layers, rngs)

    def set_directions(
        self, mean: Float[Array, "samples channels"], matrix: Float[Array, "samples channels components"]
    ) -> None:
        """Set what is subtracted from a signal, and the directions whose products with the rest are the coordinates.

        Raises:
            InputError: the shapes are not those of the network, or the numbers not all finite.
        """
        for name, found, kept in (("mean", mean, self.mean), ("matrix", matrix, self.matrix)):
            if found.shape != kept[...].shape:
                raise InputError(f"{name} of a subspace has shape {found.shape}; it must be {kept[...].shape}")
            if not np.isfinite(found).all():
                raise InputError(f"{name} of a subspace holds numbers that are not finite")
            kept[...] = jnp.asarray(found, kept[...].dtype)

    def coordinates(self, signal: Float[Array, "batch samples channels"]) -> Float[Array, "batch components"]:
        """Coordinates of signals in the subspace, in float32 or better."""
        rest = signal - self.mean[...][None]
        flat = self.matrix[...].reshape(-1, self.spec.n_components)
        return rest.reshape(rest.shape[0], -1) @ flat

    def __call__(
        self, signal: Float[Array, "*batch samples channels"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch features"]:
        """Features of the signal; `rngs` (stream `dropout`) turns dropout on."""
        return over_batch(lambda signal: self.layers(self.coordinates(signal), rngs=rngs), signal)


def subspace_of(
    signals: Float[Array | np.ndarray, "examples samples channels"], n_components: int
) -> tuple[Float[Array, "samples channels"], Float[Array, "samples channels components"]]:
    """Mean of example signals, and the directions in which they differ most, for `SubspaceEncoder.set_directions`.

    The directions are eigenvectors of the covariance, each divided by the standard deviation along it, so that the
    coordinates of the examples have mean 0, variance 1 and no correlation. Computed by NumPy in float64, once.

    Args:
        signals: what the network will be fed, noise included.
        n_components: how many directions.

    Raises:
        InputError: the examples are too few or differ in fewer directions, or are not finite.
    """
    examples = np.asarray(signals, np.float64)
    count, samples, channels = examples.shape
    if not np.isfinite(examples).all():
        raise InputError("the examples of a subspace hold numbers that are not finite")
    mean = examples.mean(axis=0)
    rest = (examples - mean).reshape(count, -1)
    tall = count >= rest.shape[1]  # the smaller of the two products has the same eigenvalues
    variances, vectors = np.linalg.eigh((rest.T @ rest if tall else rest @ rest.T) / count)
    variances, vectors = variances[::-1][:n_components], vectors[:, ::-1][:, :n_components]
    found = int(np.sum(variances > 1e-12 * variances[0])) if variances.size else 0
    if not 1 <= n_components <= found:
        raise InputError(f"{n_components} directions are asked of {count} examples that differ in {found}")
    if not tall:
        vectors = rest.T @ vectors / np.sqrt(count * variances)
    matrix = (vectors / np.sqrt(variances)).reshape(samples, channels, n_components)
    return jnp.asarray(mean, jnp.zeros(()).dtype), jnp.asarray(matrix, jnp.zeros(()).dtype)
