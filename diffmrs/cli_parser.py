"""What the command `diffmrs` can be told; JAX is not imported here."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from diffmrs.cli_model import add_model_arguments
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
    fit.add_argument("data", type=Path, metavar="DATA", help="NIfTI-MRS, LCModel .RAW or jMRUI .txt file")
    fit.add_argument(
        "--basis", type=Path, required=True, metavar="BASIS", help="LCModel .BASIS or jMRUI file, or folder of members"
    )
    fit.add_argument(
        "--out", type=Path, default=Path("diffmrs_fit"), metavar="DIR", help="folder (default %(default)s)"
    )
    fit.add_argument(
        "--water", type=Path, metavar="WREF", help="unsuppressed water scan: gives concentrations in mM, serves --ecc"
    )
    fit.add_argument("--ecc", action="store_true", help="correct eddy currents with the water scan (Klose 1990)")
    fit.add_argument("--remove-water", action="store_true", help="remove the residual water line first (HSVD)")
    fit.add_argument(
        "--mm",
        action="append",
        metavar="auto|none|lipids|SET|FILE",
        help="macromolecule lines: auto adds a measured set when a 1H basis has none; FILE is a measured, "
        "metabolite-nulled spectrum; may be repeated (default auto)",
    )
    fit.add_argument("--mm-water", type=Path, metavar="WREF", help="water scan of the measured macromolecules")
    fit.add_argument(
        "--basis-ppm", type=float, metavar="PPM", help="chemical shift a .BASIS file is centred on, ppm (default 4.65)"
    )
    volume = fit.add_argument_group("volumes (MRSI)")
    volume.add_argument(
        "--mask", type=Path, metavar="auto|MASK", help="NIfTI image, voxels above 0 are fitted; auto finds the brain"
    )
    volume.add_argument(
        "--suppress-lipids",
        type=Path,
        nargs="?",
        const=Path("auto"),
        metavar="auto|MASK",
        help="L2 suppression of lipids that leak from the skull, found in the data or given as a NIfTI image",
    )
    volume.add_argument("--lipid-strength", type=float, metavar="BETA", help="of that (default: from the data)")
    volume.add_argument(
        "--smooth",
        type=float,
        nargs="*",
        metavar="HZ DEG HZ",
        help="fit all voxels together, expecting neighbours to differ by so much in shift, phase and line width "
        "(without numbers the data tell); amplitudes stay free",
    )
    volume.add_argument("--align", action="store_true", help="bring all voxels to one frequency and phase first")
    volume.add_argument(
        "--save-spectra", action="store_true", help="also write fit, baseline and residual as NIfTI-MRS in spectra/"
    )
    volume.add_argument(
        "--search-starts", action="store_true", help="search every start instead of taking that of a neighbour"
    )
    volume.add_argument(
        "--chunk", type=int, metavar="N", help="spectra per compiled call (default: as many as suit the devices)"
    )
    volume.add_argument(
        "--hosts",
        nargs="+",
        metavar="auto|ADDRESS",
        help="one of several processes that fit one volume into the same folder: auto under SLURM or Open MPI, or "
        "ADDRESS:PORT of the first process, how many there are, and which this is, from 0",
    )
    fit.add_argument(
        "--ppm", type=float, nargs=2, metavar=("LO", "HI"), help="limits of the fit, ppm (default for 1H: 0.5 4.2)"
    )
    add_model_arguments(fit)
    fit.add_argument(
        "--keep-reference", action="store_true", help="keep the reference singlet at 0 ppm in the basis set"
    )
    fit.add_argument(
        "--plot-index", type=int, metavar="I", help="fitted spectrum to plot, from 0 (default: of median SNR)"
    )
    _add_concentration_options(fit)
    fit.set_defaults(command=run["fit"])
    return parser


def _add_concentration_options(fit: argparse.ArgumentParser) -> None:
    group = fit.add_argument_group("concentrations from the water scan (times in ms)")
    group.add_argument(
        "--water-scaling",
        default="time-zero",
        metavar="time-zero|lcmodel",
        help="signals: FIDs at time zero, or areas as LCModel integrates them (default %(default)s)",
    )
    without = fit.add_argument_group("without tissue fractions: LCModel's convention")
    without.add_argument("--water-mm", type=float, metavar="MM", help="water in the voxel, mM (default 35880)")
    without.add_argument(
        "--water-attenuation", type=float, metavar="A", help="water left after relaxation (default 0.7)"
    )
    without.add_argument(
        "--metabolite-attenuation", type=float, metavar="A", help="the same of metabolites (default 1)"
    )
    tissue = fit.add_argument_group("with tissue fractions: molar and molal, water and relaxation by tissue")
    three = ("GM", "WM", "CSF")
    tissue.add_argument("--tissue", type=float, nargs=3, metavar=three, help="volume fractions, 0 to 1")
    tissue.add_argument("--tissue-maps", type=Path, nargs=3, metavar=three, help="NIfTI images of the fractions")
    tissue.add_argument("--te", type=float, metavar="MS", help="echo time, instead of the headers' EchoTime")
    tissue.add_argument("--tr", type=float, metavar="MS", help="repetition time, instead of RepetitionTime; may be inf")
    tissue.add_argument("--water-t1", type=float, nargs=3, metavar=three, help="default: tables at 1.5, 3 and 7 T")
    tissue.add_argument("--water-t2", type=float, nargs=3, metavar=three, help="the same")
    tissue.add_argument("--metabolite-t1", type=float, metavar="MS", help="of all metabolites; default: tables")
    tissue.add_argument("--metabolite-t2", type=float, metavar="MS", help="the same")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version, looked up only when asked for."""
        from diffmrs.provenance import __version__

        print(f"diffmrs {__version__}")
        parser.exit(0)
