"""The answer, its derivatives and its uncertainty under soft constraints, against dense NumPy and SciPy in float64."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from jax.flatten_util import ravel_pytree
from synthetic import ACQUISITION, basis, fid

from diffmrs.fitting import Bounds, LevenbergMarquardt, Status, fit_fid, fit_table
from diffmrs.model import SplineBaseline, model_for, predict
from diffmrs.priors import ParameterPrior, RatioPrior, priors_for

NAMES = ("NAA", "Cr", "GPC")
N_POINTS = 1024
EXACT = LevenbergMarquardt(tolerance=1e-8, max_steps=300)
WIDE = Bounds(max_shift_ppm=2.0)  # the whole FID, no band
BASIS = basis(NAMES, n_points=N_POINTS)
MODEL = model_for(
    BASIS,
    ppm_range=(1.5, 4.1),
    groups=(0, 0, 0),
    shims=(0, 0, 0),
    baseline=SplineBaseline(2.0, knots_per_ppm=4.0, range_per_ppm=(0.3, 3.0)),
)
# Far enough from what the data say (0.17, 3 Hz, 0.4 rad) to pull, and one that has nothing to say on its side.
CONSTRAINTS = (
    RatioPrior((("GPC", 1.0),), (("Cr", 1.0),), 0.168, 0.0008, "made up"),
    RatioPrior((("NAA", 1.0),), (("Cr", 0.5), ("GPC", 0.5)), 9.0, 0.1, "made up", "above"),
    ParameterPrior("lorentzian_fwhm_hz", "NAA", 3.2, 0.1, "made up"),
    ParameterPrior("phase0_rad", "", 0.39, 0.005, "made up"),
)
MEASURED = fid(truth={"NAA": 12.0, "Cr": 8.0, "GPC": 1.4}, noise_sd=0.5, seed=5, n_points=N_POINTS)


@pytest.fixture(autouse=True)
def double(x64):
    """All of it in float64."""


@cache
def compiled():
    with jax.enable_x64(True):
        table = fit_table(jnp.asarray(BASIS.fid), MODEL, WIDE)

        def answer(y, priors):
            return fit_fid(y, table, MODEL, priors, bounds=WIDE, optimiser=EXACT)

        return jax.jit(answer)


@cache
def constrained():
    with jax.enable_x64(True):
        return compiled()(jnp.asarray(MEASURED), priors_for(CONSTRAINTS, NAMES, MODEL))


@cache
def unconstrained():
    with jax.enable_x64(True):
        return compiled()(jnp.asarray(MEASURED), priors_for((), NAMES, MODEL))


def distances(p) -> jax.Array:
    """The constraints by hand, in standard deviations."""
    naa, cr, gpc = p.amplitude
    above = naa / (0.5 * cr + 0.5 * gpc) - 9.0
    return jnp.stack(
        [
            (gpc / cr - 0.168) / 0.0008,
            jnp.maximum(above, 0.0) / 0.1,
            (p.lorentzian_fwhm_hz[0] - 3.2) / 0.1,
            (p.phase0_rad - 0.39) / 0.005,
        ]
    )


def stiffness() -> float:
    (found,) = MODEL.baseline.stiffness_candidates(MODEL.ppm, MODEL.baseline_roughness)
    return float(found)


def independent_spectrum(vector) -> np.ndarray:
    amplitude, (lorentz, shift, gauss2, phase, delay) = vector[:3], vector[3:8]
    time = np.arange(N_POINTS) * ACQUISITION.dwell_time_s
    decay = np.exp(-np.pi * lorentz * time - np.pi**2 * gauss2 * time**2 / (4 * np.log(2)))
    total = (amplitude @ np.asarray(BASIS.fid)) * decay * np.exp(2j * np.pi * shift * time)
    total[0] /= 2
    frequency = (4.65 - MODEL.ppm) * ACQUISITION.spectrometer_frequency_mhz
    spectrum = np.exp(-2j * np.pi * frequency[:, None] * time[None]) @ total
    return spectrum * np.exp(1j * phase + 2j * np.pi * frequency * delay) + vector[8:] @ MODEL.baseline_functions


def vector_of(p) -> np.ndarray:
    return np.concatenate(
        [
            np.ravel(part)
            for part in (
                p.amplitude,
                p.lorentzian_fwhm_hz,
                p.frequency_shift_hz,
                p.gaussian_variance_hz2,
                p.phase0_rad,
                p.delay_s,
                p.baseline,
            )
        ]
    )


@pytest.mark.thorough
def test_the_answer_is_the_maximum_of_the_posterior_that_scipy_finds():
    estimate = constrained()
    assert int(estimate.status) == Status.CONVERGED
    assert float(estimate.chi2_reduced) < 0.95  # so that constraints weigh what they say
    noise, root = float(estimate.noise_sd), np.sqrt(stiffness() * MODEL.baseline_roughness)
    halved = np.concatenate([MEASURED[:1] / 2, MEASURED[1:]])
    frequency = (4.65 - MODEL.ppm) * ACQUISITION.spectrometer_frequency_mhz
    time = np.arange(N_POINTS) * ACQUISITION.dwell_time_s
    target = np.exp(-2j * np.pi * frequency[:, None] * time[None]) @ halved

    def residual(units):
        vector = ours + units * sd
        naa, cr, gpc, lorentz, phase = vector[[0, 1, 2, 3, 6]]
        off = (independent_spectrum(vector) - target) / noise
        above = max(naa / (0.5 * cr + 0.5 * gpc) - 9.0, 0.0)
        pulls = [(gpc / cr - 0.168) / 0.0008, above / 0.1, (lorentz - 3.2) / 0.1, (phase - 0.39) / 0.005]
        return np.concatenate([off.real, off.imag, root * vector[8:] / noise, pulls])

    ours, sd = vector_of(estimate.parameters), vector_of(estimate.sd)
    start = np.random.default_rng(0).normal(size=ours.size)
    found = scipy.optimize.least_squares(residual, start, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    assert np.abs(found.x).max() < 0.01
    free = vector_of(unconstrained().parameters)
    assert np.abs((free - ours) / sd)[:8].max() > 1  # the constraints did pull


def fisher_and_pulls(estimate):
    """Information of the data on every parameter, baseline included; slopes of the constraints; penalty."""
    flat, rebuilt = ravel_pytree(jax.tree.map(jnp.asarray, estimate.parameters))
    fids = jnp.asarray(BASIS.fid)
    jacobian = np.asarray(jax.jacfwd(lambda v: predict(rebuilt(v), fids, MODEL))(flat))
    stacked = np.concatenate([jacobian.real, jacobian.imag]) / float(estimate.noise_sd)
    slopes = np.asarray(jax.jacfwd(lambda v: distances(rebuilt(v)))(flat))
    rough = replace(
        jax.tree.map(jnp.zeros_like, estimate.parameters), baseline=stiffness() * jnp.asarray(MODEL.baseline_roughness)
    )
    penalty = np.diag(np.asarray(ravel_pytree(rough)[0]) / float(estimate.noise_sd) ** 2)
    return stacked.T @ stacked, slopes, penalty


def scaled_inverse(matrix):
    scale = 1 / np.sqrt(np.diag(matrix))
    return np.linalg.inv(matrix * scale * scale[:, None]) * scale * scale[:, None]


def sd_vector(estimate):
    return np.asarray(ravel_pytree(jax.tree.map(jnp.asarray, estimate.sd))[0])


@pytest.mark.thorough
@pytest.mark.slow
def test_without_constraints_the_standard_deviation_is_the_bound_of_the_full_fisher_matrix():
    estimate = unconstrained()
    fisher, _, penalty = fisher_and_pulls(estimate)
    bound = scaled_inverse(fisher + penalty)
    np.testing.assert_allclose(sd_vector(estimate), np.sqrt(np.diag(bound)), rtol=1e-4)
    np.testing.assert_allclose(estimate.amplitude_covariance, bound[:3, :3], rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(estimate.crlb_covariance, estimate.amplitude_covariance, rtol=1e-9)
    dimensions = np.trace(bound @ fisher)
    assert float(estimate.dimensions) == pytest.approx(dimensions, rel=1e-4)
    assert 0 < 8 - float(estimate.dimensions - estimate.baseline_dimensions) < 1  # the baseline shares in the rest


def test_with_constraints_it_is_that_of_information_plus_prior_precision():
    estimate = constrained()
    fisher, slopes, penalty = fisher_and_pulls(estimate)
    posterior = scaled_inverse(fisher + penalty + slopes.T @ slopes)
    np.testing.assert_allclose(sd_vector(estimate), np.sqrt(np.diag(posterior)), rtol=1e-4)
    np.testing.assert_allclose(estimate.amplitude_covariance, posterior[:3, :3], rtol=1e-4, atol=1e-8)
    loose = scaled_inverse(fisher + penalty + slopes[2:].T @ slopes[2:])
    np.testing.assert_allclose(estimate.crlb_covariance, loose[:3, :3], rtol=1e-4, atol=1e-8)
    assert (np.linalg.eigvalsh(loose[:3, :3] - posterior[:3, :3]) > -1e-9).all()
    assert float(estimate.dimensions) == pytest.approx(np.trace(posterior @ fisher), rel=1e-4)
    assert float(estimate.baseline_dimensions) < float(estimate.dimensions) < float(unconstrained().dimensions)


@pytest.mark.slow
def test_the_answer_can_be_differentiated_in_every_mean_and_standard_deviation():
    priors, y, fitted = priors_for(CONSTRAINTS, NAMES, MODEL), jnp.asarray(MEASURED), compiled()
    names = ("ratio_mean", "ratio_sd", "value_mean", "value_sd")

    def answer(leaves):
        p = fitted(y, replace(priors, **leaves)).parameters
        return p.amplitude @ jnp.asarray([1.0, 2.0, 20.0]) + 10 * p.phase0_rad

    leaves = {name: jnp.asarray(getattr(priors, name)) for name in names}
    gradient = jax.jit(jax.grad(answer))(leaves)
    for name in names:
        step = 1e-3 * np.abs(leaves[name])
        for k in range(2):
            up, down = ({**leaves, name: leaves[name].at[k].add(sign * step[k])} for sign in (1, -1))
            finite = float(answer(up) - answer(down)) / (2 * step[k])
            assert float(gradient[name][k]) == pytest.approx(finite, rel=1e-3, abs=1e-6), (name, k)
    assert float(gradient["ratio_mean"][1]) == 0.0  # one-sided, and on the side that costs nothing
    assert np.abs(np.concatenate([gradient[name] for name in names])).max() > 1
