"""Every kind of bad input: one line on stderr that names the culprit, exit status 2, nothing written."""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fits
import nibabel as nib
import numpy as np
import pytest
import synthetic

from diffmrs.cli import main
from diffmrs.data import MRSData
from diffmrs.io import write_basis, write_nifti_mrs

GOOD_META = b'{"SpectrometerFrequency": [123.2], "ResonantNucleus": ["1H"]}'


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    write_nifti_mrs(folder / "data.nii.gz", fits.single())
    write_nifti_mrs(folder / "volume.nii.gz", fits.volume())
    write_basis(folder / "basis", fits.BASIS, "nifti")
    write_basis(folder / "basis.BASIS", fits.BASIS, "lcmodel")
    return folder


def raw_nifti(path: Path, samples: np.ndarray, meta: bytes | None = GOOD_META, dwell_time_s: float = 5e-4) -> None:
    """A NIfTI file written without any of the checks of the library."""
    image = nib.Nifti2Image(samples.reshape(1, 1, 1, -1), np.eye(4))
    image.header["pixdim"][4] = dwell_time_s
    image.header.set_xyzt_units("mm", "sec")
    image.header["intent_name"] = b"mrs_v0_9"
    if meta is not None:
        image.header.extensions.append(nib.nifti1.Nifti1Extension(44, meta))
    nib.save(image, path)


def samples() -> np.ndarray:
    return fits.noisy(0)


def with_data(make: Callable[[Path], object], name: str = "data.nii.gz") -> Callable[[Path, Path], list[str]]:
    """Arguments for a fit of a bad data file with a good basis."""

    def arguments(folder: Path, good: Path) -> list[str]:
        make(folder / name)
        return [str(folder / name), "--basis", str(good / "basis")]

    return arguments


def with_basis(make: Callable[[Path], object], name: str = "basis") -> Callable[[Path, Path], list[str]]:
    """Arguments for a fit of good data with a bad basis."""

    def arguments(folder: Path, good: Path) -> list[str]:
        make(folder / name)
        return [str(good / "data.nii.gz"), "--basis", str(folder / name)]

    return arguments


def with_options(*options: str, data: str = "data.nii.gz") -> Callable[[Path, Path], list[str]]:
    """Arguments for a fit of good files with bad options."""
    return lambda folder, good: [str(good / data), "--basis", str(good / "basis"), *options]


def with_mask(values: np.ndarray | None) -> Callable[[Path, Path], list[str]]:
    def arguments(folder: Path, good: Path) -> list[str]:
        if values is None:
            (folder / "mask.nii.gz").write_text("no image")
        else:
            nib.save(nib.Nifti1Image(values, np.eye(4)), folder / "mask.nii.gz")
        return [str(good / "volume.nii.gz"), "--basis", str(good / "basis"), "--mask", str(folder / "mask.nii.gz")]

    return arguments


def with_water(change: Callable[[np.ndarray], np.ndarray], *options: str) -> Callable[[Path, Path], list[str]]:
    """Arguments for a fit of good files with a changed water scan."""

    def arguments(folder: Path, good: Path) -> list[str]:
        raw_nifti(folder / "water.nii.gz", change(fits.water_fid()))
        files = [str(good / "data.nii.gz"), "--basis", str(good / "basis"), "--water", str(folder / "water.nii.gz")]
        return [*files, *options]

    return arguments


def nan_samples() -> np.ndarray:
    fid = samples()
    fid[100] = np.nan
    return fid


def truncated_gzip(path: Path) -> None:
    write_nifti_mrs(path, fits.single())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def damaged_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(b"x" * 2000)[:-8] + b"12345678")


def basis_of(acquisition, **changes) -> Callable[[Path], None]:
    return lambda path: write_basis(path, replace(fits.BASIS, acquisition=replace(acquisition, **changes)), "nifti")


def short_basis(path: Path) -> None:
    write_basis(path, replace(fits.BASIS, fid=np.asarray(fits.BASIS.fid)[:, :256]), "nifti")


def twice_the_same_name(path: Path) -> None:
    write_basis(path, fits.BASIS, "lcmodel")
    text = path.read_text()
    assert "'Cr'" in text
    path.write_text(text.replace("'Cr'", "'PCr'"))


def mixed_folder(path: Path) -> None:
    write_basis(path, fits.BASIS, "nifti")
    write_basis(path / "sub", fits.BASIS, "raw")
    shutil.move(path / "sub" / "NAA.RAW", path / "NAA.RAW")


def member_of_nan(path: Path) -> None:
    path.mkdir()
    raw_nifti(path / "NAA.nii.gz", nan_samples())


def two_voxel_member(path: Path) -> None:
    path.mkdir()
    write_nifti_mrs(path / "NAA.nii.gz", MRSData(np.stack([samples(), samples()]), synthetic.ACQUISITION))


