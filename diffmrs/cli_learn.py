"""`diffmrs train` and `diffmrs quantify`: their options, and what they mean in the units of the library."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmrs.errors import InputError

if TYPE_CHECKING:
    from diffmrs.pipeline.presets import PresetOptions
    from diffmrs.pipeline.training import TrainOptions

_RANGES = {
    "snr": "signal-to-noise ratio (default 8 250)",
    "lorentzian": "Lorentzian width beyond the basis, Hz (default 0.5 8)",
    "gaussian": "Gaussian width beyond the basis, Hz (default 0.5 10)",
    "baseline": "height of a smooth baseline over the tallest peak (default 0.003 0.1)",
}


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `diffmrs train`."""
    parser.add_argument("--basis", type=Path, metavar="BASIS", help="as diffmrs fit takes it")
    parser.add_argument("--out", type=Path, metavar="MODEL.safetensors", help="the trained network")
    published = parser.add_argument_group("published estimators (docs/published.md)")
    published.add_argument("--preset", metavar="NAME|FILE", help="a published estimator, or a .toml file of your own")
    published.add_argument("--full", action="store_true", help="in the published size (default: a reduced one)")
    published.add_argument("--presets", action="store_true", help="list the presets and exit")
    parser.add_argument("--like", type=Path, metavar="DATA", help="sampled as these data (default: as the basis)")
    parser.add_argument("--mm", action="append", metavar="auto|none|lipids|SET", help="as in diffmrs fit")
    parser.add_argument("--basis-ppm", type=float, metavar="PPM", help="as in diffmrs fit")
    parser.add_argument("--te", type=float, metavar="MS", help="echo time of the basis (default: that of --like)")
    parser.add_argument(
        "--ppm", type=float, nargs=2, metavar=("LO", "HI"), help="what the network sees, ppm (default for 1H: 0.5 4.2)"
    )
    ranges = parser.add_argument_group("the population it is trained on")
    limits: dict[str, Any] = {"type": float, "nargs": 2, "metavar": ("LO", "HI")}
    for name, words in _RANGES.items():
        ranges.add_argument(f"--{name}", **limits, help=words)
    ranges.add_argument("--spread", type=float, metavar="S", help="of the logarithm of concentrations (default 0.5)")
    ranges.add_argument(
        "--artefacts", type=float, metavar="P", help="share of spectra with residual water, and with lipids (0.2)"
    )
    how = parser.add_argument_group("training")
    how.add_argument("--encoder", default="subspace", metavar="NAME", help="docs/encoders.md (default %(default)s)")
    how.add_argument(
        "--flow", type=int, default=0, metavar="N", help="layers of a normalising flow (default 0: a full Gaussian)"
    )
    how.add_argument("--steps", type=int, metavar="N", help="default 10000, or as the preset says")
    how.add_argument("--batch", type=int, default=128, metavar="N", help="spectra per step (default %(default)s)")
    how.add_argument("--learning-rate", type=float, default=1e-3, metavar="R", help="default %(default)s")
    how.add_argument(
        "--patience", type=int, default=0, metavar="N", help="stop after N validations without a better one (0: never)"
    )
    how.add_argument("--precision", default="input", metavar="input|float32|bfloat16", help="of the encoder")
    how.add_argument("--seed", type=int, default=0, help="of weights and examples (default %(default)s)")


_FOR_PROTOCOLS = {  # what a preset says itself, and its value when nothing was typed
    **dict.fromkeys((*_RANGES, "spread", "artefacts", "te", "ppm")), "encoder": "subspace", "flow": 0, "batch": 128,
    "learning_rate": 1e-3, "patience": 0, "precision": "input",
}  # fmt: skip


