"""The published ratios: complete, sourced, wide enough, and what the listed studies give."""

import json
import math
import statistics
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmrs.errors import InputError
from diffmrs.priors import brain_ratios, line_spreads, read_ratios, strong_signals
from diffmrs.spins import metabolite_names

DATA = resources.files("diffmrs.priors").joinpath("data")
TABLE = json.loads(DATA.joinpath("brain_1h.json").read_text(encoding="utf-8"))
STUDIES = json.loads(DATA.joinpath("brain_1h_studies.json").read_text(encoding="utf-8"))
ITEMS = {"/".join(item["numerator"]): item for item in TABLE["ratios"]}
HIGH_FIELD_T = 7.0


def counted(item):
    """The ratios that a mean is made of, by the rule of docs/priors_sources.md."""
    found = STUDIES["ratios"].get(item["studies"], {})
    rows = [(ratio, STUDIES["studies"][key]["field_t"] >= HIGH_FIELD_T) for key, ratio in found.items()]
    rows += [(e["ratio"], e["resolved"]) for e in item["evidence"] if e["counted"]]
    resolved = [ratio for ratio, is_resolved in rows if is_resolved]
    return (resolved, True) if len(resolved) >= 5 else ([ratio for ratio, _ in rows], False)


def spread(ratios):
    if len(ratios) < 2:
        return 0.0
    if len(ratios) < 10:
        return statistics.stdev(ratios)
    middle = statistics.median(ratios)
    return 1.4826 * statistics.median(abs(ratio - middle) for ratio in ratios)


def test_every_prior_is_at_least_half_as_wide_as_its_mean():
    assert all(prior.sd >= 0.5 * prior.mean > 0 for prior in brain_ratios())


@pytest.mark.parametrize("name", ITEMS)
def test_mean_is_the_median_of_the_listed_studies(name):
    ratios, resolved_only = counted(ITEMS[name])
    assert len(ratios) == ITEMS[name]["studies_counted"]
    assert resolved_only == ITEMS[name]["resolved_only"]
    assert ITEMS[name]["mean"] == pytest.approx(statistics.median(ratios), rel=0.05)


@pytest.mark.parametrize("name", ITEMS)
def test_width_covers_the_spread_between_studies(name):
    ratios, _ = counted(ITEMS[name])
    assert ITEMS[name]["spread_between_studies"] == pytest.approx(spread(ratios), rel=0.05, abs=1e-9)
    assert ITEMS[name]["sd"] >= spread(ratios)


@pytest.mark.parametrize("name", [name for name in ITEMS if name != "PCho"])
def test_width_reaches_the_median_of_patients_and_aged(name):
    """PCho: papers that write total choline as PCho make the share of patients meaningless."""
    other = STUDIES["other_groups"].get(ITEMS[name]["studies"], {"groups": 0})
    if other["groups"] >= 10:
        assert abs(other["median"] - ITEMS[name]["mean"]) <= ITEMS[name]["sd"]


def test_denominators_are_strong_signals_and_numerators_weak_ones():
    strong = {frozenset(signal.members) for signal in strong_signals()}
    alone = {member for signal in strong_signals() if len(signal.members) == 1 for member in signal.members}
    for prior in brain_ratios():
        assert frozenset(dict(prior.denominator)) in strong
        assert alone.isdisjoint(dict(prior.numerator))
        assert prior.numerator != (("NAA", 1.0),)


def test_names_are_those_of_the_spin_library_and_unique():
    names = [name for prior in brain_ratios() for name, _ in prior.numerator]
    assert len(names) == len(set(names))
    denominators = {name for prior in brain_ratios() for name, _ in prior.denominator}
    assert {*names, *denominators} <= set(metabolite_names())


def test_a_share_of_two_members_lies_between_none_and_all():
    for prior in brain_ratios():
        if set(prior.numerator) <= set(prior.denominator):
            assert 0 < prior.mean < 1


def test_every_source_is_told_and_says_whether_it_was_read():
    cited = {e["source"] for item in TABLE["ratios"] for e in item["evidence"]}
    cited |= {row["source"] for part in ("line_spread", "other_tools") for row in TABLE[part]}
    assert cited <= set(TABLE["sources"])
    for source in TABLE["sources"].values():
        assert source["citation"] and source["how"] and source["url"]


