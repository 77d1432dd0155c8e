from dataclasses import replace

import jax
import numpy as np
import pytest
from head_slices import POINTS, TIME, VOXELS, WIDTH_HZ, head
from synthetic import ACQUISITION, basis, truth_vector

from diffmrs.axes import Acquisition
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.preprocess import (
    apply_lipid_operator,
    line_loss,
    lipid_mask_from_data,
    lipid_operator,
    mask_from_data,
    suppress_lipids,
)
from diffmrs.preprocess.lipids import BAND_PPM

PPM = ACQUISITION.ppm(POINTS)
STRONG = 1000.0  # scale of the lipids of a head whose brain they reach


def band_rms(fid, low=0.8, high=1.85):
    spectrum = np.fft.fftshift(np.fft.fft(fid, axis=-1), axes=-1)
    return np.sqrt((np.abs(spectrum[..., (low < PPM) & (high > PPM)]) ** 2).mean())


def amplitudes(fid, shapes, low=0.6, high=4.1):
    """Least squares of FIDs, [voxels, points], with known shapes, [members, points], and a polynomial under them."""
    inside = (low < PPM) & (high > PPM)
    spectra = [np.fft.fftshift(np.fft.fft(x, axis=-1), axes=-1)[:, inside] for x in (fid, shapes)]
    smooth = np.polynomial.legendre.legvander(np.linspace(-1, 1, inside.sum()), 6).T * np.abs(spectra[1]).max()
    columns = np.concatenate([spectra[1], smooth, 1j * smooth])
    split = [np.concatenate([x.real, x.imag], axis=1).T for x in (columns, spectra[0])]
    return np.linalg.lstsq(*split, rcond=None)[0][: len(shapes)].T


@pytest.fixture(scope="module")
def suppressed():
    """A head without field offsets: a basis with the true widths then fits each voxel as it is."""
    slice_ = head(STRONG, field_hz=0.0)
    clean, operator = suppress_lipids(slice_.data, lipid_mask_from_data(slice_.data))
    return slice_, clean, operator


