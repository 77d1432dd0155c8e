"""The networks of `alignment_learned.py`: what each is trained on, and the training.

dCrR, dCrRF, dSR and dSRF are those of Shamaei et al. 2023 (Magn Reson Med 89:1221), trained without any truth. Tapper
(2021, Magn Reson Med 85:1720) and Ma (2022, 87:1737) are pairs that were told the truth, for frequency and then phase.
`own` has the template of `register_robustly`, 1024 samples, an amplitude by least squares, and sees a subspace.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from rat_transients import ACQUISITION, DAMPING_PER_S, NOISE_SD, POINTS, draw

from diffmrs.axes import Acquisition
from diffmrs.learn import (
    PUBLISHED_WINDOW_PPM,
    CreatineLine,
    Example,
    InputSpec,
    Intermittent,
    OffsetLoss,
    OffsetRegression,
    ProfiledTransient,
    Progress,
    ReferenceTransient,
    Source,
    Subspace,
    Training,
    TransientSource,
    draw_examples,
    encoder_spec,
    estimate_in_turn,
    estimate_offsets,
    reference_transient,
    subspace_of,
    train,
)
from diffmrs.learn.network import Network
from diffmrs.preprocess import Offsets, register_robustly
from diffmrs.pytree import container
from diffmrs.simulate.distributions import Normal, Uniform

FEW = 512  # samples that the networks of Shamaei et al. see
OWN = 1024  # samples that our own network sees; they hold nearly all there is to know
WINDOW_PPM = (1.8, 4.2)
TRANSIENTS = 24_000  # that are drawn once and trained on, as published
CHOICE, TEMPLATE = 4000, 500  # transients of which the reference is chosen, and of which the template is made
WITH_NUISANCE = float(1 - np.exp(-0.5))  # half as many draws, with replacement, as there are transients
# Amplitude and damping of the line where dCrR begins: broad, so that it is felt from 20 Hz away.
LINE = (0.0, 0.0, 0.1, 80.0)
STEPS = {"dCrR": 5000, "dCrRF": 5000, "dSR": 3000, "dSRF": 3000, "own": 2500, "Tapper": 1500, "Ma": 800}
PUBLISHED_STEPS = 50_000  # 150 epochs of 24 000 transients in batches of 64
RATE = {"dCrR": 3e-3, "dCrRF": 3e-3, "dSR": 3e-3, "dSRF": 3e-3}
ENCODER = {"Tapper": "mlp-tapper", "Ma": "stack-ma"}
PER_STEP = {"own": 128}


@container()
@dataclass(frozen=True)
class Pool:
    """Transients that were drawn once, [transients, ...], each as likely as any other."""

    examples: Example

    def draw(self, key: jax.Array) -> Example:
        """One of the transients."""
        which = jax.random.randint(key, (), 0, self.examples.noise_sd.shape[0])
        return jax.tree.map(lambda leaf: leaf[which], self.examples)

    def first(self, n_points: int) -> "Pool":
        """The same with the first samples only."""
        return Pool(self.examples._replace(fid=self.examples.fid[:, :n_points]))


def drawn(source: Source, count: int, seed: int) -> Pool:
    """A pool, drawn piece by piece."""
    some = jax.jit(draw_examples, static_argnums=2)
    keys = jax.random.split(jax.random.key(seed), -(-count // 1000))
    pieces = [jax.tree.map(np.asarray, some(key, source, 1000)) for key in keys]
    return Pool(jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)), *pieces))


def rat_source(clean: np.ndarray) -> TransientSource:
    """The published recipe, as `rat_transients.draw`, but that each transient has each nuisance by chance."""
    return TransientSource(
        jnp.asarray(clean, jnp.complex64), ACQUISITION, Uniform(-20.0, 20.0), Uniform(-np.pi / 2, np.pi / 2), NOISE_SD,
        Normal(1.0, 0.1), Normal(*DAMPING_PER_S), unstable(1400.0),
    )  # fmt: skip


def unstable(
    lipids_hz: float, water_hz: float = 0.0, share: float = WITH_NUISANCE
) -> tuple[Intermittent, Intermittent]:
    """Water and lipids that come and go, in units of the FID's largest sample."""
    begin = Uniform(0.0, 0.0)
    water = Intermittent(share, Normal(-20.0, 2.0), Normal(water_hz, 0.02), Normal(100.0, 10.0), begin, power=1)
    behind, spread = Uniform(-np.pi / 2, -np.pi / 2), 0.02 * abs(lipids_hz)
    return water, Intermittent(share, Normal(1.0, 0.1), Normal(lipids_hz, spread), Normal(300.0, 30.0), behind)


