"""Artefacts are what their formulas say, leave the rest alone, and can be differentiated."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic

from diffmrs.axes import spectrum_of
from diffmrs.model import NoBaseline, model_for
from diffmrs.simulate import (
    Artefacts,
    Mixture,
    Population,
    Spoiling,
    Uniform,
    draw_spoiling,
    simulate_spectra,
    spoil,
)
from diffmrs.simulate.artefacts import averaging, lipid_lines, water_line

N = 256
ACQUISITION = synthetic.ACQUISITION
TIME = jnp.asarray(ACQUISITION.time_s(N), jnp.result_type(float))
FID = jnp.asarray(synthetic.fid(n_points=N), jnp.result_type(jnp.complex64))
NOTHING = draw_spoiling(jax.random.key(0), Artefacts())


def only(**strengths) -> Spoiling:
    return draw_spoiling(jax.random.key(0), Artefacts(**{k: Uniform(v, v) for k, v in strengths.items()}))


def test_no_artefact_changes_nothing():
    np.testing.assert_allclose(spoil(FID, NOTHING, ACQUISITION), FID, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("line", "ppm"), [(water_line, 4.65), (lipid_lines, 1.3)])
def test_foreign_lines_begin_at_one_and_lie_where_they_should(line, ppm):
    fid = line(TIME, ACQUISITION)
    assert complex(fid[0]) == pytest.approx(1.0, abs=1e-6)
    tallest = ACQUISITION.ppm(N)[int(jnp.argmax(spectrum_of(fid).real))]
    assert tallest == pytest.approx(ppm, abs=1 / (N * ACQUISITION.dwell_time_s) / 123.2)


@pytest.mark.parametrize("kind", ["water", "lipids", "echo"])
def test_what_is_added_is_in_proportion_to_the_metabolites(kind):
    extra = spoil(FID, only(**{kind: 0.5}), ACQUISITION) - FID
    assert float(jnp.abs(extra).max()) == pytest.approx(0.5 * float(jnp.abs(FID).max()), rel=0.02)
    more = spoil(FID, only(**{kind: 1.0}), ACQUISITION) - FID
    np.testing.assert_allclose(more, 2 * extra, rtol=1e-3, atol=1e-3)


def test_an_echo_is_largest_when_it_is_told_to_be():
    extra = np.abs(spoil(FID, only(echo=1.0, echo_s=0.06), ACQUISITION) - FID)
    assert extra.argmax() * ACQUISITION.dwell_time_s == pytest.approx(0.06, abs=1e-3)


def test_eddy_currents_turn_the_phase_and_keep_the_modulus():
    turned = np.asarray(spoil(FID, only(eddy_rad=0.8, eddy_s=0.03), ACQUISITION))
    np.testing.assert_allclose(np.abs(turned), np.abs(FID), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        np.angle(turned[:40] / np.asarray(FID)[:40]), 0.8 * np.exp(-np.asarray(TIME)[:40] / 0.03), atol=1e-3
    )


def test_the_mean_over_drifting_transients_is_what_summing_them_gives():
    place = np.linspace(-0.5, 0.5, 4001)[:, None]
    each = np.exp(1j * place * (2 * np.pi * 6.0 * np.asarray(TIME)[None] + 0.7))
    np.testing.assert_allclose(averaging(TIME, 6.0, 0.7), each.mean(axis=0).real, atol=2e-3)
    scatter = 2.0 * np.random.default_rng(0).normal(size=(20_000, 1))
    summed = np.exp(2j * np.pi * scatter * np.asarray(TIME)[None, ::16]).mean(axis=0)
    np.testing.assert_allclose(averaging(TIME, scatter_hz=2.0)[::16], summed.real, atol=0.03)


@pytest.mark.usefixtures("x64")
def test_derivatives_hold_with_respect_to_every_strength():
    fid = jnp.asarray(synthetic.fid(n_points=64))
    strengths = jax.tree.map(
        lambda value: jnp.asarray(value, jnp.float64),
        only(water=0.3, lipids=0.2, echo=0.1, eddy_rad=0.4, drift_hz=3.0, drift_rad=0.2, scatter_hz=1.0),
    )

    weights = jnp.exp(1j * jnp.arange(64.0) ** 2) / 100

    @jax.jit
    def total(s):
        return (spoil(fid, s, ACQUISITION) * weights).real.sum()

    slope_at, step = jax.jit(jax.grad(total)), 1e-6
    slope = slope_at(strengths)
    for name in Spoiling.__dataclass_fields__:
        value = getattr(strengths, name)
        sides = [total(replace(strengths, **{name: value + change})) for change in (step, -step)]
        numeric = float(sides[0] - sides[1]) / (2 * step)
        assert numeric == pytest.approx(float(getattr(slope, name)), rel=1e-4, abs=1e-5), name
    slope = slope_at(jax.tree.map(lambda value: jnp.asarray(value, jnp.float64), NOTHING))
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(slope))


def test_spectra_can_be_spoilt_and_tell_how():
    basis = synthetic.basis(("NAA", "Cr"), n_points=N)
    model = model_for(basis, ppm_range=(0.5, 4.2), groups=(0, 0), shims=(0, 0), baseline=NoBaseline())
    population = Population(amplitude=Uniform(1.0, 2.0))
    half = Mixture((Uniform(0.0, 0.0), Uniform(2.0, 3.0)), np.array([0.5, 0.5]))
    common = (jax.random.key(3), population, basis, model, 16)
    spoilt = simulate_spectra(*common, snr=Uniform(20.0, 20.0), artefacts=Artefacts(water=half))
    clean = simulate_spectra(*common, snr=Uniform(20.0, 20.0))
    assert clean.spoiling is None and spoilt.spoiling is not None
    water = np.asarray(spoilt.spoiling.water)
    assert 0 < np.sum(water == 0) < 16 and water[water > 0].min() >= 2
    changed = np.abs(np.asarray(spoilt.fid - clean.fid)).max(axis=1) / np.abs(clean.fid).max()
    assert (changed[water == 0] < 1e-4).all() and (changed[water > 0] > 0.1).all()
    np.testing.assert_array_equal(spoilt.parameters.amplitude, clean.parameters.amplitude)
