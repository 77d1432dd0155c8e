import csv

import numpy as np
import pytest
from synthetic import ACQUISITION, basis, data, fid, lines_fid

from diffmrs.axes import Acquisition
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.fitting import fit
from diffmrs.quantify import WaterReference, metabolites_per_water
from diffmrs.quantify.signals import proton_signal, singlet_signal, water_signal


def water_fid(signal=1000.0, lorentz_hz=4.0, gauss_hz=5.0):
    time = ACQUISITION.time_s(1024)
    decay = np.exp(-np.pi * lorentz_hz * time - (np.pi * gauss_hz * time) ** 2 / (4 * np.log(2)))
    eddy = np.exp(1j * (0.3 + 2 * np.exp(-time / 0.02)))
    return signal * decay * eddy


@pytest.mark.parametrize("first_point", [1.0, 0.5])
def test_water_signal_is_that_at_time_zero_whatever_eddy_currents_and_first_point(first_point):
    fid = water_fid()
    fid[0] *= first_point
    assert water_signal(fid, ACQUISITION) == pytest.approx(1000.0, rel=1e-3)


@pytest.mark.parametrize("ppm", [2.008, 3.027])
@pytest.mark.parametrize("gauss_hz", [0, 2.5])
def test_a_singlet_is_weighed_alone_whatever_its_shape(ppm, gauss_hz):
    lines = [(2.008, 3, 0, gauss_hz), (3.027, 3, 0, gauss_hz), (3.913, 2, 0, 0), (6.65, 1, 0, 0), (2.6, 4, 12, 0)]
    assert singlet_signal(lines_fid(lines), ACQUISITION, ppm) == pytest.approx(3.0, rel=4e-3)


def test_a_proton_weighs_one_in_a_basis_made_so():
    assert proton_signal(basis()) == pytest.approx(1.0, rel=2e-3)
    assert proton_signal(basis(("NAA", "Ins"))) == pytest.approx(1.0, rel=2e-3)


def test_concentrations_follow_the_formula():
    # 10 mM of everything with amplitude 10, one proton weighing 1, and water 2 × 40 000 with half of it relaxed.
    reference = WaterReference(water_concentration_mm=40000.0, water_attenuation=0.5, metabolite_attenuation=0.8)
    water = MRSData(water_fid(2 * 40000 * 0.5), ACQUISITION)
    factors = reference.factors(metabolites_per_water(data(), basis(), water), basis().names)
    assert factors.mm == pytest.approx(np.full((1, len(basis().names)), 1 / 0.8), rel=5e-3)
    assert factors.reference == "lcmodel"
    for other in (factors.mm_tissue, factors.mmol_per_kg, factors.mmol_per_kg_voxel):
        assert np.isnan(other).all()  # LCModel's convention knows no tissue


def test_one_water_scan_serves_all_or_each_has_its_own():
    spectra = MRSData(np.stack([fid()] * 3), ACQUISITION)
    one = metabolites_per_water(spectra, basis(), MRSData(water_fid(), ACQUISITION))
    each = metabolites_per_water(
        spectra, basis(), MRSData(np.stack([water_fid(s) for s in (1000, 2000, 4000)]), ACQUISITION)
    )
    assert one.shape == (3,)
    np.testing.assert_allclose(each, one / [1, 2, 4], rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: water_signal(np.zeros(64, complex), ACQUISITION), "zeros"),
        (lambda: water_signal(np.r_[1.0, 0.9, 0.1, np.zeros(61)] + 0j, ACQUISITION), "not an unsuppressed"),
        (lambda: proton_signal(basis(("Ins", "Glu"))), "methyl singlets"),
        (lambda: WaterReference(water_attenuation=1.2), "water_attenuation"),
        (
            lambda: metabolites_per_water(data(), basis(), MRSData(np.stack([water_fid()] * 2), ACQUISITION)),
            "2 FIDs for 1 spectra",
        ),
        (
            lambda: metabolites_per_water(data(), basis(), MRSData(water_fid(), Acquisition(5e-4, 123.2, "31P"))),
            "31P",
        ),
    ],
)
def test_a_water_scan_that_cannot_serve_is_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()


@pytest.mark.data
@pytest.mark.parametrize("number", [1, 4, 7, 9])
def test_the_fitting_challenge_comes_out_in_its_own_millimolar(data_dir, number):
    from diffmrs.io import read_basis, read_data

    folder = data_dir / "15_fitting_challenge_2016"
    name = f"dataset{number:02d}"
    spectra, water = read_data(folder / f"{name}_act.nii.gz"), read_data(folder / f"{name}_ref.nii.gz")
    the_basis = read_basis(data_dir / "12_basis_sets" / "challenge2016_press3T_30ms.BASIS.gz", remove_reference=True)
    # Water 29 697 mM includes its relaxation; metabolites keep exp(-30/160) of theirs (the organisers' formula).
    reference = WaterReference(29697.0, 1.0, float(np.exp(-30 / 160)))
    result = fit(spectra, the_basis)
    scale = reference.factors(metabolites_per_water(result.data, result.basis, water), ("Cr",)).mm[0, 0]
    amplitude = result.flat().parameters.amplitude[0]
    creatine = scale * (amplitude[result.names.index("Cr")] + amplitude[result.names.index("PCr")])
    with (folder / "ground_truth_1-14.csv").open() as table:
        truth = {row[0]: float(row[number]) for row in csv.reader(table) if row[0] in ("Cr", "PCr")}
    assert creatine == pytest.approx(sum(truth.values()), rel=0.05)
