"""From what was typed to the units and options of the library; nothing that was typed is silently of no use."""

import argparse
import math
from typing import TYPE_CHECKING, Any

from diffmrs.cli_learn import network_steps
from diffmrs.cli_model import model_choices, model_options
from diffmrs.errors import InputError

if TYPE_CHECKING:
    from diffmrs.pipeline import FitOptions


def check_fit(arguments: argparse.Namespace) -> None:
    """What can be refused before JAX is imported.

    Raises:
        InputError: an option has a value that makes no sense, or needs another one.
    """
    model_choices(arguments)
    if arguments.chunk is not None and arguments.chunk < 1:
        raise InputError(f"--chunk is {arguments.chunk}; it must be at least 1")
    if arguments.lipid_strength is not None and arguments.suppress_lipids is None:
        raise InputError("--lipid-strength is given, but it serves --suppress-lipids, which is not")


def fit_options(arguments: argparse.Namespace) -> "FitOptions":
    """The options of `diffmrs fit`.

    Raises:
        InputError: an option has a value that makes no sense.
    """
    from diffmrs.pipeline import FitOptions

    network = getattr(arguments, "model", None)
    return FitOptions(
        data=arguments.data,
        basis=arguments.basis if network is None else network,
        mask=arguments.mask,
        ppm_range=None if arguments.ppm is None else (arguments.ppm[0], arguments.ppm[1]),
        model=model_options(model_choices(arguments)),
        water=arguments.water,
        **_concentrations(arguments),
        ecc=arguments.ecc,
        remove_water=arguments.remove_water,
        macromolecules=tuple(arguments.mm or ("auto",)),
        macromolecule_water=arguments.mm_water,
        basis_ppm_reference=arguments.basis_ppm,
        keep_reference=arguments.keep_reference,
        plot_index=arguments.plot_index,
        neighbours=not arguments.search_starts,
        save_spectra=arguments.save_spectra,
        align=arguments.align,
        smooth=_smooth(arguments.smooth),
        lipids=arguments.suppress_lipids,
        lipid_strength=arguments.lipid_strength,
        chunk=arguments.chunk,
        sampling=sampling_of(arguments),
        network=network,
        network_steps=None if network is None else network_steps(arguments.steps),
    )


def hosts_of(given: list[str] | None) -> tuple[str | None, int | None, int | None] | None:
    """What `--hosts` was told: address of the first process, how many, and which this is."""
    if given is None:
        return None
    if given == ["auto"]:
        return None, None, None
    if len(given) != 3 or ":" not in given[0] or not (given[1].isdigit() and given[2].isdigit()):
        told = " ".join(given)
        raise InputError(f"--hosts is {told!r}; it must be auto, or three values such as 10.0.0.1:9876 4 0")
    return given[0], int(given[1]), int(given[2])


def _concentrations(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options about water, tissue and relaxation, in the units of the library; none is silently of no use."""
    from diffmrs.quantify import TissueOptions, WaterReference

    if arguments.water_scaling not in ("time-zero", "lcmodel"):
        raise InputError(f"--water-scaling is {arguments.water_scaling!r}; it must be time-zero or lcmodel")
    with_tissue = arguments.tissue is not None or arguments.tissue_maps is not None
    plain = ("water_mm", "water_attenuation", "metabolite_attenuation")
    by_tissue = ("te", "tr", "water_t1", "water_t2", "metabolite_t1", "metabolite_t2")
    for name in plain if with_tissue else by_tissue:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            fix = "it cannot go with" if with_tissue else "it serves concentrations by tissue and needs"
            raise InputError(f"{option} is given, but {fix} --tissue or --tissue-maps")
    chosen: dict[str, Any] = {"water_scaling": arguments.water_scaling}
    if not with_tissue:
        given = {name: getattr(arguments, name) for name in plain if getattr(arguments, name) is not None}
        if "water_mm" in given:
            given["water_concentration_mm"] = given.pop("water_mm")
        return chosen | {"water_reference": WaterReference(**given)}
    if arguments.te is not None and not 0 <= arguments.te < float("inf"):
        raise InputError(f"--te is {arguments.te:g} ms; it must be at least 0")
    times = {f"{name}_s": _seconds(name, getattr(arguments, name)) for name in by_tissue if name not in ("te", "tr")}
    return chosen | {
        "tissue": TissueOptions(
            fractions=None if arguments.tissue is None else tuple(arguments.tissue),
            maps=None if arguments.tissue_maps is None else tuple(arguments.tissue_maps),
            echo_time_s=None if arguments.te is None else arguments.te / 1e3,
            repetition_time_s=_seconds("tr", arguments.tr),
            **times,
        )
    }


def _smooth(given: list[float] | None) -> tuple[float, ...] | None:
    """Expected differences of neighbours in Hz, rad and Hz."""
    if given is None or not given:
        return None if given is None else ()
    if len(given) != 3 or not all(value > 0 for value in given):
        raise InputError(f"--smooth is {' '.join(f'{v:g}' for v in given)}; it takes nothing, or HZ DEG HZ above 0")
    return (given[0], math.radians(given[1]), given[2])


def _seconds(name: str, milliseconds: Any) -> Any:
    """Times given in ms, each above 0 and possibly infinite, in s."""
    if milliseconds is None:
        return None
    values = milliseconds if isinstance(milliseconds, list) else [milliseconds]
    if not all(value > 0 for value in values):
        told = " ".join(f"{value:g}" for value in values)
        raise InputError(f"--{name.replace('_', '-')} is {told} ms; it must be above 0")
    return tuple(value / 1e3 for value in values) if isinstance(milliseconds, list) else milliseconds / 1e3


def sampling_of(arguments: argparse.Namespace) -> dict[str, float]:
    """What the user knows about the sampling, in the units of the library."""
    sampling = {}
    for option, value in (("--bandwidth", arguments.bandwidth), ("--frequency", arguments.frequency)):
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{option} is {value:g}; it must be above 0")
    if arguments.bandwidth is not None:
        sampling["dwell_time_s"] = 1.0 / arguments.bandwidth
    if arguments.frequency is not None:
        sampling["spectrometer_frequency_mhz"] = arguments.frequency
    return sampling
