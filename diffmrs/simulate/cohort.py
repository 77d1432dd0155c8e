r"""A cohort of patients with voxels of healthy brain, oedema and tumour, and labels some of which are wrong.

A voxel holds tissues side by side, $a = \sum_\tau v_\tau\, c_\tau$, with concentrations of the tissue that differ
between patients and, less, between voxels of one. Tumour patients have voxels along a line through the tumour's edge;
beyond it lies oedema. Others have healthy brain, and some a lesion of oedema alone. The true label says on which side
of the edge a voxel lies; the given one is that of a region drawn by hand: wrong labels crowd where tumour and brain
meet.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.axes import Acquisition
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.fitting.engine import over_voxels
from diffmrs.fitting.prepare import default_groups
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.signal import SignalModel, model_for
from diffmrs.pytree import container
from diffmrs.simulate.artefacts import Artefacts
from diffmrs.simulate.baseline import RandomBaseline
from diffmrs.simulate.cohort_tissue import tissue_amplitudes
from diffmrs.simulate.distributions import LogNormal, LogUniform, Mixture, Uniform
from diffmrs.simulate.population import Population, draw_parameters
from diffmrs.simulate.spectra import simulate_around

_EDGE = 4.0  # steepness of the tumour's edge: at 0.25 beyond it a quarter of the voxel is tumour
_OEDEMA_WIDTH = 0.8  # how far oedema reaches, in the same unit
_EACH = 0.15  # logarithm of width and of signal-to-noise ratio between voxels of a patient, standard deviation
_MOST_WRONG = 0.95  # no voxel's label is wrong more often


@dataclass(frozen=True)
class Cohort:
    """How a cohort is drawn.

    Attributes:
        patients: number of patients.
        voxels: of each patient.
        tumour_patients: share of patients with a tumour.
        lesions: share of the others with a lesion of oedema.
        purity: least and largest share of tumour in the tumour's middle; the rest is infiltrated brain.
        wrong: share of labels that are wrong, on average.
        at_border: share of the wrong labels that crowd at the border; the rest may hit any voxel.
        patient_spread: standard deviation of the logarithm of each concentration between patients.
        voxel_spread: the same between voxels of one patient.
        snr: median signal-to-noise ratio (`peak`) over patients.
        snr_spread: standard deviation of its logarithm between patients.
        shift_hz: standard deviation of the shift between patients, Hz; between voxels of one it is half as large.
        gaussian_hz: least and largest Gaussian width of a patient, Hz.
        phase_rad: standard deviation of the phase that is left, rad.
        baseline: least and largest height of a smooth baseline over the tallest peak.
        artefacts: share of spectra with residual water, and with lipids of the scalp.
    """

    patients: int = 60
    voxels: int = 16
    tumour_patients: float = 0.55
    lesions: float = 0.5
    purity: tuple[float, float] = (0.2, 0.9)
    wrong: float = 0.2
    at_border: float = 0.6
    patient_spread: float = 0.25
    voxel_spread: float = 0.15
    snr: float = 7.0
    snr_spread: float = 0.4
    shift_hz: float = 2.0
    gaussian_hz: tuple[float, float] = (3.0, 9.0)
    phase_rad: float = 0.15
    baseline: tuple[float, float] = (0.01, 0.12)
    artefacts: float = 0.15

    def __post_init__(self) -> None:
        for name, low in (("patients", 2), ("voxels", 1)):
            if getattr(self, name) < low:
                raise InputError(f"{name} of the cohort is {getattr(self, name)}; it must be at least {low}")
        for name in ("tumour_patients", "lesions", "at_border", "artefacts"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} of the cohort is {getattr(self, name):g}; it is a share, from 0 to 1")
        if not 0 <= self.wrong < 0.5:
            raise InputError(f"wrong of the cohort is {self.wrong:g}; it must be at least 0 and below 0.5")
        for name in ("purity", "gaussian_hz", "baseline"):
            low, high = getattr(self, name)
            if not (0 <= low <= high and np.isfinite(high)):
                raise InputError(f"{name} of the cohort is {low:g} to {high:g}; two numbers that rise, not below 0")
        if self.purity[1] > 1 or self.baseline[0] <= 0:
            raise InputError("purity of the cohort must not be above 1, and baseline must be above 0")
        for name in ("patient_spread", "voxel_spread", "snr_spread", "shift_hz", "phase_rad"):
            if not 0 <= getattr(self, name) < 100:
                raise InputError(f"{name} of the cohort is {getattr(self, name):g}; it must not be negative")
        if not (np.isfinite(self.snr) and self.snr > 0):
            raise InputError(f"snr of the cohort is {self.snr:g}; it must be above 0")


@container(static=("acquisition", "names"))
@dataclass(frozen=True)
class SimulatedCohort:
    """Spectra of a cohort, and the truth about them. Voxels of a patient lie side by side.

    Attributes:
        fid: [spectra, points]
        patient: number of the patient. [spectra]
        label: as given: 1 for tumour, wrong at places. [spectra]
        true_label: 1 where the voxel lies inside the tumour's edge. [spectra]
        fractions: of healthy brain, oedema and tumour in the voxel; they sum to 1. [spectra, 3]
        amplitude: of each member of the basis. [spectra, members]
        acquisition: sampling.
        names: of the members.
    """

    fid: jax.Array
    patient: jax.Array
    label: jax.Array
    true_label: jax.Array
    fractions: jax.Array
    amplitude: jax.Array
    acquisition: Acquisition
    names: tuple[str, ...]


def simulate_cohort(key: Array, basis: Basis, cohort: Cohort = Cohort()) -> SimulatedCohort:
    """Draw a cohort.

    Args:
        key: `jax.random` key; the same key, the same cohort.
        basis: members at 1 mM; lipids, if wanted, among them (`diffmrs.simulate.with_lipids`).
        cohort: how.

    Raises:
        InputError: the basis lacks metabolites that a tumour is told by, or does not reach from 0.5 to 4.2 ppm.
    """
    key_parts, key_spectra = jax.random.split(key)
    parts = draw_composition(key_parts, basis, cohort)
    groups = tuple(0 for _ in default_groups(basis))
    model = model_for(basis, ppm_range=(0.5, 4.2), groups=groups, shims=groups, baseline=NoBaseline())
    numbers = {name: value for name, value in parts.items() if name in ("amplitude", "shift_hz", "gaussian_hz", "snr")}
    bits = jax.random.key_data(jax.random.split(key_spectra, parts["patient"].shape[0]))
    fid = _spectra((bits, numbers), jnp.asarray(basis.fid), _disturbances(cohort), model)
    kept = {name: parts[name] for name in ("patient", "label", "true_label", "fractions", "amplitude")}
    return SimulatedCohort(fid, **kept, acquisition=basis.acquisition, names=basis.names)


def draw_composition(key: Array, basis: Basis, cohort: Cohort) -> dict[str, Array]:
    """Everything about the voxels of a cohort but their spectra: cheap, for bounds that look at the truth alone.

    Returns:
        Those of `SimulatedCohort` without the spectra, and `shift_hz`, `gaussian_hz`, `snr`; voxels in one row.
    """
    median, log_sd = tissue_amplitudes(basis)
    # Compiled once for all numbers of patients and of wrong labels.
    alike = replace(cohort, patients=2, wrong=0.0)
    drawn = dict(_patients(jax.random.split(key, cohort.patients), alike, median, log_sd))
    drawn["patient"] = jnp.broadcast_to(jnp.arange(cohort.patients)[:, None], (cohort.patients, cohort.voxels))
    flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in drawn.items()}
    chance = wrong_chance(flat.pop("closeness"), cohort)
    hit = jax.random.uniform(jax.random.fold_in(key, 1), chance.shape) < chance
    return flat | {"label": jnp.where(hit, 1 - flat["true_label"], flat["true_label"])}


def wrong_chance(closeness: Float[Array, " spectra"], cohort: Cohort) -> Float[Array, " spectra"]:
    """How likely each label is wrong: on average `cohort.wrong`, more where tumour and brain meet.

    Args:
        closeness: to the border, 1 at it and 0 far away.
        cohort: how many, and how many of them at the border.
    """
    mean = jnp.mean(closeness)
    crowd = jnp.where(mean > 0, closeness / jnp.where(mean > 0, mean, 1), 1)
    return jnp.minimum(cohort.wrong * (1 - cohort.at_border + cohort.at_border * crowd), _MOST_WRONG)


@partial(jax.jit, static_argnames="cohort")
def _patients(keys: Array, cohort: Cohort, median: Any, log_sd: Any) -> dict[str, Array]:
    return jax.vmap(partial(_patient, cohort, median, log_sd))(keys)


def _patient(cohort: Cohort, median: Any, log_sd: Any, key: Array) -> dict[str, Array]:
    """The voxels of one patient, [voxels, ...] each."""
    voxels, members = cohort.voxels, median.shape[1]
    key_even, key_normal, key_members = jax.random.split(key, 3)
    # Few calls: each of them takes long to compile.
    even = jax.random.uniform(key_even, (5 + voxels,))
    normal = jax.random.normal(key_normal, (2 + 3 * voxels,))
    of_members = jax.random.normal(key_members, (3 + 1 + voxels, members))
    ill_at, lesion_at, pure_at, width_at, swelling = even[:5]
    shift, loud = normal[:2]
    shift_each, width_each, loud_each = normal[2:].reshape(3, voxels)

    ill, lesion = ill_at < cohort.tumour_patients, lesion_at < cohort.lesions
    purity = cohort.purity[0] + (cohort.purity[1] - cohort.purity[0]) * pure_at
    # Along a line through the edge of the tumour, positive inside; of a lesion, likewise.
    depth = 3 * even[5:] - 1
    inside = jax.nn.sigmoid(_EDGE * depth)
    tumour = jnp.where(ill, purity * inside, 0.0)
    around = jnp.exp(-0.5 * (jnp.minimum(depth, 0) / _OEDEMA_WIDTH) ** 2) * swelling
    oedema = jnp.where(ill, (1 - tumour) * around, jnp.where(lesion, inside * swelling, 0.0))
    fractions = jnp.stack([1 - tumour - oedema, oedema, tumour], axis=1)

    of_tissue = median * jnp.exp(log_sd * of_members[:3])
    own = jnp.exp(cohort.patient_spread * of_members[3:4])
    local = jnp.exp(cohort.voxel_spread * of_members[4:])
    width = cohort.gaussian_hz[0] + (cohort.gaussian_hz[1] - cohort.gaussian_hz[0]) * width_at
    return {
        "true_label": jnp.where(ill & (depth > 0), 1, 0),
        "fractions": fractions,
        "amplitude": (fractions @ of_tissue) * own * local,
        "closeness": jnp.where(ill, 4 * inside * (1 - inside), jnp.where(lesion, inside * swelling, 0.0)),
        "shift_hz": cohort.shift_hz * (shift + 0.5 * shift_each),
        "gaussian_hz": width * jnp.exp(_EACH * width_each),
        "snr": cohort.snr * jnp.exp(cohort.snr_spread * loud + _EACH * loud_each),
    }


def _disturbances(cohort: Cohort) -> tuple[Population, RandomBaseline, Artefacts]:
    nothing, weights = Uniform(0.0, 0.0), np.array([1 - cohort.artefacts, cohort.artefacts])
    return (
        Population(
            amplitude=nothing,
            lorentzian_fwhm_hz=Uniform(1.0, 4.0),
            frequency_shift_hz=nothing,
            gaussian_fwhm_hz=nothing,
            phase0_rad=Uniform(-np.sqrt(3) * cohort.phase_rad, np.sqrt(3) * cohort.phase_rad),
        ),
        RandomBaseline(LogUniform(*cohort.baseline)),
        Artefacts(
            water=Mixture((nothing, LogUniform(0.03, 1.0)), weights),
            lipids=Mixture((nothing, LogUniform(0.02, 0.2)), weights),
        ),
    )


@partial(jax.jit, static_argnames="model")
def _spectra(
    voxels: Any, basis_fid: Array, disturbances: tuple[Population, RandomBaseline, Artefacts], model: SignalModel
) -> Array:
    def one(voxel: Any, shared: Any) -> Array:
        bits, numbers = voxel
        (population, baseline, artefacts), basis_fid = shared
        key_parameters, key_rest = jax.random.split(jax.random.wrap_key_data(bits))
        drawn = draw_parameters(key_parameters, population, model)
        parameters = replace(
            drawn,
            amplitude=numbers["amplitude"].astype(basis_fid.real.dtype),
            frequency_shift_hz=drawn.frequency_shift_hz + numbers["shift_hz"],
            gaussian_variance_hz2=drawn.gaussian_variance_hz2 + numbers["gaussian_hz"] ** 2,
        )
        snr = LogNormal(numbers["snr"], 0.0)
        made = simulate_around(key_rest, parameters, basis_fid, model, snr=snr, baseline=baseline, artefacts=artefacts)
        return made.fid.astype(basis_fid.dtype)

    return over_voxels(one, voxels, (disturbances, basis_fid))
