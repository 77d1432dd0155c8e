"""Scattering as what a network is fed, in the place of an `InputSpec`."""

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.learn.inputs import NetworkInput, used_points
from diffmrs.learn.representations.picture import Picture, tame
from diffmrs.learn.representations.scattering import Scattering, scatter


@dataclass(frozen=True)
class ScatteringSpec(Picture):
    """Scattering: rows paths, columns windows, channels real and imaginary part, each scattered by itself.

    Besides the fields of `Picture`:

    Attributes:
        scattering: the filter banks; the first `scattering.n_points` samples of the FID are used.
        zero_fill: whether as many zeros follow the FID, so that its end does not reach into its beginning; only the
            windows of the FID are fed.
        parts: `"complex"` scatters real and imaginary part, `"modulus"` the modulus of the FID.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    ppm_range: ClassVar[None] = None

    scattering: Scattering = field(default_factory=Scattering)
    zero_fill: bool = False

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, int, int]:
        """Paths, windows and channels of what is fed.

        Raises:
            InputError: the FID is shorter than the scattering.
        """
        used_points(self.scattering.n_points, n_points)
        return len(self.scattering.paths), self.scattering.n_windows, self.channels

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """What a network is fed of one FID; arguments as those of `diffmrs.learn.network_input`."""
        one = self.scattering
        used = tame(fid)[: used_points(one.n_points, fid.shape[0])]
        if self.zero_fill:
            one, used = one.twice(), jnp.pad(used, (0, used.shape[0]))
        signals = self.split(used[None])[0]
        found = jax.vmap(lambda signal: scatter(signal, one), in_axes=1, out_axes=2)(signals)
        return self.packed(found[:, : self.scattering.n_windows], noise_sd, fid.shape[0])
