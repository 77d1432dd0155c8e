from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from synthetic import ACQUISITION, N_POINTS, basis

from diffmrs import model as models
from diffmrs.errors import InputError
from diffmrs.model import (
    Lineshape,
    NoBaseline,
    Parameters,
    PolynomialBaseline,
    SplineBaseline,
    model_for,
    parameters_for,
    predict_metabolites,
    voigt_decay,
    voigt_fwhm_hz,
)
from diffmrs.model.jacobian import predict_and_pullback
from diffmrs.model.split import split
from diffmrs.model.waves import decaying_waves

predict, predict_members, predict_and_jacobian = (
    jax.jit(function, static_argnames="model")
    for function in (models.predict, models.predict_members, models.predict_and_jacobian)
)
VOIGT = Lineshape()
GROUPS = (0, 0, 0, 0, 0, 0, 0, 1)
OWN = (0, 1, 2, 3, 4, 5, 6, 7)
FREE = Lineshape(asymmetric=True, kernel_half_width_hz=4.0, kernel_spacing_hz=2.0)


def a_model(baseline=PolynomialBaseline(2), groups=GROUPS, lineshape=VOIGT, ppm_range=(0.5, 4.2)):
    return model_for(basis(), ppm_range=ppm_range, groups=groups, shims=GROUPS, baseline=baseline, lineshape=lineshape)


def random_parameters(model, seed=0) -> Parameters:
    draw = np.random.default_rng(seed)
    kernel = draw.uniform(0, 1, model.lineshape.n_kernel)
    values = {
        "amplitude": draw.uniform(0, 10, 8),
        "lorentzian_fwhm_hz": draw.uniform(0, 8, model.n_groups),
        "frequency_shift_hz": draw.normal(0, 5, model.n_groups),
        "gaussian_variance_hz2": draw.uniform(0, 50, 2),
        "third_moment_hz3": draw.normal(0, 200, 2 if model.lineshape.asymmetric else 0),
        "lineshape": kernel / max(kernel.sum(), 1e-9),
        "phase0_rad": draw.normal(),
        "delay_s": draw.normal(0, 1e-4),
        "baseline": draw.normal(0, 20, len(model.baseline_functions)),
    }
    return Parameters(**jax.tree.map(jnp.asarray, values))


def independent_prediction(p: Parameters, model) -> np.ndarray:
    """The same equation as plain sums over lines of time and frequency: no FFT, no shared code."""
    fids, time = np.asarray(basis().fid), np.arange(N_POINTS) * ACQUISITION.dwell_time_s
    total = np.zeros(N_POINTS, complex)
    for member, (group, shim) in enumerate(zip(model.groups, model.shims, strict=True)):
        lorentz, gauss2 = float(p.lorentzian_fwhm_hz[group]), float(p.gaussian_variance_hz2[shim])
        factor = np.exp(-np.pi * lorentz * time - np.pi**2 * gauss2 * time**2 / (4 * np.log(2)))
        factor = factor * np.exp(2j * np.pi * float(p.frequency_shift_hz[group]) * time)
        if model.lineshape.asymmetric:
            factor = factor * np.exp(-1j * (2 * np.pi) ** 3 * float(p.third_moment_hz3[shim]) * time**3 / 6)
        total += float(p.amplitude[member]) * fids[member] * factor
    if model.lineshape.n_kernel:
        weights = np.asarray(p.lineshape)
        total *= sum(w * np.exp(2j * np.pi * f * time) for w, f in zip(weights, (-4, -2, 0, 2, 4), strict=True))
    total[0] /= 2
    frequency = (4.65 - model.ppm) * ACQUISITION.spectrometer_frequency_mhz
    spectrum = np.exp(-2j * np.pi * frequency[:, None] * time[None, :]) @ total
    spectrum *= np.exp(1j * float(p.phase0_rad) + 2j * np.pi * frequency * float(p.delay_s))
    return spectrum + np.asarray(p.baseline) @ model.baseline_functions


