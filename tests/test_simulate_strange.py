"""Each strange spectrum is strange in the way its name says, and in no other."""

import functools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic

from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.model import NoBaseline, SignalModel, model_for
from diffmrs.simulate import (
    STRANGE,
    Artefacts,
    Ingredient,
    Population,
    RandomBaseline,
    Recipe,
    Uniform,
    example_of,
    simulate_fid,
    simulate_recipe,
    strange_spectra,
    without_member,
)

N = 512
BASIS = synthetic.basis(("NAA", "Cr", "MM09"), n_points=N)
RECIPE = Recipe(
    name="small",
    source="none",
    note="none",
    ingredients=tuple(Ingredient(name, (1.0, 2.0)) for name in ("NAA", "Cr", "MM")),
    shift_hz=(-3.0, 3.0),
    damping_per_s=(0.0, 15.0),
    phase_rad=(-0.15, 0.15),
    noise_sd=0.02,
)
COUNT = 16
USUAL = simulate_recipe(jax.random.key(0), RECIPE, BASIS, COUNT)
QUICK = "unsafe_rbg"  # random numbers that compile in a fraction of the time
KEYS = jax.random.split(jax.random.key(1, impl=QUICK), COUNT)
MODEL = SignalModel(synthetic.ACQUISITION, N, (0, N), (0, 1, 2), (0, 0, 0), NoBaseline())


def spectra(fids):
    """In plain NumPy."""
    halved = np.array(fids)
    halved[..., 0] /= 2
    return np.fft.fftshift(np.fft.fft(halved, axis=-1), axes=-1)


def limits(parameters):
    return [jax.tree.map(lambda leaf, end=end: end(leaf, axis=0), parameters) for end in (jnp.min, jnp.max)]


CHANGES = {**STRANGE, "without_cr": without_member("Cr"), "unchanged": lambda key, example: example}


@functools.cache
def everything():
    """Each change of each spectrum, compiled at once."""

    def one(key, usual):
        example = example_of(usual, *limits(USUAL.parameters), jnp.asarray(BASIS.fid), MODEL, BASIS.names)
        changed = {name: change(key, example) for name, change in CHANGES.items()}
        return {name: replace(usual, fid=each.fid, parameters=each.parameters) for name, each in changed.items()}

    return jax.jit(jax.vmap(one))(KEYS, USUAL)


TIME = np.arange(N) * synthetic.ACQUISITION.dwell_time_s


def strange(name):
    return everything()[name]


def signal(made):
    """What the parameters of spectra say, in plain NumPy. [spectra, points]"""
    p = jax.tree.map(np.asarray, made.parameters)
    rate = 2j * np.pi * p.frequency_shift_hz - np.pi * p.lorentzian_fwhm_hz
    each = p.amplitude[..., None] * np.asarray(BASIS.fid) * np.exp(rate[..., None] * TIME)
    return np.exp(1j * p.phase0_rad)[:, None] * each.sum(axis=1)


NOISE = np.asarray(USUAL.fid) - signal(USUAL)
TOLERANCE = 2e-4 * np.abs(USUAL.fid).max()
IN_THE_MODEL = (
    *("high_concentrations", "moved_prevalence", "double_linewidth", "large_shift", "large_phase"),
    *("missing_metabolite", "noise_only"),
)


@pytest.mark.parametrize("name", IN_THE_MODEL)
def test_the_truth_follows_what_the_model_can_say(name):
    made = strange(name)
    np.testing.assert_allclose(np.asarray(made.fid), signal(made) + NOISE, atol=10 * TOLERANCE)
    changed = {
        field
        for field in ("amplitude", "lorentzian_fwhm_hz", "frequency_shift_hz", "phase0_rad")
        if not np.allclose(getattr(made.parameters, field), getattr(USUAL.parameters, field))
    }
    assert len(changed) == 1, changed


