"""Soft constraints in a file: what is written is read, units are turned, and every bad field is told in one line."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import ACQUISITION

from diffmrs.cli import main
from diffmrs.errors import InputError
from diffmrs.priors import ParameterPrior, RatioPrior, all_constraints, prior_set, read_priors, write_priors

RATIO = {"numerator": ["Tau"], "denominator": {"Cr": 1, "PCr": 1}, "mean": 0.2, "sd": 0.1, "source": "a paper"}
SHIFT = {"quantity": "frequency_shift", "member": "NAA", "mean_ppm": 0.01, "sd_ppm": 0.02, "source": "a paper"}
PHASE = {"quantity": "phase0", "mean_deg": 90, "sd_deg": 10, "source": "a paper"}

numbers = st.floats(-1e3, 1e3, allow_subnormal=False)
widths = st.floats(1e-3, 1e3)
sides = st.sampled_from(["both", "below", "above"])
weights = st.dictionaries(st.text("abcXYZ", min_size=1), st.floats(0.1, 10), min_size=1, max_size=3).map(
    lambda found: tuple(found.items())
)
QUANTITIES = ["lorentzian_fwhm_hz", "frequency_shift_hz", "frequency_shift_ppm", "gaussian_variance_hz2"]
ratios = st.tuples(weights, weights, st.floats(0, 1e3), widths, st.just("mine"), sides)
names = st.text("abcXYZ", min_size=1)
lines = st.tuples(st.sampled_from(QUANTITIES), names, numbers, widths, st.just("mine"), weights, sides)


def written(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@given(
    st.lists(ratios, min_size=1, max_size=3, unique_by=lambda r: r[:2]),
    st.lists(lines, max_size=3, unique_by=lambda p: (p[0], p[1], p[5])),
)
def test_what_is_written_is_read(tmp_path_factory, ratios, lines):
    path = tmp_path_factory.mktemp("own") / "priors.json"
    constraints = (*(RatioPrior(*each) for each in ratios), *(ParameterPrior(*each) for each in lines))
    write_priors(path, constraints, base="ratios")
    assert read_priors(path) == ("ratios", *constraints)


def test_a_ready_set_survives_the_way_through_a_file(tmp_path):
    names = ("NAA", "Cr", "PCr", "GABA", "Glu", "Gln", "MM09", "MM20", "Lip13a", "Lip09")
    chosen = prior_set("ratios", names, ACQUISITION)
    write_priors(tmp_path / "p.json", chosen)
    base, *read = read_priors(tmp_path / "p.json")
    assert base == "none"
    assert set(read) == set(chosen)


def test_units_of_the_file_become_those_of_the_library(tmp_path):
    delay = {"quantity": "delay", "mean_ms": 0.1, "sd_ms": 0.05, "side": "above", "source": "s"}
    base, phase, late = read_priors(written(tmp_path / "p.json", {"parameters": [PHASE, delay]}))
    assert base == "weak"
    assert phase == ParameterPrior("phase0_rad", "", math.pi / 2, math.radians(10), "a paper")
    assert late.side == "above"
    assert late.mean == pytest.approx(1e-4)
    assert late.sd == pytest.approx(5e-5)


def test_a_shift_to_higher_ppm_is_one_to_lower_frequency(tmp_path):
    document = {"base": "none", "parameters": [SHIFT | {"side": "above"}]}
    read = read_priors(written(tmp_path / "p.json", document))
    (prior,) = all_constraints(read, ("NAA", "Cr"), ACQUISITION)
    f0 = ACQUISITION.spectrometer_frequency_mhz
    assert prior.quantity == "frequency_shift_hz"
    assert (prior.mean, prior.sd) == pytest.approx((-0.01 * f0, 0.02 * f0))
    assert prior.side == "below"


def test_members_may_be_called_by_any_name_the_library_knows(tmp_path):
    ratio = RATIO | {"numerator": ["PCho"]}
    read = read_priors(written(tmp_path / "p.json", {"base": "none", "ratios": [ratio]}))
    (prior,) = all_constraints(read, ("PCh", "Cr", "PCr"), ACQUISITION)
    assert prior.numerator == (("PCh", 1.0),)


WRONG = {
    "not JSON": ("nonsense", "cannot be read as JSON"),
    "a list": ([], "found \\[\\], needed an object"),
    "empty": ({}, "neither ratios nor parameters"),
    "unknown field": ({"ratio": [RATIO]}, "field 'ratio' is not known; there are base, ratios, parameters"),
    "unknown base": ({"base": "strong", "ratios": [RATIO]}, "field 'base': found 'strong', needed one of none, weak"),
    "no list": ({"ratios": RATIO}, "field 'ratios': found .*, needed a list"),
    "no object": ({"parameters": [3]}, r"parameters\[0\]: found 3, needed an object"),
    "twice": ({"ratios": [RATIO, RATIO]}, r"ratios\[1\]: found the ratio of \[0\] again"),
    "twice a width": ({"parameters": [SHIFT, SHIFT]}, r"parameters\[1\]: found the parameter of \[0\] again"),
}
WRONG |= {
    f"ratio, {field} {value!r}": ({"ratios": [RATIO | {field: value}]}, rf"ratios\[0\]: field '{field}': {says}")
    for field, value, says in (
        ("mean", -0.1, "found -0.1, needed a number of at least 0"),
        ("mean", True, "found True"),
        ("sd", 0, "found 0, needed a number above 0"),
        ("sd", float("nan"), "found nan"),
        ("sd", "wide", "found 'wide'"),
        ("side", "left", "found 'left', needed one of both, below, above"),
        ("source", " ", "found ' ', needed a text"),
        ("numerator", [], r"found \[\], needed a list of different"),
        ("numerator", "Tau", "found 'Tau', needed a list"),
        ("denominator", ["Cr", "Cr"], "found .*, needed a list of different"),
        ("denominator", {"Cr": 0}, "found {'Cr': 0}"),
    )
}
WRONG["unit of a ratio"] = ({"ratios": [RATIO | {"unit": "ppm"}]}, r"ratios\[0\]: field 'unit' is not known")
WRONG |= {
    f"parameter, {name}": ({"parameters": [item]}, rf"parameters\[0\]: {says}")
    for name, item, says in (
        ("unknown quantity", SHIFT | {"quantity": "width"}, "field 'quantity': found 'width', needed one of frequency"),
        ("no quantity", {"member": "NAA"}, "field 'quantity': found nothing"),
        ("no source", {k: v for k, v in SHIFT.items() if k != "source"}, "field 'source': found nothing"),
        ("no member", {k: v for k, v in SHIFT.items() if k != "member"}, "field 'member': found nothing, needed the"),
        ("two units", SHIFT | {"sd_hz": 1.0}, "the value of frequency_shift: found sd_ppm, sd_hz, needed mean_ppm"),
        ("no value", {"quantity": "delay", "source": "s"}, "the value of delay: found nothing, needed mean_ms"),
        ("no mean", {"quantity": "delay", "sd_ms": 1, "source": "s"}, "field 'mean_ms': found nothing, needed a"),
        ("wrong unit", SHIFT | {"sd_deg": 1.0}, "field 'sd_deg' is not known"),
        ("member of a phase", PHASE | {"member": "NAA"}, "field 'member'"),
        ("negative sd", PHASE | {"sd_deg": -1}, "field 'sd_deg': found -1, needed a number above 0"),
    )
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_bad_file_is_told_in_one_line(case, tmp_path):
    document, says = WRONG[case]
    path = tmp_path / "priors.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match=says) as caught:
        read_priors(path)
    assert "priors.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_base_that_does_not_exist_is_not_written(tmp_path):
    with pytest.raises(InputError, match="base is 'strong'"):
        write_priors(tmp_path / "p.json", [], base="strong")
    assert not list(tmp_path.iterdir())


def test_the_command_refuses_a_bad_file_and_writes_nothing(tmp_path, capsys):
    path = written(tmp_path / "priors.json", {"ratios": [RATIO | {"sd": -1}]})
    arguments = ["fit", "x.nii.gz", "--basis", "y", "--priors", str(path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    line = capsys.readouterr().err
    assert "ratios[0]: field 'sd': found -1" in line
    assert not (tmp_path / "out").exists()
