"""Continuous wavelet transform of a FID with analytic Morse wavelets, its inverse and its energy law."""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, lgamma, log

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.errors import InputError

SIDES = ("positive", "negative", "both")
# A frequency comes back from the wavelets where they reach, together, this share of what they do within their band.
_REACHED = 0.05


@dataclass(frozen=True)
class Morse:
    r"""A bank of generalised Morse wavelets (Olhede & Walden 2002; Lilly & Olhede 2009, 2012).

    $\Psi(\omega) = (\omega/\omega_p)^\beta e^{-\omega^\gamma + \omega_p^\gamma}$ for $\omega > 0$, zero elsewhere, with
    $\beta = P^2/\gamma$ and the peak at $\omega_p = (\beta/\gamma)^{1/\gamma}$. Its height is 1, half of theirs, as
    signals are complex: a unit exponential at the centre of a wavelet has modulus 1.

    A wavelet sees one sign of frequency. A resonance below the carrier in ppm has a positive one in memory (see
    `diffmrs.axes`), so that `"positive"` holds the metabolites upfield of water; `"both"` transforms the parts of
    positive and of negative frequency by themselves.

    The highest centre is where the wavelet has fallen to one half at the Nyquist frequency.

    Attributes:
        voices: wavelets per octave.
        n_scales: wavelets per sign of frequency.
        side: `"positive"`, `"negative"` or `"both"`.
        gamma: symmetry; 3 is the most symmetric.
        time_bandwidth: $P^2$; the higher, the narrower in frequency and the longer in time.

    Raises:
        InputError: unknown side, or numbers out of range.
    """

    voices: int = 40
    n_scales: int = 340
    side: str = "positive"
    gamma: float = 3.0
    time_bandwidth: float = 60.0

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise InputError(f"side of the wavelets is {self.side!r}; it must be one of {', '.join(SIDES)}")
        for name in ("voices", "n_scales"):
            found = getattr(self, name)
            if not isinstance(found, int) or isinstance(found, bool) or found < 1:
                raise InputError(f"{name} of the wavelets is {found!r}; it must be a whole number, at least 1")
        for name, low in (("gamma", 1.0), ("time_bandwidth", self.gamma)):
            found = getattr(self, name)
            if not (isinstance(found, int | float) and not isinstance(found, bool) and low <= found < 1000):
                raise InputError(f"{name} of the wavelets is {found!r}; it must be a number from {low:g} to 1000")
            object.__setattr__(self, name, float(found))

    @property
    def beta(self) -> float:
        """Order of the zero at frequency zero."""
        return self.time_bandwidth / self.gamma

    def response(self, ratio: np.ndarray) -> np.ndarray:
        """Fourier transform of a wavelet at a frequency over its centre; zero where that is not positive."""
        inside = ratio > 0
        usable = np.where(inside, ratio, 1.0)
        exponent = self.beta * np.log(usable) - self.beta / self.gamma * (usable**self.gamma - 1)
        return np.where(inside, np.exp(exponent), 0.0)

    @property
    def centres(self) -> np.ndarray:
        """Centre frequencies, rising, as a share of the bandwidth: cycles per sample. [rows]"""
        above = np.linspace(1, 20, 20000)
        half = np.interp(0.5, self.response(above)[::-1], above[::-1])
        found = 0.5 / half * 2.0 ** (-np.arange(self.n_scales)[::-1] / self.voices)
        return {"positive": found, "negative": -found[::-1], "both": np.concatenate([-found[::-1], found])}[self.side]

    @property
    def energy_weight(self) -> float:
        r"""What the squared moduli, summed over rows and samples, are multiplied by to be the energy of the signal.

        $\ln 2/(V C)$ with $V$ voices and $C = \int \Psi^2 d\omega/\omega = \frac{\Gamma(2\beta/\gamma)}{\gamma}
        \left(\frac{e\gamma}{2\beta}\right)^{2\beta/\gamma}$. Holds for frequencies within the band of the centres.
        """
        ratio = 2 * self.beta / self.gamma
        return log(2) / self.voices * self.gamma * exp(ratio * log(ratio) - ratio - lgamma(ratio))


@lru_cache(maxsize=16)
def _bank(morse: Morse, n_points: int) -> np.ndarray:
    """Response of every wavelet at the frequencies of a Fourier transform. [rows, points]"""
    return morse.response(np.fft.fftfreq(n_points)[None] / morse.centres[:, None])


def scalogram(
    signal: Complex[Array, " points"], morse: Morse, rows: tuple[int, ...] | None = None
) -> Complex[Array, "rows points"]:
    r"""Wavelet transform at every sample, centre frequency rising (ppm falling) along the rows.

    $W_{st} = \frac1N \sum_k S_k \Psi(\omega_k/\omega_s) e^{2\pi i kt/N}$: without a factor of the scale, so that a line
    stands as high as its amplitude at every scale. The signal is taken as periodic; add zeros to keep its end from its
    beginning.

    Args:
        signal: all its samples.
        morse: the wavelets.
        rows: which of them; None for all.
    """
    bank = _bank(morse, signal.shape[0])
    used = jnp.asarray(bank if rows is None else bank[list(rows)], signal.real.dtype)
    return jnp.fft.ifft(jnp.fft.fft(signal)[None] * used, axis=1)


def inverse_scalogram(coefficients: Complex[Array, "rows points"], morse: Morse) -> Complex[Array, " points"]:
    """Signal of a wavelet transform, from the sum over its rows (Morlet's inverse).

    Each frequency is divided by what the wavelets together do to it, so that the answer is exact, up to rounding,
    within their band. Frequencies that they hardly reach (zero, those beyond the outer centres, the other sign) are
    lost and come back as zero.

    Raises:
        InputError: the number of rows is not that of the wavelets.
    """
    rows, n_points = coefficients.shape
    if rows != len(morse.centres):
        raise InputError(f"there are {rows} rows, but {len(morse.centres)} wavelets")
    total = _bank(morse, n_points).sum(axis=0)
    usable = total > _REACHED * total.max()
    share = np.where(usable, 1 / np.where(usable, total, 1), 0)
    return jnp.fft.ifft(jnp.fft.fft(jnp.sum(coefficients, axis=0)) * jnp.asarray(share, coefficients.real.dtype))
