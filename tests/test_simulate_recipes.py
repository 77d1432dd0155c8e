"""Recipes make what their publications say, in the published and in the physical form."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import synthetic

from diffmrs.errors import InputError
from diffmrs.simulate import RECIPES, Ingredient, Recipe, simulate_recipe, snr_of
from diffmrs.simulate.recipe import proton_of

N = 256
BASIS = synthetic.basis(n_points=N)
SMALL = Recipe(
    name="small",
    source="none",
    note="none",
    ingredients=(Ingredient("Cr", (2.0, 3.0)), Ingredient("NAA", (0.5, 1.0), 4.0)),
    shift_hz=(-3.0, 3.0),
    damping_per_s=(-4.0, 15.0),
    phase_rad=(-0.3, 0.3),
    noise_sd=0.05,
    noise_first=True,
)


def by_hand(made, row, basis):
    """The signal of one spectrum in plain NumPy."""
    time = np.arange(N) * basis.acquisition.dwell_time_s
    p = jax.tree.map(lambda leaf: np.asarray(leaf)[row], made.parameters)
    own = np.exp((2j * np.pi * p.frequency_shift_hz[:, None] - np.pi * p.lorentzian_fwhm_hz[:, None]) * time)
    return np.exp(1j * p.phase0_rad) * (p.amplitude[:, None] * np.asarray(basis.fid) * own).sum(axis=0)


def test_parameters_lie_in_their_ranges_and_the_signal_is_that_of_the_formula():
    made = simulate_recipe(jax.random.key(0), SMALL, BASIS, 64)
    amplitude = np.asarray(made.parameters.amplitude)
    assert (amplitude >= [2, 0.5]).all() and (amplitude <= [3, 1]).all()
    damping = np.pi * np.asarray(made.parameters.lorentzian_fwhm_hz)
    np.testing.assert_allclose(damping[:, 1] - damping[:, 0], 4.0, atol=1e-4)
    assert damping[:, 0].min() < 0  # as published
    quiet = simulate_recipe(jax.random.key(0), replace(SMALL, noise_sd=0.0), BASIS, 64)
    theirs = by_hand(quiet, 3, BASIS.select(("Cr", "NAA")))
    np.testing.assert_allclose(quiet.fid[3], theirs, atol=1e-4 * np.abs(theirs).max())
    # Noise that was added first has been damped with the signal.
    noise = np.asarray(made.fid - quiet.fid) * np.exp(damping[:, :1] * np.asarray(BASIS.time_s)[None])
    assert noise.real.std() == pytest.approx(0.05, rel=0.03)


def test_each_signal_may_have_a_phase_of_its_own():
    still = replace(SMALL, shift_hz=(0.0, 0.0), damping_per_s=(0.0, 0.0), noise_sd=0.0, own_phase=True)
    made = simulate_recipe(jax.random.key(3), still, BASIS, 16)
    damped = np.asarray(BASIS.select(("Cr", "NAA")).fid) * np.exp(-np.outer([0.0, 4.0], BASIS.time_s))
    found = np.linalg.lstsq(damped.T, np.asarray(made.fid).T, rcond=None)[0].T
    np.testing.assert_allclose(np.abs(found), made.parameters.amplitude, rtol=1e-3)
    phase = np.angle(found)
    assert (np.abs(phase) <= 0.3 + 1e-3).all() and phase.std(axis=0).min() > 0.1
    assert abs(np.corrcoef(phase.T)[0, 1]) < 0.7
    np.testing.assert_array_equal(made.parameters.phase0_rad, 0)


def test_the_physical_form_has_no_negative_damping_and_white_noise():
    made = simulate_recipe(jax.random.key(0), SMALL, BASIS, 64, physical=True)
    quiet = simulate_recipe(jax.random.key(0), replace(SMALL, noise_sd=0.0), BASIS, 64, physical=True)
    assert np.asarray(made.parameters.lorentzian_fwhm_hz).min() >= 0
    noise = np.asarray(made.fid - quiet.fid).real
    assert noise[:, : N // 2].std() == pytest.approx(0.05, rel=0.03)
    assert noise[:, N // 2 :].std() == pytest.approx(0.05, rel=0.03)


@pytest.mark.parametrize(("name", "value"), [("hatami2018", 10.0), ("shamaei2021", (5.0, 15.0))])
def test_noise_is_as_strong_as_the_publication_says(name, value):
    recipe = RECIPES[name].without(*RECIPES[name].missing(BASIS))
    made = simulate_recipe(jax.random.key(1), recipe, BASIS, 8)
    members = BASIS.select(recipe.members(BASIS))
    sample_sd = np.asarray(made.noise_sd) / np.sqrt(N - 0.75)
    for row in range(8):
        clean = by_hand(made, row, members)
        ratio = float(snr_of(float(sample_sd[row]), jax.numpy.asarray(clean), definition=recipe.snr_definition))
        assert ratio == pytest.approx(value, rel=1e-2) if isinstance(value, float) else value[0] < ratio < value[1]
        assert (np.asarray(made.fid[row]) - clean).real.std() == pytest.approx(sample_sd[row], rel=0.2)


def test_rizzo_puts_a_water_line_at_half_a_ppm():
    recipe = RECIPES["rizzo2022"]
    made = simulate_recipe(jax.random.key(2), recipe.without(*recipe.missing(BASIS)), BASIS, 2)
    sample_sd = np.asarray(made.noise_sd) / np.sqrt(N - 0.75)
    assert ((129 / sample_sd >= 5) & (129 / sample_sd <= 40)).all()
    spectrum = np.fft.fftshift(np.fft.fft(np.asarray(made.fid[0])))
    assert BASIS.acquisition.ppm(N)[np.abs(spectrum).argmax()] == pytest.approx(0.5, abs=0.07)
    # Out of sight it sets the same noise, and nothing else is missing.
    unseen = replace(recipe.without(*recipe.missing(BASIS)), water_seen=False)
    without = simulate_recipe(jax.random.key(2), unseen, BASIS, 2)
    np.testing.assert_array_equal(without.noise_sd, made.noise_sd)
    line = np.asarray(made.fid[0] - without.fid[0])
    assert line[0] == pytest.approx(129 * proton_of(BASIS), rel=1e-3)


def test_the_same_key_gives_the_same_spectra():
    one, two = (simulate_recipe(jax.random.key(4), SMALL, BASIS, 64).fid for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_every_recipe_names_its_source_and_its_two_forms():
    for name, recipe in RECIPES.items():
        assert recipe.name == name and recipe.source and recipe.note
        assert recipe.physical().damping_per_s[0] >= 0 and not recipe.physical().noise_first
    assert len(RECIPES["hatami2018"].ingredients) == 21 and len(RECIPES["shamaei2023"].ingredients) == 20


def test_missing_ingredients_are_told():
    recipe = RECIPES["shamaei2023"]
    assert "Tau" in recipe.missing(BASIS) and "MM" not in recipe.missing(BASIS)
    with pytest.raises(InputError, match=r"the basis lacks Ala, Asp.* of the recipe shamaei2023"):
        simulate_recipe(jax.random.key(0), recipe, BASIS, 1)
    with pytest.raises(InputError, match="count is 0"):
        simulate_recipe(jax.random.key(0), SMALL, BASIS, 0)
    with pytest.raises(InputError, match="no Cr, PCr or tCr"):
        simulate_recipe(jax.random.key(0), SMALL.without("Cr"), BASIS.select(("NAA", "Ins")), 1)
