import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import truncnorm
from synthetic import basis, data

from diffmrs.errors import InputError
from diffmrs.fitting import fit
from diffmrs.model import PolynomialBaseline
from diffmrs.uncertainty import nuts as module
from diffmrs.uncertainty import sample_posterior, truncated_normal_interval
from diffmrs.uncertainty.nuts import Box, nuts


def box(lower, upper, scale=1.0):
    ones = jnp.ones(len(lower))
    return Box(jnp.asarray(lower) * ones, jnp.asarray(upper) * ones, scale * ones)


def test_the_box_holds_what_it_is_given_and_gives_it_back():
    inf = jnp.inf
    edges = box([0.0, -inf, -5.0, -inf], [inf, 3.0, 5.0, inf])
    x = jnp.asarray([0.3, 2.0, 0.5, 7.0])
    np.testing.assert_allclose(edges.inside(edges.outside(x)), x, atol=0.02)  # two bounds: each without the other
    for u in (-40.0, 0.0, 40.0):
        inside = edges.inside(jnp.full(4, u))
        assert (inside >= edges.lower).all() and (inside <= edges.upper).all()


def test_the_volume_of_the_box_is_the_derivative(x64):
    edges = box([0.0, -jnp.inf, -1.0, -jnp.inf], [jnp.inf, 3.0, 1.5, jnp.inf], 0.7)
    u = jnp.asarray([-0.4, 2.5, 0.3, 1.0])
    slope = jax.jacfwd(edges.inside)(u)
    assert float(edges.log_volume(u)) == pytest.approx(float(jnp.linalg.slogdet(slope)[1]), rel=1e-9)


@pytest.mark.slow
def test_samples_of_a_gaussian_have_its_moments_and_at_a_bound_those_of_its_part_inside():
    pytest.importorskip("blackjax")
    covariance = jnp.asarray([[1.0, 0.8, 0.0], [0.8, 2.0, 0.0], [0.0, 0.0, 0.25]])
    precision, centre = jnp.linalg.inv(covariance), jnp.asarray([5.0, -4.0, -0.3])
    chains = nuts(
        lambda x: -0.5 * (x - centre) @ precision @ (x - centre),
        jnp.asarray([5.0, -4.0, 0.2]),
        covariance,
        box([-jnp.inf, -jnp.inf, 0.0], [jnp.inf] * 3),
        jax.random.key(0),
        n_samples=1500,
        n_chains=2,
        n_warmup=300,
    )
    x = np.asarray(chains.x).reshape(-1, 3)
    cut = truncnorm(0.6, np.inf, -0.3, 0.5)
    sd = np.sqrt(np.array([1.0, 2.0, cut.var()]))
    np.testing.assert_allclose(x.mean(axis=0), [5.0, -4.0, cut.mean()], atol=0.15 * sd.max())
    np.testing.assert_allclose(x.std(axis=0) / sd, 1, atol=0.12)
    assert np.corrcoef(x[:, 0], x[:, 1])[0, 1] == pytest.approx(0.8 / 2**0.5, abs=0.08)
    assert (x[:, 2] >= 0).all()
    np.testing.assert_allclose(np.quantile(x[:, 2], [0.5, 0.95]), cut.ppf([0.5, 0.95]), rtol=0.2)
    assert int(chains.divergences) <= 5
    assert (np.asarray(chains.r_hat) < 1.05).all() and (np.asarray(chains.effective_samples) > 300).all()


@pytest.mark.thorough
@pytest.mark.slow
def test_samples_of_a_spectrum_agree_with_its_fit():
    pytest.importorskip("blackjax")
    names = ("NAA", "Cr", "GPC", "Lac")
    truth = {"NAA": 12.0, "Cr": 8.0, "GPC": 1.4, "Lac": 0.0}
    measured = data(noise_sd=2.0, truth=truth)
    result = fit(measured, basis(names), priors="none", baseline=PolynomialBaseline(0))
    samples = sample_posterior(result, 0, jax.random.key(1), 400)
    estimate = jax.tree.map(lambda leaf: leaf[0], result.flat())
    drawn = samples.amplitude
    assert drawn.shape == (800, 4) and (drawn >= 0).all()
    spread = estimate.amplitude_spread
    fitted = estimate.parameters.amplitude
    np.testing.assert_allclose(drawn[:, :3].mean(axis=0), fitted[:3], atol=0.3 * spread.max())
    np.testing.assert_allclose(drawn[:, :3].std(axis=0) / spread[:3], 1, atol=0.2)
    high = truncated_normal_interval(estimate.amplitude_centre, spread).high[3]
    assert (drawn[:, 3] <= high).mean() > 0.9
    assert samples.parameters.frequency_shift_hz.shape == (2, 400, 1)
    assert samples.parameters.baseline.shape == (2, 400, 2)
    assert (np.asarray(samples.r_hat) < 1.1).all()
    with pytest.raises(InputError, match="index is 1"):
        sample_posterior(result, 1, jax.random.key(1))
    with pytest.raises(InputError, match="n_chains is 1"):
        sample_posterior(result, 0, jax.random.key(1), n_chains=1)


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(module, "blackjax", None)
    with pytest.raises(InputError, match=r"pip install 'diffmrs\[sampling\]'"):
        module.sampler()
