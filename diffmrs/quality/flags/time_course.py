"""The fit and what it leaves over, followed along the FID: where eddy currents and spurious echoes show."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from diffmrs.model.signal import SignalModel
from diffmrs.quality.seen import Seen, in_time_blocks

ECHO_AFTER_S = 0.02  # a late rise before this cannot be told from a broad line or a baseline
_KNOWN = 0.1  # largest standard deviation of a phase, rad, that counts as measured


class TimeCourse(NamedTuple):
    """Of one spectrum, or arrays over spectra; 0 where the FID is too short to tell."""

    phase_drift_deg: Float[Array, "*spectra"]  # root mean square phase of the data against the fit, less that of noise
    phase_roughness: Float[Array, "*spectra"]  # squared steps of that phase over its squares: 2 at random
    echo_part: Float[Array, "*spectra"]  # amplitude of the strongest late burst over that of all fitted members
    echo_rise: Float[Array, "*spectra"]  # its energy over the least energy before it
    echo_s: Float[Array, "*spectra"]  # when it is strongest, s


def time_course(one: Seen, model: SignalModel) -> TimeCourse:
    r"""Compare data $d$ and fitted members $m$ block by block of 15 ms.

    In each block $z = \langle m, d \rangle / \langle m, m \rangle$ is 1 for a perfect fit. A phase of $z$ that
    wanders smoothly is a frequency that wanders for all lines alike, which is what eddy currents do (Klose 1990,
    Magn Reson Med 14:26). What is left of $d - z m$ is foreign to the fitted members; when it rises late in the
    FID, it was refocused there: an echo, mostly from outside the voxel (Kreis 2004, NMR Biomed 17:361).
    """
    (data, members), block_s, variance = in_time_blocks(jnp.stack([one.data - one.baseline, one.members]), model)
    n_blocks, length = data.shape
    noise = variance * one.noise_sd**2  # of a complex sample
    strength = jnp.maximum(jnp.sum(jnp.abs(members) ** 2, axis=1), 1e-30)
    ratio = jnp.sum(data * members.conj(), axis=1) / strength
    by_noise = noise / 2 / strength  # variance of the phase, rad²
    known = by_noise < _KNOWN**2
    phase = jnp.where(known, jnp.angle(ratio), 0.0)
    wander = jnp.where(known, phase**2 - by_noise, 0.0).sum() / jnp.maximum(known.sum(), 1)
    drift = jnp.sqrt(jnp.maximum(wander, 0.0))
    steps = jnp.where(known[1:] & known[:-1], jnp.angle(ratio[1:] * ratio[:-1].conj()), 0.0)

    foreign = jnp.sum(jnp.abs(data - ratio[:, None] * members) ** 2, axis=1)
    floor = noise * (length - 1)
    late = np.arange(n_blocks) * block_s >= ECHO_AFTER_S
    late[-max(n_blocks // 20, 1) :] = False  # the end of a cut-out spectrum borders on its start
    candidates = jnp.where(jnp.asarray(late), foreign, 0.0)
    peak = candidates.argmax()
    before = jnp.where(jnp.arange(n_blocks) < peak, foreign, jnp.inf).min()
    excess = jnp.maximum(candidates[peak] - floor, 0.0)
    return TimeCourse(
        phase_drift_deg=jnp.degrees(drift),
        phase_roughness=jnp.sum(steps**2) / jnp.maximum(jnp.sum(phase**2), 1e-30),
        echo_part=jnp.sqrt(excess / jnp.sum(strength)),
        echo_rise=candidates[peak] / jnp.maximum(before, floor),
        echo_s=(peak + 0.5) * block_s,
    )
