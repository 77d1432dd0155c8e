"""Every unusable file is answered with one clear line that names the file, what was found and what is allowed."""

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_cases import ACQUISITION, line, naa_and_creatine

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io import read_basis, read_data, remove_reference_singlet, write_basis, write_lcmodel_raw, write_nifti_mrs
from diffmrs.io.atomic import atomic_write
from diffmrs.io.text import read_bytes

META = {"SpectrometerFrequency": [123.25], "ResonantNucleus": ["1H"]}
FID = line(ACQUISITION, 64, 2.01)


def check_refused(call, *words):
    """The call fails with one line that holds all the words."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    for word in words:
        assert word in message, message
    return message


# NIfTI-MRS --------------------------------------------------------------------------------------------------------


def nifti(path, *, meta=META, samples=None, dwell=0.001, unit="sec", code=44, content=None):
    samples = np.ones((1, 1, 1, 64), np.complex64) if samples is None else samples
    image = nib.Nifti2Image(samples, np.eye(4))
    if samples.ndim > 3:
        image.header["pixdim"][4] = dwell
    image.header.set_xyzt_units("mm", unit)
    text = json.dumps(meta).encode() if content is None else content
    if code is not None:
        image.header.extensions.append(nib.nifti1.Nifti1Extension(code, text))
    nib.save(image, path)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"SpectrometerFrequency": None}, ("SpectrometerFrequency", "null", "list of numbers")),
        ({"SpectrometerFrequency": 123.25}, ("SpectrometerFrequency", "123.25", "list")),
        ({"SpectrometerFrequency": []}, ("SpectrometerFrequency", "[]")),
        ({"SpectrometerFrequency": ["123"]}, ("SpectrometerFrequency", "list of numbers")),
        ({"SpectrometerFrequency": [1.2325e8]}, ("spectrometer_frequency_mhz", "5000 MHz")),
        ({"SpectrometerFrequency": [-1.0]}, ("spectrometer_frequency_mhz",)),
        ({"ResonantNucleus": "1H"}, ("ResonantNucleus", "list of names")),
        ({"ResonantNucleus": [1]}, ("ResonantNucleus",)),
        ({"EchoTime": "30 ms"}, ("EchoTime", '"30 ms"', "must be a number")),
        ({"EchoTime": -0.03}, ("EchoTime", "-0.03", "times are in s")),
        ({"EchoTime": float("nan")}, ("EchoTime", "NaN")),
        ({"EchoTime": True}, ("EchoTime", "true")),
        ({"RepetitionTime": 0}, ("RepetitionTime", "above zero")),
        ({"RxOffset": "a"}, ("RxOffset", "number")),
        ({"WaterSuppressed": "yes"}, ("WaterSuppressed", "true or false")),
        ({"Manufacturer": 3}, ("Manufacturer", "text")),
        ({"ProcessingApplied": "none"}, ("ProcessingApplied", "list")),
        ({"EditPulse": []}, ("EditPulse", "object")),
    ],
)
def test_header_entries(tmp_path, change, words):
    path = nifti(tmp_path / "a.nii", meta={**META, **change})
    check_refused(lambda: read_data(path), str(path), *words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ("dim_5 is missing", "tag")),
        ({"dim_5": "COILS"}, ("dim_5", '"COILS"', "DIM_COIL")),
        ({"dim_5": ["DIM_COIL"]}, ("dim_5", "DIM_DYN")),
        ({"dim_5": "DIM_DYN", "dim_7": "DIM_DYN"}, ("dim_6 is missing",)),
        ({"dim_5": "DIM_DYN", "dim_6": "DIM_DYN"}, ("dim_6 is DIM_DYN", "already")),
        ({"dim_5": "DIM_DYN", "dim_5_info": 3}, ("dim_5_info", "text")),
        ({"dim_5": "DIM_DYN", "dim_5_header": []}, ("dim_5_header", "object")),
        ({"dim_5": "DIM_DYN", "dim_5_header": {"EchoTime": [1, 2]}}, ("lists 2 values", "holds 3")),
        ({"dim_5": "DIM_DYN", "dim_5_header": {"EchoTime": {"start": 1}}}, ("start and increment",)),
        ({"dim_5": "DIM_DYN", "dim_5_header": {"EchoTime": 1}}, ("must be a list",)),
        ({"dim_5": "DIM_DYN", "dim_5_header": {"x": {"Value": [1], "Description": "d"}}}, ("lists 1 values",)),
    ],
)
def test_dimension_entries(tmp_path, change, words):
    path = nifti(tmp_path / "a.nii", meta={**META, **change}, samples=np.ones((1, 1, 1, 64, 3), np.complex64))
    check_refused(lambda: read_data(path), str(path), *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"meta": {"ResonantNucleus": ["1H"]}}, ("SpectrometerFrequency is missing",)),
        ({"meta": {"SpectrometerFrequency": [123.0]}}, ("ResonantNucleus is missing",)),
        ({"code": None}, ("no NIfTI-MRS header extension", "44")),
        ({"code": 6, "content": b"hello"}, ("no NIfTI-MRS header extension",)),
        ({"content": b'{"SpectrometerFrequency": [123.25'}, ("not valid JSON",)),
        ({"content": b"\xff\xfe not text"}, ("not valid JSON",)),
        ({"content": b"[" * 5000}, ("not valid JSON",)),
        ({"content": b"[1, 2]"}, ("list", "object")),
        ({"dwell": 0.0}, ("pixdim[4]", "above zero")),
        ({"dwell": -0.001}, ("pixdim[4]", "above zero")),
        ({"dwell": float("nan")}, ("pixdim[4]",)),
        ({"dwell": 5.0}, ("dwell_time_s is 5.0", "1 s")),
        ({"dwell": 1e300}, ("dwell_time_s is 1e+300",)),
        ({"unit": "hz"}, ("xyzt_units", "pixdim[4]", "32", "8 (s)")),
        ({"samples": np.ones((1, 1, 1, 64), np.float32)}, ("float32", "complex64")),
        ({"samples": np.ones((1, 1, 64), np.complex64)}, ("3 dimensions", "4 to 7")),
        ({"samples": np.ones((1, 1, 1, 8), np.complex64)}, ("at least 16 points",)),
    ],
)
def test_nifti_files(tmp_path, options, words):
    path = nifti(tmp_path / "a.nii", **options)
    check_refused(lambda: read_data(path), str(path), *words)


@pytest.mark.parametrize(
    ("code", "fine"), [(8, True), (2 + 16, True), (0, True), (57, False), (10248, True), (-2147483640, True)]
)
def test_unit_codes_outside_the_standard(tmp_path, code, fine):
    path = nifti(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[500:504] = np.array([code], "<i4").tobytes()  # xyzt_units of NIfTI-2
    path.write_bytes(bytes(content))
    if fine:
        write_nifti_mrs(tmp_path / "b.nii", read_data(path))
        assert nib.load(tmp_path / "b.nii").header.get_xyzt_units()[1] == "sec"
    else:
        check_refused(lambda: read_data(path), "xyzt_units")


def test_a_header_that_claims_more_than_the_file_holds(tmp_path):
    for name in ("a.nii", "a.nii.gz"):
        path = nifti(tmp_path / name)
        content = bytearray(read_bytes(path))
        content[16 + 8 * 4 : 16 + 8 * 5] = np.array([2**40], "<i8").tobytes()  # dim[4] of NIfTI-2
        path.write_bytes(gzip.compress(bytes(content)) if name.endswith("gz") else bytes(content))
        check_refused(lambda path=path: read_data(path), str(path), "claims", "cannot hold them")
        content[16 + 8 * 4 : 16 + 8 * 5] = np.array([-3], "<i8").tobytes()
        path.write_bytes(gzip.compress(bytes(content)) if name.endswith("gz") else bytes(content))
        check_refused(lambda path=path: read_data(path), str(path))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.9])
def test_truncated_nifti(tmp_path, name, keep):
    rng = np.random.default_rng(0)
    path = nifti(tmp_path / name, samples=rng.normal(size=(1, 1, 1, 4096)).astype(np.complex64))
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    check_refused(lambda: read_data(path), str(path))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 900), value=st.integers(0, 255))
def test_one_flipped_byte_never_ends_in_another_error(tmp_path, position, value):
    path = nifti(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[position] = value
    path.write_bytes(bytes(content))
    try:
        read_data(path)
    except InputError as error:
        assert "\n" not in str(error)


# Text formats -----------------------------------------------------------------------------------------------------

HEAD = " $SEQPAR HZPPPM=123.25 $END\n $BASIS1 FMTBAS='(2E15.6)' BADELT={badelt} NDATAB={ndatab} $END\n"
MEMBER = " $BASIS METABO='NAA' {extra} $END\n"
ROWS = "".join(f"{k:15.6E}{1:15.6E}\n" for k in range(64))


def basis_text(badelt="0.00025", ndatab=64, extra="", rows=ROWS, head=HEAD):
    return head.format(badelt=badelt, ndatab=ndatab) + MEMBER.format(extra=extra) + rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (basis_text(badelt="-0.00025"), ("BADELT is negative", "encrypted")),
        (basis_text(badelt="0"), ("BADELT",)),
        (basis_text(badelt="abc"), ("BADELT", "'abc'", "number")),
        (basis_text(ndatab=128), ("NAA", "64 points", "NDATAB promises 128")),
        (basis_text(ndatab=0), ("NDATAB is 0",)),
        (basis_text(ndatab=10**12), ("NDATAB", "whole number")),
        (basis_text(ndatab="64.5"), ("NDATAB", "whole number")),
        (basis_text(extra="CONC=0."), ("CONC of NAA is 0", "above zero")),
        (basis_text(extra="ISHIFT=a"), ("ISHIFT", "'a'")),
        (basis_text(rows=ROWS[:-31]), ("NAA", "63 points")),
        (basis_text(rows=ROWS.replace("1.000000E+00", "NaN", 1)), ("NAA", "finite")),
        (basis_text(rows="hello world\n"), ("NAA", "hello", "no number")),
        (basis_text(rows=ROWS) + MEMBER.format(extra="") + ROWS, ("NAA more than once",)),
        (basis_text(rows="0. 0.\n" * 64), ("NAA holds only zeros",)),
        (basis_text(head=" $BASIS1 BADELT={badelt} NDATAB={ndatab} $END\n"), ("HZPPPM is missing",)),
        (HEAD.format(badelt=0.00025, ndatab=64), ("no $BASIS member",)),
        (" $BASIS1 BADELT=1 \n", ("$BASIS1 on line 1 has no $END",)),
        ("1.0 2.0\n", ("no namelist",)),
    ],
)
def test_lcmodel_basis(tmp_path, text, words):
    path = tmp_path / "a.basis"
    path.write_text(text)
    check_refused(lambda: read_basis(path), str(path), *words)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (" $NMID FMTDAT='(2E15.6)' $END\n" + ROWS, {}, ("dwell_time_s", "DELTAT")),
        (" $NMID FMTDAT='(2E15.6)' $END\n" + ROWS, {"dwell_time_s": 1e-3}, ("HZPPPM", "spectrometer_frequency_mhz")),
        (" $NMID ID='a' $END\n" + ROWS, {}, ("FMTDAT is missing",)),
        (" $NMID FMTDAT='(2E15.6)' BRUKER=maybe $END\n" + ROWS, {}, ("BRUKER", "'maybe'", "T or F")),
        (" $NMID FMTDAT='(2E15.6)' SEQACQ=T $END\n" + ROWS, {}, ("SEQACQ",)),
        (" $NMID FMTDAT='(2E15.6)' VOLUME=0 $END\n" + ROWS, {}, ("VOLUME is 0",)),
        (" $NMID FMTDAT='(2E15.6)' $END\n 1. 2. 3.\n", {}, ("3 numbers", "pairs")),
        (" $NMID FMTDAT='(2E15.6)' $END\n", {}, ("holds 0 samples",)),
        (" $NMID FMTDAT='(2E15.6)' $END\n" + ROWS, {"n_points": 60}, ("64 samples", "60 points")),
        (" $NMID FMTDAT='(2E15.6)' $END\n" + ROWS, {"dwell_time_s": 9.0}, ("HZPPPM",)),
        (" $SEQPAR HZPPPM=0.001 $END\n $NMID FMTDAT='*' $END\n" + ROWS, {"dwell_time_s": 1e-3}, ("5000 MHz",)),
        (" $SEQPAR $END\n" + ROWS, {}, ("$NMID",)),
        (" $NMID FMTDAT='(2E15.6)'\n" + ROWS, {}, ("$NMID on line 1 has no $END",)),
        ("", {}, ("empty",)),
    ],
)
def test_lcmodel_raw(tmp_path, text, options, words):
    path = tmp_path / "a.raw"
    path.write_text(text)
    check_refused(lambda: read_data(path, **options), str(path), *words)


JMRUI = (
    "jMRUI Data Textfile\n\nPointsInDataset: 64\nDatasetsInFile: 1\nSamplingInterval: 2.5E-1\n"
    "TransmitterFrequency: 1.2325E8\nSignalNames: NAA;\n\nSignal and FFT\nsig(real)\tsig(imag)\n"
    "Signal 1 out of 1 in file\n" + "1.0\t2.0\n" * 64
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (JMRUI.replace("Dataset: 64", "Dataset: 65"), ("64 points", "promises 65")),
        (JMRUI.replace("InFile: 1", "InFile: 2"), ("1 signals", "promises 2")),
        (JMRUI.replace("SamplingInterval: 2.5E-1\n", ""), ("SamplingInterval", "number")),
        (JMRUI.replace("2.5E-1", "0"), ("SamplingInterval",)),
        (JMRUI.replace("1.2325E8", "123.25"), ("TransmitterFrequency (Hz)",)),
        (JMRUI.replace("1.0\t2.0\n", "1.0\tx\n", 1), ("signal 1", "numbers")),
        (JMRUI.replace("1.0\t2.0\n", "1.0\n", 1), ("signal 1", "numbers")),
        (JMRUI.replace("1.0\t2.0\n", "1.0\tinf\n", 1), ("signal 1", "finite")),
        (JMRUI.split("Signal 1")[0], ("samples are missing",)),
        ("6.8 1.2\n" * 64, ("unknown format|jMRUI",)),
    ],
)
def test_jmrui(tmp_path, text, words):
    path = tmp_path / "a.txt"
    path.write_text(text)
    check_refused(lambda: read_data(path), str(path), *[word.split("|")[-1] for word in words])


ENTRY = {
    "basis_re": [1.0] * 64,
    "basis_im": [0.0] * 64,
    "basis_dwell": 0.00025,
    "basis_centre": 123.25,
    "basis_name": "NAA",
}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ("not valid JSON",)),
        ("[" * 5000, ("not valid JSON",)),
        ("[]", ("no object 'basis'",)),
        ({"basis": []}, ("no object 'basis'",)),
        ({"basis": {**ENTRY, "basis_re": [1.0] * 63}}, ("63", "64")),
        ({"basis": {**ENTRY, "basis_re": "1 2 3"}}, ("basis_re", "list of numbers")),
        ({"basis": {**ENTRY, "basis_re": [[1.0]] * 64}}, ("basis_re", "list of numbers")),
        ({"basis": {**ENTRY, "basis_im": [1.0] * 8, "basis_re": [1.0] * 8}}, ("8 numbers", "at least 16")),
        ({"basis": {**ENTRY, "basis_dwell": None}}, ("basis_dwell", "number")),
        ({"basis": {**ENTRY, "basis_centre": 123.25e6}}, ("basis_centre", "5000 MHz")),
        ({"basis": {**ENTRY, "basis_name": 3}}, ("basis_name", "text")),
        ({"basis": {**ENTRY, "basis_re": [float("nan")] * 64}}, ("NaN",)),
    ],
)
def test_fsl_json(tmp_path, content, words):
    path = tmp_path / "a.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    check_refused(lambda: read_basis(path), str(path), *words)


def check_no_other_error(path, content, reader, **options):
    path.write_bytes(content)
    try:
        reader(path, **options)
    except InputError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)


TEXTS = {
    "a.basis": basis_text(),
    "a.raw": " $SEQPAR HZPPPM=123. $END\n $NMID FMTDAT='(2E15.6)' $END\n" + ROWS,
    "a.txt": JMRUI,
    "a.json": json.dumps({"basis": ENTRY}),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(TEXTS)),
    position=st.floats(0, 0.3),
    length=st.integers(0, 40),
    insert=st.binary(max_size=8) | st.sampled_from([b"'", b"$END", b"(", b"1E999", b"9" * 30, b"[", b"\n", b"*", b"-"]),
)
def test_damaged_text_never_ends_in_another_error(tmp_path, name, position, length, insert):
    content = TEXTS[name].encode()
    start = int(position * len(content))
    content = content[:start] + insert + content[start + length :]
    options = {"dwell_time_s": 1e-3} if name == "a.raw" else {}
    check_no_other_error(
        tmp_path / name, content, read_basis if name in ("a.basis", "a.json") else read_data, **options
    )


@pytest.mark.parametrize("fortran_format", ["(" * 5000, "(999(999(999E15.6)))", "(0E15.6)", "(9999E15.6)", "(E0.0)"])
def test_a_hostile_format_costs_nothing(tmp_path, fortran_format):
    text = f" $NMID FMTDAT='{fortran_format}' $END\n 1.0E-01-2.0E-02\n"
    check_no_other_error(
        tmp_path / "a.raw", text.encode(), read_data, dwell_time_s=1e-3, spectrometer_frequency_mhz=123.0
    )


# Files in general -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("meas.dat", "spec2nii twix -e image meas.dat"),
        ("x.IMA", "spec2nii dicom x.IMA"),
        ("x.dcm", "spec2nii auto x.dcm"),
        ("x.rda", "spec2nii rda x.rda"),
        ("P1.7", "spec2nii ge P1.7"),
        ("x.SDAT", "spec2nii philips x.SDAT x.SPAR"),
        ("x.SPAR", "spec2nii philips x.SDAT x.SPAR"),
        ("x.data", "spec2nii philips_dl x.data x.list x.SPAR"),
        ("x.list", "spec2nii philips_dl x.data x.list x.SPAR"),
        ("fid", "spec2nii bruker -m FID fid"),
    ],
)
def test_scanner_files_are_answered_with_the_command(tmp_path, name, command):
    path = tmp_path / name
    path.write_bytes(b"\x00\x01\x02")
    for reader in (read_data, read_basis):
        check_refused(lambda reader=reader: reader(path), str(path), command)


def test_varian_folder(tmp_path):
    (tmp_path / "x.fid").mkdir()
    for reader in (read_data, read_basis):
        check_refused(lambda reader=reader: reader(tmp_path / "x.fid"), "spec2nii varian x.fid")


def test_missing_empty_and_unknown(tmp_path):
    check_refused(lambda: read_data(tmp_path / "none.nii"), "none.nii", "no such file")
    check_refused(lambda: read_data(tmp_path), "is a folder")
    check_refused(lambda: read_basis(tmp_path), "no basis member")
    (tmp_path / "a.bin").write_bytes(b"\x00" * 100)
    check_refused(lambda: read_data(tmp_path / "a.bin"), "a.bin", "unknown format", "NIfTI-MRS")
    (tmp_path / "a.md").write_text("hello")
    check_refused(lambda: read_data(tmp_path / "a.md"), "unknown format")
    (tmp_path / "b.basis").write_text(basis_text())
    check_refused(lambda: read_data(tmp_path / "b.basis"), "basis set")
    check_refused(lambda: read_basis(tmp_path / "b.basis", dwell_time_s=1e-3), "dwell_time_s")
    check_refused(lambda: read_basis(tmp_path / "b.basis", remove_reference=True), "no reference singlet")
    nifti(tmp_path / "c.nii")
    check_refused(lambda: read_data(tmp_path / "c.nii", nucleus="1H"), "nucleus")


def test_damaged_gzip_and_a_bomb(tmp_path):
    good = gzip.compress(basis_text().encode())
    (tmp_path / "a.basis.gz").write_bytes(good[: len(good) // 2])
    check_refused(lambda: read_basis(tmp_path / "a.basis.gz"), "a.basis.gz", "incomplete")
    (tmp_path / "b.basis.gz").write_bytes(good[:20] + b"xxxx" + good[24:])
    check_refused(lambda: read_basis(tmp_path / "b.basis.gz"), "b.basis.gz")
    (tmp_path / "c.basis.gz").write_bytes(gzip.compress(b"\n" * 2_000_000))
    check_refused(lambda: read_bytes(tmp_path / "c.basis.gz", max_bytes=1024**2), "more than 1 MiB")


def test_writers_refuse_what_the_format_cannot_hold(tmp_path):
    basis = naa_and_creatine()
    long_name = Basis(basis.fid, ACQUISITION, ("NAA", "Creatine"))
    check_refused(lambda: write_basis(tmp_path / "a.basis", long_name, "lcmodel"), "Creatine", "six letters")
    centred = Basis(basis.fid, Acquisition(0.00025, 123.25, "1H", 4.7), basis.names)
    check_refused(lambda: write_basis(tmp_path / "a.basis", centred, "lcmodel"), "4.7 ppm", "4.65")
    check_refused(lambda: write_basis(tmp_path / "b", centred, "fsl"), "4.7 ppm")
    slash = Basis(basis.fid, ACQUISITION, ("NAA", "../x"))
    check_refused(lambda: write_basis(tmp_path / "b", slash, "fsl"), "'../x' cannot be a file name")
    case = Basis(basis.fid, ACQUISITION, ("Ins", "ins"))
    check_refused(lambda: write_basis(tmp_path / "b", case, "nifti"), "differ only in case")
    semicolon = Basis(basis.fid, ACQUISITION, ("NAA", "a;b"))
    check_refused(lambda: write_basis(tmp_path / "a.txt", semicolon, "jmrui"), "';'")
    check_refused(lambda: write_nifti_mrs(tmp_path / "a.txt", MRSData(FID, ACQUISITION)), "*.nii")
    bad = FID.copy()
    bad[3] = np.nan
    check_refused(lambda: write_lcmodel_raw(tmp_path / "a.raw", MRSData(bad, ACQUISITION)), "NaN")
    wrong = Header().with_meta(EchoTime=-1)
    check_refused(lambda: write_nifti_mrs(tmp_path / "a.nii", MRSData(FID, ACQUISITION, (), wrong)), "EchoTime")
    check_refused(lambda: remove_reference_singlet(basis), "no reference singlet")


def test_a_folder_that_cannot_be_written(tmp_path):
    data = MRSData(FID, ACQUISITION)
    check_refused(lambda: write_nifti_mrs(tmp_path / "none" / "a.nii", data), "none", "does not exist")
    (tmp_path / "x.nii").mkdir()
    check_refused(lambda: write_nifti_mrs(tmp_path / "x.nii", data), "is a folder")
    if Path("/proc").is_dir():  # nobody, not even root, can create a file there
        check_refused(lambda: write_nifti_mrs("/proc/a.nii", data), "/proc", "cannot write")
        check_refused(lambda: write_basis("/proc/a", naa_and_creatine(), "fsl"), "/proc/a", "cannot be created")


def test_an_interrupted_write_leaves_nothing(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(KeyboardInterrupt), atomic_write(target, text=True) as stream:
        stream.write("half")
        raise KeyboardInterrupt
    assert target.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    with pytest.raises(InputError, match="could not be written"), atomic_write(target) as stream:
        raise OSError(28, "No space left on device")
    assert target.read_text() == "before"
