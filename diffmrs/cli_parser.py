"""What the command `diffmrs` can be told; JAX is not imported here."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from diffmrs.cli_classify import add_classify_arguments
from diffmrs.cli_fit import add_fit_arguments
from diffmrs.cli_learn import add_train_arguments
from diffmrs.cli_raw import add_raw_arguments
from diffmrs.cli_simulate import add_simulate_arguments

UNUSABLE_INPUT = 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the usage and a line."""
        self.exit(UNUSABLE_INPUT, f"diffmrs: {message}; see {self.prog} --help\n")


def command_parser(run: Mapping[str, Callable[[argparse.Namespace], None]]) -> argparse.ArgumentParser:
    """The parser of all commands.

    Args:
        run: what runs each command.
    """
    parser = _Parser(prog="diffmrs", description="Differentiable magnetic resonance spectroscopy: fit spectra.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    common = _Parser(add_help=False)
    common.add_argument("--verbose", action="store_true", help="tell each step, and show warnings of other libraries")
    sampling = _Parser(add_help=False)
    sampling.add_argument("--bandwidth", type=float, metavar="HZ", help="for LCModel .RAW files, which lack it, Hz")
    sampling.add_argument("--frequency", type=float, metavar="MHZ", help="for LCModel .RAW files, which lack it, MHz")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Parser)

    demo = commands.add_parser(
        "demo", parents=[common], help="simulate a brain spectrum, fit it and report; needs no input"
    )
    demo.add_argument(
        "--out", type=Path, default=Path("diffmrs_demo"), metavar="DIR", help="folder (default %(default)s)"
    )
    demo.add_argument("--seed", type=int, default=0, help="of the noise (default %(default)s)")
    demo.set_defaults(command=run["demo"])

    info = commands.add_parser("info", parents=[common, sampling], help="what a data or basis file holds")
    info.add_argument("file", type=Path, metavar="FILE", help="data file, basis file or basis folder")
    info.set_defaults(command=run["info"])

    basis = commands.add_parser("basis", parents=[common], help="simulate a basis set from spin systems")
    what = basis.add_argument_group("what is played (times in ms)")
    what.add_argument("--sequence", metavar="NAME", help="fid, spin-echo, press, steam, slaser, special, mega-press …")
    what.add_argument("--protocol", metavar="NAME", help="a vendor's protocol with its times; --list names them")
    for time in ("te", "te1", "te2", "tm"):
        what.add_argument(f"--{time}", type=float, metavar="MS")
    what.add_argument("--delay", type=float, default=0.0, metavar="MS", help="from pulse to first sample, of fid")
    what.add_argument(
        "--edit", type=float, nargs=2, metavar=("ON", "OFF"), help="editing pulses of mega-press and mega-slaser, ppm"
    )
    sampled = basis.add_argument_group("how it is sampled")
    sampled.add_argument("--frequency", type=float, metavar="MHZ", help="spectrometer frequency, MHz")
    sampled.add_argument("--points", type=int, default=2048, metavar="N", help="samples (default %(default)s)")
    sampled.add_argument("--bandwidth", type=float, default=4000.0, metavar="HZ", help="Hz (default %(default)s)")
    sampled.add_argument("--nucleus", default="1H", help="default %(default)s")
    members = basis.add_argument_group("what is in it")
    members.add_argument("--metabolites", nargs="+", metavar="NAME", help="default: 20 of a brain spectrum")
    members.add_argument(
        "--mm", default="none", metavar="auto|none|SET", help="macromolecule and lipid lines (default %(default)s)"
    )
    members.add_argument("--linewidth", type=float, default=0.0, metavar="HZ", help="Lorentzian width (default 0)")
    basis.add_argument("--out", type=Path, metavar="PATH", help=".BASIS or .txt (jMRUI) file, or a folder")
    basis.add_argument("--format", default="nifti", metavar="nifti|raw|fsl", help="of a folder (default %(default)s)")
    basis.add_argument("--list", action="store_true", help="list protocols and metabolites and exit")
    basis.set_defaults(command=run["basis"])

    simulate = commands.add_parser("simulate", parents=[common], help="many synthetic spectra and the truth about them")
    add_simulate_arguments(simulate)
    simulate.set_defaults(command=run["simulate"])

    preprocess = commands.add_parser(
        "preprocess", parents=[common, sampling], help="raw coils and transients to a clean spectrum"
    )
    add_raw_arguments(preprocess)
    preprocess.set_defaults(command=run["preprocess"])

    fit = commands.add_parser("fit", parents=[common, sampling], help="fit every spectrum of a file with a basis set")
    add_fit_arguments(fit)
    fit.set_defaults(command=run["fit"])

    train = commands.add_parser("train", parents=[common, sampling], help="train a network for one protocol")
    add_train_arguments(train)
    train.set_defaults(command=run["train"])

    quantify = commands.add_parser(
        "quantify", parents=[common, sampling], help="apply a trained network, and a few steps of the fit after it"
    )
    add_fit_arguments(quantify, network=True)
    quantify.set_defaults(command=run["quantify"])

    classify = commands.add_parser(
        "classify", parents=[common], help="tell tumour spectra from others, patients left out in turn"
    )
    add_classify_arguments(classify)
    classify.set_defaults(command=run["classify"])
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version, looked up only when asked for."""
        from diffmrs.provenance import __version__

        print(f"diffmrs {__version__}")
        parser.exit(0)
