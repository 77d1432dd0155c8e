r"""Signal-to-noise ratio by any of the definitions in use, and the noise that each of them asks for.

One sample of the FID carries noise of standard deviation $\sigma$ in its real part, and as much in its imaginary part.
The real part of a point of `diffmrs.axes.spectrum_of` then has $\sigma\sqrt{N - 3/4}$: a sum over N samples, the first
of which is halved. Programs and papers disagree on what they divide by what, so that a bare "SNR 10" says little.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.axes import spectrum_of
from diffmrs.errors import InputError

Window = tuple[int, int] | None


@dataclass(frozen=True)
class SnrDefinition:
    """One way to put signal over noise.

    Attributes:
        words: what it is, and who uses it.
        signal: what is taken of the clean FID and the window.
        noises: what that is divided by, in standard deviations of the real part of a sample of the FID.
        decibel: whether the ratio is one of powers, in dB.
    """

    words: str
    signal: Callable[[Array, Window], Array]
    noises: Callable[[int], float]
    decibel: bool = False


def spectrum_noise(n_points: int) -> float:
    """Standard deviation of the real part of a point of the spectrum for 1 in the real part of a sample of the FID."""
    return (n_points - 0.75) ** 0.5


SNR_DEFINITIONS: dict[str, SnrDefinition] = {
    "peak": SnrDefinition(
        "tallest point of the real part of the phased spectrum over the standard deviation of its noise; as "
        "diffmrs.quality, and as the consensus of Kreis et al. 2021 (NMR Biomed 34:e4347) recommends",
        lambda fid, window: _inside(fid, window).real.max(axis=-1),
        spectrum_noise,
    ),
    "magnitude": SnrDefinition(
        "tallest point of the modulus of the spectrum over the standard deviation of the noise in its real part; "
        "Shamaei et al. 2023",
        lambda fid, window: jnp.abs(_inside(fid, window)).max(axis=-1),
        spectrum_noise,
    ),
    "lcmodel": SnrDefinition(
        "as peak, but over twice the root mean square of the noise; LCModel (its residuals hold more than noise)",
        lambda fid, window: _inside(fid, window).real.max(axis=-1),
        lambda n_points: 2 * spectrum_noise(n_points),
    ),
    "first-point": SnrDefinition(
        "modulus of the first sample of the FID over the standard deviation of the noise in its real part; "
        "Hatami et al. 2018, and with the FID of water Rizzo et al. 2023",
        lambda fid, _: jnp.abs(fid[..., 0]),
        lambda _: 1.0,
    ),
    "power-db": SnrDefinition(
        "mean power of the FID over that of the complex noise, in dB; MATLAB's snr, Shamaei et al. 2021. It depends "
        "on how long is sampled",
        lambda fid, _: jnp.sqrt(jnp.mean(jnp.abs(fid) ** 2, axis=-1)),
        lambda _: 2**0.5,
        decibel=True,
    ),
}


def noise_sd_for(
    snr: Float[Array, "*batch"] | float,
    fid: Complex[Array, "*batch points"],
    *,
    definition: str = "peak",
    window: Window = None,
) -> Float[Array, "*batch"]:
    """Standard deviation of the noise in the real part of a sample that gives an FID an SNR.

    Args:
        snr: signal-to-noise ratio; in dB where the definition says so.
        fid: without noise; phased, where the definition looks at the real part. For an SNR referenced to water: the
            FID of the water, with `first-point`.
        definition: a name in `SNR_DEFINITIONS`.
        window: the points of the spectrum among which the tallest is looked for, first and one past the last, as
            `SignalModel.window` or `Acquisition.window` give them; the whole band when absent.

    Raises:
        InputError: there is no such definition.
    """
    chosen = check_definition(definition)
    value = jnp.asarray(snr, fid.real.dtype)
    ratio = 10 ** (value / 20) if chosen.decibel else value
    signal = chosen.signal(fid, window)
    return signal / (ratio * chosen.noises(fid.shape[-1]))


def snr_of(
    noise_sd: Float[Array, "*batch"] | float,
    fid: Complex[Array, "*batch points"],
    *,
    definition: str = "peak",
    window: Window = None,
) -> Float[Array, "*batch"]:
    """Signal-to-noise ratio of an FID with a known noise: the inverse of `noise_sd_for`.

    Args:
        noise_sd: standard deviation of the noise in the real part of a sample.
        fid: without noise; phased, where the definition looks at the real part.
        definition: a name in `SNR_DEFINITIONS`.
        window: the points of the spectrum among which the tallest is looked for, first and one past the last, as
            `SignalModel.window` or `Acquisition.window` give them; the whole band when absent.

    Raises:
        InputError: there is no such definition.
    """
    chosen = check_definition(definition)
    signal = chosen.signal(fid, window)
    ratio = signal / (jnp.asarray(noise_sd, fid.real.dtype) * chosen.noises(fid.shape[-1]))
    return 20 * jnp.log10(ratio) if chosen.decibel else ratio


def check_definition(name: str) -> SnrDefinition:
    """A definition by its name.

    Raises:
        InputError: there is no such definition.
    """
    if name not in SNR_DEFINITIONS:
        raise InputError(f"the SNR definition is {name!r}; it must be one of {', '.join(SNR_DEFINITIONS)}")
    return SNR_DEFINITIONS[name]


def _inside(fid: Array, window: Window) -> Array:
    spectrum = spectrum_of(fid)
    return spectrum if window is None else spectrum[..., slice(*window)]
