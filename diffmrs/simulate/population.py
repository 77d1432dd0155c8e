"""A population of spectra: how likely every parameter of the signal model is, and one draw of all of them."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array

from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel
from diffmrs.pytree import container
from diffmrs.simulate.distributions import Distribution, Uniform

_NONE = Uniform(0.0, 0.0)
_ANY_PHASE = Uniform(-math.pi, math.pi)
_USUAL_SHIFT, _USUAL_LORENTZ, _USUAL_GAUSS = Uniform(-5.0, 5.0), Uniform(1.0, 6.0), Uniform(2.0, 8.0)  # Hz


@container()
@dataclass(frozen=True)
class Population:
    """What spectra are like, as independent distributions in physical units. A pytree.

    Attributes:
        amplitude: of each basis member. [members]
        lorentzian_fwhm_hz: Lorentzian width common to all groups, Hz.
        own_lorentzian_fwhm_hz: what each group has beyond that, Hz; a negative sum counts as 0. [groups]
        frequency_shift_hz: shift common to all groups, Hz; positive moves lines to lower ppm.
        own_frequency_shift_hz: what each group has beyond that, Hz. [groups]
        gaussian_fwhm_hz: Gaussian width of each shim group, Hz. [shims]
        third_moment_hz3: of each shim group, Hz³; without effect unless the model is asymmetric. [shims]
        phase0_rad: zero-order phase, rad.
        delay_s: first-order phase, s.
    """

    amplitude: Distribution
    lorentzian_fwhm_hz: Distribution = _USUAL_LORENTZ
    own_lorentzian_fwhm_hz: Distribution = _NONE
    frequency_shift_hz: Distribution = _USUAL_SHIFT
    own_frequency_shift_hz: Distribution = _NONE
    gaussian_fwhm_hz: Distribution = _USUAL_GAUSS
    third_moment_hz3: Distribution = _NONE
    phase0_rad: Distribution = _ANY_PHASE
    delay_s: Distribution = _NONE


def draw_parameters(key: Array, population: Population, model: SignalModel) -> Parameters:
    """The parameters of one FID. The lineshape kernel is that of no broadening; baseline coefficients are zero.

    Args:
        key: `jax.random` key.
        population: where they are drawn from.
        model: tells the numbers of members and groups.
    """
    keys = iter(jax.random.split(key, 9))
    members, groups, shims = (len(model.groups),), (model.n_groups,), (model.n_shims,)
    amplitude = population.amplitude.draw(next(keys), members)
    width = population.lorentzian_fwhm_hz.draw(next(keys), ())
    own_width = population.own_lorentzian_fwhm_hz.draw(next(keys), groups)
    shift = population.frequency_shift_hz.draw(next(keys), ())
    own_shift = population.own_frequency_shift_hz.draw(next(keys), groups)
    third = population.third_moment_hz3.draw(next(keys), shims)
    return Parameters(
        amplitude=amplitude,
        lorentzian_fwhm_hz=jnp.maximum(width + own_width, 0.0),
        frequency_shift_hz=shift + own_shift,
        gaussian_variance_hz2=population.gaussian_fwhm_hz.draw(next(keys), shims) ** 2,
        third_moment_hz3=third if model.lineshape.asymmetric else third[:0],
        lineshape=jnp.asarray(model.lineshape.kernel_hz == 0, amplitude.dtype),
        phase0_rad=population.phase0_rad.draw(next(keys), ()),
        delay_s=population.delay_s.draw(next(keys), ()),
        baseline=jnp.zeros(len(model.baseline_roughness), amplitude.dtype),
    )
