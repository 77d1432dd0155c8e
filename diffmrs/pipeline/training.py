"""`diffmrs train`: a network for one protocol, from a basis set, in files."""

import csv
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from diffmrs.conditioning import with_macromolecules
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.io import has_reference_singlet, read_basis, remove_reference_singlet
from diffmrs.io.atomic import atomic_write
from diffmrs.learn.encoders import PRESETS, encoder_spec
from diffmrs.learn.encoders.subspace import SubspaceEncoder
from diffmrs.learn.examples import draw_examples
from diffmrs.learn.losses import PosteriorLoss
from diffmrs.learn.protocol import Protocol, Ranges, protocol_for
from diffmrs.learn.quantifier import Quantifier, strangeness
from diffmrs.learn.saved import Built, save_quantifier
from diffmrs.learn.subspace import fitted_subspace
from diffmrs.learn.training import Progress, Training, train
from diffmrs.pipeline.inputs import located, read_measured
from diffmrs.resampling import resample
from diffmrs.scores import threshold

log = logging.getLogger(__name__)
_REFERENCE = 1024  # examples that tell what is usual
_FALSE_ALARMS = 0.025  # of each of the two numbers


@dataclass(frozen=True)
class TrainOptions:
    """What `diffmrs train` can be told.

    Attributes:
        basis: file or folder.
        out: file to write, ending in .safetensors.
        like: data that are sampled as those the network is for; the sampling of the basis counts when absent.
        macromolecules: as `diffmrs fit --mm`.
        ppm_range: what the network sees, ppm.
        ranges: how wide the population is.
        training: how to train.
        encoder: a name in `diffmrs.learn.PRESETS`.
        precision: what the encoder computes in.
        flow_layers: of the posterior; 0 for a Gaussian.
        echo_time_s: of the basis, s; that of `like` when absent.
        basis_ppm_reference: chemical shift a .BASIS file is centred on, ppm.
        sampling: what `like` does not say.
    """

    basis: Path
    out: Path
    like: Path | None = None
    macromolecules: tuple[str, ...] = ("auto",)
    ppm_range: tuple[float, float] | None = None
    ranges: Ranges = field(default_factory=Ranges)
    training: Training = field(default_factory=Training)
    encoder: str = "subspace"
    precision: str = "input"
    flow_layers: int = 0
    echo_time_s: float | None = None
    basis_ppm_reference: float | None = None
    sampling: tuple[tuple[str, float], ...] = ()

    def check(self) -> None:
        """Look at names before any work.

        Raises:
            InputError: the output has another ending or would replace an input, or there is no such encoder.
        """
        if self.out.suffix != ".safetensors":
            raise InputError(f"--out is {self.out}; it must end in .safetensors")
        if not self.out.parent.is_dir():
            raise InputError(f"--out is {self.out}; the folder {self.out.parent} does not exist")
        if self.encoder not in PRESETS:
            raise InputError(f"--encoder is {self.encoder!r}; it must be one of {', '.join(PRESETS)}")

    @property
    def checkpoint(self) -> Path:
        """Where training goes on from."""
        return self.out.with_suffix(".checkpoint")


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes:
        quantifier: the trained network.
        history: of the training.
        files: that were written.
    """

    quantifier: Quantifier
    history: list[Progress]
    files: tuple[Path, ...]


def train_files(options: TrainOptions, on_progress: Callable[[Progress], None] | None = None) -> Trained:
    """Train a network and write it, its metrics as a table, and as a figure.

    A run that was stopped goes on from its checkpoint, which is removed at the end.

    Raises:
        InputError: the basis or the data cannot be used, or a file cannot be written.
    """
    options.check()
    basis, echo_time_s = trained_basis(options)
    ranges, training = options.ranges, options.training
    protocol = located(options.basis, protocol_for, basis, ppm_range=options.ppm_range, ranges=ranges)
    built = Built(encoder_spec(options.encoder, precision=options.precision), options.flow_layers)
    network = built.network(protocol, training.seed)
    if isinstance(network.encoder, SubspaceEncoder):
        fitted_subspace(network.encoder, protocol.scene, protocol.source, jax.random.key(training.seed + 1))
    network, history = train(
        network,
        PosteriorLoss(protocol.scene),
        protocol.source,
        training,
        checkpoint=options.checkpoint,
        on_progress=on_progress,
    )
    quantifier = Quantifier(network, protocol, basis, usual_limits(network, protocol), 2, echo_time_s)
    told = {"basis": str(options.basis), "training": asdict(training), "loss": history[-1].numbers}
    table, figure = (options.out.with_name(f"{options.out.stem}_metrics.{ending}") for ending in ("csv", "png"))
    save_quantifier(options.out, quantifier, built, ranges, told)
    write_metrics(table, history)
    draw_metrics(figure, history)
    options.checkpoint.unlink(missing_ok=True)
    return Trained(quantifier, history, (options.out, table, figure))


def trained_basis(options: TrainOptions) -> tuple[Basis, float | None]:
    """The basis as the network is trained on it, and its echo time."""
    basis = read_basis(options.basis, ppm_reference=options.basis_ppm_reference)
    if has_reference_singlet(basis):
        basis = remove_reference_singlet(basis)
    echo_time_s = options.echo_time_s
    if options.like is None:
        one = MRSData(np.asarray(basis.fid)[:1], basis.acquisition)
    else:
        data = read_measured(options.like, dict(options.sampling))
        one = MRSData(np.asarray(data.spectra[:1]), data.acquisition, header=data.header)
        echo_time_s = echo_time_of(data) if echo_time_s is None else echo_time_s
    where = str(options.basis) if options.like is None else f"{options.basis} with {options.like}"
    basis, _ = located(where, with_macromolecules, basis, one, list(options.macromolecules))
    basis = located(where, resample, basis, one.acquisition, one.n_points)
    return Basis(jnp.asarray(basis.fid, jnp.complex64), basis.acquisition, basis.names, basis.source), echo_time_s


def echo_time_of(data: MRSData) -> float | None:
    """Echo time in the header of data, s; None when it does not say."""
    found = data.header.meta.get("EchoTime") if data.header is not None else None
    return float(found) if isinstance(found, int | float) and 0 < found < 10 else None


def usual_limits(network: object, protocol: Protocol) -> tuple[float, float]:
    """Misfit and distance that few examples of the population exceed."""

    @jax.jit
    def some(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        seen = jax.vmap(protocol.scene.see)(draw_examples(key, protocol.source, 128))
        return strangeness(protocol, seen, network(seen.signal))  # type: ignore[operator]

    found = [some(key) for key in jax.random.split(jax.random.key(4711), _REFERENCE // 128)]
    misfit, distance = (np.concatenate([np.asarray(each[k]) for each in found]) for k in (0, 1))
    return float(threshold(misfit, _FALSE_ALARMS)), float(threshold(distance, _FALSE_ALARMS))


def write_metrics(path: Path, history: Sequence[Progress]) -> None:
    """The history of a training as CSV, one row per validation."""
    names = list(history[-1].numbers)
    with atomic_write(path, text=True) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["step", *names, "best"])
        for one in history:
            table.writerow([one.step, *(f"{one.numbers.get(name, float('nan')):.6g}" for name in names), one.best])


def draw_metrics(path: Path, history: Sequence[Progress]) -> None:
    """The losses over the steps, as a figure."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    steps = [one.step for one in history]
    for name, words in (("loss", "training, mean since the last validation"), ("validation_loss", "validation")):
        axes.plot(steps, [one.numbers[name] for one in history], marker=".", label=words)
    best = [one for one in history if one.best][-1:]
    for one in best:
        axes.axvline(one.step, color="0.6", lw=0.8, label=f"best, {one.numbers['validation_loss']:.4g}")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend(frameon=False)
    with atomic_write(path) as stream:
        figure.savefig(stream, format="png", dpi=120)
