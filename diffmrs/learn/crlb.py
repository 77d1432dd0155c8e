r"""The Cramér-Rao bound at what a network answers, with every parameter that varies as a nuisance.

With the derivative D of the whitened model in all coordinates z and G that of the amplitudes, the bound is
$G (D^\top D)^{-1} G^\top$; coordinates do not matter for it. With the information of the prior, a unit matrix in these
coordinates, it is the variance of Laplace's approximation. A bound over amplitudes alone, with shift, width and phase
held fixed, is too small. None of the two knows how far the network's answer is from the truth.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.learn.decoder import Decoder
from diffmrs.model.fisher import covariance_bound


def amplitude_bound(
    z: Float[Array, " size"], noise_sd: Float[Array, ""], decoder: Decoder, *, prior: bool = False
) -> Float[Array, "members members"]:
    """Bound on the covariance of the amplitudes.

    Args:
        z: coordinates of one spectrum, such as a network's answer.
        noise_sd: standard deviation of the noise in the real part of the spectrum.
        decoder: the model. A factor on all amplitudes among the coordinates is held, as it tells nothing that the
            amplitudes do not.
        prior: add the information of the prior.

    Returns:
        Covariance in the units of the amplitudes. Very large where data and prior know nothing.
    """
    latent = decoder.latent
    _, columns = decoder.jacobian(z, noise_sd)
    free = latent.size - (latent.gain is not None and not prior)
    information = columns[:, :free].T @ columns[:, :free]
    if prior:
        information = information + jnp.eye(free, dtype=z.dtype)
    slope = jax.jacfwd(lambda z: latent.parameters(z).amplitude)(z)[:, :free]
    return slope @ covariance_bound(information) @ slope.T


def amplitude_bound_sd(
    z: Float[Array, " size"], noise_sd: Float[Array, ""], decoder: Decoder, *, prior: bool = False
) -> Float[Array, " members"]:
    """Root of the diagonal of `amplitude_bound`: the least SD of each amplitude."""
    return jnp.sqrt(jnp.maximum(jnp.diagonal(amplitude_bound(z, noise_sd, decoder, prior=prior)), 0.0))
