import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.errors import InputError
from diffmrs.learn import InputSpec, network_input

ACQUISITION = Acquisition(1 / 1200, 123.2)
POINTS = 64
NOISE = 2.0
SPECS = [
    InputSpec(),
    InputSpec(n_points=32, scale="largest", with_noise=True),
    InputSpec("spectrum", ppm_range=(0.5, 4.2), scale="rms"),
    InputSpec("both", n_points=48, scale="largest"),
]


def some_fid(seed=0):
    rng = np.random.default_rng(seed)
    return jnp.asarray((rng.normal(size=(POINTS, 2)) @ [1, 1j]).astype(np.complex64))


def fed(fid, spec, noise_sd=NOISE):
    return network_input(fid, jnp.asarray(noise_sd, jnp.float32), spec, ACQUISITION)


@pytest.mark.parametrize("spec", SPECS)
def test_shape_is_as_announced_and_numbers_are_of_order_one(spec):
    signal = fed(some_fid(), spec).signal
    assert signal.shape == spec.shape(ACQUISITION, POINTS)
    assert 0.3 < float(jnp.std(signal[:, :2])) < 3
    assert signal.dtype == jnp.float32
    assert hash(spec) == hash(dataclasses.replace(spec))


def test_fid_and_spectrum_are_those_of_the_axes():
    fid = some_fid()
    samples = np.asarray(fed(fid, InputSpec(n_points=32)).signal)
    np.testing.assert_allclose(samples @ [1, 1j], fid[:32], rtol=1e-6)
    ranged = np.asarray(fed(fid, SPECS[2]).signal) @ [1, 1j]
    expected = np.asarray(spectrum_of(fid))[ACQUISITION.window(POINTS, (0.5, 4.2))]
    np.testing.assert_allclose(ranged / ranged[0], expected / expected[0], rtol=1e-4)
    both = np.asarray(fed(fid, InputSpec("both", n_points=32, unit=2.0)).signal)
    np.testing.assert_allclose(2 * both[:, :2] @ [1, 1j], fid[:32], rtol=1e-6)
    np.testing.assert_allclose(2 * both[:, 2:] @ [1, 1j], spectrum_of(fid[:32]) / 32**0.5, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=15)
@given(factor=st.floats(1e-6, 1e6), which=st.sampled_from([1, 2, 3]))
def test_a_scaled_fid_is_fed_alike_and_the_scale_tells(factor, which):
    one, other = fed(some_fid(), SPECS[which]), fed(some_fid() * factor, SPECS[which], NOISE * factor)
    np.testing.assert_allclose(other.signal, one.signal, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(other.scale, one.scale * factor, rtol=1e-5)


def test_scales_are_the_largest_magnitude_and_the_root_mean_square():
    for kind in ("fid", "spectrum"):
        largest, rms = (fed(some_fid(), InputSpec(kind, scale=scale)).signal for scale in ("largest", "rms"))
        np.testing.assert_allclose(np.abs(np.asarray(largest) @ [1, 1j]).max(), 1, rtol=1e-6)
        np.testing.assert_allclose(np.mean(np.abs(np.asarray(rms) @ [1, 1j]) ** 2), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", ["fid", "spectrum"])
def test_the_noise_channel_tells_the_noise_of_what_is_fed(kind):
    """White noise of a large FID: the logarithm of its standard deviation is the channel, cut short or not."""
    rng = np.random.default_rng(1)
    fid = jnp.asarray((rng.normal(size=(4096, 2)) @ [3, 3j]).astype(np.complex64))
    noise_sd = float(np.std(np.asarray(spectrum_of(fid)).real))
    for n_points in (None, 2048):
        spec = InputSpec(kind, n_points=n_points, scale="largest", with_noise=True)
        signal = np.asarray(fed(fid, spec, noise_sd).signal)
        np.testing.assert_allclose(np.exp(signal[0, 2]), signal[:, :2].std(), rtol=0.05)
        assert np.ptp(signal[:, 2]) == 0


@pytest.mark.parametrize("spec", SPECS[1:])
def test_nothing_and_broken_fids_become_zeros_and_leave_the_others_alone(spec):
    batch = jnp.stack([some_fid(), jnp.zeros_like(some_fid()), some_fid().at[3].set(jnp.nan), some_fid() * jnp.inf])
    noise = jnp.array([NOISE, 0.0, jnp.nan, NOISE])

    @jax.jit
    def loss(batch, noise):
        signals, scales = jax.vmap(lambda fid, sd: network_input(fid, sd, spec, ACQUISITION))(batch, noise)
        return jnp.sum(signals**2) + jnp.sum(scales), (signals, scales)

    gradients, (signals, scales) = jax.grad(loss, argnums=(0, 1), has_aux=True)(batch, noise)
    assert all(jnp.isfinite(leaf).all() for leaf in (signals, scales, *gradients))
    np.testing.assert_allclose(signals[0], fed(batch[0], spec).signal, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(signals[1:3, :, :2], 0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "wave"}, "'wave'"),
        ({"scale": "max"}, "'max'"),
        ({"n_points": 8}, "at least 16"),
        ({"unit": 0.0}, "above zero"),
        ({"unit": 2.0, "scale": "rms"}, "no meaning"),
        ({"ppm_range": (1.0, 4.0)}, "only with"),
        ({"kind": "both", "ppm_range": (1.0, 4.0)}, "only with"),
    ],
)
def test_unusable_fields_are_refused(fields, words):
    with pytest.raises(InputError, match=words):
        InputSpec(**fields)


def test_data_that_do_not_suit_are_refused():
    with pytest.raises(InputError, match="needs 128 samples"):
        fed(some_fid(), InputSpec(n_points=128))
    with pytest.raises(InputError, match="data reach"):
        InputSpec("spectrum", ppm_range=(0.2, 12.0)).check(ACQUISITION, POINTS)
    with pytest.raises(InputError, match="how many"):
        InputSpec().shape(ACQUISITION)
