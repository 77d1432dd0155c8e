"""What is told, what the headers say and what the tables say come together in one reference."""

import numpy as np
import pytest
import synthetic

from diffmrs.axes import Acquisition
from diffmrs.data import Header, MRSData
from diffmrs.errors import InputError
from diffmrs.quantify import Relaxation, TissueOptions

ONE = np.zeros((1, 3), int)
HALF = (0.5, 0.4, 0.1)


def scan(frequency_mhz=123.2, nucleus="1H", **meta):
    acquisition = Acquisition(5e-4, frequency_mhz, nucleus)
    return MRSData(synthetic.fid(), acquisition, (), Header().with_meta(**meta))


FULL = {"EchoTime": 0.03, "RepetitionTime": 2.0}


def test_each_scan_relaxes_by_its_own_header():
    reference = TissueOptions(HALF).reference(
        scan(**FULL), scan(EchoTime=0.02, RepetitionTime=10.0), ONE, ("NAA", "Cr")
    )
    assert (reference.echo_time_s, reference.repetition_time_s) == (0.03, 2.0)
    assert (reference.water_echo_time_s, reference.water_repetition_time_s) == (0.02, 10.0)
    assert reference.notes == ()
    assert "water TE 20, TR 10000 ms" in reference.words


def test_a_water_scan_without_times_takes_those_of_the_data_and_says_so():
    reference = TissueOptions(HALF).reference(scan(**FULL), scan(), ONE, ("Cr",))
    assert (reference.water_echo_time_s, reference.water_repetition_time_s) == (0.03, 2.0)
    assert "EchoTime" in reference.notes[0] and "RepetitionTime" in reference.notes[1]


@pytest.mark.parametrize("missing", ["EchoTime", "RepetitionTime"])
def test_data_without_a_time_are_refused_even_if_the_water_scan_has_it(missing):
    meta = {key: value for key, value in FULL.items() if key != missing}
    with pytest.raises(InputError, match=f"no {missing}.*--t"):
        TissueOptions(HALF).reference(scan(**meta), scan(**FULL), ONE, ("Cr",))


def test_what_is_told_wins_over_header_and_table():
    options = TissueOptions(
        HALF, echo_time_s=0.05, repetition_time_s=np.inf, water_t2_s=(0.1, 0.08, 1.0), metabolite_t2_s=0.2
    )
    reference = options.reference(scan(**FULL), scan(**FULL), ONE, ("NAA",))
    assert reference.echo_time_s == reference.water_echo_time_s == 0.05
    assert reference.repetition_time_s == np.inf
    assert reference.water.csf == Relaxation(3.817, 1.0)
    assert reference.metabolites["NAA"].wm == Relaxation(1.35, 0.2)
    assert "--water-t2 100 80 1000 ms" in reference.words and "Wansapura" in reference.words


def test_a_field_without_tables_needs_all_four_times():
    data = scan(170.3, **FULL)
    with pytest.raises(InputError, match=r"4.00 T.*--water-t1"):
        TissueOptions(HALF, metabolite_t2_s=0.2).reference(data, data, ONE, ("NAA",))
    told = TissueOptions(
        HALF, None, None, None, (1.5, 1.0, 4.0), (0.08, 0.07, 0.4), metabolite_t1_s=1.4, metabolite_t2_s=0.2
    )
    reference = told.reference(data, data, ONE, ("NAA",))
    assert reference.metabolites["NAA"].gm == Relaxation(1.4, 0.2)
    assert "et al." not in reference.words


def test_fields_with_one_mean_time_say_so():
    reference = TissueOptions(HALF).reference(scan(297.2, **FULL), scan(297.2, **FULL), ONE, ("NAA",))
    assert "one mean relaxation time" in reference.words and "Rooney" in reference.words


def test_other_nuclei_and_fractions_told_twice_or_not_are_refused(tmp_path):
    with pytest.raises(InputError, match="31P"):
        TissueOptions(HALF).reference(scan(51.7, "31P", **FULL), scan(51.7, "31P", **FULL), ONE, ("PCr",))
    maps = (tmp_path / "a", tmp_path / "b", tmp_path / "c")
    for fractions, paths in ((None, None), (HALF, maps)):
        with pytest.raises(InputError, match="--tissue-maps"):
            TissueOptions(fractions, paths)
