"""Between the named parameters of the model and the one vector the solver sees, with its bounds.

The vector holds, in this order: amplitudes, Lorentzian widths, frequency shift of the first group, shifts of the other
groups relative to it, squared Gaussian widths, third moments, lineshape kernel, zero-order phase, delay. This is the
only place that knows the order. Baseline coefficients are not among them: they follow from the rest
(`diffmrs.fitting.smooth`).
"""

from dataclasses import dataclass, fields

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.errors import InputError
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel


@dataclass(frozen=True)
class Bounds:
    """Where the answer may lie: physical limits, wide enough that data decide.

    Attributes:
        nonnegative: whether amplitudes are at least 0, because a concentration is not negative.
        max_lorentzian_fwhm_hz: largest Lorentzian width beyond the basis, Hz.
        max_gaussian_fwhm_hz: largest Gaussian width beyond the basis, Hz.
        max_shift_ppm: largest shift of the whole spectrum, ppm, either way.
        max_relative_shift_ppm: largest shift of a group against the first, ppm, either way.
        max_third_moment_hz3: largest third moment of the field distribution, Hz³, either way.
        max_delay_s: largest delay (first-order phase), s, either way.
    """

    nonnegative: bool = True
    max_lorentzian_fwhm_hz: float = 50.0
    max_gaussian_fwhm_hz: float = 50.0
    max_shift_ppm: float = 0.4
    max_relative_shift_ppm: float = 0.05
    max_third_moment_hz3: float = 2000.0
    max_delay_s: float = 5e-4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "nonnegative" and not value > 0:
                raise InputError(f"bound {field.name} is {value}; it must be positive")


def n_coordinates(model: SignalModel) -> int:
    """Length of the vector."""
    return _edges(model)[-1] + 1


def to_vector(parameters: Parameters) -> Float[Array, " n"]:
    """Named parameters to vector."""
    shift = parameters.frequency_shift_hz
    relative = jnp.concatenate([shift[:1], shift[1:] - shift[:1]])
    return jnp.concatenate(
        [
            parameters.amplitude,
            parameters.lorentzian_fwhm_hz,
            relative,
            parameters.gaussian_variance_hz2,
            parameters.third_moment_hz3,
            parameters.lineshape,
            parameters.phase0_rad[None],
            parameters.delay_s[None],
        ]
    )


def to_parameters(vector: Float[Array, " n"], model: SignalModel) -> Parameters:
    """Vector to named parameters; the baseline is zero."""
    amplitude, lorentz, relative, gauss, third, kernel, phase, delay = jnp.split(vector, _edges(model))
    return Parameters(
        amplitude=amplitude,
        lorentzian_fwhm_hz=lorentz,
        frequency_shift_hz=jnp.concatenate([relative[:1], relative[:1] + relative[1:]]),
        gaussian_variance_hz2=gauss,
        third_moment_hz3=third,
        lineshape=kernel,
        phase0_rad=phase[0],
        delay_s=delay[0],
        baseline=jnp.zeros(len(model.baseline_roughness), vector.dtype),
    )


def jacobian_rows(derivative: Parameters) -> Float[Array, "n any"]:
    """Derivative with respect to the vector from the derivative with respect to the named parameters, its last axis."""
    return jnp.concatenate(_rows(derivative))


def gradient_of(gradient: Parameters) -> Float[Array, " n"]:
    """Gradient with respect to the vector from that with respect to the named parameters."""
    return jnp.concatenate(_rows(gradient))


def stacked_rows(real: Parameters, imag: Parameters, factor: Float[Array, " window"]) -> Float[Array, "n twice"]:
    """The same for real and imaginary parts side by side, each point times a factor.

    Every part is written into its place: putting them together takes XLA several times as long on a CPU.
    """
    parts = list(zip(_rows(real), _rows(imag), strict=True))
    count, n = sum(part.shape[0] for part, _ in parts), factor.shape[0]
    rows, first = jnp.zeros((count, 2 * n), factor.dtype), 0
    for upright, turned in parts:
        last = first + upright.shape[0]
        if last > first:
            rows = rows.at[first:last, :n].set(upright * factor[None])
            rows = rows.at[first:last, n:].set(turned * factor[None])
        first = last
    return rows


def _rows(derivative: Parameters) -> list[Array]:
    shift = derivative.frequency_shift_hz
    return [
        derivative.amplitude,
        derivative.lorentzian_fwhm_hz,
        jnp.sum(shift, axis=0, keepdims=True),
        shift[1:],
        derivative.gaussian_variance_hz2,
        derivative.third_moment_hz3,
        derivative.lineshape,
        derivative.phase0_rad[None],
        derivative.delay_s[None],
    ]


def sd_of_parameters(
    covariance: Float[Array, "n n"], baseline_variance: Float[Array, " functions"], model: SignalModel
) -> Parameters:
    """Standard deviation of each named parameter from the covariance of the vector."""
    first, last = _edges(model)[1], _edges(model)[2]
    variance = jnp.diag(covariance)
    # A group's shift is that of the first group plus its own distance from it.
    others = variance[first + 1 : last] + variance[first] + 2 * covariance[first, first + 1 : last]
    variance = variance.at[first + 1 : last].set(others)
    sd = jnp.sqrt(jnp.maximum(variance, 0.0))
    amplitude, lorentz, shift, gauss, third, kernel, phase, delay = jnp.split(sd, _edges(model))
    return Parameters(amplitude, lorentz, shift, gauss, third, kernel, phase[0], delay[0], jnp.sqrt(baseline_variance))


def bounds_of(model: SignalModel, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of each entry of the vector."""
    members, groups, shims = len(model.groups), model.n_groups, model.n_shims
    f0 = model.acquisition.spectrometer_frequency_mhz
    shift = np.array([bounds.max_shift_ppm] + [bounds.max_relative_shift_ppm] * (groups - 1)) * f0
    third = np.full(shims if model.lineshape.asymmetric else 0, bounds.max_third_moment_hz3)
    kernel = np.ones(model.lineshape.n_kernel)
    lower: list[np.ndarray] = [
        np.full(members, 0.0 if bounds.nonnegative else -np.inf),
        np.zeros(groups),
        -shift,
        np.zeros(shims),
        -third,
        0 * kernel,
        np.array([-np.inf]),
        np.array([-bounds.max_delay_s]),
    ]
    upper: list[np.ndarray] = [
        np.full(members, np.inf),
        np.full(groups, bounds.max_lorentzian_fwhm_hz),
        shift,
        np.full(shims, bounds.max_gaussian_fwhm_hz**2),
        third,
        np.inf * kernel,
        np.array([np.inf]),
        np.array([bounds.max_delay_s]),
    ]
    return np.concatenate(lower), np.concatenate(upper)


def _edges(model: SignalModel) -> list[int]:
    shims = model.n_shims
    third = shims if model.lineshape.asymmetric else 0
    sizes = [len(model.groups), model.n_groups, model.n_groups, shims, third, model.lineshape.n_kernel, 1]
    return np.cumsum(sizes).tolist()
