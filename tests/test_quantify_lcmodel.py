"""LCModel's water scaling: its areas, its factor, and what the fitting challenge's own test comes out at."""

import numpy as np
import pytest
from synthetic import ACQUISITION, basis

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting import fit
from diffmrs.quantify import AtTimeZero, LCModelAreas, Relaxation, TissueOptions, WaterReference, metabolites_per_water
from diffmrs.quantify.lcmodel_areas import proton_area, water_area
from diffmrs.quantify.signals import water_signal

ONE_VOXEL = np.zeros((1, 3), int)


def lorentzian(width_hz, n_points=4096, phase=0.0, dwell_time_s=5e-4):
    time = dwell_time_s * np.arange(n_points)
    return 100 * np.exp(-np.pi * width_hz * time + 1j * phase)


@pytest.mark.parametrize("phase", [0.0, 1.0, -2.5])
@pytest.mark.parametrize("width_hz", [3.0, 6.0, 12.0])
def test_the_water_area_misses_the_tails_of_a_lorentzian(width_hz, phase):
    acquisition = Acquisition(5e-4, 127.75)
    reach, flank = 2 * 127.75, 0.4 * 127.75
    within = 2 / np.pi * np.arctan(2 * reach / width_hz)
    beyond = 2 / np.pi * (np.arctan(2 * (reach + flank) / width_hz) - np.arctan(2 * reach / width_hz)) / 2
    expected = 100 * (within - beyond * 2 * reach / flank)
    fid = lorentzian(width_hz, phase=phase)
    assert water_area(fid, acquisition) == pytest.approx(expected, rel=5e-3)
    assert water_area(fid, acquisition) < water_signal(fid, acquisition)


def creatine(lorentz_hz=0.0, gauss_hz=0.0):
    """A basis of one methyl line, one unit for each proton."""
    time = ACQUISITION.time_s(4096)
    rotation = np.exp(2j * np.pi * ACQUISITION.ppm_to_hz(3.027) * time)
    decay = np.exp(-np.pi * lorentz_hz * time - (np.pi * gauss_hz * time) ** 2 / (4 * np.log(2)))
    return Basis((3 * rotation * decay)[None], ACQUISITION, ("Cr",))


def test_the_area_of_a_gaussian_basis_line_is_all_of_it():
    assert proton_area(creatine(gauss_hz=2.0), 2.0 / 123.2) == pytest.approx(1.0, rel=1e-3)


def test_the_area_of_a_lorentzian_basis_line_lacks_its_tails():
    reach, flank = 5 * 0.013 * 123.2, 0.1 * 123.2
    within = 2 / np.pi * np.arctan(reach)
    beyond = (np.arctan(reach + flank) - np.arctan(reach)) / np.pi
    assert proton_area(creatine(lorentz_hz=2.0)) == pytest.approx(within - beyond * 2 * reach / flank, rel=1e-2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: proton_area(basis(("NAA", "Ins"))), "methyl line of Cr"),
        (lambda: water_area(np.zeros(1024, complex), ACQUISITION), "zeros"),
        (lambda: water_area(lorentzian(4.0) * np.nan, ACQUISITION), "NaN"),
        (lambda: water_area(lorentzian(4.0), Acquisition(2e-3, 127.75)), "spectral width"),
    ],
)
def test_scans_lcmodel_could_not_scale_with_are_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()


# FCALIB as LCModel 6.3-1N prints it (built from its public source, with the control files in reference_results). Data
# and basis of different length and bandwidth are normalised differently there: an amplitude of this library is
# FCALIB * sqrt(points of the basis spectrum in the band of the data / points of the basis spectrum).
PRINTED = {
    "01_press35_philips_3t/sub-01/sub-01_press35_ref": ("3T_PRESS_Philips_35ms_noMM.BASIS", 37.7338, 4096 / 8192),
    "02_press30_mm_nulled_philips_3t/sub-01/sub-01_press30_ref": ("press_30ms_3T.basis.gz", 988.955, 1978 / 4944),
}
CHALLENGE = {"cr_10mM": 1.18300, "dataset01": 1.30041, "dataset02": 1.57131, "dataset04": 1.14099}
CHALLENGE_BASIS = "challenge2016_press3T_30ms.BASIS.gz"


def factor(data_dir, water_file, basis_file, reference, signals=None):
    from diffmrs.io import read_basis, read_data
    from diffmrs.io.lcmodel_basis import singlet_width_ppm

    path = data_dir / "12_basis_sets" / basis_file
    water = read_data(data_dir / f"{water_file}.nii.gz")
    signals = signals or LCModelAreas(singlet_width_ppm(path) or 0.013)
    return reference.factors(metabolites_per_water(water, read_basis(path), water, signals), ("Cr",)).mm[0, 0]