CASES = {
    "missing data": (lambda folder, good: [str(folder / "no.nii.gz"), "--basis", str(good / "basis")], "no.nii.gz"),
    "missing basis": (
        lambda folder, good: [str(good / "data.nii.gz"), "--basis", str(folder / "no.BASIS")],
        "no.BASIS",
    ),
    "no NIfTI": (with_data(lambda path: path.write_text("hello"), "text.nii"), "text.nii"),
    "text called gzip": (with_data(lambda path: path.write_text("hello")), "data.nii.gz"),
    "empty file": (with_data(lambda path: path.write_bytes(b"")), "data.nii.gz"),
    "truncated gzip": (with_data(truncated_gzip), "data.nii.gz"),
    "damaged gzip": (with_data(damaged_gzip), "data.nii.gz"),
    "folder as data": (with_data(lambda path: path.mkdir()), "data.nii.gz"),
    "unknown format": (with_data(lambda path: path.write_bytes(bytes(range(256))), "data.xyz"), "data.xyz"),
    "basis as data": (lambda folder, good: [str(good / "basis.BASIS"), "--basis", str(good / "basis")], "basis.BASIS"),
    "vendor file": (with_data(lambda path: path.write_bytes(b"\x00" * 64), "scan.dat"), "spec2nii"),
    "ordinary image": (with_data(lambda path: raw_nifti(path, samples(), meta=None)), "data.nii.gz"),
    "real-valued data": (with_data(lambda path: raw_nifti(path, samples().real)), "complex"),
    "no SpectrometerFrequency": (
        with_data(lambda path: raw_nifti(path, samples(), b'{"ResonantNucleus": ["1H"]}')),
        "SpectrometerFrequency",
    ),
    "no ResonantNucleus": (
        with_data(lambda path: raw_nifti(path, samples(), b'{"SpectrometerFrequency": [123.2]}')),
        "ResonantNucleus",
    ),
    "frequency in Hz": (
        with_data(lambda path: raw_nifti(path, samples(), GOOD_META.replace(b"123.2", b"123200000.0"))),
        "spectrometer_frequency_mhz",
    ),
    "broken JSON": (with_data(lambda path: raw_nifti(path, samples(), b'{"SpectrometerFrequency": [1')), "JSON"),
    "JSON list": (with_data(lambda path: raw_nifti(path, samples(), b"[1, 2]")), "object"),
    "no dwell time": (with_data(lambda path: raw_nifti(path, samples(), dwell_time_s=0.0)), "dwell"),
    "NaN in the data": (with_data(lambda path: raw_nifti(path, nan_samples())), "NaN"),
    "all zeros": (with_data(lambda path: raw_nifti(path, 0 * samples())), "zeros"),
    "few points": (with_data(lambda path: raw_nifti(path, samples()[:8])), "16 points"),
    "raw file without sampling": (
        with_data(lambda path: path.write_text(" $NMID FMTDAT='(2E15.6)' $END\n" + " 1.0 2.0\n" * 64), "data.RAW"),
        "--bandwidth",
    ),
    "basis of another nucleus": (with_basis(basis_of(synthetic.ACQUISITION, nucleus="31P")), "31P"),
    "basis of another field": (with_basis(basis_of(synthetic.ACQUISITION, spectrometer_frequency_mhz=298.0)), "298"),
    "basis of smaller bandwidth": (with_basis(basis_of(synthetic.ACQUISITION, dwell_time_s=4e-3)), "bandwidth"),
    "basis shorter than the data": (with_basis(short_basis), "basis"),
    "empty basis folder": (with_basis(lambda path: path.mkdir()), "basis"),
    "two members of one name": (with_basis(twice_the_same_name, "twice.BASIS"), "PCr"),
    "folder of several formats": (with_basis(mixed_folder), "several formats"),
    "basis member with NaN": (with_basis(member_of_nan), "NAA"),
    "basis member of two FIDs": (with_basis(two_voxel_member), "2 FIDs"),
    "text as LCModel basis": (with_basis(lambda path: path.write_text("hello"), "x.BASIS"), "x.BASIS"),
    "ppm limits reversed": (with_options("--ppm", "4.2", "0.5"), "--ppm"),
    "ppm limits outside the axis": (with_options("--ppm", "0.5", "40"), "--ppm"),
    "ppm limit NaN": (with_options("--ppm", "nan", "4.2"), "--ppm"),
    "ppm limits too close": (with_options("--ppm", "2.0", "2.01"), "16"),
    "ppm limit missing": (with_options("--ppm", "2.0"), "--ppm"),
    "ppm limit no number": (with_options("--ppm", "low", "high"), "--ppm"),
    "negative baseline order": (with_options("--baseline", "poly:-1"), "-1"),
    "unknown baseline": (with_options("--baseline", "wavelet"), "wavelet"),
    "baseline stiffer than any": (with_options("--baseline", "spline:0.01"), "0.01"),
    "no such constraints": (with_options("--priors", "strong"), "--priors"),
    "unknown line shape": (with_options("--lineshape", "square"), "--lineshape"),
    "noise scale that falls": (with_options("--noise-scale", "2", "1", "3"), "noise scale"),
    "unknown option": (with_options("--turbo"), "--turbo"),
    "no such spectrum to plot": (with_options("--plot-index", "7"), "--plot-index"),
    "spectrum to plot not fitted": (with_options("--plot-index", "1", data="volume.nii.gz"), "spectrum 1"),
    "bandwidth for a file that has one": (with_options("--bandwidth", "2000"), "dwell_time_s"),
    "bandwidth zero": (with_options("--bandwidth", "0"), "--bandwidth"),
    "eddy currents without a water scan": (with_options("--ecc"), "--water"),
    "missing water scan": (with_options("--water", "no_water.nii.gz"), "no_water.nii.gz"),
    "water scan of zeros": (with_water(lambda fid: 0 * fid), "zeros"),
    "water scan that decays at once": (with_water(lambda fid: fid * (np.arange(fid.size) < 3)), "not an unsuppressed"),
    "water scan shorter than the data": (with_water(lambda fid: fid[:512], "--ecc"), "512 points"),
    "water attenuation above one": (with_water(lambda fid: fid, "--water-attenuation", "1.5"), "water_attenuation"),
    "water of macromolecules without them": (with_options("--mm-water", "no.nii.gz"), "--mm-water"),
    "unknown macromolecules": (with_options("--mm", "mm15"), "mm15"),
    "mask of another shape": (with_mask(np.ones((3, 2, 1), np.uint8)), "(3, 2, 1)"),
    "mask of nothing": (with_mask(np.zeros((2, 2, 1), np.uint8)), "no voxel"),
    "mask no image": (with_mask(None), "mask.nii.gz"),
    "mask complex": (with_mask(np.ones((2, 2, 1), np.complex64)), "complex"),
}


