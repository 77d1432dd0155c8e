"""The derivative of the signal model, written out: its columns share their Fourier transforms.

Amplitudes and baseline enter linearly, so their columns are the basis spectra and the baseline functions themselves.
Widths and shift of a group are moments of one FID: ∂s/∂L = -π t s, ∂s/∂f = 2πi t s, ∂s/∂G² = -π²/(4 ln 2) t² s. One
evaluation therefore costs one transform per basis member and two per group, where forward-mode differentiation costs
one per parameter on top. The tests hold it against `jax.jacfwd(predict)` and finite differences.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.lineshape import GAUSSIAN_EXPONENT
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, first_order_phase, group_modulation


def predict_and_jacobian(
    parameters: Parameters, basis_fid: Complex[Array, "members points"], model: SignalModel
) -> tuple[Complex[Array, " window"], Parameters]:
    """The spectrum in the window and its derivative with respect to every parameter.

    Args:
        parameters: of one FID.
        basis_fid: FID of each basis member.
        model: the fixed part.

    Returns:
        What `diffmrs.model.predict` returns, and a `Parameters` whose every field carries one more, last axis: the
        window. Complex.
    """
    real = parameters.amplitude.dtype
    group_of = np.array(model.groups)
    membership = jnp.asarray(np.eye(model.n_groups)[group_of].T, real)
    time_s = jnp.asarray(model.time_s, real)
    frequency_hz = jnp.asarray(model.frequency_hz, real)
    phase = jnp.exp(1j * parameters.phase0_rad) * first_order_phase(parameters, model)

    members_fid = basis_fid * group_modulation(parameters, model)[group_of]
    groups_fid = membership.astype(members_fid.dtype) @ (parameters.amplitude[:, None] * members_fid)
    moments_fid = jnp.concatenate([groups_fid * time_s[None], groups_fid * time_s[None] ** 2])
    spectra = phase[None] * model.window_of(jnp.concatenate([members_fid, moments_fid]))
    members, first, second = jnp.split(spectra, [len(model.groups), len(model.groups) + model.n_groups])

    functions = jnp.asarray(model.baseline.functions(model.n_window), real)
    baseline = jnp.stack([jax.lax.complex(functions, 0 * functions), jax.lax.complex(0 * functions, functions)], axis=1)
    metabolites = parameters.amplitude @ members
    spectrum = metabolites + parameters.baseline_complex @ functions
    return spectrum, Parameters(
        amplitude=members,
        lorentzian_fwhm_hz=-jnp.pi * first,
        gaussian_variance_hz2=-GAUSSIAN_EXPONENT * second,
        frequency_shift_hz=2j * jnp.pi * first,
        phase0_rad=1j * metabolites,
        delay_s=2j * jnp.pi * frequency_hz * metabolites,
        baseline=baseline,
    )
