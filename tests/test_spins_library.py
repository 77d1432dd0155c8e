"""The table of spin systems: complete, with sources, and open to one's own molecules."""

import json
from importlib import resources

import numpy as np
import pytest

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.errors import InputError
from diffmrs.spins import (
    BRAIN,
    Metabolite,
    describe,
    metabolite,
    metabolite_names,
    pulse_acquire,
    simulate_basis,
    spin_group,
    variants,
)

TABLE = json.loads(resources.files("diffmrs.spins").joinpath("systems/metabolites.json").read_text())["metabolites"]
REQUIRED = [
    "Ala",
    "Asc",
    "Asp",
    "Ace",
    "Cr",
    "PCr",
    "GABA",
    "Glc",
    "Gln",
    "Glu",
    "GPC",
    "PCho",
    "Cho",
    "GSH",
    "Gly",
    "Ins",
    "sIns",
    "Lac",
    "NAA",
    "NAAG",
    "PE",
    "Ser",
    "Tau",
    "2HG",
    "Thr",
    "Val",
    "H2O",
    "bHB",
    "EtOH",
]


@pytest.mark.parametrize("name", metabolite_names())
def test_every_set_counts_its_protons_and_names_its_source(name):
    assert describe(name)
    for variant, source in variants(name).items():
        entry = metabolite(name, variant)
        assert entry.n_protons == pytest.approx(TABLE[name]["variants"][variant]["n_protons"], abs=1e-9)
        assert len(source) > 20 and entry.source == source
        for group in entry.groups:
            assert np.all((group.shifts_ppm > 0.5) & (group.shifts_ppm < 9))
            assert np.all(np.abs(group.j_hz) < 20)


def test_all_usual_metabolites_are_there_and_the_disputed_ones_have_more_than_one_set():
    assert set(REQUIRED) | set(BRAIN) <= set(metabolite_names())
    for name in ("GABA", "Asc", "GSH", "2HG", "bHB", "EtOH"):
        assert len([v for v in variants(name) if v != "fc2016" and not v.endswith("NH")]) > 1, name
    assert next(iter(variants("GABA"))) == "near2013"


def test_the_first_sample_is_the_number_of_protons():
    names = ("Lac", "GPC", "NAA", "Glc", "H2O", "Thr")
    basis = simulate_basis(names, pulse_acquire(), Acquisition(1 / 2000, 123.2), 16)
    expected = [metabolite(name).n_protons for name in names]
    np.testing.assert_allclose(np.asarray(basis.fid[:, 0]), expected, rtol=1e-5)


def test_naa_lies_at_its_shift():
    acquisition = Acquisition(1 / 4000, 123.2)
    fid = simulate_basis(["NAA"], pulse_acquire(), acquisition, 8192, lorentzian_fwhm_hz=2.0).fid[0]
    spectrum = np.asarray(spectrum_of(fid)).real
    assert acquisition.ppm(8192)[spectrum.argmax()] == pytest.approx(2.008, abs=0.004)


def test_a_usual_other_name_is_kept():
    assert metabolite("mI").name == "mI"
    np.testing.assert_array_equal(metabolite("mI").groups[0].shifts_ppm, metabolite("Ins").groups[0].shifts_ppm)


def test_a_heteronucleus_splits_a_line_without_being_pulsed():
    doublet = Metabolite("X", (spin_group([4.65], heteronuclei=[("31P", [8.0])]),))
    triplet = Metabolite("Y", (spin_group([4.65], heteronuclei=[("14N", [8.0])]),))
    basis = simulate_basis([doublet, triplet], pulse_acquire(), Acquisition(1e-3, 123.2), 64)
    t = np.arange(64) * 1e-3
    np.testing.assert_allclose(basis.fid[0], np.cos(2 * np.pi * 4 * t), atol=1e-5)
    np.testing.assert_allclose(basis.fid[1], (1 + 2 * np.cos(2 * np.pi * 8 * t)) / 3, atol=1e-5)


@pytest.mark.parametrize("nucleus", ["31P", "13C", "2H"])
def test_other_nuclei_have_their_own_systems(nucleus):
    atp = Metabolite("ATP", (spin_group([-7.6, -16.1, -2.5], {"1-2": 16.3, "2-3": 16.1}),), nucleus=nucleus)
    acquisition = Acquisition(1e-4, 120.0, nucleus, 0.0)
    basis = simulate_basis([atp], pulse_acquire(acquisition_delay_s=3e-4), acquisition, 128)
    assert basis.fid.shape == (1, 128)
    with pytest.raises(InputError, match=r"ATP is a .* spin system but the acquisition is 1H"):
        simulate_basis([atp], pulse_acquire(), Acquisition(1e-4, 123.2), 64)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: metabolite("Unobtainium"), "no metabolite 'Unobtainium'"),
        (lambda: metabolite("GABA", "none"), "it has near2013"),
        (lambda: spin_group([1.0, 2.0], {"1-3": 7.0}), "'1-3' is not a pair"),
        (lambda: spin_group([1.0], heteronuclei=[("99X", [1.0])]), "not known"),
        (lambda: spin_group([1.0], heteronuclei=[("31P", [1.0, 2.0])]), "2 couplings for 1 spins"),
        (lambda: spin_group([float("nan")]), "finite"),
        (lambda: spin_group([1.0] * 11), "1 to 10"),
        (lambda: simulate_basis([], pulse_acquire(), Acquisition(1e-3, 123.2), 64), "name at least one"),
        (lambda: simulate_basis(["Cr"], pulse_acquire(), Acquisition(1e-3, 123.2), 8), "at least 16"),
        (lambda: simulate_basis(["Cr", "Cr"], pulse_acquire(), Acquisition(1e-3, 123.2), 64), "more than once"),
        (
            lambda: simulate_basis(["Cr"], pulse_acquire(), Acquisition(1e-3, 123.2), 64, lorentzian_fwhm_hz=-1.0),
            "at least 0",
        ),
    ],
)
def test_errors_say_what_is_allowed(build, message):
    with pytest.raises(InputError, match=message):
        build()
