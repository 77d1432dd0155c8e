"""Derivatives of the basis: against finite differences, in both modes, for degenerate systems, in both precisions."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmrs.axes import Acquisition
from diffmrs.spins import metabolite, press, simulate_basis, spin_echo

ACQUISITION = Acquisition(1 / 2000, 123.2)
NAMES = ("Lac", "Ala", "GABA", "Tau", "Glu", "Ins")
POINTS = 256
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(len(NAMES), POINTS)) + 1j * RNG.normal(size=(len(NAMES), POINTS))


def signals(values):
    """One real number per metabolite from (TE1, TE2, field, moves of the shifts, changes of the couplings)."""
    te1, te2, field, shift, coupling = values
    molecules = []
    for name in NAMES:
        known = metabolite(name)
        groups = tuple(
            replace(
                g,
                # Only the first spin is moved, so that equivalent spins become inequivalent: the hard direction.
                shifts_ppm=jnp.asarray(g.shifts_ppm).at[0].add(shift),
                j_hz=jnp.asarray(g.j_hz).at[0, 1].add(coupling),
            )
            for g in known.groups
        )
        molecules.append(replace(known, groups=groups))
    basis = simulate_basis(molecules, press(te1, te2), ACQUISITION, POINTS, spectrometer_frequency_mhz=field)
    return jnp.sum((basis.fid * WEIGHT.astype(basis.fid.dtype)).real, axis=1)


POINT = (0.013, 0.055, 123.2, 0.0, 0.0)
STEPS = (1e-6, 1e-6, 1e-4, 1e-5, 1e-4)


@pytest.mark.thorough
def test_forward_and_reverse_agree_with_finite_differences(x64):
    compiled = jax.jit(signals)
    point = tuple(jnp.asarray(v) for v in POINT)
    forward = jax.jit(jax.jacfwd(signals))(point)
    weight = jnp.arange(1.0, 7.0)
    reverse = jax.jit(jax.grad(lambda values: weight @ signals(values)))(point)
    for i, label in enumerate(("TE1", "TE2", "field", "shift", "coupling")):

        def at(factor, i=i):
            return compiled(tuple(v + factor * STEPS[i] * (k == i) for k, v in enumerate(point)))

        finite = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * STEPS[i])
        scale = np.abs(finite).max()
        assert scale > 1e-3, label
        np.testing.assert_allclose(forward[i], finite, atol=2e-8 * scale, rtol=2e-6, err_msg=label)
        np.testing.assert_allclose(reverse[i], weight @ forward[i], rtol=1e-9, atol=1e-9 * scale, err_msg=label)


def lactate(te, shift):
    known = metabolite("Lac")
    group = replace(known.groups[0], shifts_ppm=known.groups[0].shifts_ppm + shift)
    basis = simulate_basis([replace(known, groups=(group,))], spin_echo(te), ACQUISITION, 64)
    return jnp.sum((basis.fid[0] * jnp.asarray(WEIGHT[0, :64], basis.fid.dtype)).real)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_caller_in_single_precision_gets_the_same_derivative_and_keeps_the_setting():
    with jax.enable_x64(True):
        exact = jax.grad(lactate, argnums=(0, 1))(jnp.float64(0.06), jnp.zeros(4))
    with jax.enable_x64(False):
        te, shift = jnp.float32(0.06), jnp.zeros(4, jnp.float32)
        for name, gradient in {
            "reverse": jax.jit(jax.grad(lactate, argnums=(0, 1))),
            "forward": jax.jacfwd(lactate, argnums=(0, 1)),
        }.items():
            got = gradient(te, shift)
            assert got[0].dtype == jnp.float32, name
            np.testing.assert_allclose(got[0], exact[0], rtol=3e-4, err_msg=name)
            np.testing.assert_allclose(got[1], exact[1], rtol=3e-4, atol=1e-3, err_msg=name)
        many = jax.vmap(jax.grad(lactate), in_axes=(0, None))(jnp.array([0.06, 0.06], jnp.float32), shift)
        np.testing.assert_allclose(many, exact[0], rtol=3e-4)
        assert jnp.zeros(()).dtype == jnp.float32


@pytest.mark.slow
def test_second_derivatives_of_delays_are_exact_and_of_shifts_are_refused(x64):
    def at(te):
        return lactate(te, jnp.zeros(4))

    second = jax.grad(jax.grad(at))(0.06)
    finite = (jax.grad(at)(0.06 + 1e-6) - jax.grad(at)(0.06 - 1e-6)) / 2e-6
    assert second == pytest.approx(float(finite), rel=1e-5)
    with pytest.raises(NotImplementedError, match="second derivatives"):
        jax.hessian(lactate, argnums=1)(0.06, jnp.zeros(4))


def test_b1_scale_and_width_can_be_differentiated(x64):
    def power(b1, width):
        basis = simulate_basis(
            ["Lac"], spin_echo(0.03), ACQUISITION, 64, b1_scale=b1, lorentzian_fwhm_hz=width, frequency_offset_hz=b1
        )
        return jnp.sum((basis.fid[0] * WEIGHT[0, :64]).real)

    gradient = jax.grad(power, argnums=(0, 1))(0.9, 3.0)
    for i, value in enumerate(gradient):
        step = 1e-5 * np.eye(2)[i]
        finite = (power(0.9 + step[0], 3.0 + step[1]) - power(0.9 - step[0], 3.0 - step[1])) / 2e-5
        assert value == pytest.approx(float(finite), rel=1e-6)
