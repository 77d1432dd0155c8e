import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import learned
import numpy as np
import pytest
from scipy.signal import ShortTimeFFT

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn import Example, InputSpec, Representation, Scene
from diffmrs.learn.representations import (
    Morse,
    ScalogramSpec,
    Scattering,
    ScatteringSpec,
    ShortTime,
    SpectrogramSpec,
    diagonal,
    inverse_scalogram,
    inverse_stft,
    scalogram,
    scatter,
    stft,
)
from diffmrs.learn.representations.scattering_filters import average, filters, responses

ACQUISITION = Acquisition(1 / 1200, 123.2)
POINTS = 128
SHORT = ShortTime(length=32, hop=8, n_frequencies=48)
MORSE = Morse(voices=8, n_scales=24, side="both")
SCATTERING = Scattering(n_points=64, averaging=8, per_octave=(2, 1))
SPECS = [
    SpectrogramSpec(SHORT, n_frames=10, ppm_range=(0.5, 4.2), undersampling=4, scale="rms"),
    ScalogramSpec(MORSE, n_points=64, stride=4, ppm_range=(0.5, 4.2), scale="largest", with_noise=True),
    ScatteringSpec(SCATTERING, scale="rms", parts="modulus"),
]
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(2, POINTS, 2)) @ [1, 1j]
REAL = NOISE[0].real[:64]
ROUNDING = {"rtol": 1e-4, "atol": 1e-4}


def array(values):
    return jnp.asarray(values, jnp.result_type(complex if np.iscomplexobj(values) else float))


def line(frequency, n_points=POINTS):
    return np.exp(2j * np.pi * frequency * np.arange(n_points))


# Short-time transform


@pytest.mark.parametrize("window", ["hamming", "hann"])
def test_short_time_transform_is_that_of_scipy(window):
    short = dataclasses.replace(SHORT, window=window)
    found = np.asarray(stft(array(NOISE[0]), short))
    scipy = ShortTimeFFT(short.weights, 8, 1.0, fft_mode="twosided", mfft=48, phase_shift=None)
    # SciPy numbers frames by their middles: the one that starts at the first sample is number 2 here.
    expected = np.fft.fftshift(scipy.stft(NOISE[0], p0=2, p1=2 + found.shape[1]), axes=0)
    assert found.shape == (48, 13)
    np.testing.assert_allclose(found, expected, **ROUNDING)


@pytest.mark.parametrize(("window", "lost"), [("hamming", 0), ("hann", 1)])
def test_overlap_and_add_gives_the_signal_back_where_windows_reach(window, lost):
    short = dataclasses.replace(SHORT, window=window)
    back = inverse_stft(stft(array(NOISE[0]), short), short, POINTS)
    np.testing.assert_allclose(back[lost:], NOISE[0][lost:], **ROUNDING)
    back = np.asarray(inverse_stft(stft(array(NOISE[0]), short, 5), short, POINTS))
    np.testing.assert_allclose(back[lost:64], NOISE[0][lost:64], **ROUNDING)
    assert not back[64:].any() and np.isfinite(back).all()


def test_energy_of_frames_is_that_under_the_windows():
    frames = np.asarray(stft(array(NOISE[0]), SHORT))
    under = np.zeros(POINTS)
    np.add.at(under, SHORT.samples(13), np.broadcast_to(SHORT.weights**2, (13, 32)))
    np.testing.assert_allclose((abs(frames) ** 2).sum() / 48, (under * abs(NOISE[0]) ** 2).sum(), rtol=1e-4)


def test_a_line_stands_on_its_row_with_its_phase():
    frames = np.asarray(stft(array(line(10 / 48)), SHORT)) / SHORT.weights.sum()
    assert (abs(frames).argmax(axis=0) == 24 + 10).all()
    np.testing.assert_allclose(frames[34], line(10 / 48)[::8][:13], **ROUNDING)


