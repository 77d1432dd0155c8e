"""Good spectra, of the fitting challenge and of volunteers, raise no severe flag; the same spectra spoiled do."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import DATA

import diffmrs
from diffmrs.data import MRSData
from diffmrs.pipeline import FitOptions, fit_files
from diffmrs.quality import quality_of

pytestmark = pytest.mark.data
PRESS30 = "12_basis_sets/press_30ms_3T.basis.gz"


@cache
def challenge() -> tuple[MRSData, diffmrs.Basis]:
    folder = DATA / "15_fitting_challenge_2016"
    each = [diffmrs.read_data(folder / f"dataset{number:02d}_act.nii.gz") for number in range(1, 12)]
    data = MRSData(np.concatenate([np.asarray(one.spectra) for one in each]), each[0].acquisition)
    name = "12_basis_sets/challenge2016_press3T_30ms.BASIS.gz"
    return data, diffmrs.read_basis(DATA / name, remove_reference=True)


def spoiled(kind: str) -> np.ndarray:
    data, _ = challenge()
    fid, time = np.asarray(data.spectra), data.time_s
    if kind == "conjugated":
        return fid.conj()
    if kind == "axis_off":
        return fid * np.exp(-2j * np.pi * 0.6 * data.acquisition.spectrometer_frequency_mhz * time).astype(fid.dtype)
    rotation = np.exp(2j * np.pi * data.acquisition.ppm_to_hz(2.5) * (time - 0.06))
    return fid + 0.1 * np.abs(fid[:, 3:4]) * rotation * np.exp(-(((time - 0.06) / 0.01) ** 2))


@pytest.mark.slow
def test_the_challenge_spectra_raise_no_flag(data_dir):
    data, basis = challenge()
    flags = quality_of(diffmrs.fit(data, basis)).flags
    assert flags.counts() == {}


@pytest.mark.parametrize("kind", ["conjugated", "axis_off", "spurious_echo"])
def test_each_of_them_spoiled_raises_the_flag_that_tells_how(data_dir, kind):
    data, basis = challenge()
    quality = quality_of(diffmrs.fit(data.with_fid(spoiled(kind).astype(np.complex64)), basis))
    assert quality.flags.counts()[kind] == data.n_spectra
    assert quality.flags.severe.all()


def options_of(which: str, data: Path) -> FitOptions:
    if which == "06":
        return FitOptions(data / "06_siemens_svs_3t/svs_se_30_invivo.nii.gz", data / PRESS30, remove_water=True)
    if which == "02":
        folder = data / "02_press30_mm_nulled_philips_3t/sub-01"
        scan, water, basis = "sub-01_press30_act.nii.gz", "sub-01_press30_ref.nii.gz", data / PRESS30
        return FitOptions(folder / scan, basis, water=folder / water, ecc=True, remove_water=True)
    folder = data / "01_press35_philips_3t/sub-01"
    return FitOptions(
        folder / "sub-01_press35_act.nii.gz",
        data / "12_basis_sets/3T_PRESS_Philips_35ms_noMM.BASIS",
        water=folder / "sub-01_press35_ref.nii.gz",
        ecc=True,
        remove_water=True,
        basis_ppm_reference=4.68,
        ppm_range=(1.8, 4.2),
    )


@pytest.mark.slow
@pytest.mark.parametrize("which", ["01", *(pytest.param(which, marks=pytest.mark.thorough) for which in ("02", "06"))])
def test_good_spectra_of_volunteers_raise_no_severe_flag(data_dir, which):
    assert not fit_files(options_of(which, data_dir)).quality.flags.severe.any()
