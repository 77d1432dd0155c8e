"""`diffmrs classify`: its options, and what they mean in the units of the library."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from diffmrs.errors import InputError

if TYPE_CHECKING:
    from diffmrs.pipeline.classified import ClassifyOptions


def add_classify_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `diffmrs classify`."""
    parser.add_argument(
        "table", type=Path, metavar="TABLE.csv", help="columns file, patient, label (1: tumour); x, y, z, spectrum"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for tables, metrics, figures")
    how = parser.add_argument_group("cross-validation, patients left out")
    how.add_argument("--folds", type=int, default=10, metavar="N", help="default %(default)s")
    how.add_argument("--seeds", type=int, default=1, metavar="N", help="runs with other folds and weights (default 1)")
    how.add_argument(
        "--baselines", nargs="*", default=["svm", "forest"], metavar="NAME", help="svm, forest (default both)"
    )
    seen = parser.add_argument_group("what the network sees")
    seen.add_argument(
        "--ppm", type=float, nargs=2, default=(0.2, 4.3), metavar=("LO", "HI"), help="ppm (default 0.2 4.3)"
    )
    seen.add_argument("--points", type=int, default=288, metavar="N", help="of the real part (default %(default)s)")
    network = parser.add_argument_group("network")
    network.add_argument("--reduced", action="store_true", help="a smaller network, for a CPU")
    network.add_argument("--steps", type=int, metavar="N", help="of training (default 6300; 300 with --reduced)")
    network.add_argument("--learning-rate", type=float, metavar="R", help="default 3e-4; 1e-3 with --reduced")
    network.add_argument("--robust", type=float, default=0.0, metavar="Q", help="generalised cross-entropy, 0 to 1")
    network.add_argument("--smoothing", type=float, default=0.0, metavar="S", help="of labels, 0 to 1")
    chosen = parser.add_argument_group("distillation and mixing (Lu et al. 2021)")
    chosen.add_argument("--distil", action="store_true", help="train on spectra that a first network is sure of")
    chosen.add_argument("--theta", type=float, metavar="P", help="how sure (default 0.99)")
    chosen.add_argument("--distil-epochs", type=int, metavar="N", help="of the first network (default 5)")
    chosen.add_argument("--agree", action="store_true", help="and of the label that they carry")
    chosen.add_argument("--mix", metavar="same|other|both", help="add mixtures with spectra of these classes")
    chosen.add_argument("--alpha", type=float, metavar="A", help="share of the partner (default 0.5)")
    chosen.add_argument("--factor", type=int, metavar="N", help="spectra afterwards for one before (default 5)")


def classify_options(arguments: argparse.Namespace) -> "ClassifyOptions":
    """What was typed, in the units of the library.

    Raises:
        InputError: an option has a value that makes no sense, or cannot go with the others.
    """
    from diffmrs.classify import (
        BASELINES,
        REDUCED,
        ClassifierOptions,
        ClassLoss,
        Distillation,
        Mixing,
        PpmPoints,
        ResCNN,
    )
    from diffmrs.classify.classifier import PUBLISHED_TRAINING
    from diffmrs.pipeline.classified import ClassifyOptions

    if not 2 <= arguments.folds <= 1000:
        raise InputError(f"--folds is {arguments.folds}; it must be between 2 and 1000")
    if not 1 <= arguments.seeds <= 1000:
        raise InputError(f"--seeds is {arguments.seeds}; it must be between 1 and 1000")
    for name in arguments.baselines:
        if name not in BASELINES:
            raise InputError(f"--baselines is {name!r}; there are {', '.join(BASELINES)}")
    for option, needed in (("theta", "distil"), ("distil_epochs", "distil"), ("alpha", "mix"), ("factor", "mix")):
        if getattr(arguments, option) is not None and not getattr(arguments, needed):
            raise InputError(f"--{option.replace('_', '-')} is given without --{needed}")
    if arguments.agree and not arguments.distil:
        raise InputError("--agree is given without --distil")
    sure = {"theta": arguments.theta, "epochs": arguments.distil_epochs}
    blend = {"alpha": arguments.alpha, "factor": arguments.factor}
    steps = arguments.steps or (300 if arguments.reduced else PUBLISHED_TRAINING.steps)
    training = replace(
        PUBLISHED_TRAINING,
        steps=steps,
        every=max(steps // 30, 1),
        learning_rate=arguments.learning_rate or (1e-3 if arguments.reduced else PUBLISHED_TRAINING.learning_rate),
    )
    distillation, mixing = None, None
    if arguments.distil:
        distillation = Distillation(agree=arguments.agree, **{k: v for k, v in sure.items() if v is not None})
    if arguments.mix is not None:
        mixing = Mixing(arguments.mix, **{k: v for k, v in blend.items() if v is not None})
    network = REDUCED if arguments.reduced else ResCNN()
    if not 16 <= arguments.points <= 65536 or arguments.points % 2**network.halvings:
        raise InputError(f"--points is {arguments.points}; it must be a multiple of {2**network.halvings}")
    return ClassifyOptions(
        table=arguments.table,
        out=arguments.out,
        classifier=ClassifierOptions(
            network=network,
            training=training,
            loss=ClassLoss(arguments.robust, arguments.smoothing),
            distillation=distillation,
            mixing=mixing,
        ),
        spec=PpmPoints((arguments.ppm[0], arguments.ppm[1]), arguments.points),
        folds=arguments.folds,
        seeds=arguments.seeds,
        baselines=tuple(arguments.baselines),
    )
