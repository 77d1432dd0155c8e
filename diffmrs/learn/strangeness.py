r"""Does a spectrum look like those that a network was trained on? Signs that it does not, and one flag from all.

After a fit or a few Gauss-Newton steps with the decoder, a usual spectrum leaves white noise of the known size, and its
coordinates lie where the population puts them. The limits are not taken from theory but from usual spectra that the
network has not seen, so that the rate of false alarms is what was asked for (`diffmrs.scores.threshold`). What changes
a spectrum by less than its noise no sign can see.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.errors import InputError
from diffmrs.learn.decoder import Decoder
from diffmrs.scores.detection import combined, threshold

_BANDS = 16


class Signs(NamedTuple):
    """Numbers that are large for strange spectra."""

    misfit: Float[Array, "*batch"]  # mean squared residual in units of the noise, about 1
    uneven: Float[Array, "*batch"]  # largest deviation of that in a band, in standard deviations
    structure: Float[Array, "*batch"]  # correlation of neighbouring residuals, in standard deviations
    penalty: Float[Array, "*batch"]  # sum of squared coordinates: distance from the middle of the population
    farthest: Float[Array, "*batch"]  # largest modulus of a coordinate


def signs_of(
    z: Float[Array, " size"], observed: Complex[Array, " window"], noise_sd: Float[Array, ""], decoder: Decoder
) -> Signs:
    """The signs of one spectrum at coordinates that explain it, such as those of a `Mode`.

    Args:
        z: the coordinates. Those of normal distributions tell more than those of ranges, which cannot be left.
        observed: the data, from `Decoder.observed`.
        noise_sd: standard deviation of the noise in the real part of the spectrum.
        decoder: the model.
    """
    rest = decoder.misfit(decoder.latent.parameters(z), observed, noise_sd).reshape(2, -1)
    points = rest.shape[1]
    edges = np.linspace(0, points, min(_BANDS, points) + 1).astype(int)
    count = jnp.asarray(2 * np.diff(edges), rest.dtype)
    below = jnp.concatenate([jnp.zeros(1, rest.dtype), jnp.cumsum(jnp.sum(rest**2, axis=0))])
    power = jnp.diff(below[edges])
    uneven = jnp.max(jnp.abs(power - count) / jnp.sqrt(2 * count))
    together = jnp.sum(rest[:, 1:] * rest[:, :-1]) / jnp.sqrt(jnp.asarray(2.0 * max(points - 1, 1), rest.dtype))
    return Signs(jnp.mean(rest**2), uneven, jnp.abs(together), z @ z, jnp.max(jnp.abs(z)))


@dataclass(frozen=True)
class FeatureSpace:
    """Where the features of usual spectra lie.

    Attributes:
        mean: [features]
        whitening: makes their covariance a unit matrix. [features, features]
    """

    mean: jax.Array
    whitening: jax.Array

    def distance(self, features: Float[Array, "*batch features"]) -> Float[Array, "*batch"]:
        """Mahalanobis distance of features from the usual ones (Lee et al. 2018, NeurIPS, section 2.1)."""
        rest = features - jnp.broadcast_to(self.mean, features.shape)
        return jnp.sqrt(jnp.sum((rest @ self.whitening) ** 2, axis=-1))


def feature_space(features: Any, *, ridge: float = 1e-3) -> FeatureSpace:
    """Mean and covariance of the features of usual spectra.

    Args:
        features: any numbers that a network finds on its way. [spectra, features]
        ridge: variance that counts as none, as a share of the largest.

    Raises:
        InputError: there are fewer than two spectra, or numbers that are not finite.
    """
    found = np.asarray(features, np.float64)
    if found.ndim != 2 or len(found) < 2 or not np.isfinite(found).all():
        raise InputError(f"features have shape {found.shape}; they must be finite numbers [spectra, features]")
    mean = found.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.atleast_2d(np.cov(found.T)))
    variances = np.maximum(variances, ridge * max(variances[-1], 1e-300))
    kept = jnp.zeros(()).dtype
    return FeatureSpace(jnp.asarray(mean, kept), jnp.asarray(vectors / np.sqrt(variances)[None], kept))


@dataclass(frozen=True)
class Flag:
    """What says that a spectrum is strange; make it with `flag_for`.

    Attributes:
        reference: signs of usual spectra. [spectra, signs]
        limit: combined score above which a spectrum is flagged.
    """

    reference: np.ndarray
    limit: float

    def score(self, signs: Any) -> np.ndarray:
        """How strange spectra are: -log10 of their p value by the least likely sign. [spectra]

        Args:
            signs: [spectra, signs]
        """
        return combined(self.reference, signs)

    def __call__(self, signs: Any) -> np.ndarray:
        """Which spectra are strange; one with a sign that is not finite is. [spectra]

        Args:
            signs: [spectra, signs]
        """
        table = np.asarray(signs, np.float64)
        return (self.score(table) > self.limit) | ~np.isfinite(table).all(axis=1)


def flag_for(reference: Any, others: Any, *, false_alarms: float = 0.05) -> Flag:
    """A flag with a known rate of false alarms.

    Args:
        reference: signs of usual spectra, not of the training. [spectra, signs]
        others: of a second set of them, which sets the limit. [spectra, signs]
        false_alarms: at most this share of usual spectra is flagged.

    Raises:
        InputError: the shapes do not fit, or there is nothing finite.
    """
    known = np.asarray(reference, np.float64)
    return Flag(known, threshold(combined(known, others), false_alarms))


def stacked(signs: Signs, *more: Any) -> np.ndarray:
    """Signs of many spectra as a table. [spectra, signs]

    Args:
        signs: [spectra] on every field.
        more: further signs, such as distances of features. [spectra] each
    """
    return np.stack([np.asarray(one, np.float64) for one in (*signs, *more)], axis=-1)
