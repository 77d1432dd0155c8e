"""Resampling against the closed form: a sum of decaying lines can be sampled anywhere."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.io import read_basis
from diffmrs.resampling import resample

WIDTH_PPM = 2.0 / 123.26


def lines(acquisition, n_points, width_ppm=WIDTH_PPM, seed=0):
    """Three members of nine lines each from 0.5 to 4.5 ppm, at this sampling."""
    rng = np.random.default_rng(seed)
    time, f0 = acquisition.time_s(n_points), acquisition.spectrometer_frequency_mhz
    members = []
    for _ in range(3):
        ppm = np.linspace(0.5, 4.5, 9) + rng.normal(0, 0.01, 9)
        heights = rng.uniform(0.5, 1, 9)[:, None]
        rotation = 2j * np.pi * (acquisition.ppm_reference - ppm)[:, None] * f0
        members.append((heights * np.exp((rotation - np.pi * width_ppm * f0) * time)).sum(axis=0))
    return Basis(np.stack(members), acquisition, ("a", "b", "c"), "lines")


def relative_error(found, wanted):
    return np.linalg.norm(found.fid - wanted.fid) / np.linalg.norm(wanted.fid)


@pytest.mark.parametrize(
    ("old", "n_old", "new", "n_new"),
    [
        (Acquisition(1 / 4000, 123.26), 4096, Acquisition(1 / 2000, 123.26), 2048),
        (Acquisition(1 / 2000, 123.26), 2048, Acquisition(1 / 4000, 123.26), 4095),
        (Acquisition(1 / 4000, 123.26), 4096, Acquisition(1 / 4000, 127.75), 3900),
        (Acquisition(1 / 5000, 127.75), 8192, Acquisition(1 / 1200, 123.23), 1024),
        (Acquisition(1 / 6000, 297.2), 8192, Acquisition(1 / 5000, 298.0, "1H", 4.7), 4096),
        (Acquisition(1 / 4000, 123.26, "1H", 4.68), 4096, Acquisition(1 / 4000, 123.26), 4096),
    ],
)
def test_against_the_closed_form(old, n_old, new, n_new):
    found = resample(lines(old, n_old), new, n_new)
    wanted = lines(new, n_new)
    assert found.acquisition == new
    assert relative_error(found, wanted) < 1e-4
    assert np.abs(found.fid - wanted.fid).max() < 2e-4 * np.abs(wanted.fid).max()  # nor does it ring at t = 0


def test_equal_sampling_is_a_copy():
    basis = lines(Acquisition(1 / 2000, 123.26), 2048)
    same = resample(basis, basis.acquisition, 2048)
    assert np.array_equal(same.fid, basis.fid)
    assert np.array_equal(resample(basis, basis.acquisition, 1024).fid, basis.fid[:, :1024])
    longer = resample(basis, basis.acquisition, 4096)
    assert np.array_equal(longer.fid[:, :2048], basis.fid)
    assert not longer.fid[:, 2048:].any()


def test_precision_is_kept():
    basis = lines(Acquisition(1 / 2000, 123.26), 2048)
    single = replace(basis, fid=basis.fid.astype(np.complex64))
    found = resample(single, Acquisition(1 / 2500, 123.26), 2048)
    assert found.fid.dtype == np.complex64
    assert relative_error(found, resample(basis, Acquisition(1 / 2500, 123.26), 2048)) < 1e-5


@settings(max_examples=15, deadline=None)
@given(st.floats(1500, 6000), st.floats(0.95, 1.05), st.floats(-0.1, 0.1))
def test_there_and_back_again(bandwidth_hz, field_ratio, reference_shift):
    old = Acquisition(1 / 4000, 123.26)
    new = Acquisition(1 / bandwidth_hz, 123.26 * field_ratio, "1H", 4.65 + reference_shift)
    basis = lines(old, 4096)
    enough = int(1.05 * 1.024 * bandwidth_hz)
    back = resample(resample(basis, new, enough), old, 4096)
    assert relative_error(replace(back, fid=back.fid[:, :3500]), replace(basis, fid=basis.fid[:, :3500])) < 1e-3


def test_it_is_linear():
    basis, new = lines(Acquisition(1 / 4000, 123.26), 4096), Acquisition(1 / 3000, 127.7)
    doubled = resample(replace(basis, fid=2 * basis.fid), new, 2048)
    assert np.allclose(doubled.fid, 2 * resample(basis, new, 2048).fid)


def test_errors_name_what_does_not_fit():
    basis = lines(Acquisition(1 / 2000, 123.26), 2048)
    with pytest.raises(InputError, match="of 1H but the data are of 31P"):
        resample(basis, Acquisition(1 / 2000, 123.26, "31P", 0.0), 1024)
    with pytest.raises(InputError, match=r"123.26 MHz but the data were measured at 297.2 MHz"):
        resample(basis, Acquisition(1 / 2000, 297.2), 1024)
    with pytest.raises(InputError, match=r"has \d+ % of its signal left at the end"):
        resample(replace(basis, fid=basis.fid[:, :512]), Acquisition(1 / 2000, 123.26), 1024)
    with pytest.raises(InputError, match="bandwidth of the basis, 700 Hz, is too narrow"):
        resample(lines(Acquisition(1 / 700, 123.26), 1024), Acquisition(1 / 2000, 123.26), 1024)
    with pytest.raises(InputError, match="bandwidth of the data, 600 Hz, is too narrow"):
        resample(basis, Acquisition(1 / 600, 123.26), 256)
    with pytest.raises(InputError, match="at least 16"):
        resample(basis, basis.acquisition, 8)


@pytest.mark.data
def test_a_published_basis_meets_measured_sampling(data_dir):
    basis = read_basis(data_dir / "12_basis_sets/3T_PRESS_Philips_35ms_noMM.BASIS")
    new = Acquisition(0.0005, 127.750896)
    found = resample(basis, new, 2048)
    assert found.fid.shape == (17, 2048)
    # Every second sample, but for the field ratio of 1.00016.
    assert np.linalg.norm(found.fid - basis.fid[:, : 2 * 2048 : 2]) < 0.2 * np.linalg.norm(found.fid)
    exact = resample(basis, replace(new, spectrometer_frequency_mhz=127.731), 2048)
    assert np.allclose(exact.fid, basis.fid[:, : 2 * 2048 : 2], atol=1e-12)
