import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import check_derivative
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ACQUISITION, fid

from diffmrs.axes import spectrum_of
from diffmrs.errors import InputError
from diffmrs.io import read_data
from diffmrs.preprocess import (
    coil_weights,
    combine_coils,
    noise_covariance,
    sensitivities_by_svd,
    sensitivities_from_water,
)

N_POINTS = 1024
TIME = ACQUISITION.time_s(N_POINTS)
METHODS = {
    "svd": jax.jit(sensitivities_by_svd),
    "water": jax.jit(lambda reference, _: sensitivities_from_water(reference)),
}
measure_noise, combine_all = jax.jit(noise_covariance), jax.jit(jax.vmap(combine_coils, (1, None, None)))
combine_one = jax.jit(combine_coils)
steepness = jax.jit(jax.grad(lambda fid, s, c: jnp.abs(combine_coils(fid, s, c)).sum(), argnums=2))


def complex_normal(generator, *shape):
    return generator.normal(size=shape) + 1j * generator.normal(size=shape)


class Coils:
    """Coils with correlated noise that see one voxel; in plain NumPy."""

    def __init__(self, coils=6, seed=0):
        generator = np.random.default_rng(seed)
        gains = np.exp(generator.normal(0, 0.4, coils))
        mixing = gains[:, None] * (np.eye(coils) + 0.3 * complex_normal(generator, coils, coils) / np.sqrt(2 * coils))
        self.root, self.generator = mixing, generator
        self.covariance = 2 * mixing @ mixing.conj().T  # real and imaginary part of variance one
        sensitivities = gains * complex_normal(generator, coils)
        self.sensitivities = sensitivities / np.linalg.norm(sensitivities)

    def noise(self, transients, n_points=N_POINTS):
        coils = len(self.root)
        white = complex_normal(self.generator, coils, transients * n_points)
        return (self.root @ white).reshape(coils, transients, n_points)

    def sees(self, signal, transients=8, noise=1.0):
        return self.sensitivities[:, None, None] * signal[None, None] + noise * self.noise(transients, len(signal))

    @property
    def gain(self):
        solved = np.linalg.solve(self.covariance, self.sensitivities)
        return np.sqrt((self.sensitivities.conj() @ solved).real)


WATER = 3e3 * np.exp(-12 * TIME) * np.exp(2j * np.pi * 3 * TIME)


def likeness(a, b, covariance):
    """Share of the best signal-to-noise ratio that sensitivities `a` reach when `b` are true."""
    solved = np.linalg.solve(covariance, np.stack([a, b]).T)
    powers = (np.stack([a, b]).conj() @ solved).real
    return abs(a.conj() @ solved[:, 1]) / np.sqrt(powers[0, 0] * powers[1, 1])


def relative_error(found, truth):
    """Largest error of a covariance after the truth has been whitened."""
    white = np.linalg.inv(np.linalg.cholesky(truth))
    return np.abs(white @ np.asarray(found) @ white.conj().T - np.eye(len(truth))).max()


@pytest.mark.parametrize("signal", ["nothing", "water", "offset", "water and offset"])
def test_the_noise_is_found_below_water_and_offset(signal):
    array = Coils()
    measured = array.sees(WATER * ("water" in signal) * np.exp(8 * TIME), transients=8)  # has not decayed at the end
    measured = measured + 50 * ("offset" in signal) * array.root.sum(axis=1)[:, None, None]
    assert relative_error(measure_noise(jnp.asarray(measured)), array.covariance) < 0.05


def test_metabolites_and_a_line_in_the_band_do_little_harm():
    array = Coils()
    aliased = 20 * np.exp(2j * np.pi * 600 * TIME - 3 * TIME)  # at 30 % of the bandwidth
    measured = array.sees(WATER + fid() + aliased, transients=8)
    assert relative_error(measure_noise(jnp.asarray(measured)), array.covariance) < 0.07


def test_filtered_band_edges_do_not_make_the_noise_smaller():
    array = Coils()
    frequency = np.abs(np.fft.fftfreq(N_POINTS))
    filtered = np.where(frequency < 0.36, 1, 1 - (frequency - 0.36) / 0.14)
    noise = np.fft.ifft(np.fft.fft(array.noise(8)) * filtered)
    assert relative_error(measure_noise(jnp.asarray(noise)), array.covariance) < 0.05


def test_covariance_follows_the_coils_when_they_are_mixed(x64):
    array = Coils(coils=4)
    measured = array.sees(WATER)
    mixing = complex_normal(np.random.default_rng(1), 4, 4)
    found = measure_noise(jnp.asarray(measured))
    mixed = measure_noise(jnp.asarray(np.tensordot(mixing, measured, axes=1)))
    expected = mixing @ np.asarray(found) @ mixing.conj().T
    np.testing.assert_allclose(mixed, expected, atol=2e-2 * np.abs(expected).max())
    np.testing.assert_allclose(mixed, np.asarray(mixed).conj().T, atol=1e-12)


