"""Raw data of known truth: cleaned, they are what perfect processing makes of them; dimensions come out right."""

from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest
import synthetic

from diffmrs.data import MRSData
from diffmrs.errors import InputError
from diffmrs.quality.singlet import singlet_of
from diffmrs.raw import RawOptions, clean_raw
from diffmrs.raw.stacks import stack_of
from diffmrs.simulate import simulate_raw

ACQUISITION = synthetic.ACQUISITION
N = 512
TRANSIENTS = 20
IDEAL = synthetic.fid(n_points=N, phase_rad=0.0, shift_hz=0.0).astype(np.complex64)


@cache
def raw(motion=0.15):
    size = float(np.abs(IDEAL[0]))
    return simulate_raw(
        jax.random.key(3), IDEAL, ACQUISITION, n_coils=4, n_transients=TRANSIENTS, noise_sd=0.04 * size, motion=motion
    )


@cache
def cleaned(**options):
    return clean_raw(raw().data, raw().water, RawOptions(**options))


def in_line(fid, with_):
    """An FID on the scale and phase of another, and the relative size of what differs in its first half."""
    a, b = (np.asarray(x)[: N // 2] for x in (fid, with_))
    scale = np.vdot(a, b) / np.vdot(a, a)
    return np.linalg.norm(scale * a - b) / np.linalg.norm(b)


def test_the_clean_spectrum_is_that_of_perfect_processing():
    found = cleaned(reference="none", remove_water=False, average="mean")
    record, truth = found.series[0], raw().truth
    sound = ~np.asarray(truth.outlier)
    drift = np.asarray(truth.shift_hz)
    apart = (record.shift_hz[0] - drift)[sound]
    assert np.std(apart) < 0.5 < 3 * np.std(drift[sound])
    assert found.data.fid.shape == (1, 1, 1, N) and found.data.dim_tags == ()


@pytest.mark.thorough
def test_transients_spoilt_by_motion_are_left_out_and_said():
    found = cleaned()
    np.testing.assert_array_equal(found.series[0].outlier[0], np.asarray(raw().truth.outlier))
    assert found.series[0].weight.sum() == pytest.approx(1.0, abs=1e-5)
    assert any("3 of 20 transients were left out" in note for note in found.notes)


def test_metabolites_come_out_and_water_does_not():
    found = cleaned()
    # The singlets of NAA, creatine and choline against those of perfect processing of the same data.
    ours, best = np.asarray(found.data.spectra)[0], np.asarray(raw().ideal.spectra)[0]
    for window in ((1.9, 2.1), (2.95, 3.1), (3.15, 3.28)):
        heights = [singlet_of(fid, ACQUISITION, window).snr for fid in (ours, best)]
        assert heights[0] == pytest.approx(heights[1], rel=0.1)
        assert singlet_of(ours, ACQUISITION, window).ppm == pytest.approx(np.mean(window), abs=0.08)
    ppm = ACQUISITION.ppm(N)
    left = [np.abs(np.fft.fftshift(np.fft.fft(fid)))[(ppm > 4.45) & (ppm < 4.9)].max() for fid in (ours, best)]
    tall = [singlet_of(fid, ACQUISITION).height for fid in (ours, best)]
    assert left[0] / tall[0] < 2 * left[1] / tall[1]  # the wings of metabolites reach there, too


def test_every_step_is_in_the_header_in_order():
    found = cleaned(apodise_hz=2.0, zero_fill=2 * N, remove_offset=True)
    methods = [step["Method"] for step in found.data.header.meta["ProcessingApplied"]]
    assert methods == [
        "Baseline correction",
        "RF coil combination",
        "Eddy current correction",
        "Frequency and phase correction",
        "Signal averaging",
        "Frequency and phase correction",
        "Nuisance peak removal",
        "Apodization",
        "Zero-filling",
    ]
    assert found.data.n_points == 2 * N
    assert found.water is not None and found.water.fid.shape == (1, 1, 1, N)


def test_transients_can_be_kept():
    found = cleaned(average="none")
    assert found.data.fid.shape == (1, 1, 1, TRANSIENTS, N) and found.data.dim_tags == ("DIM_DYN",)
    mean = np.asarray(found.data.fid)[0, 0, 0][found.series[0].weight[0] > 0].mean(axis=0)
    assert in_line(mean, np.asarray(cleaned(average="mean").data.spectra)[0]) < 0.35  # the spoilt ones are in that one


def test_voxels_and_further_dimensions_are_cleaned_each_by_itself():
    one = np.asarray(raw().data.fid)[0, 0, 0, :, :6]
    both = np.stack([one, 2 * one])[:, None, None]  # two voxels
    data = MRSData(both[:, :, :, None].repeat(2, axis=3), ACQUISITION, ("DIM_USER_0", "DIM_COIL", "DIM_DYN"))
    found = clean_raw(data, None, RawOptions(remove_water=False, reference="none", average="mean"))
    assert found.data.fid.shape == (2, 1, 1, 2, N) and found.data.dim_tags == ("DIM_USER_0",)
    fid = np.asarray(found.data.fid)
    np.testing.assert_allclose(np.abs(fid[1]), 2 * np.abs(fid[0]), rtol=2e-2, atol=1e-3 * np.abs(fid).max())
    assert [record.place for record in found.series][3] == "x 1, DIM_USER_0 1"


def test_dimensions_go_there_and_back():
    rng = np.random.default_rng(0)
    fid = rng.normal(size=(2, 1, 1, 3, 4, 2, 16)) + 0j
    data = MRSData(fid, ACQUISITION, ("DIM_DYN", "DIM_COIL", "DIM_EDIT"))
    stack = stack_of(data)
    assert stack.fid.shape == (2, 4, 2, 3, 16)
    np.testing.assert_array_equal(stack.fid[1, 2, 1, 0], fid[1, 0, 0, 0, 2, 1])
    back = stack.restored(stack.fid[:, 0], data.header)
    assert back.dim_tags == ("DIM_DYN", "DIM_EDIT")
    np.testing.assert_array_equal(back.fid, fid[..., 0, :, :])


@pytest.mark.slow
def test_an_edited_pair_gives_difference_and_sum():
    off, on = IDEAL, (IDEAL + synthetic.lines_fid([(2.3, 1, 0, 6)], n_points=N) * 40).astype(np.complex64)
    size = float(np.abs(IDEAL[0]))
    edited = simulate_raw(
        jax.random.key(1), np.stack([off, on]), ACQUISITION, n_coils=2, n_transients=8, noise_sd=0.01 * size
    )
    found = clean_raw(edited.data, edited.water, RawOptions(align="registration", average="mean"))
    assert found.edited is not None and found.data.dim_tags == ("DIM_EDIT",)
    difference, total = (np.asarray(data.spectra)[0] for data in found.edited)
    assert in_line(difference, 0.5 * (on - off)) < 0.3
    assert singlet_of(total, ACQUISITION).height > 5 * abs(singlet_of(difference, ACQUISITION).height)


def test_bad_transients_do_no_harm():
    fid = np.array(raw().data.fid)
    fid[..., 5, 100] = np.nan
    fid[..., 7, :] = 0
    found = clean_raw(raw().data.with_fid(fid), raw().water, RawOptions(average="weighted"))
    assert found.series[0].outlier[0, [5, 7]].all()
    assert np.isfinite(np.asarray(found.data.fid)).all()


def test_a_water_scan_that_does_not_fit_is_said_and_the_rest_is_done():
    short = replace(raw().water, acquisition=replace(ACQUISITION, dwell_time_s=2 * ACQUISITION.dwell_time_s))
    found = clean_raw(raw().data, short, RawOptions(align="registration", average="mean"))
    assert any(note.startswith("Eddy currents were not corrected: ") for note in found.notes)
    assert "Eddy current correction" not in [method for method, _ in found.steps]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"coils": "sum"}, "coils is 'sum'; it must be svd, water"),
        ({"align": "robust", "align_ppm": (1.8, 4.2)}, "align_ppm serves registration"),
        ({"water_band_ppm": (5.0, 4.0)}, "the first limit must be the lower one"),
        ({"apodise_hz": -1.0}, "at least 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        RawOptions(**options)


def test_what_needs_protons_is_refused_for_others():
    phosphorus = replace(raw().data, acquisition=replace(ACQUISITION, nucleus="31P", ppm_reference=0.0))
    with pytest.raises(InputError, match="knows the spectrum of 1H only"):
        clean_raw(phosphorus, None, RawOptions(align="robust"))


def test_scans_that_do_not_go_together_are_refused():
    few = replace(raw().water, fid=np.asarray(raw().water.fid)[..., :2, :])
    with pytest.raises(InputError, match="2 receive coils but the data 4"):
        clean_raw(raw().data, few)
    with pytest.raises(InputError, match="no signal that is finite"):
        clean_raw(raw().data.with_fid(np.zeros((1, 1, 1, 4, 3, N), np.complex64)))
    with pytest.raises(InputError, match="Hamming filter over k-space needs a volume"):
        clean_raw(raw().data, None, RawOptions(hamming=True))