def check_refusal(arguments: list[str], capsys) -> str:
    status = main(arguments)
    printed = capsys.readouterr()
    assert status == 2, printed
    assert printed.out == ""
    assert printed.err.startswith("diffmrs: ")
    assert len(printed.err.splitlines()) == 1
    assert "Traceback" not in printed.err
    return printed.err


@pytest.mark.parametrize("case", CASES)
def test_unusable_input_is_one_line_and_writes_nothing(case, good, tmp_path, capsys):
    make, culprit = CASES[case]
    source, target = tmp_path / "in", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    line = check_refusal(["fit", *make(source, good), "--out", str(target / "out")], capsys)
    assert culprit in line
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("option", [("--suppress-lipids",), ("--align",), ("--smooth",), ("--save-spectra",)])
def test_what_serves_volumes_is_refused_for_a_single_voxel(option, good, tmp_path, capsys):
    arguments = ["fit", str(good / "data.nii.gz"), "--basis", str(good / "basis"), "--out", str(tmp_path / "out")]
    line = check_refusal([*arguments, *option], capsys)
    assert f"{option[0]}: for volumes" in line and "single voxel" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere"])
def test_an_output_that_cannot_be_written_is_found_before_the_fit(place, good, tmp_path, capsys, monkeypatch):
    if place.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("no /proc on this system: nothing that even root cannot write")
    monkeypatch.setattr("diffmrs.pipeline.single.fit", lambda *_, **__: pytest.fail("the fit was run"))
    (tmp_path / "file").write_text("mine")
    out = str(tmp_path / place)
    line = check_refusal(["fit", str(good / "data.nii.gz"), "--basis", str(good / "basis"), "--out", out], capsys)
    assert "file" in line or "nowhere" in line
    assert (tmp_path / "file").read_text() == "mine"


def test_results_that_were_there_survive_a_failure(good, tmp_path, capsys):
    (tmp_path / "quality.csv").write_text("old")
    check_refusal(["fit", str(good / "data.nii.gz"), "--basis", "no.BASIS", "--out", str(tmp_path)], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["quality.csv"]


@pytest.mark.parametrize("arguments", [[], ["fly"], ["fit"], ["fit", "data.nii.gz"], ["demo", "--seed", "x"]])
def test_a_command_line_without_sense_is_one_line(arguments, capsys):
    check_refusal(arguments, capsys)


@pytest.mark.parametrize("name", ["no.nii.gz", "scan.dat", "empty.BASIS", "empty"])
def test_info_refuses_as_fit_does(name, tmp_path, capsys):
    if name == "empty":
        (tmp_path / name).mkdir()
    elif name != "no.nii.gz":
        (tmp_path / name).write_bytes(b"")
    assert name in check_refusal(["info", str(tmp_path / name)], capsys)


def test_a_demo_that_cannot_be_written_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    check_refusal(["demo", "--out", str(tmp_path / "file")], capsys)
