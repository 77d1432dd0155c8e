"""From a description of a sequence to basis files: what the command `diffmrs basis` does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffmrs.axes import Acquisition, ppm_reference_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.io import write_basis
from diffmrs.io.dispatch import BasisFormat
from diffmrs.plot import basis_figure
from diffmrs.spins import (
    Sequence,
    editing_pulse,
    hermes,
    macromolecule_basis,
    mega,
    mega_press,
    mega_slaser,
    press,
    protocol,
    pulse_acquire,
    simulate_basis,
    simulate_edited,
    slaser,
    special,
    spin_echo,
    steam,
)

# What each sequence must be told, in ms.
TIMES = {
    "fid": (),
    "spin-echo": ("te",),
    "press": ("te1", "te2"),
    "steam": ("te", "tm"),
    "slaser": ("te",),
    "special": ("te",),
    "mega-press": ("te1", "te2"),
    "mega-slaser": ("te",),
    "hermes": ("te1", "te2"),
}
_EDITED = ("mega-press", "mega-slaser", "hermes")
_EMPTY = 1e-6  # a member this much weaker than the strongest has cancelled in a difference


@dataclass(frozen=True)
class BasisOptions:
    """Everything `diffmrs basis` was told.

    Attributes:
        out: `.BASIS` or `.txt` file, or folder.
        acquisition: dwell time, spectrometer frequency, nucleus and carrier.
        n_points: samples per FID.
        sequence: a key of `TIMES`, or None when a protocol is named.
        protocol: a name in `diffmrs.spins.PROTOCOLS`.
        times_ms: echo and mixing times, ms.
        delay_ms: acquisition delay of the sequence `fid`, ms.
        edit_ppm: centres of the editing pulses, ppm: ON and OFF; for HERMES the two bands.
        metabolites: names in the library; None for those of a brain spectrum.
        macromolecules: `"none"`, `"auto"` or the name of a set.
        lorentzian_fwhm_hz: width given to every line, Hz.
        format: `"nifti"`, `"raw"` or `"fsl"` for a folder; a file's ending decides for itself.
    """

    out: Path
    acquisition: Acquisition
    n_points: int = 2048
    sequence: str | None = None
    protocol: str | None = None
    times_ms: dict[str, float] | None = None
    delay_ms: float = 0.0
    edit_ppm: tuple[float, float] | None = None
    metabolites: tuple[str, ...] | None = None
    macromolecules: str = "none"
    lorentzian_fwhm_hz: float = 0.0
    format: BasisFormat = "nifti"


def acquisition_of(nucleus: str, frequency_mhz: float, bandwidth_hz: float) -> Acquisition:
    """Sampling of a basis from what a protocol card shows."""
    if not bandwidth_hz > 0:
        raise InputError(f"--bandwidth is {bandwidth_hz:g}; it must be above 0")
    return Acquisition(1.0 / bandwidth_hz, frequency_mhz, nucleus, ppm_reference_of(nucleus))


def sequences_of(options: BasisOptions) -> dict[str, Sequence]:
    """The sub-experiments by name; one called `"all"` for a sequence without editing.

    Raises:
        InputError: no or two sequences are named, or its times are missing, out of place or impossible.
    """
    if (options.sequence is None) == (options.protocol is None):
        raise InputError("give either --sequence with its times or --protocol")
    given = options.times_ms or {}
    if options.protocol is not None:
        if given:
            raise InputError(f"--{next(iter(given))} does not go with --protocol, which has its own times")
        return protocol(options.protocol).steps()
    name = str(options.sequence)
    if name not in TIMES:
        raise InputError(f"--sequence is {name!r}; it must be one of {', '.join(TIMES)}")
    wanted = TIMES[name]
    for time in wanted:
        if time not in given:
            raise InputError(f"sequence {name} needs --{' and --'.join(wanted)}, in ms; --{time} is missing")
    for time in given:
        if time not in wanted:
            raise InputError(f"sequence {name} has no --{time}; it takes {_listed(wanted)}")
    for time, value in (*given.items(), ("delay", options.delay_ms)):
        if not 0 <= value < 1e4:
            raise InputError(f"--{time} is {value:g}; it must be between 0 and 10000 ms")
    if options.delay_ms and name != "fid":
        raise InputError(f"sequence {name} has no --delay; only fid has")
    if options.edit_ppm is not None and name not in _EDITED:
        raise InputError(f"sequence {name} has no editing pulse; --edit goes with {', '.join(_EDITED)}")
    seconds = [given[time] / 1e3 for time in wanted]
    return _BUILD[name](options, *seconds)


def simulate(options: BasisOptions) -> dict[str, Basis]:
    """The basis sets by name: `"all"`, or the sub-experiments of an edited sequence with their sums and differences.

    Members that cancel in a difference are left out of it.

    Raises:
        InputError: a metabolite, sequence or set is not known, or a number is out of range.
    """
    steps = sequences_of(options)
    acquisition, n_points, width = options.acquisition, options.n_points, options.lorentzian_fwhm_hz
    if set(steps) == {"all"}:
        basis = simulate_basis(options.metabolites, steps["all"], acquisition, n_points, lorentzian_fwhm_hz=width)
        return {"all": _with_lines(basis, options)}
    if options.macromolecules != "none":
        raise InputError("--mm does not go with an edited sequence: the published lines are those of unedited spectra")
    bases = simulate_edited(options.metabolites, steps, acquisition, n_points, lorentzian_fwhm_hz=width)
    return {name: _without_empty(basis) for name, basis in bases.items()}


def write(options: BasisOptions, bases: dict[str, Basis], folder: Path) -> list[Path]:
    """Write each basis and its figure; a name is added to that of the file when there are several.

    Args:
        options: tells the names and the format.
        bases: from `simulate`.
        folder: where to write, instead of into the folder that `options.out` names.

    Returns:
        The files and folders as they are called below the folder of `options.out`.

    Raises:
        InputError: something cannot be written, or the format cannot hold it.
    """
    written = []
    for name, basis in bases.items():
        place, kind = _target(options, name)
        write_basis(folder / place.name, basis, kind)
        stem = place.stem if kind in ("lcmodel", "jmrui") else place.name
        basis_figure(basis).savefig(folder / f"{stem}.png")
        written += [place, place.with_name(f"{stem}.png")]
    return written


def check_targets(options: BasisOptions) -> None:
    """Refuse a folder that holds files already: members of another basis would stay among the new ones.

    Raises:
        InputError: there is such a folder.
    """
    for name in sequences_of(options):
        place, _ = _target(options, name)
        if place.is_dir() and any(place.iterdir()):
            raise InputError(f"{place}: holds files already; a basis set is written into a new or empty folder")


def _target(options: BasisOptions, name: str) -> tuple[Path, BasisFormat]:
    out = options.out
    place = out if name == "all" else out.with_name(f"{out.stem}_{name}{out.suffix}")
    ending = place.suffix.lower()
    return place, "lcmodel" if ending == ".basis" else "jmrui" if ending == ".txt" else options.format


def _with_lines(basis: Basis, options: BasisOptions) -> Basis:
    if options.macromolecules == "none":
        return basis
    chosen = None if options.macromolecules == "auto" else options.macromolecules
    return basis.joined(macromolecule_basis(chosen, options.acquisition, options.n_points))


def _without_empty(basis: Basis) -> Basis:
    strength = np.abs(np.asarray(basis.fid)).max(axis=1)
    return basis.select(name for name, s in zip(basis.names, strength, strict=True) if s > _EMPTY * strength.max())


def _listed(wanted: tuple[str, ...]) -> str:
    return " and ".join(f"--{time}" for time in wanted) or "no times"


def _edited(sequence: Callable[..., Sequence]) -> Callable[..., dict[str, Sequence]]:
    def build(options: BasisOptions, *seconds: float) -> dict[str, Sequence]:
        on, off = options.edit_ppm or (1.9, 7.5)
        return mega(sequence, *seconds, on=editing_pulse(on), off=editing_pulse(off))

    return build


_BUILD: dict[str, Callable[..., dict[str, Sequence]]] = {
    "fid": lambda options: {"all": pulse_acquire(acquisition_delay_s=options.delay_ms / 1e3)},
    "spin-echo": lambda _, te: {"all": spin_echo(te)},
    "press": lambda _, te1, te2: {"all": press(te1, te2)},
    "steam": lambda _, te, tm: {"all": steam(te, tm)},
    "slaser": lambda _, te: {"all": slaser(te)},
    "special": lambda _, te: {"all": special(te)},
    "mega-press": _edited(mega_press),
    "mega-slaser": _edited(mega_slaser),
    "hermes": lambda options, te1, te2: hermes(te1, te2, bands_ppm=options.edit_ppm or (1.9, 4.56)),
}
