"""`diffmrs simulate`: spectra that are what their table says, and one clear line when they cannot be made."""

import csv
import json

import numpy as np
import pytest
import synthetic

from diffmrs.cli import main
from diffmrs.io import read_basis, read_data, write_basis
from diffmrs.pipeline import FitOptions, read_inputs, simulated

pytestmark = pytest.mark.slow  # whole commands

N = 256


@pytest.fixture(scope="module")
def basis_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("basis") / "small.BASIS"
    write_basis(path, synthetic.basis(("NAA", "Cr", "MM09"), n_points=N), "lcmodel")
    return path


def simulate(basis_file, out, *options):
    return main(["simulate", "--basis", str(basis_file), "--out", str(out), *options])


def table(path):
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def by_the_table(truth, basis):
    """The FIDs that the table of the truth describes, in plain NumPy."""
    time = np.arange(N) * basis.acquisition.dwell_time_s
    fid = np.zeros((len(truth["spectrum"]), N), complex)
    for name, member in zip(basis.names, np.asarray(basis.fid), strict=True):
        gauss = truth.get("gaussian_fwhm_hz", truth.get(f"{name}_gaussian_fwhm_hz"))[:, None]
        decay = -np.pi * truth["lorentzian_fwhm_hz"][:, None] * time - (np.pi * gauss * time) ** 2 / (4 * np.log(2))
        turn = 2j * np.pi * truth["frequency_shift_hz"][:, None] * time + 1j * truth["phase0_rad"][:, None]
        fid += truth[f"{name}_amplitude"][:, None] * member * np.exp(decay + turn)
    return fid


def test_spectra_are_what_the_table_says_and_a_fit_takes_them(basis_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(simulated, "_CHUNK", 4)  # the last chunk of ten spectra is not full
    out = tmp_path / "new" / "set.nii.gz"
    assert simulate(basis_file, out, "--n", "10", "--snr", "1e4", "1e4", "--seed", "3") == 0
    assert {path.name for path in out.parent.iterdir()} == {"set.nii.gz", "set_truth.csv", "set_truth.json"}
    assert str(out) in capsys.readouterr().out
    data, basis = read_data(out), read_basis(basis_file)
    assert data.fid.shape == (1, 1, 1, 10, N) and data.dim_tags == ("DIM_USER_0",)
    truth = table(tmp_path / "new" / "set_truth.csv")
    theirs = by_the_table(truth, basis)
    assert np.abs(np.asarray(data.spectra) - theirs).max() < 0.01 * np.abs(theirs).max()
    assert len(np.unique(truth["NAA_amplitude"])) == 10 and (truth["snr_peak"] == 1e4).all()
    facts = json.loads((tmp_path / "new" / "set_truth.json").read_text())
    assert facts["seed"] == 3 and facts["members"] == ["NAA", "Cr", "MM09"]
    assert read_inputs(FitOptions(data=out, basis=basis_file)).layout.rows.size == 10


def test_artefacts_and_baseline_are_in_the_table(basis_file, tmp_path):
    made = ("--water", "0.5", "1", "--echo", "0", "0.1", "--eddy", "-20", "20", "--drift", "0", "4")
    assert simulate(basis_file, tmp_path / "a.nii", "--n", "2", "--baseline", "0.01", "0.1", *made) == 0
    truth = table(tmp_path / "a_truth.csv")
    assert {"water_ratio", "water_rad", "echo_ratio", "echo_s", "eddy_rad", "drift_hz", "baseline_width_ppm"} <= set(
        truth
    )
    assert (truth["water_ratio"] >= 0.5).all() and (np.abs(truth["eddy_rad"]) <= np.deg2rad(20)).all()
    assert "lipids_ratio" not in truth


def test_a_recipe_tells_what_the_basis_lacks_and_comes_in_two_forms(basis_file, tmp_path, capsys):
    for form in ((), ("--physical",)):
        out = tmp_path / f"p{len(form)}.nii.gz"
        assert simulate(basis_file, out, "--n", "2", "--recipe", "shamaei2023", *form) == 0
    assert "note: the basis lacks Ala, Asp" in capsys.readouterr().err
    published, physical = (table(tmp_path / f"p{k}_truth.csv") for k in (0, 1))
    np.testing.assert_array_equal(published["NAA_amplitude"], physical["NAA_amplitude"])
    assert (published["NAA_amplitude"] >= 7.5 / 17).all() and (published["NAA_amplitude"] <= 1).all()
    assert json.loads((tmp_path / "p1_truth.json").read_text())["form"] == "physical"
    # The noise of the published form dies away with the signal.
    late = [np.abs(np.asarray(read_data(tmp_path / f"p{k}.nii.gz").spectra)[:, -64:]).mean() for k in (0, 1)]
    assert late[0] < late[1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--n", "0"), "--n is 0; it must be between 1 and 1000000"),
        (("--n", "2", "--seed", "-1"), "--seed is -1"),
        (("--n", "2", "--recipe", "nobody"), "--recipe is 'nobody'; it must be brain, hatami2018"),
        (("--n", "2", "--recipe", "hatami2018", "--snr", "1", "2"), "--snr is given, but the recipe hatami2018"),
        (("--n", "2", "--physical"), "--physical is given, but the recipe brain"),
        (("--n", "2", "--snr", "0", "2"), "--snr is 0 2"),
        (("--n", "2", "--snr", "9", "2"), "--snr is 9 2; LO must not be above HI"),
        (("--n", "2", "--water", "-1", "2"), "--water is -1 2; it must not be negative"),
        (("--n", "2", "--water", "0", "nan"), "--water is 0 nan"),
        (("--n", "2", "--spread", "9"), "--spread is 9"),
        (("--n", "2", "--snr-definition", "loud"), "--snr-definition is 'loud'; it must be one of peak"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(basis_file, tmp_path, capsys, options, told):
    assert simulate(basis_file, tmp_path / "new" / "a.nii.gz", *options) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_are_refused_before_work(basis_file, tmp_path, capsys, monkeypatch):
    assert simulate(basis_file, tmp_path / "a.txt", "--n", "1") == 2
    assert "must end in .nii or .nii.gz" in capsys.readouterr().err
    assert simulate(tmp_path / "none.BASIS", tmp_path / "a.nii", "--n", "1") == 2
    assert "none.BASIS" in capsys.readouterr().err
    monkeypatch.setattr(simulated.os, "sysconf", lambda _: 1000)
    assert simulate(basis_file, tmp_path / "a.nii", "--n", "900000") == 2
    assert "--n is 900000: 900000 spectra of 256 points need about 5.5 GB" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
