import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmrs.errors import InputError
from diffmrs.quantify import MetaboliteRelaxation, Relaxation, metabolite_relaxation, tabulated_field, water_relaxation
from diffmrs.quantify.relaxation import is_tabulated, sources

times = st.floats(1e-3, 1e2)


def test_attenuation_is_that_of_a_spin_echo():
    # exp(-30/80) = 0.687289 and 1 - exp(-2000/832) = 0.909630, worked out by hand.
    assert Relaxation(0.832, 0.080).attenuation(0.030, 2.0) == pytest.approx(0.687289 * 0.909630, rel=1e-5)


@given(t1=times, t2=times)
def test_no_echo_time_and_endless_repetition_leave_all_signal(t1, t2):
    assert Relaxation(t1, t2).attenuation(0.0, np.inf) == 1.0


@given(t1=times, t2=times, te=st.floats(0.0, 1.0), tr=times)
def test_attenuation_is_a_fraction_that_falls_with_echo_time_and_rises_with_repetition_time(t1, t2, te, tr):
    pool = Relaxation(t1, t2)
    left = pool.attenuation(te, tr)
    assert 0 <= left <= 1
    assert pool.attenuation(te + 0.01, tr) <= left <= pool.attenuation(te, tr + 0.1)


def test_an_infinite_t2_is_allowed_for_no_decay():
    assert Relaxation(1.0, np.inf).attenuation(0.5, np.inf) == 1.0


@pytest.mark.parametrize(("mhz", "field"), [(63.87, "1.5"), (123.2, "3"), (127.75, "3"), (297.2, "7"), (298.0, "7")])
def test_the_field_is_that_of_the_scanner(mhz, field):
    assert tabulated_field(mhz) == field


@pytest.mark.parametrize("mhz", [100.0, 170.0, 400.2, 200.0])
def test_a_field_between_the_tables_is_refused_with_the_options_that_help(mhz):
    with pytest.raises(InputError, match=r"1.5, 3, 7 T.*--water-t1"):
        tabulated_field(mhz)


@pytest.mark.parametrize("field", ["1.5", "3", "7"])
def test_tabulated_water_relaxes_as_tissue_does(field):
    water = water_relaxation(field)
    assert water.wm.t1_s < water.gm.t1_s < water.csf.t1_s
    assert max(water.wm.t2_s, water.gm.t2_s) < water.csf.t2_s
    assert all(0.01 < pool.t2_s < pool.t1_s < 6 for pool in (water.gm, water.wm, water.csf))
    assert all("et al." in source for source in sources(field).values())


def test_water_t1_lengthens_and_t2_shortens_with_the_field():
    low, middle, high = (water_relaxation(field) for field in ("1.5", "3", "7"))
    for tissue in ("gm", "wm"):
        t1 = [getattr(water, tissue).t1_s for water in (low, middle, high)]
        assert t1 == sorted(t1)
    assert middle.gm.t2_s > high.gm.t2_s and middle.wm.t2_s > high.wm.t2_s


def test_metabolites_have_their_own_times_under_any_of_their_names():
    assert metabolite_relaxation("NAA", "3") == MetaboliteRelaxation(Relaxation(1.47, 0.258), Relaxation(1.35, 0.343))
    assert metabolite_relaxation("mI", "3") == metabolite_relaxation("Ins", "3")
    assert metabolite_relaxation("PCh", "3") == metabolite_relaxation("PCho", "3")
    assert metabolite_relaxation("Scyllo", "3") == metabolite_relaxation("sIns", "3")


def test_unknown_metabolites_take_the_default_of_the_field():
    assert not is_tabulated("Xyz", "3")
    assert metabolite_relaxation("Xyz", "3") == MetaboliteRelaxation(Relaxation(1.34, 0.14), Relaxation(1.19, 0.169))
    assert metabolite_relaxation("NAA", "7") == metabolite_relaxation("Xyz", "7")


def test_times_that_are_no_times_are_refused():
    with pytest.raises(InputError, match="t2_s is 0 s"):
        Relaxation(1.0, 0.0)
    with pytest.raises(InputError, match="t1_s is nan"):
        Relaxation(np.nan, 1.0)
    with pytest.raises(InputError, match="t1_s is infinite"):
        Relaxation(np.inf, 1.0)
