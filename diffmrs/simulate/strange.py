"""Spectra unlike those of a training set: named changes of one synthetic spectrum, to try out what flags strange data.

A change is a pure function of a key and an `Example`: a spectrum taken apart into metabolites, what else is in it, and
noise. It says "beyond the range" by the range of the training set, which the example carries, so that the same changes
serve narrow recipes and wide populations. Metabolite parameters stay the truth wherever the signal model can say what
has changed; what it cannot say (a lineshape, an echo) is left out of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from diffmrs.axes import fid_of, spectrum_of
from diffmrs.data import is_macromolecule
from diffmrs.errors import InputError
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, first_order_phase, predict_fid
from diffmrs.pytree import container
from diffmrs.simulate.artefacts import gaussian_line
from diffmrs.simulate.baseline import draw_baseline

_BEYOND = 1.5  # times the largest amplitude
_MOVED = 0.75  # of the range, from where the prevalence is moved to the upper end
_LEAST_SHIFT_HZ, _LEAST_PHASE_RAD, _LEAST_WIDTH_HZ = 1.0, 0.1, 1.0  # of training sets without any
_BASELINE_HEIGHT, _BASELINE_PPM = 0.3, 0.5
_ECHO_S, _ECHO_PPM, _ECHO_FWHM_HZ, _ECHO_SIZE = 0.05, (1.0, 4.0), 20.0, 0.3
_SKEW_HZ = 5.0
_COLOUR, _COLOUR_PPM = 3.0, 0.5
_NOISIER = 3.0
_HEAVY_HZ = 20.0
_FOREIGN_PPM, _FOREIGN_SPLITTING_HZ, _FOREIGN_FWHM_HZ, _FOREIGN_SIZE = 1.13, 6.3, 4.0, 0.3


@container(static=("model", "names"))
@dataclass(frozen=True)
class Example:
    """One synthetic spectrum, taken apart.

    Attributes:
        parameters: of the metabolites.
        low: least value of each parameter in the training set.
        high: largest value of each parameter in the training set.
        basis_fid: FID of each member at amplitude 1. [members, points]
        modulation: what lines are multiplied with beyond the model; ones. [points]
        extra: what is neither metabolites nor noise. [points]
        noise: [points]
        model: the fixed part, without baseline.
        names: of the members.
    """

    parameters: Parameters
    low: Parameters
    high: Parameters
    basis_fid: jax.Array
    modulation: jax.Array
    extra: jax.Array
    noise: jax.Array
    model: SignalModel
    names: tuple[str, ...]

    @property
    def clean(self) -> Array:
        """FID of the metabolites. [points]"""
        spectrum = spectrum_of(predict_fid(self.parameters, self.basis_fid, self.model))
        whole = replace(self.model, window=(0, self.model.n_points))
        turned = fid_of(first_order_phase(self.parameters, whole) * spectrum)
        return (turned * self.modulation).astype(self.basis_fid.dtype)

    @property
    def fid(self) -> Array:
        """All of it. [points]"""
        return (self.clean + self.extra + self.noise).astype(self.basis_fid.dtype)

    @property
    def height(self) -> Array:
        """Tallest point of the metabolites (modulus) in the window."""
        return jnp.abs(self.model.window_of(self.clean)).max()

    @property
    def time_s(self) -> Array:
        """Sample times, s. [points]"""
        return jnp.asarray(self.model.time_s, self.noise.real.dtype)


Strange = Callable[[Array, Example], Example]


def high_concentrations(key: Array, example: Example) -> Example:
    """Every amplitude beyond the largest of the training set, by up to half of it."""
    high = example.high.amplitude
    share = 1 + (_BEYOND - 1) * _uniform(key, 0.2, 1.0, high)
    return _with(example, amplitude=high * share)


def moved_prevalence(key: Array, example: Example) -> Example:
    """Every amplitude in the upper quarter of its range: each by itself usual, all together not."""
    low, high = example.low.amplitude, example.high.amplitude
    return _with(example, amplitude=low + (high - low) * _uniform(key, _MOVED, 1.0, low))


def double_linewidth(key: Array, example: Example) -> Example:
    """Widths beyond those of the basis are twice the largest of the training set."""
    del key
    wide = jnp.maximum(example.high.lorentzian_fwhm_hz, 0.0)
    gaussian = example.high.gaussian_variance_hz2
    # Training sets without any broadening have lines of the basis alone: those are made wider too.
    none = wide.max() + jnp.sqrt(gaussian.max()) < _LEAST_WIDTH_HZ
    wide = jnp.where(none, _LEAST_WIDTH_HZ, wide)
    return _with(example, lorentzian_fwhm_hz=2 * wide, gaussian_variance_hz2=4 * gaussian)


def large_shift(key: Array, example: Example) -> Example:
    """A common shift of two to four times the largest of the training set, either way; own shifts stay."""
    reach = _reach(example.low.frequency_shift_hz.mean(), example.high.frequency_shift_hz.mean(), _LEAST_SHIFT_HZ)
    own = example.parameters.frequency_shift_hz
    return _with(example, frequency_shift_hz=own - own.mean() + _far(key, reach))


def large_phase(key: Array, example: Example) -> Example:
    """A zero-order phase of two to four times the largest of the training set, either way, at most half a turn.

    Not strange where the training set has any phase.
    """
    reach = _reach(example.low.phase0_rad, example.high.phase0_rad, _LEAST_PHASE_RAD)
    return _with(example, phase0_rad=jnp.clip(_far(key, reach), -np.pi, np.pi))


def smooth_baseline(key: Array, example: Example) -> Example:
    """A baseline of broad lines with a root mean square of 0.3 of the tallest point of the metabolites."""
    width = jnp.asarray(_BASELINE_PPM, example.time_s.dtype)
    baseline = draw_baseline(key, width, True, example.model)
    return _plus(example, fid_of(_BASELINE_HEIGHT * example.height * baseline))


def random_walk_baseline(key: Array, example: Example) -> Example:
    """A baseline that is a random walk over the points of the spectrum, as high as `smooth_baseline`; not smooth."""
    parts = jnp.cumsum(jax.random.normal(key, (2, example.noise.size), example.time_s.dtype), axis=1)
    walk = jax.lax.complex(parts[0], parts[1])
    inside = walk[slice(*example.model.window)]
    walk = (walk - inside.mean()) / jnp.sqrt(jnp.mean(jnp.abs(inside - inside.mean()) ** 2) / 2)
    return _plus(example, fid_of(_BASELINE_HEIGHT * example.height * walk))


def without_member(name: str) -> Strange:
    """The change that takes a metabolite out of the spectrum: its amplitude is 0."""

    def missing_metabolite(key: Array, example: Example) -> Example:
        """One metabolite is not there: its amplitude is 0."""
        del key
        if name not in example.names:
            raise InputError(f"the basis has no {name} to leave out; there are {', '.join(example.names)}")
        index = example.names.index(name)
        return _with(example, amplitude=example.parameters.amplitude.at[index].set(0.0))

    return missing_metabolite


def foreign_metabolite(key: Array, example: Example) -> Example:
    """A doublet at 1.13 ppm (propylene glycol of drugs), with 0.3 of the largest sample of the metabolites."""
    del key
    time_s = example.time_s
    line = gaussian_line(time_s, example.model.acquisition.ppm_to_hz(_FOREIGN_PPM), _FOREIGN_FWHM_HZ)
    size = _FOREIGN_SIZE * jnp.abs(example.clean).max()
    turned = jnp.exp(1j * example.parameters.phase0_rad)
    return _plus(example, size * turned * line * jnp.cos(jnp.pi * _FOREIGN_SPLITTING_HZ * time_s))


def wrong_macromolecules(key: Array, example: Example) -> Example:
    """Macromolecules of another shape: every line is split into two, 20 Hz to either side.

    Raises:
        InputError: the basis has none.
    """
    del key
    heavy = np.array([is_macromolecule(name) for name in example.names])
    if not heavy.any():
        raise InputError(f"the basis has no macromolecules to change; there are {', '.join(example.names)}")
    split = jnp.cos(2 * jnp.pi * _HEAVY_HZ * example.time_s)
    changed = jnp.where(jnp.asarray(heavy)[:, None], example.basis_fid * split[None], example.basis_fid)
    return replace(example, basis_fid=changed.astype(example.basis_fid.dtype))


def spurious_echo(key: Array, example: Example) -> Example:
    """An echo after 50 ms between 1 and 4 ppm, with 0.3 of the largest sample of the metabolites and any phase."""
    where, phase = jax.random.split(key)
    ppm = jax.random.uniform(where, (), example.time_s.dtype, *_ECHO_PPM)
    turn = jax.random.uniform(phase, (), example.time_s.dtype, -np.pi, np.pi)
    line = gaussian_line(example.time_s, example.model.acquisition.ppm_to_hz(ppm), _ECHO_FWHM_HZ, _ECHO_S)
    return _plus(example, _ECHO_SIZE * jnp.abs(example.clean).max() * jnp.exp(1j * turn) * line)


def asymmetric_lines(key: Array, example: Example) -> Example:
    """Every line with a tail to one side: convolved with an exponential distribution of frequencies, 5 Hz on average.

    Its mean is taken off, so that lines keep their centre of gravity.
    """
    del key
    phase = 2 * jnp.pi * _SKEW_HZ * example.time_s
    return replace(example, modulation=example.modulation * jnp.exp(-1j * phase) / (1 - 1j * phase))


def coloured_noise(key: Array, example: Example) -> Example:
    """Noise of the same power in the window, nine times as large at low ppm as at high.

    It changes within half a ppm of the centre of gravity of the metabolites.
    """
    del key
    window = slice(*example.model.window)
    ppm = jnp.asarray(example.model.acquisition.ppm(example.noise.size), example.time_s.dtype)
    power = jnp.abs(spectrum_of(example.clean)[window]) ** 2
    middle = (power @ ppm[window]) / jnp.maximum(power.sum(), jnp.finfo(power.dtype).tiny)
    profile = _COLOUR ** -jnp.tanh((ppm - middle) / _COLOUR_PPM)
    shaped = spectrum_of(example.noise) * profile / jnp.sqrt((profile[window] ** 2).mean())
    return replace(example, noise=fid_of(shaped).astype(example.noise.dtype))


def more_noise(key: Array, example: Example) -> Example:
    """Noise of three times the standard deviation."""
    del key
    return replace(example, noise=_NOISIER * example.noise)


def noise_only(key: Array, example: Example) -> Example:
    """Noise and nothing else."""
    del key
    silent = _with(example, amplitude=jnp.zeros_like(example.parameters.amplitude))
    return replace(silent, extra=jnp.zeros_like(example.extra))


STRANGE: dict[str, Strange] = {
    "high_concentrations": high_concentrations,
    "moved_prevalence": moved_prevalence,
    "double_linewidth": double_linewidth,
    "large_shift": large_shift,
    "large_phase": large_phase,
    "smooth_baseline": smooth_baseline,
    "random_walk_baseline": random_walk_baseline,
    "missing_metabolite": without_member("NAA"),
    "foreign_metabolite": foreign_metabolite,
    "wrong_macromolecules": wrong_macromolecules,
    "spurious_echo": spurious_echo,
    "asymmetric_lines": asymmetric_lines,
    "coloured_noise": coloured_noise,
    "more_noise": more_noise,
    "noise_only": noise_only,
}


def _with(example: Example, **changed: Array) -> Example:
    fitting = {name: value.astype(getattr(example.parameters, name).dtype) for name, value in changed.items()}
    return replace(example, parameters=replace(example.parameters, **fitting))


def _plus(example: Example, signal: Array) -> Example:
    return replace(example, extra=example.extra + signal.astype(example.extra.dtype))


def _uniform(key: Array, low: float, high: float, like: Array) -> Array:
    return jax.random.uniform(key, like.shape, like.dtype, low, high)


def _reach(low: Array, high: Array, least: float) -> Array:
    return jnp.maximum(jnp.maximum(jnp.abs(low), jnp.abs(high)), least)


def _far(key: Array, reach: Array) -> Array:
    """Two to four times the reach, either way."""
    size, sign = jax.random.split(key)
    return reach * _uniform(size, 2.0, 4.0, reach) * jax.random.rademacher(sign, (), reach.dtype)
