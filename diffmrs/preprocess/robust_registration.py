"""All transients of a measurement onto one frequency and phase, without a template, whatever water and lipids do."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.fitting.engine import over_voxels
from diffmrs.preprocess.nuisances import LIPIDS, WATER, Unstable
from diffmrs.preprocess.one_transient import Comparison, Matched, match, prepared
from diffmrs.preprocess.registration import Offsets, absolute, angle, checked_points, take_off

_FEW = 100  # transients, spread over all, from which the noise and the first template are taken
_STRETCHES = 32  # of the FID, over which the power of a template is averaged
_OUTSTANDING = 2.0  # times the power of its noise, below which a template counts for nothing


class Registered(NamedTuple):
    """Transients against the template that was found in them. `offsets` is what `take_off` wants.

    Attributes:
        shift_hz: of each transient, Hz; their weighted median is zero. [transients]
        phase_rad: of each transient, rad; their weighted mean direction is zero. [transients]
        amplitude: relative to the template; their weighted mean is one. [transients]
        weight: in the template, 0 to 1: small where more than noise and nuisances is left. [transients]
        misfit: squared residual per sample in units of the noise; 1 when nothing but noise is left. [transients]
        nuisance: energy of unstable water and lipids relative to that of the template. [transients]
        converged: whether a maximum was found. [transients]
        template: mean of the aligned transients without nuisances. [points]
        noise_sd: of the real part of a sample.
    """

    shift_hz: Float[Array, "*conditions transients"]
    phase_rad: Float[Array, "*conditions transients"]
    amplitude: Float[Array, "*conditions transients"]
    weight: Float[Array, "*conditions transients"]
    misfit: Float[Array, "*conditions transients"]
    nuisance: Float[Array, "*conditions transients"]
    converged: Bool[Array, "*conditions transients"]
    template: Complex[Array, "*conditions points"]
    noise_sd: Float[Array, "*conditions"]

    @property
    def offsets(self) -> Offsets:
        """What to take off each transient; the likeness is the weight."""
        return Offsets(self.shift_hz, self.phase_rad, self.amplitude, self.weight, self.converged)


def register_robustly(
    fids: Complex[Array, "transients points"],
    acquisition: Acquisition,
    *,
    template: Complex[Array, " samples"] | None = None,
    nuisances: tuple[Unstable, ...] = (WATER, LIPIDS),
    n_points: int | None = None,
    limit_hz: float = 60.0,
    rounds: int = 4,
    mesh: Mesh | None = None,
) -> Registered:
    """Shift and phase of every transient by variable projection against a template made of the transients themselves.

    Each transient is compared as `match` in diffmrs/preprocess/one_transient.py says: unstable water and lipids are
    Gaussian nuisances that move with it and are taken out where there are any. The template starts from the transient
    whose magnitude is nearest to the median magnitude of all (which no shift and no phase changes), and is then the
    mean of the aligned transients without nuisances; those that do not fit count less. The first two rounds search all
    shifts, the later ones go on from there.

    Frequency and phase of a set have no origin of their own: the weighted median shift and the weighted mean phase are
    set to zero. `reference_peaks` of the mean puts it on the ppm axis.

    Args:
        fids: transients, coils combined.
        acquisition: sampling.
        template: FID to align onto; one is made when None. With it, shifts and phases are those against it.
        nuisances: kinds of signals that come and go; an empty tuple for none.
        n_points: samples compared; all when None.
        limit_hz: largest shift against the first template, Hz: the span of all shifts in the worst case.
        rounds: how often the transients are aligned; one with a given template.
        mesh: devices to spread the transients over, such as `diffmrs.fitting.engine.local_mesh()`; one when None.

    Returns:
        `Registered`, differentiable in the FIDs, but for `converged` and what was chosen: the first template, and
        where there are nuisances. Transients with NaN or infinite samples have weight 0.

    Raises:
        InputError: there is no transient, or the template, number of points, limit or rounds are unusable.
    """
    count, available = fids.shape
    n = checked_points(n_points, available)
    if count < 1 or rounds < 1:
        raise InputError(f"{count} transients and {rounds} rounds; at least one of each is needed")
    if template is not None and template.shape[-1] != available:
        raise InputError(f"the template has {template.shape[-1]} points, but the transients {available}")
    comparison = Comparison(acquisition, n, nuisances, limit_hz)
    sound = jnp.isfinite(fids).all(axis=1)
    fids = jnp.where(sound[:, None], fids, 0.0)
    few = slice(None, None, -(-count // _FEW))
    variance = noise_variance(fids[few, :n], sound[few])

    def one_round(onto: Array, near: Array | None) -> Matched:
        ready = prepared(onto, variance, comparison)
        used = fids[:, :n]
        if near is None:
            return over_voxels(lambda fid, ready: match(fid, ready, comparison), used, ready, mesh=mesh)
        both = (used, near)
        return over_voxels(lambda one, ready: match(one[0], ready, comparison, one[1]), both, ready, mesh=mesh)

    if template is not None:
        found = one_round(template[:n], None)
        return _as_registered(found, _weights(found, sound, n), template, variance)

    time = jnp.asarray(acquisition.time_s(available), fids.real.dtype)

    def again(near: bool, state: tuple[Array, Array, Matched], _: None) -> tuple[tuple[Array, Array, Matched], None]:
        found = one_round(state[0], state[1] if near else None)
        weight = _weights(found, sound, n)
        # Onto the middle of all, where water and lipids are expected, and the limit reaches both ways.
        middle = _median(found.shift_hz, weight)
        mean = _mean(found.aligned, found.amplitude, weight) * jnp.exp(2j * jnp.pi * middle * time[:n])
        onto = _without_noise(mean, weight * found.amplitude, variance)
        return (onto, found.shift_hz - middle, found), None

    onto = first_template(fids[few, :n], sound[few], variance)
    empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(lambda: one_round(onto, None)))
    state = onto, empty.shift_hz, empty
    for near, times in ((False, min(rounds, 2)), (True, rounds - 2)):
        if times > 0:
            state = jax.lax.scan(partial(again, near), state, length=times)[0]
    found = state[2]
    weight = _weights(found, sound, n)
    middle = _median(found.shift_hz, weight)
    towards = angle(jnp.sum(weight * found.amplitude * jnp.exp(1j * found.phase_rad)))
    scale = jnp.sum(weight * found.amplitude) / jnp.maximum(jnp.sum(weight), jnp.finfo(weight.dtype).tiny)
    scale = jnp.where(scale > 0, scale, 1.0)
    centred = found._replace(
        shift_hz=found.shift_hz - middle,
        phase_rad=angle(jnp.exp(1j * (found.phase_rad - towards))),
        amplitude=found.amplitude / scale,
    )
    # Past the samples that were compared nothing is known of nuisances; they have died away by then.
    its = Offsets(found.shift_hz, found.phase_rad, found.amplitude, weight, found.converged)
    late = jax.vmap(lambda fid, its: take_off(fid, acquisition, its))(fids, its)[:, n:]
    mean = _mean(jnp.concatenate([found.aligned, late], axis=1), found.amplitude, weight) * scale
    return _as_registered(centred, weight, mean * jnp.exp(1j * (2 * jnp.pi * middle * time + towards)), variance)


def noise_variance(fids: Complex[Array, "transients points"], sound: Bool[Array, " transients"]) -> Float[Array, ""]:
    """Variance of the noise of a complex sample, from second differences of the spectra: lines hold a minority of
    their points, and wings have no second difference. FIDs must not have been zero-filled or apodised."""
    spectra = jnp.fft.fft(fids, axis=1)
    bend = jnp.abs(spectra - 0.5 * (jnp.roll(spectra, 1, axis=1) + jnp.roll(spectra, -1, axis=1))) ** 2
    # The 30th percentile of an exponential distribution is at -ln 0.7 of its mean.
    each = jnp.quantile(bend, 0.3, axis=1) / (-jnp.log(0.7) * 1.5 * fids.shape[1])
    return _median(each, sound.astype(each.dtype))


def _as_registered(found: Matched, weight: Array, template: Array, variance: Array) -> Registered:
    return Registered(
        found.shift_hz,
        found.phase_rad,
        found.amplitude,
        weight,
        found.misfit,
        found.nuisance,
        found.converged,
        template,
        jnp.sqrt(0.5 * variance),
    )


def first_template(fids: Array, sound: Array, variance: Array) -> Array:
    """The transient most like all others, as far as it is not noise."""
    size = absolute(fids)
    middle = jnp.nan_to_num(jnp.nanmedian(jnp.where(sound[:, None], size, jnp.nan), axis=0))
    apart = jnp.where(sound, jnp.sum((size - middle[None]) ** 2, axis=1), jnp.inf)
    return _without_noise(fids[jnp.argmin(apart)], jnp.ones(1, variance.dtype), variance)


def _weights(found: Matched, sound: Array, n: int) -> Array:
    """Small where the residual is larger than is usual by more than a few of its usual deviations."""
    usual = _median(found.misfit, sound.astype(found.misfit.dtype))
    spread = 1.4826 * _median(jnp.abs(found.misfit - usual), sound.astype(found.misfit.dtype))
    spread = jnp.maximum(spread, usual / jnp.sqrt(1.0 * n))
    beyond = jnp.maximum(found.misfit - usual, 0.0) / jnp.maximum(3 * spread, jnp.finfo(usual.dtype).tiny)
    return jnp.where(sound, 1 / (1 + beyond**2), 0.0)


def _mean(aligned: Array, amplitude: Array, weight: Array) -> Array:
    """Least-squares template."""
    energy = jnp.sum(weight * amplitude**2)
    return (weight * amplitude).astype(aligned.dtype) @ aligned / jnp.maximum(energy, jnp.finfo(energy.dtype).tiny)


def _without_noise(template: Array, weight: Array, variance: Array) -> Array:
    """The template as far as it stands out of its own noise.

    That noise is also in the transients it was made of: where there is nothing else, late in the FID and where shifts
    tell most, each would stay at the shift it happens to have."""
    own = variance * jnp.sum(weight**2) / jnp.maximum(jnp.sum(weight) ** 2, jnp.finfo(weight.dtype).tiny)
    width = max(template.shape[-1] // _STRETCHES, 1)
    level = jnp.full(width, 1.0 / width, weight.dtype)
    power = jnp.convolve(template.real**2 + template.imag**2, level, mode="same")
    return template * jnp.clip(1 - _OUTSTANDING * own / jnp.maximum(power, jnp.finfo(power.dtype).tiny), 0.0, 1.0)


def _median(values: Array, weight: Array) -> Array:
    """Weighted median: the value at which half the weight is reached."""
    order = jnp.argsort(stop_gradient(values))
    reached = jnp.cumsum(weight[order])
    place = jnp.argmax(reached >= 0.5 * reached[-1])
    return values[order][place]
