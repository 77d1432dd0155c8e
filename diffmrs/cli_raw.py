"""`diffmrs preprocess`: its options, and what runs them."""

import argparse
import math
from pathlib import Path
from typing import Any

from diffmrs.errors import InputError


def add_raw_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `diffmrs preprocess`."""
    parser.add_argument("data", type=Path, metavar="RAW", help="NIfTI-MRS, LCModel .RAW or jMRUI .txt file")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="OUT.nii.gz", help="clean spectra; other outputs lie beside it"
    )
    parser.add_argument(
        "--water", type=Path, metavar="WREF", help="unsuppressed water scan: coil sensitivities, eddy currents, scale"
    )
    parser.add_argument("--ecc-water", type=Path, metavar="WREF", help="another water scan for eddy currents")
    parser.add_argument(
        "--coils", default="svd", metavar="svd|water", help="where sensitivities come from (default %(default)s)"
    )
    steps = parser.add_argument_group("steps")
    steps.add_argument("--remove-offset", action="store_true", help="take the constant offset off each FID first")
    steps.add_argument(
        "--ecc",
        default="smooth",
        metavar="smooth|plain|none",
        help="eddy currents, with the phase of the water scan smoothed or as measured (default %(default)s)",
    )
    steps.add_argument(
        "--align",
        default="auto",
        metavar="auto|robust|registration|peaks|none",
        help="of transients in frequency and phase (default: robust for 1H)",
    )
    steps.add_argument("--align-ppm", type=float, nargs=2, metavar=("LO", "HI"), help="what registration compares, ppm")
    steps.add_argument(
        "--average", default="weighted", metavar="weighted|mean|none", help="of transients (default %(default)s)"
    )
    steps.add_argument(
        "--reference",
        default="auto",
        metavar="auto|cr-cho|naa|none",
        help="lines that set frequency and phase at the end (default: creatine and choline for 1H)",
    )
    steps.add_argument("--keep-water", action="store_true", help="leave the residual water line, to be fitted")
    steps.add_argument("--water-band", type=float, nargs=2, metavar=("LO", "HI"), help="ppm (default 4.3 5.0)")
    steps.add_argument("--remove-lipids", action="store_true", help="also remove lines from 0 to 1.8 ppm")
    steps.add_argument("--hamming", action="store_true", help="filter a volume with a Hamming window over k-space")
    shown = parser.add_argument_group("sampling and phase (rarely needed before a fit)")
    shown.add_argument("--time-shift", type=float, default=0.0, metavar="MS", help="take off the start of each FID")
    shown.add_argument("--phase0", type=float, default=0.0, metavar="DEG", help="zero-order phase to give at the end")
    shown.add_argument("--phase1", type=float, default=0.0, metavar="MS", help="first-order phase to give at the end")
    shown.add_argument("--truncate", type=int, metavar="N", help="points to keep")
    shown.add_argument("--apodise", type=float, default=0.0, metavar="HZ", help="Lorentzian width to add")
    shown.add_argument("--zero-fill", type=int, metavar="N", help="points after zero-filling")
    parser.add_argument("--plot-index", type=int, default=0, metavar="I", help="series that the page draws, from 0")


def raw_options(arguments: argparse.Namespace) -> Any:
    """What was typed, in the units of the library.

    Raises:
        InputError: an option has a value that makes no sense.
    """
    from diffmrs.raw import RawOptions

    if arguments.ecc == "none" and arguments.ecc_water is not None:
        raise InputError("--ecc-water is given, but --ecc none leaves eddy currents as they are")
    if arguments.keep_water and arguments.water_band is not None:
        raise InputError("--keep-water is given together with --water-band, which serves the removal of water")
    if arguments.coils == "water" and arguments.water is None:
        raise InputError("--coils water needs the water scan: name its file with --water")
    chosen: dict[str, Any] = {}
    if arguments.water_band is not None:
        chosen["water_band_ppm"] = tuple(arguments.water_band)
    if arguments.align_ppm is not None:
        chosen["align_ppm"] = tuple(arguments.align_ppm)
    return RawOptions(
        coils=arguments.coils,
        remove_offset=arguments.remove_offset,
        ecc=arguments.ecc,
        align=arguments.align,
        average=arguments.average,
        remove_water=not arguments.keep_water,
        remove_lipids=arguments.remove_lipids,
        reference=arguments.reference,
        time_shift_s=arguments.time_shift / 1e3,
        phase0_rad=math.radians(arguments.phase0),
        phase1_s=arguments.phase1 / 1e3,
        truncate=arguments.truncate,
        apodise_hz=arguments.apodise,
        zero_fill=arguments.zero_fill,
        hamming=arguments.hamming,
        **chosen,
    )
