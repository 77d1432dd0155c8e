"""NIfTI-MRS: what is written is read back bit for bit, and the standard's own validator accepts it."""

import json
import warnings
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_cases import ACQUISITION, line, peak_ppm

from diffmrs.axes import Acquisition
from diffmrs.data import Header, MRSData
from diffmrs.errors import InputError
from diffmrs.io import append_processing, dynamic_values, read_nifti_mrs, write_nifti_mrs
from diffmrs.io.nifti_standard import DIM_TAGS


def accepted_by_the_standard(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nifti_mrs.nifti_mrs import NIFTI_MRS
        from nifti_mrs.validator import validate_nifti_mrs

        validate_nifti_mrs(NIFTI_MRS(str(path)))


def noise(shape, dtype=np.complex64, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    space=st.lists(st.integers(1, 3), min_size=0, max_size=3),
    extra=st.lists(st.integers(1, 4), min_size=0, max_size=3),
    n_points=st.integers(16, 40),
    dtype=st.sampled_from([np.complex64, np.complex128]),
    dwell_time_s=st.floats(1e-5, 1e-2),
    reference=st.sampled_from([4.65, 4.7, 3.0]),
    zipped=st.booleans(),
)
def test_hand_built_data_survive_bit_for_bit(tmp_path, space, extra, n_points, dtype, dwell_time_s, reference, zipped):
    data = MRSData(
        noise((*space, *extra, n_points), dtype),
        Acquisition(dwell_time_s, 123.25, "1H", reference),
        DIM_TAGS[: len(extra)],
    )
    path = tmp_path / ("data.nii.gz" if zipped else "data.nii")
    write_nifti_mrs(path, data)
    back = read_nifti_mrs(path)
    assert back.fid.dtype == dtype
    assert back.fid.shape == (*space, *(1,) * (3 - len(space)), *extra, n_points)
    assert back.fid.tobytes() == np.asarray(data.fid).tobytes()
    # A number of 32 bits becomes its decimal again, 6e-8 away at most.
    assert back.acquisition.dwell_time_s == pytest.approx(dwell_time_s, rel=6.1e-8)
    assert replace(back.acquisition, dwell_time_s=dwell_time_s) == data.acquisition
    assert back.dim_tags == data.dim_tags
    accepted_by_the_standard(path)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize(("unit", "per_second"), [("sec", 1), ("msec", 1e3), ("usec", 1e6)])
def test_header_geometry_and_extensions_survive(tmp_path, kind, unit, per_second):
    samples = noise((2, 3, 1, 32, 4))
    affine = np.array([[18.0, 2.0, 0, -40], [-2.0, 19.0, 1.0, 12], [0.5, 0, 25.0, 7], [0, 0, 0, 1]])
    image = kind(samples, affine)
    image.header.set_qform(np.diag([18, 19, 25, 1.0]), code=1)
    image.header.set_sform(affine, code=2)
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = 0.0005 * per_second
    image.header["intent_name"] = b"mrs_v0_5"
    meta = {
        "SpectrometerFrequency": [123.25],
        "ResonantNucleus": ["1H"],
        "EchoTime": 0.03,
        "dim_5": "DIM_EDIT",
        "dim_5_info": "four echo times",
        "dim_5_header": {"EchoTime": [0.03, 0.04, 0.05, 0.06]},
        "MyField": {"Value": [1, 2], "Description": "mine"},
        "ProcessingApplied": [{"Time": "2020-01-01T00:00:00.000", "Program": "x", "Version": "1", "Method": "y"}],
    }
    comment = nib.nifti1.Nifti1Extension(6, b"a comment")
    image.header.extensions.extend([comment, nib.nifti1.Nifti1Extension(44, json.dumps(meta).encode())])
    first, second = tmp_path / "a.nii", tmp_path / "b.nii.gz"
    nib.save(image, first)
    data = read_nifti_mrs(first)
    assert data.fid.shape == (2, 3, 1, 4, 32)
    assert np.array_equal(data.fid[1, 2, 0, 3], samples[1, 2, 0, :, 3])
    assert data.acquisition == Acquisition(0.0005, 123.25)
    write_nifti_mrs(second, data)
    before, after = nib.load(first), nib.load(second)
    assert type(after) is kind
    assert after.header.get_xyzt_units() == ("mm", "sec")  # other software takes pixdim[4] for seconds
    assert after.header["pixdim"][4] == pytest.approx(0.0005)
    assert np.array_equal(before.header["pixdim"][:4], after.header["pixdim"][:4])
    for field in ("intent_name", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "quatern_c"):
        assert np.array_equal(before.header[field], after.header[field]), field
    assert np.array_equal(before.affine, after.affine)
    again = read_nifti_mrs(second)
    assert again.header.meta == meta
    assert [code for code, _ in again.header.extensions] == [6]
    assert again.header.extensions == data.header.extensions
    assert again.header.extensions[0][1].rstrip(b"\x00") == b"a comment"
    accepted_by_the_standard(second)


def test_a_big_endian_file_is_read(tmp_path):
    samples = noise((1, 1, 1, 32))
    image = nib.Nifti1Image(samples, np.eye(4), header=nib.Nifti1Header(endianness=">"))
    image.header["pixdim"][4] = 0.001
    image.header.set_data_dtype(np.complex64)
    meta = {"SpectrometerFrequency": [123.25], "ResonantNucleus": ["1H"]}
    image.header.extensions.append(nib.nifti1.Nifti1Extension(44, json.dumps(meta).encode()))
    nib.save(image, tmp_path / "big.nii")
    data = read_nifti_mrs(tmp_path / "big.nii")
    assert np.array_equal(data.fid[0, 0, 0], samples[0, 0, 0])
    assert data.fid.dtype.isnative
    write_nifti_mrs(tmp_path / "again.nii", data)
    assert np.array_equal(read_nifti_mrs(tmp_path / "again.nii").fid, data.fid)


def test_naa_lies_upfield_of_water(tmp_path):
    fid = line(ACQUISITION, 512, 2.01)
    write_nifti_mrs(tmp_path / "naa.nii", MRSData(fid, ACQUISITION))
    # On disk, as the standard says: the spectrum of the stored samples has NAA at a positive frequency.
    stored = np.asarray(nib.load(tmp_path / "naa.nii").dataobj)[0, 0, 0]
    strongest = np.fft.fftfreq(512, ACQUISITION.dwell_time_s)[np.argmax(np.abs(np.fft.fft(stored)))]
    assert strongest == pytest.approx((4.65 - 2.01) * 123.25, abs=8)
    back = read_nifti_mrs(tmp_path / "naa.nii")
    assert peak_ppm(back.fid[0, 0, 0], back.acquisition) == pytest.approx(2.01, abs=0.01)


def test_the_receiver_offset_moves_the_axis(tmp_path):
    header = Header().with_meta(SpecFreqChemShift=4.7, RxOffset=-2.0)
    data = MRSData(noise((32,)), replace(ACQUISITION, ppm_reference=2.7), (), header)
    write_nifti_mrs(tmp_path / "a.nii", data)
    back = read_nifti_mrs(tmp_path / "a.nii")
    assert back.acquisition.ppm_reference == pytest.approx(2.7)
    assert back.header.meta["SpecFreqChemShift"] == 4.7


def test_a_changed_sampling_reaches_the_file(tmp_path):
    data = MRSData(noise((3, 64)), ACQUISITION, ("DIM_DYN",), Header().with_meta(SpectralWidth=4000.0))
    write_nifti_mrs(tmp_path / "a.nii", data)
    halved = replace(read_nifti_mrs(tmp_path / "a.nii"), acquisition=replace(ACQUISITION, dwell_time_s=0.0005))
    write_nifti_mrs(tmp_path / "b.nii", halved)
    back = read_nifti_mrs(tmp_path / "b.nii")
    assert back.acquisition.dwell_time_s == 0.0005
    assert back.header.meta["SpectralWidth"] == 2000.0
    accepted_by_the_standard(tmp_path / "b.nii")


def test_a_dimension_keeps_its_header_when_another_one_goes(tmp_path):
    meta = {
        "dim_5": "DIM_COIL",
        "dim_6": "DIM_DYN",
        "dim_6_info": "transients",
        "dim_6_header": {"RepetitionTime": {"start": 2.0, "increment": 0.5}},
    }
    data = MRSData(noise((2, 4, 32)), ACQUISITION, ("DIM_COIL", "DIM_DYN"), Header(json.dumps(meta)))
    write_nifti_mrs(tmp_path / "a.nii", data)
    full = read_nifti_mrs(tmp_path / "a.nii")
    combined = replace(full, fid=full.fid.sum(axis=3), dim_tags=("DIM_DYN",))
    write_nifti_mrs(tmp_path / "b.nii", combined)
    back = read_nifti_mrs(tmp_path / "b.nii")
    assert back.dim_tags == ("DIM_DYN",)
    assert back.header.meta["dim_5_info"] == "transients"
    assert "dim_6" not in back.header.meta
    assert dynamic_values(back.header.meta, "DIM_DYN", "RepetitionTime", 4) == [2.0, 2.5, 3.0, 3.5]
    assert dynamic_values(back.header.meta, "DIM_DYN", "EchoTime", 4) is None
    accepted_by_the_standard(tmp_path / "b.nii")


def test_processing_is_appended_never_replaced(tmp_path):
    once = append_processing(Header(), "Signal averaging", "mean of 64 transients")
    twice = append_processing(once, "Apodization", "2 Hz")
    steps = twice.meta["ProcessingApplied"]
    assert [step["Method"] for step in steps] == ["Signal averaging", "Apodization"]
    assert set(steps[0]) == {"Time", "Program", "Version", "Method", "Details"}
    assert steps[0]["Program"] == "diffmrs"
    write_nifti_mrs(tmp_path / "a.nii", MRSData(noise((32,)), ACQUISITION, (), twice))
    assert read_nifti_mrs(tmp_path / "a.nii").header.meta["ProcessingApplied"] == steps
    accepted_by_the_standard(tmp_path / "a.nii")


def test_trailing_dimensions_of_size_one_need_no_tag(tmp_path):
    image = nib.Nifti2Image(noise((1, 1, 1, 32, 1, 1)), np.eye(4))
    image.header["pixdim"][4] = 0.001
    meta = {"SpectrometerFrequency": [123.25], "ResonantNucleus": ["1H"]}
    image.header.extensions.append(nib.nifti1.Nifti1Extension(44, json.dumps(meta).encode()))
    nib.save(image, tmp_path / "a.nii")
    assert read_nifti_mrs(tmp_path / "a.nii").fid.shape == (1, 1, 1, 32)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.nii"
    write_nifti_mrs(path, MRSData(noise((32,)), ACQUISITION))
    before = path.read_bytes()
    with pytest.raises(InputError, match="room for 3"):
        write_nifti_mrs(path, MRSData(noise((1, 1, 1, 1, 32)), ACQUISITION, DIM_TAGS[:4]))
    with pytest.raises(InputError, match="only x, y and z"):
        write_nifti_mrs(path, MRSData(noise((1, 1, 1, 1, 32)), ACQUISITION))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.nii"]


@pytest.mark.data
def test_every_measured_file_survives(data_dir, tmp_path):
    files = sorted(data_dir.glob("**/*.nii.gz"))
    assert len(files) > 50
    for file in [f for f in files if "fitting_challenge" not in str(f)]:
        data = read_nifti_mrs(file)
        write_nifti_mrs(tmp_path / "copy.nii", data)
        back = read_nifti_mrs(tmp_path / "copy.nii")
        assert back.fid.tobytes() == data.fid.tobytes(), file
        assert (back.acquisition, back.dim_tags) == (data.acquisition, data.dim_tags), file
        assert back.header.meta == data.header.meta, file
        assert np.array_equal(nib.load(file).affine, nib.load(tmp_path / "copy.nii").affine), file
    accepted_by_the_standard(tmp_path / "copy.nii")


@pytest.mark.data
def test_measured_brain_has_naa_at_two_ppm(data_dir):
    data = read_nifti_mrs(data_dir / "01_press35_philips_3t/sub-01/sub-01_press35_act.nii.gz")
    assert data.echo_time_s == 0.035
    assert peak_ppm(data.fid[0, 0, 0], data.acquisition, (1.5, 2.5)) == pytest.approx(2.01, abs=0.03)
    coils = read_nifti_mrs(data_dir / "03_steam_7t_multicoil/steam7t_metab_raw_4coil_16avg.nii.gz")
    assert coils.fid.shape == (1, 1, 1, 4, 16, 4096)
    assert coils.dim_tags == ("DIM_COIL", "DIM_DYN")


@pytest.mark.data
def test_echo_times_along_a_dimension(data_dir):
    data = read_nifti_mrs(data_dir / "05_mm_9p4t_te_series/mm94t_GM_te_series.nii.gz")
    echo_times = dynamic_values(data.header.meta, "DIM_USER_0", "EchoTime", 5)
    assert echo_times == pytest.approx([0.024, 0.032, 0.040, 0.052, 0.060])
