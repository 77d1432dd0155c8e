"""Strange versions of synthetic spectra: each taken apart, changed by name and put together again."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array

from diffmrs.axes import fid_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.model.baseline import NoBaseline
from diffmrs.model.parameters import Parameters
from diffmrs.model.shape import Lineshape
from diffmrs.model.signal import SignalModel, predict_fid
from diffmrs.simulate.artefacts import spoil
from diffmrs.simulate.spectra import Simulated
from diffmrs.simulate.strange import STRANGE, Example, Strange


def strange_spectra(
    key: Array,
    change: str | Strange,
    simulated: Simulated,
    basis: Basis,
    *,
    model: SignalModel | None = None,
    training: Parameters | None = None,
) -> Simulated:
    """Spectra that lie outside of what the given ones were drawn from, one for each.

    Args:
        key: `jax.random` key; only what the change draws depends on it.
        change: a name in `diffmrs.simulate.STRANGE`, or a function like those.
        simulated: usual spectra, from `simulate_spectra` or `simulate_recipe`. [spectra, ...] on every field
        basis: what they were made of: for a recipe, `basis.select(recipe.members(basis))`.
        model: what they were simulated with; that of a recipe when absent.
        training: parameters of the training set, whose range counts; those of `simulated` when absent. [n, ...]

    Returns:
        FIDs and parameters as they are after the change; the other fields as before (`snr` and `noise_sd` are those of
        the usual spectra). What the signal model cannot express, such as an echo, is in the FID alone.

    Raises:
        InputError: there is no such change, the basis is not the one of the spectra, or lacks what is to be changed.
    """
    if isinstance(change, str) and change not in STRANGE:
        raise InputError(f"the change is {change!r}; it must be one of {', '.join(STRANGE)}")
    if simulated.fid.ndim != 2 or not len(simulated.fid):
        raise InputError(f"the FIDs have shape {simulated.fid.shape}; they must be [spectra, points]")
    shape = (simulated.parameters.amplitude.shape[-1], simulated.fid.shape[-1])
    if basis.fid.shape != shape:
        raise InputError(f"the basis has shape {basis.fid.shape}, but the spectra {shape}, members and points")
    count = len(basis.names)
    # A recipe has one group where all members have the same shift and width, else one each.
    groups = (0,) * count if simulated.parameters.frequency_shift_hz.shape[-1] == 1 else tuple(range(count))
    chosen = model or SignalModel(
        basis.acquisition, basis.n_points, (0, basis.n_points), groups, (0,) * count, NoBaseline()
    )
    known = simulated.parameters if training is None else training
    low, high = (jax.tree.map(partial(end, axis=0), known) for end in (jnp.min, jnp.max))
    function = STRANGE[change] if isinstance(change, str) else change
    # The kernel of the lineshape is that of no broadening: without it there is less to compute.
    plain = replace(chosen, baseline=NoBaseline(), lineshape=Lineshape(asymmetric=chosen.lineshape.asymmetric))
    keys = jax.random.split(key, len(simulated.fid))
    return _changed(keys, simulated, low, high, jnp.asarray(basis.fid), function, plain, basis.names)


def example_of(
    simulated: Simulated,
    low: Parameters,
    high: Parameters,
    basis_fid: Array,
    model: SignalModel,
    names: tuple[str, ...],
) -> Example:
    """One synthetic spectrum taken apart; `fid` of it is the same again.

    Args:
        simulated: one spectrum.
        low: least value of each parameter in the training set.
        high: largest value of each.
        basis_fid: FID of each member. [members, points]
        model: what it was simulated with, without baseline and lineshape kernel.
        names: of the members.
    """
    nothing = jnp.zeros_like(simulated.fid)
    one = jnp.ones_like(simulated.fid)
    parameters, low, high = (replace(p, lineshape=p.lineshape[:0]) for p in (simulated.parameters, low, high))
    example = Example(parameters, low, high, basis_fid, one, nothing, nothing, model, names)
    clean = example.clean
    extra = fid_of(simulated.baseline).astype(clean.dtype)
    if simulated.spoiling is not None:
        # As `simulate_fid` does: the size of water, lipids and echo is that of the FID without delay and baseline.
        size = jnp.abs(predict_fid(example.parameters, basis_fid, model)).max()
        extra = spoil(clean + extra, simulated.spoiling, model.acquisition, size) - clean
    return replace(example, extra=extra, noise=simulated.fid - clean - extra)


@partial(jax.jit, static_argnums=(5, 6, 7))
def _changed(
    keys: Array,
    simulated: Simulated,
    low: Parameters,
    high: Parameters,
    basis_fid: Array,
    change: Strange,
    model: SignalModel,
    names: tuple[str, ...],
) -> Simulated:
    def one(entry: tuple[Array, Simulated]) -> Simulated:
        bits, usual = entry
        example = example_of(usual, low, high, basis_fid, model, names)
        strange = change(jax.random.wrap_key_data(bits), example)
        parameters = replace(strange.parameters, lineshape=usual.parameters.lineshape)
        return replace(usual, fid=strange.fid, parameters=parameters)

    return jax.lax.map(one, (jax.random.key_data(keys), simulated))
