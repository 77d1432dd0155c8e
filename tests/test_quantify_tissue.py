import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmrs.errors import InputError
from diffmrs.quantify.fraction_maps import fractions_from_maps, geometry
from diffmrs.quantify.tissue import tissue_fractions

ONE = np.zeros((1, 3), int)


def written(folder, values, affine=None):
    """GM, WM and CSF maps in a folder; CSF is what is missing to 1."""
    paths = tuple(folder / f"{name}.nii.gz" for name in ("gm", "wm", "csf"))
    for path, volume in zip(paths, values, strict=True):
        nib.save(nib.Nifti1Image(np.asarray(volume, np.float32), np.eye(4) if affine is None else affine), path)
    return paths


def halves(shape=(40, 40, 40)):
    """GM where x is below the middle, WM above."""
    gm = np.zeros(shape)
    gm[: shape[0] // 2] = 1
    return gm, 1 - gm, np.zeros(shape)


def box(edges, centre):
    """Affine of a single voxel."""
    affine = np.diag([*edges, 1.0])
    affine[:3, 3] = centre
    return affine


@given(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3))
def test_fractions_add_up_to_one_and_water_shares_too(parts):
    gm, wm, csf = (float(part) for part in np.array(parts) / sum(parts))
    fractions, notes = tissue_fractions(gm, wm, csf)
    assert notes == ()
    assert fractions.gm + fractions.wm + fractions.csf == pytest.approx(1)
    assert sum(fractions.water_share) == pytest.approx(1)


def test_water_shares_are_mole_fractions_not_volume_fractions():
    fractions, _ = tissue_fractions(0.5, 0.3, 0.2)
    water = 0.5 * 0.78 + 0.3 * 0.65 + 0.2 * 0.97
    assert [float(share[0]) for share in fractions.water_share] == pytest.approx(
        [0.5 * 0.78 / water, 0.3 * 0.65 / water, 0.2 * 0.97 / water]
    )


def test_rounded_fractions_are_rescaled_with_a_note():
    fractions, notes = tissue_fractions(0.6, 0.32, 0.07)
    assert float(fractions.gm[0]) == pytest.approx(0.6 / 0.99)
    assert "0.99" in notes[0]


@pytest.mark.parametrize(
    ("fractions", "says"),
    [
        ((0.0, 0.0, 1.0), "no tissue"),
        ((60.0, 30.0, 10.0), "add up to 100"),
        ((0.6, 0.3, 0.0), "add up to 0.9"),
        ((1.2, -0.2, 0.0), "at least 0"),
        ((np.nan, 0.5, 0.5), "at least 0"),
    ],
)
def test_fractions_that_describe_no_voxel_are_refused(fractions, says):
    with pytest.raises(InputError, match=says):
        tissue_fractions(*fractions)


@pytest.mark.parametrize(("centre", "gm"), [(19.5, 0.5), (9.5, 1.0), (17.0, 0.75), (29.5, 0.0)])
def test_a_voxel_takes_the_mean_of_the_map_over_its_box(tmp_path, centre, gm):
    # The boundary lies at x = 19.5 mm; a voxel of 10 mm around 17 mm reaches from 12 to 22.
    fractions, notes = fractions_from_maps(written(tmp_path, halves()), box([10, 8, 6], [centre, 20, 20]), ONE)
    assert float(fractions.gm[0]) == pytest.approx(gm, abs=0.02)
    assert float(fractions.wm[0]) == pytest.approx(1 - gm, abs=0.02)
    assert notes == ()


def test_a_tilted_voxel_is_sampled_in_its_own_frame(tmp_path):
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array([20.0, 4.0, 4.0])
    affine[:3, 3] = [22.0, 20.0, 20.0]
    x, y, _ = np.meshgrid(*[np.arange(40)] * 3, indexing="ij")
    along = (x - 22) * np.cos(angle) + (y - 20) * np.sin(angle)  # distance along the long edge of the voxel
    gm = (along < -5).astype(float)  # a quarter of the voxel, from -10 to -5 mm
    fractions, _ = fractions_from_maps(written(tmp_path, (gm, 1 - gm, 0 * gm)), affine, ONE)
    assert float(fractions.gm[0]) == pytest.approx(0.25, abs=0.03)


