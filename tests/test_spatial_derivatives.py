"""The derivative of the answer for an image, against finite differences; in a file of its own: it compiles for long."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import synthetic

from diffmrs.data import MRSData
from diffmrs.fitting import FitResult, LevenbergMarquardt, fit
from diffmrs.model.baseline import NoBaseline
from diffmrs.spatial import Smoothness, fit_smooth

BASIS = synthetic.basis(("NAA", "Cr"))
TRUTH = {"NAA": 12.0, "Cr": 4.5}


def fitted(data: MRSData) -> FitResult:
    return fit(
        data,
        BASIS,
        baseline=NoBaseline(),
        priors="none",
        ppm_range=(1.8, 3.3),
        optimiser=LevenbergMarquardt(tolerance=1e-7),
    )


@pytest.mark.thorough
@pytest.mark.slow
def test_derivatives_are_those_of_finite_differences(x64):
    fids = np.stack([synthetic.fid(shift_hz=2 + 0.5 * k, truth=TRUTH, noise_sd=1.0, seed=k) for k in range(3)])
    data = MRSData(jnp.asarray(fids), synthetic.ACQUISITION)
    result = fitted(data)
    # Lines in the window, so that the noise that is measured beside it, which is held, does not change.
    bump = np.stack([synthetic.fid(truth={"Cr": 1.0, "NAA": k}, gauss_hz=9.0, phase_rad=k) for k in range(3)])

    weights = jnp.asarray(np.random.default_rng(0).normal(size=12))

    def answer(change, tau_hz):
        moved = MRSData(data.fid + change * bump, data.acquisition)
        tau = Smoothness(shift_hz=tau_hz, phase_rad=0.05, width_hz=0.3)
        again = FitResult(moved, result.basis, result.model, result.priors, result.estimate)
        best = fit_smooth(
            again, tau=tau, repair=False, optimiser=LevenbergMarquardt(tolerance=1e-7)
        ).estimate.parameters
        found = jnp.concatenate([best.frequency_shift_hz[:, 0], best.phase0_rad, best.amplitude.ravel()])
        return weights @ found

    both = jax.jit(jax.value_and_grad(answer, argnums=(0, 1)))  # in reverse, so that forward is tested too
    at, step = (jnp.asarray(0.0), jnp.asarray(0.2)), 1e-4
    for which, exact in enumerate(both(*at)[1]):
        up, _ = both(*(value + step * (which == k) for k, value in enumerate(at)))
        down, _ = both(*(value - step * (which == k) for k, value in enumerate(at)))
        np.testing.assert_allclose(exact, (up - down) / (2 * step), rtol=1e-3)
