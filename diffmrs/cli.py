"""The command `diffmrs`: it parses, calls the library and writes files. JAX is imported only after parsing."""

import argparse
import logging
import math
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from diffmrs.cli_model import add_model_arguments, model_choices, model_options
from diffmrs.errors import InputError

UNUSABLE_INPUT, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments; those of the process when absent.

    Returns:
        Exit status: 0 done; 2 unusable input, with one line on stderr and nothing written; 130 interrupted.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse: after --help, --version or an error it has told already
        return int(stop.code or 0)
    try:
        with warnings.catch_warnings():
            _quieten(verbose=arguments.verbose)
            arguments.command(arguments)
    except InputError as error:
        return _fail(str(error), UNUSABLE_INPUT)
    except KeyboardInterrupt as interrupt:
        return _fail(str(interrupt) or "interrupted", INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has seen enough; the files are written by then
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", UNUSABLE_INPUT)
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of the usage and a line."""
        self.exit(UNUSABLE_INPUT, f"diffmrs: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
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
    demo.set_defaults(command=_demo)

    info = commands.add_parser("info", parents=[common, sampling], help="what a data or basis file holds")
    info.add_argument("file", type=Path, metavar="FILE", help="data file, basis file or basis folder")
    info.set_defaults(command=_info)

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
    basis.set_defaults(command=_basis)

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
    fit.set_defaults(command=_fit)
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


def _demo(arguments: argparse.Namespace) -> None:
    _start_jax()
    import jax

    from diffmrs.console import demo_table, timing_line
    from diffmrs.demo import demo_spectrum, fit_demo, write_demo
    from diffmrs.staging import staged_folder

    with staged_folder(arguments.out) as folder:
        demo = demo_spectrum(jax.random.key(arguments.seed))
        run = fit_demo(demo)
        write_demo(folder, demo, run)
    print(timing_line(run), file=sys.stderr)
    print(demo_table(demo, run))
    print(f"\nreport: {arguments.out / 'report.html'}")


def _info(arguments: argparse.Namespace) -> None:
    _start_jax()
    from diffmrs.console import description_of

    print(description_of(arguments.file, _sampling(arguments)))


def _fit(arguments: argparse.Namespace) -> None:
    choices = model_choices(arguments)
    if arguments.chunk is not None and arguments.chunk < 1:
        raise InputError(f"--chunk is {arguments.chunk}; it must be at least 1")
    hosts = _hosts(arguments.hosts)
    _start_jax()
    place = _meet(hosts)
    from diffmrs.console import flag_lines, metabolite_table, timing_line
    from diffmrs.interrupts import terminated_like_interrupted
    from diffmrs.pipeline import (
        FitOptions,
        FitRun,
        VolumeRun,
        fit_inputs,
        fit_volume_inputs,
        write_outputs,
        write_volume_outputs,
    )
    from diffmrs.report import representative
    from diffmrs.staging import remove_left_stages, staged_folder
    from diffmrs.volume.hosts import Share

    share = Share(*place)
    options = FitOptions(
        data=arguments.data,
        basis=arguments.basis,
        mask=arguments.mask,
        ppm_range=None if arguments.ppm is None else (arguments.ppm[0], arguments.ppm[1]),
        model=model_options(choices),
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
        sampling=_sampling(arguments),
    )
    with terminated_like_interrupted():
        if not share.leads:
            _fit_share(options, arguments.out, share)
            return
        with staged_folder(arguments.out) as folder:
            inputs = _read_inputs(options, folder, share)
            run: FitRun | VolumeRun
            if inputs.layout.is_mrsi:
                run = fit_volume_inputs(inputs, arguments.out, share=share, tell=_note)
            else:
                run = fit_inputs(inputs)
            index = representative(run.quality) if arguments.plot_index is None else arguments.plot_index
            if isinstance(run, VolumeRun):
                write_volume_outputs(folder, run, index)
            else:
                write_outputs(folder, run, index)
    for note in run.notes:
        _note(note)
    for line in flag_lines(run):
        print(f"diffmrs: warning: {line}", file=sys.stderr)
    print(timing_line(run), file=sys.stderr)
    print(metabolite_table(run, index))
    print(f"\nreport: {arguments.out / 'report.html'}")
    if isinstance(run, VolumeRun):
        print(f"maps and spectra of all voxels: {arguments.out / 'volume.html'}")
        run.volume.store.remove()
        remove_left_stages(arguments.out)


def _fit_share(options: Any, out: Path, share: Any) -> None:
    """Fit the chunks of one of several processes; another writes the outputs."""
    import tempfile

    from diffmrs.pipeline import fit_volume_inputs

    with tempfile.TemporaryDirectory(prefix="diffmrs_") as scratch:
        inputs = _read_inputs(options, Path(scratch), share)
        fit_volume_inputs(inputs, out, share=share, tell=_note)
    print(f"diffmrs: process {share.index} of {share.count} has fitted its chunks; process 0 writes the outputs")


def _read_inputs(options: Any, scratch: Path, share: Any) -> Any:
    from diffmrs.pipeline import read_inputs

    inputs = read_inputs(options, scratch=scratch)
    if share.count > 1 and not inputs.layout.is_mrsi:
        raise InputError(f"{options.data}: holds a single voxel; --hosts serves volumes")
    return inputs


def _hosts(given: list[str] | None) -> tuple[str | None, int | None, int | None] | None:
    """What `--hosts` was told: address of the first process, how many, and which this is."""
    if given is None:
        return None
    if given == ["auto"]:
        return None, None, None
    if len(given) != 3 or ":" not in given[0] or not (given[1].isdigit() and given[2].isdigit()):
        told = " ".join(given)
        raise InputError(f"--hosts is {told!r}; it must be auto, or three values such as 10.0.0.1:9876 4 0")
    return given[0], int(given[1]), int(given[2])


def _meet(hosts: tuple[str | None, int | None, int | None] | None) -> tuple[int, int]:
    """Number of this process and how many there are."""
    if hosts is None:
        return 0, 1
    from diffmrs.rendezvous import join

    return join(*hosts)


def _note(line: str) -> None:
    print(f"diffmrs: note: {line}", file=sys.stderr)


def _basis(arguments: argparse.Namespace) -> None:
    if arguments.list:
        _start_jax()
        from diffmrs.console import basis_listing

        print(basis_listing())
        return
    for name in ("out", "frequency"):
        if getattr(arguments, name) is None:
            raise InputError(f"--{name} is missing; see diffmrs basis --help")
    if arguments.format not in ("nifti", "raw", "fsl"):
        raise InputError(f"--format is {arguments.format!r}; it must be nifti, raw or fsl")
    _start_jax()
    from diffmrs.basis_files import BasisOptions, acquisition_of, check_targets, simulate, write
    from diffmrs.compile_clock import CompileClock
    from diffmrs.staging import staged_folder

    times = {name: getattr(arguments, name) for name in ("te", "te1", "te2", "tm")}
    options = BasisOptions(
        out=arguments.out,
        acquisition=acquisition_of(arguments.nucleus, arguments.frequency, arguments.bandwidth),
        n_points=arguments.points,
        sequence=arguments.sequence,
        protocol=arguments.protocol,
        times_ms={name: value for name, value in times.items() if value is not None},
        delay_ms=arguments.delay,
        edit_ppm=None if arguments.edit is None else (arguments.edit[0], arguments.edit[1]),
        metabolites=None if arguments.metabolites is None else tuple(arguments.metabolites),
        macromolecules=arguments.mm,
        lorentzian_fwhm_hz=arguments.linewidth,
        format=arguments.format,
    )
    check_targets(options)
    with staged_folder(arguments.out.parent) as folder:
        with CompileClock() as clock:
            bases = simulate(options)
        written = write(options, bases, folder)
    count = sum(len(basis.names) for basis in bases.values())
    print(
        f"diffmrs: simulated {count} members in {clock.seconds:.2f} s (compilation {clock.compile_seconds:.2f} s)",
        file=sys.stderr,
    )
    for name, basis in bases.items():
        print(f"{basis.source}{'' if name == 'all' else f' ({name})'}: {', '.join(basis.names)}")
    print("\n".join(str(path) for path in written))


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


def _sampling(arguments: argparse.Namespace) -> dict[str, float]:
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


def _start_jax() -> None:
    """Import JAX with all cores of this process as devices, and with what was compiled before at hand."""
    # On loading compiled code XLA compares lists of processor features that contain its own tuning hints, and then
    # warns at length of crashes that cannot happen: the cache folder is one per processor type.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    from diffmrs.compile_cache import use_compile_cache

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        jax.config.update("jax_num_cpu_devices", cores)
    except RuntimeError:  # JAX runs already, in the process that called `main`; it keeps the devices it has
        logging.getLogger(__name__).info("JAX was started before; its devices stay as they are")
    use_compile_cache()


def _quieten(*, verbose: bool) -> None:
    """Let only our own lines reach stderr, unless the user wants to hear more."""
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
        logging.getLogger("jax").setLevel(logging.WARNING)
        return
    warnings.simplefilter("ignore")
    logging.getLogger("nibabel").setLevel(logging.CRITICAL)


def _fail(message: str, status: int) -> int:
    print(f"diffmrs: {' '.join(message.split())}", file=sys.stderr)
    return status
