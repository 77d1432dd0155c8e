"""Single transients to learn from: one FID with random offsets, nuisances and noise; and the choice of a reference."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.pytree import container
from diffmrs.simulate.distributions import Distribution, Uniform

_NONE, _ONE = Uniform(0.0, 0.0), Uniform(1.0, 1.0)
_RESTARTS, _ROUNDS = 4, 30


@container(static=("power",))
@dataclass(frozen=True)
class Intermittent:
    r"""A damped oscillation that some transients have: $a\,t^p\,e^{(2\pi i f - d)t + i\varphi}$.

    Attributes:
        share: of the transients that have it, 0 to 1.
        amplitude: in units of the FID, per s to the power.
        frequency_hz: of the oscillation, Hz; positive towards lower ppm.
        damping_per_s: its decay, /s.
        phase_rad: at the first sample, rad.
        power: of time; 0 for an oscillation that begins at once.
    """

    share: Any
    amplitude: Distribution
    frequency_hz: Distribution
    damping_per_s: Distribution
    phase_rad: Distribution = _NONE
    power: int = 0

    def draw(self, key: Array, time_s: Float[Array, " points"]) -> Complex[Array, " points"]:
        """The oscillation, or zeros."""
        keys = jax.random.split(key, 5)
        parts = (self.amplitude, self.frequency_hz, self.damping_per_s, self.phase_rad)
        amplitude, frequency, damping, phase = (
            part.draw(own, ()).astype(time_s.dtype) for part, own in zip(parts, keys, strict=False)
        )
        there = jax.random.uniform(keys[4], (), time_s.dtype) < self.share
        turned = 2 * jnp.pi * frequency * time_s + phase
        wave = amplitude * time_s**self.power * jnp.exp(jax.lax.complex(-damping * time_s, turned))
        return jnp.where(there, wave, 0)


@container(static=("acquisition",))
@dataclass(frozen=True)
class TransientSource:
    """Transients of one FID with random shift, phase, amplitude and damping, with signals that come and go, and noise.

    What comes and goes moves with the rest. The truth of an example is in `z`: shift in Hz, phase in rad, amplitude and
    damping in /s.

    Attributes:
        fid: without noise; its first samples may be enough. [points]
        acquisition: its sampling.
        shift_hz: of each transient, Hz; positive towards lower ppm.
        phase_rad: zero-order phase, rad.
        noise_sd: of the real part of a sample, and of its imaginary part.
        amplitude: factor.
        damping_per_s: further decay, /s.
        nuisances: signals that come and go.
    """

    fid: Any
    acquisition: Acquisition
    shift_hz: Distribution
    phase_rad: Distribution
    noise_sd: Any
    amplitude: Distribution = _ONE
    damping_per_s: Distribution = _NONE
    nuisances: tuple[Intermittent, ...] = ()

    def __post_init__(self) -> None:
        if np.ndim(self.fid) != 1 or not np.iscomplexobj(self.fid):
            raise InputError(f"the FID of a source has shape {np.shape(self.fid)}; it must be one complex FID")
        if not np.isfinite(np.asarray(self.fid)).all():
            raise InputError("the FID of a source holds samples that are not finite")
        if not np.all(np.asarray(self.noise_sd) >= 0):
            raise InputError(f"noise_sd is {self.noise_sd}; it must not be negative")

    def draw(self, key: Array) -> Example:
        """One transient and its truth."""
        key_noise, key_nuisances, *keys = jax.random.split(key, 6)
        fid = jnp.asarray(self.fid)
        real = fid.real.dtype
        time = jnp.asarray(self.acquisition.time_s(fid.shape[-1]), real)
        parts = (self.shift_hz, self.phase_rad, self.amplitude, self.damping_per_s)
        shift, phase, amplitude, damping = (
            part.draw(own, ()).astype(real) for part, own in zip(parts, keys, strict=True)
        )
        whole = amplitude * fid
        for number, nuisance in enumerate(self.nuisances):
            whole = whole + nuisance.draw(jax.random.fold_in(key_nuisances, number), time)
        whole = whole * jnp.exp(jax.lax.complex(-damping * time, 2 * jnp.pi * shift * time + phase))
        noise = jax.random.normal(key_noise, (2, fid.shape[-1]), real) * jnp.asarray(self.noise_sd, real)
        spectral = jnp.asarray(self.noise_sd * np.sqrt(fid.shape[-1]), real)
        return Example(
            whole + jax.lax.complex(noise[0], noise[1]), spectral, z=jnp.stack([shift, phase, amplitude, damping])
        )


def reference_transient(
    fids: Complex[np.ndarray, "transients points"] | Complex[Array, "transients points"],
    acquisition: Acquisition,
    *,
    peak_ppm: tuple[float, float] = (2.5, 4.0),
    n_first: int = 10,
    n_tail: int = 256,
) -> int:
    """The transient that dSR takes for its reference, as published (Shamaei et al. 2023 and their code).

    The magnitudes of the FIDs fall into two clusters (k-means); the cluster whose centre is lower at the beginning
    is taken for that without nuisances, and in it the transient with the highest peak over the noise of its tail.

    Args:
        fids: transients of one scale.
        acquisition: sampling.
        peak_ppm: where the peak is looked for, ppm.
        n_first: samples at the beginning that tell the clusters apart.
        n_tail: samples at the end that hold nothing but noise.

    Returns:
        Its number.

    Raises:
        InputError: there are fewer than two transients that are finite, or too few samples.
    """
    stack = np.asarray(fids)
    if not 1 <= n_first <= stack.shape[1] or not 2 <= n_tail <= stack.shape[1]:
        raise InputError(f"n_first is {n_first} and n_tail {n_tail}, but the transients have {stack.shape[1]} samples")
    sound = np.flatnonzero(np.isfinite(stack).all(axis=1))
    if sound.size < 2:
        raise InputError(f"{sound.size} of {stack.shape[0]} transients are finite; at least two are needed")
    centre, label = _two_clusters(np.abs(stack[sound]))
    kept = sound[label == int(np.argmin(centre[:, :n_first].mean(axis=1)))]
    spectrum = np.abs(np.asarray(spectrum_of(stack[kept])))[:, acquisition.window(stack.shape[1], peak_ppm)]
    noise = stack[kept, -n_tail:].real.std(axis=1)
    return int(kept[np.argmax(spectrum.max(axis=1) / np.maximum(noise, np.finfo(noise.dtype).tiny))])


def _two_clusters(points: Float[np.ndarray, "count size"]) -> tuple[np.ndarray, np.ndarray]:
    """Centres and labels of two clusters by Lloyd's algorithm from a few seeded pairs; the tightest pair wins."""
    rng = np.random.default_rng(0)
    found, tightest = None, np.inf
    for _ in range(_RESTARTS):
        # The second centre is drawn with the squared distance from the first (k-means++, Arthur & Vassilvitskii 2007).
        first = points[rng.integers(len(points))]
        apart = np.sum((points - first) ** 2, axis=1)
        chance = apart / apart.sum() if apart.sum() > 0 else None
        centre = np.stack([first, points[rng.choice(len(points), p=chance)]])
        for _ in range(_ROUNDS):
            away = (centre**2).sum(axis=1) - 2 * points @ centre.T
            label = away.argmin(axis=1)
            if not 0 < label.sum() < len(points):
                break
            moved = np.stack([points[label == k].mean(axis=0) for k in (0, 1)])
            if np.allclose(moved, centre, rtol=1e-6):
                break
            centre = moved
        spread = float(away.min(axis=1).sum())
        if spread < tightest:
            found, tightest = (centre, label), spread
    assert found is not None
    return found
