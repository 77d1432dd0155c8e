"""A synthetic head has the anatomy, the metabolites, the signals and the noise that it claims."""

import jax
import numpy as np
import pytest
import synthetic

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.io import read_nifti_mrs, write_nifti_mrs, write_nifti_mrs_slabs
from diffmrs.io.volume import nifti_header_of
from diffmrs.simulate import head_tissue, simulate_head, write_head
from diffmrs.simulate.head_metabolites import encoded_fat
from diffmrs.simulate.head_tissue import PARTS, voxel_mm

BASIS = synthetic.basis()
KEY = jax.random.key(4)
SHAPE = (20, 22, 2)


def stack(tissue):
    return np.stack([getattr(tissue, part) for part in PARTS])


def head(**keywords):
    return simulate_head(KEY, BASIS, SHAPE, **keywords)


@pytest.fixture(scope="module")
def usual():
    return head()


@pytest.fixture(scope="module")
def clean():
    return head(snr=np.inf, baseline=0.0, variation=0.0)


@pytest.mark.parametrize("shape", [(32, 32, 1), (15, 18, 3), (8, 8, 12)])
def test_fractions_add_up_to_one(shape):
    fractions = stack(head_tissue(shape))
    assert fractions.shape == (8, *shape)
    np.testing.assert_allclose(fractions.sum(axis=0), 1, atol=1e-5)
    assert fractions.min() >= 0


def test_the_hemispheres_are_mirror_images_but_for_the_tumour():
    healthy, ill = head_tissue((32, 32, 4), tumour=False), head_tissue((32, 32, 4))
    np.testing.assert_allclose(stack(healthy), stack(healthy)[:, ::-1], atol=1e-6)
    assert not healthy.lesion.any()
    np.testing.assert_array_equal(stack(ill)[:, ill.lesion == 0], stack(healthy)[:, ill.lesion == 0])
    assert ill.lesion[:16].sum() > 20
    assert not ill.lesion[16:].any()


def test_volumes_are_those_of_an_adult():
    tissue = head_tissue((64, 64, 12))
    ml = np.prod(voxel_mm((64, 64, 12))) / 1000
    brain = ml * (tissue.gm + tissue.wm + tissue.lesion).sum()
    assert 900 < brain < 1400  # the slices leave out the vertex and all below the temporal lobes
    assert 0.9 < tissue.gm.sum() / tissue.wm.sum() < 1.7
    assert 10 < ml * (tissue.tumour + tissue.necrosis).sum() < 40


def test_fat_lies_around_the_brain_and_ventricles_in_the_middle():
    tissue = head_tissue((64, 64, 12))
    columns = tissue.fat[32].max(axis=-1)
    inside = tissue.inside[32].max(axis=-1)
    assert columns[: np.flatnonzero(inside)[0]].max() > 0.9
    assert columns[np.flatnonzero(inside)[-1] :].max() > 0.9
    assert not (tissue.fat[tissue.inside > 0.9]).any()
    ventricles = tissue.csf[24:40, 20:44].sum(axis=(0, 1))  # with the cleft between the hemispheres
    assert ventricles[5:7].min() > 2 * ventricles[2]


def test_the_tumour_has_more_choline_and_lactate_and_hardly_any_naa():
    both = BASIS.joined(Basis(np.asarray(BASIS.fid)[[BASIS.index("GPC")]], BASIS.acquisition, ("PCho",)))
    clean = simulate_head(KEY, both, (48, 48, 2), variation=0.0)
    healthy, tumour, core = (getattr(clean.tissue, part) > 0.9 for part in ("wm", "tumour", "necrosis"))
    naa, choline, lactate, inositol = (clean.concentration_mm(name) for name in ("NAA", "GPC", "Lac", "Ins"))
    choline = choline + clean.concentration_mm("PCho")
    assert min(healthy.sum(), tumour.sum(), core.sum()) > 3
    assert naa[tumour].max() < 0.25 * naa[healthy].mean()
    assert choline[tumour].min() > 1.7 * choline[healthy].mean()
    assert inositol[tumour].min() > 1.3 * inositol[healthy].mean()
    assert lactate[tumour].min() > 5 * lactate[healthy].mean()
    assert clean.concentration_mm("Lip")[core].min() > 5 * clean.concentration_mm("Lip")[healthy].max()


def test_a_voxel_holds_what_its_parts_hold(clean):
    tissue = clean.tissue
    bare = tissue.lesion == 0
    expected = 9.6 * tissue.gm + 8.9 * tissue.wm
    np.testing.assert_allclose(clean.concentration_mm("NAA")[bare], expected[bare], atol=1e-4)


