import csv
import json

import fits
import nibabel as nib
import numpy as np
import pytest
import synthetic

from diffmrs.data import Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io import read_nifti_mrs, write_nifti_mrs
from diffmrs.quality import quality_of
from diffmrs.quantify import WaterReference
from diffmrs.results import table_of, write_concentrations, write_maps, write_quality
from diffmrs.results.layout import layout_of
from diffmrs.results.table import CRLB_CAP_PERCENT


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_sums_follow_the_members_and_add_up():
    table = table_of(fits.one())
    assert table.names == (*sorted(synthetic.LINES), "tCr")
    cr, pcr, total = (table.names.index(name) for name in ("Cr", "PCr", "tCr"))
    assert table.amplitude[0, total] == pytest.approx(table.amplitude[0, cr] + table.amplitude[0, pcr], rel=1e-5)
    assert table.sd[0, total] < 0.5 * table.sd[0, cr]  # Cr and PCr trade against each other
    assert table.ratio_tcr[0, total] == pytest.approx(1.0)
    assert np.isnan(table.concentration_mm).all()
    assert table.sums_first[0] == total


def test_concentration_is_amplitude_times_the_factor_of_its_spectrum():
    per_water = np.array([1.0, 2.0, 3.0, np.nan])
    factors = WaterReference(1000.0, 1.0, 1.0).factors(per_water, fits.BASIS.names)
    table = table_of(fits.batch(), factors)
    np.testing.assert_allclose(table.concentration_mm[2], 3000 * table.amplitude[2])
    assert np.isnan(table.concentration_mm[3]).all()
    assert np.isnan(table.concentration_mmol_per_kg).all()
    assert table.concentration_reference == "lcmodel"


def test_a_bound_without_meaning_is_printed_as_lcmodel_does():
    table = table_of(fits.batch())
    assert np.nanmax(table.crlb_percent) <= CRLB_CAP_PERCENT
    assert np.isnan(table.crlb_percent[fits.BAD_ROW]).all()


def test_intervals_hold_the_estimate_of_what_is_strong_and_are_never_negative():
    table = table_of(fits.one())
    low, high = table.ci95_low[0], table.ci95_high[0]
    assert (low >= 0).all() and (low < high).all()
    for name in ("NAA", "tCr", "Ins"):
        k = table.names.index(name)
        assert low[k] < table.amplitude[0, k] < high[k]
        assert high[k] - low[k] == pytest.approx(2 * 1.96 * table.sd[0, k], rel=0.2)
    total = table.names.index("tCr")
    assert table.ratio_tcr_ci95_low[0, total] == pytest.approx(1, abs=1e-6)
    assert table.ratio_tcr_ci95_high[0, total] == pytest.approx(1, abs=1e-6)


def test_concentrations_have_the_documented_columns_and_no_nan(tmp_path):
    result = fits.batch()
    write_concentrations(tmp_path / "concentrations.csv", [(table_of(result), layout_of(result.data))])
    rows = rows_of(tmp_path / "concentrations.csv")
    assert list(rows[0]) == [
        "spectrum", "metabolite", "amplitude", "sd", "crlb_percent", "ci95_low", "ci95_high", "ratio_tcr",
        "ratio_tcr_ci95_low", "ratio_tcr_ci95_high", "concentration_mm", "concentration_mm_tissue",
        "concentration_mmol_per_kg", "concentration_mmol_per_kg_voxel",
        "concentration_reference", "prior_percent", "learned_percent",
    ]  # fmt: skip
    assert len(rows) == 4 * 9
    assert "nan" not in (tmp_path / "concentrations.csv").read_text().lower()
    for row in rows:
        bad = int(row["spectrum"]) == fits.BAD_ROW
        assert (row["amplitude"] == "") == bad
        assert row["concentration_mm"] == ""


def test_quality_has_the_documented_columns_and_says_what_went_wrong(tmp_path):
    result = fits.batch()
    write_quality(tmp_path / "quality.csv", quality_of(result), layout_of(result.data))
    rows = rows_of(tmp_path / "quality.csv")
    assert list(rows[0]) == [
        "spectrum", "snr", "linewidth_hz", "linewidth_ppm", "shift_ppm", "phase_deg", "chi2_reduced", "noise_sd",
        "converged", "status", "fqn", "residual_peak", "residual_durbin_watson", "unexplained", "at_bounds", "flags",
    ]  # fmt: skip
    assert rows[fits.BAD_ROW]["flags"] == "not_fitted"
    assert rows[0]["flags"] == ""
    assert [row["converged"] for row in rows] == ["True", "False", "True", "True"]
    assert rows[fits.BAD_ROW]["snr"] == ""
    assert "NaN" in rows[fits.BAD_ROW]["status"]