def test_parameters_are_as_far_out_as_they_should_be():
    usual = jax.tree.map(np.asarray, USUAL.parameters)
    low, high = usual.amplitude.min(axis=0), usual.amplitude.max(axis=0)
    made = np.asarray(strange("high_concentrations").parameters.amplitude)
    assert (made > 1.05 * high).all() and (made <= 1.5 * high + 1e-5).all()
    made = np.asarray(strange("moved_prevalence").parameters.amplitude)
    assert (made >= low + 0.75 * (high - low) - 1e-5).all() and (made <= high + 1e-5).all()
    reach = np.abs(usual.frequency_shift_hz).max()
    made = np.asarray(strange("large_shift").parameters.frequency_shift_hz)
    assert (np.abs(made) >= 2 * reach - 1e-4).all() and (np.abs(made) <= 4 * reach + 1e-4).all()
    assert (made.min() < 0) and (made.max() > 0)
    reach = np.abs(usual.phase0_rad).max()
    made = np.abs(np.asarray(strange("large_phase").parameters.phase0_rad))
    assert (made >= 2 * reach - 1e-4).all() and (made <= 4 * reach + 1e-4).all()
    made = np.asarray(strange("missing_metabolite").parameters.amplitude)
    assert (made[:, 0] == 0).all() and (made[:, 1:] > 0).all()
    assert (np.asarray(strange("without_cr").parameters.amplitude)[:, 1] == 0).all()


def test_lines_are_twice_as_wide_as_the_widest():
    """Measured on the singlet of creatine, by the decay of its envelope."""
    made = strange("double_linewidth")
    widest = np.asarray(USUAL.parameters.lorentzian_fwhm_hz).max()
    bare = np.asarray(BASIS.fid[1])
    p = jax.tree.map(np.asarray, made.parameters)
    alone = np.asarray(made.fid) - NOISE
    others = p.amplitude.copy()
    others[:, 1] = 0
    without = signal(replace(made, parameters=replace(made.parameters, amplitude=jnp.asarray(others))))
    envelope = np.abs((alone - without)[:, 1:60] / bare[None, 1:60])
    slope = np.polyfit(TIME[1:60], np.log(envelope).T, 1)[0]
    np.testing.assert_allclose(-slope / np.pi, 2 * widest, rtol=0.02)


def in_spectrum(name):
    """Spectrum of what a change has added. [spectra, points]"""
    return spectra(np.asarray(strange(name).fid) - np.asarray(USUAL.fid))


@pytest.mark.parametrize("name", ["smooth_baseline", "random_walk_baseline"])
def test_baselines_are_as_high_as_they_should_be(name):
    added = in_spectrum(name)
    tallest = np.abs(spectra(signal(USUAL))).max(axis=1)
    np.testing.assert_allclose(np.sqrt((np.abs(added) ** 2).mean(axis=1) / 2) / tallest, 0.3, rtol=0.02)
    np.testing.assert_array_equal(strange(name).parameters.amplitude, USUAL.parameters.amplitude)
    assert not np.allclose(added[0] / tallest[0], added[1] / tallest[1], atol=0.1)


def test_a_random_walk_is_rough_and_a_smooth_baseline_is_not():
    rough, smooth = (np.abs(np.diff(in_spectrum(n), 2)).mean() for n in ("random_walk_baseline", "smooth_baseline"))
    assert rough > 3 * smooth


def test_a_foreign_metabolite_lies_where_it_should():
    peak = np.abs(in_spectrum("foreign_metabolite")).argmax(axis=1)
    assert np.abs(synthetic.ACQUISITION.ppm(N)[peak] - 1.13).max() < 0.06


def test_an_echo_is_largest_when_it_should_be():
    added = np.asarray(strange("spurious_echo").fid) - np.asarray(USUAL.fid)
    np.testing.assert_allclose(TIME[np.abs(added).argmax(axis=1)], 0.05, atol=1e-3)
    np.testing.assert_allclose(np.abs(added).max(axis=1), 0.3 * np.abs(signal(USUAL)).max(axis=1), rtol=1e-3)


def test_wrong_macromolecules_change_nothing_else():
    added = np.asarray(strange("wrong_macromolecules").fid) - np.asarray(USUAL.fid)
    p = jax.tree.map(np.asarray, USUAL.parameters)
    rate = 2j * np.pi * p.frequency_shift_hz[:, -1:] - np.pi * p.lorentzian_fwhm_hz[:, -1:]
    heavy = p.amplitude[:, 2:] * np.asarray(BASIS.fid)[2] * np.exp(rate * TIME + 1j * p.phase0_rad[:, None])
    np.testing.assert_allclose(added, heavy * (np.cos(2 * np.pi * 20 * TIME) - 1), atol=10 * TOLERANCE)


