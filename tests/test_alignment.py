import numpy as np
import pytest
from head_slices import POINTS, TIME, metabolite_fid
from synthetic import ACQUISITION

from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.preprocess import align_voxels, shift_and_phase

PPM = ACQUISITION.ppm(POINTS)


def spectra_of(fid):
    halved = np.concatenate([0.5 * fid[..., :1], fid[..., 1:]], axis=-1)
    return np.fft.fftshift(np.fft.fft(halved, axis=-1), axes=-1)


HEIGHT = spectra_of(metabolite_fid()).real.max()


def shifted(count, snr, *, span_hz=15.0, extra=0.0, seed=0):
    """Voxels in a row with shifts and phases of their own; `extra` is added to each FID before the noise."""
    rng = np.random.default_rng(seed)
    shift, phase = rng.uniform(-span_hz, span_hz, count), rng.uniform(-np.pi, np.pi, count)
    clean = metabolite_fid() * np.exp(2j * np.pi * shift[:, None] * TIME + 1j * phase[:, None])
    noise = rng.normal(size=(count, POINTS, 2)) @ np.array([1, 1j]) * HEIGHT / snr / np.sqrt(POINTS)
    return MRSData((clean + extra + noise).reshape(count, 1, 1, POINTS), ACQUISITION), shift, phase


def everywhere(data):
    return np.ones(data.fid.shape[:3], bool)


def errors(aligned, shift, phase):
    """Errors against the truth, less what is common to all: a mean has no frequency or phase of its own."""
    off_hz = aligned.shift_hz.ravel() - shift
    turn = np.exp(1j * (aligned.phase_rad.ravel() - phase))
    return off_hz - np.median(off_hz), np.angle(turn * np.conj(turn.mean()))


def bounds(snr, order=6, low=1.8, high=4.2):
    """Cramér-Rao bounds of shift, Hz, and phase, rad, with amplitude and a polynomial under the window unknown."""
    inside = (low < PPM) & (high > PPM)
    fid = metabolite_fid()
    columns = [spectra_of(slope)[inside] for slope in (2j * np.pi * TIME * fid, 1j * fid, fid)]
    smooth = np.polynomial.legendre.legvander(np.linspace(-1, 1, inside.sum()), order).T
    jacobian = np.concatenate([columns, smooth, 1j * smooth])
    stacked = np.concatenate([jacobian.real, jacobian.imag], axis=1) * snr / HEIGHT
    return np.sqrt(np.diag(np.linalg.inv(stacked @ stacked.T)))[:2]


@pytest.mark.parametrize("snr", [20, 80])
def test_shift_and_phase_reach_the_cramer_rao_bound(snr):
    data, shift, phase = shifted(200, snr)
    off_hz, off_rad = errors(align_voxels(data, everywhere(data)), shift, phase)
    shift_bound, phase_bound = bounds(snr)
    assert 0.8 < off_hz.std() / shift_bound < 1.2
    assert 0.8 < off_rad.std() / phase_bound < 1.2


def test_onto_a_reference_shifts_and_phases_are_absolute():
    data, shift, phase = shifted(50, 1000)
    aligned = align_voxels(data, everywhere(data), reference=metabolite_fid())
    np.testing.assert_allclose(aligned.shift_hz.ravel(), shift, atol=0.02)
    np.testing.assert_allclose(np.angle(np.exp(1j * (aligned.phase_rad.ravel() - phase))), 0, atol=0.005)
    np.testing.assert_allclose(aligned.data.fid[:, 0, 0], np.tile(metabolite_fid(), (50, 1)), atol=0.02 * HEIGHT / 20)
    assert (aligned.likeness > 0.99).all()


def test_residual_water_and_lipids_do_little_harm():
    rng = np.random.default_rng(3)
    water = np.exp((2j * np.pi * rng.normal(0, 4, (100, 1)) - 7 * np.pi) * TIME)
    water = water * 20 * HEIGHT * 7 * np.pi / 2000 * np.exp(2j * np.pi * rng.uniform(size=(100, 1)))
    lipids = 30 * np.pi / 2000 * HEIGHT * np.exp((2j * np.pi * ACQUISITION.ppm_to_hz(1.3) - 30 * np.pi) * TIME)
    data, shift, phase = shifted(100, 40, extra=water + lipids)
    off_hz, off_rad = errors(align_voxels(data, everywhere(data)), shift, phase)
    assert np.abs(off_hz).max() < 1.0
    assert np.sqrt(np.mean(off_hz**2)) < 0.25
    assert np.sqrt(np.mean(off_rad**2)) < 0.1


def test_what_was_taken_off_can_be_put_back():
    data, _, _ = shifted(20, 40)
    aligned = align_voxels(data, everywhere(data))
    back = shift_and_phase(aligned.data, aligned.shift_hz, aligned.phase_rad)
    np.testing.assert_allclose(back.fid, data.fid, atol=2e-5 * np.abs(data.fid).max())
    assert back.fid.dtype == data.fid.dtype


def test_outside_the_mask_and_where_there_is_nothing_voxels_stay_as_they_are():
    data, _, _ = shifted(30, 40)
    fid, mask = data.fid.astype(np.complex64), everywhere(data)
    rng = np.random.default_rng(5)
    mask[0], fid[1], fid[2, 0, 0, 3] = False, 0, np.nan
    fid[3] = rng.normal(size=(1, 1, POINTS)) + 1j * rng.normal(size=(1, 1, POINTS))
    aligned = align_voxels(data.with_fid(fid), mask)
    np.testing.assert_array_equal(aligned.data.fid[:4], fid[:4])
    assert not aligned.shift_hz[:4].any() and not aligned.phase_rad[:4].any() and not aligned.likeness[:4].any()
    assert (aligned.likeness[4:] > 0.8).all()
    assert aligned.data.fid.dtype == np.complex64


def test_repetitions_are_aligned_each_by_itself():
    data, shift, _ = shifted(24, 80)
    pairs = MRSData(data.fid.reshape(12, 1, 1, 2, POINTS), ACQUISITION, ("DIM_DYN",))
    aligned = align_voxels(pairs, np.ones((12, 1, 1), bool), reference=metabolite_fid())
    assert aligned.shift_hz.shape == (12, 1, 1, 2)
    np.testing.assert_allclose(aligned.shift_hz.ravel(), shift, atol=0.3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"window_ppm": (4.2, 1.8)}, "lower one"),
        ({"limit_ppm": 0.0}, "limit_ppm"),
        ({"rounds": 0}, "rounds"),
        ({"reference": np.ones(5, complex)}, "reference"),
        ({"reference": np.zeros(POINTS, complex)}, "no signal"),
    ],
)
def test_unusable_options_are_refused(options, says):
    data, _, _ = shifted(3, 40)
    with pytest.raises(InputError, match=says):
        align_voxels(data, everywhere(data), **options)


def test_masks_that_do_not_fit_are_refused():
    data, _, _ = shifted(3, 40)
    with pytest.raises(InputError, match="shape"):
        align_voxels(data, np.ones((2, 1, 1), bool))
    with pytest.raises(InputError, match="no voxel"):
        align_voxels(data, np.zeros((3, 1, 1), bool))
    with pytest.raises(InputError, match="nothing to align"):
        align_voxels(data.with_fid(0 * data.fid), everywhere(data))
