"""jMRUI text files hold the conjugate of ours; everything else is a matter of columns."""

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_cases import ACQUISITION, line, naa_and_creatine, peak_ppm

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, MRSData
from diffmrs.io import read_basis, read_data, read_jmrui, read_jmrui_basis, write_jmrui

HEADER = """jMRUI Data Textfile

Filename: NAA.txt

PointsInDataset: {n}
DatasetsInFile: 1
SamplingInterval: 2.5E-1
ZeroOrderPhase: 0E0
BeginTime: 0E0
TransmitterFrequency: 1.2325E8
MagneticField: {field}
TypeOfNucleus: 0E0
NameOfPatient: a:b
DateOfExperiment: 2016-05-01 10:30:00
Spectrometer:
AdditionalInfo:
SignalNames: {names}


Signal and FFT
sig(real)\tsig(imag)\tfft(real)\tfft(imag)
Signal 1 out of 1 in file
"""


def jmrui_text(fid, names="NAA;", field="2.9E0", columns=4):
    rest = "\t0E0\t0E0" if columns == 4 else ""
    return HEADER.format(n=fid.size, names=names, field=field) + "".join(
        f"{z.real:.8E}\t{z.imag:.8E}{rest}\n" for z in fid
    )


@pytest.mark.parametrize("columns", [2, 4])
def test_the_file_holds_the_conjugate(tmp_path, columns):
    # As jMRUI writes it: NAA, 2.64 ppm upfield of the carrier, turns at a negative frequency.
    time = ACQUISITION.time_s(256)
    stored = np.exp(-2j * np.pi * (4.65 - 2.01) * 123.25 * time - 10 * time)
    (tmp_path / "NAA.txt").write_text(jmrui_text(stored, columns=columns))
    data = read_data(tmp_path / "NAA.txt")
    assert data.acquisition == ACQUISITION
    assert data.fid.shape == (1, 1, 1, 256)
    assert peak_ppm(data.fid[0, 0, 0], data.acquisition) == pytest.approx(2.01, abs=0.01)
    other = read_data(tmp_path / "NAA.txt", conjugate=False)
    assert np.array_equal(other.fid, data.fid.conj())


@pytest.mark.parametrize(
    ("field_t", "nucleus"), [("2.8947E0", "1H"), ("7.151", "31P"), ("11.51", "13C"), ("0", "1H"), ("77.", "1H")]
)
def test_the_nucleus_follows_from_frequency_and_field(tmp_path, field_t, nucleus):
    (tmp_path / "a.txt").write_text(jmrui_text(line(ACQUISITION, 32, 2.0), field=field_t))
    assert read_jmrui(tmp_path / "a.txt").acquisition.nucleus == nucleus
    assert read_jmrui(tmp_path / "a.txt", nucleus="19F").acquisition.nucleus == "19F"


def test_begin_time_and_phase_are_kept(tmp_path):
    text = jmrui_text(line(ACQUISITION, 32, 2.0)).replace("BeginTime: 0E0", "BeginTime: 3.0E-1")
    (tmp_path / "a.txt").write_text(text.replace("ZeroOrderPhase: 0E0", "ZeroOrderPhase: 45"))
    meta = read_jmrui(tmp_path / "a.txt").header.meta
    assert meta["AcquisitionStartTime"] == pytest.approx(3e-4)
    assert meta["jmrui_ZeroOrderPhase"]["Value"] == 45


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(16, 60),
    st.integers(1, 4),
    st.sampled_from([("1H", 123.25), ("31P", 49.9), ("129Xe", 35.34)]),
    st.floats(1e-5, 1e-3),
    st.integers(0, 2**31),
)
def test_data_round_trip(tmp_path, n_points, n_signals, nucleus, dwell_time_s, seed):
    rng = np.random.default_rng(seed)
    fid = rng.normal(size=(n_signals, n_points)) + 1j * rng.normal(size=(n_signals, n_points))
    acquisition = Acquisition(dwell_time_s, nucleus[1], nucleus[0], 4.65 if nucleus[0] == "1H" else 0.0)
    write_jmrui(tmp_path / "a.txt", MRSData(fid, acquisition, ("DIM_DYN",)))
    back = read_jmrui(tmp_path / "a.txt")
    assert np.allclose(back.spectra, fid, rtol=1e-8, atol=1e-9)
    assert back.acquisition.nucleus == acquisition.nucleus
    assert back.acquisition.dwell_time_s == pytest.approx(dwell_time_s, rel=1e-11)
    assert back.dim_tags == (("DIM_USER_0",) if n_signals > 1 else ())


def test_basis_round_trip_in_one_file_and_in_a_folder(tmp_path):
    basis = naa_and_creatine()
    write_jmrui(tmp_path / "both.txt", basis)
    back = read_jmrui_basis(tmp_path / "both.txt")
    assert (back.names, back.acquisition) == (basis.names, basis.acquisition)
    assert np.allclose(back.fid, basis.fid, atol=1e-8)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in basis.names:
        write_jmrui(folder / f"{name}.txt", basis.select([name]))
    members = read_basis(folder)
    assert members.names == ("Cr", "NAA")
    assert peak_ppm(members.fid[1], members.acquisition) == pytest.approx(2.01, abs=0.01)


def test_names_come_from_the_file_name_when_absent(tmp_path):
    (tmp_path / "Glu.txt.gz").write_bytes(gzip.compress(jmrui_text(line(ACQUISITION, 32, 2.0), names="").encode()))
    assert read_basis(tmp_path / "Glu.txt.gz").names == ("Glu",)


def test_several_signals_keep_their_names(tmp_path):
    write_jmrui(tmp_path / "a.txt", Basis(naa_and_creatine().fid, ACQUISITION, ("NAA", "Cr")))
    header = read_data(tmp_path / "a.txt").header.meta
    assert header["dim_5_header"]["SignalName"]["Value"] == ["NAA", "Cr"]
