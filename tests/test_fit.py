import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh
from synthetic import ACQUISITION, TRUTH, basis, data, fid, truth_vector

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting import Bounds, Status, fit, fit_fid, fit_table
from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.fit import fit_rows
from diffmrs.model import NoBaseline, PolynomialBaseline

NOISE = 0.35


def amplitudes(result) -> np.ndarray:
    return np.asarray(result.estimate.parameters.amplitude)


def test_noise_free_data_give_the_truth_back():
    result = fit(data(), basis())
    p = result.estimate.parameters
    assert result.converged.all()
    np.testing.assert_allclose(amplitudes(result), truth_vector(), rtol=5e-3, atol=5e-3)
    assert float(p.frequency_shift_hz[0]) == pytest.approx(2.5, abs=0.02)
    assert float(p.phase0_rad) == pytest.approx(0.4, abs=0.01)
    assert float(p.lorentzian_fwhm_hz[0]) == pytest.approx(3.0, abs=0.05)
    assert float(p.gaussian_fwhm_hz[0]) == pytest.approx(4.0, abs=0.05)


@given(shift_hz=st.floats(-35, 35), phase=st.floats(-np.pi, np.pi), lorentz=st.floats(0.5, 10), gauss=st.floats(0, 9))
@settings(deadline=None, max_examples=20)
def test_the_start_is_found_wherever_the_spectrum_lies(shift_hz, phase, lorentz, gauss):
    found = fit(data(shift_hz=shift_hz, phase_rad=phase, lorentz_hz=lorentz, gauss_hz=gauss, noise_sd=NOISE), basis())
    reference = fit(data(shift_hz=0.0, phase_rad=0.0, lorentz_hz=lorentz, gauss_hz=gauss, noise_sd=NOISE), basis())
    assert found.converged.all()
    distance = np.abs(amplitudes(found) - truth_vector()) / np.asarray(reference.estimate.sd.amplitude)
    assert distance.max() < 6
    turn = (float(found.estimate.parameters.phase0_rad) - phase + np.pi) % (2 * np.pi) - np.pi
    assert abs(turn) < 0.2
    assert abs(float(found.estimate.parameters.frequency_shift_hz[0]) - shift_hz) < 0.5


