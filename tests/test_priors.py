"""Soft constraints: their residuals by hand, what is refused, and what the ready sets hold."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import ACQUISITION, basis

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.model import Lineshape, NoBaseline, model_for, parameters_for
from diffmrs.priors import (
    PRIOR_SETS,
    ParameterPrior,
    RatioPrior,
    all_constraints,
    own_groups,
    prior_set,
    priors_for,
)
from diffmrs.priors.priors import ratio_residual, value_residual

NAMES = ("NAA", "Cr", "PCr", "GPC", "MM09")
SKEWED = Lineshape(asymmetric=True)
MODEL = model_for(
    basis(NAMES),
    ppm_range=(0.5, 4.2),
    groups=(0, 1, 1, 2, 3),
    shims=(0, 0, 0, 0, 1),
    baseline=NoBaseline(),
    lineshape=SKEWED,
)
NOTHING = jnp.zeros(5)


def ratio(mean, sd, side="both", numerator=(("GPC", 1.0),), denominator=(("Cr", 1.0), ("PCr", 1.0))):
    return RatioPrior(numerator, denominator, mean, sd, "a source", side)


def ratios_off(constraints, amplitude, floor=NOTHING):
    return np.asarray(ratio_residual(jnp.asarray(amplitude), priors_for(constraints, NAMES, MODEL), floor))


def values_off(constraints, parameters):
    return np.asarray(value_residual(parameters, priors_for(constraints, NAMES, MODEL)))


def some_parameters():
    return replace(
        parameters_for(MODEL, jnp.ones(5), phase0_rad=0.3, delay_s=1e-4),
        lorentzian_fwhm_hz=jnp.asarray([2.0, 3.0, 5.0, 9.0]),
        frequency_shift_hz=jnp.asarray([1.0, -1.0, 4.0, 0.0]),
        gaussian_variance_hz2=jnp.asarray([16.0, 100.0]),
        third_moment_hz3=jnp.asarray([20.0, 0.0]),
    )


def test_a_ratio_of_sums_is_compared_in_standard_deviations(x64):
    amplitude = [12.0, 4.0, 4.0, 2.0, 7.0]
    two = (ratio(0.2, 0.1), ratio(3.0, 0.5, numerator=(("NAA", 1.0), ("MM09", 2.0)), denominator=(("Cr", 2.0),)))
    np.testing.assert_allclose(ratios_off(two, amplitude), [(2 / 8 - 0.2) / 0.1, (26 / 8 - 3.0) / 0.5], rtol=1e-12)


@given(st.lists(st.floats(0.1, 50), min_size=5, max_size=5), st.floats(0.01, 100))
@settings(deadline=None, max_examples=20)
def test_a_ratio_does_not_care_about_the_unit_of_amplitudes(amplitude, factor):
    constraints = (ratio(0.2, 0.1), ratio(1.0, 0.5, "above"))
    once, scaled = (ratios_off(constraints, k * np.asarray(amplitude, np.float32)) for k in (1.0, factor))
    np.testing.assert_allclose(once, scaled, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("side", "below", "above"), [("both", -2.0, 2.0), ("below", -2.0, 0.0), ("above", 0.0, 2.0)])
def test_one_sided_constraints_cost_on_their_side_only(side, below, above):
    constraints = (ratio(0.25, 0.05, side),)
    low, high = ([1.0, 4.0, 4.0, gpc, 1.0] for gpc in (8 * 0.15, 8 * 0.35))
    np.testing.assert_allclose(ratios_off(constraints, low), [below], rtol=1e-4)
    np.testing.assert_allclose(ratios_off(constraints, high), [above], rtol=1e-4)
    width = (ParameterPrior("lorentzian_fwhm_hz", "NAA", 4.0, 1.0, "a source", side=side),)
    np.testing.assert_allclose(values_off(width, some_parameters()), [below])


def test_a_denominator_that_cannot_be_seen_counts_as_one_that_just_can(x64):
    floor = jnp.asarray([0.0, 0.3, 0.4, 0.0, 0.0])
    (off,) = ratios_off((ratio(0.0, 1.0),), [1.0, 0.0, 0.0, 2.0, 1.0], floor)
    assert off == pytest.approx(2.0 / 0.5)
    (large,) = ratios_off((ratio(0.0, 1.0),), [1.0, 40.0, 40.0, 2.0, 1.0], floor)
    assert large == pytest.approx(2.0 / 80, rel=1e-4)


def test_widths_shifts_and_phases_are_compared_alone_or_with_others(x64):
    average = (("NAA", 1.0), ("Cr", 1.0), ("PCr", 1.0), ("GPC", 1.0))
    constraints = (
        ParameterPrior("lorentzian_fwhm_hz", "PCr", 2.0, 0.5, "a source"),
        ParameterPrior("frequency_shift_hz", "GPC", 0.0, 0.5, "a source", average),
        ParameterPrior("frequency_shift_hz", "NAA", 1.0, 2.0, "a source", (("GPC", 3.0), ("Cr", 1.0))),
        ParameterPrior("gaussian_variance_hz2", "MM09", 90.0, 5.0, "a source"),
        ParameterPrior("third_moment_hz3", "NAA", 0.0, 10.0, "a source"),
        ParameterPrior("phase0_rad", "", 0.1, 0.1, "a source"),
        ParameterPrior("delay_s", "", 0.0, 5e-5, "a source"),
    )
    expected = [
        (3.0 - 2.0) / 0.5,
        (4.0 - (1 - 1 - 1 + 4) / 4) / 0.5,
        (1.0 - (3 * 4.0 - 1.0) / 4 - 1.0) / 2.0,
        (100.0 - 90.0) / 5.0,
        20.0 / 10.0,
        (0.3 - 0.1) / 0.1,
        1e-4 / 5e-5,
    ]
    np.testing.assert_allclose(values_off(constraints, some_parameters()), expected, rtol=1e-9)


def test_labels_and_sources_follow_the_order_ratios_first():
    width = ParameterPrior("lorentzian_fwhm_hz", "Cr", 2.0, 0.5, "about widths")
    priors = priors_for((width, ratio(0.2, 0.1)), NAMES, MODEL)
    assert priors.n_ratios == 1
    assert priors.labels == ("GPC/(Cr+PCr)", "lorentzian_fwhm_hz of Cr")
    assert priors.sources == ("a source", "about widths")
    alone = priors.without_ratios()
    assert alone.n_ratios == 0 and alone.labels == ("lorentzian_fwhm_hz of Cr",) and alone.sources == ("about widths",)
    assert values_off((width,), some_parameters()) == value_residual(some_parameters(), alone)


def test_missing_parts_of_a_denominator_are_left_out():
    wanted = ratio(0.2, 0.1, denominator=(("Cr", 1.0), ("Glc", 1.0)))
    np.testing.assert_allclose(ratios_off((wanted,), [1.0, 4.0, 4.0, 2.0, 1.0]), [(2 / 4 - 0.2) / 0.1], rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ratio(float("nan"), 0.1), "mean is nan"),
        (lambda: ratio(0.1, 0.0), "sd is 0"),
        (lambda: ratio(0.1, float("inf")), "sd is inf"),
        (lambda: ratio(0.1, 0.1, "left"), "side is 'left'"),
        (lambda: ParameterPrior("width", "NAA", 1.0, 1.0, "a source"), "no such quantity"),
        (lambda: ParameterPrior("phase0_rad", "NAA", 1.0, 1.0, "a source"), "phases have none"),
        (lambda: ParameterPrior("lorentzian_fwhm_hz", "", 1.0, 1.0, "a source"), "the others need one"),
        (lambda: ParameterPrior("delay_s", "", 1.0, -1.0, "a source"), "sd is -1"),
        (lambda: ratios_off((ratio(0.1, 0.1, numerator=(("Glc", 1.0),)),), NOTHING), "no member Glc"),
        (lambda: ratios_off((ratio(0.1, 0.1, denominator=(("Glc", 1.0),)),), NOTHING), "no member Glc"),
        (
            lambda: values_off((ParameterPrior("lorentzian_fwhm_hz", "Glc", 1.0, 1.0, "s"),), some_parameters()),
            "no member Glc",
        ),
        (
            lambda: values_off(
                (ParameterPrior("lorentzian_fwhm_hz", "NAA", 1.0, 1.0, "s", (("Glc", 1.0),)),), some_parameters()
            ),
            "no member Glc",
        ),
        (
            lambda: priors_for(
                (ParameterPrior("third_moment_hz3", "NAA", 0.0, 1.0, "s"),),
                NAMES,
                replace(MODEL, lineshape=Lineshape()),
            ),
            "the model has no third_moment_hz3",
        ),
        (lambda: prior_set("strong", NAMES, ACQUISITION), "there are none, weak, ratios"),
        (lambda: all_constraints(("weak", "tight"), NAMES, ACQUISITION), "'tight' is not known"),
    ],
)
def test_a_constraint_that_makes_no_sense_is_refused_in_one_line(make, says):
    with pytest.raises(InputError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


BRAIN = ("Ala", "Asp", "Cr", "GABA", "Gln", "Glu", "GPC", "GSH", "Ins", "Lac", "NAA", "NAAG", "PCho", "PCr", "Tau")
AT_3T = Acquisition(dwell_time_s=5e-4, spectrometer_frequency_mhz=127.7)
AT_7T = Acquisition(dwell_time_s=2e-4, spectrometer_frequency_mhz=298.0)


def ratios_of(names, acquisition=AT_3T):
    return {c.label: c for c in prior_set("ratios", names, acquisition) if isinstance(c, RatioPrior)}


def values_of(names, acquisition=AT_3T, which="weak"):
    found = (c for c in prior_set(which, names, acquisition) if isinstance(c, ParameterPrior))
    return {(c.quantity, c.member): c for c in found}


def test_the_set_none_is_empty():
    assert prior_set("none", BRAIN, AT_3T) == ()
    assert set(PRIOR_SETS) == {"none", "weak", "ratios"}


def test_the_set_weak_holds_shifts_and_widths_of_every_member_near_those_of_all():
    names = (*BRAIN, "MM09", "MM20")
    found = values_of(names)
    assert set(found) == {(q, n) for q in ("frequency_shift_hz", "lorentzian_fwhm_hz") for n in names}
    assert not [c for c in prior_set("weak", names, AT_3T) if isinstance(c, RatioPrior)]
    for constraint in found.values():
        assert constraint.mean == 0 and constraint.source and constraint.side == "both"
        assert {name for name, _ in constraint.relative_to} == set(BRAIN)
    # LCModel's manual: shifts differ by 0.004 ppm; what lies on top of each other is held more tightly.
    assert found["frequency_shift_hz", "Glu"].sd == pytest.approx(0.004 * 127.7)
    assert found["frequency_shift_hz", "NAA"].sd < found["frequency_shift_hz", "Glu"].sd
    assert found["frequency_shift_hz", "MM09"].sd > found["frequency_shift_hz", "Glu"].sd


def test_spreads_grow_with_the_field():
    low, high = values_of(BRAIN, AT_3T), values_of(BRAIN, AT_7T)
    assert high["frequency_shift_hz", "Glu"].sd == pytest.approx(low["frequency_shift_hz", "Glu"].sd * 298.0 / 127.7)
    gain = high["lorentzian_fwhm_hz", "Glu"].sd / low["lorentzian_fwhm_hz", "Glu"].sd
    assert gain == pytest.approx((298.0 / 127.7) ** 0.5)
    assert {label: (c.mean, c.sd) for label, c in ratios_of(BRAIN, AT_7T).items()} == {
        label: (c.mean, c.sd) for label, c in ratios_of(BRAIN, AT_3T).items()
    }


def test_the_set_ratios_adds_sourced_and_wide_ratios_to_the_weak_set():
    found = ratios_of(BRAIN)
    assert set(prior_set("weak", BRAIN, AT_3T)) <= set(prior_set("ratios", BRAIN, AT_3T))
    assert {numerator for c in found.values() for numerator, _ in c.numerator} >= {"GABA", "GSH", "Asp", "Tau", "Lac"}
    for constraint in found.values():
        assert constraint.source
        assert constraint.sd >= 0.5 * constraint.mean
    strong = {name for c in found.values() for name, _ in c.numerator} & {"NAA", "Glu", "Ins", "Cr", "GPC"}
    assert not strong  # what the data determine is left alone


def test_members_go_by_any_of_their_names():
    theirs = {"Ins": "mI", "GPC": "GPC", "PCho": "PCh", "sIns": "Scyllo", "Cr": "Cr", "PCr": "PCr", "NAA": "NAA"}
    ours, aliases = ratios_of(tuple(theirs)), ratios_of(tuple(theirs.values()))
    assert len(ours) == len(aliases) >= 2
    for one, other in zip(ours.values(), aliases.values(), strict=True):
        assert tuple((theirs[name], weight) for name, weight in one.numerator) == other.numerator
        assert tuple((theirs[name], weight) for name, weight in one.denominator) == other.denominator
        assert (one.mean, one.sd) == (other.mean, other.sd)


def test_what_the_basis_lacks_has_no_constraint():
    few = ratios_of(("NAA", "Cr", "GABA"))
    assert {tuple(c.numerator) for c in few.values()} == {(("GABA", 1.0),)}
    assert ratios_of(("NAA", "Cr")) == {}
    assert ratios_of(("GABA", "NAA")) == {}  # nothing to relate it to
    assert prior_set("weak", ("NAA",), AT_3T) == ()


def test_macromolecules_measured_together_keep_their_proportions_within_half():
    heavy = ("MM090", "MM138", "MM201", "MM209", "MM225", "MM121")
    found = ratios_of(("NAA", "Cr", *heavy))
    mine = {c.numerator[0][0]: c for c in found.values() if c.numerator[0][0] in heavy}
    assert set(mine) == set(heavy)
    assert all((c.mean, c.sd) == (1.0, 0.5) for c in mine.values())


def test_other_nuclei_have_no_ratios():
    phosphorus = Acquisition(dwell_time_s=2e-4, spectrometer_frequency_mhz=49.9, nucleus="31P")
    assert not [c for c in prior_set("ratios", ("PCr", "ATP"), phosphorus) if isinstance(c, RatioPrior)]


def test_sets_and_constraints_can_be_mixed():
    mine = ratio(0.2, 0.1)
    mixed = all_constraints(("weak", mine), NAMES, ACQUISITION)
    assert mixed[-1] == mine and mixed[:-1] == prior_set("weak", NAMES, ACQUISITION)
    assert all_constraints("ratios", NAMES, ACQUISITION) == prior_set("ratios", NAMES, ACQUISITION)


@pytest.mark.parametrize("names", [BRAIN, BRAIN[::-1], ("Lac", "PCr", "Cr"), ("A", "B")])
def test_own_groups_are_one_each_and_the_first_is_a_strong_one(names):
    groups = own_groups(names)
    assert sorted(groups) == list(range(len(names)))
    first = names[groups.index(0)]
    assert first == next((n for n in ("NAA", "Cr", "PCr") if n in names), names[0])


def test_all_sets_make_arrays_for_their_basis():
    for name in PRIOR_SETS:
        priors = priors_for(prior_set(name, NAMES, ACQUISITION), NAMES, MODEL)
        assert len(priors.labels) == len(priors.sources) == priors.n_ratios + len(priors.value_mean)
        assert np.isfinite(values_off(prior_set(name, NAMES, ACQUISITION), some_parameters())).all()