def preset_options(arguments: argparse.Namespace, sampling: dict[str, float]) -> "PresetOptions":
    """What was typed about a preset.

    Raises:
        InputError: an option has a value that makes no sense, or does not go with a preset.
    """
    from diffmrs.pipeline.presets import PresetOptions
    from diffmrs.pipeline.training import TrainOptions

    _check_files(arguments)
    for name, unsaid in _FOR_PROTOCOLS.items():
        if getattr(arguments, name) != unsaid:
            option = name.replace("_", "-")
            raise InputError(f"--{option} does not go with --preset; copy the preset's file and change that")
    files = TrainOptions(
        basis=arguments.basis,
        out=arguments.out,
        like=arguments.like,
        macromolecules=tuple(arguments.mm or ("none",)),  # recipes name theirs
        basis_ppm_reference=arguments.basis_ppm,
        sampling=tuple(sampling.items()),
    )
    return PresetOptions(arguments.preset, files, arguments.full, arguments.steps, arguments.seed or None)


def _check_files(arguments: argparse.Namespace) -> None:
    missing = [f"--{name}" for name in ("basis", "out") if getattr(arguments, name) is None]
    if missing:
        raise InputError(f"{' and '.join(missing)} must be given; see diffmrs train --help")
    if not 0 <= arguments.seed < 2**32:
        raise InputError(f"--seed is {arguments.seed}; it must be between 0 and {2**32 - 1}")


def train_options(arguments: argparse.Namespace, sampling: dict[str, float]) -> "TrainOptions":
    """What was typed, in the units of the library.

    Raises:
        InputError: an option has a value that makes no sense.
    """
    from diffmrs.learn.protocol import Ranges
    from diffmrs.learn.training import Training
    from diffmrs.pipeline.training import TrainOptions

    _check_files(arguments)
    if arguments.full:
        raise InputError("--full goes only with --preset")
    if not 0 <= arguments.flow <= 64:
        raise InputError(f"--flow is {arguments.flow}; it must be between 0 and 64")
    if arguments.te is not None and not 0 < arguments.te < 10_000:
        raise InputError(f"--te is {arguments.te:g}; it must lie between 0 and 10 000 ms")
    names = {"snr": "snr", "lorentzian": "lorentzian_hz", "gaussian": "gaussian_hz", "baseline": "baseline"}
    steps = 10_000 if arguments.steps is None else arguments.steps
    changed: dict[str, Any] = {
        field: tuple(getattr(arguments, name)) for name, field in names.items() if getattr(arguments, name)
    }
    changed |= {
        name: getattr(arguments, name) for name in ("spread", "artefacts") if getattr(arguments, name) is not None
    }
    return TrainOptions(
        basis=arguments.basis,
        out=arguments.out,
        like=arguments.like,
        macromolecules=tuple(arguments.mm or ("auto",)),
        ppm_range=None if arguments.ppm is None else (arguments.ppm[0], arguments.ppm[1]),
        ranges=Ranges(**changed),
        training=Training(
            steps=steps,
            batch=arguments.batch,
            learning_rate=arguments.learning_rate,
            patience=arguments.patience,
            every=max(steps // 40, 1),
            seed=arguments.seed,
        ),
        encoder=arguments.encoder,
        precision=arguments.precision,
        flow_layers=arguments.flow,
        echo_time_s=None if arguments.te is None else 1e-3 * arguments.te,
        basis_ppm_reference=arguments.basis_ppm,
        sampling=tuple(sampling.items()),
    )


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `diffmrs quantify` that `diffmrs fit` has not."""
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL", help="from diffmrs train")
    parser.add_argument(
        "--steps",
        default="2",
        metavar="N|all",
        help="steps of the fit from the network's answer: 0 keeps it, all goes to the end (default %(default)s)",
    )


def network_steps(text: str) -> int | None:
    """What `--steps` was told.

    Raises:
        InputError: it is neither a whole number from 0 to 100 nor `all`.
    """
    if text == "all":
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= 100):
        raise InputError(f"--steps is {text!r}; it must be a whole number from 0 to 100, or all")
    return int(text)
