"""The training loop: examples drawn on the device, validation, early stopping, checkpoints.

Step k draws its batch, its dropout and its noise from `fold_in(key, k)`, and validation always sees the same examples:
a run that was stopped and goes on from a checkpoint ends with the very numbers of one that was not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array

from diffmrs.errors import InputError
from diffmrs.learn.checkpoint import read_checkpoint, write_checkpoint
from diffmrs.learn.examples import Example, Source, draw_examples

Metrics = dict[str, Array]
N = TypeVar("N", bound=nnx.Module)


@runtime_checkable
class Loss(Protocol):
    """What a network is trained on: a pytree, so that what it holds is not compiled into the steps."""

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, Metrics]:
        """The mean over a batch, and numbers to show; `key` is None when nothing is to be random (validation)."""


@dataclass(frozen=True)
class Training:
    """How to train.

    Attributes:
        steps: optimiser steps.
        batch: examples per step, drawn anew for each.
        learning_rate: the largest.
        schedule: `"cosine"` (after a warm-up), `"constant"`, or `"steps"`: down after each of `drops`.
        warmup: share of the steps over which the learning rate rises; cosine only.
        drops: shares of the steps after which the learning rate falls.
        falls_to: what of it is left then.
        weight_decay: of AdamW; 0 is Adam.
        clip: largest norm of a gradient.
        every: steps between validations, and between checkpoints.
        validation: examples that validation looks at.
        patience: validations without a new best after which training stops; 0 never stops early.
        seed: of everything that is drawn.
    """

    steps: int = 10_000
    batch: int = 128
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    warmup: float = 0.02
    drops: tuple[float, ...] = ()
    falls_to: float = 0.1
    weight_decay: float = 0.0
    clip: float = 1.0
    every: int = 500
    validation: int = 1024
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "drops", tuple(self.drops))  # hashable: it is compiled into the steps
        for name, low in (("steps", 1), ("batch", 1), ("every", 1), ("validation", 1), ("patience", 0)):
            if getattr(self, name) < low:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {low}")
        if self.schedule not in ("cosine", "constant", "steps"):
            raise InputError(f"schedule is {self.schedule!r}; it must be cosine, constant or steps")
        if not (0 < self.learning_rate <= 1 and self.clip > 0 and self.weight_decay >= 0):
            raise InputError(
                f"learning_rate is {self.learning_rate:g}, clip {self.clip:g} and weight_decay {self.weight_decay:g}; "
                "they must lie above 0 and at most 1, above 0, and not below 0"
            )

        if not all(0 <= share <= 1 for share in (self.warmup, *self.drops, self.falls_to)):
            raise InputError(
                f"warmup is {self.warmup}, drops are {self.drops} and falls_to is {self.falls_to}; they are shares, "
                "from 0 to 1"
            )

    def optimiser(self) -> optax.GradientTransformation:
        """Adam with clipped gradients."""
        return optax.chain(
            optax.clip_by_global_norm(self.clip), optax.adamw(self.rate(), weight_decay=self.weight_decay)
        )

    def rate(self) -> optax.Schedule:
        """The learning rate at each step."""
        if self.schedule == "constant":
            return optax.constant_schedule(self.learning_rate)
        if self.schedule == "steps":
            falls = {int(share * self.steps): self.falls_to for share in self.drops}
            return optax.piecewise_constant_schedule(self.learning_rate, falls)
        warm = max(int(self.warmup * self.steps), 1)
        return optax.warmup_cosine_decay_schedule(
            0.0, self.learning_rate, warm, max(self.steps, warm + 1), self.learning_rate * 1e-3
        )


class State(NamedTuple):
    """All that changes while training."""

    params: Any
    rest: Any  # what a network holds besides: statistics of its batches, fixed projections
    memory: Any  # of the optimiser
    step: Array
    best: Any  # parameters with the lowest validation loss
    best_rest: Any
    best_loss: Array
    waited: Array  # validations since


@dataclass(frozen=True)
class Progress:
    """One validation.

    Attributes:
        step: optimiser steps taken.
        numbers: the training loss averaged since the last one, the validation loss, metrics of both, and `left_out`:
            the share of steps whose batch gave no finite gradient and was left out.
        best: whether it is the best so far.
    """

    step: int
    numbers: dict[str, float]
    best: bool


def train(
    network: N,
    loss: Loss,
    source: Source,
    training: Training,
    *,
    validation: Source | None = None,
    checkpoint: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[N, list[Progress]]:
    """Train a network; the one with the lowest validation loss comes back.

    Args:
        network: where to begin.
        loss: what to minimise.
        source: where examples come from.
        training: how.
        validation: where examples for validation come from; `source` when absent.
        checkpoint: file to go on from when it exists, and to write at each validation.
        on_progress: called after each validation.

    Returns:
        The trained network and the history of validations.

    Raises:
        InputError: the checkpoint is not one of this network and these settings, or no batch before the first
            validation gives a finite loss.
    """
    graph, params, rest = cast(Any, nnx.split(network, nnx.Param, ...))
    optimiser = training.optimiser()
    key = jax.random.key(training.seed)
    lowest = jnp.asarray(jnp.inf, jnp.float32)
    zero = jnp.zeros((), jnp.int32)
    state = State(params, rest, optimiser.init(params), zero, params, rest, lowest, zero)
    history: list[Progress] = []
    if checkpoint is not None and checkpoint.exists():
        state, history = read_checkpoint(checkpoint, state, training, Progress)
    state = jax.tree.map(jnp.copy, state)  # its buffers are given away
    judging = source if validation is None else validation
    judged = _drawn(jax.random.fold_in(key, 2**31 - 1), judging, training.validation)
    run = _Run(graph, replace(training, seed=0))  # the seed comes with the key: runs of several share the code
    for now, progress in _stretches(state, run, key, loss, source, judged, training):
        if not history and not np.isfinite(progress.numbers["loss"]):
            raise InputError("the training loss is not finite; lower the learning rate or look at the data")
        history.append(progress)
        if checkpoint is not None:
            write_checkpoint(checkpoint, now, training, history)
        if on_progress is not None:
            on_progress(progress)
        state = now
    return nnx.merge(graph, state.best, state.best_rest, copy=True), history


@dataclass(frozen=True)
class _Run:
    """What is compiled into a step: equal for two runs of the same network and settings, which then share the code."""

    graph: Any
    training: Training


@partial(jax.jit, static_argnames="count")
def _drawn(key: Array, source: Source, count: int) -> Example:
    return draw_examples(key, source, count)


def _stretches(
    state: State, run: _Run, key: Array, loss: Loss, source: Source, judged: Example, training: Training
) -> Iterator[tuple[State, Progress]]:
    """From one validation to the next."""
    steps = int(state.step)
    while steps < training.steps and not (training.patience and int(state.waited) >= training.patience):
        count = min(training.every, training.steps - steps)
        # A loop in Python: inside one that is compiled, XLA computes convolutions ten times slower on a CPU.
        taken = []
        for _ in range(count):
            state, metrics = _train_step(state, key, loss, source, run)
            taken.append(metrics)
        trained = _averaged(taken)
        found, metrics = _validate(state, judged, loss, run)
        found = found.astype(jnp.float32)
        better = found < state.best_loss  # False for NaN
        state = state._replace(
            best=jax.tree.map(partial(_pick, better), state.params, state.best),
            best_rest=jax.tree.map(partial(_pick, better), state.rest, state.best_rest),
            best_loss=jnp.where(better, found, state.best_loss),
            waited=jnp.where(better, 0, state.waited + 1).astype(jnp.int32),
        )
        steps = int(state.step)
        numbers = trained | {"validation_loss": float(found)}
        numbers |= {f"validation_{name}": float(value) for name, value in metrics.items()}
        yield state, Progress(steps, numbers, bool(better))


def _averaged(taken: list[Metrics]) -> dict[str, float]:
    """Means over the steps that were not left out, and the share of those that were."""
    sound = np.array([bool(one["sound"]) for one in taken])
    numbers = {"loss": float("nan")} | {name: float("nan") for name in taken[0] if name != "sound"}
    if sound.any():
        kept = [one for one, good in zip(taken, sound, strict=True) if good]
        numbers = {name: float(np.mean([one[name] for one in kept], dtype=float)) for name in numbers}
    return numbers | {"left_out": float(1 - sound.mean())}


def _pick(better: Array, new: Any, old: Any) -> Any:
    return jnp.where(better, new, old)


@partial(jax.jit, static_argnames="run", donate_argnames="state")
def _train_step(state: State, key: Array, loss: Loss, source: Source, run: _Run) -> tuple[State, Metrics]:
    key_data, key_loss = jax.random.split(jax.random.fold_in(key, state.step))
    batch = draw_examples(key_data, source, run.training.batch)

    def cost(params: Any) -> tuple[Array, tuple[Metrics, Any]]:
        network = nnx.merge(run.graph, params, state.rest, copy=True)
        value, metrics = loss(network, batch, key_loss)
        return value, (metrics, cast(Any, nnx.split(network, nnx.Param, ...))[2])

    (value, (metrics, rest)), gradient = jax.value_and_grad(cost, has_aux=True)(state.params)
    # A batch that gives no finite gradient is left out rather than spoil the network.
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in (value, *jax.tree.leaves(gradient))]
    sound = jnp.all(jnp.stack(finite))
    updates, memory = run.training.optimiser().update(gradient, state.memory, state.params)
    params = optax.apply_updates(state.params, updates)
    kept = jax.tree.map(partial(_pick, sound), (params, rest, memory), (state.params, state.rest, state.memory))
    state = state._replace(params=kept[0], rest=kept[1], memory=kept[2], step=state.step + 1)
    return state, {"loss": value, **metrics, "sound": sound}


@partial(jax.jit, static_argnames="run")
def _validate(state: State, judged: Example, loss: Loss, run: _Run) -> tuple[Array, Metrics]:
    """Loss over the validation examples, in equal batches no larger than those of training."""
    network = nnx.merge(run.graph, state.params, state.rest, copy=True)
    count = judged.noise_sd.shape[0]
    rows = -(-count // run.training.batch)
    size = count // rows  # fewer than `rows` examples are left out
    kept = jax.tree.map(lambda leaf: leaf[: rows * size].reshape(rows, size, *leaf.shape[1:]), judged)
    value, metrics = jax.lax.map(lambda batch: loss(network, batch, None), kept)
    return jnp.mean(value), jax.tree.map(jnp.mean, metrics)


def shortened(training: Training, steps: int) -> Training:
    """The same training with fewer (or more) steps."""
    return replace(training, steps=steps, every=min(training.every, steps))
