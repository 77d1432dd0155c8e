"""Monte Carlo: make the measurement again and again with other noise, and fit each copy (Efron & Tibshirani 1993)."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, PRNGKeyArray

from diffmrs.axes import fid_of, spectrum_of
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.coordinates import Bounds
from diffmrs.fitting.engine import local_mesh
from diffmrs.fitting.estimate import Estimate
from diffmrs.fitting.fit import FitResult, fit_rows
from diffmrs.fitting.solver import LevenbergMarquardt, Status
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, predict, predict_baseline
from diffmrs.priors.priors import Priors, priors_for


def parametric_bootstrap(
    parameters: Parameters,
    basis: Basis,
    model: SignalModel,
    noise_sd: float,
    *,
    n_copies: int,
    key: PRNGKeyArray,
    priors: Priors | None = None,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Estimate:
    """Fit noisy copies of the spectrum that `parameters` predict (Efron & Tibshirani 1993, ch. 6).

    The spread of the answers is the uncertainty of an estimate at `parameters`, bounds and non-linearity included;
    where the Cramér-Rao bound is honest the two agree. Where the stiffness of the baseline is chosen from the data, it
    is chosen anew for each copy, so that the spread includes that choice. Soft constraints are not drawn anew: with
    them the spread is that of the estimate, which they narrow, and not that of the posterior.

    Args:
        parameters: the truth to simulate.
        basis: the basis, as in `FitResult.basis`.
        model: the fixed part, as in `FitResult.model`.
        noise_sd: standard deviation of the noise in the real part of the spectrum, as in `Estimate.noise_sd`.
        n_copies: how many.
        key: `jax.random` key.
        priors: soft constraints, as in `FitResult.priors`; none when absent.
        bounds: where the answers may lie.
        optimiser: the solver.

    Returns:
        The fits, [n_copies, ...] on every field.

    Raises:
        InputError: the noise is not positive or there are no copies.
    """
    if not noise_sd > 0 or n_copies < 1:
        raise InputError(f"noise_sd is {noise_sd} and n_copies {n_copies}; both must be positive")
    fids = _noisy_copies(parameters, jnp.asarray(basis.fid), model, jnp.asarray(noise_sd), n_copies, key)
    return _fitted(fids, basis, model, priors, bounds, optimiser)


def residual_bootstrap(
    result: FitResult,
    index: int,
    *,
    n_copies: int,
    key: PRNGKeyArray,
    block_points: int = 16,
    bounds: Bounds = Bounds(),
    optimiser: LevenbergMarquardt = LevenbergMarquardt(),
) -> Estimate:
    """Fit copies of one spectrum whose noise is its own residual, put together anew.

    Nothing is assumed about size and distribution of what the model leaves unexplained. Blocks of neighbouring points
    are drawn with replacement from the residual in the window, which keeps structure up to their length (the moving
    blocks of Künsch 1989, Ann Stat 17:1217), and each is turned by a random phase, which makes their mean zero and
    treats real and imaginary parts alike. The residual is enlarged for the degrees of freedom that the fit took.
    Outside the window, where the noise level is read, the measured spectrum stays.

    Args:
        result: from `diffmrs.fit`.
        index: which of its spectra, counted from 0.
        n_copies: how many.
        key: `jax.random` key.
        block_points: length of a block, points of the spectrum.
        bounds: as the fit had them.
        optimiser: as the fit had it.

    Returns:
        The fits, [n_copies, ...] on every field.

    Raises:
        InputError: there are no copies, no such spectrum or no fit of it, or the blocks do not fit the window.
    """
    model, count = result.model, result.data.n_spectra
    if n_copies < 1:
        raise InputError(f"n_copies is {n_copies}; it must be positive")
    if not 0 <= index < count:
        raise InputError(f"index is {index}; there are {count} spectra, counted from 0")
    if not 1 <= block_points <= model.n_window // 2:
        raise InputError(
            f"block_points is {block_points}; it must be between 1 and half the window, {model.n_window // 2}"
        )
    estimate = jax.tree.map(lambda leaf: jnp.asarray(leaf[index]), result.flat())
    if int(estimate.status) == Status.INVALID:
        raise InputError(f"spectrum {index} {Status.INVALID.explanation}")
    basis_fid = jnp.asarray(result.basis.fid)
    fid = jnp.asarray(result.data.spectra)[index]
    freedom = 1 - estimate.dimensions / (2 * model.n_window)
    fids = _reshuffled(
        fid, estimate.parameters, basis_fid, model, jnp.maximum(freedom, 0.1), n_copies, block_points, key
    )
    return _fitted(fids, result.basis, model, result.priors, bounds, optimiser)


def _fitted(
    fids: Array, basis: Basis, model: SignalModel, priors: Priors | None, bounds: Bounds, optimiser: LevenbergMarquardt
) -> Estimate:
    arrays = priors_for((), basis.names, model) if priors is None else priors
    data = MRSData(fids, model.acquisition)
    return fit_rows(data.spectra, jnp.asarray(basis.fid), arrays, model, False, bounds, optimiser, local_mesh())


@partial(jax.jit, static_argnames=("model", "n_copies"))
def _noisy_copies(
    parameters: Parameters, basis_fid: Array, model: SignalModel, noise_sd: Array, n_copies: int, key: Array
) -> Complex[Array, "copies points"]:
    whole_band = replace(model, window=(0, model.n_points), baseline=NoBaseline(), noise_scale=())
    clean = predict(replace(parameters, baseline=parameters.baseline[:0]), basis_fid, whole_band)
    clean = clean.at[slice(*model.window)].add(predict_baseline(parameters, model))
    draws = jax.random.normal(key, (2, n_copies, model.n_points), clean.real.dtype) * noise_sd
    return fid_of(clean[None] + jax.lax.complex(draws[0], draws[1]))


@partial(jax.jit, static_argnames=("model", "n_copies", "block_points"))
def _reshuffled(
    fid: Array,
    parameters: Parameters,
    basis_fid: Array,
    model: SignalModel,
    freedom: Array,
    n_copies: int,
    block_points: int,
    key: Array,
) -> Complex[Array, "copies points"]:
    spectrum = spectrum_of(fid)
    window = slice(*model.window)
    explained = predict(parameters, basis_fid, model)
    residual = (spectrum[window] - explained) / jnp.sqrt(freedom)
    n_blocks = -(-model.n_window // block_points)
    draw, turn = jax.random.split(key)
    first = jax.random.randint(draw, (n_copies, n_blocks), 0, model.n_window - block_points + 1)
    angle = jax.random.uniform(turn, (n_copies, n_blocks), residual.real.dtype, 0, 2 * np.pi)
    blocks = residual[first[..., None] + np.arange(block_points)]
    turned: Any = blocks * jax.lax.complex(jnp.cos(angle), jnp.sin(angle))[..., None]
    noise = turned.reshape(n_copies, -1)[:, : model.n_window]
    copies = jnp.broadcast_to(spectrum, (n_copies, model.n_points)).at[:, window].set(explained + noise)
    return fid_of(copies)
