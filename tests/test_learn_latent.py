import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn.latent import latent_for
from diffmrs.model import NoBaseline, SignalModel
from diffmrs.model.shape import Lineshape
from diffmrs.simulate import Copula, Correlated, LogNormal, LogUniform, Mixture, Normal, Population, Uniform
from diffmrs.simulate.population import draw_parameters

ACQUISITION = Acquisition(1 / 1200, 123.2)
MODEL = SignalModel(ACQUISITION, 128, (0, 128), (0, 0, 1), (0, 1, 1), NoBaseline(), Lineshape(asymmetric=True))
POPULATION = Population(
    amplitude=Copula((Uniform(1.0, 3.0), LogNormal(5.0, 0.3), Normal(2.0, 1.0, 0.0)), np.eye(3) * 0.5 + 0.5),
    lorentzian_fwhm_hz=Uniform(1.0, 4.0),
    frequency_shift_hz=Normal(0.0, 2.0),
    gaussian_fwhm_hz=LogUniform(2.0, 9.0),
    third_moment_hz3=Uniform(-100.0, 100.0),
    delay_s=Uniform(1e-4, 1e-4),
)
LATENT = latent_for(POPULATION, MODEL, gain=LogNormal(2.0, 1.0))


@jax.jit
def there_and_back(latent, z):
    """Jitted with the coordinates as an argument: what is in a distribution is then traced."""
    gain = latent.gain.from_normal(z[latent.block("gain")])[0]
    return latent.coordinates(latent.parameters(z), gain)


def test_what_is_constant_has_no_coordinate():
    names = ("amplitude", "lorentzian_fwhm_hz", "frequency_shift_hz", "gaussian_fwhm_hz", "third_moment_hz3")
    assert LATENT.blocks == (*zip(names, (3, 1, 1, 2, 2), strict=True), ("phase0_rad", 1), ("gain", 1))
    assert LATENT.size == 11
    assert LATENT.block("gaussian_fwhm_hz") == slice(5, 7)
    with pytest.raises(InputError, match="delay_s does not vary"):
        LATENT.block("delay_s")
    parameters = LATENT.parameters(jnp.zeros(11))
    np.testing.assert_allclose(parameters.delay_s, 1e-4)
    np.testing.assert_allclose(parameters.gaussian_fwhm_hz, np.sqrt(18.0), rtol=1e-5)
    np.testing.assert_allclose(parameters.amplitude[:2], [4.0, 10.0], rtol=1e-5)  # medians times the gain
    assert parameters.frequency_shift_hz.shape == (2,)


@settings(deadline=None, max_examples=25)
@given(z=st.lists(st.floats(-3.5, 3.5, width=32), min_size=11, max_size=11))
def test_coordinates_survive_the_way_to_parameters_and_back(z):
    z = jnp.asarray(z, float)
    np.testing.assert_allclose(there_and_back(LATENT, z), z, atol=5e-3)


def test_coordinates_of_a_drawn_population_are_standard_normal():
    keys = jax.random.split(jax.random.key(1), 2000)
    drawn = jax.jit(jax.vmap(lambda key: LATENT.coordinates(draw_parameters(key, POPULATION, MODEL))))(keys)
    for k in range(10):  # the gain is not drawn
        assert stats.kstest(np.asarray(drawn[:, k]), "norm").pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(np.asarray(drawn)[:, :10].T), np.eye(10), atol=0.12)


@jax.jit
def with_traced_numbers(distribution, z):
    values = distribution.from_normal(z)
    return values, distribution.to_normal(values)


def test_normal_coordinates_of_a_cut_gaussian_are_those_of_scipy():
    z = np.linspace(-4.5, 7, 47)
    for low in (-np.inf, 0.0, 2.5, -3.0):
        cut = (low - 1) / 1.5
        expected = np.where(
            z > 0,
            stats.truncnorm.isf(stats.norm.sf(z), cut, np.inf, 1.0, 1.5),
            stats.truncnorm.ppf(stats.norm.cdf(z), cut, np.inf, 1.0, 1.5),
        )
        values, back = with_traced_numbers(Normal(1.0, 1.5, low), jnp.asarray(z))
        np.testing.assert_allclose(values, expected, atol=3e-5)
        np.testing.assert_allclose(back, z, atol=5e-2)


