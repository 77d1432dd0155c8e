r"""The physics behind every encoder: coordinates to parameters to spectrum, and how well that explains data.

With noise of known standard deviation σ, and coordinates z that are standard normal in the population (`Latent`),

$$-\log p(z \mid x) = \tfrac12 \lVert W^{1/2} (s(z) - x) / \sigma \rVert^2 + \tfrac12 \lVert z \rVert^2 + \text{const}$$

s is `diffmrs.model`, and W takes off what a baseline with a Gaussian prior can follow (`diffmrs.fitting.smooth`). It is
a sum of squares: the fitter's solver finds its minimum, and a network may be trained on it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.fitting.coordinates import stacked_rows, to_vector
from diffmrs.fitting.smooth import off_baseline, smoother_for, stack
from diffmrs.learn.latent import Latent
from diffmrs.model.jacobian import predict_and_split_jacobian
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict_metabolites
from diffmrs.model.split import Split, split
from diffmrs.pytree import container

_TINY = 1e-30


class Prior(NamedTuple):
    """A Gaussian that coordinates are drawn to, when it is not that of the population (mean 0, precision 1)."""

    centre: Float[Array, "*batch size"]
    log_precision: Float[Array, "*batch size"]  # natural logarithm of one over the variance


@container(static=("model",))
@dataclass(frozen=True)
class Decoder:
    """From coordinates to residuals; make it with `decoder_for`.

    Attributes:
        latent: the coordinates.
        basis_fid: of the members, reduced to the band of `model`. [members, samples]
        model: the fixed part of the signal model, for the window that is compared.
        stiffness: of the baseline, in units of the noise; without effect where the model has none.
    """

    latent: Latent
    basis_fid: Split
    model: SignalModel
    stiffness: jax.Array

    def spectrum(self, z: Float[Array, " size"]) -> Complex[Array, " window"]:
        """The metabolites in the window, in the units of the basis times the gain."""
        return predict_metabolites(self.latent.parameters(z), self.basis_fid, self.model)

    def observed(self, fid: Complex[Array, " points"]) -> Complex[Array, " window"]:
        """What of a measured FID is compared: its spectrum in the window."""
        return spectrum_of(fid)[slice(*self.model.window)]

    def misfit(
        self, parameters: Parameters, observed: Complex[Array, " window"], noise_sd: Float[Array, ""]
    ) -> Float[Array, " twice"]:
        """Model minus data in units of the noise, the baseline taken off; real parts, then imaginary parts."""
        predicted = predict_metabolites(parameters, self.basis_fid, self.model)
        return self._whitened(predicted - observed, noise_sd)

    def residual(
        self,
        z: Float[Array, " size"],
        observed: Complex[Array, " window"],
        noise_sd: Float[Array, ""],
        prior: Prior | None = None,
    ) -> Float[Array, " rows"]:
        """Everything whose squares are summed: the misfit, then how far the prior finds the coordinates off.

        Args:
            z: coordinates.
            observed: the data, from `observed`.
            noise_sd: standard deviation of the noise in the real part of the spectrum.
            prior: of the coordinates; that of the population when absent.
        """
        pull, _ = _pull(z, prior)
        return jnp.concatenate([self.misfit(self.latent.parameters(z), observed, noise_sd), pull])

    def linearised(
        self,
        z: Float[Array, " size"],
        observed: Complex[Array, " window"],
        noise_sd: Float[Array, ""],
        prior: Prior | None = None,
    ) -> tuple[Float[Array, " rows"], Float[Array, "rows size"]]:
        """The residual and its derivative in the coordinates, by the written derivative of the model."""
        misfit, jacobian = self.jacobian(z, noise_sd)
        off = misfit - self._whitened(observed, noise_sd)
        pull, root = _pull(z, prior)
        return jnp.concatenate([off, pull]), jnp.concatenate([jacobian, jnp.diag(root)])

    def jacobian(
        self, z: Float[Array, " size"], noise_sd: Float[Array, ""]
    ) -> tuple[Float[Array, " twice"], Float[Array, "twice size"]]:
        """The model in units of the noise, the baseline taken off, and its derivative in the coordinates."""
        parameters = self.latent.parameters(z)
        predicted, real, imag = predict_and_split_jacobian(parameters, self.basis_fid, self.model)
        inner = jax.jacfwd(lambda z: to_vector(self.latent.parameters(z)))(z)
        size = jnp.maximum(noise_sd, _TINY)
        columns = stacked_rows(real, imag, jnp.asarray(self.model.whitening, z.dtype)) / size
        smoother = smoother_for(self.model, jnp.asarray(self.stiffness, z.dtype))
        return self._whitened(predicted.joined, noise_sd), off_baseline(inner.T @ columns, smoother).T

    def _whitened(self, values: Array, noise_sd: Array) -> Array:
        smoother = smoother_for(self.model, jnp.asarray(self.stiffness, noise_sd.dtype))
        return off_baseline(stack(values / jnp.maximum(noise_sd, _TINY), self.model), smoother)


def _pull(z: Array, prior: Prior | None) -> tuple[Array, Array]:
    """Distance from the middle of the prior in its standard deviations, and the derivative. [size] each"""
    if prior is None:
        return z, jnp.ones_like(z)
    root = jnp.exp(0.5 * prior.log_precision)
    return root * (z - prior.centre), root


def decoder_for(basis: Basis, latent: Latent, *, stiffness: float = 1.0, margin_ppm: float = 0.3) -> Decoder:
    """The decoder of a basis and coordinates.

    Args:
        basis: sampled as the model of `latent` says, its members in that order.
        latent: from `latent_for`.
        stiffness: of the baseline of the model, in units of the noise; small for a limp one.
        margin_ppm: lines up to this far outside the window may be shifted into it, ppm.

    Raises:
        InputError: the basis is not the one of the model, or the stiffness is not positive and finite.
    """
    model = latent.model
    if len(basis.names) != len(model.groups) or basis.n_points != model.n_points:
        raise InputError(
            f"the basis has {len(basis.names)} members of {basis.n_points} points, but the model is for "
            f"{len(model.groups)} of {model.n_points}"
        )
    if basis.acquisition != model.acquisition:
        raise InputError(f"the basis was sampled as {basis.acquisition}, but the model is for {model.acquisition}")
    if not 0 < stiffness < float("inf"):
        raise InputError(f"stiffness is {stiffness}; it must be positive and finite")
    narrow = model.banded(margin_ppm)
    reduced = split(narrow.reduce_fid(jnp.asarray(basis.fid)))
    return Decoder(latent, reduced, narrow, jnp.asarray(stiffness, reduced.real.dtype))
