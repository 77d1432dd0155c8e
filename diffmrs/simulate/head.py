"""Tissue, metabolites, field, phase and linewidth of every voxel of a synthetic head."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from diffmrs.axes import fid_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.fitting.prepare import default_groups, default_ppm_range
from diffmrs.io.nifti_slabs import header_at
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.signal import SignalModel, model_for, predict_fid
from diffmrs.simulate.baseline import draw_baseline
from diffmrs.simulate.head_fields import field_hz, near_sinus, smooth_fields
from diffmrs.simulate.head_metabolites import amplitude_of, encoded_fat, is_lipid, with_lipids
from diffmrs.simulate.head_tissue import head_tissue, voxel_centres, voxel_mm
from diffmrs.simulate.simulated_head import SimulatedHead

WATER = "Water"
_WATER_PPM = 4.65
_BASELINES_PPM = (0.6, 1.0, 1.8)  # widths of the features of the baselines that are mixed
_VARIES_MM, _NUISANCE_MM, _PHASE_MM = 60.0, 80.0, 150.0  # lengths of random fields


def simulate_head(
    key: Array,
    basis: Basis,
    shape: tuple[int, int, int],
    *,
    snr: float = 25.0,
    tumour: bool = True,
    tumour_lipids: float = 1.0,
    variation: float = 0.06,
    baseline: float = 0.02,
    lipid_leak: float = 0.0,
    residual_water: float = 0.0,
) -> SimulatedHead:
    """A head with grey and white matter, ventricles, subcutaneous fat and a tumour, seen through a basis set.

    Args:
        key: `jax.random` key; the same key, the same head.
        basis: sampled as the data shall be. Members called MM… or Mac… are macromolecules and share one amplitude;
            members called Lip… are lipids; all others are metabolites of which the head knows the concentration.
        shape: voxels along x, y and z; see `head_tissue` for what they cover.
        snr: signal-to-noise ratio (`diffmrs.quality.DEFINITIONS`) of a voxel with the mean parameters of `mask`,
            without lipids; infinite for no noise.
        tumour: whether there is a tumour in the left hemisphere.
        tumour_lipids: lipids of the tumour, most of them in its dead core, relative to the usual. With 0, and no leak,
            the brain holds nothing but the members of `basis` and the baseline.
        variation: standard deviation of each metabolite from place to place, over and above tissue, relative.
        baseline: root mean square of the smooth baseline in the fit window over the tallest point of the mean voxel.
        lipid_leak: 0 leaves fat where it is; 1 spreads it as the Fourier encoding of just these voxels does, without
            filter: rings of both signs in the brain. Between, a mixture.
        residual_water: height of the water line over the tallest point of the mean voxel, standard deviation.

    Returns:
        The truth, and the FIDs under `.data`; `write_head` writes those that do not fit into memory.

    Raises:
        InputError: the shape cannot show a head, a number is negative, or a concentration is not known.
    """
    _check(
        snr,
        tumour_lipids=(tumour_lipids, 100.0),
        variation=(variation, 0.5),
        baseline=(baseline, 10.0),
        lipid_leak=(lipid_leak, 1.0),
        residual_water=(residual_water, 1e4),
    )
    keys = dict(zip(("field", "phase", "width", "metabolites", "mix", "baseline", "water", "noise"),
                    jax.random.split(key, 8), strict=True))  # fmt: skip
    tissue = head_tissue(shape, tumour=tumour)
    mask = tissue.inside >= 0.5
    whole = with_lipids(basis)
    if residual_water > 0:
        whole = whole.joined(_water(whole))
    whole = replace(whole, fid=np.asarray(whole.fid, np.complex64))
    groups = default_groups(whole)
    ppm_range = default_ppm_range(whole.acquisition, whole.n_points)
    model = model_for(whole, ppm_range=ppm_range, groups=groups, shims=(0,) * len(groups), baseline=NoBaseline())

    fat = (1 - lipid_leak) * tissue.fat + (lipid_leak * encoded_fat(shape) if lipid_leak else 0)
    names = [name for name in whole.names if name != WATER]
    amplitude = amplitude_of(whole.select(names), tissue, fat, tumour_lipids)
    varies = np.array([0.0 if is_lipid(name) else variation for name in names], np.float32)
    amplitude *= np.maximum(1 + varies * smooth_fields(keys["metabolites"], shape, len(names), _VARIES_MM), 0)
    if residual_water > 0:
        amplitude = np.concatenate([amplitude, np.zeros((*shape, 1), np.float32)], axis=-1)
    parameters = _parameters(keys, model, amplitude, shape)
    height = _height(parameters, mask, whole, model)
    if residual_water > 0:
        line = _height(parameters, mask, whole, model, only=WATER)
        wave = smooth_fields(keys["water"], shape, 1, _NUISANCE_MM)[..., 0] * tissue.inside
        amplitude[..., -1] = residual_water * height / line * wave
        parameters = replace(parameters, amplitude=jnp.asarray(amplitude))
    shapes = _baselines(jax.random.split(keys["baseline"], len(_BASELINES_PPM)), model)
    mix = smooth_fields(keys["mix"], shape, 3, _NUISANCE_MM) * tissue.inside[..., None]
    return SimulatedHead(
        basis=whole,
        model=model,
        parameters=parameters,
        tissue=tissue,
        mask=mask,
        lipid_mask=~mask & (tissue.fat >= 0.2),
        noise_sd=height / snr,
        baseline_fid=np.asarray(shapes, np.complex64),
        baseline_weight=np.asarray(mix * (baseline * height / np.sqrt(3)), np.float32),
        header=header_at(_affine(shape), whole.acquisition, "simulated head"),
        noise_key=keys["noise"],
    )


def _parameters(
    keys: dict[str, Array], model: SignalModel, amplitude: np.ndarray, shape: tuple[int, int, int]
) -> Parameters:
    width = smooth_fields(keys["width"], shape, 2, _NUISANCE_MM)
    bad = near_sinus(shape)
    lorentz = np.zeros((*shape, model.n_groups), np.float32)  # macromolecules have their own width in the basis
    lorentz[..., 0] = np.maximum(3.5 + 0.4 * width[..., 0] + 1.5 * bad, 1.0)
    gauss = np.maximum(4.0 + 0.5 * width[..., 1] + 6.0 * bad, 1.0)[..., None]
    shift = field_hz(keys["field"], shape)[..., None] * np.ones(model.n_groups, np.float32)
    none = np.zeros((*shape, 0), np.float32)
    phase = np.float32(0.4) * smooth_fields(keys["phase"], shape, 1, _PHASE_MM)[..., 0]
    return Parameters(
        amplitude=jnp.asarray(amplitude),
        lorentzian_fwhm_hz=jnp.asarray(lorentz),
        frequency_shift_hz=jnp.asarray(shift),
        gaussian_variance_hz2=jnp.asarray(gauss**2),
        third_moment_hz3=jnp.asarray(none),
        lineshape=jnp.asarray(none),
        phase0_rad=jnp.asarray(phase),
        delay_s=jnp.asarray(none.sum(axis=-1)),
        baseline=jnp.asarray(none),
    )


def _height(parameters: Parameters, mask: np.ndarray, basis: Basis, model: SignalModel, only: str = "") -> float:
    """Tallest point of a voxel with the mean parameters, without lipids and water; or of one member at amplitude 1."""
    mean = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[mask].mean(axis=0)), parameters)
    counts = np.array([not is_lipid(name) and name != WATER for name in basis.names], np.float32)
    amplitude = np.array(basis.names) == only if only else np.asarray(mean.amplitude) * counts
    upright = replace(
        mean,
        amplitude=jnp.asarray(amplitude, np.float32),
        frequency_shift_hz=0 * mean.frequency_shift_hz,
        phase0_rad=0 * mean.phase0_rad,
    )
    seen = replace(model, window=(0, model.n_points)) if only else model
    return float(_tallest(upright, basis.fid, seen))


@partial(jax.jit, static_argnames="model")
def _tallest(parameters: Parameters, basis_fid: Array, model: SignalModel) -> Array:
    return model.window_of(predict_fid(parameters, basis_fid, model)).real.max()


@partial(jax.jit, static_argnames="model")
def _baselines(keys: Array, model: SignalModel) -> Array:
    widths = jnp.asarray(_BASELINES_PPM)
    return fid_of(jax.vmap(lambda key, width: draw_baseline(key, width, True, model))(keys, widths))


def _water(basis: Basis) -> Basis:
    turn = np.exp(2j * np.pi * basis.acquisition.ppm_to_hz(_WATER_PPM) * basis.time_s)
    return Basis(turn[None].astype(np.complex64), basis.acquisition, (WATER,))


def _affine(shape: tuple[int, int, int]) -> np.ndarray:
    affine = np.diag([*voxel_mm(shape), 1.0])
    affine[:3, 3] = [axis[0] for axis in voxel_centres(shape)]
    return affine


def _check(snr: float, **limited: tuple[float, float]) -> None:
    """Refuse what is below 0 or above a highest value."""
    for name, (value, highest) in limited.items():
        if not 0 <= value <= highest:
            raise InputError(f"{name} is {value:g}; it must lie between 0 and {highest:g}")
    if not snr > 0:
        raise InputError(f"snr is {snr:g}; it must be above 0")