def test_diagonal_undersampling_holds_every_frequency_once_in_as_many_frames():
    numbers = array(np.arange(48 * 4).reshape(48, 4) + 0j)
    kept = np.asarray(diagonal(numbers, 4)).real
    assert kept.shape == (12, 4)
    assert sorted(int(number) // 4 for number in kept.ravel()) == list(range(48))
    np.testing.assert_array_equal(diagonal(numbers, 1), numbers)


def test_published_spectrogram_has_the_published_shape():
    slaser = Acquisition(1 / 4000, 123.2)
    assert SpectrogramSpec().shape(slaser, 4096) == (128, 32, 2)
    assert SpectrogramSpec(undersampling=1, parts="modulus").shape(slaser) == (1026, 32, 1)


# Wavelets


def test_wavelet_transform_is_the_convolution_with_the_wavelet():
    morse = Morse(voices=2, n_scales=5)
    centre, steps = morse.centres[2], np.arange(POINTS) - POINTS // 2
    signal = np.exp(-((steps / 6.0) ** 2)) * np.exp(0.9j * np.pi * centre * steps)
    found = np.asarray(scalogram(array(signal), morse))[2]

    frequency = np.linspace(0, 0.5, 4001)
    lags = np.arange(-POINTS, POINTS)
    integrand = morse.response(frequency / centre)[None] * np.exp(2j * np.pi * lags[:, None] * frequency[None])
    wavelet = np.trapezoid(integrand, frequency, axis=1)
    # The integral knows nothing of a signal repeated for ever: in the middle both have died away.
    direct = np.convolve(wavelet, signal)[POINTS + 40 : POINTS + 88]
    np.testing.assert_allclose(found[40:88], direct, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("side", ["positive", "negative", "both"])
def test_unit_line_at_a_centre_has_modulus_one_on_its_side(side):
    # A whole number of turns, so that the periodic signal has no edge.
    morse = dataclasses.replace(MORSE, side=side)
    row = int(np.argmin(abs(morse.centres - (-0.25 if side == "negative" else 0.25))))
    turns = round(morse.centres[row] * 1024)
    found = abs(np.asarray(scalogram(array(line(turns / 1024, 1024)), morse)))
    np.testing.assert_allclose(found[row], 1, atol=2e-4)
    assert (np.diff(morse.centres) > 0).all()
    assert found[np.sign(morse.centres) != np.sign(turns)].sum() == pytest.approx(0, abs=1e-2)


def banded(low, high):
    """Noise whose frequencies lie between two limits on either side."""
    spectrum = np.fft.fft(NOISE[0])
    distance = abs(np.fft.fftfreq(POINTS))
    return np.fft.ifft(np.where((distance > low) & (distance < high), spectrum, 0))


def test_energy_law_and_inverse_hold_within_the_band():
    signal = banded(0.09, 0.34)
    found = scalogram(array(signal), MORSE)
    energy = float(jnp.sum(jnp.abs(found) ** 2)) * MORSE.energy_weight
    np.testing.assert_allclose(energy, (abs(signal) ** 2).sum(), rtol=5e-3)
    np.testing.assert_allclose(inverse_scalogram(found, MORSE), signal, **ROUNDING)
    one_side = dataclasses.replace(MORSE, side="positive")
    positive = np.fft.ifft(np.where(np.fft.fftfreq(POINTS) > 0, np.fft.fft(signal), 0))
    np.testing.assert_allclose(inverse_scalogram(found[24:], one_side), positive, **ROUNDING)


# Scattering


def direct_scattering(signal, scattering):
    """Convolutions as sums, nothing thinned out before the end."""
    n = scattering.n_points
    lag = (np.arange(n)[:, None] - np.arange(n)[None]) % n

    def convolved(values, response):
        return np.fft.ifft(response)[lag] @ values

    low = average(n, scattering.least_width)
    banks = [responses(count, scattering.least_width, n) for count in scattering.per_octave]
    known = [filters(count, scattering.least_width) for count in scattering.per_octave]
    rows = []
    for path in scattering.paths:
        values = signal
        for bank, found, wavelet in zip(banks, known, path, strict=False):
            values = abs(convolved(values, bank[found.index(wavelet)]))
        rows.append(convolved(values, low).real[:: scattering.averaging])
    return np.array(rows)


def test_scattering_is_that_of_direct_convolutions():
    found = np.asarray(scatter(array(REAL), SCATTERING))
    expected = direct_scattering(REAL, SCATTERING)
    assert found.shape == expected.shape == (len(SCATTERING.paths), 8)
    orders = np.array([len(path) for path in SCATTERING.paths])
    assert {0, 1, 2} == set(orders)
    for order, allowed in ((0, 1e-4), (1, 2e-3), (2, 2e-3)):
        error = np.linalg.norm((found - expected)[orders == order]) / np.linalg.norm(expected[orders == order])
        assert error < allowed
    finer = np.asarray(scatter(array(REAL), dataclasses.replace(SCATTERING, oversampling=9)))
    np.testing.assert_allclose(finer, expected, **ROUNDING)


def test_scattering_contracts():
    one, other = REAL, NOISE[0].imag[:64]
    for x, y in ((one, other), (one, 0 * one), (one, one + 0.01 * other)):
        moved = scatter(array(x), SCATTERING) - scatter(array(y), SCATTERING)
        assert 8 * float(jnp.sum(moved**2)) <= ((x - y) ** 2).sum()


def test_scattering_hardly_feels_a_shift_below_the_average_and_moves_by_windows():
    time = np.arange(64) - 32
    burst = np.exp(-((time / 8) ** 2)) * np.cos(2 * np.pi * 0.3 * time)
    still, moved = (np.asarray(scatter(array(np.roll(burst, by)), SCATTERING)) for by in (0, 1))
    assert np.linalg.norm(np.roll(burst, 1) - burst) > np.linalg.norm(burst)
    assert np.linalg.norm(moved - still) < 0.1 * np.linalg.norm(still)
    whole = np.asarray(scatter(array(np.roll(burst, 8)), SCATTERING))
    np.testing.assert_allclose(whole, np.roll(still, 1, axis=1), **ROUNDING)


def test_scattering_is_steady_where_the_fourier_modulus_jumps():
    """A burst of 4 % higher frequency (Mallat 2012)."""
    time = np.arange(64) - 32
    one, other = (np.exp(-((time / 20) ** 2)) * np.cos(2 * np.pi * 0.4 * time * by) for by in (1, 1.04))

    def change(picture):
        return np.linalg.norm(picture(other) - picture(one)) / np.linalg.norm(picture(one))

    assert change(lambda x: abs(np.fft.fft(x))) > 0.6
    assert change(lambda x: np.asarray(scatter(array(x), SCATTERING))) < 0.3


def test_published_scattering_has_the_published_windows():
    paths, windows, channels = ScatteringSpec().shape(ACQUISITION, 1024)
    assert (windows, channels) == (8, 2)
    assert paths == 1 + 51 + 156  # the paper has 154 and does not say of which filters


# What a network is fed


@partial(jax.jit, static_argnums=0)
def feed(spec, fid, noise_sd):
    return spec.feed(fid, noise_sd, ACQUISITION)


def fed(spec, fid, noise_sd=1.0):
    return feed(spec, array(fid), array(np.float64(noise_sd)))


@pytest.mark.parametrize("spec", SPECS)
def test_shape_is_as_announced_in_the_precision_of_the_fid(spec):
    assert isinstance(spec, Representation) and isinstance(InputSpec(), Representation)
    assert hash(spec) == hash(dataclasses.replace(spec))
    signal, scale = fed(spec, NOISE[0])
    assert signal.shape == spec.shape(ACQUISITION, POINTS)
    assert signal.dtype == scale.dtype == jnp.result_type(float)
    doubled = fed(spec, 1e5 * NOISE[0], 1e5)
    np.testing.assert_allclose(doubled.signal, signal, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(doubled.scale, 1e5 * scale, rtol=1e-4)


@pytest.mark.parametrize("spec", SPECS)
def test_bad_fids_are_tame_and_alone_in_values_and_gradients(spec):
    batch = np.stack([NOISE[1], 0 * NOISE[0], np.where(np.arange(POINTS) == 3, np.nan, NOISE[0])])

    def total(real):
        return jnp.sum(spec.feed(real * array(1 + 0.5j), array(np.float64(1)), ACQUISITION).signal ** 2 * 0.5)

    both = jax.jit(jax.vmap(jax.value_and_grad(total)))
    values, slopes = both(array(batch.real))
    assert np.isfinite(values).all() and np.isfinite(slopes).all()
    values_of_three, slopes_of_three = both(array(NOISE[[1, 1, 0]].real))
    np.testing.assert_array_equal(values[0], values_of_three[0])
    np.testing.assert_array_equal(slopes[0], slopes_of_three[0])
    assert np.abs(slopes_of_three).max(axis=1).min() > 0


@pytest.mark.parametrize("spec", SPECS)
def test_slopes_are_those_of_finite_differences(spec, x64):
    spec = dataclasses.replace(spec, scale="none")
    weights = RNG.normal(size=spec.shape(ACQUISITION, POINTS))
    direction = NOISE[1]

    def along(step):
        moved = jnp.asarray(NOISE[0]) + step * jnp.asarray(direction)
        return jnp.sum(spec.feed(moved, jnp.ones(()), ACQUISITION).signal * weights)

    both = jax.jit(lambda step: jax.jvp(along, (step,), (jnp.ones(()),)))
    forward = both(jnp.zeros(()))[1]
    middle = (both(jnp.asarray(1e-6))[0] - both(jnp.asarray(-1e-6))[0]) / 2e-6
    np.testing.assert_allclose(forward, middle, rtol=1e-6, atol=1e-7)


def test_noise_of_a_spectrogram_is_that_of_the_samples():
    whole = SpectrogramSpec(SHORT, n_frames=13, ppm_range=None, undersampling=1)
    # The last frames stand half outside.
    assert float(jnp.std(fed(whole, NOISE[0]).signal[:, :12])) == pytest.approx(1, abs=0.15)


def test_a_scene_takes_any_of_them():
    toy = learned.decoder(dtype=array(1j).dtype)
    example = Example(array(NOISE[0]), array(np.float64(3)))
    for spec in SPECS:
        seen = jax.eval_shape(Scene(spec, toy).see, example)
        assert seen.signal.shape == spec.shape(ACQUISITION, POINTS)


def test_only_the_wavelets_of_the_range_are_fed():
    spec = SPECS[1]
    used = fed(spec, NOISE[0])
    padded = np.concatenate([NOISE[0][:64], np.zeros(64)])
    ppm = 4.65 - MORSE.centres * 1200 / 123.2
    inside = np.asarray(scalogram(array(padded), MORSE))[(ppm > 0.5) & (ppm < 4.2), :64:4]
    np.testing.assert_allclose(np.asarray(used.signal[..., :2]) @ [1, 1j] * float(used.scale), inside, **ROUNDING)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: ShortTime(window="box"), "window is 'box'"),
        (lambda: ShortTime(length=32, hop=33), "hop of the short-time transform is 33"),
        (lambda: ShortTime(n_frequencies=1000), "n_frequencies"),
        (lambda: stft(array(NOISE[0]), SHORT, 0), "n_frames is 0"),
        (lambda: inverse_stft(array(NOISE), SHORT, 3), "there are 2 frequencies"),
        (lambda: Morse(side="up"), "side of the wavelets is 'up'"),
        (lambda: Morse(voices=0), "voices of the wavelets is 0"),
        (lambda: Morse(time_bandwidth=1.0), "time_bandwidth"),
        (lambda: inverse_scalogram(array(NOISE), MORSE), "there are 2 rows, but 48"),
        (lambda: Scattering(averaging=100), "power of two"),
        (lambda: Scattering(n_points=1000), "multiple of 128"),
        (lambda: Scattering(per_octave=(8, 0)), "two whole numbers"),
        (lambda: Scattering(average_width=1.0), "average_width is 1.0"),
        (lambda: Scattering(oversampling=-1), "oversampling is -1"),
        (lambda: scatter(array(NOISE[0].real), Scattering()), "128 samples, but the scattering 1024"),
        (lambda: SpectrogramSpec(undersampling=0), "undersampling of the input is 0"),
        (lambda: SpectrogramSpec(n_frames=None).shape(ACQUISITION), "how many samples"),
        (lambda: ScalogramSpec(parts="angle"), "parts of the input are 'angle'"),
        (lambda: ScalogramSpec(ppm_range=(300.0, 400.0)).shape(ACQUISITION, 64), "no wavelet"),
        (lambda: ScatteringSpec(scale="sum"), "scale of the input is 'sum'"),
        (lambda: ScatteringSpec().shape(ACQUISITION, 512), "needs 1024 samples"),
    ],
)
def test_bad_input_is_told_in_one_line(make, told):
    with pytest.raises(InputError, match=told):
        make()