def test_the_grid_of_the_map_does_not_matter(tmp_path):
    fine = np.diag([0.5, 0.5, 0.5, 1.0])
    fine[:3, 3] = [-0.25, -0.25, -0.25]
    values = [np.repeat(np.repeat(np.repeat(v, 2, 0), 2, 1), 2, 2) for v in halves((30, 20, 20))]
    flipped = [v[::-1] for v in values]
    backwards = fine.copy()
    backwards[0, 0], backwards[0, 3] = -0.5, fine[0, 3] + 0.5 * (values[0].shape[0] - 1)
    voxel = box([9, 7, 5], [13.0, 10, 10])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, _ = fractions_from_maps(written(tmp_path / "a", values, fine), voxel, ONE)
    other, _ = fractions_from_maps(written(tmp_path / "b", flipped, backwards), voxel, ONE)
    assert float(one.gm[0]) == pytest.approx(6 / 9, abs=0.02)  # from 8.5 to 14.5 of 8.5 to 17.5 mm
    assert float(other.gm[0]) == pytest.approx(float(one.gm[0]), abs=1e-12)


def test_each_mrsi_voxel_has_its_own_fractions_and_those_outside_have_none(tmp_path):
    affine = box([10, 10, 10], [5, 20, 20])
    voxels = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 0, 0], [9, 0, 0]])
    fractions, notes = fractions_from_maps(written(tmp_path, halves()), affine, voxels)
    assert fractions.gm[:4] == pytest.approx([1, 0.95, 0, 0], abs=0.02)
    assert np.isnan(fractions.gm[4])
    assert "1 of 4 voxels lie mostly outside" in notes[0]


def test_voxels_of_fluid_get_no_concentration_and_a_note(tmp_path):
    csf = halves()[0]
    paths = written(tmp_path, (1 - csf, 0 * csf, csf))
    fractions, notes = fractions_from_maps(paths, box([10, 10, 10], [5, 20, 20]), np.array([[0, 0, 0], [2, 0, 0]]))
    assert np.isnan(fractions.csf[0]) and float(fractions.gm[1]) == 1
    assert "hold no GM or WM" in notes[0]


def test_skull_in_the_voxel_is_left_out_with_a_note(tmp_path):
    gm, wm, csf = halves()
    fractions, notes = fractions_from_maps(
        written(tmp_path, (0.8 * gm, 0.8 * wm, csf)), box([10, 8, 6], [19.5, 20, 20]), ONE
    )
    assert float(fractions.gm[0]) == pytest.approx(0.5, abs=0.02)
    assert "add up to" in notes[0]


@pytest.mark.parametrize(
    ("scale", "centre", "says"),
    [
        (100.0, [20, 20, 20], "values from 0 to 100"),
        (1.0, [200, 20, 20], "outside"),
        (np.nan, [20, 20, 20], "fractions lie from 0 to 1"),
    ],
)
def test_maps_that_cannot_serve_are_refused(tmp_path, scale, centre, says):
    paths = written(tmp_path, [scale * v for v in halves()])
    with pytest.raises(InputError, match=says):
        fractions_from_maps(paths, box([10, 10, 10], centre), ONE)


def test_maps_of_nothing_but_fluid_and_of_too_much_are_refused(tmp_path):
    ones = np.ones((40, 40, 40))
    with pytest.raises(InputError, match="no voxel holds tissue"):
        fractions_from_maps(written(tmp_path, (0 * ones, 0 * ones, ones)), box([9, 9, 9], [20, 20, 20]), ONE)
    with pytest.raises(InputError, match="more than 1"):
        fractions_from_maps(written(tmp_path, (ones, ones, 0 * ones)), box([9, 9, 9], [20, 20, 20]), ONE)


def test_data_without_a_place_are_refused():
    nowhere = nib.Nifti1Header()
    for header in (None, nowhere):
        with pytest.raises(InputError, match="--tissue"):
            geometry(header)
    nowhere.set_sform(box([1, 2, 3], [4, 5, 6]), code=1)
    np.testing.assert_array_equal(geometry(nowhere), box([1, 2, 3], [4, 5, 6]))
