"""Starts from similar fits, chunks with empty places, and the two rounds of an accelerator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from synthetic import ACQUISITION, basis, fid

from diffmrs.axes import spectrum_of
from diffmrs.data import MRSData
from diffmrs.fitting import Status
from diffmrs.fitting.chunk import fit_chunk, prepared
from diffmrs.fitting.estimate import banded
from diffmrs.fitting.fit import set_up
from diffmrs.fitting.near import guess
from diffmrs.model import PolynomialBaseline
from diffmrs.volume.engine import Engine, no_starts
from diffmrs.volume.source import Source

NAMES = ("NAA", "Cr", "GPC", "Ins", "MM09")
TRUTH = {"NAA": 12.0, "Cr": 8.0, "GPC": 1.4, "Ins": 6.0, "MM09": 8.0}
OTHER = {"NAA": 9.0, "Cr": 8.5, "GPC": 2.4, "Ins": 5.0, "MM09": 9.0}  # a neighbour


@pytest.fixture(scope="module")
def setup():
    the_basis = basis(NAMES)
    the_basis = type(the_basis)(jnp.asarray(the_basis.fid, jnp.complex64), ACQUISITION, NAMES)
    return set_up(the_basis, priors="none", baseline=PolynomialBaseline(1))


def voxels(count, noise_sd=0.6, truth=TRUTH, **kwargs):
    rng = np.random.default_rng(5)
    each = [
        fid(
            truth=truth,
            noise_sd=noise_sd,
            seed=k,
            shift_hz=rng.uniform(-15, 15),
            phase_rad=rng.uniform(-3, 3),
            **kwargs,
        )
        for k in range(count)
    ]
    return np.stack(each).astype(np.complex64)


def starts(setup, fids):
    """Fits of some spectra as starts for others, in the shape the engine gives them."""
    none = no_starts(setup)
    which = jnp.zeros(len(fids), jnp.int32)
    found = fit_chunk(jnp.asarray(fids), which, prepared(setup, none), setup, None)
    assert (np.asarray(found.status) == Status.CONVERGED).all()
    filled = jax.tree.map(lambda all_, some: np.concatenate([some, all_[len(some) :]]), none, found.parameters)
    return found, filled


@pytest.mark.thorough
@pytest.mark.slow
def test_a_neighbour_gives_shift_phase_and_size(setup):
    near = prepared(setup, starts(setup, voxels(8, truth=OTHER))[1]).near
    model = banded(setup.model, setup.bounds)
    for shift_hz, phase_rad, size in ((7.3, 2.0, 1.0), (-21.0, -1.0, 40.0), (0.0, 0.1, 0.02)):
        measured = size * fid(truth=TRUTH, shift_hz=shift_hz, phase_rad=phase_rad)
        spectrum = spectrum_of(jnp.asarray(measured, jnp.complex64))
        found = guess(spectrum, near, jnp.asarray(2), jnp.asarray(1e-3 * size), model, 0.3)
        assert bool(found.trusted)
        members, groups = len(NAMES), setup.model.n_groups
        assert float(found.x[members + groups]) == pytest.approx(shift_hz, abs=0.5)
        turn = float(found.x[-2]) - phase_rad
        assert np.angle(np.exp(1j * turn)) == pytest.approx(0, abs=0.25)
        biggest = float(found.x[0]) / float(np.abs(setup.basis.fid).max())
        assert biggest == pytest.approx(size * TRUTH["NAA"], rel=0.4)


def test_what_looks_different_is_not_trusted(setup):
    near = prepared(setup, starts(setup, voxels(8))[1]).near
    model = banded(setup.model, setup.bounds)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(1024, 2)) @ np.array([1, 1j])
    other = noise + 40 * fid(truth={"MM09": 8.0, "Lac": 30.0})
    for measured, sd in ((noise, 1.0), (other, 1.0)):
        spectrum = spectrum_of(jnp.asarray(measured, jnp.complex64))
        noise_sd = jnp.asarray(sd * np.sqrt(1024.0), jnp.float32)
        assert not bool(guess(spectrum, near, jnp.asarray(0), noise_sd, model, 0.3).trusted)
    spectrum = spectrum_of(jnp.asarray(voxels(1)[0]))
    assert not bool(guess(spectrum, near, jnp.asarray(40), jnp.asarray(1.0), model, 0.3).trusted)  # no fit there


def test_the_start_has_no_say_in_the_answer_and_empty_places_cost_nothing(setup):
    fids = voxels(8)
    searched, _ = starts(setup, fids)
    shared = prepared(setup, starts(setup, voxels(8, truth=OTHER, lorentz_hz=6.0))[1])
    which = jnp.asarray([0, 1, 2, 3, 4, 5, -1, -1], jnp.int32)
    found = fit_chunk(jnp.asarray(fids), which, shared, setup, None)
    off = np.abs(np.asarray(found.parameters.amplitude - searched.parameters.amplitude)) / searched.sd.amplitude
    assert off[:6].max() < 0.1
    assert (np.asarray(found.status)[:6] == Status.CONVERGED).all()
    assert not np.asarray(found.parameters.amplitude)[6:].any() and not np.asarray(found.steps)[6:].any()


def test_two_rounds_on_an_accelerator_find_what_one_finds(setup, monkeypatch):
    fids = voxels(8)
    data = MRSData(fids.reshape(8, 1, 1, -1), ACQUISITION)
    plain = Engine(Source(data), setup, 8, None, None).fit(fids)
    engine = Engine(Source(data), setup, 8, None, None)
    engine.lockstep = True
    monkeypatch.setattr("diffmrs.volume.engine._FIRST_STEPS", int(np.median(np.asarray(plain.steps))))
    rounds = []
    once = engine._in_chunks
    monkeypatch.setattr(engine, "_in_chunks", lambda *a: rounds.append(len(a[0])) or once(*a))
    found = engine.fit(fids)
    assert rounds[0] == 8 and 0 < rounds[1] < 8
    for got, expected in zip(jax.tree.leaves(found), jax.tree.leaves(plain), strict=True):
        np.testing.assert_array_equal(got, expected)
