"""LCModel files: namelists and columns as Fortran writes them, signs, scales, and the reference singlet."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_cases import ACQUISITION, line, naa_and_creatine, peak_ppm

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, Header, MRSData
from diffmrs.io import (
    has_reference_singlet,
    read_basis,
    read_data,
    read_lcmodel_basis,
    read_lcmodel_raw,
    remove_reference_singlet,
    write_lcmodel_basis,
    write_lcmodel_raw,
)
from diffmrs.io.lcmodel_namelist import complex_block, field_widths, fortran_float, split_file
from diffmrs.io.text import undo_single_precision

SAMPLING = {"dwell_time_s": ACQUISITION.dwell_time_s, "spectrometer_frequency_mhz": 123.25}


def raw_text(fid, *, seqpar="", nmid="FMTDAT='(2E15.6)'", end="$END"):
    body = "\n".join(f"{z.real:15.6E}{z.imag:15.6E}" for z in fid)
    before = f" $SEQPAR {seqpar} {end}\n" if seqpar else ""
    return f"{before} $NMID {nmid} {end}\n{body}\n"


# Fortran ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", 1.5), ("-1.5D-3", -1.5e-3), ("0.12-104", 0.12e-104), (".5E+2", 50.0), ("2", 2.0), ("1d0", 1.0)],
)
def test_numbers_as_fortran_prints_them(text, value):
    assert fortran_float(text) == value


@pytest.mark.parametrize(
    ("fortran_format", "widths"),
    [
        ("(2E15.6)", [15, 15]),
        (" ( 6E13.5 ) ", [13] * 6),
        ("(1P,2(1X,E12.4))", [12, 12]),
        ("(1P2E15.6)", [15, 15]),
        ("(F10.4,2X,F10.4)", [10, 10]),
        ("(8G12.5)", [12] * 8),
    ],
)
def test_columns_of_a_format(fortran_format, widths):
    assert [width for is_number, width in field_widths(fortran_format) if is_number] == widths


@pytest.mark.parametrize("fortran_format", ["", "*", "(2E15.6", "(2A4)", "(2E15.6) x"])
def test_formats_that_say_nothing_about_columns(fortran_format):
    assert field_widths(fortran_format) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=24).filter(lambda x: len(x) % 2 == 0))
def test_numbers_that_touch_are_cut_at_the_columns(values):
    # 13 columns are just enough for a negative number: neighbours touch, as in 0.1E-01-0.2E-02.
    text = "\n".join("".join(f"{value:13.6E}" for value in values[k : k + 6]) for k in range(0, len(values), 6))
    read = complex_block(text, "(6E13.6)", "test")
    assert np.allclose(read.view(float), values, rtol=1e-6)


def test_namelists_of_every_style():
    text = (
        "\n $SEQPAR\n FWHMBA=0.013, ECHOT = ,\n HZPPPM(1) =123.25 ! comment with 'quote\n SEQ='PRE''SS' $END\n"
        "&basis1 fmtbas='(2E13.5)' badelt=5.D-4\n ndatab=1024/\n"
        " $NMUSED PPMGAP = 3*997., FILRAW =\n '/a/b $c/d.RAW'\n ,\n AUTOPH=.FALSE. &END\n  1.0 2.0\n"
    )
    groups = split_file(text, "file")
    assert [group.name for group, _ in groups] == ["SEQPAR", "BASIS1", "NMUSED"]
    first, second, third = (group for group, _ in groups)
    assert first.number("ECHOT") is None
    assert first.number("HZPPPM") == 123.25
    assert first.text("SEQ") == "PRE'SS"
    assert second.number("BADELT") == 5e-4
    assert third.values["PPMGAP"] == ["997."] * 3
    assert third.text("FILRAW") == "/a/b $c/d.RAW"
    assert third.flag("AUTOPH") is False
    assert groups[2][1].split() == ["1.0", "2.0"]


def test_single_precision_is_undone_only_where_it_was():
    assert undo_single_precision(0.000250000012) == 0.00025
    assert undo_single_precision(float(np.float32(0.0005))) == 0.0005
    assert undo_single_precision(0.000166600026656004) == 0.000166600026656004
    assert undo_single_precision(127.750896) == 127.750896


# RAW --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["$END", "/", "&END", "$end", "$"])
@pytest.mark.parametrize("seqpar", ["", "HZPPPM=123.25 ECHOT=30. SEQ='PRESS'", "hzppm = 123.25,"])
def test_both_layouts_of_raw(tmp_path, end, seqpar):
    fid = line(ACQUISITION, 64, 2.01)
    (tmp_path / "a.RAW").write_text(raw_text(fid, seqpar=seqpar, end=end))
    given_by_user = {"spectrometer_frequency_mhz": 123.25} if not seqpar else {}
    data = read_lcmodel_raw(tmp_path / "a.RAW", dwell_time_s=0.00025, **given_by_user)
    assert np.allclose(data.fid[0, 0, 0], fid, atol=1e-6)
    assert data.acquisition == ACQUISITION
    assert data.echo_time_s == (0.03 if "ECHOT" in seqpar else None)


def test_naa_of_a_raw_file_lies_upfield_and_bruker_turns_it(tmp_path):
    fid = 2.0 * line(ACQUISITION, 256, 2.01)
    (tmp_path / "a.raw").write_text(raw_text(fid))
    (tmp_path / "b.h2o").write_text(raw_text(fid.conj(), nmid="FMTDAT='(2E15.6)' BRUKER=T"))
    (tmp_path / "c.raw").write_text(raw_text(fid, nmid="FMTDAT='(2E15.6)' TRAMP=3. VOLUME=2."))
    plain, turned, scaled = (read_lcmodel_raw(tmp_path / name, **SAMPLING).fid for name in ("a.raw", "b.h2o", "c.raw"))
    assert peak_ppm(plain[0, 0, 0], ACQUISITION) == pytest.approx(2.01, abs=0.01)
    assert np.allclose(turned, plain)
    assert np.allclose(scaled, 1.5 * plain)


def test_voxels_that_follow_one_another(tmp_path):
    fids = np.stack([line(ACQUISITION, 32, ppm) for ppm in (1.0, 2.0, 3.0)])
    (tmp_path / "a.raw").write_text(raw_text(fids.ravel()))
    (tmp_path / "b.raw").write_text("".join(raw_text(fid) for fid in fids))
    for data in (
        read_lcmodel_raw(tmp_path / "a.raw", n_points=32, **SAMPLING),
        read_lcmodel_raw(tmp_path / "b.raw", **SAMPLING),
    ):
        assert data.fid.shape == (3, 1, 1, 32)
        assert np.allclose(data.spectra, fids, atol=1e-6)


def test_compressed_and_foreign_line_ends(tmp_path):
    fid = line(ACQUISITION, 64, 2.01)
    (tmp_path / "a.RAW.gz").write_bytes(gzip.compress(raw_text(fid).replace("\n", "\r\n").encode()))
    assert np.allclose(read_data(tmp_path / "a.RAW.gz", **SAMPLING).fid[0, 0, 0], fid, atol=1e-6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(16, 80), st.integers(0, 2**31), st.sampled_from([1e-12, 1.0, 1e9]))
def test_raw_round_trip(tmp_path, n_points, seed, scale):
    rng = np.random.default_rng(seed)
    fid = scale * (rng.normal(size=n_points) + 1j * rng.normal(size=n_points))
    header = Header().with_meta(EchoTime=0.035, SequenceName="PRESS")
    write_lcmodel_raw(tmp_path / "a.RAW", MRSData(fid, ACQUISITION, (), header), name="it's")
    back = read_lcmodel_raw(tmp_path / "a.RAW", dwell_time_s=0.00025)
    assert np.allclose(back.fid[0, 0, 0], fid, rtol=1e-8, atol=1e-9 * scale)
    assert back.acquisition == ACQUISITION
    assert back.echo_time_s == pytest.approx(0.035)


# BASIS ------------------------------------------------------------------------------------------------------------


def basis_text(fids, *, n_stored, shift=0, member="CONC = 1., TRAMP = 1., VOLUME = 1."):
    blocks = []
    for name, fid in fids.items():
        spectrum = np.roll(np.fft.fft(fid, n_stored) / np.sqrt(n_stored), shift)
        body = "\n".join(f"{z.real:15.7E}{z.imag:15.7E}" for z in spectrum)
        blocks.append(f" $BASIS\n ID='{name}', METABO='{name}', {member}, ISHIFT={shift} $END\n{body}\n")
    head = (
        " $SEQPAR HZPPPM=123.25, ECHOT=30., SEQ='PRESS' $END\n"
        f" $BASIS1 IDBASI='test', FMTBAS='(2E15.7)', BADELT=0.000250000012, NDATAB={n_stored} $END\n"
    )
    return head + "".join(blocks)


@pytest.mark.parametrize("shift", [0, 7, -587])
def test_a_basis_comes_back_without_zeros_and_shift(tmp_path, shift):
    fids = {"NAA": line(ACQUISITION, 512, 2.01), "Cr": 2 * line(ACQUISITION, 512, 3.03)}
    (tmp_path / "a.basis").write_text(basis_text(fids, n_stored=1024, shift=shift))
    basis = read_lcmodel_basis(tmp_path / "a.basis")
    assert basis.names == ("NAA", "Cr")
    assert basis.acquisition == ACQUISITION
    assert basis.source == "a.basis, PRESS, TE 30 ms"
    assert basis.fid.shape == (2, 512)
    assert np.allclose(np.abs(basis.fid), np.abs(np.stack(list(fids.values()))), atol=1e-5)
    if shift == 0:
        assert np.allclose(basis.fid, np.stack(list(fids.values())), atol=1e-5)


def test_a_positive_shift_was_towards_lower_ppm_and_is_undone_towards_higher(tmp_path):
    # LCModel: "a positive ISHIFT shifts the spectrum ISHIFT grid points to the left, toward larger ppm".
    fid = line(ACQUISITION, 512, 2.01)
    text = basis_text({"NAA": fid}, n_stored=1024).replace("ISHIFT=0", "ISHIFT=10")
    (tmp_path / "a.basis").write_text(text)
    basis = read_lcmodel_basis(tmp_path / "a.basis")
    moved = 10 * ACQUISITION.bandwidth_hz / 1024 / 123.25
    assert peak_ppm(basis.fid[0], basis.acquisition) == pytest.approx(2.01 + moved, abs=0.01)


def test_a_basis_stored_without_zero_filling_is_kept_whole(tmp_path):
    fid = line(ACQUISITION, 256, 2.01, 1.0)
    (tmp_path / "a.basis").write_text(basis_text({"NAA": fid}, n_stored=256))
    assert np.allclose(read_lcmodel_basis(tmp_path / "a.basis").fid[0], fid, atol=1e-5)


def test_scale_is_per_concentration(tmp_path):
    fid = line(ACQUISITION, 64, 2.01)
    (tmp_path / "a.basis").write_text(basis_text({"NAA": fid}, n_stored=128, member="CONC=40., TRAMP=2., VOLUME=0.5"))
    assert np.allclose(read_lcmodel_basis(tmp_path / "a.basis").fid[0], fid * 2 / (0.5 * 40), atol=1e-6)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(16, 100), st.integers(0, 2**31))
def test_basis_round_trip(tmp_path, n_points, seed):
    rng = np.random.default_rng(seed)
    fid = rng.normal(size=(3, n_points)) + 1j * rng.normal(size=(3, n_points))
    fid *= np.exp(-np.arange(n_points) / 30)
    basis = Basis(fid, ACQUISITION, ("NAA", "Cr", "Glu"))
    write_lcmodel_basis(tmp_path / "a.basis", basis, echo_time_s=0.03, sequence="PRESS", linewidth_hz=2.0)
    back = read_lcmodel_basis(tmp_path / "a.basis")
    assert back.names == basis.names
    assert back.acquisition == ACQUISITION
    assert np.allclose(back.fid, fid, atol=3e-7 * np.abs(fid).max() * np.sqrt(n_points))


# The reference singlet --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position_ppm", [0.0, 0.03])
def test_the_singlet_goes_and_the_metabolites_stay(position_ppm):
    clean = naa_and_creatine(n_points=2048)
    singlet = 0.1 * line(ACQUISITION, 2048, position_ppm, 2.0)
    basis = replace(clean, fid=clean.fid + singlet)
    assert has_reference_singlet(basis)
    assert np.abs(remove_reference_singlet(basis).fid - clean.fid).max() < 1e-3 * 0.1


def test_a_basis_without_singlet_is_left_alone():
    assert not has_reference_singlet(naa_and_creatine(n_points=2048))


def test_a_reference_compound_is_not_emptied():
    clean = naa_and_creatine(n_points=2048)
    singlet = 0.1 * line(ACQUISITION, 2048, 0.0, 2.0)
    basis = Basis(np.concatenate([clean.fid + singlet, [50 * singlet]]), ACQUISITION, ("NAA", "Cr", "DSS"))
    assert np.array_equal(remove_reference_singlet(basis).fid[2], basis.fid[2])


# Measured and published files -------------------------------------------------------------------------------------


BASIS_FILES = [  # file, members, points, MHz, position of NAA as found (Osprey centres its files on 4.68 ppm)
    ("12_basis_sets/3T_PRESS_GE_35ms_noMM.BASIS.gz", 17, 8192, 127.731, 1.978),
    ("12_basis_sets/3T_PRESS_Philips_35ms_noMM.BASIS", 17, 8192, 127.731, 1.978),
    ("12_basis_sets/3T_PRESS_Siemens_35ms_noMM.BASIS.gz", 17, 8192, 123.201659, 1.978),
    ("12_basis_sets/3T_SPECIAL_Siemens_8p5ms.basis.gz", 22, 2048, 123.248161, 2.019),
    ("12_basis_sets/7T_SPECIAL_Siemens_9ms.basis.gz", 22, 2048, 298.0, 2.000),
    ("12_basis_sets/challenge2016_press3T_30ms.BASIS.gz", 21, 2048, 123.261703, 2.008),
    ("12_basis_sets/press_30ms_3T.basis.gz", 17, 2472, 123.2, 2.011),
    ("11_lcmodel_testcase/3t.basis", 17, 1024, 127.7861, 2.008),
]


@pytest.mark.data
@pytest.mark.parametrize(("file", "members", "n_points", "frequency_mhz", "naa_ppm"), BASIS_FILES)
def test_published_basis_files(data_dir, file, members, n_points, frequency_mhz, naa_ppm):
    basis = read_basis(data_dir / file)
    assert basis.fid.shape == (members, n_points)
    assert basis.acquisition.spectrometer_frequency_mhz == pytest.approx(frequency_mhz, rel=1e-7)
    assert peak_ppm(basis.fid[basis.index("NAA")], basis.acquisition, (1, 4.4)) == pytest.approx(naa_ppm, abs=0.003)
    assert has_reference_singlet(basis) == any(word in file for word in ("SPECIAL", "challenge", "press_30"))


@pytest.mark.data
def test_osprey_files_are_right_about_their_own_centre(data_dir):
    basis = read_basis(data_dir / "12_basis_sets/3T_PRESS_GE_35ms_noMM.BASIS.gz", ppm_reference=4.68)
    assert peak_ppm(basis.fid[basis.index("NAA")], basis.acquisition) == pytest.approx(2.008, abs=0.003)


@pytest.mark.data
def test_the_singlet_of_the_challenge_basis(data_dir):
    path = data_dir / "12_basis_sets/challenge2016_press3T_30ms.BASIS.gz"
    before, after = read_basis(path), read_basis(path, remove_reference=True)
    removed = np.asarray(before.fid) - np.asarray(after.fid)
    assert np.abs(removed[:, 0]) == pytest.approx(0.1, abs=2e-4)  # its amplitude, in every member
    assert np.abs(removed[:, 1024] / removed[:, 0]) == pytest.approx(np.exp(-np.pi * 2 * 0.256), rel=1e-2)  # 2 Hz
    near = np.abs(before.ppm) < 0.1
    spectrum = np.fft.fftshift(np.fft.fft(after.without(["Mac"]).fid), axes=-1)[:, near]
    line_height = np.abs(np.fft.fftshift(np.fft.fft(removed[1]))[near]).max()
    steps = np.abs(np.diff(spectrum, 2, axis=-1)).max()  # a smooth tail has none
    assert steps < 0.01 * line_height
    naa = [np.fft.fft(np.asarray(b.fid)[b.index("NAA")]) for b in (before, after)]
    strongest = np.argmax(np.abs(naa[0]))
    assert naa[1][strongest] == pytest.approx(naa[0][strongest], rel=1e-3)


@pytest.mark.data
def test_raw_file_of_the_lcmodel_test_case(data_dir):
    path = data_dir / "11_lcmodel_testcase/data.raw"
    data = read_data(path, dwell_time_s=5e-4, spectrometer_frequency_mhz=127.786142)
    assert data.fid.shape == (1, 1, 1, 1024)
    assert peak_ppm(data.fid[0, 0, 0], data.acquisition, (1.5, 2.5)) == pytest.approx(2.01, abs=0.03)


@pytest.mark.data
def test_bruker_flag_on_a_measured_file(data_dir):
    folder = data_dir / "05_mm_9p4t_te_series"
    raw = read_data(folder / "original/Summed_Averaged_TE24_BRUKER_T.RAW.gz", dwell_time_s=1.25e-4)
    nifti = read_data(folder / "mm94t_GM_te_series.nii.gz")
    assert raw.acquisition == Acquisition(1.25e-4, 399.7182)
    assert raw.echo_time_s == 0.024
    assert np.allclose(raw.fid[0, 0, 0], nifti.fid[0, 0, 0, 0], rtol=1e-5, atol=1e-9)
