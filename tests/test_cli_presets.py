"""`diffmrs train --preset`: a published estimator from files."""

import csv
import json

import numpy as np
import pytest
import small_presets

from diffmrs.cli import main
from diffmrs.io import write_basis
from diffmrs.learn.presets import preset_names, read_preset_model
from diffmrs.learn.tensors import read_tensors


@pytest.fixture
def folder(tmp_path):
    write_basis(tmp_path / "small.BASIS", small_presets.basis(), "lcmodel")
    (tmp_path / "small.toml").write_text(small_presets.TEXT)
    return tmp_path


def arguments(folder, *others):
    basis, out = folder / "small.BASIS", folder / "net.safetensors"
    return ["train", "--preset", str(folder / "small.toml"), "--basis", str(basis), "--out", str(out), *others]


@pytest.mark.slow
def test_a_preset_is_trained_into_one_file(folder, capsys):
    assert main(arguments(folder, "--steps", "4", "--seed", "3")) == 0
    assert "4 steps" in capsys.readouterr().out
    model = read_preset_model(folder / "net.safetensors")
    assert set(model.names) == set(small_presets.NAMES)
    amplitude, _ = model.quantify(np.asarray(small_presets.basis().fid))
    assert np.isfinite(amplitude).all()
    facts = json.loads(read_tensors(folder / "net.safetensors")[1]["facts"])
    assert facts["told"]["training"]["steps"] == 4
    assert facts["told"]["training"]["seed"] == 3
    with (folder / "net_metrics.csv").open() as stream:
        assert [row["step"] for row in csv.DictReader(stream)] == ["1", "2", "3", "4"]
    assert not (folder / "net.checkpoint").exists()


def test_presets_are_listed(capsys):
    assert main(["train", "--presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(preset_names())


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (["--encoder", "mlp"], "--encoder does not go with --preset"),
        (["--learning-rate", "0.1"], "--learning-rate does not go with --preset"),
        (["--snr", "5", "10"], "--snr does not go with --preset"),
        (["--steps", "0"], "steps is 0"),
        (["--preset", "nobody2020"], "preset is 'nobody2020'"),
        (["--out", "net.pickle"], "must end in .safetensors"),
        (["--basis", "nothing.BASIS"], "nothing.BASIS"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(folder, others, words, capsys):
    assert main(arguments(folder, *others)) == 2
    told = capsys.readouterr().err.strip()
    assert words in told
    assert "\n" not in told


def test_files_must_be_named_and_full_needs_a_preset(folder, capsys):
    assert main(["train", "--preset", "hatami2018"]) == 2
    assert "--basis and --out must be given" in capsys.readouterr().err
    arguments_without = ["--basis", str(folder / "small.BASIS"), "--out", str(folder / "net.safetensors")]
    assert main(["train", "--full", *arguments_without]) == 2
    assert "--full goes only with --preset" in capsys.readouterr().err
