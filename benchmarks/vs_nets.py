"""The networks of `fit_vs_learned.py`: one encoder, seven ways to train it."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from flax import nnx
from vs_setting import ACQUISITION, COUNT, POINTS, SPEC, Given, Size

from diffmrs.learn import Subspace
from diffmrs.learn.losses import PosteriorLoss, SelfSupervised, Supervised
from diffmrs.learn.network import Network
from diffmrs.learn.posterior import PosteriorNetwork
from diffmrs.learn.published import Reconstruction, reconstruction
from diffmrs.learn.subspace import fitted_subspace
from diffmrs.learn.training import Progress, Training, train

ENCODER = Subspace(n_components=64, widths=(512, 512))
DROPOUT = 0.1
# Times the steps that are asked for.
SHARES = {
    "supervised": 1.0, "dropout": 1.0, "spread": 1.0, "gaussian": 2.0, "flow": 1.0, "elbo": 1.0, "reconstruction": 1.0,
}  # fmt: skip


def network_of(kind: str, given: Given, seed: int) -> nnx.Module:
    """A network before training; the directions of its encoder are set from spectra."""
    shape = SPEC.shape(ACQUISITION, POINTS)
    encoder = replace(ENCODER, dropout=DROPOUT) if kind == "dropout" else ENCODER
    rngs, latent = nnx.Rngs(seed), given.setting.uniform.latent
    members = latent.block("amplitude").stop
    if kind in ("gaussian", "flow", "elbo"):
        network: Any = PosteriorNetwork(encoder, shape, latent.size, rngs, flow_layers=4 if kind == "flow" else 0)
    else:
        outputs = {"spread": 2 * members, "reconstruction": members + 3}.get(kind, members)
        network = Network(encoder, shape, outputs, rngs)
    fitted_subspace(network.encoder, given.seen, given.stream, jax.random.key(77))
    return network


def loss_of(kind: str, given: Given) -> Any:
    """What each kind is trained on."""
    if kind in ("gaussian", "flow"):
        return PosteriorLoss(given.seen)
    if kind == "elbo":
        return SelfSupervised(given.seen)
    if kind == "reconstruction":
        return published_loss(given)
    return Supervised(given.seen, given.mean, given.sd, COUNT + 1, kind == "spread")


def published_loss(given: Given) -> Reconstruction:
    """The loss of DQ-nMM, with the input of the other networks."""
    return replace(reconstruction(given.setting.basis, COUNT, unit=1.0), spec=SPEC)


def trained(kind: str, seed: int, given: Given, size: Size, folder: Path | None, steps: int) -> tuple[Any, dict]:
    """A trained network and what it cost; from the folder where it is finished there."""
    steps = max(int(steps * SHARES[kind]), 1)
    # The published loss shrinks by orders of magnitude and has the published schedule.
    how = Training(
        steps=steps, batch=min(128, size.tests), every=max(steps // 4, 1), validation=size.tests, seed=seed,
        clip=1e6 if kind == "reconstruction" else 1.0,
    )  # fmt: skip
    form = "physical" if given.physical else "published"
    file = folder / f"{form}_{kind}_{steps}_{seed}.safetensors" if folder is not None else None
    note = file.with_suffix(".json") if file is not None else None
    network = network_of(kind, given, seed)
    source = given.setting.source if kind == "reconstruction" else given.stream
    begin = time.perf_counter(), time.process_time()
    network, history = train(
        network, loss_of(kind, given), source, how, checkpoint=file,
        on_progress=_shown(f"{form} {kind} {seed}", begin[0]),
    )  # fmt: skip
    if note is not None and note.exists():
        return network, json.loads(note.read_text())
    cost = {
        "steps": steps, "wall_s": time.perf_counter() - begin[0], "cpu_s": time.process_time() - begin[1],
        "validation_loss": min(one.numbers["validation_loss"] for one in history),
    }  # fmt: skip
    if note is not None:
        note.write_text(json.dumps(cost))
    return network, cost


def _shown(label: str, begin: float) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        numbers = {name: round(value, 4) for name, value in progress.numbers.items()}
        print(f"{label} {progress.step} {time.perf_counter() - begin:.0f} s {numbers}", flush=True)

    return show