@pytest.mark.parametrize(
    "margin", [Uniform(1.0, 2.0), LogUniform(1.0, 2.0), Normal(0.0, 1.0), Normal(1.0, 1.0, 0.5), LogNormal(1.0, 0.4)]
)
def test_values_at_and_beyond_the_limits_stay_finite_with_their_derivatives(margin):
    z, values = jnp.asarray([-30.0, -6.0, 0.0, 6.0, 30.0]), jnp.asarray([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
    for function, points in ((margin.from_normal, z), (margin.to_normal, values)):
        found, slopes = jax.jit(jax.vmap(jax.value_and_grad(function)))(points)
        assert jnp.isfinite(found).all()
        assert jnp.isfinite(slopes).all()


def test_joint_distributions_keep_their_covariance_and_rank_correlation():
    z = jax.random.normal(jax.random.key(2), (4000, 2))
    covariance = np.array([[4.0, 1.2], [1.2, 1.0]])
    gaussian = Correlated(np.array([5.0, -1.0]), covariance)
    values = gaussian.from_normal(z)
    np.testing.assert_allclose(np.cov(np.asarray(values).T), covariance, rtol=0.12)
    np.testing.assert_allclose(gaussian.to_normal(values), z, atol=1e-4)
    copula = Copula((Uniform(0.0, 1.0), LogNormal(3.0, 0.5)), np.array([[1.0, 0.7], [0.7, 1.0]]))
    ranks = stats.spearmanr(np.asarray(copula.from_normal(z))).statistic
    np.testing.assert_allclose(ranks, 6 / np.pi * np.arcsin(0.35), atol=0.03)


def test_shifts_of_groups_are_told_apart_from_what_is_fixed():
    still = {"amplitude": Uniform(np.ones(3), np.ones(3)), "phase0_rad": Uniform(0.0, 0.0)}
    own = latent_for(
        Population(**still, frequency_shift_hz=Uniform(3.0, 3.0), own_frequency_shift_hz=Normal(0.0, 1.0)), MODEL
    )
    z = jnp.linspace(-1, 1, own.size)
    np.testing.assert_allclose(own.coordinates(own.parameters(z)), z, atol=1e-4)
    fixed = np.array([2.0, -1.0])
    common = latent_for(Population(**still, own_frequency_shift_hz=Uniform(fixed, fixed)), MODEL)
    z = jnp.linspace(-1, 1, common.size)
    parameters = common.parameters(z)
    np.testing.assert_allclose(parameters.frequency_shift_hz[0] - parameters.frequency_shift_hz[1], 3, atol=1e-4)
    np.testing.assert_allclose(common.coordinates(parameters), z, atol=1e-4)
    both = latent_for(Population(**still, own_frequency_shift_hz=Normal(0.0, 1.0)), MODEL)
    with pytest.raises(InputError, match="cannot be told apart"):
        both.coordinates(parameters)


@pytest.mark.parametrize(
    ("margin", "words"),
    [
        (Mixture((Uniform(0.0, 1.0),), np.ones(1)), "Mixture, which has no normal coordinates"),
        (Correlated(np.ones(3), np.eye(3), 0.0), "use a Copula"),
        (Copula((Uniform(0.0, 1.0), Uniform(0.0, 1.0)), np.eye(2)), "does not give 3 numbers"),
        (Uniform(np.zeros(2), np.ones(2)), "does not give 3 numbers"),
        (Normal(1.0, 0.0), "no spread"),
        (LogNormal(1.0, np.nan), "not finite"),
    ],
)
def test_populations_without_coordinates_are_refused(margin, words):
    with pytest.raises(InputError, match=words):
        latent_for(Population(amplitude=margin), MODEL)
