"""A synthetic brain spectrum with known answers, so that the program can be tried without any file."""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, Header, MRSData
from diffmrs.fitting.options import ModelOptions
from diffmrs.fitting.prepare import DEFAULT_PPM_RANGE, default_groups
from diffmrs.io import write_nifti_mrs
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.signal import model_for, parameters_for, predict_fid
from diffmrs.pipeline import FitRun, fit_data, write_outputs
from diffmrs.results.layout import layout_of
from diffmrs.spins import macromolecule_basis, press, simulate_basis

ACQUISITION = Acquisition(dwell_time_s=1 / 2000, spectrometer_frequency_mhz=123.25)
N_POINTS = 1024
NOISE_SD = 2.4  # of the real part of each sample; the tallest line then stands about 65 noise standard deviations high

# About what a healthy brain holds, mM.
CONCENTRATIONS_MM = {
    "Asp": 2.0, "Cr": 4.5, "GABA": 1.5, "Gln": 3.0, "Glu": 9.5, "GPC": 1.0, "GSH": 1.8, "Ins": 6.5, "Lac": 0.8,
    "NAA": 11.0, "NAAG": 1.3, "PCho": 0.5, "PCr": 3.8, "sIns": 0.4, "Tau": 1.6,
}  # fmt: skip
MACROMOLECULES_MM = {"MM09": 5.0, "MM12": 3.5, "MM14": 5.0, "MM17": 3.5, "MM20": 6.0}


@dataclass(frozen=True)
class Demo:
    """Synthetic data and what went into them.

    Attributes:
        data: one FID, [1, 1, 1, points].
        basis: the basis set it was made from.
        amplitude: true amplitude of each member, mM.
    """

    data: MRSData
    basis: Basis
    amplitude: np.ndarray


def demo_basis(acquisition: Acquisition = ACQUISITION, n_points: int = N_POINTS) -> Basis:
    """A brain basis as PRESS at an echo time of 30 ms gives it, with the macromolecules of LCModel.

    One proton at unit concentration has a first sample of 1. Lines have no width of their own.

    Args:
        acquisition: sampling and field.
        n_points: samples per FID.
    """
    metabolites = simulate_basis(tuple(CONCENTRATIONS_MM), press(0.011, 0.019), acquisition, n_points)
    return metabolites.joined(macromolecule_basis("lcmodel", acquisition, n_points, tuple(MACROMOLECULES_MM)))


def demo_spectrum(key: jax.Array, *, noise_sd: float = NOISE_SD) -> Demo:
    """A synthetic brain spectrum at 3 T: the demo basis, lines about 6 Hz wide, a shift, a phase and noise.

    Args:
        key: a `jax.random` key; another key, another noise.
        noise_sd: noise of the real (and of the imaginary) part of each sample; a proton at 1 mM starts at 1.
    """
    basis = demo_basis()
    groups = default_groups(basis)
    model = model_for(basis, ppm_range=DEFAULT_PPM_RANGE, groups=groups, shims=groups, baseline=NoBaseline())
    amplitude = np.array([(CONCENTRATIONS_MM | MACROMOLECULES_MM)[name] for name in basis.names])
    truth = parameters_for(
        model,
        jnp.asarray(amplitude, jnp.result_type(float)),
        lorentzian_fwhm_hz=4.0,
        gaussian_fwhm_hz=4.0,
        frequency_shift_hz=-2.5,
        phase0_rad=0.4,
    )
    clean = predict_fid(truth, jnp.asarray(basis.fid), model)
    noise = jax.random.normal(key, (2, basis.n_points), clean.real.dtype) * noise_sd
    fid = (clean + jax.lax.complex(noise[0], noise[1])).astype(jnp.complex64)
    header = Header(meta_json="{}", source="diffmrs demo").with_meta(
        SpectrometerFrequency=[basis.acquisition.spectrometer_frequency_mhz],
        ResonantNucleus=[basis.acquisition.nucleus],
    )
    data = MRSData(np.asarray(fid)[None, None, None], basis.acquisition, header=header)
    return Demo(data, basis, amplitude)


def fit_demo(demo: Demo) -> FitRun:
    """Fit the synthetic spectrum with the basis it was made from."""
    return fit_data(
        demo.data,
        demo.basis,
        layout=layout_of(demo.data),
        title="Synthetic brain spectrum",
        where="demo",
        settings={
            "data": "simulated by diffmrs demo; amplitudes are in mM",
            "fit range": "{:g} to {:g} ppm".format(*DEFAULT_PPM_RANGE),
            **ModelOptions().in_words,
            "basis set": demo.basis.source,
        },
    )


def write_demo(folder: Path, demo: Demo, run: FitRun) -> None:
    """Write what `diffmrs fit` writes, and the data as `synthetic.nii.gz`.

    Args:
        folder: where to write; must exist.
        demo: from `demo_spectrum`.
        run: from `fit_demo`.

    Raises:
        InputError: a file cannot be written.
    """
    write_nifti_mrs(folder / "synthetic.nii.gz", demo.data)
    write_outputs(folder, run, 0)
