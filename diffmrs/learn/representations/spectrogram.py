"""Short-time Fourier transform of a FID, its inverse, and the diagonal undersampling of Rizzo et al. 2023."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.errors import InputError

# Generalised cosine windows a - (1 - a) cos(2 pi n / length).
_COSINE = {"hamming": 0.54, "hann": 0.5}
# Samples that the windows weigh less than this share of the most are not recovered: rounding would be all there is.
_LEAST = 1e-9


@dataclass(frozen=True)
class ShortTime:
    """How frames are cut and windowed. The defaults are those of Rizzo et al. 2023.

    Attributes:
        length: of the window, samples.
        hop: from the start of one frame to that of the next, samples.
        n_frequencies: points of the Fourier transform of a frame; what is above `length` is zero fill.
        window: `"hamming"` or `"hann"`, periodic.

    Raises:
        InputError: unknown window, or numbers out of range.
    """

    length: int = 1024
    hop: int = 24
    n_frequencies: int = 6000
    window: str = "hamming"

    def __post_init__(self) -> None:
        if self.window not in _COSINE:
            raise InputError(f"window is {self.window!r}; it must be one of {', '.join(_COSINE)}")
        for name, low, high in (("length", 2, None), ("hop", 1, self.length), ("n_frequencies", self.length, None)):
            found = getattr(self, name)
            if not isinstance(found, int) or isinstance(found, bool) or found < low or (high and found > high):
                limits = f"at least {low}" + (f" and at most {high} (length)" if high else "")
                raise InputError(
                    f"{name} of the short-time transform is {found!r}; it must be a whole number, {limits}"
                )

    @property
    def weights(self) -> np.ndarray:
        """The window. [length]"""
        share = _COSINE[self.window]
        return share - (1 - share) * np.cos(2 * np.pi * np.arange(self.length) / self.length)

    def covering(self, n_points: int) -> int:
        """How many frames reach over a FID of `n_points`; the last ends in zeros."""
        return max(0, -(-(n_points - self.length) // self.hop)) + 1

    def samples(self, n_frames: int) -> np.ndarray:
        """Which samples of the FID a frame is made of. [frames, length]"""
        return self.hop * np.arange(n_frames)[:, None] + np.arange(self.length)[None]


def stft(
    fid: Complex[Array, " points"], short_time: ShortTime, n_frames: int | None = None
) -> Complex[Array, "frequencies frames"]:
    r"""Spectra of windowed frames, frequency rising (ppm falling) along the rows.

    $$X_{km} = \sum_{n=0}^{L-1} w_n\, s_{mH+n}\, e^{-2\pi i kn/K}$$

    Frame $m$ starts at sample $mH$ and its phase counts from there; none starts before the first sample. The FID goes
    on with zeros after its end. No sample is halved, and there is no scale factor.

    Args:
        fid: all its samples.
        short_time: window length $L$, hop $H$, frequencies $K$.
        n_frames: from the first; as many as reach over the FID when absent.

    Raises:
        InputError: `n_frames` is not at least 1.
    """
    count = short_time.covering(fid.shape[0]) if n_frames is None else n_frames
    if count < 1:
        raise InputError(f"n_frames is {n_frames}; it must be at least 1")
    samples = short_time.samples(count)
    longer = jnp.pad(fid, (0, max(0, int(samples[-1, -1]) + 1 - fid.shape[0])))
    framed = longer[samples] * jnp.asarray(short_time.weights, fid.real.dtype)[None]
    return jnp.fft.fftshift(jnp.fft.fft(framed, short_time.n_frequencies, axis=1), axes=1).T


def inverse_stft(
    frames: Complex[Array, "frequencies frames"], short_time: ShortTime, n_points: int
) -> Complex[Array, " points"]:
    r"""FID of a short-time transform: the one whose frames are nearest, by weighted overlap-add.

    $s_n = \sum_m w_{n-mH}\, x_{m,n-mH} \big/ \sum_m w_{n-mH}^2$ (Griffin & Lim 1984): exact where the sum of
    the squared windows is above zero, which leaves out the samples after the last frame and, with the Hann window, the
    very first. Those are zero.

    Args:
        frames: as `stft` gives them.
        short_time: as given to `stft`.
        n_points: samples wanted.

    Raises:
        InputError: the number of frequencies is another.
    """
    if frames.shape[0] != short_time.n_frequencies:
        raise InputError(f"there are {frames.shape[0]} frequencies, but the transform has {short_time.n_frequencies}")
    samples = short_time.samples(frames.shape[1])
    total = max(n_points, int(samples[-1, -1]) + 1)
    weights = short_time.weights
    covered = np.zeros(total)
    np.add.at(covered, samples, np.broadcast_to(weights[None] ** 2, samples.shape))
    usable = covered > _LEAST * covered.max()
    share = np.where(usable, 1 / np.where(usable, covered, 1), 0)
    framed = jnp.fft.ifft(jnp.fft.ifftshift(frames.T, axes=1), axis=1)[:, : short_time.length]
    framed = framed * jnp.asarray(weights, frames.real.dtype)[None]
    added = jnp.zeros(total, frames.dtype).at[samples].add(framed)
    return (added * jnp.asarray(share, frames.real.dtype))[:n_points]


def diagonal(frames: Complex[Array, "frequencies frames"], step: int) -> Complex[Array, "rows frames"]:
    """Every `step`-th frequency, one further on in each frame: row `j` of frame `m` is frequency `step j + m mod step`.

    Any `step` frames side by side hold every frequency once. Frequencies that do not fill a row are left out.
    """
    n_rows = frames.shape[0] // step
    kept = step * np.arange(n_rows)[:, None] + (np.arange(frames.shape[1]) % step)[None]
    return jnp.take_along_axis(frames, jnp.asarray(kept), axis=0)
