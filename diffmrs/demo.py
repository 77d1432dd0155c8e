"""A synthetic brain spectrum with known answers, so that the program can be tried without any file."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, Header, MRSData
from diffmrs.fitting.prepare import DEFAULT_PPM_RANGE, default_groups
from diffmrs.io import write_nifti_mrs
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.lineshape import voigt_decay
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import model_for, predict_fid
from diffmrs.pipeline import FitRun, fit_data, write_outputs
from diffmrs.results.layout import layout_of

ACQUISITION = Acquisition(dwell_time_s=1 / 2000, spectrometer_frequency_mhz=123.25)
N_POINTS = 1024
NOISE_SD = 2.4  # of the real part of each sample; the tallest line then stands about 65 noise standard deviations high

# Multiplets to first order: chemical shift (ppm), protons, couplings (Hz), one doublet splitting each. Shifts and
# couplings: Govindaraju, Young & Maudsley 2000, NMR Biomed 13:129; GABA: Near et al. 2013, MRM 70:1183. Evolution
# during the echo time is left out.
MULTIPLETS: dict[str, tuple[tuple[float, int, tuple[float, ...]], ...]] = {
    "Cr": ((3.027, 3, ()), (3.913, 2, ())),
    "GABA": ((2.284, 2, (7.3, 7.3)), (1.888, 2, (7.3, 7.3, 7.5, 7.5)), (3.013, 2, (7.5, 7.5))),
    "Gln": ((3.753, 1, (5.8, 6.5)), (2.119, 2, (5.8, 6.3, 9.2)), (2.443, 2, (6.3, 9.2))),
    "Glu": ((3.743, 1, (7.3, 4.7)), (2.038, 1, (7.3, 14.8, 6.4, 8.4)), (2.120, 1, (4.7, 14.8, 8.5, 6.9)),
            (2.345, 2, (6.4, 8.5))),
    "GPC": ((3.212, 9, ()), (3.659, 2, (3.1, 5.9)), (3.605, 1, (14.8, 5.8)), (3.672, 1, (14.8, 4.5)),
            (3.903, 1, (5.8, 4.5, 5.8, 4.5)), (3.908, 2, (5.8, 6.0))),
    "GSH": ((3.769, 3, ()), (2.926, 1, (14.1, 7.1)), (2.975, 1, (14.1, 4.7)), (2.152, 2, (6.3, 6.7, 7.6)),
            (2.535, 2, (6.7, 7.6))),
    "Ins": ((3.522, 2, (2.9, 10.0)), (4.054, 1, (2.9, 3.0)), (3.614, 2, (10.0, 9.5)), (3.269, 1, (9.5, 9.5))),
    "Lac": ((1.314, 3, (6.9,)), (4.097, 1, (6.9, 6.9, 6.9))),
    "NAA": ((2.008, 3, ()), (2.673, 1, (15.6, 3.9)), (2.486, 1, (15.6, 9.8)), (4.382, 1, (3.9, 9.8))),
    "NAAG": ((2.042, 3, ()), (2.721, 1, (15.9, 4.4)), (2.519, 1, (15.9, 9.5)), (2.185, 2, (7.6, 7.6)),
             (2.049, 1, (14.3, 4.6)), (1.881, 1, (14.3, 8.4)), (4.128, 1, (4.6, 8.4))),
    "PCr": ((3.029, 3, ()), (3.930, 2, ())),
    "sIns": ((3.340, 6, ()),),
    "Tau": ((3.421, 2, (6.6, 6.6)), (3.246, 2, (6.6, 6.6))),
}  # fmt: skip

# Macromolecules as Gaussian lines: chemical shift (ppm), protons, full width at half maximum (ppm).
MACROMOLECULES = {
    "MM09": (0.91, 3.0, 0.14),
    "MM12": (1.21, 2.0, 0.15),
    "MM14": (1.43, 2.0, 0.17),
    "MM17": (1.67, 2.0, 0.15),
    "MM20": (2.05, 3.0, 0.18),
}

# About what a healthy brain holds, mM.
CONCENTRATIONS_MM = {
    "Cr": 4.5, "GABA": 1.5, "Gln": 3.0, "Glu": 9.5, "GPC": 1.4, "GSH": 1.8, "Ins": 6.5, "Lac": 0.8, "NAA": 11.0,
    "NAAG": 1.3, "PCr": 3.8, "sIns": 0.4, "Tau": 1.6,
    "MM09": 5.0, "MM12": 3.5, "MM14": 5.0, "MM17": 3.5, "MM20": 6.0,
}  # fmt: skip


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
    """A small brain basis of first-order multiplets and Gaussian macromolecules.

    One proton at unit concentration has a first sample of 1. Metabolite lines are 1 Hz wide (Lorentzian).

    Args:
        acquisition: sampling and field.
        n_points: samples per FID.
    """
    time_s = acquisition.time_s(n_points)

    def line(ppm: float, offset_hz: float = 0.0) -> np.ndarray:
        return np.exp(2j * np.pi * (acquisition.ppm_to_hz(ppm) + offset_hz) * time_s)

    def multiplet(ppm: float, protons: int, couplings_hz: tuple[float, ...]) -> np.ndarray:
        offsets = [sum(half, start=0.0) for half in product(*((j / 2, -j / 2) for j in couplings_hz))]
        return protons * np.mean([line(ppm, offset) for offset in offsets], axis=0)

    narrow = np.asarray(voigt_decay(jnp.asarray(time_s), jnp.asarray(1.0), jnp.asarray(0.0)))
    rows = [sum(multiplet(*group) for group in groups) * narrow for groups in MULTIPLETS.values()]
    for ppm, protons, width_ppm in MACROMOLECULES.values():
        width_hz = width_ppm * acquisition.spectrometer_frequency_mhz
        broad = voigt_decay(jnp.asarray(time_s), jnp.asarray(0.0), jnp.asarray(width_hz**2))
        rows.append(protons * line(ppm) * np.asarray(broad))
    return Basis(np.stack(rows), acquisition, (*MULTIPLETS, *MACROMOLECULES), "diffmrs demo: first-order multiplets")


def demo_spectrum(key: jax.Array, *, noise_sd: float = NOISE_SD) -> Demo:
    """A synthetic brain spectrum at 3 T: the demo basis, lines about 6 Hz wide, a shift, a phase and noise.

    Args:
        key: a `jax.random` key; another key, another noise.
        noise_sd: noise of the real (and of the imaginary) part of each sample; a proton at 1 mM starts at 1.
    """
    basis = demo_basis()
    groups = default_groups(basis)
    model = model_for(basis, ppm_range=DEFAULT_PPM_RANGE, groups=groups, baseline=NoBaseline())
    amplitude = np.array([CONCENTRATIONS_MM[name] for name in basis.names])
    truth = Parameters(
        amplitude=jnp.asarray(amplitude),
        lorentzian_fwhm_hz=jnp.array([3.0, 2.0]),
        gaussian_variance_hz2=jnp.array([4.0**2, 0.0]),
        frequency_shift_hz=jnp.array([-2.5, -2.5]),
        phase0_rad=jnp.asarray(0.4),
        delay_s=jnp.asarray(0.0),
        baseline=jnp.zeros((0, 2)),
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
            "baseline": "complex polynomial of order 2",
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