VARIANTS = {
    "voigt, two groups": {},
    "no baseline": {"baseline": NoBaseline()},
    "spline, own groups": {"baseline": SplineBaseline(knots_per_ppm=3.0, range_per_ppm=(0.3, 2.0)), "groups": OWN},
    "asymmetric, own groups": {"lineshape": Lineshape(asymmetric=True), "groups": OWN},
    "kernel": {"lineshape": Lineshape(kernel_half_width_hz=4.0, kernel_spacing_hz=2.0)},
    "asymmetric, kernel, own groups": {"lineshape": FREE, "groups": OWN},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_prediction_is_the_published_equation(x64, variant):
    model = a_model(**VARIANTS[variant])
    for seed in range(2):
        parameters = random_parameters(model, seed)
        expected = independent_prediction(parameters, model)
        got = predict(parameters, jnp.asarray(basis().fid), model)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("narrow", [False, True])
def test_written_jacobian_is_the_derivative_jax_finds(x64, variant, narrow):
    model = a_model(**VARIANTS[variant])
    parameters = random_parameters(model, 3)
    model = model.banded(0.4) if narrow else model
    assert (model.band is not None) == narrow
    fids = model.reduce_fid(jnp.asarray(basis().fid))

    @jax.jit
    def both(parameters):
        plain = models.predict(parameters, fids, model)
        automatic = jax.jacfwd(lambda p: models.predict(p, fids, model))(parameters)
        return *models.predict_and_jacobian(parameters, fids, model), plain, automatic

    spectrum, written, plain, automatic = both(parameters)
    np.testing.assert_allclose(spectrum, plain, rtol=1e-10, atol=1e-7)
    for name in parameters.__dataclass_fields__:
        expected = np.moveaxis(np.asarray(getattr(automatic, name)), 0, -1)
        got = np.asarray(getattr(written, name))
        np.testing.assert_allclose(
            got, expected, rtol=0, atol=1e-10 * max(np.abs(expected).max(initial=0), 1), err_msg=name
        )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("narrow", [False, True])
def test_written_gradient_is_the_one_jax_finds(x64, variant, narrow):
    model = a_model(**VARIANTS[variant])
    parameters = replace(random_parameters(model, 5), baseline=0 * random_parameters(model, 5).baseline)
    model = model.banded(0.4) if narrow else model
    fids = model.reduce_fid(jnp.asarray(basis().fid))
    rng = np.random.default_rng(1)
    wanted = jnp.asarray(rng.normal(size=model.n_window) + 1j * rng.normal(size=model.n_window))

    def loss(p: Parameters) -> jax.Array:
        return jnp.sum((wanted.conj() * predict_metabolites(p, fids, model)).real)

    @jax.jit
    def both(parameters):
        metabolites, pullback = predict_and_pullback(parameters, fids, model)
        plain = predict_metabolites(parameters, fids, model)
        return metabolites.joined, plain, jax.grad(loss)(parameters), pullback(split(wanted))

    metabolites, plain, automatic, written = both(parameters)
    np.testing.assert_allclose(metabolites, plain, rtol=1e-10, atol=1e-7)
    for name in parameters.__dataclass_fields__:
        expected, got = np.asarray(getattr(automatic, name)), np.asarray(getattr(written, name))
        scale = max(np.abs(expected).max(initial=0), 1)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10 * scale, err_msg=name)


@pytest.mark.parametrize("time_s", [np.arange(1000) * 5e-4, np.append(-0.02, np.arange(17) * 1e-3), np.arange(2) * 1.0])
def test_waves_are_exponentials(x64, time_s):
    lorentz, shift = jnp.asarray([0.0, 3.0, 40.0]), jnp.asarray([0.0, -50.0, 7.0])
    found = decaying_waves(time_s, lorentz, shift).joined
    rate = 2j * np.pi * np.asarray(shift) - np.pi * np.asarray(lorentz)
    np.testing.assert_allclose(found, np.exp(rate[:, None] * time_s), rtol=1e-11)


def test_derivatives_agree_with_finite_differences_in_both_modes(x64):
    model, fids = a_model(lineshape=FREE, groups=OWN), jnp.asarray(basis().fid) / 100
    parameters = random_parameters(model, 4)
    scale = jax.tree.map(lambda leaf: jnp.abs(leaf).max(), parameters)

    @jax.jit
    def loss(unit: Parameters) -> jax.Array:
        return jnp.sum(jnp.abs(predict(jax.tree.map(jnp.multiply, unit, scale), fids, model)) ** 2) / 1e4

    check_grads(loss, (jax.tree.map(jnp.divide, parameters, scale),), order=1, modes=["fwd", "rev"], rtol=1e-5)


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
    model, fids = a_model(NoBaseline()), jnp.asarray(basis().fid)
    plain = random_parameters(model, 5)
    turned = replace(plain, phase0_rad=plain.phase0_rad + jnp.pi / 2)
    a, b = predict(plain, fids, model), predict(turned, fids, model)
    np.testing.assert_allclose(b, 1j * np.asarray(a), atol=1e-4 * float(jnp.abs(a).max()))


