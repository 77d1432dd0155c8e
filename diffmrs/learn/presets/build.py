"""A preset and a basis become a network, a loss and examples."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.learn.examples import Source, draw_examples
from diffmrs.learn.finite import FiniteSource, MixedSource, amplitude_source
from diffmrs.learn.inputs import Representation
from diffmrs.learn.isolated import Isolated, IsolatedNetwork, isolated_loss
from diffmrs.learn.kept import keep, kept_bytes
from diffmrs.learn.losses import Supervised
from diffmrs.learn.network import Network
from diffmrs.learn.presets.model import PresetModel
from diffmrs.learn.presets.preset import Preset
from diffmrs.learn.training import Progress, train
from diffmrs.learn.view import View
from diffmrs.simulate.recipe import Recipe

_SET_SEED = 8191  # of the training set, which is one whatever the network
_MEASURED = 64  # examples that tell the unit
KEPT_BYTES = 2**30  # making the set takes up to three times as much for a while


class TwoPaths(nnx.Module):
    """Two networks on the same input: one tells the means, the other the log variances (Rizzo et al. 2022, MICCAI)."""

    def __init__(self, make: Callable[[nnx.Rngs], Network], rngs: nnx.Rngs) -> None:
        self.mean, self.spread = make(rngs), make(rngs)

    def __call__(self, signal: Float[Array, "..."], *, rngs: nnx.Rngs | None = None) -> Float[Array, "*batch outputs"]:
        """Means, then log variances."""
        return jnp.concatenate([self.mean(signal, rngs=rngs), self.spread(signal, rngs=rngs)], axis=-1)


@dataclass(frozen=True)
class Prepared:
    """All that training by a preset needs.

    Attributes:
        preset: what was asked for.
        basis: the members of the recipe, in its order, sampled as the network expects it.
        view: how FIDs are fed.
        source: of training examples.
        sets: finite sets that `source` draws from; none where examples are always fresh.
        fresh: the same, without an end and without extensions.
        mean: of each amplitude. [members]
        sd: of each amplitude; 1 where it does not vary. [members]
    """

    preset: Preset
    basis: Basis
    view: View
    source: Source
    sets: tuple[FiniteSource, ...]
    fresh: Source
    mean: np.ndarray
    sd: np.ndarray

    def network(self, seed: int = 0) -> nnx.Module:
        """An untrained network."""
        return untrained(self.preset, self.view, self.basis.n_points, len(self.basis.names), seed)

    def kept(self, limit_bytes: int = KEPT_BYTES) -> "Prepared":
        """The same with its training set made once and kept in memory (`diffmrs.learn.keep`).

        Nothing changes where there is no finite set, where it is larger than the limit, or where training is too short
        to see as many examples as there are.
        """
        seen = self.preset.training.steps * self.preset.training.batch
        if (
            not self.sets
            or seen < sum(one.count for one in self.sets)
            or kept_bytes(self.sets, self.view) > limit_bytes
        ):
            return self
        return replace(self, source=keep(self.sets, self.view))

    def loss(self) -> Supervised | Isolated:
        """What the network is trained on."""
        if self.preset.loss == "isolated":
            return isolated_loss(self.preset.recipe, self.basis, self.view, self.fresh)
        spread = self.preset.loss == "heteroscedastic"
        return Supervised(self.view, jnp.asarray(self.mean), jnp.asarray(self.sd), self.mean.size, spread)


def untrained(preset: Preset, view: View, n_points: int, members: int, seed: int = 0) -> nnx.Module:
    """The network of a preset before training."""
    shape = view.spec.shape(view.acquisition, n_points)
    if preset.loss == "isolated":
        return IsolatedNetwork(preset.encoder, shape, members, nnx.Rngs(seed))
    if preset.two_paths:

        def make(rngs: nnx.Rngs) -> Network:
            return Network(preset.encoder, shape, members, rngs, norm=preset.output_norm)

        return TwoPaths(make, nnx.Rngs(seed))
    outputs = members * (2 if preset.loss == "heteroscedastic" else 1)
    return Network(preset.encoder, shape, outputs, nnx.Rngs(seed), norm=preset.output_norm)


def prepare(preset: Preset, basis: Basis, *, recipe: Recipe | None = None) -> Prepared:
    """Examples and input of a preset.

    Args:
        preset: from `read_preset`.
        basis: with the members of the recipe; samples beyond the preset's `n_points` are cut off.
        recipe: in place of the preset's.

    Raises:
        InputError: the basis lacks an ingredient or is too short, or the input does not fit its sampling.
    """
    if preset.two_paths and preset.loss != "heteroscedastic":
        raise InputError(f"the preset {preset.name} has two_paths, which goes only with the loss 'heteroscedastic'")
    made, physical = recipe or preset.recipe, preset.changes.physical
    points = basis.n_points if preset.n_points is None else preset.n_points
    if points > basis.n_points:
        raise InputError(f"the preset {preset.name} takes {points} samples, but the basis has {basis.n_points}")
    whole = basis.select(made.members(basis))
    fid = jnp.asarray(whole.fid, jnp.complex64)[:, :points]
    basis = Basis(fid, basis.acquisition, whole.names, basis.source)
    fresh = amplitude_source(made, basis, physical=physical)
    source: Source = fresh
    sets: tuple[FiniteSource, ...] = ()
    if preset.training_set is not None:
        key = jax.random.key(_SET_SEED)
        further = [
            FiniteSource(
                amplitude_source(one.of(made), basis, physical=physical), jax.random.fold_in(key, k), one.count
            )
            for k, one in enumerate(preset.extensions)
        ]
        sets = (FiniteSource(fresh, key, preset.training_set), *further)
        source = sets[0] if not further else MixedSource(sets, tuple(float(one.count) for one in sets))
    spec = preset.representation
    if preset.measured_unit:
        spec = replace(spec, unit=_unit(spec, basis, fresh))  # type: ignore[type-var]
    limits = np.array([one.amplitude for one in made.ingredients] or [made.amplitude] * len(basis.names), np.float32)
    sd = (limits[:, 1] - limits[:, 0]) / np.sqrt(np.float32(12))
    view = View(spec, basis.acquisition)
    view.spec.shape(basis.acquisition, points)
    return Prepared(preset, basis, view, source, sets, fresh, limits.mean(axis=1), np.where(sd > 0, sd, np.float32(1)))


def train_preset(
    prepared: Prepared,
    *,
    seed: int | None = None,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[PresetModel, list[Progress]]:
    """Train the network of a preset.

    Args:
        prepared: from `prepare`.
        seed: of weights and batches; that of the preset when absent. The training set has a seed of its own.
        checkpoint: as in `train`.
        on_progress: as in `train`.

    Returns:
        The trained estimator and the history of its training.
    """
    preset = prepared.preset
    training = preset.training if seed is None else replace(preset.training, seed=seed)
    loss = prepared.loss()
    network, history = train(
        prepared.network(training.seed),
        loss,
        prepared.source,
        training,
        validation=prepared.fresh,
        checkpoint=checkpoint,
        on_progress=on_progress,
    )
    areas = np.asarray(loss.areas) if isinstance(loss, Isolated) else None
    basis = prepared.basis
    return PresetModel(
        preset, network, prepared.view, basis.names, basis.n_points, prepared.mean, prepared.sd, areas
    ), history


def _unit(spec: Representation, basis: Basis, source: Source) -> float:
    """Root mean square of what is fed, so that a network meets numbers of order one."""
    view = View(spec, basis.acquisition)
    return float(np.sqrt(_power(jax.random.key(_SET_SEED), source, view)))


@partial(jax.jit, static_argnames="view")
def _power(key: Array, source: Source, view: View) -> Array:
    fed = jax.vmap(view.see)(draw_examples(key, source, _MEASURED)).signal
    return jnp.mean(fed[..., : fed.shape[-1] - bool(getattr(view.spec, "with_noise", False))] ** 2)
