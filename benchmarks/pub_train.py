"""The networks of `published.py`: trained once, kept as files, and asked about the tests of every other estimator."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from diffmrs.data import Basis
from diffmrs.learn import MLP, Example, Network, StackView, draw_examples, frozen, train
from diffmrs.learn.losses import Supervised
from diffmrs.learn.presets import Prepared, PresetModel, prepare, read_preset, read_preset_model, save_preset_model
from diffmrs.learn.presets import train_preset as train_one
from diffmrs.learn.training import Training
from diffmrs.simulate import Recipe, simulate_recipe
from diffmrs.simulate.spectra import Simulated

Answer = Callable[[Any], np.ndarray]


@dataclass(frozen=True)
class Run:
    """What one run of the benchmark is given.

    Attributes:
        folder: where trained networks are kept.
        full: published sizes.
        share: of the steps of each preset; for a smoke test.
        seeds: networks of each preset.
        tests: spectra that are scored.
        fits: spectra that the slow fits see, the first of the tests.
    """

    folder: Path
    full: bool = False
    share: float = 1.0
    seeds: int = 3
    tests: int = 1000
    fits: int = 100


def prepared_for(run: Run, name: str, basis: Basis, made: Recipe | None = None, **changes: Any) -> Prepared:
    """A preset, perhaps changed, in the size of the run."""
    preset = read_preset(name, full=run.full, changes=changes)
    steps = max(int(run.share * preset.training.steps), 1)
    training = replace(preset.training, steps=steps, every=min(preset.training.every, steps))
    return prepare(replace(preset, training=training), basis, recipe=made)


def trained(run: Run, label: str, prepared: Prepared) -> list[PresetModel]:
    """A network of each seed; from the folder where it is finished there. They share their training set in memory."""
    size = f"{prepared.preset.size}_{prepared.preset.training.steps}"
    files = [run.folder / f"{label}_{size}_{seed}.safetensors" for seed in range(run.seeds)]
    if not all(file.with_suffix(".json").exists() for file in files):
        prepared = prepared.kept()
    return [trained_one(file, label, prepared, seed) for seed, file in enumerate(files)]


def trained_one(file: Path, label: str, prepared: Prepared, seed: int) -> PresetModel:
    """A trained network; what it cost is told in a file beside it."""
    note = file.with_suffix(".json")
    if file.exists() and note.exists():
        return read_preset_model(file)
    begin = time.perf_counter(), time.process_time()
    model, history = train_one(prepared, seed=seed, checkpoint=file.with_suffix(".checkpoint"))
    cost = {"steps": history[-1].step, "wall_s": time.perf_counter() - begin[0],
            "cpu_s": time.process_time() - begin[1],
            "validation_loss": min(one.numbers["validation_loss"] for one in history)}  # fmt: skip
    save_preset_model(file, model, cost)
    note.write_text(json.dumps(cost))
    file.with_suffix(".checkpoint").unlink(missing_ok=True)
    print(label, seed, {name: round(value, 3) for name, value in cost.items()}, flush=True)
    return model


def tests_of(run: Run, prepared: Prepared, recipe: Recipe | None = None) -> Simulated:
    """Spectra that no network was trained on."""
    made = recipe or prepared.preset.recipe
    return simulate_recipe(
        jax.random.key(2018), made, prepared.basis, run.tests, physical=prepared.preset.changes.physical
    )


def bank_of(prepared: Prepared, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a network is fed, flattened, amplitudes and FIDs of examples, for estimators of other kinds."""
    draw = jax.jit(lambda key, source: draw_examples(key, source, 100))
    see = jax.jit(lambda fid, sd: jax.vmap(prepared.view.see)(Example(fid, sd)).signal)
    fed, truth, fids = [], [], []
    for key in jax.random.split(jax.random.key(7), -(-count // 100)):
        made = draw(key, prepared.fresh)
        fed.append(np.asarray(see(made.fid, made.noise_sd)).reshape(100, -1))
        truth.append(np.asarray(made.parameters.amplitude))
        fids.append(np.asarray(made.fid))
    return np.concatenate(fed), np.concatenate(truth), np.concatenate(fids)


def fed_of(prepared: Prepared, made: Simulated) -> np.ndarray:
    """What a network is fed of tests, flattened."""
    see = jax.jit(lambda fid, sd: prepared.view.see(Example(fid, sd)).signal)
    one = [np.asarray(see(fid, sd)).ravel() for fid, sd in zip(made.fid, made.noise_sd, strict=True)]
    return np.stack(one)


def stacked(run: Run, label: str, members: list[PresetModel], prepared: Prepared, seed: int) -> Answer:
    """A perceptron of 1000 and 500 on the outputs of frozen networks (Rizzo et al. 2023); not kept as a file."""
    view = StackView(tuple(frozen(one.network, one.view) for one in members))
    count = len(members[0].names)
    widths = (1000, 500) if run.full else (100, 50)
    network: Any = Network(MLP(widths, activation="relu"), (1, count * len(members)), count, nnx.Rngs(seed))
    steps = max(int(run.share * (108_000 if run.full else 300)), 1)
    how = Training(steps=steps, batch=50, learning_rate=2e-4 if run.full else 1e-3, every=max(steps // 4, 1),
                   validation=512, seed=seed, patience=10 if run.full else 0)  # fmt: skip
    loss = Supervised(view, jnp.asarray(prepared.mean), jnp.asarray(prepared.sd), count)
    network, _ = train(
        network, loss, prepared.source, how, validation=prepared.fresh,
        checkpoint=run.folder / f"{label}_stack_{steps}_{seed}.checkpoint",
    )  # fmt: skip
    apply = jax.jit(lambda fid, sd: network(jax.vmap(view.see)(Example(fid, sd)).signal))

    def answer(made: Simulated) -> np.ndarray:
        parts = [np.asarray(apply(made.fid[k : k + 100], made.noise_sd[k : k + 100])) for k in
                 range(0, len(made.fid), 100)]  # fmt: skip
        return prepared.mean[None] + prepared.sd[None] * np.concatenate(parts)

    return answer
