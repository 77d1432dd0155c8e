"""Macromolecule and lipid priors: which basis gets which, and that LCModel's numbers are LCModel's."""

import json
import os
from pathlib import Path

import pytest
from synthetic import ACQUISITION

from diffmrs.priors import heavy_ratios, prior_set
from diffmrs.priors.heavy import heavy_spread
from diffmrs.spins.macromolecules import macromolecule_sets, macromolecules


def by_label(names):
    return {prior.label: prior for prior in heavy_ratios(names)}


@pytest.mark.parametrize("name", macromolecule_sets())
def test_every_published_set_has_ratios_of_its_own_members(name):
    members = macromolecules(name).names
    found = heavy_ratios((*members, "Cr", "PCr"))
    assert found
    for prior in found:
        assert {n for n, _ in prior.numerator + prior.denominator} <= {*members, "Cr", "PCr"}
        assert prior.source and prior.sd > 0


def test_lcmodel_ratios_are_those_of_its_source():
    facts = Path(os.environ.get("DIFFMRS_DATA", "/work/shared/data")).parent / "reference/mm_components.json"
    if not facts.is_file():
        pytest.skip("the collected facts are not here")
    table = json.loads(facts.read_text())["lcmodel_default_lowfield"]
    found = by_label((*macromolecules("lcmodel").names, "Cr", "PCr"))
    for label, (mean, sd) in table["ratio_priors"].items():
        label = label.replace("Lip13*", "(Lip13a+Lip13b+Lip13c+Lip13d)").replace("MM09*", "MM09")
        prior = found[label.replace("totCr", "(Cr+PCr)")]
        assert (prior.mean, prior.sd) == (mean, sd)
    for name, component in table["components"].items():
        if "sd_shift_ppm" in component:
            expected = (100 * component["sd_shift_ppm"], 100 * component["sd_fwhm"])
            assert heavy_spread(name, 100.0)[:2] == pytest.approx(expected)


def test_lines_that_osprey_sets_free_keep_their_share():
    found = by_label(macromolecules("osprey_mm15").names)
    assert found["MM12/MM09"].mean == 0.3
    assert found["MM30/MM09"].mean == found["MM20/MM09"].mean == 1.5
    assert found["(MM39+MM40)/MM09"].mean == pytest.approx(1.0 / 0.72 * 3 / 2)


def test_names_that_begin_alike_are_not_mixed_up():
    assert heavy_spread("MM090", 100.0) == heavy_spread("MMmeas", 100.0) != heavy_spread("MM09", 100.0)
    assert heavy_spread("Lip13c", 100.0)[0] == pytest.approx(1.0)


def test_metabolites_alone_or_a_measured_spectrum_get_no_ratio():
    assert heavy_ratios(("NAA", "Cr", "MMmeas")) == ()
    assert [prior.label for prior in heavy_ratios(("Lip13a", "Lip09", "MMmeas"))] == ["Lip09/Lip13a"]


def test_the_set_ratios_holds_them_and_weak_does_not():
    names = ("NAA", "Cr", *macromolecules("lcmodel").names)
    labels = {prior.label for prior in prior_set("ratios", names, ACQUISITION)}
    assert "MM20/MM09" in labels and "-CrCH2/Cr" in labels
    assert "MM20/MM09" not in {prior.label for prior in prior_set("weak", names, ACQUISITION)}
