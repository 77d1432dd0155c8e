"""Spectrogram, scalogram and scattering as what a network is fed, in the place of an `InputSpec`.

Arrays have rows, columns and channels. A FID of zeros, or with a sample that is no number, becomes zeros.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Num

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn.inputs import NetworkInput, checked_common, checked_range, input_scale, noise_level, used_points
from diffmrs.learn.representations.scalogram import Morse, scalogram
from diffmrs.learn.representations.scattering import Scattering, scatter
from diffmrs.learn.representations.spectrogram import ShortTime, diagonal, stft

PARTS = ("complex", "modulus")


@dataclass(frozen=True)
class SpectrogramSpec:
    """Short-time spectra: rows frequency (ppm falling), columns frames, channels real and imaginary part.

    The defaults are the input of Rizzo et al. 2023 (4 kHz, 3 T): 32 frames in 192 ms, 1024 frequencies, of which the
    diagonal undersampling keeps 128 per frame. Their code is not public: where the range starts and the order of the
    diagonal are choices of ours.

    Frames are divided by the root of the sum of the squared window, so that their noise is that of the samples.

    Attributes:
        short_time: window, hop and zero fill.
        n_frames: how many frames, from the first; None for as many as reach over the FID.
        ppm_range: what is fed of each frame, ppm; None for all.
        undersampling: one frequency in so many is kept, another in each frame; 1 keeps all.
        parts: `"complex"` feeds real and imaginary part, `"modulus"` one channel.
        scale: as in `InputSpec`.
        unit: as in `InputSpec`.
        with_noise: adds a channel with the logarithm of the noise standard deviation of a sample of the FID.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    short_time: ShortTime = field(default_factory=ShortTime)
    n_frames: int | None = 32
    ppm_range: tuple[float, float] | None = (-0.25, 5.3)
    undersampling: int = 8
    parts: str = "complex"
    scale: str = "none"
    unit: float = 1.0
    with_noise: bool = False

    def __post_init__(self) -> None:
        _check_parts(self.parts)
        _check_whole("undersampling", self.undersampling)
        if self.n_frames is not None:
            _check_whole("n_frames", self.n_frames)
        _check(self, self.ppm_range)

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
        return (window.stop - window.start) // self.undersampling, frames, _channels(self.parts, self.with_noise)

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """What a network is fed of one FID; arguments as those of `diffmrs.learn.network_input`."""
        frames = stft(_tame(fid), self.short_time, self.n_frames)[self._window(acquisition)]
        fed = diagonal(frames, self.undersampling) / float(np.linalg.norm(self.short_time.weights))
        return _packed(_split(fed, self.parts), noise_sd, fid, self)

    def _window(self, acquisition: Acquisition) -> slice:
        count = self.short_time.n_frequencies
        return slice(0, count) if self.ppm_range is None else acquisition.window(count, self.ppm_range)