def test_beside_the_quality_table_lies_what_its_columns_and_flags_mean(tmp_path):
    result = fits.batch()
    write_quality(tmp_path / "quality.csv", quality_of(result), layout_of(result.data))
    meaning = json.loads((tmp_path / "quality.json").read_text(encoding="utf-8"))
    assert set(rows_of(tmp_path / "quality.csv")[0]) - {"spectrum"} == set(meaning["columns"])
    assert "divided by the standard deviation of the noise" in meaning["columns"]["snr"]
    assert meaning["flags"]["no_signal"]["severe"]
    bits = [flag["bit"] for flag in meaning["flags"].values()]
    assert bits == list(range(len(bits)))


def test_mrsi_rows_name_their_voxel(tmp_path):
    result = fits.mrsi()
    layout = layout_of(result.data)
    write_quality(tmp_path / "quality.csv", quality_of(result), layout)
    places = [tuple(int(row[k]) for k in ("x", "y", "z", "spectrum")) for row in rows_of(tmp_path / "quality.csv")]
    assert places == [(x, y, 0, 0) for x in range(2) for y in range(2)]


def test_a_mask_keeps_its_voxels_and_no_other():
    mask = np.array([[[0], [1]], [[0], [2]]])
    fid = np.ones((2, 2, 1, 2, 64), np.complex64)
    layout = layout_of(MRSData(fid, synthetic.ACQUISITION, ("DIM_DYN",)), mask)
    assert layout.rows.tolist() == [2, 3, 6, 7]
    assert layout.voxel().tolist() == [[0, 1, 0], [0, 1, 0], [1, 1, 0], [1, 1, 0]]
    volume = layout.volume(np.array([1.0, 2.0, 3.0, 4.0]))
    assert volume[:, :, 0].tolist() == [[[0, 0], [1, 2]], [[0, 0], [3, 4]]]


@pytest.mark.parametrize("mask", [np.zeros((2, 2, 1)), np.ones((3, 2, 1))])
def test_a_useless_mask_is_refused(mask):
    with pytest.raises(InputError, match="mask"):
        layout_of(fits.volume(), mask)


def test_data_built_by_hand_are_no_mrsi():
    data = MRSData(np.ones((3, 64), np.complex64), synthetic.ACQUISITION)
    layout = layout_of(data)
    assert not layout.is_mrsi
    assert layout.spectrum().tolist() == [0, 1, 2]


def test_maps_lie_where_the_data_lie(tmp_path):
    affine = np.array([[0.0, -9.0, 0, 5], [10.0, 0, 0, -7], [0, 0, 12.0, 30], [0, 0, 0, 1]])
    header = nib.Nifti2Header()
    header.set_data_shape((2, 2, 1, synthetic.N_POINTS))
    header.set_sform(affine, 1)
    header.set_qform(affine, 1)
    result = fits.mrsi()
    meta = Header(result.data.header.meta_json, header.binaryblock)
    written = write_maps(tmp_path, table_of(result), quality_of(result), layout_of(result.data), meta)
    assert {path.name for path in written} >= {
        "amplitude_NAA.nii.gz", "sd_tCr.nii.gz", "crlb_percent_Glu.nii.gz", "ratio_tcr_NAA.nii.gz", "snr.nii.gz",
        "linewidth_hz.nii.gz", "converged.nii.gz", "flags.nii.gz",
    }  # fmt: skip
    assert not list(tmp_path.glob("concentration_mm*"))
    image = nib.load(tmp_path / "amplitude_NAA.nii.gz")
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    assert image.get_data_dtype() == np.float32
    assert image.shape == (2, 2, 1)
    values, table = image.get_fdata(), table_of(result)
    assert values[0, 1, 0] == 0  # the spectrum with NaN
    np.testing.assert_allclose(values[1, 1, 0], table.amplitude[3, table.names.index("NAA")], rtol=1e-5)
    converged = nib.load(tmp_path / "converged.nii.gz").get_fdata()
    assert converged[0, 1, 0] == 0
    assert converged.sum() == 3
    flags = nib.load(tmp_path / "flags.nii.gz").get_fdata()
    assert flags[0, 1, 0] == 1  # bit 0: not fitted
    assert flags.sum() == 1


def test_maps_of_a_file_without_geometry_take_that_of_the_written_data(tmp_path):
    write_nifti_mrs(tmp_path / "volume.nii.gz", fits.volume())
    data = read_nifti_mrs(tmp_path / "volume.nii.gz")
    result = fits.mrsi()
    write_maps(tmp_path, table_of(result), quality_of(result), layout_of(result.data), data.header)
    mapped, source = nib.load(tmp_path / "snr.nii.gz"), nib.load(tmp_path / "volume.nii.gz")
    np.testing.assert_allclose(mapped.affine, source.affine)