def test_metabolites_vary_from_place_to_place(usual, clean):
    inside = clean.mask & (clean.concentration_mm("NAA") > 1)
    ratio = (usual.concentration_mm("NAA") / np.maximum(clean.concentration_mm("NAA"), 1))[inside]
    assert ratio.std() == pytest.approx(0.06, rel=0.4)
    assert ratio.mean() == pytest.approx(1, abs=0.05)


def test_signals_without_noise_are_those_of_the_equation(clean):
    parameters, basis = jax.tree.map(np.asarray, clean.parameters), np.asarray(clean.basis.fid)
    time = np.arange(basis.shape[-1]) * BASIS.acquisition.dwell_time_s
    heavy = np.array([name in ("MM09", "Lip") for name in clean.names], int)
    for voxel in zip(*np.nonzero(clean.mask), strict=True):
        gauss2 = parameters.gaussian_variance_hz2[voxel][0]
        lorentz = parameters.lorentzian_fwhm_hz[voxel][heavy][:, None]
        decay = np.exp(-np.pi * lorentz * time - np.pi**2 * gauss2 * time**2 / (4 * np.log(2)))
        turn = np.exp(2j * np.pi * clean.shift_hz[voxel] * time + 1j * clean.phase_rad[voxel])
        expected = (parameters.amplitude[voxel][:, None] * basis * decay).sum(axis=0) * turn
        np.testing.assert_allclose(clean.data.fid[voxel], expected, atol=2e-4 * np.abs(expected).max())


def test_air_is_empty_without_noise(clean):
    assert not clean.data.fid[clean.tissue.air > 0.999].any()


def test_noise_is_the_same_everywhere_and_as_asked(usual):
    bare = head(snr=np.inf)
    noise = np.asarray(spectrum_of(usual.data.fid - bare.data.fid)).real
    assert noise.std() == pytest.approx(usual.noise_sd, rel=0.01)
    assert noise[usual.mask].std() == pytest.approx(usual.noise_sd, rel=0.02)
    assert noise.mean(axis=(0, 1, 2)).std() < 2 * usual.noise_sd / np.sqrt(880)
    assert head(snr=50.0).noise_sd == pytest.approx(usual.noise_sd / 2)


def test_the_snr_is_that_of_the_brain(clean):
    noise_sd = head(snr=25.0, baseline=0.0, variation=0.0).noise_sd
    back = np.exp(-1j * clean.phase_rad)[..., None]
    spectra = np.asarray(spectrum_of(clean.data.fid * back)).real
    window = (clean.data.ppm > 1.8) & (clean.data.ppm < 4.2)  # beside the lipids of the necrosis
    heights = spectra[clean.mask][:, window].max(axis=-1)
    assert heights.mean() / noise_sd == pytest.approx(25, rel=0.1)


def test_macromolecules_have_the_same_signal_as_one_member_or_many():
    acquisition = BASIS.acquisition
    lines = [synthetic.lines_fid([(ppm, protons, 0, 20)]) for ppm, protons in ((0.9, 0.7), (1.4, 0.4), (2.0, 0.5))]
    metabolites = BASIS.without(["MM09"])
    many = metabolites.joined(Basis(np.stack(lines), acquisition, ("MM090", "MM140", "MM200")))
    one = metabolites.joined(Basis(np.sum(lines, axis=0)[None], acquisition, ("Mac",)))
    options = {"snr": np.inf, "baseline": 0.0, "variation": 0.0}
    first, second = (simulate_head(KEY, basis, (16, 16, 1), **options) for basis in (many, one))
    np.testing.assert_allclose(first.data.fid, second.data.fid, atol=2e-4 * np.abs(second.data.fid).max())


def test_lipids_of_the_basis_are_used_where_it_has_some():
    lipids = Basis(synthetic.lines_fid([(1.3, 4, 0, 15)])[None], BASIS.acquisition, ("Lip13",))
    both = BASIS.joined(lipids)
    head = simulate_head(KEY, both, (16, 16, 1))
    assert head.names == both.names
    assert head.concentration_mm("Lip13")[head.lipid_mask].min() > 20


def test_without_lipids_in_the_tumour_the_basis_is_complete():
    head = simulate_head(KEY, BASIS, (24, 24, 2), tumour_lipids=0.0)
    assert not head.concentration_mm("Lip")[head.mask].any()


def test_leaking_fat_keeps_its_amount_and_reaches_the_brain():
    tissue = head_tissue(SHAPE)
    np.testing.assert_allclose(encoded_fat(SHAPE).sum(axis=(0, 1)), tissue.fat.sum(axis=(0, 1)), rtol=1e-3)
    deep = (tissue.inside > 0.999) & (tissue.lesion == 0)
    still, leaking = (head(lipid_leak=leak).concentration_mm("Lip")[deep] for leak in (0.0, 0.5))
    assert not still.any()
    assert np.abs(leaking).max() > 1
    assert leaking.min() < 0 < leaking.max()


