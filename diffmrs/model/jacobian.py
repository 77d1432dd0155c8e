"""The derivative of the signal model, written out: its columns share their Fourier transforms.

Amplitudes and baseline enter linearly, so their columns are the basis spectra and the baseline functions themselves.
Shift and widths of a group are moments of its FID: ∂s/∂L = -π t s, ∂s/∂f = 2πi t s, ∂s/∂G² = -π²/(4 ln 2) t² s,
∂s/∂μ = -i (2π)³/6 t³ s. One evaluation costs one transform per member, one per group and one per shim group, where
forward-mode differentiation costs one per parameter on top. Tests hold it against `jax.jacfwd(predict)`.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.lineshape import GAUSSIAN_EXPONENT, THIRD_MOMENT_PHASE
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import (
    SignalModel,
    complex_like,
    first_order_phase,
    kernel_decay,
    kernel_waves,
    member_modulation,
    predict_baseline,
)


def predict_and_jacobian(
    parameters: Parameters, basis_fid: Complex[Array, "members points"], model: SignalModel
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
    real = parameters.amplitude.dtype
    time_s = jnp.asarray(model.time_s, real)
    frequency_hz = jnp.asarray(model.frequency_hz, real)
    phase = jnp.exp(1j * parameters.phase0_rad) * first_order_phase(parameters, model)

    bare_fid = basis_fid * member_modulation(parameters, model)
    unit_fid = bare_fid * kernel_decay(parameters, model)[None]
    members_fid = parameters.amplitude[:, None] * unit_fid
    by_group = _sums(members_fid, model.groups) * time_s[None]
    by_shim = _sums(members_fid, model.shims) * time_s[None] ** 2
    stacks = [unit_fid, by_group, by_shim]
    if model.lineshape.asymmetric:
        stacks.append(by_shim * time_s[None])
    if model.lineshape.n_kernel:
        whole = (parameters.amplitude[:, None] * bare_fid).sum(axis=0)
        stacks.append(whole[None] * kernel_waves(model, parameters.amplitude))
    edges = np.cumsum([stack.shape[0] for stack in stacks])[:-1].tolist()
    members, first, second, *others = jnp.split(phase[None] * model.window_of(jnp.concatenate(stacks)), edges)
    third = others.pop(0) if model.lineshape.asymmetric else second[:0]
    kernel = others.pop(0) if model.lineshape.n_kernel else second[:0]

    metabolites = parameters.amplitude.astype(members.dtype) @ members
    return metabolites + predict_baseline(parameters, model), Parameters(
        amplitude=members,
        lorentzian_fwhm_hz=-jnp.pi * first,
        frequency_shift_hz=2j * jnp.pi * first,
        gaussian_variance_hz2=-GAUSSIAN_EXPONENT * second,
        third_moment_hz3=-1j * THIRD_MOMENT_PHASE * third,
        lineshape=kernel,
        phase0_rad=1j * metabolites,
        delay_s=2j * jnp.pi * frequency_hz * metabolites,
        baseline=complex_like(model.baseline_functions, parameters.amplitude),
    )


def _sums(fids: Complex[Array, "members points"], groups: tuple[int, ...]) -> Complex[Array, "groups points"]:
    """The sum of the members of each group."""
    membership = np.eye(max(groups) + 1)[np.array(groups)].T
    if membership.shape[0] == membership.shape[1] and (membership == np.eye(len(groups))).all():
        return fids
    return jnp.asarray(membership, fids.real.dtype).astype(fids.dtype) @ fids