def test_dead_coils_and_broken_transients_do_no_harm():
    array = Coils()
    measured = array.sees(WATER, transients=8)
    measured[2] = 0
    measured[1, 3, 100] = np.nan
    measured[:, 5] = 0
    covariance = np.asarray(measure_noise(jnp.asarray(measured)))
    alive = np.array([0, 1, 3, 4, 5])
    assert not covariance[2].any()
    assert relative_error(covariance[np.ix_(alive, alive)], array.covariance[np.ix_(alive, alive)]) < 0.08
    for method in METHODS.values():
        sensitivities = method(jnp.asarray(measured), jnp.asarray(covariance))
        assert sensitivities[2] == 0
        combined = combine_one(jnp.asarray(measured[:, 0]), sensitivities, jnp.asarray(covariance))
        assert np.isfinite(combined).all()
        assert np.isfinite(steepness(jnp.asarray(measured[:, 0]), sensitivities, jnp.asarray(covariance))).all()


def test_nothing_at_all_gives_zeros():
    nothing = jnp.zeros((6, 8, N_POINTS), complex)
    covariance = measure_noise(nothing)
    for method in METHODS.values():
        sensitivities = method(nothing, covariance)
        assert not np.asarray(combine_one(nothing[:, 0], sensitivities, covariance)).any()


def test_copies_of_a_coil_change_nothing():
    array = Coils()
    measured = array.sees(WATER)[:, 0]
    twice = np.array([0, 1, 2, 3, 4, 5, 0])
    plain = combine_one(jnp.asarray(measured), jnp.asarray(array.sensitivities), jnp.asarray(array.covariance))
    covariance = array.covariance[np.ix_(twice, twice)]
    same = combine_coils(jnp.asarray(measured[twice]), jnp.asarray(array.sensitivities[twice]), jnp.asarray(covariance))
    np.testing.assert_allclose(same, plain, atol=2e-3 * np.abs(plain).max())


def test_too_little_to_measure_noise_in_is_refused():
    with pytest.raises(InputError, match="at least 64"):
        measure_noise(jnp.ones((2, 32), complex))
    with pytest.raises(InputError, match="three for each"):
        measure_noise(jnp.ones((32, 128), complex))
    with pytest.raises(InputError, match="n_first is 0"):
        sensitivities_from_water(jnp.ones((2, 64), complex), n_first=0)


