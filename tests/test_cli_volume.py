"""What `diffmrs fit` offers for volumes: masks from the data, lipids, alignment, neighbours, spectra."""

import nibabel as nib
import numpy as np
import pytest
from head_slices import POINTS, head
from synthetic import ACQUISITION, LINES, basis

from diffmrs.cli import main
from diffmrs.data import MRSData
from diffmrs.io import read_data, write_basis, write_nifti_mrs
from diffmrs.io.nifti_slabs import header_at

pytestmark = pytest.mark.slow
AFFINE = np.array([[-10.0, 0, 0, 80], [0, 10, 0, -80], [0, 0, 15, 5], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volume")
    header = header_at(AFFINE, ACQUISITION)
    write_nifti_mrs(folder / "head.nii.gz", MRSData(head(lipid_scale=30.0).data.fid, ACQUISITION, header=header))
    write_basis(folder / "basis", basis(tuple(sorted(LINES)), n_points=POINTS), "nifti")
    return folder


def fit(files, out, *options):
    common = ["--basis", str(files / "basis"), "--out", str(out), "--priors", "none", "--baseline", "poly:2"]
    return main(["fit", str(files / "head.nii.gz"), *common, "--ppm", "1.8", "4.2", *options])


def image(path):
    return np.asarray(nib.load(path).dataobj)


@pytest.mark.thorough
def test_a_head_with_lipids_is_cleaned_and_fitted(files, tmp_path, capsys):
    options = ("--mask", "auto", "--suppress-lipids", "--align", "--save-spectra")
    assert fit(files, tmp_path / "out", *options) == 0
    printed = capsys.readouterr()
    assert "Voxels were aligned before the fit" in printed.err and "volume.html" in printed.out
    out = tmp_path / "out"
    names = {path.name for path in out.iterdir()}
    assert {"maps", "maps.png", "volume.html", "spectra", "concentrations.csv", "quality.csv", "report.html"} <= names
    assert not any(name.startswith(".") for name in names)  # what was kept to go on from is gone
    fitted = image(out / "maps" / "converged.nii.gz")[..., 0] > 0
    coverage = head(lipid_scale=30.0).coverage[..., 0]
    assert fitted[coverage > 0.97].mean() > 0.95 and not fitted[coverage < 0.1].any()
    naa, tcr = (image(out / "maps" / f"amplitude_{name}.nii.gz")[..., 0] for name in ("NAA", "tCr"))
    inside = fitted & (coverage > 0.97)
    assert np.median(naa[inside] / tcr[inside]) == pytest.approx(12 / 8, rel=0.1)
    np.testing.assert_allclose(nib.load(out / "maps" / "snr.nii.gz").affine, AFFINE)
    shift = image(out / "maps" / "aligned_shift_hz.nii.gz")[..., 0]
    assert 1 < np.abs(shift[inside]).max() < 20
    report = (out / "report.html").read_text()
    assert "lipids suppressed (L2" in report and "voxels aligned" in report

    parts = {kind: read_data(out / "spectra" / f"{kind}.nii") for kind in ("fit", "baseline", "residual")}
    measured = read_data(files / "head.nii.gz").fid
    assert parts["fit"].fid.shape == measured.shape
    assert not parts["fit"].fid[~fitted].any()
    rest = parts["residual"].fid[inside][..., 20:]
    assert np.abs(rest).std() < 0.3 * np.abs(parts["fit"].fid[inside][..., 20:]).std()


@pytest.mark.thorough
def test_neighbours_fitted_together_have_smoother_shifts(files, tmp_path):
    assert fit(files, tmp_path / "alone", "--mask", "auto") == 0
    assert fit(files, tmp_path / "together", "--mask", "auto", "--smooth", "0.3", "5", "1") == 0
    alone, together = (image(tmp_path / name / "maps" / "shift_ppm.nii.gz")[..., 0] for name in ("alone", "together"))
    fitted = image(tmp_path / "alone" / "maps" / "converged.nii.gz")[..., 0] > 0
    both = fitted[1:] & fitted[:-1]
    steps = [np.abs(np.diff(shift, axis=0))[both].mean() for shift in (alone, together)]
    assert steps[1] < steps[0]
    assert "joint fit" in (tmp_path / "together" / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--smooth", "1", "2"), "--smooth is 1 2; it takes nothing, or HZ DEG HZ above 0"),
        (("--smooth", "1", "-2", "3"), "above 0"),
        (("--suppress-lipids", "nowhere.nii"), "nowhere.nii: no such file"),
        (("--suppress-lipids", "--lipid-strength", "-1"), "beta is -1"),
        (("--lipid-strength", "2"), "it serves --suppress-lipids"),
        (("--chunk", "0"), "--chunk is 0"),
    ],
)
def test_options_that_make_no_sense_are_one_line(files, tmp_path, capsys, options, says):
    assert fit(files, tmp_path / "out", "--mask", "auto", *options) == 2
    printed = capsys.readouterr().err
    assert says in printed and len(printed.splitlines()) == 1
    assert not (tmp_path / "out").exists()