@pytest.mark.data
@pytest.mark.parametrize("water_file", PRINTED)
def test_the_factor_in_vivo_is_the_one_lcmodel_prints(data_dir, water_file):
    basis_file, printed, points = PRINTED[water_file]
    ours = factor(data_dir, water_file, basis_file, WaterReference())
    assert ours == pytest.approx(printed * np.sqrt(points), rel=2e-3)


@pytest.mark.data
@pytest.mark.parametrize("water_file", PRINTED)
def test_in_vivo_both_scalings_agree_within_five_percent(data_dir, water_file):
    basis_file, printed, points = PRINTED[water_file]
    ours = factor(data_dir, water_file, basis_file, WaterReference(), AtTimeZero())
    assert ours == pytest.approx(printed * np.sqrt(points), rel=0.05)


@pytest.mark.data
@pytest.mark.parametrize("name", CHALLENGE)
def test_the_factor_of_the_challenge_is_the_one_lcmodel_prints(data_dir, name):
    reference = WaterReference(29697.0, 1.0, 0.829)
    ours = factor(data_dir, f"15_fitting_challenge_2016/{name}_ref", CHALLENGE_BASIS, reference)
    assert ours == pytest.approx(CHALLENGE[name], rel=1e-4)


@pytest.mark.data
@pytest.mark.parametrize(
    ("signals", "expected", "tolerance"), [(LCModelAreas(), 10.0, 0.2), (AtTimeZero(), 10.83, 0.03)]
)
def test_ten_millimolar_of_creatine(data_dir, signals, expected, tolerance):
    """The organisers' test. Their water counts as 10 mM by LCModel's areas, and as 10.83 mM by signals at time zero."""
    from diffmrs.io import read_basis, read_data

    folder = data_dir / "15_fitting_challenge_2016"
    spectra, water = read_data(folder / "cr_10mM_act.nii.gz"), read_data(folder / "cr_10mM_ref.nii.gz")
    the_basis = read_basis(data_dir / "12_basis_sets" / CHALLENGE_BASIS, remove_reference=True)
    options = TissueOptions(
        fractions=(0.6, 0.4, 0.0),
        repetition_time_s=np.inf,
        water_t2_s=(0.110, 0.080, 0.5),
        metabolite_t2_s=0.160,
    )
    result = fit(spectra, the_basis.select(["Cr"]))
    reference = options.reference(spectra, water, ONE_VOXEL, ("Cr",))
    assert reference.metabolites["Cr"].gm == Relaxation(1.46, 0.16)
    factors = reference.factors(metabolites_per_water(spectra, the_basis, water, signals), ("Cr",))
    amplitude = float(result.flat().parameters.amplitude[0, 0])
    assert amplitude * factors.mm[0, 0] == pytest.approx(expected, abs=tolerance)


@pytest.mark.data
def test_the_truth_of_the_challenge_table_is_in_units_of_water_at_time_zero(data_dir):
    """The table's factor per dataset is the water signal at time zero over that of the organisers' formula."""
    import csv

    from diffmrs.io import read_data

    folder = data_dir / "15_fitting_challenge_2016"
    with (folder / "ground_truth_1-14.csv").open() as table:
        truth = {row[0]: np.array(row[1:15], float) for row in csv.reader(table) if row[0] in ("Cr", "PCr")}
    nominal = np.array([8.0] * 11 + [9.0] * 3)
    for number in range(1, 15):
        water = read_data(folder / f"dataset{number:02d}_ref.nii.gz")
        signal = water_signal(np.asarray(water.spectra)[0], water.acquisition)
        told = float(truth["Cr"][number - 1] + truth["PCr"][number - 1])
        assert 2 * 29697 / signal * nominal[number - 1] == pytest.approx(told, rel=2e-3)


def test_a_basis_with_a_first_point_that_is_wrong_has_the_same_area():
    halved = np.array(creatine(lorentz_hz=2.0).fid)
    halved[:, 0] /= 2
    area = proton_area(Basis(halved, ACQUISITION, ("Cr",)))
    assert area == pytest.approx(proton_area(creatine(lorentz_hz=2.0)), rel=2e-3)


def test_one_water_scan_serves_all_rows():
    water = MRSData(lorentzian(5.0, dwell_time_s=ACQUISITION.dwell_time_s), ACQUISITION)
    spectra = MRSData(np.stack([lorentzian(5.0, dwell_time_s=ACQUISITION.dwell_time_s)] * 3), ACQUISITION)
    assert metabolites_per_water(spectra, basis(), water, LCModelAreas()).shape == (3,)
