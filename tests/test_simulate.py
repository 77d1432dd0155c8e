"""Synthetic spectra hold what they were asked to hold, and a fit finds it again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic

from diffmrs.axes import fid_of
from diffmrs.errors import InputError
from diffmrs.fitting import fit
from diffmrs.model import NoBaseline, model_for
from diffmrs.simulate import (
    LogUniform,
    Normal,
    Population,
    RandomBaseline,
    Uniform,
    brain_concentrations,
    draw_baseline,
    draw_parameters,
    simulate_spectra,
)

BASIS = synthetic.basis()
GROUPS = (0,) * 7 + (1,)
MODEL = model_for(BASIS, ppm_range=(0.5, 4.2), groups=GROUPS, shims=GROUPS, baseline=NoBaseline())
USUAL = synthetic.truth_vector()
ALIKE = Population(
    amplitude=Uniform(USUAL, USUAL),
    lorentzian_fwhm_hz=Uniform(3.0, 3.0),
    frequency_shift_hz=Uniform(2.5, 2.5),
    gaussian_fwhm_hz=Uniform(4.0, 4.0),
    phase0_rad=Uniform(0.4, 0.4),
)


def clean(count=2, population=ALIKE, **keywords):
    return simulate_spectra(jax.random.key(0), population, BASIS, MODEL, count, snr=Uniform(1e5, 1e5), **keywords)


@pytest.mark.parametrize(
    ("distribution", "mean", "sd", "lowest"),
    [
        (Uniform(2.0, 5.0), 3.5, 3 / np.sqrt(12), 2.0),
        (LogUniform(1.0, np.e), np.e - 1, np.sqrt((np.e**2 - 1) / 2 - (np.e - 1) ** 2), 1.0),
        (Normal(1.0, 0.5), 1.0, 0.5, -np.inf),
        # Cut at its mean: the half-normal distribution.
        (Normal(1.0, 0.5, 1.0), 1 + 0.5 * np.sqrt(2 / np.pi), 0.5 * np.sqrt(1 - 2 / np.pi), 1.0),
    ],
)
def test_distributions_have_the_moments_of_the_textbook(distribution, mean, sd, lowest):
    values = np.asarray(distribution.draw(jax.random.key(1), (20_000,)))
    assert values.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(values.size))
    assert values.std() == pytest.approx(sd, rel=0.03)
    assert values.min() >= lowest


def test_draws_broadcast_the_numbers_of_a_distribution():
    values = Uniform(np.array([0.0, 10.0]), np.array([1.0, 11.0])).draw(jax.random.key(2), (2,))
    assert 0 <= values[0] < 1
    assert 10 <= values[1] < 11


def test_without_noise_the_fid_is_that_of_an_independent_simulation():
    simulated = clean()
    theirs = synthetic.fid()
    assert np.abs(simulated.fid[0] - theirs).max() < 1e-3 * np.abs(theirs).max()


def test_own_shifts_and_widths_come_on_top_of_the_common_ones():
    groups = tuple(range(8))
    model = model_for(BASIS, ppm_range=(0.5, 4.2), groups=groups, shims=GROUPS, baseline=NoBaseline())
    own = np.arange(8.0)
    population = Population(
        amplitude=Uniform(USUAL, USUAL),
        lorentzian_fwhm_hz=Uniform(2.0, 2.0),
        own_lorentzian_fwhm_hz=Uniform(own - 4, own - 4),
        frequency_shift_hz=Uniform(1.0, 1.0),
        own_frequency_shift_hz=Uniform(-own, -own),
    )
    parameters = draw_parameters(jax.random.key(3), population, model)
    np.testing.assert_allclose(parameters.frequency_shift_hz, 1 - own, atol=1e-6)
    np.testing.assert_allclose(parameters.lorentzian_fwhm_hz, np.maximum(own - 2, 0), atol=1e-6)


def test_noise_and_baseline_are_as_strong_as_asked():
    simulated = simulate_spectra(
        jax.random.key(4),
        ALIKE,
        BASIS,
        MODEL,
        32,
        snr=Uniform(12.0, 12.0),
        baseline=RandomBaseline(Uniform(0.5, 0.5)),
    )
    with_nothing = np.asarray(clean(1).fid[0])
    extra = np.asarray(fid_of(simulated.baseline))
    noise = np.asarray(simulated.fid) - with_nothing - extra
    # A sample of noise in the spectrum is a sum over all samples of the FID.
    in_spectrum = noise[:, 1:].real.std() * np.sqrt(synthetic.N_POINTS)
    assert in_spectrum == pytest.approx(float(simulated.noise_sd[0]), rel=0.02)
    inside = np.asarray(simulated.baseline)[:, slice(*MODEL.window)]
    rms = np.sqrt(np.mean(np.abs(inside) ** 2, axis=1) / 2)
    np.testing.assert_allclose(rms / (12 * simulated.noise_sd), 0.5, rtol=1e-4)


@pytest.mark.parametrize("causal", [True, False])
def test_a_causal_baseline_has_no_negative_times(causal):
    spectrum = draw_baseline(jax.random.key(5), jnp.asarray(0.8), causal, MODEL)
    fid = np.fft.ifft(np.fft.ifftshift(np.asarray(spectrum)))
    before = np.abs(fid[fid.size // 2 :]).sum() / np.abs(fid).sum()
    assert before < 1e-4 if causal else before > 0.1


def test_wider_lines_make_smoother_baselines():
    def roughness(width_ppm):
        each = jax.vmap(lambda key: draw_baseline(key, jnp.asarray(width_ppm), True, MODEL))(
            jax.random.split(jax.random.key(6), 16)
        )
        return np.mean(np.abs(np.diff(np.asarray(each)[:, slice(*MODEL.window)], 2)) ** 2)

    # The second derivative of features of width w goes as w to the power of -2, its square as w to -4.
    assert 8 < roughness(0.4) / roughness(0.8) < 32


def test_the_same_key_gives_the_same_spectra():
    again = [np.asarray(clean(3, baseline=RandomBaseline(Uniform(0.1, 0.2))).fid) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    assert not np.allclose(again[0][0], again[0][1])


def test_a_fit_finds_the_truth_again():
    population = Population(amplitude=Uniform(0.5 * USUAL, 1.5 * USUAL))
    simulated = simulate_spectra(jax.random.key(7), population, BASIS, MODEL, 4, snr=Uniform(2000.0, 2000.0))
    result = fit(simulated.data(BASIS), BASIS, baseline=NoBaseline(), priors="none")
    found, true = result.estimate.parameters.amplitude, simulated.parameters.amplitude
    total = np.array([[0, 1, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0, 0]]).T
    np.testing.assert_allclose(found @ total, true @ total, rtol=0.02)


def test_usual_concentrations_add_up():
    names = ("NAA", "NAAG", "Cr", "PCr", "GPC", "PCho", "Ins", "Glu", "Gln")
    usual = dict(zip(names, brain_concentrations(names, 8.0), strict=True))
    assert usual["Cr"] + usual["PCr"] == pytest.approx(8.0)
    assert usual["NAA"] + usual["NAAG"] == pytest.approx(8 * 1.45)
    assert usual["GPC"] + usual["PCho"] == pytest.approx(8 * 0.262)
    assert usual["Gln"] == pytest.approx(0.29 * usual["Glu"])
    np.testing.assert_allclose(brain_concentrations(["mI", "PCh"]), [usual["Ins"], usual["PCho"]])


def test_an_unknown_metabolite_is_refused():
    with pytest.raises(InputError, match="no usual concentration of Unobtainium"):
        brain_concentrations(["NAA", "Unobtainium"])


def test_bad_counts_and_foreign_bases_are_refused():
    with pytest.raises(InputError, match="count is 0"):
        clean(0)
    with pytest.raises(InputError, match="3 members of 1024 points, but the model is for 8"):
        simulate_spectra(
            jax.random.key(0), ALIKE, synthetic.basis(("NAA", "Cr", "Glu")), MODEL, 1, snr=Uniform(20.0, 20.0)
        )