def rat_losses(clean: np.ndarray, only: list[str]) -> dict[str, Any]:
    """What each network is trained on. The references come from transients with nuisances, as the training."""
    seen = InputSpec("fid", FEW, scale="largest")
    made: dict[str, Any] = {
        "dCrR": OffsetLoss(CreatineLine(ACQUISITION, FEW), seen),
        "dCrRF": OffsetLoss(CreatineLine(ACQUISITION, FEW), seen, PUBLISHED_WINDOW_PPM),
        "Tapper": pair(ACQUISITION, POINTS),
        "Ma": pair(ACQUISITION, POINTS),
    }
    if "dSR" in only or "dSRF" in only:
        fids = draw(CHOICE, clean, nuisances=True, seed=100).fid
        fids = fids / np.abs(fids).max(axis=1, keepdims=True)
        one = jnp.asarray(fids[reference_transient(fids, ACQUISITION)][:FEW])
        made["dSR"] = OffsetLoss(ReferenceTransient(one, ACQUISITION), seen)
        made["dSRF"] = OffsetLoss(ReferenceTransient(one, ACQUISITION), seen, PUBLISHED_WINDOW_PPM)
    if "own" in only:
        several = jnp.asarray(draw(TEMPLATE, clean, nuisances=True, seed=101).fid)
        template = jax.jit(lambda fids: register_robustly(fids, ACQUISITION).template)(several)
        made["own"] = profiled(template, ACQUISITION)
    return {name: made[name] for name in only}


def pair(acquisition: Acquisition, n_points: int) -> tuple[OffsetRegression, OffsetRegression]:
    """Shift from half the points of a magnitude spectrum, then phase from its real part."""
    return OffsetRegression("shift", acquisition, n_points), OffsetRegression("phase", acquisition, n_points)


def profiled(template: jax.Array, acquisition: Acquisition) -> OffsetLoss:
    """What our own network is trained on."""
    more = InputSpec("fid", OWN, scale="largest")
    return OffsetLoss(ProfiledTransient(template[:OWN], acquisition), more, WINDOW_PPM)


def estimator(name: str, loss: Any, pool: Pool, seed: int, options: argparse.Namespace) -> tuple[Callable, dict]:
    """A function of transients and the number of least-squares steps that gives offsets, and what its training took."""
    begin = time.process_time()
    steps = PUBLISHED_STEPS if options.full else max(int(STEPS[name.split()[0]] * options.share), 8)
    losses = loss if isinstance(loss, tuple) else (loss,)
    networks = [trained(name, one, pool, seed, steps, options, part) for part, one in enumerate(losses)]
    spent = {"steps": steps, "batch": PER_STEP.get(name.split()[0], 64), "seconds": time.process_time() - begin}
    if len(losses) == 2:

        def in_turn(fids: jax.Array, steps: int) -> Offsets:
            return estimate_in_turn(*networks, fids, *losses)

        return in_turn, spent
    return partial(_alone, networks[0], loss), spent


def _alone(network: Network, loss: OffsetLoss, fids: jax.Array, steps: int) -> Offsets:
    return estimate_offsets(network, fids[:, : loss.decoder.n_points], loss, steps=steps)


def trained(name: str, loss: Any, pool: Pool, seed: int, steps: int, options: argparse.Namespace, part: int) -> Network:
    kind = name.split()[0]
    points = loss.n_points if isinstance(loss, OffsetRegression) else loss.decoder.n_points
    ours = Subspace(n_components=96, widths=(512, 512))
    spec = ours if kind == "own" else encoder_spec(ENCODER.get(kind, "cnn-deepfpc"))
    network: Any = Network(spec, *loss.shape(points), nnx.Rngs(seed))
    given = pool.first(points)
    if kind == "own":
        signal = jax.jit(lambda fids: jax.vmap(loss.see)(fids)[0])(given.examples.fid[:3000])
        network.encoder.set_directions(*subspace_of(signal, ours.n_components))
    if kind.startswith("dCrR"):
        network.output.bias[...] = jnp.asarray(LINE)
    how = Training(
        steps=steps, batch=PER_STEP.get(kind, 64), learning_rate=RATE.get(kind, 1e-3), clip=1e6,
        every=max(steps // 4, 1), validation=512, seed=seed,
    )  # fmt: skip
    file = None
    if options.checkpoints is not None:
        options.checkpoints.mkdir(parents=True, exist_ok=True)
        file = options.checkpoints / f"{name.replace(' ', '_')}_{part}_{steps}_{seed}.safetensors"
    begin = time.perf_counter()

    def show(progress: Progress) -> None:
        told = {key: round(value, 4) for key, value in progress.numbers.items() if key.startswith("valid")}
        print(f"{name} {part} {seed} {progress.step} {time.perf_counter() - begin:.0f} s {told}", flush=True)

    return train(network, loss, given, how, checkpoint=file, on_progress=show)[0]
