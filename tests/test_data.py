import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, Header, MRSData, is_macromolecule
from diffmrs.errors import InputError

ACQUISITION = Acquisition(dwell_time_s=5e-4, spectrometer_frequency_mhz=123.2)


def a_basis() -> Basis:
    return Basis(jnp.ones((2, 32), dtype=jnp.complex64), ACQUISITION, ("NAA", "Cr"))


def test_containers_pass_through_jit_vmap_and_grad():
    data = MRSData(jnp.ones((4, 32), dtype=jnp.complex64), ACQUISITION, header=Header('{"EchoTime": 0.03}'))
    doubled = jax.jit(lambda d: jax.tree.map(lambda x: 2 * x, d))(data)
    assert doubled.acquisition == ACQUISITION and doubled.echo_time_s == 0.03
    np.testing.assert_array_equal(doubled.fid, 2 * np.ones((4, 32)))
    energies = jax.vmap(lambda d: jnp.sum(jnp.abs(d.fid) ** 2))(data)
    np.testing.assert_allclose(energies, 32.0)
    gradient = jax.grad(lambda b: jnp.sum(b.fid.real**2))(a_basis())
    assert isinstance(gradient, Basis) and gradient.names == ("NAA", "Cr")
    np.testing.assert_allclose(gradient.fid, 2.0)


def test_a_tree_of_booleans_is_still_a_tree():
    flags = jax.tree.map(jnp.isfinite, a_basis())
    assert flags.fid.dtype == bool


def test_containers_are_frozen():
    with pytest.raises(AttributeError):
        a_basis().names = ("X", "Y")


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: MRSData(np.ones(32), ACQUISITION), "complex"),
        (lambda: MRSData(np.ones((2, 3), complex), ACQUISITION), "16 points"),
        (lambda: MRSData(np.ones(32, complex), ACQUISITION, ("DIM_DYN",)), "tags"),
        (lambda: Basis(np.ones((2, 32), complex), ACQUISITION, ("NAA",)), "1 names"),
        (lambda: Basis(np.ones((2, 32), complex), ACQUISITION, ("NAA", "NAA")), "NAA more than once"),
        (lambda: Basis(np.full((1, 32), np.nan, complex), ACQUISITION, ("NAA",)), "NAA.*NaN"),
        (lambda: Basis(np.zeros((1, 32), complex), ACQUISITION, ("NAA",)), "NAA.*zeros"),
        (lambda: a_basis().select(["Glu"]), "no member 'Glu'"),
    ],
)
def test_a_container_that_makes_no_sense_is_refused(build, says):
    with pytest.raises(InputError, match=says):
        build()


def test_select_without_and_joined_keep_rows_with_their_names():
    basis = Basis(np.arange(1, 4)[:, None] * np.ones((3, 32)) * (1 + 0j), ACQUISITION, ("a", "b", "c"))
    assert basis.select(["c", "a"]).fid[0, 0] == 3
    assert basis.without(["b"]).names == ("a", "c")
    both = basis.select(["a"]).joined(basis.select(["c"]))
    assert both.names == ("a", "c") and both.fid[1, 0] == 3


@pytest.mark.parametrize("name", ["MM09", "Mac", "mac", "Lip13a", "MM", "MM20", "Lip", "MM_CMR"])
def test_macromolecules_are_known_by_name(name):
    assert is_macromolecule(name)


@pytest.mark.parametrize("name", ["NAA", "Ins", "Mal", "mIns", "Man", "Lac", "MSM"])
def test_metabolites_are_not_macromolecules(name):
    assert not is_macromolecule(name)
