"""Every example runs without data and leaves the figure it promises."""

import runpy
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each compiles its own models
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
LONG = (
    "align_transients", "baseline_stiffness", "clean_a_volume", "clean_raw_data", "drawn_to_the_mean",
    "echo_time_design", "fit_volume", "gradient_of_a_fit", "is_the_bound_honest", "posterior_near_zero",
    "smooth_maps", "soft_constraints", "tumour_maps",
)  # fmt: skip


@pytest.mark.parametrize(
    "example",
    [pytest.param(path, marks=pytest.mark.thorough if path.stem in LONG else ()) for path in EXAMPLES],
    ids=lambda path: path.stem,
)
def test_example_draws_its_figure(example, tmp_path, monkeypatch, capsys):
    if "sample_posterior" in example.read_text(encoding="utf-8"):
        pytest.importorskip("blackjax")
    figure = tmp_path / f"{example.stem}.png"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example), str(figure)])
    runpy.run_path(str(example), run_name="__main__")
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert len(example.read_text(encoding="utf-8").splitlines()) < 60
    assert "Traceback" not in capsys.readouterr().err


def test_there_are_examples():
    assert {path.stem for path in EXAMPLES} > set(LONG)
