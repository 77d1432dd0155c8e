import jax
import jax.numpy as jnp
import numpy as np
import pytest
from learned import PPM, TIME, WIDE, basis, decoder, linear
from scipy.optimize import least_squares

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.fitting import Status
from diffmrs.learn.decoder import Prior, decoder_for
from diffmrs.learn.mode import find_mode, gauss_newton
from diffmrs.model.baseline import SplineBaseline

NOISE = 1.5
WIDE_Z = np.array([0.3, -0.8, 1.1, 0.4, -0.5, 0.7, 0.6, -0.9])


def numpy_spectrum(z):
    """The signal by its equation, in NumPy, from coordinates of the wide population."""
    from scipy.stats import norm

    amplitude, width = 0.5 + 2.5 * norm.cdf(z[:3]), 2 + 6 * norm.cdf(z[3])
    shift, gauss, phase, delay = 3 * z[4], 1 + 5 * norm.cdf(z[5]), 0.4 * z[6], 1e-4 * z[7]
    decay = np.exp(2j * np.pi * shift * TIME - np.pi * width * TIME - (np.pi * gauss * TIME) ** 2 / (4 * np.log(2)))
    members = np.exp(-2j * np.pi * (np.array(PPM)[:, None] - 4.65) * 123.2 * TIME - np.pi * TIME)
    fid = np.exp(1j * phase) * (amplitude @ members) * decay
    fid[0] /= 2
    late = np.exp(2j * np.pi * np.fft.fftshift(np.fft.fftfreq(TIME.size, 1 / 1200)) * delay)
    return late * np.fft.fftshift(np.fft.fft(fid))


def some_data(seed=0, size=TIME.size, z=WIDE_Z):
    noise = np.random.default_rng(seed).normal(size=(TIME.size, 2)) @ [NOISE, NOISE * 1j]
    return (numpy_spectrum(z) + noise)[:size]


