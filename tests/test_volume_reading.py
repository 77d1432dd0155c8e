"""Samples that stay on the disk are the same samples."""

import gzip
import shutil
from collections import namedtuple

import nibabel as nib
import numpy as np
import pytest

import diffmrs
from diffmrs.errors import InputError
from diffmrs.io import write_nifti_mrs
from diffmrs.io.nifti_mrs import bytes_of_samples
from diffmrs.volume.source import Source, survey

ACQUISITION = diffmrs.Acquisition(5e-4, 123.2)


def volume(shape=(3, 4, 2), extra=(), points=32, dtype=np.complex64) -> diffmrs.MRSData:
    rng = np.random.default_rng(0)
    full = (*shape, *extra, points)
    tags = ("DIM_DYN", "DIM_COIL", "DIM_EDIT")[: len(extra)]
    return diffmrs.MRSData((rng.normal(size=full) + 1j * rng.normal(size=full)).astype(dtype), ACQUISITION, tags)


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
@pytest.mark.parametrize("extra", [(), (3,), (2, 1, 2)])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_mapped_samples_are_those_that_are_read(tmp_path, name, extra, dtype):
    path = tmp_path / name
    write_nifti_mrs(path, volume(extra=extra, dtype=dtype))
    whole = diffmrs.read_data(path)
    mapped = diffmrs.read_data(path, mapped=True, scratch=tmp_path)
    assert isinstance(mapped.fid, np.memmap)
    assert (mapped.fid.shape, mapped.fid.dtype, mapped.dim_tags) == (whole.fid.shape, dtype, whole.dim_tags)
    assert mapped.header == whole.header
    rows = np.array([5, 0, whole.n_spectra - 1, 7])
    np.testing.assert_array_equal(Source(mapped).take(rows), whole.spectra[rows])
    np.testing.assert_array_equal(Source(mapped, 20).take(rows), whole.spectra[rows, :20])
    np.testing.assert_array_equal(np.concatenate(list(Source(mapped).pieces(rows, 3))), whole.spectra[rows])
    assert sorted(file.name for file in tmp_path.iterdir()) == [name]  # nothing is left of unpacking
    assert survey(mapped, np.arange(whole.n_spectra)) == whole.n_points
    assert bytes_of_samples(path) == whole.fid.nbytes


def test_swapped_bytes_come_out_native(tmp_path):
    data = volume()
    write_nifti_mrs(tmp_path / "v.nii", data)
    image = nib.load(tmp_path / "v.nii")
    header = image.header.as_byteswapped(">")
    header.extensions.extend(image.header.extensions)
    swapped = type(image)(np.asarray(image.dataobj), None, header)
    nib.save(swapped, tmp_path / "big.nii")
    mapped = diffmrs.read_data(tmp_path / "big.nii", mapped=True)
    assert mapped.fid.dtype.byteorder == ">"
    found = Source(mapped).take(np.arange(5))
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, np.asarray(data.fid).reshape(-1, data.n_points)[:5])


def test_a_file_cut_short_is_told(tmp_path):
    write_nifti_mrs(tmp_path / "v.nii.gz", volume())
    whole = (tmp_path / "v.nii.gz").read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[:-2000])
    with pytest.raises(InputError, match=r"cut\.nii\.gz: the data are damaged or incomplete"):
        diffmrs.read_data(tmp_path / "cut.nii.gz", mapped=True, scratch=tmp_path)
    (tmp_path / "cut.nii").write_bytes(gzip.decompress(whole)[:-8])
    with pytest.raises(InputError, match=r"cut\.nii: .*(damaged or incomplete|cannot hold)"):
        diffmrs.read_data(tmp_path / "cut.nii", mapped=True)
    bad = bytearray(whole)
    bad[-6] ^= 255  # of the checksum
    (tmp_path / "bad.nii.gz").write_bytes(bad)
    with pytest.raises(InputError, match=r"bad\.nii\.gz: the data are damaged or incomplete"):
        diffmrs.read_data(tmp_path / "bad.nii.gz", mapped=True, scratch=tmp_path)


def test_no_room_to_unpack_is_told_before(tmp_path, monkeypatch):
    write_nifti_mrs(tmp_path / "v.nii.gz", volume())
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10, 10, 0))
    with pytest.raises(InputError, match=r"unpacked takes .* but only 0 MiB are free"):
        diffmrs.read_data(tmp_path / "v.nii.gz", mapped=True, scratch=tmp_path)


def test_what_cannot_be_mapped_is_told(tmp_path):
    write_nifti_mrs(tmp_path / "v.nii.gz", volume())
    with pytest.raises(InputError, match="give a folder to unpack it to"):
        diffmrs.read_data(tmp_path / "v.nii.gz", mapped=True)
    with pytest.raises(InputError, match="goes with mapped=True"):
        diffmrs.read_data(tmp_path / "v.nii.gz", scratch=tmp_path)
    (tmp_path / "v.raw").write_text(" $NMID ID='x' $END\n")
    with pytest.raises(InputError, match="only NIfTI-MRS files"):
        diffmrs.read_data(tmp_path / "v.raw", mapped=True)