def test_doubling_the_data_doubles_every_amplitude_and_leaves_every_width():
    once, twice = (fit(MRSData(k * fid(noise_sd=NOISE), ACQUISITION), basis()).estimate for k in (1, 2))
    np.testing.assert_allclose(twice.parameters.amplitude, 2 * once.parameters.amplitude, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(twice.parameters.lorentzian_fwhm_hz, once.parameters.lorentzian_fwhm_hz, atol=1e-2)
    np.testing.assert_allclose(twice.sd.amplitude, 2 * once.sd.amplitude, rtol=1e-3)
    np.testing.assert_allclose(twice.chi2_reduced, once.chi2_reduced, rtol=1e-3)


def test_the_order_of_the_basis_does_not_matter():
    # First (of which the others' groups are counted) and last (macromolecules) stay: the compiled fit serves both.
    names = tuple(TRUTH)
    order = np.array([0, *range(1, len(names) - 1)[::-1], len(names) - 1])
    forward = fit(data(noise_sd=NOISE), basis(names))
    backward = fit(data(noise_sd=NOISE), basis(tuple(names[k] for k in order)))
    gap = (amplitudes(forward)[order] - amplitudes(backward)) / np.asarray(forward.estimate.sd.amplitude)[order]
    assert np.abs(gap).max() < 0.02


def test_float32_and_float64_agree_to_a_tenth_of_the_bound():
    answers = {}
    for double in (False, True):
        with jax.enable_x64(double):
            result = fit(data(noise_sd=NOISE), basis())
            answers[double] = amplitudes(result), np.asarray(result.estimate.sd.amplitude)
            assert answers[double][0].dtype == (np.float64 if double else np.float32)
    (single, sd32), (double, sd64) = answers[False], answers[True]
    assert np.abs((single - double) / sd64).max() < 0.1
    np.testing.assert_allclose(sd32, sd64, rtol=0.02)


def test_one_bad_spectrum_leaves_the_others_alone():
    good = fid(noise_sd=NOISE)
    stack = np.stack([good, np.full_like(good, np.nan), np.zeros_like(good), good, good])
    result = fit(MRSData(stack, ACQUISITION, ("DIM_DYN",)), basis())
    assert list(np.asarray(result.estimate.status)) == [
        Status.CONVERGED,
        Status.INVALID,
        Status.INVALID,
        Status.CONVERGED,
        Status.CONVERGED,
    ]
    alone = fit(MRSData(good, ACQUISITION), basis())
    np.testing.assert_allclose(amplitudes(result)[[0, 3, 4]], np.tile(amplitudes(alone), (3, 1)), rtol=1e-4, atol=1e-4)
    assert np.isnan(amplitudes(result)[1:3]).all()


def test_a_batch_keeps_its_shape_and_a_mesh_changes_where_not_what():
    stack = np.stack([fid(noise_sd=NOISE, seed=s) for s in range(5)])
    spread = fit(MRSData(stack.reshape(1, 1, 1, 5, -1), ACQUISITION, ("DIM_DYN",)), basis())
    single = Mesh(np.array(jax.devices()[:1]), ("voxels",))
    at_home = [fit(MRSData(row, ACQUISITION), basis(), mesh=single) for row in stack]
    assert amplitudes(spread).shape == (1, 1, 1, 5, len(TRUTH))
    for together, alone in zip(amplitudes(spread).reshape(5, -1), at_home, strict=True):
        assert np.abs((together - amplitudes(alone)) / np.asarray(alone.estimate.sd.amplitude)).max() < 1e-3


@pytest.mark.parametrize("chunk", [1, 2, 8])
@pytest.mark.parametrize("devices", [0, 1, 2])
def test_the_engine_gives_the_same_whatever_the_devices_and_chunks(chunk, devices):
    mesh = Mesh(np.array(jax.devices()[:devices]), ("voxels",)) if devices else None
    rows = jnp.arange(21.0).reshape(7, 3)
    got = over_voxels(
        lambda row, shared: {"sum": row.sum() * shared, "row": row}, rows, jnp.asarray(2.0), mesh=mesh, chunk=chunk
    )
    np.testing.assert_array_equal(got["sum"], 2 * rows.sum(axis=1))
    np.testing.assert_array_equal(got["row"], rows)


@pytest.mark.thorough
def test_side_by_side_as_on_an_accelerator_gives_the_same_answers():
    fids = jnp.asarray(np.stack([fid(noise_sd=NOISE, seed=s) for s in range(5)]), jnp.complex64)
    one_by_one = fit(MRSData(fids, ACQUISITION), basis())
    model, priors = one_by_one.model, one_by_one.priors

    @jax.jit
    def side_by_side(fids, basis_fid):
        table = fit_table(basis_fid, model)
        return jax.vmap(lambda y: fit_fid(y, table, model, priors))(fids)

    together = side_by_side(fids, jnp.asarray(one_by_one.basis.fid))
    gap = (np.asarray(together.parameters.amplitude) - amplitudes(one_by_one)) / np.asarray(together.sd.amplitude)
    assert np.abs(gap).max() < 0.02
    np.testing.assert_array_equal(together.status, Status.CONVERGED)


def test_a_fit_compiles_once_per_shape():
    fit(data(noise_sd=NOISE), basis())
    compiled = fit_rows._cache_size()
    for seed in range(1, 3):
        fit(data(noise_sd=NOISE, seed=seed), basis())
    assert fit_rows._cache_size() == compiled


def test_amplitudes_are_not_negative_unless_allowed():
    truth = {**TRUTH, "Lac": -3.0}
    held = fit(data(truth=truth, noise_sd=NOISE), basis())
    free = fit(data(truth=truth, noise_sd=NOISE), basis(), bounds=Bounds(nonnegative=False))
    lac = held.names.index("Lac")
    assert amplitudes(held)[lac] == 0.0
    assert amplitudes(free)[lac] == pytest.approx(-3.0, abs=5 * float(free.estimate.sd.amplitude[lac]))


def test_a_smooth_background_goes_into_the_baseline():
    spectrum_offset = 40 + 30j
    shifted = fid(noise_sd=NOISE)
    shifted[0] += 2 * spectrum_offset  # a constant in the spectrum: the first point counts half
    both = MRSData(np.stack([shifted, fid(noise_sd=NOISE)]), ACQUISITION, ("DIM_DYN",))
    result = fit(both, basis(), baseline=PolynomialBaseline(0), priors="none")
    with_it, without = amplitudes(result)
    np.testing.assert_allclose(with_it, without, rtol=1e-2, atol=1e-2)
    curves = np.asarray(result.estimate.parameters.baseline) @ result.model.baseline_functions
    np.testing.assert_allclose(curves[0] - curves[1], spectrum_offset, atol=0.5)


def test_zeros_at_the_end_of_the_data_carry_no_information():
    measured = fid(noise_sd=NOISE)
    padded = np.concatenate([measured, np.zeros_like(measured)])
    long_basis = basis(n_points=2048)
    a = fit(MRSData(padded, ACQUISITION), long_basis).estimate
    b = fit(MRSData(measured, ACQUISITION), long_basis).estimate
    np.testing.assert_allclose(a.sd.amplitude, b.sd.amplitude, rtol=1e-4)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fit(MRSData(np.zeros(1024, complex), ACQUISITION), basis()), "nothing but zeros"),
        (lambda: fit(MRSData(np.full(1024, np.nan + 0j), ACQUISITION), basis()), "NaN"),
        (lambda: fit(data(), basis(), ppm_range=(4.0, 1.0)), "first limit"),
        (lambda: fit(data(), basis(), ppm_range=(-50.0, 1.0)), "reach only"),
        (lambda: fit(data(), basis(), groups=(0, 1)), "one number per basis member"),
        (lambda: fit(data(), basis(), groups=(0, 2, 2, 2, 2, 2, 2, 2)), "counted from 0"),
        (lambda: fit(data(acquisition=Acquisition(5e-4, 123.2, nucleus="31P")), basis()), "31P"),
        (lambda: fit(data(), Basis(basis().fid, Acquisition(5e-4, 297.2), basis().names)), "297"),
        (lambda: Bounds(max_delay_s=0.0), "max_delay_s"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(call, says):
    with pytest.raises(InputError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_without_a_baseline_there_are_no_coefficients():
    result = fit(data(), basis(), baseline=NoBaseline())
    assert result.estimate.parameters.baseline.shape == (0,)
    np.testing.assert_allclose(amplitudes(result), truth_vector(), rtol=1e-2, atol=1e-2)
