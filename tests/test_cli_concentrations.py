"""`diffmrs fit` with a water scan, tissue fractions and relaxation."""

import csv
from pathlib import Path

import fits
import nibabel as nib
import numpy as np
import pytest
import synthetic

from diffmrs.cli import main
from diffmrs.data import Header, MRSData
from diffmrs.io import write_basis, write_nifti_mrs
from diffmrs.quantify import Relaxation
from diffmrs.quantify.concentrations import WATER_MOLALITY_MMOL_PER_KG

pytestmark = pytest.mark.slow  # whole commands

VOXEL_MM = 20.0
TIMES = {"EchoTime": 0.03, "RepetitionTime": 2.0}
WATER = {  # volume, water content, relaxation at 3 T
    "gm": (0.5, 0.78, Relaxation(1.331, 0.110)),
    "wm": (0.3, 0.65, Relaxation(0.832, 0.0792)),
    "csf": (0.2, 0.97, Relaxation(3.817, 0.503)),
}


def placed(data: MRSData, **meta) -> MRSData:
    """The data with a geometry (a cube of 20 mm around 30 mm) and header entries."""
    header = nib.Nifti2Header()
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = 30.0
    header.set_sform(affine, code=1)
    header.set_qform(affine, code=1)
    return MRSData(
        data.fid, data.acquisition, data.dim_tags, Header(data.header.meta_json, header.binaryblock).with_meta(**meta)
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("input")
    water = MRSData(fits.water_fid()[None, None, None], synthetic.ACQUISITION, (), fits.single().header)
    write_nifti_mrs(folder / "data.nii.gz", placed(fits.single(), **TIMES))
    write_nifti_mrs(folder / "water.nii.gz", placed(water, **TIMES))
    write_nifti_mrs(folder / "no_times.nii.gz", placed(fits.single()))
    write_nifti_mrs(folder / "no_tr.nii.gz", placed(fits.single(), EchoTime=0.03))
    write_nifti_mrs(folder / "nowhere.nii.gz", fits.single())
    write_nifti_mrs(folder / "volume.nii.gz", placed(fits.volume(), **TIMES))
    write_basis(folder / "basis", fits.BASIS, "nifti")
    x = np.arange(60)[:, None, None] * np.ones((60, 60, 60))
    affine = np.eye(4)
    affine[:3, 3] = 0.5  # map voxel 20 reaches from 20 to 21 mm, the MRS voxel from 20 to 40 mm
    gm, wm = (x < 30).astype(np.float32), ((x >= 30) & (x < 36)).astype(np.float32)
    for name, values in (("gm", gm), ("wm", wm), ("csf", 1 - gm - wm)):
        nib.save(nib.Nifti1Image(values, affine), folder / f"{name}.nii.gz")
    return folder


def fit(files: Path, out: Path, *options: str, data: str = "data.nii.gz", water: str | None = "water.nii.gz") -> int:
    scan = [] if water is None else ["--water", str(files / water)]
    return main(["fit", str(files / data), "--basis", str(files / "basis"), *scan, *options, "--out", str(out)])


def creatine(out: Path) -> dict[str, str]:
    with (out / "concentrations.csv").open(newline="") as stream:
        return next(row for row in csv.DictReader(stream) if row["metabolite"] == "Cr")


def expected_tissue_mm(amplitude: float) -> float:
    """Creatine in the tissue, mM, worked out forwards from water of signal 20 000 (one proton weighs 1)."""
    water = sum(f * w * WATER_MOLALITY_MMOL_PER_KG * 2 * r.attenuation(0.03, 2.0) for f, w, r in WATER.values())
    gm, wm = Relaxation(1.46, 0.146).attenuation(0.03, 2.0), Relaxation(1.24, 0.166).attenuation(0.03, 2.0)
    return amplitude * (water / 2e4) / (0.5 * gm + 0.3 * wm)


@pytest.mark.parametrize(
    "tissue", [("--tissue", "0.5", "0.3", "0.2"), ("--tissue-maps", "gm.nii.gz", "wm.nii.gz", "csf.nii.gz")]
)
def test_tissue_gives_molar_and_molal_and_says_what_they_rest_on(files, tmp_path, capsys, tissue):
    options = [str(files / word) if word.endswith(".gz") else word for word in tissue]
    assert fit(files, tmp_path / "out", *options) == 0
    row = creatine(tmp_path / "out")
    in_tissue = expected_tissue_mm(float(row["amplitude"]))
    assert float(row["concentration_mm_tissue"]) == pytest.approx(in_tissue, rel=0.02)
    assert float(row["concentration_mm"]) == pytest.approx(0.8 * in_tissue, rel=0.02)
    assert float(row["concentration_mmol_per_kg"]) == pytest.approx(0.8 * in_tissue / 0.585, rel=0.02)
    assert float(row["concentration_mmol_per_kg_voxel"]) == pytest.approx(0.8 * in_tissue / 0.779, rel=0.02)
    assert row["concentration_reference"] == "tissue"
    report = (tmp_path / "out/report.html").read_text()
    for words in ("GM 0.500, WM 0.300, CSF 0.200", "TE 30, TR 2000 ms", "Wansapura", "mmol per kg tissue water"):
        assert words in report
    assert "mmol/kg" in capsys.readouterr().out


def test_times_told_take_the_place_of_the_header_and_of_the_table(files, tmp_path):
    times = ["--te", "30", "--tr", "2000", "--water-t1", "1331", "832", "3817", "--water-t2", "110", "79.2", "503"]
    assert fit(files, tmp_path / "a", "--tissue", ".5", ".3", ".2", *times, data="no_times.nii.gz") == 0
    row = creatine(tmp_path / "a")
    assert float(row["concentration_mm_tissue"]) == pytest.approx(expected_tissue_mm(float(row["amplitude"])), rel=0.02)
    none = ["--te", "0", "--tr", "inf"]
    assert fit(files, tmp_path / "b", "--tissue", ".5", ".3", ".2", *none) == 0
    row = creatine(tmp_path / "b")
    plain = float(row["amplitude"]) * 2 * WATER_MOLALITY_MMOL_PER_KG / 2e4
    assert float(row["concentration_mmol_per_kg_voxel"]) == pytest.approx(plain, rel=0.01)


def test_without_tissue_the_convention_is_lcmodels_and_molal_cells_are_empty(files, tmp_path):
    assert fit(files, tmp_path / "out", "--water-scaling", "lcmodel") == 0
    row = creatine(tmp_path / "out")
    assert row["concentration_reference"] == "lcmodel"
    assert float(row["concentration_mm"]) == pytest.approx(float(row["amplitude"]) * 2 * 35880 * 0.7 / 2e4, rel=0.1)
    assert row["concentration_mmol_per_kg"] == row["concentration_mm_tissue"] == ""
    report = (tmp_path / "out/report.html").read_text()
    assert "water 35880 mM" in report and "LCModel&#39;s limits" in report


@pytest.mark.thorough
def test_each_mrsi_voxel_is_scaled_by_its_own_tissue(files, tmp_path):
    # Voxels of 20 mm at x = 30 and 50 mm; the second holds CSF alone.
    maps = [str(files / f"{name}.nii.gz") for name in ("gm", "wm", "csf")]
    assert fit(files, tmp_path / "out", "--tissue-maps", *maps, data="volume.nii.gz") == 0
    with (tmp_path / "out/concentrations.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["metabolite"] == "tCr"]
    values = {(row["x"], row["y"]): row["concentration_mmol_per_kg"] for row in rows}
    assert values["0", "0"] and not values["1", "0"] and not values["1", "1"]
    image = nib.load(tmp_path / "out/maps/concentration_mmol_per_kg_tCr.nii.gz").get_fdata()
    assert image[0, 0, 0] == pytest.approx(float(values["0", "0"]), rel=1e-5)


TISSUE = ("--tissue", "0.5", "0.3", "0.2")
MAPS = ("--tissue-maps", "{gm}", "{wm}", "{csf}")
REFUSED = {
    "no echo time": (TISSUE, {"data": "no_times.nii.gz"}, ("EchoTime", "--te MS")),
    "no repetition time": (TISSUE, {"data": "no_tr.nii.gz"}, ("RepetitionTime", "--tr MS")),
    "no water scan": (TISSUE, {"water": None}, ("--water",)),
    "pure fluid": (("--tissue", "0", "0", "1"), {}, ("no tissue",)),
    "percent": (("--tissue", "50", "30", "20"), {}, ("add up to 100",)),
    "numbers and maps": ((*TISSUE, *MAPS), {}, ("--tissue", "--tissue-maps")),
    "fractions missing": (("--tissue", "0.5", "0.5"), {}, ("--tissue",)),
    "map that is not there": (("--tissue-maps", "a.nii", "b.nii", "c.nii"), {}, ("a.nii", "--tissue-maps")),
    "map of one volume too many": (("--tissue-maps", "{gm}", "{wm}", "{data}"), {}, ("data.nii.gz",)),
    "maps without a place": (MAPS, {"data": "nowhere_plain.nii.gz"}, ("--tissue",)),
    "negative echo time": ((*TISSUE, "--te", "-1"), {}, ("--te",)),
    "repetition time zero": ((*TISSUE, "--tr", "0"), {}, ("--tr",)),
    "T2 zero": ((*TISSUE, "--water-t2", "110", "0", "500"), {}, ("--water-t2",)),
    "T1 not a number": ((*TISSUE, "--metabolite-t1", "nan"), {}, ("--metabolite-t1",)),
    "echo time without tissue": (("--te", "30"), {}, ("--te", "--tissue")),
    "attenuation with tissue": ((*TISSUE, "--water-attenuation", "0.7"), {}, ("--water-attenuation", "--tissue")),
    "unknown scaling": (("--water-scaling", "osprey"), {}, ("--water-scaling", "lcmodel")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_give_concentrations_is_refused_in_one_line(case, files, tmp_path, capsys):
    options, changes, says = REFUSED[case]
    if "nowhere_plain" in str(changes):
        image = nib.load(files / "nowhere.nii.gz")
        image.header.set_sform(None, code=0)
        image.header.set_qform(None, code=0)
        meta = [e for e in image.header.extensions if e.get_code() == 44]
        plain = nib.Nifti2Image(np.asarray(image.dataobj), None, header=image.header)
        plain.header.extensions[:] = meta
        nib.save(plain, files / "nowhere_plain.nii.gz")
        options = (*options, "--te", "30", "--tr", "2000")
    places = {name: str(files / f"{name}.nii.gz") for name in ("gm", "wm", "csf", "data")}
    status = fit(files, tmp_path / "out", *(word.format(**places) for word in options), **changes)
    printed = capsys.readouterr()
    assert status == 2 and printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    assert all(word in printed.err for word in says), printed.err
    assert not (tmp_path / "out").exists()
