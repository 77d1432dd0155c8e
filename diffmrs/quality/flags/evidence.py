"""All that the flags judge by, measured once for every spectrum in one compiled call."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Complex, Float

from diffmrs.fitting import FitResult
from diffmrs.fitting.engine import local_mesh, over_voxels
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel
from diffmrs.quality.flags.landmarks import Match, match, template
from diffmrs.quality.flags.lines import LineHeights, line_heights
from diffmrs.quality.flags.record import Spike, n_clipped, strongest_spike
from diffmrs.quality.flags.time_course import TimeCourse, time_course
from diffmrs.quality.parameters import metabolite_shift_hz
from diffmrs.quality.residual import ResidualNumbers, residual_numbers
from diffmrs.quality.seen import seen


class Measured(NamedTuple):
    """What is measured of every spectrum against its fit."""

    residual: ResidualNumbers
    lines: LineHeights
    match: Match
    course: TimeCourse
    spike: Spike


@dataclass(frozen=True)
class Evidence:
    """One entry per spectrum in every array; NaN where a spectrum could not be fitted.

    Attributes:
        status: a `diffmrs.fitting.Status`.
        snr: signal-to-noise ratio of the fit.
        linewidth_hz: full width at half maximum of the metabolites, basis included, Hz.
        added_width_hz: of it, what the fit added to the basis, Hz.
        linewidth_ppm: the full width, ppm.
        shift_ppm: shift of the metabolites, ppm.
        chi2_reduced: reduced chi-square of the residual.
        at_bounds: names of what rests at a bound.
        duration_s: length of the record, s.
        n_window: points of the spectrum in the fit window.
        nucleus: for example `"1H"`.
        residual: its statistics.
        lines: heights of water, lipids and metabolites in the data.
        match: where NAA, creatine and choline lie.
        course: the fit followed along the FID.
        spike: the sample that stands out most.
        n_clipped: samples that share the largest value.
    """

    status: np.ndarray
    snr: np.ndarray
    linewidth_hz: np.ndarray
    added_width_hz: np.ndarray
    linewidth_ppm: np.ndarray
    shift_ppm: np.ndarray
    chi2_reduced: np.ndarray
    at_bounds: tuple[tuple[str, ...], ...]
    duration_s: float
    n_window: int
    nucleus: str
    residual: ResidualNumbers
    lines: LineHeights
    match: Match
    course: TimeCourse
    spike: Spike
    n_clipped: np.ndarray


def measure(result: FitResult) -> tuple[Measured, np.ndarray]:
    """Measure every spectrum of a fit against its data. Arrays over spectra; last, how many samples are clipped."""
    rows, fids = result.flat(), result.data.spectra
    measured = _measure_rows(
        jax.tree.map(jnp.asarray, rows.parameters),
        jnp.asarray(fids),
        jnp.asarray(rows.noise_sd),
        jnp.asarray(metabolite_shift_hz(rows, result.basis, result.model)),
        jnp.asarray(result.basis.fid),
        template(result.names),
        result.model,
        local_mesh(),
    )
    return jax.tree.map(np.asarray, measured), n_clipped(np.asarray(fids))


@partial(jax.jit, static_argnames=("landmarks", "model", "mesh"))
def _measure_rows(
    parameters: Parameters,
    fids: Complex[Array, "spectra points"],
    noise_sd: Float[Array, " spectra"],
    shift_hz: Float[Array, " spectra"],
    basis_fid: Complex[Array, "members points"],
    landmarks: tuple[int, ...],
    model: SignalModel,
    mesh: Mesh | None,
) -> Measured:
    def one(spectrum: tuple[Parameters, Array, Array, Array], basis_fid: Array) -> Measured:
        parameters, fid, noise, shift = spectrum
        view = seen(parameters, fid, noise, basis_fid, model)
        return Measured(
            residual_numbers(view),
            line_heights(fid, shift, model),
            match(fid, shift, noise, basis_fid, landmarks, model),
            time_course(view, model),
            strongest_spike(fid, model),
        )

    return over_voxels(one, (parameters, fids, noise_sd, shift_hz), basis_fid, mesh=mesh)