@pytest.mark.parametrize("method", METHODS)
def test_sensitivities_are_found_up_to_noise(method):
    array = Coils()
    found = METHODS[method](jnp.asarray(array.sees(WATER)), jnp.asarray(array.covariance))
    np.testing.assert_allclose(np.linalg.norm(found), 1, rtol=1e-5)
    np.testing.assert_allclose(found, array.sensitivities, atol=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_phases_of_transients_and_eddy_currents_are_common_to_all_coils(method):
    array = Coils()
    measured = array.sees(WATER * np.exp(2j * np.exp(-TIME / 0.02)))
    turned = measured * np.exp(1j * np.linspace(0, 1.5, 8))[None, :, None]
    found = np.asarray(METHODS[method](jnp.asarray(turned), jnp.asarray(array.covariance)))
    assert likeness(found, array.sensitivities, array.covariance) > 0.9999


def test_the_first_sample_of_the_combined_reference_is_real_and_positive():
    measured = jnp.asarray(Coils().sees(WATER * np.exp(1.2j)))
    covariance = measure_noise(measured)
    for method in METHODS.values():
        combined = combine_all(measured, method(measured, covariance), covariance)
        start = np.asarray(combined)[:, 0].sum()
        assert abs(np.angle(start)) < 0.02


def test_singular_vector_agrees_with_numpy():
    array = Coils()
    measured = array.sees(fid() * 0.2)
    white = np.linalg.inv(np.linalg.cholesky(array.covariance)) @ measured.reshape(6, -1)
    left = np.linalg.svd(white, full_matrices=False)[0][:, 0]
    expected = np.linalg.cholesky(array.covariance) @ left
    found = np.asarray(sensitivities_by_svd(jnp.asarray(measured), jnp.asarray(array.covariance)))
    assert abs(found.conj() @ expected) / np.linalg.norm(expected) > 0.99999


def test_snr_of_the_combination_is_the_theoretical_one():
    array = Coils()
    transients = 8
    weights = jnp.asarray(array.sensitivities), jnp.asarray(array.covariance)
    signal = np.asarray(combine_all(jnp.asarray(array.sees(WATER, 1, noise=0.0)), *weights))[0]
    np.testing.assert_allclose(signal, WATER, rtol=1e-4)
    noise = np.asarray(combine_all(jnp.asarray(array.noise(transients)), *weights))
    error = 1 / np.sqrt(noise.size)
    np.testing.assert_allclose(np.sqrt(np.mean(np.abs(noise) ** 2)) * array.gain, 1, atol=4 * error)


def test_measured_weights_lose_next_to_nothing():
    array = Coils()
    water, metabolites = jnp.asarray(array.sees(WATER)), jnp.asarray(array.sees(fid()))
    covariance = measure_noise(metabolites)
    for method in METHODS.values():
        weights = np.asarray(coil_weights(method(water, covariance), covariance))
        gain = abs(weights @ array.sensitivities) / np.sqrt((weights @ array.covariance @ weights.conj()).real)
        assert gain / array.gain > 0.998


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_mixing_the_coils_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    array = Coils(seed=seed)
    u, v = (np.linalg.qr(complex_normal(generator, 6, 6))[0] for _ in range(2))
    mixing = u @ np.diag(np.exp(generator.uniform(-1, 1, 6))) @ v  # condition number of at most e²
    measured = array.sees(WATER)
    mixed = np.tensordot(mixing, measured, axes=1)
    results = []
    for samples, covariance in ((measured, array.covariance), (mixed, mixing @ array.covariance @ mixing.conj().T)):
        sensitivities = sensitivities_by_svd(jnp.asarray(samples), jnp.asarray(covariance))
        combined = np.asarray(combine_one(jnp.asarray(samples[:, 0]), sensitivities, jnp.asarray(covariance)))
        results.append(combined / np.linalg.norm(combined))
    np.testing.assert_allclose(results[1], results[0], atol=2e-3)


def test_scale_and_phase_of_sensitivities_come_back_inverted():
    array = Coils()
    one = jnp.asarray(array.sees(WATER)[:, 0])
    s, c = jnp.asarray(array.sensitivities), jnp.asarray(array.covariance)
    plain = np.asarray(combine_one(one, s, c))
    np.testing.assert_allclose(combine_one(one, 2j * s, 5 * c), plain / 2j, rtol=1e-3, atol=1e-2)


def test_precision_is_kept_under_jit_and_vmap():
    array = Coils()
    voxels = jnp.asarray(np.stack([array.sees(WATER), array.sees(1j * WATER)]), jnp.complex64)

    def whole(measured):
        covariance = noise_covariance(measured)
        return combine_coils(measured[:, 0], sensitivities_by_svd(measured, covariance), covariance)

    together = jax.jit(jax.vmap(whole))(voxels)
    assert together.dtype == jnp.complex64
    covariance = measure_noise(voxels[1])
    alone = combine_one(voxels[1][:, 0], METHODS["svd"](voxels[1], covariance), covariance)
    np.testing.assert_allclose(together[1], alone, atol=1e-3 * np.abs(alone).max())


def test_derivatives_agree_with_finite_differences_beside_an_empty_voxel(x64):
    array = Coils(coils=3)
    short = np.exp(-30 * TIME[:128]) * 20
    measured = array.sees(short, transients=2)
    direction = complex_normal(np.random.default_rng(3), *measured.shape)
    measured, direction = (jnp.asarray(np.stack([part, 0 * part])) for part in (measured, direction))
    other = jnp.asarray(array.sees(short, transients=1))[:, 0]

    def combined(measured):
        covariance = noise_covariance(measured)
        found = sensitivities_by_svd(measured, covariance), sensitivities_from_water(measured)
        return [combine_coils(other, sensitivities, covariance) for sensitivities in found]

    check_derivative(lambda step: jax.vmap(combined)(measured + step * direction))


@pytest.mark.data
def test_measured_water_and_metabolites_agree_on_the_coils(data_dir):
    folder = data_dir / "03_steam_7t_multicoil"

    def scan(name):
        return jnp.asarray(np.asarray(read_data(folder / name).fid)[0, 0, 0, :, :2])

    water, metabolites = scan("steam7t_wref_ecc_raw_4coil_2avg.nii.gz"), scan("steam7t_metab_raw_4coil_16avg.nii.gz")
    covariance, again = measure_noise(metabolites), measure_noise(water)
    assert relative_error(np.asarray(again, complex), np.asarray(covariance, complex)) < 0.15
    svd, first = (np.asarray(method(water, covariance)) for method in METHODS.values())
    blind = np.asarray(sensitivities_by_svd(metabolites, covariance))
    assert likeness(svd, first, np.asarray(covariance)) > 0.999
    assert likeness(svd, blind, np.asarray(covariance)) > 0.97

    def water_snr(weights):
        together = np.asarray(spectrum_of(jnp.einsum("c,ctp->tp", jnp.asarray(weights), water)))[0]
        sd = np.sqrt((weights @ np.asarray(covariance) @ weights.conj()).real)
        return np.abs(together).max() / sd

    best = water_snr(np.asarray(coil_weights(jnp.asarray(svd), covariance)))
    singles = [water_snr(row) for row in np.eye(4, dtype=complex)]
    assert best > 1.35 * max(singles)
    assert best > 1.5 * water_snr(np.ones(4, complex))
    np.testing.assert_allclose(water_snr(np.asarray(coil_weights(jnp.asarray(first), covariance))), best, rtol=1e-2)
