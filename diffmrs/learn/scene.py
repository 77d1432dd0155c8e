"""One measured or simulated FID as a learned estimator meets it: what the network sees, and what its decoder compares.

Data of unknown scale are divided by a scale of their own. Their amplitudes are then those of the population times a
gain, which is a coordinate like the others.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.learn.decoder import Decoder
from diffmrs.learn.examples import Example
from diffmrs.learn.inputs import InputSpec, network_input
from diffmrs.pytree import container


class Seen(NamedTuple):
    """One FID, scaled."""

    signal: Float[Array, "samples channels"]  # for the network
    observed: Complex[Array, " window"]  # for the decoder
    noise_sd: Float[Array, ""]  # of the real part of `observed`
    scale: Float[Array, ""]  # what the FID was divided by
    z: Float[Array, " size"] | None  # true coordinates


@container(static=("spec",))
@dataclass(frozen=True)
class Scene:
    """How FIDs are seen, and by which decoder they are explained.

    Attributes:
        spec: what the network is fed.
        decoder: what its numbers mean.
    """

    spec: InputSpec
    decoder: Decoder

    def see(self, example: Example) -> Seen:
        """One FID."""
        latent = self.decoder.latent
        fed = network_input(example.fid, example.noise_sd, self.spec, latent.model.acquisition)
        if latent.gain is None:
            return Seen(
                fed.signal, self.decoder.observed(example.fid), example.noise_sd, jnp.ones_like(fed.scale), example.z
            )
        z = example.z
        if z is not None:
            gain = latent.block("gain")
            known = latent.gain.from_normal(z[gain]) / fed.scale[None]
            z = z.at[gain].set(latent.gain.to_normal(known))
        fid = jnp.where(jnp.isfinite(example.fid), example.fid, 0) / fed.scale.astype(example.fid.dtype)
        return Seen(fed.signal, self.decoder.observed(fid), example.noise_sd / fed.scale, fed.scale, z)