@dataclass(frozen=True)
class ScalogramSpec:
    """Wavelet transform: rows centre frequency (ppm falling), columns samples, channels real and imaginary part.

    Attributes:
        morse: the wavelets.
        n_points: how many samples of the FID are used, from the first; None for all.
        stride: one column in so many samples.
        ppm_range: only wavelets with their centre in this range are used, ppm; None for all.
        zero_fill: whether as many zeros follow the FID, so that its end does not reach into its beginning.
        parts: as in `SpectrogramSpec`.
        scale: as in `InputSpec`.
        unit: as in `InputSpec`.
        with_noise: as in `SpectrogramSpec`.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    morse: Morse = field(default_factory=Morse)
    n_points: int | None = None
    stride: int = 1
    ppm_range: tuple[float, float] | None = None
    zero_fill: bool = True
    parts: str = "complex"
    scale: str = "none"
    unit: float = 1.0
    with_noise: bool = False

    def __post_init__(self) -> None:
        _check_parts(self.parts)
        _check_whole("stride", self.stride)
        _check(self, self.ppm_range, self.n_points)

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, int, int]:
        """Wavelets, columns and channels of what is fed.

        Raises:
            InputError: the number of samples is unknown or too small, or no wavelet has its centre in `ppm_range`.
        """
        columns = -(-used_points(self.n_points, n_points) // self.stride)
        return len(self._rows(acquisition)), columns, _channels(self.parts, self.with_noise)

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """What a network is fed of one FID; arguments as those of `diffmrs.learn.network_input`."""
        used = used_points(self.n_points, fid.shape[0])
        padded = jnp.pad(_tame(fid)[:used], (0, used if self.zero_fill else 0))
        fed = scalogram(padded, self.morse, self._rows(acquisition))[:, : used : self.stride]
        return _packed(_split(fed, self.parts), noise_sd, fid, self)

    def _rows(self, acquisition: Acquisition) -> tuple[int, ...]:
        ppm = acquisition.hz_to_ppm(self.morse.centres * acquisition.bandwidth_hz)
        low, high = self.ppm_range or (-np.inf, np.inf)
        rows = np.flatnonzero((ppm >= low) & (ppm <= high))
        if not rows.size:
            raise InputError(f"no wavelet has its centre between {low:g} and {high:g} ppm")
        return tuple(map(int, rows))


@dataclass(frozen=True)
class ScatteringSpec:
    """Scattering: rows paths, columns windows, channels real and imaginary part, each scattered by itself.

    Attributes:
        scattering: the filter banks; the first `scattering.n_points` samples of the FID are used.
        zero_fill: whether as many zeros follow the FID, so that its end does not reach into its beginning; only the
            windows of the FID are fed.
        parts: `"complex"` scatters real and imaginary part, `"modulus"` the modulus of the FID.
        scale: as in `InputSpec`.
        unit: as in `InputSpec`.
        with_noise: as in `SpectrogramSpec`.

    Raises:
        InputError: unknown names, numbers out of range, or fields that do not go together.
    """

    ppm_range: ClassVar[None] = None

    scattering: Scattering = field(default_factory=Scattering)
    zero_fill: bool = False
    parts: str = "complex"
    scale: str = "none"
    unit: float = 1.0
    with_noise: bool = False

    def __post_init__(self) -> None:
        _check_parts(self.parts)
        _check(self, None)

    def shape(self, acquisition: Acquisition, n_points: int | None = None) -> tuple[int, int, int]:
        """Paths, windows and channels of what is fed.

        Raises:
            InputError: the FID is shorter than the scattering.
        """
        used_points(self.scattering.n_points, n_points)
        return len(self.scattering.paths), self.scattering.n_windows, _channels(self.parts, self.with_noise)

    def feed(
        self, fid: Complex[Array, " points"], noise_sd: Float[Array, ""], acquisition: Acquisition
    ) -> NetworkInput:
        """What a network is fed of one FID; arguments as those of `diffmrs.learn.network_input`."""
        one = self.scattering
        used = _tame(fid)[: used_points(one.n_points, fid.shape[0])]
        if self.zero_fill:
            one, used = one.twice(), jnp.pad(used, (0, used.shape[0]))
        signals = _split(used[None], self.parts)[0]
        found = jax.vmap(lambda signal: scatter(signal, one), in_axes=1, out_axes=2)(signals)
        return _packed(found[:, : self.scattering.n_windows], noise_sd, fid, self)


Spec = SpectrogramSpec | ScalogramSpec | ScatteringSpec


def _tame(fid: Complex[Array, " points"]) -> Complex[Array, " points"]:
    return jnp.where(jnp.all(jnp.isfinite(fid)), fid, 0)


def _split(values: Complex[Array, "rows columns"], parts: str) -> Float[Array, "rows columns parts"]:
    return jnp.abs(values)[..., None] if parts == "modulus" else jnp.stack([values.real, values.imag], axis=-1)


def _packed(
    fed: Float[Array, "rows columns parts"], noise_sd: Float[Array, ""], fid: Num[Array, " points"], spec: Spec
) -> NetworkInput:
    """Scaled, and with the noise when the specification says so."""
    scale = input_scale(jnp.sum(fed**2, axis=-1), spec.scale, spec.unit)
    signal = fed / scale
    if spec.with_noise:
        level = noise_level(noise_sd, scale, fid.shape[0])
        signal = jnp.concatenate([signal, jnp.full((*fed.shape[:2], 1), level)], axis=-1)
    return NetworkInput(signal, scale)


def _channels(parts: str, with_noise: bool) -> int:
    return (1 if parts == "modulus" else 2) + with_noise


def _check(spec: Spec, ppm_range: object, n_points: object = None) -> None:
    object.__setattr__(spec, "unit", checked_common(spec.scale, spec.unit, spec.with_noise, n_points))
    if ppm_range is not None:
        object.__setattr__(spec, "ppm_range", checked_range(ppm_range))


def _check_parts(parts: object) -> None:
    if parts not in PARTS:
        raise InputError(f"parts of the input are {parts!r}; they must be one of {', '.join(PARTS)}")


def _check_whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} of the input is {value!r}; it must be a whole number, at least 1")
