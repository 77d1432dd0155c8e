import numpy as np
import pytest
from head_slices import POINTS, TIME, VOXELS, head
from synthetic import ACQUISITION

from diffmrs.axes import Acquisition
from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.preprocess import lipid_mask_from_data, mask_from_data


def with_water(slice_, height, seed=0):
    """Water in brain and, weaker and broader, in the scalp; `height` of the line's first point."""
    rng = np.random.default_rng(seed)
    brain = slice_.coverage[..., None] * np.exp(2j * np.pi * rng.normal(0, 3, (VOXELS, VOXELS, 1, 1)) * TIME)
    scalp = np.abs(slice_.lipids[..., :1]) / max(np.abs(slice_.lipids[..., 0]).max(), 1e-9)
    water = height * (brain * np.exp(-7 * np.pi * TIME) + 0.3 * scalp * np.exp(-15 * np.pi * TIME))
    return slice_.data.with_fid((slice_.data.fid + water).astype(np.complex64))


@pytest.mark.parametrize("water", [0.0, 160.0, 80000.0])  # suppressed, a residue, and none suppressed at all
@pytest.mark.parametrize("lipid_scale", [100.0, 300.0])
def test_brain_and_skull_are_told_apart_with_and_without_water(water, lipid_scale):
    slice_ = head(lipid_scale)
    measured = with_water(slice_, water)
    brain, skull = mask_from_data(measured), lipid_mask_from_data(measured)
    ring = np.abs(slice_.lipids[..., 0])
    assert not (brain & skull).any()
    assert brain[slice_.coverage > 0.7].mean() > 0.95
    assert not brain[slice_.coverage < 0.1].any()
    assert skull[ring > 0.5 * ring.max()].mean() > 0.95
    assert not skull[slice_.coverage > 0.8].any()


def test_without_lipids_there_is_no_skull():
    assert not lipid_mask_from_data(head(0.0).data).any()
    assert mask_from_data(head(0.0).data)[head(0.0).coverage > 0.7].all()


def test_noise_is_no_brain():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(4, 4, 2, POINTS)) + 1j * rng.normal(size=(4, 4, 2, POINTS))
    assert not mask_from_data(MRSData(noise, ACQUISITION)).any()
    assert not lipid_mask_from_data(MRSData(0 * noise, ACQUISITION)).any()


def test_voxels_of_zeros_and_nan_are_left_out_and_leave_the_others_alone():
    fid = np.array(head().data.fid)
    before = mask_from_data(head().data)
    middle = VOXELS // 2
    fid[middle, middle], fid[middle, middle + 1, 0, 7] = 0, np.nan
    after = mask_from_data(MRSData(fid, ACQUISITION))
    before[middle, middle : middle + 2] = False
    np.testing.assert_array_equal(after, before)


def test_masks_do_not_depend_on_the_scale_and_repetitions_count_as_one_voxel():
    fid = np.asarray(head().data.fid)
    twice = MRSData(np.stack([fid, fid], axis=3) * 1e-7, ACQUISITION, ("DIM_DYN",))
    np.testing.assert_array_equal(mask_from_data(twice), mask_from_data(head().data))
    np.testing.assert_array_equal(lipid_mask_from_data(twice), lipid_mask_from_data(head().data))


def test_what_is_no_proton_volume_is_refused():
    fid = np.asarray(head().data.fid)
    with pytest.raises(InputError, match="not a volume"):
        mask_from_data(MRSData(fid[0], ACQUISITION))
    with pytest.raises(InputError, match="31P"):
        mask_from_data(MRSData(fid, Acquisition(5e-4, 49.9, "31P", 0.0)))
    with pytest.raises(InputError, match="reach only"):
        mask_from_data(MRSData(fid, Acquisition(4e-3, 123.2)))
