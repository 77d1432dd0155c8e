"""A measured macromolecule spectrum as a basis member: what a scan adds is taken off, and what is real stays."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import ACQUISITION, basis, data, lines_fid

from diffmrs.axes import Acquisition
from diffmrs.conditioning import with_macromolecules
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.measured_mm import measured_macromolecules
from diffmrs.spins.macromolecules import macromolecule_basis

TIME = ACQUISITION.time_s(1024)
PURE = np.asarray(macromolecule_basis("birch2017_3t", ACQUISITION, 1024).fid).sum(axis=0)


def scan(*, phase_rad=0.0, shift_hz=0.0, noise_sd=0.0, creatine=0.0) -> MRSData:
    noise = np.random.default_rng(0).normal(size=(1024, 2)) @ np.array([1, 1j])
    fid = (PURE + lines_fid([(3.92, creatine, 0, 0)])) * np.exp(1j * phase_rad + 2j * np.pi * shift_hz * TIME)
    return MRSData(fid + noise_sd * noise, ACQUISITION)


@pytest.mark.slow
def test_phase_shift_creatine_and_noise_of_the_scan_are_taken_off():
    """Measured: worst sample off by 0.06 of the first one."""
    found = measured_macromolecules(scan(phase_rad=2.0, shift_hz=4.0, noise_sd=0.02, creatine=0.3))
    assert found.phase0_rad == pytest.approx(2.0, abs=0.15)
    assert found.shift_ppm == pytest.approx(4.0 / ACQUISITION.spectrometer_frequency_mhz, abs=0.008)
    assert any(abs(ppm - 3.92 + 4.0 / 123.2) < 0.03 for ppm in found.narrow_ppm)
    member = np.asarray(found.basis.fid[0])
    assert abs(member[0]) == pytest.approx(1.0, rel=1e-5)
    assert np.abs(member - PURE / abs(PURE[0])).max() < 0.12
    assert "3.8" in found.in_words or "3.9" in found.in_words


def test_a_half_first_sample_does_not_matter():
    whole = scan()
    spoilt = np.array(whole.fid)
    spoilt[0] *= 0.5
    ours, theirs = (measured_macromolecules(d).basis.fid for d in (whole, whole.with_fid(spoilt)))
    np.testing.assert_allclose(ours, theirs, atol=0.02)


def test_it_joins_a_basis_with_lipids_but_without_a_published_set():
    member = replace(macromolecule_basis("birch2017_3t", ACQUISITION, 1024, ["MM090"]), names=("MMmeas",))
    light = basis(("NAA", "Cr"))
    full, told = with_macromolecules(light, data(), ("auto", member, "lipids"))
    assert full.names == ("NAA", "Cr", "MMmeas", "Lip13a", "Lip13b", "Lip09", "Lip20")
    assert "those of the basis (MMmeas" in told and "set lipids added" in told


def test_members_that_are_there_are_not_doubled():
    full, _ = with_macromolecules(basis(("NAA", "MM09")), data(), "osprey_mm15")
    assert full.names.count("MM09") == 1 and len(full.names) == 2 + 14
    again, told = with_macromolecules(full, data(), "osprey_mm15")
    assert again.names == full.names and "the basis has them" in told


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: measured_macromolecules(scan().with_fid(np.full(1024, np.nan + 0j))), "NaN"),
        (lambda: measured_macromolecules(MRSData(PURE, Acquisition(5e-4, 49.9, "31P"))), "31P"),
        (lambda: measured_macromolecules(scan(), range_ppm=(4.0, 1.0)), "range_ppm"),
        (lambda: measured_macromolecules(scan(), narrowest_ppm=2.0), "narrowest_ppm is 2"),
        (lambda: measured_macromolecules(scan(), narrowest_ppm=0.9), "no line between"),
        (lambda: measured_macromolecules(scan(), components=0), "0 components"),
    ],
)
def test_what_cannot_be_used_is_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_a_scan_of_a_person():
    """Philips, 3 T, TI 600 ms: LCModel phases the normal scan of that session by 77°."""
    folder = Path(os.environ.get("DIFFMRS_DATA", "/work/shared/data")) / "02_press30_mm_nulled_philips_3t/sub-01"
    if not folder.is_dir():
        pytest.skip("the reference data are not here")
    import diffmrs
    from diffmrs.conditioning import without_eddy_currents, without_water

    act, ref = (diffmrs.read_data(folder / f"sub-01_press30_inversion_ti600_{k}.nii.gz") for k in ("act", "ref"))
    found = measured_macromolecules(without_water(without_eddy_currents(act, ref)))
    assert np.rad2deg(found.phase0_rad) == pytest.approx(-77, abs=12)
    assert abs(found.delay_s) < 1.5e-4
    spectrum = np.asarray(diffmrs.spectrum_of(diffmrs.fid_of(diffmrs.spectrum_of(found.basis.fid[0])))).real
    peaks = {ppm: spectrum[np.abs(act.ppm - ppm).argmin()] for ppm in (0.9, 1.67, 2.05, 3.35)}
    assert min(peaks[0.9], peaks[1.67], peaks[2.05]) > 4 * abs(peaks[3.35])
