"""Laws that hold for every spin system: conservation, reversal, permutation, reference frame."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmrs.axes import Acquisition
from diffmrs.spins import Metabolite, SpinGroup, press, pulse_acquire, simulate_basis, spin_echo
from diffmrs.spins.evolution import evolve, levels_of, propagators
from diffmrs.spins.hamiltonian import hamiltonian
from diffmrs.spins.rotation import dense_of, equilibrium, rectangles_of, rotate, rotations

ACQUISITION = Acquisition(1 / 1000, 100.0)
N = 3
shifts = st.lists(st.floats(3.9, 5.4), min_size=N, max_size=N)
couplings = st.lists(st.floats(-15, 15), min_size=N, max_size=N)
few = settings(max_examples=15, deadline=None)


def molecule(ppm, pairs):
    j = np.zeros((N, N))
    j[np.triu_indices(N, 1)] = pairs
    return Metabolite("X", (SpinGroup(np.array(ppm), j, np.array(1.0), np.zeros((0, N)), ("a", "b", "c")),))


def fid(ppm, pairs, sequence, **options):
    return np.asarray(simulate_basis([molecule(ppm, pairs)], sequence, ACQUISITION, 32, **options).fid[0])


@pytest.fixture(autouse=True)
def double(x64):
    yield


@few
@given(shifts, couplings, st.floats(0, 360), st.floats(0, 360), st.floats(0, 0.1))
def test_a_density_matrix_stays_hermitian_and_keeps_trace_and_norm(ppm, pairs, flip, phase, delay):
    group = molecule(ppm, pairs).groups[0]
    blocks = hamiltonian((4.65 - jnp.asarray(group.shifts_ppm)) * 100.0, jnp.asarray(group.j_hz))
    u = propagators(blocks, levels_of(blocks), jnp.array([delay]))[0]
    start = jnp.asarray(equilibrium(N)) + 0.5 * jnp.eye(2**N)
    turned = rotate(start, rotations(jnp.full(N, np.deg2rad(flip)), jnp.deg2rad(phase)))
    rho = sum(dense_of(evolve(rectangles_of(turned, p), u, p), p) for p in range(-N, N + 1))
    np.testing.assert_allclose(rho, rho.conj().T, atol=1e-12)
    assert np.trace(rho) == pytest.approx(np.trace(start), abs=1e-12)
    assert np.linalg.norm(rho) == pytest.approx(np.linalg.norm(start), abs=1e-12)


@few
@given(shifts, couplings)
def test_the_first_sample_counts_the_protons(ppm, pairs):
    assert fid(ppm, pairs, pulse_acquire())[0] == pytest.approx(N, abs=1e-10)
    assert fid(ppm, pairs, press(1e-12, 1e-12))[0] == pytest.approx(N, abs=1e-6)


@few
@given(shifts, couplings, st.permutations(range(N)))
def test_the_order_of_the_spins_does_not_matter(ppm, pairs, order):
    j = np.zeros((N, N))
    j[np.triu_indices(N, 1)] = pairs
    j = j + j.T
    moved = j[np.ix_(order, order)][np.triu_indices(N, 1)]
    sequence = spin_echo(0.05)
    np.testing.assert_allclose(fid([ppm[i] for i in order], moved, sequence), fid(ppm, pairs, sequence), atol=1e-10)


@few
@given(shifts, st.floats(0.0, 0.2))
def test_a_spin_echo_undoes_chemical_shift(ppm, te):
    none = [0.0] * N
    np.testing.assert_allclose(fid(ppm, none, spin_echo(te + 1e-9)), fid(ppm, none, pulse_acquire()), atol=1e-9)


@few
@given(st.floats(3.9, 5.4), couplings, st.floats(0.01, 0.2))
def test_equivalent_spins_do_not_show_their_couplings(ppm, pairs, te):
    np.testing.assert_allclose(
        fid([ppm] * N, pairs, spin_echo(te)), fid([ppm] * N, [0.0] * N, spin_echo(te)), atol=1e-9
    )


@few
@given(shifts, couplings)
def test_time_runs_backwards_when_all_energies_change_sign(ppm, pairs):
    mirrored = [2 * 4.65 - x for x in ppm]
    backwards = fid(mirrored, [-x for x in pairs], press(0.02, 0.03))
    np.testing.assert_allclose(backwards, fid(ppm, pairs, press(0.02, 0.03)).conj(), atol=1e-10)


@few
@given(shifts, couplings, st.floats(-50, 50))
def test_an_offset_only_turns_the_receiver_in_pulse_acquire(ppm, pairs, offset):
    turn = np.exp(2j * np.pi * offset * ACQUISITION.time_s(32))
    np.testing.assert_allclose(
        fid(ppm, pairs, pulse_acquire(), frequency_offset_hz=offset), fid(ppm, pairs, pulse_acquire()) * turn, atol=1e-9
    )
