import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from synthetic import ACQUISITION, N_POINTS, basis

from diffmrs.errors import InputError
from diffmrs.model import (
    NoBaseline,
    Parameters,
    PolynomialBaseline,
    model_for,
    predict,
    predict_and_jacobian,
    predict_members,
    voigt_decay,
    voigt_fwhm_hz,
)

GROUPS = (0, 0, 0, 0, 0, 0, 0, 1)


def a_model(order=2, ppm_range=(0.5, 4.2)):
    baseline = NoBaseline() if order is None else PolynomialBaseline(order)
    return model_for(basis(), ppm_range=ppm_range, groups=GROUPS, baseline=baseline)


def random_parameters(seed=0, n_baseline=3) -> Parameters:
    draw = np.random.default_rng(seed)
    return jax.tree.map(
        jnp.asarray,
        Parameters(
            amplitude=draw.uniform(0, 10, 8),
            lorentzian_fwhm_hz=draw.uniform(0, 8, 2),
            gaussian_variance_hz2=draw.uniform(0, 50, 2),
            frequency_shift_hz=draw.normal(0, 5, 2),
            phase0_rad=np.asarray(draw.normal()),
            delay_s=np.asarray(draw.normal(0, 1e-4)),
            baseline=draw.normal(0, 20, (n_baseline, 2)),
        ),
    )


def independent_prediction(p: Parameters, model) -> np.ndarray:
    """The same equation as plain sums over lines of time and frequency: no FFT, no shared code."""
    fids, time = np.asarray(basis().fid), np.arange(N_POINTS) * ACQUISITION.dwell_time_s
    total = np.zeros(N_POINTS, complex)
    for member, group in enumerate(GROUPS):
        lorentz, gauss2 = float(p.lorentzian_fwhm_hz[group]), float(p.gaussian_variance_hz2[group])
        decay = np.exp(-np.pi * lorentz * time - np.pi**2 * gauss2 * time**2 / (4 * np.log(2)))
        total += (
            float(p.amplitude[member])
            * fids[member]
            * decay
            * np.exp(2j * np.pi * float(p.frequency_shift_hz[group]) * time)
        )
    total[0] /= 2
    ppm = model.ppm
    frequency = (4.65 - ppm) * ACQUISITION.spectrometer_frequency_mhz
    spectrum = np.exp(-2j * np.pi * frequency[:, None] * time[None, :]) @ total
    spectrum *= np.exp(1j * float(p.phase0_rad) + 2j * np.pi * frequency * float(p.delay_s))
    x = np.linspace(-1, 1, ppm.size)
    coefficients = np.asarray(p.baseline) @ np.array([1, 1j])
    return spectrum + np.polynomial.legendre.legval(x, coefficients)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_prediction_is_the_published_equation(x64, seed):
    model, parameters = a_model(), random_parameters(seed)
    expected = independent_prediction(parameters, model)
    got = predict(parameters, jnp.asarray(basis().fid), model)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("order", [None, 0, 2, 5])
def test_written_jacobian_is_the_derivative_jax_finds(x64, order):
    model, fids = a_model(order), jnp.asarray(basis().fid)
    parameters = random_parameters(3, 0 if order is None else order + 1)
    spectrum, written = predict_and_jacobian(parameters, fids, model)
    np.testing.assert_allclose(spectrum, predict(parameters, fids, model), rtol=1e-10, atol=1e-7)
    automatic = jax.jacfwd(lambda p: predict(p, fids, model))(parameters)
    for name in parameters.__dataclass_fields__:
        expected = np.moveaxis(np.asarray(getattr(automatic, name)), 0, -1)
        got = np.asarray(getattr(written, name))
        np.testing.assert_allclose(
            got, expected, rtol=0, atol=1e-10 * max(np.abs(expected).max(initial=0), 1), err_msg=name
        )


def test_derivatives_agree_with_finite_differences_in_both_modes(x64):
    model, fids = a_model(), jnp.asarray(basis().fid) / 100
    scale = jax.tree.map(lambda leaf: jnp.abs(leaf).max(), random_parameters(4))

    def loss(unit: Parameters) -> jax.Array:
        return jnp.sum(jnp.abs(predict(jax.tree.map(jnp.multiply, unit, scale), fids, model)) ** 2) / 1e4

    check_grads(
        loss, (jax.tree.map(jnp.divide, random_parameters(4), scale),), order=1, modes=["fwd", "rev"], rtol=1e-5
    )


@pytest.mark.parametrize(("lorentz", "gauss"), [(4.0, 0.0), (0.0, 6.0), (3.0, 5.0)])
def test_width_is_full_width_at_half_maximum(x64, lorentz, gauss):
    time = np.arange(2**16) * 1e-4
    decay = np.array(voigt_decay(jnp.asarray(time), jnp.asarray(lorentz), jnp.asarray(gauss**2)))
    decay[0] /= 2
    spectrum = np.fft.fft(decay).real[:4000]
    frequency = np.arange(4000) / (2**16 * 1e-4)
    half = np.interp(-spectrum[0] / 2, -spectrum, frequency)
    assert 2 * half == pytest.approx(float(voigt_fwhm_hz(jnp.asarray(lorentz), jnp.asarray(gauss))), rel=1e-3)


def test_a_quarter_turn_of_phase_turns_one_into_i():
    model, fids = a_model(None), jnp.asarray(basis().fid)
    plain = random_parameters(5, 0)
    turned = Parameters(**{**plain.__dict__, "phase0_rad": plain.phase0_rad + jnp.pi / 2})
    a, b = predict(plain, fids, model), predict(turned, fids, model)
    np.testing.assert_allclose(b, 1j * np.asarray(a), atol=1e-4 * float(jnp.abs(a).max()))


def test_a_delay_is_a_late_start_of_sampling(x64):
    # Dropping whole samples of an undamped, unhalved oscillation is a first-order phase; compare on a line in mid-band.
    model = a_model(None)
    late = Parameters(**{**random_parameters(6, 0).__dict__, "delay_s": jnp.asarray(3e-4)})
    prompt = Parameters(**{**late.__dict__, "delay_s": jnp.asarray(0.0)})
    fids = jnp.asarray(basis().fid)
    ratio = predict(late, fids, model) / predict(prompt, fids, model)
    np.testing.assert_allclose(ratio, np.exp(2j * np.pi * model.frequency_hz * 3e-4), atol=1e-10)


def test_members_add_up_to_the_prediction_without_baseline():
    model, fids, parameters = a_model(None), jnp.asarray(basis().fid), random_parameters(7, 0)
    parts = parameters.amplitude @ predict_members(parameters, fids, model)
    whole = predict(parameters, fids, model)
    np.testing.assert_allclose(parts, whole, atol=2e-5 * float(jnp.abs(whole).max()))


def test_float32_stays_float32():
    with jax.enable_x64(True):
        parameters = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), random_parameters(0))
        fids = jnp.asarray(basis().fid, jnp.complex64)
        spectrum, derivative = predict_and_jacobian(parameters, fids, a_model())
        assert spectrum.dtype == jnp.complex64
        assert {leaf.dtype for leaf in jax.tree.leaves(derivative)} == {jnp.dtype("complex64")}


def test_a_baseline_order_that_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="order is -1"):
        PolynomialBaseline(-1)
