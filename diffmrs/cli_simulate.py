"""`diffmrs simulate`: its options, and what they mean in the units of the library."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmrs.errors import InputError

if TYPE_CHECKING:
    from diffmrs.pipeline.cohort_files import CohortOptions
    from diffmrs.pipeline.simulated import SimulateOptions

_ARTEFACTS = {
    "water": "residual water: first sample over the largest of the metabolites",
    "lipids": "lipids at 0.9 and 1.3 ppm, likewise",
    "echo": "spurious echo, likewise",
    "eddy": "phase of eddy currents at the start, degrees",
    "drift": "change of frequency over the average, Hz",
}


def add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `diffmrs simulate`."""
    limits: dict[str, Any] = {"type": float, "nargs": 2, "metavar": ("LO", "HI")}
    parser.add_argument("--basis", type=Path, required=True, metavar="BASIS", help="as diffmrs fit takes it")
    parser.add_argument("--n", type=int, required=True, metavar="N", help="number of spectra")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="OUT.nii.gz", help="spectra; the truth lies beside it"
    )
    parser.add_argument("--seed", type=int, default=0, help="other seed, other spectra (default %(default)s)")
    parser.add_argument(
        "--recipe",
        default="brain",
        metavar="brain|NAME",
        help="brain, or that of a publication: hatami2018, shamaei2021, rizzo2022, shamaei2023 (default %(default)s)",
    )
    parser.add_argument(
        "--physical", action="store_true", help="the recipe with noise added last and no negative damping"
    )
    parser.add_argument(
        "--basis-ppm", type=float, metavar="PPM", help="chemical shift a .BASIS file is centred on, ppm (default 4.65)"
    )
    cohort = parser.add_argument_group("patients with and without a tumour, instead of a recipe")
    cohort.add_argument(
        "--cohort", type=int, metavar="PATIENTS", help="that many; --n is then the spectra of each (diffmrs classify)"
    )
    cohort.add_argument("--wrong", type=float, metavar="SHARE", help="of the labels that are wrong (default 0.2)")
    brain = parser.add_argument_group("with --recipe brain, values equally likely from LO to HI")
    brain.add_argument("--snr", **limits, help="signal-to-noise ratio (default 10 40)")
    brain.add_argument(
        "--snr-definition",
        metavar="peak|magnitude|lcmodel|first-point|power-db",
        help="what --snr means (default peak: as in quality.csv)",
    )
    brain.add_argument("--spread", type=float, metavar="S", help="of concentrations, of their logarithm (default 0.3)")
    brain.add_argument("--baseline", **limits, help="root mean square of a smooth baseline over the tallest peak")
    for name, words in _ARTEFACTS.items():
        brain.add_argument(f"--{name}", **limits, help=words)


def simulate_options(arguments: argparse.Namespace) -> "SimulateOptions":
    """What was typed, in the units of the library.

    Raises:
        InputError: an option has a value that makes no sense, or cannot go with the others.
    """
    from diffmrs.pipeline.simulated import MOST_SPECTRA, SimulateOptions
    from diffmrs.simulate import RECIPES, SNR_DEFINITIONS

    if arguments.wrong is not None:
        raise InputError("--wrong is given without --cohort")
    if not 1 <= arguments.n <= MOST_SPECTRA:
        raise InputError(f"--n is {arguments.n}; it must be between 1 and {MOST_SPECTRA}")
    if not 0 <= arguments.seed < 2**32:
        raise InputError(f"--seed is {arguments.seed}; it must be between 0 and {2**32 - 1}")
    if arguments.recipe != "brain" and arguments.recipe not in RECIPES:
        raise InputError(f"--recipe is {arguments.recipe!r}; it must be brain, {', '.join(RECIPES)}")
    limited = ("snr", "baseline", *_ARTEFACTS)
    if arguments.recipe != "brain":
        for name in (*limited, "snr_definition", "spread"):
            if getattr(arguments, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise InputError(f"{option} is given, but the recipe {arguments.recipe} has its own values")
    elif arguments.physical:
        raise InputError("--physical is given, but the recipe brain has no other form")
    definition = arguments.snr_definition or "peak"
    if definition not in SNR_DEFINITIONS:
        raise InputError(f"--snr-definition is {definition!r}; it must be one of {', '.join(SNR_DEFINITIONS)}")
    ranges = {name: _range(arguments, name, definition) for name in limited}
    snr, baseline = ranges.pop("snr"), ranges.pop("baseline")
    if ranges["eddy"] is not None:
        ranges["eddy"] = (math.radians(ranges["eddy"][0]), math.radians(ranges["eddy"][1]))
    spread = 0.3 if arguments.spread is None else arguments.spread
    if not 0 <= spread <= 3:
        raise InputError(f"--spread is {spread:g}; it must be between 0 and 3")
    return SimulateOptions(
        basis=arguments.basis,
        count=arguments.n,
        out=arguments.out,
        seed=arguments.seed,
        recipe=arguments.recipe,
        physical=arguments.physical,
        snr=snr or (10.0, 40.0),
        snr_definition=definition,
        spread=spread,
        baseline=baseline,
        artefacts={name: limits for name, limits in ranges.items() if limits is not None},
        basis_ppm_reference=arguments.basis_ppm,
    )


def cohort_options(arguments: argparse.Namespace) -> "CohortOptions":
    """What was typed with `--cohort`.

    Raises:
        InputError: an option has a value that makes no sense, or belongs to recipes.
    """
    from diffmrs.pipeline.cohort_files import CohortOptions
    from diffmrs.pipeline.simulated import MOST_SPECTRA
    from diffmrs.simulate import Cohort

    for name in ("snr", "baseline", *_ARTEFACTS, "snr_definition", "spread", "physical"):
        if getattr(arguments, name):
            raise InputError(f"--{name.replace('_', '-')} is given, but --cohort has its own values")
    if arguments.recipe != "brain":
        raise InputError("--recipe is given, but --cohort has its own")
    if not 0 <= arguments.seed < 2**32:
        raise InputError(f"--seed is {arguments.seed}; it must be between 0 and {2**32 - 1}")
    if not (arguments.cohort >= 2 and arguments.n >= 1 and arguments.cohort * arguments.n <= MOST_SPECTRA):
        raise InputError(
            f"--cohort is {arguments.cohort} and --n {arguments.n}; at least 2 patients of 1 spectrum, and at most "
            f"{MOST_SPECTRA} spectra in all, are possible"
        )
    wrong = 0.2 if arguments.wrong is None else arguments.wrong
    return CohortOptions(
        basis=arguments.basis,
        out=arguments.out,
        cohort=Cohort(patients=arguments.cohort, voxels=arguments.n, wrong=wrong),
        seed=arguments.seed,
        basis_ppm_reference=arguments.basis_ppm,
    )


def _range(arguments: argparse.Namespace, name: str, definition: str) -> tuple[float, float] | None:
    given = getattr(arguments, name)
    if given is None:
        return None
    low, high = given
    positive = name == "snr" and definition != "power-db"
    signed = name in ("eddy", "drift") or (name == "snr" and not positive)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high and (signed or low > 0 or not positive)):
        raise InputError(f"--{name} is {low:g} {high:g}; LO must not be above HI{', and above 0' if positive else ''}")
    if not signed and low < 0:
        raise InputError(f"--{name} is {low:g} {high:g}; it must not be negative")
    return low, high