def test_only_what_was_read_is_counted():
    used = {e["source"] for item in TABLE["ratios"] for e in item["evidence"] if e["counted"]}
    assert all(TABLE["sources"][key]["verified"] for key in used)


def test_every_study_has_a_doi_and_a_field():
    for ratios in STUDIES["ratios"].values():
        for key in ratios:
            assert STUDIES["studies"][key]["doi"].startswith("10.")
            assert STUDIES["studies"][key]["field_t"] >= 3


def test_widths_from_t2_follow_from_the_listed_times():
    """A Lorentzian line has a full width of 1/(pi T2) at half its height."""
    for line in line_spreads():
        if "T2" in line.of:
            times = [row["t2_ms"] for row in STUDIES["t2"][f"{line.field_t:g}"].values()]
            widths = [1e3 / (math.pi * t) for t in times]
            assert line.mean == pytest.approx(statistics.mean(widths), abs=0.006)
            assert line.sd == pytest.approx(statistics.stdev(widths), abs=0.006)
        assert line.unit == {"shift": "ppm", "lorentzian_fwhm": "Hz"}[line.quantity]
        assert line.sd > 0 and line.source


def test_a_prior_says_its_name_and_its_source():
    gaba = next(prior for prior in brain_ratios() if prior.numerator == (("GABA", 1.0),))
    assert gaba.label == "GABA/(Cr+PCr)"
    assert "Gudmundson 2023" in gaba.source


GOOD = {"numerator": ["Tau"], "denominator": ["Cr", "PCr"], "mean": 0.2, "sd": 0.1, "source": "a paper"}


@given(
    mean=st.floats(0, 10),
    sd=st.floats(1e-6, 10),
    names=st.lists(st.text("abcXYZ", min_size=1), min_size=2, max_size=5, unique=True),
)
def test_a_file_of_ones_own_is_read_as_written(tmp_path_factory, mean, sd, names):
    path = tmp_path_factory.mktemp("own") / "ratios.json"
    item = {"numerator": names[:1], "denominator": names[1:], "mean": mean, "sd": sd, "source": "mine"}
    path.write_text(json.dumps({"ratios": [item]}), encoding="utf-8")
    (prior,) = read_ratios(path)
    assert (list(dict(prior.numerator)), list(dict(prior.denominator))) == (names[:1], names[1:])
    assert (prior.mean, prior.sd, prior.source) == (mean, sd, "mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": -0.1}, "field 'mean': found -0.1, needed a number of at least 0"),
        ({"mean": True}, "field 'mean': found True"),
        ({"sd": 0}, "field 'sd': found 0, needed a positive number"),
        ({"sd": float("nan")}, "field 'sd': found nan"),
        ({"sd": "wide"}, "field 'sd': found 'wide'"),
        ({"numerator": []}, r"field 'numerator': found \[\], needed a list of different metabolite names"),
        ({"numerator": "Tau"}, "field 'numerator': found 'Tau'"),
        ({"denominator": ["Cr", "Cr"]}, "field 'denominator'"),
        ({"source": " "}, "field 'source'"),
    ],
)
def test_a_bad_field_is_named(tmp_path, change, message):
    path = tmp_path / "ratios.json"
    path.write_text(json.dumps({"ratios": [GOOD | change]}), encoding="utf-8")
    with pytest.raises(InputError, match=rf"ratios\.json: ratios\[0\]: {message}") as caught:
        read_ratios(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "cannot be read as JSON"),
        ("[]", "field 'ratios': found nothing, needed a list"),
        ('{"ratios": [3]}', r"ratios\[0\]: found 3, needed an object"),
        (json.dumps({"ratios": [GOOD, GOOD]}), "Tau has a prior already"),
    ],
)
def test_a_bad_file_is_an_input_error(tmp_path, text, message):
    path = tmp_path / "ratios.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_ratios(path)


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json"):
        read_ratios(tmp_path / "nowhere.json")
