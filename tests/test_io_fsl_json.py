"""FSL-MRS basis folders, and folders of members in general: one kind, one sampling."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_cases import ACQUISITION, line, naa_and_creatine, peak_ppm

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.io import read_basis, read_fsl_basis, write_basis, write_fsl_basis


def test_the_file_holds_our_orientation(tmp_path):
    fid = line(ACQUISITION, 256, 2.01, 10.0)
    entry = {
        "basis_re": fid.real.tolist(),
        "basis_im": fid.imag.tolist(),
        "basis_dwell": 0.00025,
        "basis_centre": 123.25,
        "basis_width": 10.0,
        "basis_name": "NAA",
    }
    (tmp_path / "anything.json").write_text(json.dumps({"basis": entry, "seq": {}, "meta": {"SimVersion": "x"}}))
    basis = read_basis(tmp_path)
    assert (basis.names, basis.acquisition) == (("NAA",), ACQUISITION)
    assert peak_ppm(basis.fid[0], basis.acquisition) == pytest.approx(2.01, abs=0.01)
    assert np.array_equal(read_basis(tmp_path / "anything.json").fid, basis.fid)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(16, 60),
    st.floats(1e-5, 1e-3),
    st.sampled_from([("1H", 4.65), ("31P", 0.0), ("2H", 4.65)]),
    st.integers(0, 2**31),
)
def test_round_trip_is_exact(tmp_path, n_points, dwell_time_s, nucleus, seed):
    rng = np.random.default_rng(seed)
    fid = rng.normal(size=(2, n_points)) + 1j * rng.normal(size=(2, n_points))
    basis = Basis(fid, Acquisition(dwell_time_s, 100.0, *nucleus), ("Cr", "NAA"))
    write_fsl_basis(tmp_path / "basis", basis)
    back = read_fsl_basis(tmp_path / "basis")
    assert np.array_equal(back.fid, fid)
    assert (back.names, back.acquisition) == (basis.names, basis.acquisition)


@pytest.mark.parametrize("kind", ["lcmodel", "raw", "jmrui", "fsl", "nifti"])
def test_every_format_keeps_naa_on_its_side(tmp_path, kind):
    basis = naa_and_creatine(n_points=1024)
    path = tmp_path / {"lcmodel": "a.basis", "jmrui": "a.txt"}.get(kind, "folder")
    write_basis(path, basis, kind)
    back = read_basis(path, **({"dwell_time_s": ACQUISITION.dwell_time_s} if kind == "raw" else {}))
    assert sorted(back.names) == ["Cr", "NAA"]
    assert back.acquisition == ACQUISITION
    assert np.allclose(back.select(basis.names).fid, basis.fid, atol=1e-5)
    assert peak_ppm(back.fid[back.index("NAA")], back.acquisition) == pytest.approx(2.01, abs=0.01)


def test_members_must_be_sampled_alike(tmp_path):
    basis = naa_and_creatine()
    write_basis(tmp_path / "b", basis.select(["NAA"]), "fsl")
    other = replace(basis.select(["Cr"]), acquisition=replace(ACQUISITION, dwell_time_s=0.0005))
    write_basis(tmp_path / "c", other, "fsl")
    (tmp_path / "c" / "Cr.json").rename(tmp_path / "b" / "Cr.json")
    with pytest.raises(InputError, match=r"Cr\.json and NAA\.json are sampled differently \(a dwell time of"):
        read_basis(tmp_path / "b")


def test_a_folder_is_of_one_kind(tmp_path):
    write_basis(tmp_path / "b", naa_and_creatine(), "fsl")
    (tmp_path / "b" / "notes.txt").write_text("jMRUI Data Textfile")
    with pytest.raises(InputError, match="several formats"):
        read_basis(tmp_path / "b")


def test_another_basis_is_not_mixed_in(tmp_path):
    write_basis(tmp_path / "b", naa_and_creatine(), "fsl")
    with pytest.raises(InputError, match=r"holds Cr\.json of another basis"):
        write_basis(tmp_path / "b", naa_and_creatine().select(["NAA"]), "fsl")


@pytest.mark.data
def test_nifti_members(data_dir):
    basis = read_basis(data_dir / "12_basis_sets/nifti_slaser_123mhz")
    assert basis.fid.shape == (29, 2048)
    assert basis.acquisition.spectrometer_frequency_mhz == 123.0
    assert peak_ppm(basis.fid[basis.index("NAA")], basis.acquisition, (1, 4.4)) == pytest.approx(2.01, abs=0.02)
    assert peak_ppm(basis.fid[basis.index("Cr")], basis.acquisition, (1, 3.5)) == pytest.approx(3.03, abs=0.02)
