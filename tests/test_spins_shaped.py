"""Pulses with a shape: against brute force, between each other, in space, and their derivatives."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from spin_reference import Dense, random_system

from diffmrs.axes import Acquisition
from diffmrs.spins import (
    Grid,
    Metabolite,
    Sequence,
    ShapedPulse,
    SpinGroup,
    mega_press,
    press,
    pulse_acquire,
    simulate_basis,
    slaser,
    spin_echo,
    steam,
)
from diffmrs.spins.pulses import (
    foci_pulse,
    gaussian_pulse,
    goia_wurst_pulse,
    hyperbolic_secant_pulse,
    sinc_pulse,
)
from diffmrs.spins.shaped import pulse_propagator

ACQUISITION = Acquisition(1 / 1000, 123.2)


def molecule(n, seed, name="X"):
    nu, j = random_system(n, seed)
    return Metabolite(name, (SpinGroup(ACQUISITION.hz_to_ppm(nu), j, np.array(1.0), np.zeros((0, n)), ("a",) * n),))


PULSES = {
    "sinc": sinc_pulse(5.2e-3, 180.0, steps=48),
    "Gaussian": gaussian_pulse(14e-3, 180.0, steps=48),
    "hyperbolic secant": hyperbolic_secant_pulse(4e-3, 3000.0, 1400.0, steps=128),
    "FOCI": foci_pulse(4e-3, 8000.0, 1200.0, steps=128),
    "GOIA": goia_wurst_pulse(3.5e-3, 10000.0, 820.0, steps=128),
}


@pytest.mark.parametrize("name", PULSES)
def test_a_pulse_against_brute_force(name, x64):
    pulse, place, carrier, width = PULSES[name], 0.2, 33.0, 900.0
    nu, j = random_system(3, 7)
    dense = Dense(nu, j)
    expected, sub = np.eye(8, dtype=complex), 8
    step = pulse.duration_s / pulse.n_steps / sub
    for k in range(pulse.n_steps * sub):
        # The pulse is played at its carrier: in the frame of the sequence its field turns.
        turn = np.exp(2j * np.pi * carrier * ((k + 0.5) * step - pulse.duration_s / 2))
        b1 = complex(pulse.b1_hz[k // sub]) * turn
        rf = sum(dense.ops["x"]) * b1.real + sum(dense.ops["y"]) * b1.imag
        field = rf + width * place * pulse.gradient[k // sub] * dense.fz
        expected = expm(-1j * (dense.h + 2 * np.pi * field) * step) @ expected
    event = ShapedPulse(pulse, 0.0, 0.0, "x", width)
    ours = pulse_propagator(event, jnp.asarray(nu), jnp.asarray(j), place, carrier_hz=carrier, b1_scale=1.0, pieces=16)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_one_axis_after_the_other_is_the_full_grid(x64):
    sequence = press(0.016, 0.02, refocusing=sinc_pulse(4e-3, 180.0, steps=32))
    small = Grid(positions=6, coupling_steps=4)
    molecules = [molecule(3, 1)]
    apart = simulate_basis(molecules, sequence, ACQUISITION, 32, grid=small)
    together = simulate_basis(molecules, sequence, ACQUISITION, 32, grid=replace(small, separable=False))
    np.testing.assert_allclose(apart.fid, together.fid, atol=1e-13)


def test_a_short_hard_pulse_is_an_ideal_one(x64):
    short = sinc_pulse(2e-6, 180.0, steps=8)
    given = simulate_basis([molecule(3, 2)], spin_echo(0.03), ACQUISITION, 32)
    event = ShapedPulse(short, 0.0, 4.65)
    echo = spin_echo(0.03)
    events = [event if k == 3 else e for k, e in enumerate(echo.events)]
    shaped = simulate_basis([molecule(3, 2)], Sequence(tuple(events)), ACQUISITION, 32)
    np.testing.assert_allclose(shaped.fid, given.fid, atol=2e-3)


def test_a_pair_of_adiabatic_pulses_refocuses_the_whole_slice():
    pulse = goia_wurst_pulse(3.5e-3, 20000.0, 900.0, steps=128)
    fid = simulate_basis(["H2O"], slaser(0.03, refocusing=pulse), ACQUISITION, 16, grid=Grid(positions=64)).fid[0, 0]
    # The edges of both slices cost a little.
    assert fid.real == pytest.approx(1.85, abs=0.15)
    assert abs(fid.imag) < 0.05


def test_selective_excitation_is_rephased():
    sequence = pulse_acquire(excitation=sinc_pulse(1e-3, 90.0, steps=64), acquisition_delay_s=1e-3)
    basis = simulate_basis(["H2O"], sequence, ACQUISITION, 16)
    assert abs(basis.fid[0, 0]) == pytest.approx(2.0, abs=0.05)
    sequence = press(0.016, 0.02, excitation=sinc_pulse(2.6e-3, 90.0, steps=64), carrier_ppm=4.65)
    basis = simulate_basis(["H2O"], sequence, ACQUISITION, 16, grid=Grid(positions=64))
    assert basis.fid[0, 0].real == pytest.approx(2.0, rel=0.1)
    assert abs(basis.fid[0, 0].imag) < 0.05


@pytest.mark.parametrize(
    "make",
    [lambda **o: slaser(0.04, **o), lambda **o: mega_press(0.02, 0.048, editing=None, **o)],
    ids=["sLASER", "MEGA"],
)
def test_a_selective_excitation_before_ideal_refocusing_excites_its_slice(make):
    sequence = make(excitation=sinc_pulse(2.6e-3, 90.0, steps=64), carrier_ppm=4.65)
    fid = simulate_basis(["H2O"], sequence, ACQUISITION, 16, grid=Grid(positions=64)).fid[0, 0]
    assert fid.real == pytest.approx(2.0, rel=0.1)
    assert abs(fid.imag) < 0.05


def test_steam_with_shaped_pulses_keeps_its_sign():
    sequence = steam(0.02, 0.01, pulse=sinc_pulse(2.6e-3, 90.0, steps=64), carrier_ppm=4.65)
    fid = simulate_basis(["H2O"], sequence, ACQUISITION, 16, grid=Grid(positions=48)).fid[0, 0]
    assert 1.0 < fid.real < 2.5
    assert abs(fid.imag) < 0.1


def test_chemical_shift_moves_the_slice():
    pulse = sinc_pulse(5.2e-3, 180.0, steps=64)
    # Half of the range of positions is cut off for a spin displaced by the whole slice.
    near = spin_echo(0.02, refocusing=pulse, carrier_ppm=4.65)
    far = spin_echo(0.02, refocusing=pulse, carrier_ppm=4.65 + float(pulse.bandwidth_hz) / 123.2)
    grid = Grid(positions=64, extent=2.0)
    inside, outside = (
        simulate_basis(["H2O"], s, ACQUISITION, 16, grid=grid).fid[0, 0].real.item() for s in (near, far)
    )
    assert inside > 1.7
    assert outside == pytest.approx(inside / 2, rel=0.15)


def test_gradients_with_respect_to_b1_scale_and_samples(x64):
    pulse = sinc_pulse(4e-3, 180.0, steps=32)
    grid = Grid(positions=4, coupling_steps=4)

    def power(scale, samples):
        shaped = replace(pulse, b1_hz=samples + 0j)
        basis = simulate_basis(
            [molecule(3, 3)], press(0.016, 0.02, refocusing=shaped), ACQUISITION, 16, b1_scale=scale, grid=grid
        )
        return jnp.sum(jnp.abs(basis.fid[0] - 1.0) ** 2)

    compiled = jax.jit(power)
    samples = jnp.asarray(pulse.b1_hz.real)
    by_scale, by_sample = jax.jit(jax.grad(power, argnums=(0, 1)))(0.9, samples)
    finite = (compiled(0.9 + 1e-5, samples) - compiled(0.9 - 1e-5, samples)) / 2e-5
    assert by_scale == pytest.approx(float(finite), rel=1e-6)
    step = jnp.zeros(32).at[11].set(1e-2)
    finite = (compiled(0.9, samples + step) - compiled(0.9, samples - step)) / 2e-2
    assert by_sample[11] == pytest.approx(float(finite), rel=1e-5)
