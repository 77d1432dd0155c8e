"""`diffmrs preprocess`: what it writes, and one clear line when it cannot."""

import csv
import json

import jax
import numpy as np
import pytest
import synthetic

from diffmrs.cli import main
from diffmrs.io import read_data, write_nifti_mrs
from diffmrs.simulate import simulate_raw

pytestmark = pytest.mark.slow  # whole commands

N = 512


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    fid = synthetic.fid(n_points=N).astype(np.complex64)
    size = float(np.abs(fid[0]))
    made = simulate_raw(
        jax.random.key(0), fid, synthetic.ACQUISITION, n_coils=4, n_transients=20, noise_sd=0.04 * size, motion=0.15
    )
    write_nifti_mrs(folder / "raw.nii.gz", made.data)
    write_nifti_mrs(folder / "water.nii.gz", made.water)
    write_nifti_mrs(folder / "zeros.nii.gz", made.data.with_fid(np.zeros_like(made.data.fid)))
    write_nifti_mrs(folder / "few_coils.nii.gz", made.water.with_fid(np.asarray(made.water.fid)[..., :2, :]))
    return folder


def preprocess(files, out, *options, data="raw.nii.gz"):
    return main(["preprocess", str(files / data), "--out", str(out), *options])


def test_clean_spectra_water_table_and_page_are_written(files, tmp_path, capsys):
    out = tmp_path / "new" / "clean.nii.gz"
    assert preprocess(files, out, "--water", str(files / "water.nii.gz")) == 0
    printed = capsys.readouterr()
    assert {path.name for path in out.parent.iterdir()} == {
        "clean.nii.gz",
        "clean_water.nii.gz",
        "clean_transients.csv",
        "clean.html",
    }
    assert "SNR of the N-acetyl singlet" in printed.out and str(out) in printed.out
    assert "diffmrs: note: 3 of 20 transients were left out" in printed.err
    clean, water = read_data(out), read_data(out.parent / "clean_water.nii.gz")
    assert clean.fid.shape == water.fid.shape == (1, 1, 1, N)
    applied = [step["Method"] for step in clean.header.meta["ProcessingApplied"]]
    assert applied[0] == "RF coil combination" and applied[-1] == "Nuisance peak removal"
    with (out.parent / "clean_transients.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 20 and sum(row["outlier"] == "True" for row in rows) == 3
    assert sum(float(row["weight"]) for row in rows) == pytest.approx(1, abs=1e-4)
    page = (out.parent / "clean.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 4 and "http" not in page.replace("http://www.w3.org", "")
    assert "left out" in page and "raw.nii.gz" in page


def test_steps_can_be_chosen(files, tmp_path, capsys):
    options = ("--align", "none", "--average", "mean", "--keep-water", "--reference", "none", "--truncate", "256")
    assert preprocess(files, tmp_path / "a.nii", *options) == 0
    clean = read_data(tmp_path / "a.nii")
    assert clean.n_points == 256
    methods = [step["Method"] for step in clean.header.meta["ProcessingApplied"]]
    assert methods == ["RF coil combination", "Signal averaging", "Truncation"]
    assert not (tmp_path / "a_water.nii").exists()
    json.dumps(clean.header.meta)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--align", "well"), "align is 'well'"),
        (("--coils", "water"), "--coils water needs the water scan"),
        (("--ecc", "none", "--ecc-water", "x.nii"), "--ecc-water is given, but --ecc none"),
        (("--keep-water", "--water-band", "4", "5"), "--keep-water is given together with --water-band"),
        (("--water", "nowhere.nii.gz"), "nowhere.nii.gz: no such file"),
        (("--plot-index", "3"), "--plot-index is 3"),
        (("--truncate", "4000", "--align", "none"), "4000"),
        (("--hamming",), "needs a volume"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_nothing_is_written(files, tmp_path, capsys, options, says):
    assert preprocess(files, tmp_path / "out" / "c.nii.gz", *options) == 2
    told = capsys.readouterr().err
    assert says in told and len(told.splitlines()) == 1 and "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "out", "more", "says"),
    [
        ("zeros.nii.gz", "c.nii.gz", (), "no signal that is finite"),
        ("raw.nii.gz", "c.txt", (), "must end in .nii or .nii.gz"),
        ("raw.nii.gz", "c.nii.gz", ("--water", "few_coils.nii.gz"), "2 receive coils but the data 4"),
    ],
)
def test_files_that_do_not_do_are_refused(files, tmp_path, capsys, data, out, more, says):
    named = [str(files / word) if word.endswith(".gz") else word for word in more]
    assert preprocess(files, tmp_path / out, *named, data=data) == 2
    told = capsys.readouterr().err
    assert says in told and len(told.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_never_replaced(files, capsys):
    before = (files / "raw.nii.gz").read_bytes()
    assert preprocess(files, files / "raw.nii.gz") == 2
    assert "would replace the input" in capsys.readouterr().err
    assert (files / "raw.nii.gz").read_bytes() == before
