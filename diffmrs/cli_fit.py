"""The options of `diffmrs fit`, most of which `diffmrs quantify` shares."""

import argparse
from pathlib import Path
from typing import Any

from diffmrs.cli_learn import add_network_arguments
from diffmrs.cli_model import add_model_arguments

# What a network has settled: its basis holds the macromolecules, and it tells where fits begin.
_OF_NETWORK: dict[str, Any] = {
    "mm": ["none"],
    "mm_water": None,
    "basis_ppm": None,
    "smooth": None,
    "search_starts": True,
    "hosts": None,
    "keep_reference": False,
}


def add_fit_arguments(fit: argparse.ArgumentParser, *, network: bool = False) -> None:
    """Add the options to a command.

    Args:
        fit: its parser.
        network: whether a trained network takes the place of the basis.
    """
    fit.add_argument("data", type=Path, metavar="DATA", help="NIfTI-MRS, LCModel .RAW or jMRUI .txt file")
    if network:
        add_network_arguments(fit)
        fit.set_defaults(**_OF_NETWORK)
    else:
        fit.add_argument(
            "--basis",
            type=Path,
            required=True,
            metavar="BASIS",
            help="LCModel .BASIS or jMRUI file, or folder of members",
        )
    default = Path("diffmrs_quantify" if network else "diffmrs_fit")
    fit.add_argument("--out", type=Path, default=default, metavar="DIR", help="folder (default %(default)s)")
    fit.add_argument(
        "--water", type=Path, metavar="WREF", help="unsuppressed water scan: gives concentrations in mM, serves --ecc"
    )
    fit.add_argument("--ecc", action="store_true", help="correct eddy currents with the water scan (Klose 1990)")
    fit.add_argument("--remove-water", action="store_true", help="remove the residual water line first (HSVD)")
    if not network:
        _add_basis_arguments(fit)
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
    if not network:
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
    if not network:
        volume.add_argument(
            "--search-starts", action="store_true", help="search every start instead of taking that of a neighbour"
        )
    volume.add_argument(
        "--chunk", type=int, metavar="N", help="spectra per compiled call (default: as many as suit the devices)"
    )
    if not network:
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
    if not network:
        fit.add_argument(
            "--keep-reference", action="store_true", help="keep the reference singlet at 0 ppm in the basis set"
        )
    fit.add_argument(
        "--plot-index", type=int, metavar="I", help="fitted spectrum to plot, from 0 (default: of median SNR)"
    )
    _add_concentration_options(fit)


def _add_basis_arguments(fit: argparse.ArgumentParser) -> None:
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
