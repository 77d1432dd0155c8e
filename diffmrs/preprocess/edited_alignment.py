"""Edited series, such as MEGA-PRESS with its ON and OFF transients: within each condition, and then between them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.preprocess.nuisances import LIPIDS, WATER, Unstable
from diffmrs.preprocess.registration import Offsets, angle, register, take_off
from diffmrs.preprocess.robust_registration import Registered, register_robustly

_NEAR_HZ = 8.0  # that the second step may be off the first
_BASELINE_ORDER = 2  # of the wings of what editing changes


def align_edited(
    fids: Complex[Array, "conditions transients points"],
    acquisition: Acquisition,
    *,
    between_ppm: tuple[float, float] = (3.1, 3.4),
    nuisances: tuple[Unstable, ...] = (WATER, LIPIDS),
    n_points: int | None = None,
    limit_hz: float = 60.0,
    rounds: int = 4,
) -> Registered:
    """Shift and phase of all transients of an edited series, so that subtraction leaves what was edited and no more.

    Within a condition the spectra are alike: `register_robustly` aligns them. The conditions differ where editing acts
    and are aligned by their templates, first on the whole FID, then by the least difference over a part of the
    spectrum that editing leaves alone, choline by default, where the artefacts of subtraction show (Evans et al. 2013,
    J Magn Reson Imaging 38:970; Mikkelsen et al. 2020, NMR Biomed 33:e4368).

    Args:
        fids: transients of each condition.
        acquisition: sampling.
        between_ppm: what all conditions have in common, ppm.
        nuisances: kinds of signals that come and go; an empty tuple for none.
        n_points: samples compared; all when None.
        limit_hz: largest shift against the first template of a condition, and between two conditions, Hz.
        rounds: how often the transients of a condition are aligned.

    Returns:
        `Registered` with the conditions along the first axis of every field. Over all conditions together, the mean
        of the shifts and the direction of the phases are zero; amplitudes are relative to the template of their own
        condition, and the templates are aligned with one another.

    Raises:
        InputError: there is one condition only, or an option is unusable.
    """
    if fids.shape[0] < 2:
        raise InputError(
            f"{fids.shape[0]} condition; an edited series has two at least, [conditions, transients, points]"
        )
    found = jax.vmap(
        lambda one: register_robustly(
            one, acquisition, nuisances=nuisances, n_points=n_points, limit_hz=limit_hz, rounds=rounds
        )
    )(fids)
    first = found.template[0]

    def against_first(template: Array) -> tuple[Array, Array]:
        whole = register(template, first, acquisition, n_points=n_points, limit_hz=limit_hz)
        near = take_off(template, acquisition, whole)
        fine = register(
            near,
            first,
            acquisition,
            n_points=n_points,
            window_ppm=between_ppm,
            baseline_order=_BASELINE_ORDER,
            limit_hz=min(_NEAR_HZ, limit_hz),
        )
        return whole.shift_hz + fine.shift_hz, whole.phase_rad + fine.phase_rad

    shift, phase = jax.vmap(against_first)(found.template)
    shift, phase = shift - jnp.mean(shift), phase - angle(jnp.sum(jnp.exp(1j * phase)))
    templates = jax.vmap(lambda fid, its: take_off(fid, acquisition, its))(found.template, _plain(shift, phase))
    return found._replace(
        shift_hz=found.shift_hz + shift[:, None],
        phase_rad=angle(jnp.exp(1j * (found.phase_rad + phase[:, None]))),
        template=templates,
    )


def _plain(shift: Float[Array, " conditions"], phase: Float[Array, " conditions"]) -> Offsets:
    one = jnp.ones_like(shift)
    return Offsets(shift, phase, one, one, one > 0)
