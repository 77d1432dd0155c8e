import numpy as np
import pytest
from synthetic import ACQUISITION, TRUTH, basis, data, fid, lines_fid

from diffmrs.axes import Acquisition
from diffmrs.conditioning import with_macromolecules, without_eddy_currents, without_water
from diffmrs.data import MRSData, is_macromolecule
from diffmrs.errors import InputError
from diffmrs.fitting import fit
from diffmrs.spins.macromolecules import nearest_measured_set

TIME = ACQUISITION.time_s(1024)
EDDY = np.exp(1j * (1.2 * np.exp(-TIME / 0.03) + 0.3))
WATER = 1e4 * np.exp(-15 * TIME) * EDDY
METABOLITES = tuple(name for name in TRUTH if name != "MM09")


def test_one_water_scan_corrects_every_spectrum_of_a_batch():
    clean = np.stack([fid(shift_hz=0.0, phase_rad=0.0, noise_sd=0.1, seed=s) for s in range(3)])
    corrected = without_eddy_currents(MRSData(clean * EDDY, ACQUISITION, ("DIM_DYN",)), MRSData(WATER, ACQUISITION))
    assert corrected.dim_tags == ("DIM_DYN",) and corrected.fid.shape == clean.shape
    np.testing.assert_allclose(corrected.fid, clean, atol=2e-4 * np.abs(clean).max())


def test_eddy_currents_and_water_out_gives_the_concentrations_back():
    measured = (fid(shift_hz=0.0, phase_rad=0.0, noise_sd=0.1) + 5000 * lines_fid([(4.66, 1, 0, 7)])) * EDDY
    cleaned = without_water(without_eddy_currents(MRSData(measured, ACQUISITION), MRSData(WATER, ACQUISITION)))
    found = np.asarray(fit(cleaned, basis()).estimate.parameters.amplitude)
    for name in ("NAA", "Cr", "GPC", "Glu"):
        index = list(TRUTH).index(name)
        pair = found[1] + found[2] if name == "Cr" else found[index]
        assert pair == pytest.approx(TRUTH["Cr"] + TRUTH["PCr"] if name == "Cr" else TRUTH[name], rel=0.05)


def test_bad_spectra_pass_water_removal_untouched():
    rows = np.stack([np.full(1024, np.nan + 0j), np.zeros(1024, complex), fid()])
    cleaned = np.asarray(without_water(MRSData(rows, ACQUISITION)).fid)
    assert np.isnan(cleaned[0]).all() and not cleaned[1].any() and np.isfinite(cleaned[2]).all()


def test_macromolecules_are_added_only_where_there_are_none():
    bare, told = with_macromolecules(basis(METABOLITES), data(), "auto")
    assert "birch2017_3t" in told and sum(map(is_macromolecule, bare.names)) >= 8
    assert bare.names[: len(METABOLITES)] == METABOLITES
    own, told = with_macromolecules(basis(), data(), "auto")
    assert own.names == tuple(TRUTH) and "MM09" in told
    assert with_macromolecules(basis(METABOLITES), data(), "none")[0].names == METABOLITES
    assert with_macromolecules(basis(METABOLITES), data(), "lcmodel")[0].names[-1] not in METABOLITES
    assert nearest_measured_set(Acquisition(2e-4, 297.2)) == "bell2024_7t"


def water(n_points=1024, dwell_time_s=5e-4, count=1):
    return MRSData(np.ones((count, n_points), complex), Acquisition(dwell_time_s, 123.2))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: without_eddy_currents(data(), water(count=2)), "2 FIDs for 1 spectra"),
        (lambda: without_eddy_currents(data(), water(n_points=512)), "512 points"),
        (lambda: without_eddy_currents(data(), water(dwell_time_s=2.5e-4)), "every 0.25 ms"),
        (lambda: without_eddy_currents(data(), MRSData(np.zeros((1, 1024), complex), ACQUISITION)), "zeros"),
        (lambda: with_macromolecules(basis(), data(), "mm15"), "'mm15' is not known; there are auto"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(call, says):
    with pytest.raises(InputError, match=says):
        call()
