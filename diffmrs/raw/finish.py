"""The last steps on clean spectra: water taken off; phase, truncation, apodisation, zero-filling."""

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import MRSData
from diffmrs.preprocess import LIPIDS_PPM, apodise, apply_phase, remove_water_from, truncate, zero_fill
from diffmrs.raw.options import RawOptions


def without_lines(fid: np.ndarray, acquisition: Acquisition, options: RawOptions) -> np.ndarray:
    """FIDs of any leading shape without water, and without lipids where that is asked for."""
    bands = (options.water_band_ppm,) * options.remove_water + (LIPIDS_PPM,) * options.remove_lipids
    return np.asarray(remove_water_from(MRSData(fid, acquisition), band_ppm=bands).fid) if bands else fid


def finished(fid: np.ndarray, acquisition: Acquisition, options: RawOptions) -> np.ndarray:
    """FIDs of any leading shape after the steps that change how a spectrum is shown, not what is in it."""

    def one(row: jax.Array) -> jax.Array:
        if options.phase0_rad or options.phase1_s:
            row = apply_phase(row, acquisition, options.phase0_rad, phase1_s=options.phase1_s)
        row = row if options.truncate is None else truncate(row, options.truncate)
        row = apodise(row, acquisition, lorentzian_fwhm_hz=options.apodise_hz) if options.apodise_hz else row
        return row if options.zero_fill is None else zero_fill(row, options.zero_fill)

    rows = jnp.asarray(fid.reshape(-1, fid.shape[-1]))
    return np.asarray(jax.jit(jax.vmap(one))(rows)).reshape(*fid.shape[:-1], -1)


def steps_of(options: RawOptions, coils: int, transients: int, ecc: bool) -> list[tuple[str, str]]:
    """Name, as the NIfTI-MRS standard has it, and details of each step that was taken."""
    low, high = options.water_band_ppm
    aligned = {
        "robust": "variable projection onto a template made of the data, unstable water and lipids as nuisances",
        "registration": "spectral registration onto the mean",
        "peaks": "creatine and choline of each transient",
    }
    how = "weights by likelihood, outliers left out" if options.average == "weighted" else "plain mean"
    told = [
        (options.hamming, "Spatial filtering", "Hamming window over k-space"),
        (options.remove_offset, "Baseline correction", "constant offset of each FID taken off"),
        (options.time_shift_s, "Time shift", f"{1e3 * options.time_shift_s:g} ms taken off the start"),
        (coils > 1, "RF coil combination", f"{coils} coils, least noise; sensitivities: {options.coils}"),
        (ecc, "Eddy current correction", f"phase of the water scan ({options.ecc}) taken off"),
        (
            options.align != "none" and transients > 1,
            "Frequency and phase correction",
            aligned.get(options.align, ""),
        ),
        (options.average != "none" and transients > 1, "Signal averaging", f"{transients} transients, {how}"),
        (options.reference != "none", "Frequency and phase correction", f"onto the ppm axis: {options.reference}"),
        (options.remove_water, "Nuisance peak removal", f"water, {low:g} to {high:g} ppm, HSVD"),
        (options.remove_lipids, "Nuisance peak removal", "lipids, {:g} to {:g} ppm, HSVD".format(*LIPIDS_PPM)),
        (
            options.phase0_rad or options.phase1_s,
            "Phasing",
            f"{np.degrees(options.phase0_rad):g} degrees, {1e3 * options.phase1_s:g} ms",
        ),
        (options.truncate is not None, "Truncation", f"to {options.truncate} points"),
        (options.apodise_hz, "Apodization", f"Lorentzian of {options.apodise_hz:g} Hz"),
        (options.zero_fill is not None, "Zero-filling", f"to {options.zero_fill} points"),
    ]
    return [(method, details) for taken, method, details in told if taken]
