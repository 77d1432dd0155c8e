import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import fits
import nibabel as nib
import numpy as np
import pytest
import synthetic

from diffmrs import compile_cache
from diffmrs.cli import main
from diffmrs.data import MRSData
from diffmrs.io import read_data, write_basis, write_nifti_mrs
from diffmrs.staging import staged_folder

pytestmark = pytest.mark.slow  # whole commands

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("input")
    write_nifti_mrs(folder / "single.nii.gz", fits.single())
    write_nifti_mrs(folder / "batch.nii.gz", fits.batch_data())
    write_nifti_mrs(folder / "volume.nii.gz", fits.volume())
    write_basis(folder / "basis", fits.BASIS, "nifti")
    mask = np.zeros((2, 2, 1), np.uint8)
    mask[1, 0, 0] = 1
    nib.save(nib.Nifti1Image(mask, np.eye(4)), folder / "mask.nii.gz")
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def amplitudes(path: Path) -> dict[str, float]:
    return {row["metabolite"]: float(row["amplitude"]) for row in rows_of(path) if row["amplitude"]}


def test_fit_writes_the_four_files_and_prints_a_table(files, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    assert main(["fit", str(files / "single.nii.gz"), "--basis", str(files / "basis"), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        "concentrations.csv",
        "quality.csv",
        "quality.json",
        "fit.png",
        "report.html",
    }
    assert (out / "fit.png").read_bytes().startswith(b"\x89PNG")
    fitted = amplitudes(out / "concentrations.csv")
    for name, true in synthetic.TRUTH.items():
        if name not in ("Cr", "PCr"):
            assert fitted[name] == pytest.approx(true, rel=0.2), name
    assert fitted["tCr"] == pytest.approx(8.0, rel=0.03)
    printed = capsys.readouterr()
    assert "tCr" in printed.out
    assert str(out / "report.html") in printed.out
    assert "fitted 1 spectrum in" in printed.err
    assert len(printed.err.splitlines()) == 1


def test_a_batch_is_fitted_whole_and_a_bad_spectrum_leaves_the_others_alone(files, tmp_path, capsys):
    arguments = ["fit", str(files / "batch.nii.gz"), "--basis", str(files / "basis"), "--out", str(tmp_path)]
    assert main([*arguments, "--plot-index", "2"]) == 0
    assert [row["converged"] for row in rows_of(tmp_path / "quality.csv")] == ["True", "False", "True", "True"]
    assert "spectrum 2 of 4" in capsys.readouterr().out
    assert not (tmp_path / "maps").exists()


def test_mrsi_gets_maps(files, tmp_path):
    arguments = ["fit", str(files / "volume.nii.gz"), "--basis", str(files / "basis"), "--out", str(tmp_path)]
    assert main(arguments) == 0
    row = rows_of(tmp_path / "concentrations.csv")[-1]
    assert (row["x"], row["y"], row["z"], row["spectrum"]) == ("1", "1", "0", "0")
    values = nib.load(tmp_path / "maps" / "amplitude_tCr.nii.gz").get_fdata()
    assert values[1, 1, 0] == pytest.approx(float(row["amplitude"]), rel=1e-5)
    assert row["metabolite"] == "tCr"


def test_a_water_scan_gives_millimolar_and_takes_eddy_currents_away(files, tmp_path):
    water = fits.water_fid()
    distorted = fits.noisy(0) * (water / np.abs(water)) + 4000 * synthetic.lines_fid([(4.66, 1, 0, 6)])
    data = MRSData(distorted.astype(np.complex64), synthetic.ACQUISITION)
    write_nifti_mrs(tmp_path / "data.nii.gz", data)
    write_nifti_mrs(tmp_path / "water.nii.gz", MRSData(water, synthetic.ACQUISITION))
    arguments = ["fit", str(tmp_path / "data.nii.gz"), "--basis", str(files / "basis"), "--out", str(tmp_path / "out")]
    options = ["--water", str(tmp_path / "water.nii.gz"), "--ecc", "--remove-water", "--water-mm", "10000"]
    assert main([*arguments, *options, "--water-attenuation", "1"]) == 0
    creatine = next(row for row in rows_of(tmp_path / "out/concentrations.csv") if row["metabolite"] == "tCr")
    # 8 amplitude units of one proton each against water of 2 x 10 000 mM that shows 20 000: 8 mM.
    assert float(creatine["concentration_mm"]) == pytest.approx(8.0, rel=0.05)
    report = (tmp_path / "out/report.html").read_text()
    assert "Klose" in report and "HSVD" in report and "water 10000 mM" in report


def test_a_fit_not_to_be_believed_says_so_on_stderr_in_the_table_and_in_the_report(files, tmp_path, capsys):
    data = MRSData(np.conj(fits.noisy(0)), synthetic.ACQUISITION)
    write_nifti_mrs(tmp_path / "data.nii.gz", data)
    write_nifti_mrs(tmp_path / "water.nii.gz", MRSData(fits.water_fid(), synthetic.ACQUISITION))
    arguments = ["fit", str(tmp_path / "data.nii.gz"), "--basis", str(files / "basis"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--water", str(tmp_path / "water.nii.gz")]) == 0
    printed = capsys.readouterr()
    warned = [line for line in printed.err.splitlines() if line.startswith("diffmrs: warning: conjugated: 1 of 1")]
    assert len(warned) == 1
    assert "opposite sign of frequency" in printed.out
    assert "conjugated" in rows_of(tmp_path / "out/quality.csv")[0]["flags"].split(";")
    report = (tmp_path / "out/report.html").read_text()
    assert report.index("Do not use these numbers") < report.index("opposite sign of frequency") < report.index("<img")
    assert "which --ecc corrects" in printed.err  # the water scan shows eddy currents


@pytest.mark.thorough
def test_macromolecules_join_a_basis_without(files, tmp_path):
    write_basis(tmp_path / "basis", fits.BASIS.select(["Cr", "GPC", "NAA"]), "nifti")
    places = ["--basis", str(tmp_path / "basis"), "--out", str(tmp_path / "out")]
    arguments = ["fit", str(files / "single.nii.gz"), *places, "--priors", "none", "--baseline", "none"]
    assert main(arguments) == 0
    assert len(amplitudes(tmp_path / "out/concentrations.csv")) > 3 + 5
    assert "birch2017_3t" in (tmp_path / "out/report.html").read_text()
    assert main([*arguments, "--mm", "none"]) == 0
    assert "birch2017_3t" not in (tmp_path / "out/report.html").read_text()


@pytest.mark.thorough
def test_a_mask_limits_the_fit(files, tmp_path, capsys):
    arguments = ["fit", str(files / "volume.nii.gz"), "--basis", str(files / "basis"), "--out", str(tmp_path)]
    assert main([*arguments, "--mask", str(files / "mask.nii.gz")]) == 0
    assert [(row["x"], row["y"]) for row in rows_of(tmp_path / "quality.csv")] == [("1", "0")]
    assert np.count_nonzero(nib.load(tmp_path / "maps" / "converged.nii.gz").get_fdata()) == 1
    assert "geometry in mask.nii.gz differs" in capsys.readouterr().err  # the data have 10 m voxels, the mask 1 mm


def test_a_mask_on_the_grid_of_the_data_is_taken_without_comment(files, tmp_path, capsys):
    mask = nib.Nifti1Image(np.ones((2, 2, 1), np.uint8), nib.load(files / "volume.nii.gz").affine)
    nib.save(mask, tmp_path / "mask.nii.gz")
    arguments = ["fit", str(files / "volume.nii.gz"), "--basis", str(files / "basis"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--mask", str(tmp_path / "mask.nii.gz")]) == 0
    assert "geometry" not in capsys.readouterr().err


def test_other_files_in_the_folder_stay_and_results_are_replaced(files, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    (tmp_path / "quality.csv").write_text("old")
    arguments = ["fit", str(files / "single.nii.gz"), "--basis", str(files / "basis"), "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert (tmp_path / "mine.txt").read_text() == "keep"
    assert (tmp_path / "quality.csv").read_text() != "old"
    assert not list(tmp_path.glob(".*"))


def test_info_on_data_tells_what_a_user_asks(files, capsys):
    assert main(["info", str(files / "batch.nii.gz")]) == 0
    printed = capsys.readouterr().out
    for expected in ("DIM_DYN, 4", "2000 Hz", "123.2 MHz", "1H", "1024", "500 us"):
        assert expected in printed


def test_info_on_a_basis_lists_its_members(files, capsys):
    assert main(["info", str(files / "basis")]) == 0
    assert f"8: {', '.join(fits.BASIS.names)}" in capsys.readouterr().out


def test_demo_recovers_what_it_made(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines() if line.endswith((" yes", " no"))]
    assert sum(row[-1] == "yes" for row in table) >= len(table) - 2
    assert {path.name for path in tmp_path.iterdir()} == {
        "concentrations.csv", "quality.csv", "quality.json", "fit.png", "report.html", "synthetic.nii.gz",
    }  # fmt: skip
    assert read_data(tmp_path / "synthetic.nii.gz").n_points == 1024


@pytest.mark.data
def test_a_measured_basis_loses_its_reference_singlet_and_the_ratios_are_those_of_lcmodel(data_dir, tmp_path, capsys):
    data = data_dir / "15_fitting_challenge_2016" / "dataset01_act.nii.gz"
    basis = data_dir / "12_basis_sets" / "challenge2016_press3T_30ms.BASIS.gz"
    assert main(["fit", str(data), "--basis", str(basis), "--out", str(tmp_path)]) == 0
    assert "reference singlet" in capsys.readouterr().err
    ratio = {row["metabolite"]: float(row["ratio_tcr"]) for row in rows_of(tmp_path / "concentrations.csv")}
    # LCModel 6.3 on the same files (reference_results/lcmodel_dataset01.table) gives these.
    assert ratio["tNAA"] == pytest.approx(1.567, abs=0.1)
    assert ratio["Glx"] == pytest.approx(1.777, abs=0.35)
    assert ratio["tCho"] == pytest.approx(0.124, abs=0.02)
    assert ratio["Ins+Gly"] == pytest.approx(0.868, abs=0.1)
    quality = rows_of(tmp_path / "quality.csv")[0]
    assert float(quality["linewidth_ppm"]) == pytest.approx(0.032, abs=0.005)


def test_interruption_is_one_line_and_leaves_nothing(files, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("diffmrs.pipeline.single.fit", interrupted)
    out = tmp_path / "out"
    assert main(["fit", str(files / "single.nii.gz"), "--basis", str(files / "basis"), "--out", str(out)]) == 130
    assert capsys.readouterr().err == "diffmrs: interrupted\n"
    assert not out.exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(files, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("diffmrs.pipeline.single.write_report", full)
    arguments = ["fit", str(files / "single.nii.gz"), "--basis", str(files / "basis"), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["--version"]])
def test_help_is_a_success(arguments, capsys):
    assert main(arguments) == 0
    assert "diffmrs" in capsys.readouterr().out


def test_help_does_not_wait_for_jax():
    code = "import sys; from diffmrs.cli import main; main(['--help']); sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_the_program_runs_by_itself_and_keeps_what_it_compiled(files, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    program = "import sys; from diffmrs.cli import _start_jax; _start_jax(); import jax; print(jax.device_count())"
    cores = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(cores.stdout) == len(os.sched_getaffinity(0))
    run = subprocess.run(
        [sys.executable, "-m", "diffmrs", "info", str(files / "single.nii.gz")],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0
    assert run.stderr == ""
    assert "measured data" in run.stdout
    assert list((tmp_path / "cache" / "diffmrs" / "xla").iterdir())


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert compile_cache.use_compile_cache() is None


def test_staging_publishes_all_or_nothing(tmp_path):
    with pytest.raises(RuntimeError), staged_folder(tmp_path / "a" / "b") as stage:
        (stage / "x").write_text("1")
        raise RuntimeError
    assert not (tmp_path / "a").exists()
    with staged_folder(tmp_path / "a" / "b") as stage:
        (stage / "deep").mkdir()
        (stage / "deep" / "x").write_text("1")
        assert not (tmp_path / "a" / "b" / "deep").exists()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["deep"]


def test_the_header_of_the_data_reaches_info(files, tmp_path, capsys):
    data = read_data(files / "single.nii.gz")
    steps = [{"Method": "Signal averaging", "Program": "x", "Version": "1", "Details": "mean"}]
    meta = {**data.header.meta, "EchoTime": 0.035, "RepetitionTime": 2.0, "ProcessingApplied": steps, "Note": "hello"}
    told = type(data)(data.fid, data.acquisition, (), type(data.header)(json.dumps(meta), data.header.nifti))
    write_nifti_mrs(tmp_path / "told.nii.gz", told)
    assert main(["info", str(tmp_path / "told.nii.gz")]) == 0
    printed = capsys.readouterr().out
    for expected in ("35 ms", "2000 ms", "Signal averaging, x, 1, mean", "hello"):
        assert expected in printed
