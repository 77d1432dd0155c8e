"""The part of the band that the fit looks at, as an FID of its own: a tenth of the samples, the same spectrum.

A fit compares some 200 points of a spectrum, but an FID has thousands. Cut to the window and a margin, the spectrum of
a basis member is the spectrum of a slower sampled FID; shifts and widths act on that FID as on the whole one, because
they multiply it in time. Cutting a band out makes an FID ring before its start and after its end, and there it must be
multiplied by the same smooth function: the reduced FID therefore has guard samples at negative times and past the last
sample, which are folded back when it is transformed. A margin that fades out smoothly keeps the ringing short.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.axes import Acquisition

_GUARD_S = 0.06  # ringing has died away by then
_FADE_HZ = 60.0
_TURN_S = 0.02


@dataclass(frozen=True)
class Band:
    """Which points of the whole spectrum are kept, and the samples that stand for them. Hashable.

    Attributes:
        acquisition: sampling of the whole FID.
        n_points: samples of the whole FID.
        first: first point of the band in the whole spectrum.
        n_band: points in the band.
        n_fade: points at either end of the band over which it fades out.
    """

    acquisition: Acquisition
    n_points: int
    first: int
    n_band: int
    n_fade: int

    @property
    def n_guard(self) -> int:
        """Guard samples before time zero, and as many after the last sample."""
        wanted = int(np.ceil(_GUARD_S / (self.n_points * self.acquisition.dwell_time_s) * self.n_band))
        return min(max(wanted, 4), self.n_band // 2)

    @property
    def time_s(self) -> np.ndarray:
        """Times of the reduced samples, s; guard samples included. [n_band + 2 n_guard]

        Negative times level off at 20 ms, where the ringing is small, so that the decay of a broad line, which grows
        backwards in time, stays finite.
        """
        step = self.n_points * self.acquisition.dwell_time_s / self.n_band
        time = step * np.arange(-self.n_guard, self.n_band + self.n_guard)
        return np.where(time < 0, _TURN_S * np.tanh(time / _TURN_S), time)

    def reduced(self, fid: Complex[Array, "*batch points"]) -> Complex[Array, "*batch samples"]:
        """The FID of the band."""
        halved = jnp.concatenate([0.5 * fid[..., :1], fid[..., 1:]], axis=-1)
        # Twice as fine in frequency is twice as long in time: room for the ringing at both ends.
        fine = jnp.fft.fftshift(jnp.fft.fft(halved, 2 * self.n_points, axis=-1), axes=-1)
        begin = 2 * self.first + self.n_points % 2  # frequency 0 is point n // 2 of n, and point n of 2 n
        kept = fine[..., begin : begin + 2 * self.n_band]
        # cos² fades; in NumPy and in the precision of the data
        edge = np.sin(0.5 * np.pi * (np.arange(2 * self.n_fade) + 0.5) / (2 * self.n_fade)) ** 2
        taper = np.concatenate([edge, np.ones(2 * (self.n_band - 2 * self.n_fade)), edge[::-1]])
        taper = taper.reshape((1,) * (fid.ndim - 1) + (-1,))
        long = jnp.fft.ifft(kept * jnp.asarray(taper, fid.real.dtype), axis=-1)
        samples = np.arange(-self.n_guard, self.n_band + self.n_guard) % (2 * self.n_band)
        return long[..., samples]

    def spectrum(self, reduced: Complex[Array, "*batch samples"]) -> Complex[Array, "*batch band"]:
        """The spectrum in the band, in the units of `diffmrs.axes.spectrum_of`; the margins are faded."""
        guard, n = self.n_guard, self.n_band
        body = reduced[..., guard : guard + n]
        body = body.at[..., :guard].add(reduced[..., guard + n :])
        body = body.at[..., n - guard :].add(reduced[..., :guard])
        return jnp.fft.fft(body, axis=-1)


def band_around(acquisition: Acquisition, n_points: int, window: tuple[int, int], margin_hz: float) -> Band | None:
    """The band of a window and its margins, or None when that is more than half of the spectrum.

    Args:
        acquisition: sampling of the whole FID.
        n_points: samples of the whole FID.
        window: first point and one past the last that are needed exactly.
        margin_hz: lines up to this far outside the window may be shifted into it, Hz.
    """
    bin_hz = acquisition.bandwidth_hz / n_points
    n_fade = int(np.ceil(_FADE_HZ / bin_hz))
    margin = int(np.ceil(margin_hz / bin_hz)) + n_fade
    n_band = _quick_length(window[1] - window[0] + 2 * margin)
    first = (window[0] + window[1] - n_band) // 2
    if first < 0 or first + n_band > n_points or 2 * n_band > n_points:
        return None
    return Band(acquisition, n_points, first, n_band, n_fade)


def _quick_length(at_least: int) -> int:
    """The next length with factors 2, 3 and 5 only, even."""
    length = at_least + at_least % 2
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2