def test_residual_water_is_as_high_as_asked():
    wet, dry = (head(snr=np.inf, residual_water=water) for water in (20.0, 0.0))
    assert wet.names[-1] == "Water"
    spectra = np.asarray(spectrum_of(wet.data.fid - dry.data.fid))
    near = np.abs(wet.data.ppm - 4.65) < 0.3
    height = np.abs(spectra[wet.mask][:, near]).max(axis=-1)
    tallest = head(snr=1.0).noise_sd
    assert np.sqrt(np.mean(height**2)) / tallest == pytest.approx(20, rel=0.6)


def test_the_baseline_is_smooth_and_as_high_as_asked():
    with_it, without = head(snr=np.inf, baseline=0.1), head(snr=np.inf, baseline=0.0)
    spectra = np.asarray(spectrum_of(with_it.data.fid - without.data.fid))[with_it.mask]
    seen = spectra[:, slice(*with_it.model.window)]
    tallest = head(snr=1.0).noise_sd
    assert np.sqrt(np.mean(seen.real**2)) / tallest == pytest.approx(0.1, rel=0.6)
    assert np.abs(np.diff(seen.real, axis=-1)).max() < 0.1 * np.abs(seen.real).max()


def test_field_and_widths_are_worse_at_the_front():
    head = simulate_head(KEY, BASIS, (24, 24, 8))
    assert np.abs(head.shift_hz).max() < 20
    assert 2 < head.shift_hz[head.mask].std() < 10
    width = np.sqrt(head.parameters.gaussian_variance_hz2[..., 0])
    assert width[10:14, -6, 0].mean() > 1.3 * width[10:14, 8, 0].mean()


def test_the_same_key_gives_the_same_head(usual):
    np.testing.assert_array_equal(head().data.fid, usual.data.fid)
    other = simulate_head(jax.random.key(5), BASIS, SHAPE)
    assert not np.allclose(other.shift_hz, usual.shift_hz)
    assert usual.data.fid.dtype == np.complex64
    assert usual.parameters.amplitude.dtype == np.float32


def test_geometry_survives_a_file(usual, tmp_path):
    write_nifti_mrs(tmp_path / "head.nii.gz", usual.data)
    back = read_nifti_mrs(tmp_path / "head.nii.gz")
    np.testing.assert_array_equal(back.fid, usual.data.fid)
    assert back.acquisition == BASIS.acquisition
    header = nifti_header_of(back.header)
    np.testing.assert_allclose(header.get_zooms()[:3], (11, 10, 10))
    affine = header.get_best_affine()
    # Both hemispheres alike: the middle of the volume is at x = 0, y = 0.
    np.testing.assert_allclose((affine @ [9.5, 10.5, 0.5, 1])[:3], (0, 0, 14), atol=1e-4)
    np.testing.assert_allclose(np.diag(affine), (11, 10, 10, 1))


def test_a_streamed_file_is_that_of_the_whole(usual, tmp_path):
    write_head(tmp_path / "slices.nii", usual)
    write_nifti_mrs(tmp_path / "whole.nii", usual.data)
    assert (tmp_path / "slices.nii").read_bytes() == (tmp_path / "whole.nii").read_bytes()


def test_slices_that_do_not_fit_leave_no_file(usual, tmp_path):
    target = tmp_path / "bad.nii"
    arguments = ((*SHAPE, 1024), BASIS.acquisition, usual.header)
    slab = usual.data.fid[:, :, 0]
    for slabs in ([slab], [slab] * 3, [slab, slab[:4]], [slab, slab.astype(complex)]):
        with pytest.raises(InputError, match="slice"):
            write_nifti_mrs_slabs(target, *arguments, slabs)
    with pytest.raises(InputError, match=r"call it \*\.nii"):
        write_nifti_mrs_slabs(tmp_path / "bad.nii.gz", *arguments, [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"snr": 0.0}, "snr is 0; it must be above 0"),
        ({"lipid_leak": 1.5}, "lipid_leak is 1.5; it must lie between 0 and 1"),
        ({"variation": -0.1}, "variation is -0.1"),
        ({"baseline": float("nan")}, "baseline is nan"),
        ({"shape": (4, 32, 1)}, "x and y need at least 8 voxels"),
    ],
)
def test_bad_input_is_refused(keywords, message):
    shape = keywords.pop("shape", SHAPE)
    with pytest.raises(InputError, match=message):
        simulate_head(KEY, BASIS, shape, **keywords)


def test_unknown_metabolites_and_members_are_refused(usual):
    unknown = Basis(np.asarray(BASIS.fid)[:1], Acquisition(5e-4, 123.2), ("Unobtainium",))
    with pytest.raises(InputError, match="no concentration of Unobtainium"):
        simulate_head(KEY, unknown, SHAPE)
    with pytest.raises(InputError, match="no member"):
        usual.concentration_mm("Unobtainium")
