"""One measured or simulated FID as a learned estimator meets it: what the network sees, and what its decoder compares.

Data of unknown scale are divided by a scale of their own. Their amplitudes are then those of the population times a
gain, which is a coordinate like the others.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.learn.decoder import Decoder
from diffmrs.learn.examples import Example
from diffmrs.learn.inputs import Representation
from diffmrs.pytree import container


class Seen(NamedTuple):
    """One FID, scaled."""

    signal: Float[Array, "*samples channels"]  # for the network
    observed: Complex[Array, " window"]  # for the decoder
    noise_sd: Float[Array, ""]  # of the real part of `observed`
    scale: Float[Array, ""]  # what the FID was divided by
    z: Float[Array, " size"] | None  # true coordinates
    usable: Bool[Array, ""]  # whether FID, noise and truth are finite and not nothing; if not, all above is tame


@container(static=("spec",))
@dataclass(frozen=True)
class Scene:
    """How FIDs are seen, and by which decoder they are explained.

    A `spec` that divides each FID by a scale of its own hides from the network how large it is: give the coordinates a
    gain then, or amplitudes can only be told as well as the population knows them.

    Attributes:
        spec: what the network is fed: an `InputSpec`, or one of `diffmrs.learn.representations`.
        decoder: what its numbers mean.
    """

    spec: Representation
    decoder: Decoder

    def see(self, example: Example) -> Seen:
        """One FID."""
        latent = self.decoder.latent
        fed = self.spec.feed(example.fid, example.noise_sd, latent.model.acquisition)
        usable = jnp.all(jnp.isfinite(example.fid)) & jnp.any(example.fid != 0)
        usable &= jnp.isfinite(example.noise_sd) & (example.noise_sd > 0)
        z = example.z
        if z is not None:
            usable &= jnp.all(jnp.isfinite(z))
            z = jnp.where(usable, z, 0)
        # As the network input does, the whole FID is replaced: no infinity may reach the gradient of a batch.
        fid, noise_sd = jnp.where(usable, example.fid, 0), jnp.where(usable, example.noise_sd, 1)
        if latent.gain is None:
            scale = jnp.ones_like(fed.scale)
            return Seen(fed.signal, self.decoder.observed(fid), noise_sd, scale, z, usable)
        if z is not None:
            gain = latent.block("gain")
            known = latent.gain.from_normal(z[gain]) / fed.scale[None]
            z = z.at[gain].set(latent.gain.to_normal(known).astype(z.dtype))
        fid = fid / fed.scale.astype(fid.dtype)
        return Seen(fed.signal, self.decoder.observed(fid), noise_sd / fed.scale, fed.scale, z, usable)