def test_asymmetric_lines_keep_their_area_and_centre_but_have_a_tail():
    ratio = (np.asarray(strange("asymmetric_lines").fid) - NOISE)[:, :40] / signal(USUAL)[:, :40]
    np.testing.assert_allclose(ratio[:, 0], 1, atol=1e-3)
    # The cumulants of an exponential distribution of mean 5 Hz: variance 25, third central moment 250.
    t = 2 * np.pi * TIME[:8]
    np.testing.assert_allclose(
        np.log(ratio[:, :8]).mean(axis=0), -25 * t**2 / 2 - 1j * 250 * t**3 / 6, atol=0.15 * 25 * t[-1] ** 2 / 2
    )


def test_noise_is_changed_as_it_should_be():
    more = np.asarray(strange("more_noise").fid) - signal(USUAL)
    np.testing.assert_allclose(more, 3 * NOISE, atol=10 * TOLERANCE)
    coloured = spectra(np.asarray(strange("coloured_noise").fid) - signal(USUAL))
    white = spectra(NOISE)
    power, usual = (np.abs(x) ** 2 for x in (coloured, white))
    assert power.mean() == pytest.approx(usual.mean(), rel=0.1)
    ppm = synthetic.ACQUISITION.ppm(N)
    ends = np.sqrt([(power[:, part].mean() / usual[:, part].mean()) for part in (ppm < 0.5, ppm > 6.5)])
    assert ends[0] / ends[1] == pytest.approx(9.0, rel=0.05)
    np.testing.assert_allclose(np.asarray(strange("noise_only").fid), NOISE, atol=10 * TOLERANCE)


def test_a_batch_is_changed_as_each_spectrum_and_the_usual_one_stays():
    before = np.array(USUAL.fid)
    # The range may be that of another set.
    training = jax.tree.map(lambda leaf: 10 * leaf, USUAL.parameters)
    made = strange_spectra(jax.random.key(1), "high_concentrations", USUAL, BASIS, training=training)
    share = np.asarray(made.parameters.amplitude) / np.asarray(training.amplitude).max(axis=0)
    assert (share > 1.05).all() and (share <= 1.5 + 1e-5).all()
    np.testing.assert_array_equal(before, USUAL.fid)
    np.testing.assert_allclose(strange("unchanged").fid, USUAL.fid, atol=TOLERANCE)
    assert made.fid.dtype == before.dtype
    assert not np.allclose(made.parameters.amplitude[0], made.parameters.amplitude[1])


def test_a_population_with_baseline_delay_and_artefacts_is_taken_apart_and_put_together():
    model = model_for(BASIS, ppm_range=(0.5, 4.2), groups=(0, 0, 1), shims=(0, 0, 0), baseline=NoBaseline())
    population = Population(amplitude=Uniform(1.0, 2.0), delay_s=Uniform(-1e-4, 1e-4))
    basis_fid = jnp.asarray(BASIS.fid)

    def one(key):
        made = simulate_fid(
            key,
            population,
            basis_fid,
            model,
            snr=Uniform(50.0, 50.0),
            baseline=RandomBaseline(Uniform(0.1, 0.1)),
            artefacts=Artefacts(water=Uniform(2.0, 2.0)),
        )
        example = example_of(made, made.parameters, made.parameters, basis_fid, model, BASIS.names)
        return made.fid, example.fid, example.noise, made.noise_sd

    fid, again, noise, noise_sd = jax.jit(jax.vmap(one))(KEYS[:4])
    np.testing.assert_allclose(again, fid, atol=1e-5 * float(np.abs(fid).max()))
    # What is left over is the noise alone, as strong as the simulation says.
    np.testing.assert_allclose(spectra(noise).real.std(axis=1), noise_sd, rtol=0.15)


def test_every_change_says_what_it_does():
    for name, change in STRANGE.items():
        assert change.__doc__ and change.__name__ == name


LIGHT = Basis(BASIS.fid, BASIS.acquisition, ("NAA", "Cr", "Lac"))


def ask(change, basis=BASIS):
    return strange_spectra(jax.random.key(1), change, USUAL, basis)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ask("odd"), "the change is 'odd'; it must be one of high_concentrations"),
        (lambda: ask(without_member("Lac")), "no Lac to leave out; there are NAA, Cr, MM09"),
        (lambda: ask("more_noise", BASIS.select(("NAA", "Cr"))), r"the basis has shape \(2, 512\)"),
        (lambda: ask("wrong_macromolecules", LIGHT), "no macromolecules to change; there are NAA, Cr, Lac"),
    ],
)
def test_what_cannot_be_changed_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
