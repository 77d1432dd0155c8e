"""The published basis and macromolecules of Shamaei et al. 2023, and a decoder for their recipe.

The files hold the authors' sign of frequency, which is that of diffmrs: NAA lies at 2.01 ppm as read.
"""

from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from scipy.io import loadmat

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.learn.decoder import Decoder, decoder_for
from diffmrs.learn.examples import RecipeSource, recipe_source
from diffmrs.learn.latent import latent_for
from diffmrs.learn.macromolecule_lines import lines_basis
from diffmrs.model import NoBaseline, SignalModel
from diffmrs.simulate import RECIPES, Normal, Population, Uniform

ACQUISITION = Acquisition(0.25e-3, 123.23, "1H", 4.65)
POINTS = 1024  # what the network sees of 2048
NAMES = (
    "Ala", "Asp", "Cr", "GABA", "GPC", "GSH", "Glc", "Gln", "Glu", "Gly", "Ins", "Lac", "NAA", "NAAG", "PCho", "PCr",
    "PE", "Tau", "sIns",
)  # fmt: skip
RECIPE = RECIPES["shamaei2023"]


def published_basis(data: Path, n_points: int = POINTS) -> Basis:
    """The 19 metabolites and MM, at amplitude 1."""
    folder = data / "12_basis_sets" / "deepmrs_2023"
    metabolites = next(v for k, v in loadmat(folder / "basisset.mat").items() if not k.startswith("_"))
    heavy = next(v for k, v in loadmat(folder / "mm.mat").items() if not k.startswith("_"))
    spectrum = np.concatenate([np.asarray(metabolites).T, np.asarray(heavy).reshape(1, -1)])
    return Basis(spectrum[:, :n_points].astype(np.complex64), ACQUISITION, (*NAMES, "MM"))


@dataclass(frozen=True)
class Setting:
    """What every estimator on this recipe is given.

    Attributes:
        basis: 19 metabolites and MM.
        uniform: coordinates of the ranges as they are.
        gaussian: coordinates of normal distributions with their means and variances.
        undamped: the same for spectra of which a known damping was taken off.
        source: spectra.
    """

    basis: Basis
    uniform: Decoder
    gaussian: Decoder
    undamped: Decoder
    source: RecipeSource


def setting(data: Path, *, physical: bool = False, n_points: int = POINTS) -> Setting:
    """The recipe with two priors: its ranges, and their means and variances."""
    basis = published_basis(data, n_points)
    count = len(basis.names)
    model = SignalModel(ACQUISITION, n_points, (0, n_points), (0,) * count, (0,) * count, NoBaseline())
    limits = np.array([one.amplitude for one in RECIPE.ingredients]).T
    ranges = {
        "amplitude": Uniform(*limits.astype(np.float32)),
        "frequency_shift_hz": Uniform(*RECIPE.shift_hz),
        "lorentzian_fwhm_hz": Uniform(*(d / np.pi for d in RECIPE.damping_per_s)),
        "phase0_rad": Uniform(*RECIPE.phase_rad),
    }
    still = {"gaussian_fwhm_hz": Uniform(0.0, 0.0)}
    uniform = latent_for(Population(**ranges, **still), model)
    normals = {name: as_normal(one) for name, one in ranges.items()}
    normal = latent_for(Population(**normals, **still), model)
    width = normals["lorentzian_fwhm_hz"]
    undamped = latent_for(Population(**normals | {"lorentzian_fwhm_hz": Normal(0.0, width.sd)}, **still), model)
    source = recipe_source(RECIPE, basis, uniform, physical=physical)
    return Setting(basis, *(decoder_for(basis, latent) for latent in (uniform, normal, undamped)), source)


def as_normal(uniform: Uniform) -> Normal:
    """The normal distribution with the mean and variance of a range."""
    low, high = jnp.asarray(uniform.low), jnp.asarray(uniform.high)
    return Normal((low + high) / 2, (high - low) / np.sqrt(12))


# Lines of the parametric macromolecules, from the authors' settings: offset from the carrier (ppm), width (Hz) and
# amplitude at 1 (https://github.com/isi-nmr/Deep-MRS-Quantification, runs/exp4.json).
LINE_OFFSET_PPM = (
    0.764, 0.846, 0.983, 1.11, 1.53, 1.72, 1.87, 2.12, 2.41, 2.67, 2.94, 3.24, 3.09, 3.33, 3.41, 3.50, 3.74, 3.82,
)  # fmt: skip
LINE_WIDTH_HZ = (
    7.39, 10.6, 14.9, 16.6, 11.3, 12.9, 19.1, 21.4, 31.7, 23.9, 23.1, 15.6, 19.1, 12.0, 11.4, 13.5, 12.0, 10.8,
)  # fmt: skip
LINE_AMPLITUDE = (
    0.314, 1.30, 1.62, 1.50, 0.678, 2.25, 0.674, 1.43, 4.29, 8.10, 1.48, 1.85, 2.85, 1.52, 0.877, 1.15, 1.60, 2.21,
)  # fmt: skip


def parametric_basis(data: Path, n_points: int = POINTS) -> Basis:
    """The 19 metabolites and 18 macromolecular lines."""
    whole = published_basis(data, n_points).select(NAMES)
    centre = [ACQUISITION.ppm_reference - offset for offset in LINE_OFFSET_PPM]
    lines = lines_basis(ACQUISITION, n_points, centre, LINE_WIDTH_HZ, LINE_AMPLITUDE)
    both = np.concatenate([np.asarray(whole.fid), np.asarray(lines.fid)])
    return Basis(both, ACQUISITION, (*whole.names, *lines.names))
