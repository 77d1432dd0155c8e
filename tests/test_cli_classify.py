"""`diffmrs simulate --cohort` and `diffmrs classify`: a cohort as files, classified; tables that cannot be used."""

import csv
import json

import numpy as np
import pytest
import synthetic
from classified import TINY

from diffmrs import MRSData, write_nifti_mrs
from diffmrs.classify import PpmPoints, read_rows, read_table
from diffmrs.cli import main
from diffmrs.errors import InputError
from diffmrs.io import write_basis

HEADER = "file,patient,label"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("cohort")
    write_basis(place / "small.BASIS", synthetic.basis(("NAA", "Cr", "GPC", "Lac"), n_points=256), "lcmodel")
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=(2, 2, 1, 3, 128, 2)) @ [1, 1j]).astype(np.complex64)
    for name, fids in (("volume", noise), ("one", noise[:1, :1, :, :1].reshape(1, 1, 1, 128))):
        tags = ("DIM_DYN",) if fids.ndim == 5 else ()
        data = MRSData(fids, synthetic.ACQUISITION, tags)
        header = data.header.with_meta(SpectrometerFrequency=[123.2], ResonantNucleus=["1H"])
        write_nifti_mrs(place / f"{name}.nii.gz", MRSData(fids, synthetic.ACQUISITION, tags, header))
    return place


def table(folder, *lines):
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_simulated_cohort_is_classified(folder, capsys, monkeypatch):
    monkeypatch.setattr("diffmrs.classify.REDUCED", TINY)
    out = folder / "cohort.nii.gz"
    assert main(["simulate", "--basis", str(folder / "small.BASIS"), "--cohort", "14", "--n", "4", "--out", str(out),
                 "--wrong", "0.1", "--seed", "1"]) == 0  # fmt: skip
    assert capsys.readouterr().out.split() == [
        str(folder / name) for name in ("cohort.nii.gz", "cohort_table.csv", "cohort_truth.csv")
    ]
    read = read_table(folder / "cohort_table.csv", PpmPoints(points=32))
    assert read.spectra.points.shape == (56, 32)
    assert read.spectra.patients.size == 14
    assert read.true_label is not None
    found = folder / "found"
    status = main(["classify", str(folder / "cohort_table.csv"), "--out", str(found), "--reduced", "--folds", "2",
                   "--points", "32", "--steps", "6", "--baselines", "svm"])  # fmt: skip
    told = capsys.readouterr()
    assert status == 0, told.err
    assert {path.name for path in found.iterdir()} == {
        "voxels.csv", "patients.csv", "metrics.json", "roc.png", "activation.png", "clusters.png",
    }  # fmt: skip
    metrics = json.loads((found / "metrics.json").read_text())
    assert set(metrics["metrics"]) == {"labels as given", "true labels"}
    assert 0 <= metrics["metrics"]["true labels"]["svm"]["auc"]["mean"] <= 1
    rows = list(csv.DictReader((found / "voxels.csv").read_text().splitlines()))
    assert len(rows) == 56
    patients = list(csv.DictReader((found / "patients.csv").read_text().splitlines()))
    own = [float(row["probability_network"]) for row in rows if row["patient"] == patients[0]["patient"]]
    assert float(patients[0]["probability_network"]) == pytest.approx(np.mean(own), rel=1e-4)
    assert "against true labels" in told.out


def test_a_table_may_name_voxels_and_single_spectra(folder):
    path = table(
        folder, "label,patient,file,x,y,spectrum", "1,A,volume.nii.gz,1,0,2", "0, B ,one.nii.gz,,,", "",
        '0,"C, D",volume.nii.gz,0,1,0',
    )  # fmt: skip
    found = read_table(path, PpmPoints(points=32))
    np.testing.assert_array_equal(found.spectra.patient, ["A", "B", "C, D"])
    np.testing.assert_array_equal(found.spectra.label, [1, 0, 0])
    assert [row.line for row in found.rows] == [2, 3, 5]
    assert found.true_label is None
    swapped = table(folder, "file,patient,label,x,y,spectrum", "volume.nii.gz,A,1,1,0,2")
    np.testing.assert_allclose(
        read_table(swapped, PpmPoints(points=32)).spectra.points[0], found.spectra.points[0], atol=1e-6
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["file,patient", "one.nii.gz,A"], "line 1: no column 'label'"),
        ([HEADER + ",colour", "one.nii.gz,A,1,red"], "line 1: column 'colour' is not known"),
        ([HEADER + ",label", "one.nii.gz,A,1,1"], "line 1: column 'label' occurs twice"),
        ([HEADER], "holds no spectra"),
        ([HEADER, "one.nii.gz,A"], "line 2: 2 cells, but the header has 3"),
        ([HEADER, "one.nii.gz,A,tumour"], "line 2: label is 'tumour'"),
        ([HEADER, "one.nii.gz,,1"], "line 2: the patient is empty"),
        ([HEADER + ",x", "volume.nii.gz,A,1,-1"], "line 2: x is '-1'"),
        ([HEADER, "one.nii.gz,A,1", "one.nii.gz,B,1"], "line 3: the same spectrum as line 2"),
    ],
)
def test_lines_that_cannot_be_used_are_named(folder, lines, words):
    with pytest.raises(InputError, match=words):
        read_rows(table(folder, *lines))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nowhere.nii.gz,A,1,,,", "line 2: .*nowhere.nii.gz"),
        ("table.csv,A,1,,,", "line 2: "),
        ("volume.nii.gz,A,1,,0,0", "line 2: volume.nii.gz holds 2 places along x"),
        ("volume.nii.gz,A,1,0,0,3", "line 2: spectrum is 3, but volume.nii.gz holds only 3"),
        ("one.nii.gz,A,1,4,,", "line 2: x is 4"),
    ],
)
def test_spectra_that_cannot_be_had_are_named(folder, line, words):
    with pytest.raises(InputError, match=words):
        read_table(table(folder, "file,patient,label,x,y,spectrum", line))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--folds", "1"], "--folds is 1"),
        (["--theta", "0.9"], "--theta is given without --distil"),
        (["--distil", "--theta", "0.2"], "theta"),
        (["--mix", "all"], "partner of mixing is 'all'"),
        (["--alpha", "0.3"], "--alpha is given without --mix"),
        (["--points", "100"], "--points is 100; it must be a multiple of 16"),
        (["--robust", "2"], "q of the loss is 2"),
        (["--baselines", "knn"], "--baselines is 'knn'"),
        (["--ppm", "4", "1"], "lower one"),
        (["--steps", "-3"], "steps is -3"),
        ([], "at least 3 of each are needed to leave patients out in 10 folds"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(folder, options, words, capsys):
    path, out = table(folder, HEADER, "one.nii.gz,A,1"), folder / "none"
    assert main(["classify", str(path), "--out", str(out), *options]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cohort", "1", "--n", "3"], "--cohort is 1"),
        (["--cohort", "4", "--n", "3", "--wrong", "0.7"], "wrong"),
        (["--cohort", "4", "--n", "3", "--snr", "5", "9"], "--snr is given, but --cohort"),
        (["--n", "3", "--wrong", "0.1"], "--wrong is given without --cohort"),
    ],
)
def test_cohorts_that_cannot_be_simulated(folder, options, words, capsys):
    out = folder / "refused.nii.gz"
    assert main(["simulate", "--basis", str(folder / "small.BASIS"), "--out", str(out), *options]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()
