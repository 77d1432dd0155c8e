"""The scalogram as what a network is fed, in the place of an `InputSpec`."""

from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn.inputs import NetworkInput, used_points
from diffmrs.learn.representations.picture import Picture, check_whole, tame
from diffmrs.learn.representations.scalogram import Morse, scalogram


@dataclass(frozen=True)
class ScalogramSpec(Picture):
    """Wavelet transform: rows centre frequency (ppm falling), columns samples, channels real and imaginary part.

    Besides the fields of `Picture`:

    Attributes:
        morse: the wavelets.
        n_points: how many samples of the FID are used, from the first; None for all.
        stride: one column in so many samples.
        ppm_range: only wavelets with their centre in this range are used, ppm; None for all.
        zero_fill: whether as many zeros follow the FID, so that its end does not reach into its beginning.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    morse: Morse = field(default_factory=Morse)
    n_points: int | None = None
    stride: int = 1
    ppm_range: tuple[float, float] | None = None
    zero_fill: bool = True

    def __post_init__(self) -> None:
        check_whole("stride", self.stride)
        super().__post_init__()

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, int, int]:
        """Wavelets, columns and channels of what is fed.

        Raises:
            InputError: the number of samples is unknown or too small, or no wavelet has its centre in `ppm_range`.
        """
        columns = -(-used_points(self.n_points, n_points) // self.stride)
        return len(self._rows(acquisition)), columns, self.channels

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """What a network is fed of one FID; arguments as those of `diffmrs.learn.network_input`."""
        used = used_points(self.n_points, fid.shape[0])
        padded = jnp.pad(tame(fid)[:used], (0, used if self.zero_fill else 0))
        fed = scalogram(padded, self.morse, self._rows(acquisition))[:, : used : self.stride]
        return self.packed(self.split(fed), noise_sd, fid.shape[0])

    def _rows(self, acquisition: Acquisition) -> tuple[int, ...]:
        ppm = acquisition.hz_to_ppm(self.morse.centres * acquisition.bandwidth_hz)
        low, high = self.ppm_range or (-np.inf, np.inf)
        rows = np.flatnonzero((ppm >= low) & (ppm <= high))
        if not rows.size:
            raise InputError(f"no wavelet has its centre between {low:g} and {high:g} ppm")
        return tuple(map(int, rows))
