"""A cohort of patients: what voxels hold, which labels are wrong, and that spectra are those of what they hold."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import synthetic

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.simulate import TUMOUR, Cohort, draw_composition, simulate_cohort, tissue_amplitudes, with_lipids

NAMES = ("NAA", "Cr", "GPC", "Ins", "Lac")
MANY = Cohort(patients=300, voxels=12, wrong=0.25)


@pytest.fixture(scope="module")
def basis() -> Basis:
    small = synthetic.basis(NAMES, n_points=256)
    return with_lipids(Basis(small.fid.astype(np.complex64), small.acquisition, small.names))


@pytest.fixture(scope="module")
def drawn(basis):
    return {name: np.asarray(value) for name, value in draw_composition(jax.random.key(3), basis, MANY).items()}


def test_lipids_are_added_once(basis):
    assert basis.names[len(NAMES) :] == ("Lip13a", "Lip13b", "Lip09", "Lip20")
    assert with_lipids(basis) is basis


def test_tissues_fill_the_voxel_and_tumour_lies_inside_the_edge(drawn):
    fractions, true = drawn["fractions"], drawn["true_label"]
    np.testing.assert_allclose(fractions.sum(axis=1), 1, atol=1e-5)
    assert fractions.min() >= -1e-6
    assert fractions[true == 1, 2].mean() > 3 * fractions[true == 0, 2].mean()
    ill = true.reshape(MANY.patients, MANY.voxels).any(axis=1)
    assert abs(ill.mean() - MANY.tumour_patients) < 0.1
    assert fractions.reshape(MANY.patients, MANY.voxels, 3)[~ill, :, 2].max() < 0.5


def test_as_many_labels_are_wrong_as_asked_for_and_they_crowd_at_the_border(basis, drawn):
    wrong = drawn["label"] != drawn["true_label"]
    assert abs(wrong.mean() - 0.25) < 0.03
    purity = drawn["fractions"][:, 2]
    close = (purity > 0.1) & (purity < 0.4)
    assert wrong[close].mean() > 1.3 * wrong[purity < 0.01].mean()
    none = draw_composition(jax.random.key(3), basis, replace(MANY, wrong=0.0))
    np.testing.assert_array_equal(none["label"], none["true_label"])
    np.testing.assert_array_equal(none["true_label"], drawn["true_label"])


def test_tumours_hold_what_the_table_says(basis):
    median, log_sd = tissue_amplitudes(basis)
    by_name = {member: change for change in TUMOUR.changes for member in change.members}
    for row, name in enumerate(NAMES):
        assert median[2, row] == pytest.approx(by_name[name].ratio * median[0, row])
        assert log_sd[2, row] == by_name[name].log_sd
    first = np.abs(np.asarray(basis.fid[:, 0]))
    fat, light = slice(len(NAMES), None), slice(0, len(NAMES))
    assert median[2, fat] @ first[fat] == pytest.approx(TUMOUR.lipids * (median[0, light] @ first[light]), rel=1e-5)


def test_choline_over_naa_is_higher_in_tumours(drawn):
    ratio = drawn["amplitude"][:, 2] / drawn["amplitude"][:, 0]
    pure = drawn["fractions"][:, 2] > 0.6
    healthy = drawn["fractions"][:, 0] > 0.95
    assert np.median(ratio[pure]) > 2 * np.median(ratio[healthy])


def test_spectra_are_those_of_the_amplitudes(basis):
    quiet = Cohort(
        patients=3, voxels=2, snr=1e6, snr_spread=0.0, shift_hz=0.0, phase_rad=0.0, baseline=(1e-9, 1e-9), artefacts=0.0
    )
    made = simulate_cohort(jax.random.key(0), basis, quiet)
    assert made.fid.shape == (6, 256)
    assert made.fid.dtype == np.complex64
    # Lines decay from the first sample on, which is the sum of all amplitudes.
    np.testing.assert_allclose(
        np.asarray(made.fid[:, 0]), np.asarray(made.amplitude) @ np.asarray(basis.fid[:, 0]), rtol=1e-3
    )
    again = simulate_cohort(jax.random.key(0), basis, quiet)
    np.testing.assert_array_equal(made.fid, again.fid)
    np.testing.assert_array_equal(made.patient, [0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"patients": 1}, "patients of the cohort is 1"),
        ({"wrong": 0.5}, "below 0.5"),
        ({"wrong": float("nan")}, "wrong"),
        ({"purity": (0.9, 0.2)}, "purity"),
        ({"purity": (0.2, 1.2)}, "purity"),
        ({"lesions": 1.5}, "lesions"),
        ({"snr": 0.0}, "snr"),
        ({"voxel_spread": -0.1}, "voxel_spread"),
        ({"baseline": (0.0, 0.1)}, "baseline"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changed, words):
    with pytest.raises(InputError, match=words):
        Cohort(**changed)


def test_a_basis_without_choline_is_refused():
    few = synthetic.basis(("NAA", "Cr"), Acquisition(5e-4, 123.2), 64)
    with pytest.raises(InputError, match="GPC or PCho"):
        tissue_amplitudes(few)