def parts(values):
    return np.concatenate([values.real, values.imag])


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_the_cost_is_that_of_the_equation_in_spectrum_and_in_time():
    made, observed = decoder(dtype=np.complex128), some_data()
    off = numpy_spectrum(WIDE_Z / 2) - observed
    rest = made.residual(jnp.asarray(WIDE_Z / 2), jnp.asarray(observed), jnp.asarray(NOISE))
    np.testing.assert_allclose(rest[:-8], parts(off) / NOISE, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(rest[-8:], WIDE_Z / 2)
    in_time = np.fft.ifft(np.fft.ifftshift(off))  # by Parseval, with the first sample halved
    np.testing.assert_allclose(rest[:-8] @ rest[:-8], TIME.size * np.sum(np.abs(in_time) ** 2) / NOISE**2, rtol=1e-6)
    measured = np.fft.ifft(np.fft.ifftshift(observed)) * np.where(np.arange(TIME.size) == 0, 2, 1)
    np.testing.assert_allclose(made.observed(jnp.asarray(measured)), observed, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(made.spectrum(jnp.asarray(WIDE_Z)), numpy_spectrum(WIDE_Z), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("baseline", [None, SplineBaseline(4.0)])
def test_derivative_and_cost_hold_in_a_window_with_any_baseline(baseline):
    groups = (0, 1, 1) if baseline is None else (0, 0, 0)
    made = decoder(ppm_range=(1.5, 3.8), baseline=baseline, groups=groups, dtype=np.complex128, stiffness=0.3)
    size = made.model.n_window
    observed, z = jnp.asarray(some_data(1, size)), jnp.asarray(WIDE_Z)
    prior = Prior(jnp.linspace(-1, 1, 8), jnp.linspace(-2, 2, 8))

    @jax.jit
    def both(z):
        rest = made.residual(z, observed, jnp.asarray(NOISE), prior)
        derivative = jax.jacfwd(lambda z: made.residual(z, observed, jnp.asarray(NOISE), prior))(z)
        return rest, derivative, *made.linearised(z, observed, jnp.asarray(NOISE), prior)

    rest, derivative, same, written = both(z)
    np.testing.assert_allclose(same, rest, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(written, derivative, rtol=1e-6, atol=1e-7)
    step = 1e-6 * jnp.cos(jnp.arange(8.0))
    np.testing.assert_allclose(
        (both(z + step)[0] - both(z - step)[0]) / 2,
        written @ step,
        rtol=1e-4,
        atol=1e-4 * np.max(np.abs(written @ step)),
    )
    np.testing.assert_allclose(rest[-8:], np.exp(prior.log_precision / 2) * (WIDE_Z - prior.centre))
    # What the baseline leaves is the least penalised sum of squares over its coefficients.
    off = parts(np.asarray(made.spectrum(z)) - np.asarray(observed)) / NOISE
    functions = np.concatenate([made.model.baseline_functions.real, made.model.baseline_functions.imag], axis=1)
    roots = np.diag(np.sqrt(0.3 * np.maximum(made.model.baseline_roughness, 0)))
    stacked = np.concatenate([functions.T, roots]), np.concatenate([off, np.zeros(len(roots))])
    least = np.linalg.lstsq(*stacked, rcond=None)[0] if len(roots) else np.zeros(0)
    left = stacked[1] - stacked[0] @ least
    np.testing.assert_allclose(rest[:-8] @ rest[:-8], left @ left, rtol=1e-6)


@pytest.mark.thorough
@pytest.mark.usefixtures("x64")
def test_the_mode_is_that_of_scipy_and_its_derivative_that_of_finite_differences():
    made, observed, noise = decoder(dtype=np.complex128), jnp.asarray(some_data(2)), jnp.asarray(NOISE)
    direction = jnp.asarray(parts(some_data(3, z=WIDE_Z[::-1])))
    direction = direction[: TIME.size] + 1j * direction[TIME.size :]

    def turned(knob):
        """Other data, centre and precision."""
        prior = Prior(knob[1] * jnp.linspace(-1, 1, 8), knob[2] * jnp.linspace(2, -1, 8))
        return observed + knob[0] * direction, prior

    def mode(knob):
        data, prior = turned(knob)
        found = find_mode(jnp.zeros(8), data, noise, made, prior=prior)
        return found.z, found

    derivative, found = jax.jit(jax.jacfwd(mode, has_aux=True))(jnp.zeros(3))

    @jax.jit
    def linearised(z, knob):
        data, prior = turned(knob)
        return made.linearised(z, data, noise, prior)

    def by_scipy(knob, start):
        tight = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-13}
        return least_squares(lambda z: linearised(z, knob)[0], start, jac=lambda z: linearised(z, knob)[1], **tight)

    expected = by_scipy(np.zeros(3), np.zeros(8))
    assert int(found.status) == Status.CONVERGED
    sd = np.sqrt(np.diag(found.covariance))
    np.testing.assert_allclose((found.z - expected.x) / sd, 0, atol=0.02)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(expected.jac.T @ expected.jac), rtol=0.02, atol=1e-4)
    np.testing.assert_allclose(found.chi2 + found.penalty, 2 * expected.cost, rtol=1e-4)
    for k, size in enumerate((1e-3, 1e-2, 1e-2)):
        step = np.eye(3)[k] * size
        slope = (by_scipy(step, expected.x).x - by_scipy(-step, expected.x).x) / (2 * size)
        np.testing.assert_allclose(derivative[:, k], slope, rtol=0.03, atol=0.02 * np.abs(slope).max())


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_a_linear_problem_has_its_closed_form_in_one_step():
    made, observed, noise = linear(np.complex128), jnp.asarray(some_data(4)), jnp.asarray(NOISE)
    prior = Prior(jnp.array([0.5, -1.0, 0.0]), jnp.array([1.0, -2.0, 0.0]))
    rest, jacobian = made.linearised(jnp.zeros(3), observed, noise, prior)
    precision = np.asarray(jacobian.T @ jacobian)
    expected = -np.linalg.solve(precision, np.asarray(jacobian.T @ rest))

    @jax.jit
    def both(start):
        step = gauss_newton(start, observed, noise, made, 1, prior=prior)
        return find_mode(start, observed, noise, made, prior=prior), step

    for found in both(jnp.zeros(3)):
        assert int(found.status) == Status.CONVERGED
        np.testing.assert_allclose(found.z, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.covariance, np.linalg.inv(precision), rtol=1e-6)


@pytest.mark.thorough
def test_steps_lower_the_cost_reach_the_mode_and_bear_broken_data():
    made = decoder()
    observed = jnp.asarray(some_data(5), jnp.complex64)
    batch = jnp.stack([observed, observed * jnp.nan, 0 * observed, observed])
    noise = jnp.asarray([NOISE, NOISE, NOISE, 0.0])
    start = jnp.broadcast_to(jnp.asarray(WIDE_Z + 0.7 * np.cos(np.arange(8)), jnp.float32), (4, 8))

    @jax.jit
    def all_of(start):
        runs = [jax.vmap(lambda z, x, s, k=k: gauss_newton(z, x, s, made, k))(start, batch, noise) for k in (0, 1, 12)]
        return runs, jax.vmap(lambda z, x, s: find_mode(z, x, s, made))(start, batch, noise)

    runs, mode = all_of(start)
    np.testing.assert_array_equal(runs[0].z, start)
    costs = np.array([run.chi2 + run.penalty for run in runs])[:, [0, 2]]
    assert (np.diff(costs, axis=0) <= 1e-4 * costs[:-1]).all()
    sd = np.sqrt(np.diag(mode.covariance[0]))
    np.testing.assert_allclose((runs[2].z[0] - mode.z[0]) / sd, 0, atol=0.05)
    assert [int(run.status[0]) for run in runs] == [1, 1, 0]
    assert int(runs[2].status[1]) == int(mode.status[1]) == Status.INVALID
    for run in (*runs, mode):
        assert jnp.isfinite(run.z).all()
        np.testing.assert_array_equal(run.z[1], start[1])


def test_what_does_not_fit_is_refused():
    made = decoder(WIDE)
    other = Acquisition(1 / 1200, 127.7)
    with pytest.raises(InputError, match=r"127\.7"):
        decoder_for(Basis(np.asarray(basis().fid), other, basis().names), made.latent)
    with pytest.raises(InputError, match="2 members"):
        decoder_for(basis().select(("NAA", "Cr")), made.latent)
    for stiffness in (0.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="stiffness"):
            decoder_for(basis(), made.latent, stiffness=stiffness)
