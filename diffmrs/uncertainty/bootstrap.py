"""Monte Carlo: simulate the measurement again and again with fresh noise, and fit each copy."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex

from diffmrs.axes import fid_of
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.coordinates import Bounds
from diffmrs.fitting.estimate import Estimate
from diffmrs.fitting.fit import fit
from diffmrs.fitting.solver import LevenbergMarquardt
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict, predict_baseline


def parametric_bootstrap(
    parameters: Parameters,
    basis: Basis,
    model: SignalModel,
    noise_sd: float,
    *,
    n_copies: int,
    key: Array,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Estimate:
    """Fit noisy copies of the spectrum that `parameters` predict (Efron & Tibshirani 1993, ch. 6).

    The spread of the answers is the uncertainty of an estimate at `parameters`, bounds and non-linearity included;
    where the Cramér-Rao bound is honest the two agree.

    Args:
        parameters: the truth to simulate.
        basis: the basis, as in `FitResult.basis`.
        model: the fixed part, as in `FitResult.model`.
        noise_sd: standard deviation of the noise in the real part of the spectrum, as in `Estimate.noise_sd`.
        n_copies: how many.
        key: `jax.random` key.
        bounds: where the answers may lie.
        optimiser: the solver.

    Returns:
        The fits, [n_copies, ...] on every field.

    Raises:
        InputError: the noise is not positive or there are no copies.
    """
    if not noise_sd > 0 or n_copies < 1:
        raise InputError(f"noise_sd is {noise_sd} and n_copies {n_copies}; both must be positive")
    fids = _noisy_copies(parameters, basis.fid, model, jnp.asarray(noise_sd), n_copies, key)
    limits = (float(model.ppm.min()) - 1e-6, float(model.ppm.max()) + 1e-6)
    return fit(
        MRSData(fids, model.acquisition),
        basis,
        ppm_range=limits,
        baseline=model.baseline,
        groups=model.groups,
        bounds=bounds,
        optimiser=optimiser,
    ).estimate


@partial(jax.jit, static_argnames=("model", "n_copies"))
def _noisy_copies(
    parameters: Parameters, basis_fid: Array, model: SignalModel, noise_sd: Array, n_copies: int, key: Array
) -> Complex[Array, "copies points"]:
    whole_band = replace(model, window=(0, model.n_points), baseline=NoBaseline())
    clean = predict(replace(parameters, baseline=parameters.baseline[:0]), basis_fid, whole_band)
    clean = clean.at[slice(*model.window)].add(predict_baseline(parameters, model))
    draws = jax.random.normal(key, (2, n_copies, model.n_points), clean.real.dtype) * noise_sd
    return fid_of(clean[None] + jax.lax.complex(draws[0], draws[1]))