def test_a_delay_is_a_late_start_of_sampling(x64):
    # Dropping whole samples of an undamped, unhalved oscillation is a first-order phase; compare on a line in mid-band.
    model = a_model(NoBaseline())
    late = replace(random_parameters(model, 6), delay_s=jnp.asarray(3e-4))
    prompt = replace(late, delay_s=jnp.asarray(0.0))
    fids = jnp.asarray(basis().fid)
    ratio = predict(late, fids, model) / predict(prompt, fids, model)
    np.testing.assert_allclose(ratio, np.exp(2j * np.pi * model.frequency_hz * 3e-4), atol=1e-10)


def test_members_add_up_to_the_prediction_without_baseline():
    model, fids = a_model(NoBaseline(), groups=OWN, lineshape=FREE), jnp.asarray(basis().fid)
    parameters = random_parameters(model, 7)
    parts = parameters.amplitude @ predict_members(parameters, fids, model)
    whole = predict(parameters, fids, model)
    np.testing.assert_allclose(parts, whole, atol=2e-5 * float(jnp.abs(whole).max()))


def test_a_kernel_of_one_point_and_no_asymmetry_change_nothing(x64):
    plain, free = a_model(NoBaseline()), a_model(NoBaseline(), lineshape=FREE)
    fids, amplitude = jnp.asarray(basis().fid), jnp.arange(1.0, 9.0)
    widths = {"lorentzian_fwhm_hz": 2.0, "gaussian_fwhm_hz": 5.0, "frequency_shift_hz": -3.0}
    expected = predict(parameters_for(plain, amplitude, **widths), fids, plain)
    np.testing.assert_allclose(predict(parameters_for(free, amplitude, **widths), fids, free), expected, atol=1e-9)


def test_a_positive_third_moment_puts_the_tail_at_lower_ppm(x64):
    # A distribution of three frequencies: most at -2 Hz, a few at +8 Hz; mean 0, third moment 0.8·(-2)³ + 0.2·8³ = 96.
    model = a_model(NoBaseline(), lineshape=Lineshape(asymmetric=True))
    fids, time = jnp.asarray(basis().fid), np.asarray(model.time_s)
    skewed = 0.8 * np.exp(-4j * np.pi * time) + 0.2 * np.exp(16j * np.pi * time)
    expected = model.window_of(fids[6] * np.exp(-3 * np.pi * time) * skewed)
    variance = 0.8 * 2**2 + 0.2 * 8**2  # of the frequencies, Hz²: a Gaussian's full width is 2.355 standard deviations
    flat = parameters_for(
        model,
        jnp.zeros(8).at[6].set(1.0),
        lorentzian_fwhm_hz=3.0,
        gaussian_fwhm_hz=float(np.sqrt(8 * np.log(2) * variance)),
    )
    off = {m: float(jnp.linalg.norm(predict(_skewed(flat, m), fids, model) - expected)) for m in (-96.0, 0.0, 96.0)}
    assert off[96.0] < off[0.0] < off[-96.0]


def _skewed(parameters: Parameters, third_moment: float) -> Parameters:
    return replace(parameters, third_moment_hz3=jnp.full_like(parameters.third_moment_hz3, third_moment))


def test_float32_stays_float32():
    with jax.enable_x64(True):
        model = a_model(SplineBaseline(2.0), groups=OWN, lineshape=FREE)
        parameters = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), random_parameters(model))
        fids = jnp.asarray(basis().fid, jnp.complex64)
        spectrum, derivative = predict_and_jacobian(parameters, fids, model)
        assert spectrum.dtype == jnp.complex64
        assert {leaf.dtype for leaf in jax.tree.leaves(derivative)} == {jnp.dtype("complex64")}


@pytest.mark.parametrize("scale", [(3.0, 2.0, 2.0), (1.0, 2.0, 0.0), (1.0, 2.0, -1.0), (1.0, 2.0, 2e3)])
def test_a_noise_scale_that_makes_no_sense_is_refused(scale):
    with pytest.raises(InputError, match="noise scale is") as caught:
        model_for(
            basis(), ppm_range=(0.5, 4.2), groups=GROUPS, shims=GROUPS, baseline=NoBaseline(), noise_scale=(scale,)
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"kernel_half_width_hz": -1.0}, "kernel_half_width_hz is -1"),
        ({"kernel_half_width_hz": 61.0}, "kernel_half_width_hz is 61"),
        ({"kernel_half_width_hz": 1.0}, "at least the spacing"),
        ({"kernel_spacing_hz": 0.0}, "kernel_spacing_hz is 0"),
        ({"roughness_sd": 0.0}, "roughness_sd is 0"),
        ({"kernel_half_width_hz": float("nan")}, "kernel_half_width_hz is nan"),
    ],
)
def test_a_lineshape_that_makes_no_sense_is_refused(kwargs, says):
    with pytest.raises(InputError, match=says):
        Lineshape(**kwargs)