def test_the_operator_is_the_closed_form():
    slice_ = head(STRONG)
    skull = lipid_mask_from_data(slice_.data)
    operator = lipid_operator(slice_.data, skull, 30.0)
    spectra = np.fft.fftshift(np.fft.fft(slice_.data.fid[skull].astype(complex), norm="ortho"), axes=-1)
    low, high = BAND_PPM
    spectra[:, (low > PPM) | (high < PPM)] = 0
    gram = spectra.T @ spectra.conj()
    inverse = np.linalg.inv(np.eye(POINTS) + 30 * gram / np.linalg.eigvalsh(gram).max())
    x = slice_.data.fid[VOXELS // 2, VOXELS // 2].astype(complex)
    expected = np.fft.fftshift(np.fft.fft(x, norm="ortho"), axes=-1) @ inverse.T
    found = np.fft.fftshift(np.fft.fft(np.asarray(apply_lipid_operator(x, operator)), norm="ortho"), axes=-1)
    # Directions within the noise are dropped, so that a little is left.
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


def test_few_and_many_skull_voxels_give_the_same_operator():
    slice_ = head(STRONG)
    few = lipid_operator(slice_.data, lipid_mask_from_data(slice_.data), 30.0)
    six = np.concatenate([slice_.data.fid] * 6, axis=2)
    many = lipid_operator(MRSData(six, ACQUISITION), lipid_mask_from_data(MRSData(six, ACQUISITION)), 30.0)
    assert lipid_mask_from_data(MRSData(six, ACQUISITION)).sum() > 250  # more than there are points in the band
    x = slice_.data.fid[4:8, 4:8]
    a, b = (np.asarray(apply_lipid_operator(x, operator)) for operator in (few, many))
    np.testing.assert_allclose(a, b, atol=2e-3 * np.abs(x).max())


def test_lipids_go_and_metabolites_stay(suppressed):
    slice_, clean, operator = suppressed
    brain = mask_from_data(slice_.data)
    left = np.asarray(apply_lipid_operator(slice_.lipids[brain], operator))
    kept = np.asarray(apply_lipid_operator(slice_.metabolites[brain], operator))
    assert band_rms(slice_.lipids[brain]) > 10 * band_rms(left)
    assert (line_loss(operator) < 0.1).all()
    assert band_rms(kept, 2.9, 3.3) > 0.85 * band_rms(slice_.metabolites[brain], 2.9, 3.3)
    assert clean.fid.dtype == slice_.data.fid.dtype and clean.fid.shape == slice_.data.fid.shape
    noise = slice_.data.fid - slice_.metabolites - slice_.lipids
    total = left + kept + np.asarray(apply_lipid_operator(noise[brain], operator))
    np.testing.assert_allclose(clean.fid[brain], total, atol=1e-4 * np.abs(total).max())


def test_a_basis_through_the_operator_gives_unbiased_amplitudes(suppressed):
    slice_, clean, operator = suppressed
    names = ("NAA", "GPC", "Lac", "Cr", "PCr", "Ins", "Glu", "MM09")
    shapes = np.asarray(basis(names, n_points=POINTS).fid) * np.exp(-np.pi * WIDTH_HZ * TIME)
    brain = (slice_.coverage > 0.9) & mask_from_data(slice_.data)
    truth = truth_vector(names) * slice_.coverage[brain][:, None]

    def bias(basis_fid):
        found = amplitudes(clean.fid[brain], basis_fid)
        single = np.median(found[:, :3] / truth[:, :3], axis=0) - 1
        return *single, np.median(found[:, 3:5].sum(axis=1) / truth[:, 3:5].sum(axis=1)) - 1

    plain, through = bias(shapes), bias(np.asarray(apply_lipid_operator(shapes, operator)))
    naa, choline, lactate, creatine = through
    assert abs(plain[0]) > 0.02 and abs(plain[2]) > 1
    assert max(abs(naa), abs(choline), abs(creatine)) < 0.01 and abs(lactate) < 0.3


def test_stronger_takes_more_and_zero_takes_nothing():
    slice_ = head(STRONG)
    skull, brain = lipid_mask_from_data(slice_.data), mask_from_data(slice_.data)
    x = slice_.lipids[brain]
    left = [
        band_rms(np.asarray(apply_lipid_operator(x, lipid_operator(slice_.data, skull, beta))))
        for beta in (0.0, 1.0, 10.0, 100.0)
    ]
    assert left[0] == pytest.approx(band_rms(x), rel=1e-5)
    assert left[0] > left[1] > left[2] > left[3]


def test_where_the_brain_has_no_lipids_nothing_is_done():
    slice_ = head(1.0)
    skull = np.abs(slice_.lipids[..., 0]) > 0.5 * np.abs(slice_.lipids[..., 0]).max()
    clean, operator = suppress_lipids(slice_.data, skull)
    assert operator.beta == 0
    np.testing.assert_allclose(clean.fid, slice_.data.fid, atol=1e-5 * np.abs(slice_.data.fid).max())


@pytest.mark.parametrize("most_loss", [0.02, 0.1])
def test_no_singlet_loses_more_than_is_allowed(most_loss):
    slice_ = head(STRONG)
    operator = lipid_operator(slice_.data, lipid_mask_from_data(slice_.data), most_loss=most_loss)
    assert 0.2 * most_loss < line_loss(operator).max() <= most_loss


def test_the_operator_does_not_depend_on_the_scale():
    slice_ = head(STRONG)
    skull = lipid_mask_from_data(slice_.data)
    small = slice_.data.with_fid(np.asarray(slice_.data.fid) * np.float32(1e-6))
    one, other = (lipid_operator(data, skull) for data in (slice_.data, small))
    assert one.beta == other.beta and one.rank == other.rank
    np.testing.assert_allclose(one.damping, other.damping, rtol=1e-3)


def test_it_is_a_pytree_with_a_derivative():
    slice_ = head(STRONG)
    operator = lipid_operator(slice_.data, lipid_mask_from_data(slice_.data), 10.0)
    fid = np.asarray(slice_.data.fid[8, 8, 0])
    gradient = jax.jit(
        jax.grad(lambda damping: abs(apply_lipid_operator(fid, replace(operator, damping=damping))).sum())
    )
    assert np.isfinite(gradient(np.asarray(operator.damping, np.float32))).all()


def test_nan_voxels_stay_and_harm_nobody():
    slice_ = head(STRONG)
    fid = np.array(slice_.data.fid)
    fid[8, 8, 0, 5] = np.nan
    skull = lipid_mask_from_data(slice_.data)
    fid[tuple(np.argwhere(skull)[0])] = np.nan
    clean, _ = suppress_lipids(slice_.data.with_fid(fid), skull, 10.0)
    np.testing.assert_array_equal(np.isnan(clean.fid).any(axis=-1), np.isnan(fid).any(axis=-1))


def test_bad_input_is_refused():
    data, skull = head(STRONG).data, lipid_mask_from_data(head(STRONG).data)
    with pytest.raises(InputError, match="no voxel"):
        lipid_operator(data, np.zeros_like(skull))
    with pytest.raises(InputError, match="shape"):
        lipid_operator(data, skull[:3])
    with pytest.raises(InputError, match="beta"):
        lipid_operator(data, skull, -1.0)
    with pytest.raises(InputError, match="most_loss"):
        lipid_operator(data, skull, most_loss=0.0)
    with pytest.raises(InputError, match="no voxel of brain"):
        lipid_operator(data, skull, mask=skull)
    with pytest.raises(InputError, match="resample"):
        apply_lipid_operator(np.ones(64, complex), lipid_operator(data, skull, 1.0))
    with pytest.raises(InputError, match="31P"):
        lipid_operator(MRSData(data.fid, Acquisition(5e-4, 49.9, "31P", 0.0)), skull, 1.0)
    noise = np.random.default_rng(0).normal(size=(*data.fid.shape, 2)) @ np.array([1, 1j])
    with pytest.raises(InputError, match="nothing but noise"):
        lipid_operator(data.with_fid(noise), skull, 1.0)
