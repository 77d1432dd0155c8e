"""The derivative of the signal model, written out: its columns share their Fourier transforms.

Amplitudes and baseline enter linearly, so their columns are the basis spectra and the baseline functions themselves.
Shift and widths of a group are moments of its FID: ∂s/∂L = -π t s, ∂s/∂f = 2πi t s, ∂s/∂G² = -π²/(4 ln 2) t² s,
∂s/∂μ = -i (2π)³/6 t³ s. One evaluation costs one transform per member, one per group and one per shim group, where
forward-mode differentiation costs one per parameter on top. Tests hold it against `jax.jacfwd(predict)`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.lineshape import GAUSSIAN_EXPONENT, THIRD_MOMENT_PHASE
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import (
    SignalModel,
    kernel_decay,
    kernel_waves,
    member_modulation,
    predict_baseline,
    whole_phase,
)
from diffmrs.model.split import Split, split, stacked


def predict_and_jacobian(
    parameters: Parameters, basis_fid: Complex[Array, "members points"] | Split, model: SignalModel
) -> tuple[Complex[Array, " window"], Parameters]:
    """The spectrum in the window and its derivative with respect to every parameter.

    Args:
        parameters: of one FID.
        basis_fid: FID of each basis member (for a banded model: reduced).
        model: the fixed part.

    Returns:
        What `diffmrs.model.predict` returns, and a `Parameters` whose every field carries one more, last axis: the
        window. Complex.
    """
    metabolites, real, imag = predict_and_split_jacobian(parameters, basis_fid, model)
    return metabolites.joined + predict_baseline(parameters, model), jax.tree.map(jax.lax.complex, real, imag)


def predict_and_split_jacobian(
    parameters: Parameters, basis_fid: Complex[Array, "members points"] | Split, model: SignalModel
) -> tuple[Split, Parameters, Parameters]:
    """The spectrum in the window without the baseline, and the real and imaginary part of its derivative."""
    precision = parameters.amplitude.dtype
    time_s = jnp.asarray(model.time_s, precision)[None]
    angular = 2 * jnp.pi * jnp.asarray(model.frequency_hz, precision)

    bare = split(basis_fid).times(member_modulation(parameters, model))
    unit = bare
    if model.lineshape.n_kernel:
        kernel_fid = split(kernel_decay(parameters, model))
        unit = bare.times(Split(kernel_fid.real[None], kernel_fid.imag[None]))
    weighted = unit.scaled(parameters.amplitude[:, None] * time_s)
    by_group = _sums(weighted, model.groups)
    by_shim = _sums(weighted, model.shims).scaled(time_s)
    stacks = [unit, by_group, by_shim]
    if model.lineshape.asymmetric:
        stacks.append(by_shim.scaled(time_s))
    if model.lineshape.n_kernel:
        whole = Split(parameters.amplitude @ bare.real, parameters.amplitude @ bare.imag)
        waves = split(kernel_waves(model, parameters.amplitude))
        stacks.append(waves.times(Split(whole.real[None], whole.imag[None])))
    edges = np.cumsum([part.real.shape[0] for part in stacks])[:-1].tolist()
    phase = whole_phase(parameters, model)
    spectra = split(model.window_of(stacked(stacks).joined)).times(Split(phase.real[None], phase.imag[None]))
    members, first, second, *others = (
        Split(*parts) for parts in zip(*(jnp.split(part, edges) for part in spectra), strict=True)
    )
    third = others.pop(0) if model.lineshape.asymmetric else Split(second.real[:0], second.imag[:0])
    kernel = others.pop(0) if model.lineshape.n_kernel else Split(second.real[:0], second.imag[:0])
    metabolites = Split(parameters.amplitude @ members.real, parameters.amplitude @ members.imag)
    functions = model.baseline_functions
    return (
        metabolites,
        Parameters(
            amplitude=members.real,
            lorentzian_fwhm_hz=-jnp.pi * first.real,
            frequency_shift_hz=-2 * jnp.pi * first.imag,
            gaussian_variance_hz2=-GAUSSIAN_EXPONENT * second.real,
            third_moment_hz3=THIRD_MOMENT_PHASE * third.imag,
            lineshape=kernel.real,
            phase0_rad=-metabolites.imag,
            delay_s=-angular * metabolites.imag,
            baseline=jnp.asarray(functions.real, precision),
        ),
        Parameters(
            amplitude=members.imag,
            lorentzian_fwhm_hz=-jnp.pi * first.imag,
            frequency_shift_hz=2 * jnp.pi * first.real,
            gaussian_variance_hz2=-GAUSSIAN_EXPONENT * second.imag,
            third_moment_hz3=-THIRD_MOMENT_PHASE * third.real,
            lineshape=kernel.imag,
            phase0_rad=metabolites.real,
            delay_s=angular * metabolites.real,
            baseline=jnp.asarray(functions.imag, precision),
        ),
    )


def predict_and_pullback(
    parameters: Parameters, basis_fid: Complex[Array, "members points"] | Split, model: SignalModel
) -> tuple[Split, Callable[[Split], Parameters]]:
    """The spectrum in the window without the baseline, and what turns a gradient in it into one in the parameters.

    The gradient costs two transforms whatever the number of parameters: the derivatives of the Jacobian's columns are
    moments in time of the members, so that only their overlaps with one FID are wanted.
    """
    precision = parameters.amplitude.dtype
    time_s = jnp.asarray(model.time_s, precision)
    angular = 2 * jnp.pi * jnp.asarray(model.frequency_hz, precision)
    bare = split(basis_fid).times(member_modulation(parameters, model))
    kernel_fid = split(kernel_decay(parameters, model))
    unit = bare
    if model.lineshape.n_kernel:
        unit = bare.times(Split(kernel_fid.real[None], kernel_fid.imag[None]))
    phase = whole_phase(parameters, model)
    whole = Split(parameters.amplitude @ unit.real, parameters.amplitude @ unit.imag)
    metabolites = split(model.window_of(whole.joined)).times(phase)

    def pullback(wanted: Split) -> Parameters:
        turned_back = wanted.times(Split(phase.real, -phase.imag))
        to_window = jax.linear_transpose(model.window_of, whole.joined)
        (reached,) = to_window(Split(turned_back.real, -turned_back.imag).joined)
        seen = Split(reached.real, -reached.imag)
        moments = jnp.stack([time_s**power for power in range(4 if model.lineshape.asymmetric else 3)])
        real, imag = moments * seen.real[None], moments * seen.imag[None]
        upright = unit.real @ real.T + unit.imag @ imag.T  # [members, moments]
        sideways = unit.imag @ real.T - unit.real @ imag.T
        weights = parameters.amplitude[:, None]
        up, side = weights * upright, weights * sideways
        kernel = jnp.zeros_like(parameters.lineshape)
        if model.lineshape.n_kernel:
            total = Split(parameters.amplitude @ bare.real, parameters.amplitude @ bare.imag)
            folded = total.times(Split(seen.real, -seen.imag))
            waves = split(kernel_waves(model, parameters.amplitude))
            kernel = waves.real @ folded.real - waves.imag @ folded.imag
        skew = up[:0, 0] if not model.lineshape.asymmetric else THIRD_MOMENT_PHASE * _added(side[:, 3], model.shims)
        return Parameters(
            amplitude=upright[:, 0],
            lorentzian_fwhm_hz=-jnp.pi * _added(up[:, 1], model.groups),
            frequency_shift_hz=-2 * jnp.pi * _added(side[:, 1], model.groups),
            gaussian_variance_hz2=-GAUSSIAN_EXPONENT * _added(up[:, 2], model.shims),
            third_moment_hz3=skew,
            lineshape=kernel,
            phase0_rad=-jnp.sum(side[:, 0]),
            delay_s=jnp.sum(angular * (wanted.imag * metabolites.real - wanted.real * metabolites.imag)),
            baseline=jnp.zeros(len(model.baseline_roughness), precision),
        )

    return metabolites, pullback


def _added(values: Array, groups: tuple[int, ...]) -> Array:
    """Values of the members, added up for each group. [groups]"""
    membership = np.eye(max(groups) + 1)[np.array(groups)].T
    return jnp.asarray(membership, values.dtype) @ values


def _sums(fids: Split, groups: tuple[int, ...]) -> Split:
    """The sum of the members of each group."""
    membership = np.eye(max(groups) + 1)[np.array(groups)].T
    if membership.shape[0] == membership.shape[1] and (membership == np.eye(len(groups))).all():
        return fids
    weights = jnp.asarray(membership, fids.real.dtype)
    return Split(weights @ fids.real, weights @ fids.imag)
