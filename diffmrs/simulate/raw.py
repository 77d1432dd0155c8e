r"""Raw data with known truth: coils times transients, as they leave a scanner.

$$x_{ct}(t) = s_c \left[g_t\, m(t)\, e^{-\pi \Delta_t t} + q_t\, w(t)\right]
              e^{i (2\pi f_t t + \varphi_t + \epsilon(t))} + n_{ct}(t)$$

Sensitivities $s_c$, ideal FID $m$, residual water $w$ with a factor $q_t$ that varies, offsets $f_t$ and $\varphi_t$ of
each transient, and the phase $\epsilon$ of eddy currents, the same for water and metabolites. Motion takes signal
($g_t < 1$), broadens lines ($\Delta_t > 0$), brings offsets of its own and lets more water through. Noise is correlated
between coils.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from diffmrs.axes import Acquisition
from diffmrs.data import ArrayLike, Header, MRSData
from diffmrs.errors import InputError
from diffmrs.simulate.artefacts import water_line

COIL, TRANSIENT, EDIT = "DIM_COIL", "DIM_DYN", "DIM_EDIT"
_EDDY = ((1.2, 0.03), (-0.8, 0.12))
_WATER_VARIES = 0.2  # residual water from transient to transient, relative
_KEPT, _BROADENED_HZ, _MOVED_HZ, _MORE_WATER = (0.2, 0.7), (4.0, 15.0), 10.0, (3.0, 10.0)  # what motion does
_LOUDER = 0.2  # noise from coil to coil, relative


class RawTruth(NamedTuple):
    """What raw data were made from. Leading axes of a transient's numbers: [transients], or [transients, conditions].

    Attributes:
        fid: the ideal FID, or those of both conditions. [points], [conditions, points]
        water: residual water of a usual transient, without eddy currents. [points]
        sensitivity: of each coil; their squared moduli have a mean of 1. [coils]
        covariance: of the noise of one sample: the mean of half the product of one coil's noise with the conjugate of
            another's, so that the diagonal is the variance of the real part. [coils, coils]
        shift_hz: frequency of each transient, Hz; positive to lower ppm. [...]
        phase_rad: phase of each transient, rad. [...]
        outlier: which transients motion has spoilt. [...]
        kept: signal of each transient, 1 without motion. [...]
        broadened_hz: Lorentzian width that motion adds, Hz. [...]
        water_factor: residual water of each transient relative to `water`. [...]
        eddy_rad: phase of eddy currents. [points]
        noise_sd: noise of the real part of each sample of the best mean over coils and the transients without motion,
            the signal of which is `fid`.
    """

    fid: jax.Array
    water: jax.Array
    sensitivity: jax.Array
    covariance: jax.Array
    shift_hz: jax.Array
    phase_rad: jax.Array
    outlier: jax.Array
    kept: jax.Array
    broadened_hz: jax.Array
    water_factor: jax.Array
    eddy_rad: jax.Array
    noise_sd: jax.Array


class SimulatedRaw(NamedTuple):
    """Raw data and the truth about them.

    Attributes:
        data: the metabolite scan, [1, 1, 1, coils, transients, points], or [..., transients, conditions, points].
        water: the scan without water suppression, [1, 1, 1, coils, points].
        ideal: what perfect processing makes of just these data: true sensitivities, offsets and eddy currents, no
            spoilt transient, no water; with the noise that is left. [1, 1, 1, points] or [1, 1, 1, conditions, points]
        truth: what they were made from.
    """

    data: MRSData
    water: MRSData
    ideal: MRSData
    truth: RawTruth


def simulate_raw(
    key: Array,
    fid: ArrayLike,
    acquisition: Acquisition,
    *,
    n_coils: int = 8,
    n_transients: int = 64,
    noise_sd: float = 1.0,
    coil_correlation: float = 0.3,
    drift_hz: float = 6.0,
    walk_hz: float = 0.3,
    drift_rad: float = 0.6,
    walk_rad: float = 0.1,
    motion: float = 0.0,
    eddy: tuple[tuple[float, float], ...] = _EDDY,
    water_amplitude: float | None = None,
    residual_water: float = 0.01,
) -> SimulatedRaw:
    """Raw transients of all coils, and a water scan.

    Args:
        key: `jax.random` key; the same key, the same data.
        fid: the ideal FID, [points]; or those of an edited pair, OFF and ON, [2, points], whose transients alternate.
            For an unphased, shifted or broadened one give it so.
        acquisition: its sampling.
        n_coils: receive coils.
        n_transients: transients, of each condition if there are two.
        noise_sd: noise of the real part of each sample of one coil in one transient, the mean over coils; an average
            coil shows `fid` with modulus 1.
        coil_correlation: modulus of the correlation of the noise of neighbouring coils.
        drift_hz: change of frequency over the scan, Hz, linear; it begins at 0.
        walk_hz: standard deviation of what a random walk adds with each transient, Hz.
        drift_rad: change of phase over the scan, rad, linear.
        walk_rad: standard deviation of what a random walk adds with each transient, rad.
        motion: share of transients spoilt by motion.
        eddy: amplitude, rad, and time constant, s, of each decaying part of the phase of eddy currents.
        water_amplitude: first sample of the unsuppressed water, in units of `fid`; 300 times the modulus of that of
            `fid` unless told otherwise, about as in brain.
        residual_water: part of it that suppression leaves in a usual transient.

    Raises:
        InputError: the FID or a number is unusable.
    """
    ideal = jnp.asarray(fid)
    _check_fid(ideal)
    numbers = {
        "noise_sd": (noise_sd, 0.0, np.inf),
        "coil_correlation": (coil_correlation, 0.0, 0.99),
        "motion": (motion, 0.0, 1.0),
        "walk_hz": (walk_hz, 0.0, np.inf),
        "walk_rad": (walk_rad, 0.0, np.inf),
        "residual_water": (residual_water, 0.0, 1.0),
    }
    for name, (value, low, high) in numbers.items():
        if not low <= value <= high:
            raise InputError(f"{name} is {value:g}; it must lie between {low:g} and {high:g}")
    for name, count in (("n_coils", n_coils), ("n_transients", n_transients)):
        if count < 1:
            raise InputError(f"{name} is {count}; at least 1 is needed")
    if any(not tau > 0 for _, tau in eddy):
        raise InputError(f"eddy holds the time constants {', '.join(f'{tau:g}' for _, tau in eddy)} s; all must be > 0")
    if water_amplitude is None:
        water_amplitude = 300 * float(jnp.abs(ideal[..., 0]).max())
    spoilt = round(motion * n_transients * (ideal.size // ideal.shape[-1]))
    real = ideal.real.dtype
    asked = [noise_sd, coil_correlation, drift_hz, walk_hz, drift_rad, walk_rad, water_amplitude, residual_water]
    samples, water, best, truth = _simulated(
        key,
        ideal,
        jnp.asarray(asked, real),
        jnp.asarray(spoilt),
        jnp.asarray(eddy, real).reshape(-1, 2),
        acquisition,
        (n_coils, n_transients),
    )
    header = Header(source="simulated raw data").with_meta(
        SpectrometerFrequency=[acquisition.spectrometer_frequency_mhz], ResonantNucleus=[acquisition.nucleus]
    )
    edited = (EDIT,) if ideal.ndim == 2 else ()
    if edited:
        header = header.with_meta(EditCondition=["OFF", "ON"])
    return SimulatedRaw(
        MRSData(samples[None, None, None], acquisition, (COIL, TRANSIENT, *edited), header),
        MRSData(water[None, None, None], acquisition, (COIL,), header),
        MRSData(best[None, None, None], acquisition, edited, header),
        truth,
    )


@partial(jax.jit, static_argnames=("acquisition", "sizes"))
def _simulated(
    key: Array,
    fid: Complex[Array, "*conditions points"],
    asked: Float[Array, "8"],
    spoilt: Int[Array, ""],
    eddy: Float[Array, "parts 2"],
    acquisition: Acquisition,
    sizes: tuple[int, int],
) -> tuple[Array, Array, Array, RawTruth]:
    noise_sd, correlation, drift_hz, walk_hz, drift_rad, walk_rad, water_amplitude, residual = asked
    n_coils, n_transients = sizes
    keys = iter(jax.random.split(key, 8))
    conditions, n_points, real = fid.size // fid.shape[-1], fid.shape[-1], asked.dtype
    shots = n_transients * conditions  # in the order of acquisition: conditions alternate
    time = jnp.asarray(acquisition.time_s(n_points), real)[None]
    eddy_rad = jnp.sum(eddy[:, :1] * jnp.exp(-time / eddy[:, 1:]), axis=0, keepdims=True)
    twist = jnp.exp(1j * eddy_rad)
    sensitivity, mixing = _coils(next(keys), n_coils, correlation)
    outlier, kept, broadened_hz, motion = _motion(next(keys), shots, spoilt, real)
    shift_hz = _course(next(keys), shots, drift_hz, walk_hz) + motion[0]
    phase_rad = _course(next(keys), shots, drift_rad, walk_rad) + motion[1]
    varies = _WATER_VARIES * jax.random.normal(next(keys), (2, shots), real)
    water_factor = motion[2] * jax.lax.complex(1 + varies[0], varies[1])
    water = water_amplitude * water_line(time[0], acquisition)[None]
    left = residual * jnp.exp(1j * jax.random.uniform(next(keys), (), real, -jnp.pi, jnp.pi)) * water

    ideal = jnp.tile(fid.reshape(conditions, n_points), (n_transients, 1))
    turn = jnp.exp(1j * (2 * jnp.pi * shift_hz[:, None] * time + phase_rad[:, None])) * twist
    decay = kept[:, None] * jnp.exp(-jnp.pi * broadened_hz[:, None] * time)
    signal = (decay * ideal + water_factor[:, None] * left) * turn
    samples = jnp.tensordot(sensitivity, signal, axes=0) + noise_sd * _noise(next(keys), (shots, n_points), mixing)
    scan = sensitivity[:, None] * (water * twist) + noise_sd * _noise(next(keys), (n_points,), mixing)

    weights, best_sd = _best_weights(sensitivity, mixing)
    combined = jnp.tensordot(weights, samples, axes=1) * turn.conj() - water_factor[:, None] * left
    good = (~outlier).astype(real).reshape(n_transients, conditions, 1)
    counts = jnp.maximum(good.sum(axis=0), 1.0)
    best = (good * combined.reshape(n_transients, conditions, n_points)).sum(axis=0) / counts
    lead = (n_transients, *fid.shape[:-1])
    truth = RawTruth(
        fid=fid,
        water=left[0],
        sensitivity=sensitivity,
        covariance=noise_sd**2 * (mixing @ mixing.conj().T),
        shift_hz=shift_hz.reshape(lead),
        phase_rad=phase_rad.reshape(lead),
        outlier=outlier.reshape(lead),
        kept=kept.reshape(lead),
        broadened_hz=broadened_hz.reshape(lead),
        water_factor=water_factor.reshape(lead),
        eddy_rad=eddy_rad[0],
        noise_sd=noise_sd * best_sd / jnp.sqrt(counts.mean()),
    )
    return samples.reshape(n_coils, *lead, n_points), scan, best.reshape(fid.shape), truth


def _coils(
    key: Array, count: int, correlation: Float[Array, ""]
) -> tuple[Complex[Array, " coils"], Complex[Array, "coils coils"]]:
    """Sensitivities, and what mixes independent noise to that of the coils, of variance 1 in the mean."""
    real = correlation.dtype
    sizes, phases, louder, turns = jax.random.split(key, 4)
    modulus = jnp.exp(0.5 * jax.random.normal(sizes, (count,), real))
    modulus = modulus / jnp.sqrt((modulus**2).mean())
    phase = jax.random.uniform(phases, (count,), real, -jnp.pi, jnp.pi)
    loud = jnp.exp(_LOUDER * jax.random.normal(louder, (count,), real))
    loud = loud / jnp.sqrt((loud**2).mean())
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    turn = loud * jnp.exp(1j * jax.random.uniform(turns, (count,), real, -jnp.pi, jnp.pi))
    # Correlations that fall geometrically have a Cholesky factor for every value below one.
    return modulus * jnp.exp(1j * phase), turn[:, None] * jnp.linalg.cholesky(correlation**apart)


def _motion(
    key: Array, shots: int, spoilt: Int[Array, ""], real: Any
) -> tuple[Bool[Array, " shots"], Array, Array, tuple[Array, Array, Array]]:
    """Which transients are spoilt, their signal and width, and what that adds to shift and phase, and does to water."""
    which, kept, broad, shift, phase, water = jax.random.split(key, 6)
    outlier = jax.random.permutation(which, jnp.arange(shots) < spoilt)

    def where_moved(moved: Array, still: float) -> Array:
        return jnp.where(outlier, moved, jnp.full((), still, real))

    return (
        outlier,
        where_moved(jax.random.uniform(kept, (shots,), real, *_KEPT), 1.0),
        where_moved(jax.random.uniform(broad, (shots,), real, *_BROADENED_HZ), 0.0),
        (
            where_moved(_MOVED_HZ * jax.random.normal(shift, (shots,), real), 0.0),
            where_moved(jax.random.uniform(phase, (shots,), real, -jnp.pi, jnp.pi), 0.0),
            where_moved(jax.random.uniform(water, (shots,), real, *_MORE_WATER), 1.0),
        ),
    )


def _course(key: Array, shots: int, drift: Array, walk: Array) -> Float[Array, " shots"]:
    """Linear drift and random walk over the scan, which begin at 0."""
    steps = walk * jax.random.normal(key, (shots,), drift.dtype)
    return drift * jnp.asarray(np.linspace(0.0, 1.0, shots), drift.dtype) + jnp.cumsum(steps) - steps[0]


def _noise(key: Array, shape: tuple[int, ...], mixing: Complex[Array, "coils coils"]) -> Array:
    parts = jax.random.normal(key, (2, mixing.shape[0], *shape), mixing.real.dtype)
    return jnp.tensordot(mixing, jax.lax.complex(parts[0], parts[1]), axes=1)


def _best_weights(
    sensitivity: Complex[Array, " coils"], mixing: Complex[Array, "coils coils"]
) -> tuple[Complex[Array, " coils"], Float[Array, ""]]:
    """Weights of least noise that keep the signal (Roemer et al. 1990, Magn Reson Med 16:192, eq. 29), and its sd."""
    whitened = jnp.linalg.solve(mixing, sensitivity)
    strength = jnp.sum(jnp.abs(whitened) ** 2)
    weights = jnp.linalg.solve(mixing.conj().T, whitened) / strength
    return weights.conj(), 1 / jnp.sqrt(strength)


def _check_fid(fid: Array) -> None:
    if not jnp.issubdtype(fid.dtype, jnp.complexfloating) or fid.shape[-1] < 16:
        raise InputError(f"the FID has type {fid.dtype} and shape {tuple(fid.shape)}; complex samples are needed")
    if fid.ndim > 2 or (fid.ndim == 2 and fid.shape[0] != 2):
        raise InputError(f"the FID has shape {tuple(fid.shape)}; one FID, or an edited pair [2, points], is needed")
    if not bool(jnp.isfinite(fid).all()):
        raise InputError("the FID holds NaN or infinite samples")
