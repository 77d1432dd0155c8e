"""The coarse search leads to the optimum that a perfect start leads to, wherever the spectrum lies."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.data import MRSData
from diffmrs.fitting import Status, estimate, fit, fit_table
from diffmrs.fitting.noise import noise_sd
from diffmrs.fitting.prepare import default_groups
from diffmrs.model import SplineBaseline, model_for, parameters_for, predict_fid
from diffmrs.priors import own_groups
from diffmrs.spins import macromolecule_basis, press, simulate_basis

ACQUISITION = Acquisition(dwell_time_s=1 / 2000, spectrometer_frequency_mhz=123.25)
N_POINTS = 1024
SNR = 50
MM = {
    "Cr": 4.5, "GPC": 1.4, "Gln": 3.0, "Glu": 9.5, "Ins": 6.5, "Lac": 0.8, "NAA": 12.0, "PCr": 3.5, "MM09": 5.0,
    "MM20": 6.0,
}  # fmt: skip
SHIFTS_PPM = np.linspace(-0.3, 0.3, 8)
WIDTHS_HZ = (1.0, 8.0, 25.0)


def everywhere(the_basis, model):
    """Noisy spectra over the whole range of shifts, phases and widths, and what went into each."""
    amplitude = jnp.asarray([MM[name] for name in the_basis.names], jnp.float32)
    rng, fids, truths = np.random.default_rng(1), [], []
    grid = [(shift, width) for width in WIDTHS_HZ for shift in SHIFTS_PPM]
    for k, (shift, width) in enumerate(grid):
        truth = parameters_for(
            model,
            amplitude,
            lorentzian_fwhm_hz=0.5 * width,
            gaussian_fwhm_hz=0.7 * width,
            frequency_shift_hz=float(shift) * ACQUISITION.spectrometer_frequency_mhz,
            phase0_rad=float((2.399963 * k + np.pi) % (2 * np.pi) - np.pi),  # golden angle: all phases evenly
        )
        clean = np.asarray(_clean(truth, jnp.asarray(the_basis.fid, jnp.complex64), model))
        noise = np.abs(spectrum_of(jnp.asarray(clean))).max() / SNR / np.sqrt(N_POINTS)
        fids.append(clean + noise * (rng.normal(size=(N_POINTS, 2)) @ np.array([1, 1j])))
        truths.append(truth)
    return np.stack(fids).astype(np.complex64), jax.tree.map(lambda *leaves: jnp.stack(leaves), *truths)


_clean = jax.jit(predict_fid, static_argnames="model")


@pytest.mark.thorough
@pytest.mark.slow
def test_every_spectrum_reaches_the_optimum_of_a_perfect_start(monkeypatch):
    light = tuple(name for name in MM if not name.startswith("MM"))
    heavy = tuple(name for name in MM if name.startswith("MM"))
    the_basis = simulate_basis(light, press(0.011, 0.019), ACQUISITION, N_POINTS)
    the_basis = the_basis.joined(macromolecule_basis("lcmodel", ACQUISITION, N_POINTS, heavy))
    groups = own_groups(the_basis.names)
    shims = default_groups(the_basis)
    model = model_for(the_basis, ppm_range=(0.5, 4.2), groups=groups, shims=shims, baseline=SplineBaseline())
    fids, truths = everywhere(the_basis, model)
    result = fit(MRSData(fids, ACQUISITION), the_basis)
    assert result.model == model

    table = fit_table(jnp.asarray(the_basis.fid, jnp.complex64), model)

    def perfect(row):
        fid, truth = row
        unit = noise_sd(spectrum_of(fid), model)
        begin = replace(truth, amplitude=truth.amplitude * table.basis_scale / unit)
        monkeypatch.setattr(estimate, "find_start", lambda *_: begin)
        return estimate.fit_fid(fid, table, model, result.priors)

    best = jax.jit(lambda rows: jax.lax.map(perfect, rows))((jnp.asarray(fids), truths))
    assert (np.asarray(best.status) == Status.CONVERGED).all()
    ours = result.estimate
    gap = np.abs(np.asarray(ours.parameters.amplitude - best.parameters.amplitude) / best.sd.amplitude).max(axis=1)
    worse = np.asarray(ours.chi2_reduced) - np.asarray(best.chi2_reduced)
    missed = [
        (round(float(SHIFTS_PPM[k % 8]), 2), WIDTHS_HZ[k // 8], int(ours.status[k]), float(gap[k]), float(worse[k]))
        for k in range(len(fids))
        if int(ours.status[k]) != Status.CONVERGED or gap[k] > 0.2 or worse[k] > 1e-3
    ]
    assert not missed
