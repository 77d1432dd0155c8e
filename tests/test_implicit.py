"""Derivatives of a fit against finite differences of whole fits, in float64."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from synthetic import ACQUISITION, TRUTH, basis, fid

from diffmrs.data import MRSData
from diffmrs.fitting import LevenbergMarquardt, fit, fit_fid, fit_table
from diffmrs.fitting.implicit import implicit_solution
from diffmrs.fitting.solver import Solution
from diffmrs.model import PolynomialBaseline, model_for

EXACT = LevenbergMarquardt(tolerance=1e-9, max_steps=300)
LAC = list(TRUTH).index("Lac")


def setting():
    the_basis = basis()
    model = model_for(
        the_basis, ppm_range=(0.5, 4.2), groups=(0,) * 7 + (1,), shims=(0,) * 8, baseline=PolynomialBaseline(1)
    )
    return model, jnp.asarray(the_basis.fid), jnp.asarray(fid(noise_sd=0.3))


def test_a_closed_form_minimum_has_the_closed_form_derivative(x64):
    # min ½|x - θ|² with 0 ≤ x: x = max(θ, 0), so dx/dθ is 1 where θ > 0 and 0 where x rests on its bound.
    lower, upper = np.zeros(3), np.full(3, np.inf)

    def solve(theta, start):
        return Solution(jnp.maximum(theta, 0.0), jnp.asarray(0.0), jnp.asarray(1), jnp.asarray(0))

    solution = implicit_solution(solve, lambda x, theta: x - theta, lower, upper)
    theta = jnp.asarray([1.0, -2.0, 3.0])
    for jacobian in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(jacobian(lambda t: solution(t, theta).x)(theta), np.diag([1.0, 0.0, 1.0]))


@cache
def compiled():
    """Forward and reverse derivatives of what comes out of a fit, compiled once for all tests."""
    model, fids, _ = setting()

    def found(y, broadening):
        # Change the shape of one member, not only its size: broaden it.
        shaped = fids.at[0].multiply(jnp.exp(-broadening * jnp.asarray(model.time_s)))
        p = fit_fid(y, fit_table(shaped, model), model, optimiser=EXACT).parameters
        return jnp.stack([p.amplitude[0], p.lorentzian_fwhm_hz[0], p.amplitude[LAC]])

    forward = jax.jit(lambda y, direction: jax.jvp(lambda y: found(y, jnp.asarray(0.0)), (y,), (direction,))[1])
    reverse = jax.jit(jax.value_and_grad(lambda y, broadening, weights: weights @ found(y, broadening), argnums=(0, 1)))
    return forward, reverse


@pytest.mark.thorough
@pytest.mark.slow
def test_derivative_in_the_data(x64):
    forward, reverse = compiled()
    _, _, measured = setting()
    naa, none = jnp.asarray([1.0, 0.0, 0.0]), jnp.asarray(0.0)
    direction = jnp.asarray(fid(noise_sd=1.0, seed=9) - fid(noise_sd=0.0))
    step = 1e-3
    pushed = forward(measured, direction)[0]
    up, down = (reverse(measured + sign * step * direction, none, naa)[0] for sign in (1, -1))
    assert float(pushed) == pytest.approx(float((up - down) / (2 * step)), rel=2e-5)
    # Reverse: dy/dx·v = Re⟨conj(grad), v⟩ for a real function of complex data in JAX's convention.
    pulled = jnp.sum(jnp.real(reverse(measured, none, naa)[1][0] * direction))
    assert float(pulled) == pytest.approx(float(pushed), rel=1e-8)


def test_derivative_in_the_basis(x64):
    _, reverse = compiled()
    _, _, measured = setting()
    weights = jnp.asarray([1.0, 10.0, 0.0])
    at, step = 1.0, 1e-3
    up, down = (reverse(measured, jnp.asarray(at + sign * step), weights)[0] for sign in (1, -1))
    _, (_, slope) = reverse(measured, jnp.asarray(at), weights)
    assert float(slope) == pytest.approx(float((up - down) / (2 * step)), rel=2e-5)


def test_a_parameter_on_its_bound_does_not_move(x64):
    _, reverse = compiled()
    measured = jnp.asarray(fid(noise_sd=0.1, truth={**TRUTH, "Lac": -2.0}))
    lac, none = jnp.asarray([0.0, 0.0, 1.0]), jnp.asarray(0.0)
    value, (gradient, _) = reverse(measured, none, lac)
    assert float(value) == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


@pytest.mark.thorough
@pytest.mark.slow
def test_the_public_fit_can_be_differentiated_in_data_and_basis():
    def total(data, the_basis):
        result = fit(data, the_basis, priors="none", baseline=PolynomialBaseline(1))
        return result.estimate.parameters.amplitude.sum()

    data = MRSData(jnp.asarray(np.stack([fid(noise_sd=0.3, seed=s) for s in (0, 1)]), jnp.complex64), ACQUISITION)
    the_basis = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.complex64), basis())
    amplitude, (by_data, by_basis) = jax.value_and_grad(total, argnums=(0, 1))(data, the_basis)
    assert by_data.fid.shape == data.fid.shape and by_basis.fid.shape == the_basis.fid.shape
    assert np.isfinite(by_data.fid).all() and np.isfinite(by_basis.fid).all()
    # Scaling the data by (1 + ε) scales the amplitudes; scaling the basis divides them.
    assert float(jnp.sum(jnp.real(by_data.fid * data.fid))) == pytest.approx(float(amplitude), rel=1e-2)
    assert float(jnp.sum(jnp.real(by_basis.fid * the_basis.fid))) == pytest.approx(-float(amplitude), rel=1e-2)
