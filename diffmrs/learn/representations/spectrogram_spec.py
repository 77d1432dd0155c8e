"""The spectrogram as what a network is fed, in the place of an `InputSpec`."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn.inputs import NetworkInput
from diffmrs.learn.representations.picture import Picture, check_whole, tame
from diffmrs.learn.representations.spectrogram import ShortTime, diagonal, stft


@dataclass(frozen=True)
class SpectrogramSpec(Picture):
    """Short-time spectra: rows frequency (ppm falling), columns frames, channels real and imaginary part.

    The defaults are the input of Rizzo et al. 2023 (4 kHz, 3 T): 32 frames in 192 ms, 1024 frequencies, of which the
    diagonal undersampling keeps 128 per frame. Their code is not public: where the range starts and the order of the
    diagonal are choices of ours.

    Frames are divided by the root of the sum of the squared window, so that their noise is that of the samples.

    Besides the fields of `Picture`:

    Attributes:
        short_time: window, hop and zero fill.
        n_frames: how many frames, from the first; None for as many as reach over the FID.
        ppm_range: what is fed of each frame, ppm; None for all.
        undersampling: one frequency in so many is kept, another in each frame; 1 keeps all.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    short_time: ShortTime = field(default_factory=ShortTime)
    n_frames: int | None = 32
    ppm_range: tuple[float, float] | None = (-0.25, 5.3)
    undersampling: int = 8

    def __post_init__(self) -> None:
        check_whole("undersampling", self.undersampling)
        if self.n_frames is not None:
            check_whole("n_frames", self.n_frames)
        super().__post_init__()

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, int, int]:
        """Frequencies, frames and channels of what is fed.

        Raises:
            InputError: the number of samples is unknown, or the spectrum does not reach over `ppm_range`.
        """
        frames = self.n_frames
        if frames is None:
            if n_points is None:
                raise InputError(
                    "the spectrogram reaches over the whole FID; say how many samples there are (n_points)"
                )
            frames = self.short_time.covering(n_points)
        window = self._window(acquisition)
        return (window.stop - window.start) // self.undersampling, frames, self.channels

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """What a network is fed of one FID; arguments as those of `diffmrs.learn.network_input`."""
        frames = stft(tame(fid), self.short_time, self.n_frames)[self._window(acquisition)]
        fed = diagonal(frames, self.undersampling) / float(np.linalg.norm(self.short_time.weights))
        return self.packed(self.split(fed), noise_sd, fid.shape[0])

    def _window(self, acquisition: Acquisition) -> slice:
        count = self.short_time.n_frequencies
        return slice(0, count) if self.ppm_range is None else acquisition.window(count, self.ppm_range)
