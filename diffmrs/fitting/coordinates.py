"""Between the named parameters of the model and the one vector the solver sees, with its bounds.

The vector holds, in this order: amplitudes, Lorentzian widths, squared Gaussian widths, frequency shift of the first
group, shifts of the other groups relative to it, zero-order phase, delay, baseline. This is the only place that
knows the order.
"""

from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

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
        max_delay_s: largest delay (first-order phase), s, either way.
    """

    nonnegative: bool = True
    max_lorentzian_fwhm_hz: float = 50.0
    max_gaussian_fwhm_hz: float = 50.0
    max_shift_ppm: float = 0.4
    max_relative_shift_ppm: float = 0.05
    max_delay_s: float = 5e-4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "nonnegative" and not value > 0:
                raise InputError(f"bound {field.name} is {value}; it must be positive")


def n_coordinates(model: SignalModel) -> int:
    """Length of the vector."""
    return len(model.groups) + 3 * model.n_groups + 2 + 2 * n_baseline(model)


def n_baseline(model: SignalModel) -> int:
    """Number of complex baseline functions."""
    return model.baseline.functions(model.n_window).shape[0]


def to_vector(parameters: Parameters) -> Float[Array, " n"]:
    """Named parameters to vector."""
    shift = parameters.frequency_shift_hz
    relative = jnp.concatenate([shift[:1], shift[1:] - shift[:1]])
    return jnp.concatenate(
        [
            parameters.amplitude,
            parameters.lorentzian_fwhm_hz,
            parameters.gaussian_variance_hz2,
            relative,
            parameters.phase0_rad[None],
            parameters.delay_s[None],
            parameters.baseline.ravel(),
        ]
    )


def to_parameters(vector: Float[Array, " n"], model: SignalModel) -> Parameters:
    """Vector to named parameters."""
    amplitude, lorentz, gauss, relative, phase, delay, baseline = jnp.split(vector, _edges(model))
    return Parameters(
        amplitude=amplitude,
        lorentzian_fwhm_hz=lorentz,
        gaussian_variance_hz2=gauss,
        frequency_shift_hz=jnp.concatenate([relative[:1], relative[:1] + relative[1:]]),
        phase0_rad=phase[0],
        delay_s=delay[0],
        baseline=baseline.reshape(-1, 2),
    )


def jacobian_columns(derivative: Parameters) -> Complex[Array, "window n"]:
    """Derivative with respect to the vector from the derivative with respect to the named parameters."""
    shift = derivative.frequency_shift_hz
    rows = [
        derivative.amplitude,
        derivative.lorentzian_fwhm_hz,
        derivative.gaussian_variance_hz2,
        shift.sum(axis=0, keepdims=True),
        shift[1:],
        derivative.phase0_rad[None],
        derivative.delay_s[None],
        derivative.baseline.reshape(-1, shift.shape[-1]),
    ]
    return jnp.concatenate(rows).T


def sd_of_parameters(covariance: Float[Array, "n n"], model: SignalModel) -> Parameters:
    """Standard deviation of each named parameter from the covariance of the vector."""
    transform = jax.jacfwd(lambda v: to_vector_absolute(to_parameters(v, model)))(jnp.zeros_like(covariance[0]))
    variance = jnp.einsum("ij,jk,ik->i", transform, covariance, transform)
    sd = jnp.sqrt(jnp.maximum(variance, 0.0))
    amplitude, lorentz, gauss, shift, phase, delay, baseline = jnp.split(sd, _edges(model))
    return Parameters(amplitude, lorentz, gauss, shift, phase[0], delay[0], baseline.reshape(-1, 2))


def to_vector_absolute(parameters: Parameters) -> Float[Array, " n"]:
    """The named parameters one after the other, shifts as they are."""
    return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(parameters)])


def bounds_of(model: SignalModel, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of each entry of the vector."""
    members, groups = len(model.groups), model.n_groups
    f0 = model.acquisition.spectrometer_frequency_mhz
    shift = np.array([bounds.max_shift_ppm] + [bounds.max_relative_shift_ppm] * (groups - 1)) * f0
    free = np.full(2 * n_baseline(model), np.inf)
    lower: list[np.ndarray] = [
        np.full(members, 0.0 if bounds.nonnegative else -np.inf),
        np.zeros(2 * groups),
        -shift,
        np.array([-np.inf]),
        np.array([-bounds.max_delay_s]),
        -free,
    ]
    upper: list[np.ndarray] = [
        np.full(members, np.inf),
        np.full(groups, bounds.max_lorentzian_fwhm_hz),
        np.full(groups, bounds.max_gaussian_fwhm_hz**2),
        shift,
        np.array([np.inf]),
        np.array([bounds.max_delay_s]),
        free,
    ]
    return np.concatenate(lower), np.concatenate(upper)


def _edges(model: SignalModel) -> list[int]:
    members, groups = len(model.groups), model.n_groups
    return np.cumsum([members, groups, groups, groups, 1, 1]).tolist()
