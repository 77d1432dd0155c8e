"""An image fitted as a whole: what neighbours do to each other, and what they must not."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic

from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting import FitResult, Status, fit
from diffmrs.model.baseline import NoBaseline
from diffmrs.results.layout import Layout
from diffmrs.spatial import Smoothness, estimate_smoothness, fit_smooth

NAMES = ("NAA", "Cr", "GPC")
BASIS: Basis = synthetic.basis(NAMES)
SHAPE = (5, 3)
MASK = np.arange(5)[:, None] < 4 + np.zeros(3)
TAU = Smoothness(shift_hz=0.5, phase_rad=0.05, width_hz=0.5)
TRUTH = {name: synthetic.TRUTH[name] for name in NAMES}
RAMP = np.add.outer(0.4 * np.arange(SHAPE[0]), -0.3 * np.arange(SHAPE[1]))


def image(noise_sd: float = 20.0) -> MRSData:
    """Spectra whose frequency and phase rise along x and fall along y."""
    fids = [
        synthetic.fid(shift_hz=3 + hz, phase_rad=0.3 + 0.1 * hz, truth=TRUTH, noise_sd=noise_sd, seed=number)
        for number, hz in enumerate(RAMP.ravel())
    ]
    return MRSData(np.stack(fids).reshape(*SHAPE, -1).astype(np.complex64), synthetic.ACQUISITION)


@cache
def plain() -> FitResult:
    return fit(image(), BASIS, baseline=NoBaseline(), priors="none")


def smooth(result: FitResult | None = None, tau: Smoothness | None = TAU, mask: np.ndarray = MASK) -> FitResult:
    """All tests use one compiled function: the mask must choose the same number of voxels."""
    return fit_smooth(plain() if result is None else result, tau=tau, mask=mask)


def with_values(result: FitResult, **values: np.ndarray) -> FitResult:
    return replace(result, estimate=replace(result.estimate, **values))


def shift(result: FitResult) -> np.ndarray:
    return np.asarray(result.estimate.parameters.frequency_shift_hz)[..., 0]


def inside(values: np.ndarray) -> np.ndarray:
    return np.asarray(values)[MASK]


def phase(result: FitResult) -> np.ndarray:
    return np.asarray(result.estimate.parameters.phase0_rad)


def test_without_expectations_the_fits_are_handed_back():
    assert fit_smooth(plain(), tau=Smoothness()) is plain()


def test_very_large_differences_change_nothing():
    loose = smooth(tau=Smoothness(1e4, 1e3, 1e4)).estimate
    for was, now in zip(jax.tree.leaves(plain().estimate.parameters), jax.tree.leaves(loose.parameters), strict=True):
        sd = 0.02 * np.abs(np.asarray(was)).max(initial=1e-9)
        np.testing.assert_allclose(now, was, atol=sd)
    np.testing.assert_allclose(loose.amplitude_covariance, plain().estimate.amplitude_covariance, rtol=0.05, atol=1e-4)


def test_very_small_differences_leave_one_value():
    tight = smooth(tau=Smoothness(shift_hz=5e-3, phase_rad=1e-3))
    assert np.ptp(inside(shift(tight))) < 0.05
    assert np.ptp(inside(phase(tight))) < 0.01
    assert np.ptp(inside(shift(plain()))) > 1.0
    weight = 1 / inside(plain().estimate.sd.frequency_shift_hz)[..., 0] ** 2
    mean = np.average(inside(shift(plain())), weights=weight)
    np.testing.assert_allclose(inside(shift(tight)).mean(), mean, atol=0.15)


def test_a_fit_that_went_wrong_is_repaired():
    good = smooth()
    was = plain().estimate.parameters
    wrong = replace(
        was,
        frequency_shift_hz=was.frequency_shift_hz.at[1, 1].set(-30.0),
        phase0_rad=was.phase0_rad.at[1, 1].set(2.5),
        amplitude=was.amplitude.at[1, 1].multiply(jnp.asarray([0.1, 3.0, 1.0])),
    )
    repaired = smooth(with_values(plain(), parameters=wrong))
    np.testing.assert_allclose(shift(repaired), shift(good), atol=0.05)
    np.testing.assert_allclose(phase(repaired), phase(good), atol=0.02)
    np.testing.assert_allclose(
        repaired.estimate.parameters.amplitude, good.estimate.parameters.amplitude, rtol=0.02, atol=0.05
    )


def test_smoothing_helps_where_the_field_is_smooth():
    for of, truth, gain in ((shift, 3 + RAMP, 1.0), (phase, 0.3 + 0.1 * RAMP, 0.8)):
        before, after = inside(of(plain()) - truth), inside(of(smooth()) - truth)
        assert np.sqrt(np.mean(after**2)) < gain * np.sqrt(np.mean(before**2))
    surer = np.asarray(smooth().estimate.sd.frequency_shift_hz) < plain().estimate.sd.frequency_shift_hz
    assert inside(surer).all()
    assert smooth().converged.all()


def test_a_turn_of_the_phase_makes_no_difference():
    was = plain().estimate.parameters
    turned = replace(was, phase0_rad=was.phase0_rad.at[0].add(2 * np.pi))
    np.testing.assert_allclose(phase(smooth(with_values(plain(), parameters=turned))), phase(smooth()), atol=2e-3)


def test_a_spectrum_of_nothing_stays_invalid_and_harms_nobody():
    fid = np.array(image().fid)
    fid[3, 2] = np.nan
    nothing = jax.tree.map(
        lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jnp.integer) else leaf.at[3, 2].set(jnp.nan), plain().estimate
    )
    status = plain().estimate.status.at[3, 2].set(Status.INVALID)
    broken = replace(plain(), data=image().with_fid(jnp.asarray(fid)), estimate=replace(nothing, status=status))
    found = smooth(broken)
    assert int(found.estimate.status[3, 2]) == Status.INVALID
    assert np.isnan(shift(found)[3, 2])
    rest = np.arange(5)[:, None] * np.ones(3) < 3
    assert np.isfinite(shift(found)[rest]).all()
    np.testing.assert_allclose(shift(found)[0], shift(smooth())[0], atol=0.05)


def test_voxels_outside_of_the_mask_keep_their_fits_and_have_no_influence():
    """And regions that do not touch know nothing of each other."""
    mask = np.ones(SHAPE, bool)
    mask[2] = False  # twice two rows remain
    was = plain().estimate.parameters
    moved = with_values(plain(), parameters=replace(was, frequency_shift_hz=was.frequency_shift_hz.at[2].add(7.0)))
    here, there = smooth(mask=mask), smooth(moved, mask=mask)
    np.testing.assert_array_equal(shift(there)[2], shift(moved)[2])
    np.testing.assert_array_equal(shift(there)[mask], shift(here)[mask])
    fid = np.array(image().fid)
    fid[3:] *= np.exp(0.5j)
    other = smooth(replace(plain(), data=image().with_fid(jnp.asarray(fid))), mask=mask)
    np.testing.assert_allclose(shift(other)[:2], shift(here)[:2], atol=1e-3)
    assert np.abs(phase(other)[3:] - phase(here)[3:]).min() > 0.3


def test_a_layout_says_where_rows_belong():
    order = np.random.default_rng(1).permutation(15)
    rows = jax.tree.map(lambda leaf: leaf.reshape(15, *leaf.shape[2:])[order], plain().estimate)
    data = MRSData(plain().data.spectra[order], synthetic.ACQUISITION)
    layout = Layout((*SHAPE, 1), (), order)
    flat = fit_smooth(replace(plain(), data=data, estimate=rows), tau=TAU, layout=layout, mask=MASK[..., None])
    np.testing.assert_allclose(shift(flat), shift(smooth()).ravel()[order], atol=5e-3)


def test_the_differences_are_found_in_the_fits():
    found = estimate_smoothness(plain())
    assert 0.2 < float(found.shift_hz) < 0.8  # 0.3 and 0.4 Hz; two pairs for each voxel count as one
    assert 0.0 < float(found.phase_rad) < 0.15


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"mask": np.ones((2, 2), bool)}, "mask has the shape"),
        ({"mask": np.zeros(SHAPE, bool)}, "selects no voxel"),
        ({"layout": Layout((2, 2, 1), (), np.arange(4))}, "layout has 4 spectra"),
        ({"max_steps": 0}, "max_steps is 0"),
    ],
)
def test_bad_input_is_told(keywords, message):
    with pytest.raises(InputError, match=message):
        fit_smooth(plain(), **keywords)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), np.ones(2)])
def test_an_expected_difference_is_one_positive_number(value):
    with pytest.raises(InputError, match="shift_hz"):
        Smoothness(shift_hz=value)


def test_a_result_without_space_is_refused():
    one = replace(plain(), data=MRSData(plain().data.spectra[0], synthetic.ACQUISITION))
    with pytest.raises(InputError, match="axes in space"):
        fit_smooth(one)
