"""Macromolecule and lipid lines: where they lie, how wide they are, and that they can be differentiated."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.data import is_macromolecule
from diffmrs.errors import InputError
from diffmrs.spins import macromolecule_basis, macromolecule_sets, macromolecules

ACQUISITION = Acquisition(1 / 4000, 123.25)


@pytest.mark.parametrize("name", macromolecule_sets())
def test_first_sample_is_the_sum_of_protons(name):
    lines = macromolecules(name)
    basis = macromolecule_basis(name, ACQUISITION, 512)
    expected = np.bincount(lines.member, weights=lines.protons)
    np.testing.assert_allclose(np.asarray(basis.fid[:, 0]), expected, rtol=1e-6)
    assert all(is_macromolecule(n) or n == "-CrCH2" for n in basis.names)


@pytest.mark.parametrize(("name", "mhz", "member", "ppm", "width_hz"), [
    ("lcmodel", 123.25, "MM09", 0.91, 0.14 * 123.25),
    ("lcmodel", 127.7, "Lip13b", 1.28, 0.089 * 127.7),
    ("lcmodel_7t", 297.2, "MM17", 1.67, 0.05 * 297.2),
    ("birch2017_3t", 64.0, "MM090", 0.90, 21.2 / 2),
])  # fmt: skip
def test_a_line_lies_at_its_shift_with_its_full_width_at_half_maximum(name, mhz, member, ppm, width_hz):
    acquisition = Acquisition(1 / 4000, mhz)
    fid = macromolecule_basis(name, acquisition, 16384, [member]).fid[0]
    spectrum = np.asarray(spectrum_of(fid)).real
    axis = acquisition.ppm(16384)
    above = axis[spectrum >= spectrum.max() / 2]
    assert abs(axis[spectrum.argmax()] - ppm) < 0.003
    assert np.ptp(above) * mhz == pytest.approx(width_hz, abs=0.6)


def test_the_default_set_follows_the_field():
    assert macromolecule_basis(None, ACQUISITION, 64).names == macromolecules("lcmodel").names
    wide = macromolecule_basis(None, ACQUISITION, 256, ["MM09"]).fid[0]
    narrow = macromolecule_basis(None, Acquisition(1 / 4000, 297.2), 256, ["MM09"]).fid[0]
    assert abs(narrow[-1]) > abs(wide[-1])


def test_negative_creatine_is_negative():
    assert macromolecule_basis("lcmodel", ACQUISITION, 64, ["-CrCH2"]).fid[0, 0].real == pytest.approx(-2.0)


@pytest.mark.parametrize("field", ["ppm", "gaussian_fwhm", "lorentzian_fwhm", "protons"])
def test_gradients_with_respect_to_every_number(field):
    lines = macromolecules("fsl_mrs").select(["MM21"])

    def power(value):
        basis = macromolecule_basis(replace(lines, **{field: value}), ACQUISITION, 64)
        return jnp.sum(jnp.abs(basis.fid - (1 + 1j)) ** 2)

    with jax.enable_x64(True):
        start = jnp.asarray(getattr(lines, field))
        gradient = jax.grad(power)(start)
        step = jnp.zeros_like(start).at[1].set(1e-5)
        finite = (power(start + step) - power(start - step)) / 2e-5
        assert gradient[1] == pytest.approx(float(finite), rel=1e-6)
    with jax.enable_x64(False):
        single = jax.grad(power)(jnp.asarray(getattr(lines, field), jnp.float32))
        np.testing.assert_allclose(single, gradient, rtol=2e-4)


def test_errors_name_what_is_allowed():
    with pytest.raises(InputError, match="there are lcmodel"):
        macromolecules("nobody2030")
    with pytest.raises(InputError, match="it has Lip13a"):
        macromolecule_basis("lcmodel", ACQUISITION, 64, ["MM99"])
    with pytest.raises(InputError, match="31P"):
        macromolecule_basis("lcmodel", Acquisition(1e-4, 120.0, "31P", 0.0), 64)
