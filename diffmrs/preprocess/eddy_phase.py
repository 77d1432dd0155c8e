"""The phase of a water FID without its noise: a penalised spline that is held where the water has gone."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float
from scipy.interpolate import BSpline

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError

_EARLY_S = 0.02  # knots are even in log(1 + t / this): eddy currents decay, so that the phase bends ever less
_KNOTS_PER_E_FOLD = 8  # 2.5 ms apart at first: the lines of metabolites beneath the water turn faster
_ROUNDS = 4  # Gauss-Newton steps; the first is all but right
_MOST_WEIGHT = 1e5  # a phase known to 3 mrad is known well enough
_SEEN = (2.0, 4.0)  # mean power, in that of the noise, from which and from which fully phases count
_NEAR = 24  # points over which that mean is taken


def smooth_eddy_phase(
    water: Complex[Array, " points"], acquisition: Acquisition, *, change_rad: float = 1.0
) -> Float[Array, " points"]:
    r"""Phase of an unsuppressed water FID by penalised likelihood, rad, free of jumps.

    $$\theta(t) = 2\pi f t + \sum_k c_k B_k\!\left(\log(1 + t/\tau)\right), \qquad
      \min_{f, c} \sum_n \frac{|w_n|^2}{\sigma^2} \arg^2\!\left(w_n e^{-i\theta_n}\right)
      + \frac{1}{s^2}\sum_k \frac{(c_{k+1} - c_k)^2}{h}$$

    with cubic B-splines on knots of distance $h$ = 1/8 and $\tau$ = 20 ms (Eilers & Marx 1996, Stat Sci 11:89). The
    noise $\sigma$ comes from the last eighth of the FID. Each phase counts as far as noise leaves it certain, so that
    the curve follows the water as long as it is seen, with twice the power of the noise, and goes on at one frequency
    afterwards.

    What bends the phase within 2 ms is smoothed away with the noise, later on within a tenth of the time: vibrations of
    the gradient coil, for example. Leave the phase as measured (`correct_eddy_currents` alone) for those.

    Args:
        water: unsuppressed water FID; zero where there is none.
        acquisition: its sampling.
        change_rad: standard deviation $s$ of the phase that eddy currents are expected to add while t + 20 ms grows
            e-fold, rad. Smaller is smoother.

    Raises:
        InputError: `change_rad` is not positive.
    """
    if not change_rad > 0:
        raise InputError(f"change_rad is {change_rad:g}; it must be positive")
    n, real = water.size, water.real.dtype
    functions, differences = _functions(n, acquisition.dwell_time_s)
    rows, rough = jnp.asarray(functions, real), jnp.asarray(differences / change_rad, real)
    power = jnp.abs(water) ** 2
    noise = jnp.mean(power[-max(n // 8, 1) :])
    relative = power / jnp.where(noise > 0, noise, 1.0)
    near = jnp.convolve(relative, jnp.full(min(_NEAR, n), 1 / min(_NEAR, n), real), mode="same")
    seen = jnp.clip((near - _SEEN[0]) / (_SEEN[1] - _SEEN[0]), 0.0, 1.0)
    certain = jnp.where(noise > 0, 2 * relative * seen, jnp.where(power > 0, _MOST_WEIGHT, 0.0))
    weight = certain / (1 + certain / _MOST_WEIGHT)

    def solved(weight: Array, phase: Array) -> Array:
        normal = (rows * weight[None, :]) @ rows.T + rough.T @ rough
        square = jnp.diagonal(normal)
        scale = jnp.sqrt(jnp.where(square > 0, square, 1.0))
        unit = normal / scale[:, None] / scale[None, :] + 1e-5 * jnp.eye(len(scale), dtype=real)
        factor = jax.scipy.linalg.cho_factor(unit, lower=True)
        return jax.scipy.linalg.cho_solve(factor, rows @ (weight * phase) / scale) / scale

    turn = _angle(jnp.sum(water[1:] * water[:-1].conj()))
    straight = turn * jnp.arange(n, dtype=real) + _angle(water[0])
    bent = jnp.unwrap(_angle(water * jnp.exp(-1j * straight)))
    phase = straight + rows.T @ solved(weight, bent)

    def improved(phase: Array, _: None) -> tuple[Array, None]:
        rest = _angle(water * jnp.exp(-1j * phase))
        return phase + rows.T @ solved(weight, rest), None

    return jax.lax.scan(improved, phase, None, length=_ROUNDS)[0]


def _angle(values: Array) -> Array:
    """Phase, rad; 0 with a derivative of 0 for zeros."""
    return jnp.angle(jnp.where(values == 0, 1.0, values))


@lru_cache(maxsize=16)
def _functions(n: int, dwell_time_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Splines and a straight line, [functions, points], and the scaled differences that are penalised."""
    stretched = np.log1p(np.arange(n) * dwell_time_s / _EARLY_S)
    segments = max(int(np.ceil(stretched[-1] * _KNOTS_PER_E_FOLD)), 4)
    step = stretched[-1] * (1 + 1e-9) / segments
    knots = step * np.arange(-3, segments + 4)
    splines = BSpline.design_matrix(stretched, knots, 3).toarray().T
    differences = np.diff(np.eye(len(splines)), axis=0) / np.sqrt(step)
    return np.concatenate([splines, np.linspace(0, 1, n)[None]]), np.pad(differences, ((0, 0), (0, 1)))
