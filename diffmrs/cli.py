"""The command `diffmrs`: it parses, calls the library and writes files. JAX is imported only after parsing."""

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from diffmrs.cli_options import check_fit, fit_options, hosts_of, sampling_of
from diffmrs.cli_parser import UNUSABLE_INPUT, command_parser
from diffmrs.cli_raw import raw_options
from diffmrs.cli_simulate import simulate_options
from diffmrs.errors import InputError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments; those of the process when absent.

    Returns:
        Exit status: 0 done; 2 unusable input, with one line on stderr and nothing written; 130 interrupted.
    """
    commands = {
        "demo": _demo,
        "info": _info,
        "simulate": _simulate,
        "preprocess": _preprocess,
        "fit": _fit,
        "train": _train,
        "quantify": _quantify,
        "classify": _classify,
        "basis": _basis,
    }
    try:
        arguments = command_parser(commands).parse_args(argv)
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

    print(description_of(arguments.file, sampling_of(arguments)))


def _simulate(arguments: argparse.Namespace) -> None:
    _start_jax()
    if arguments.cohort is not None:
        _simulate_cohort(arguments)
        return
    from diffmrs.pipeline.simulated import simulate_set, write_set
    from diffmrs.staging import staged_folder

    options = simulate_options(arguments)
    options.check()
    with staged_folder(arguments.out.parent) as folder:
        made = simulate_set(options)
        names = write_set(folder, made, options)
    for note in made.notes:
        _note(note)
    print("\n".join(str(arguments.out.parent / name) for name in names))


def _simulate_cohort(arguments: argparse.Namespace) -> None:
    from diffmrs.cli_simulate import cohort_options
    from diffmrs.pipeline.cohort_files import write_cohort
    from diffmrs.staging import staged_folder

    options = cohort_options(arguments)
    with staged_folder(options.out.parent) as folder:
        names = write_cohort(folder, options)
    print("\n".join(str(options.out.parent / name) for name in names))


def _preprocess(arguments: argparse.Namespace) -> None:
    _start_jax()
    from diffmrs.console import gains_table
    from diffmrs.pipeline.raw import RawFiles, clean_files, write_clean
    from diffmrs.staging import staged_folder

    options = raw_options(arguments)
    files = RawFiles(
        arguments.data,
        arguments.out,
        arguments.water,
        arguments.ecc_water,
        arguments.plot_index,
        sampling_of(arguments),
    )
    files.check()
    with staged_folder(arguments.out.parent) as folder:
        run = clean_files(files, options)
        names = write_clean(folder, run, files)
    for note in run.scan.notes:
        _note(note)
    print(gains_table(run, arguments.plot_index))
    print("\n" + "\n".join(str(arguments.out.parent / name) for name in names))


def _fit(arguments: argparse.Namespace) -> None:
    check_fit(arguments)
    hosts = hosts_of(arguments.hosts)
    _start_jax()
    place = _meet(hosts)
    from diffmrs.console import flag_lines, metabolite_table, timing_line
    from diffmrs.interrupts import terminated_like_interrupted
    from diffmrs.pipeline import (
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
    options = fit_options(arguments)
    told: tuple[str, ...] = ()
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
            if inputs.starter is not None:
                told = _write_learned(folder, inputs)
    for note in (*run.notes, *told):
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


def _train(arguments: argparse.Namespace) -> None:
    _start_jax()
    from tqdm import tqdm

    from diffmrs.cli_learn import preset_options, train_options
    from diffmrs.learn.training import Progress
    from diffmrs.pipeline.presets import table_of_presets, train_preset_files
    from diffmrs.pipeline.training import train_files

    if arguments.presets:
        print(table_of_presets())
        return
    run: Any
    if arguments.preset is None:
        options = train_options(arguments, sampling_of(arguments))
        options.check()
        steps, run = options.training.steps, partial(train_files, options)
    else:
        chosen = preset_options(arguments, sampling_of(arguments))
        steps, run = chosen.check().training.steps, partial(train_preset_files, chosen)
    with tqdm(total=steps, unit="step", file=sys.stderr, disable=None) as bar:

        def show(progress: Progress) -> None:
            bar.update(progress.step - bar.n)
            bar.set_postfix_str(f"validation loss {progress.numbers['validation_loss']:.4g}")

        made = run(show)
    history, files = made.history, made.files
    best = min(one.numbers["validation_loss"] for one in history)
    print(f"{history[-1].step} steps, best validation loss {best:.4g}")
    print("\n" + "\n".join(map(str, files)))


def _quantify(arguments: argparse.Namespace) -> None:
    _fit(arguments)


def _classify(arguments: argparse.Namespace) -> None:
    _start_jax()
    from tqdm import tqdm

    from diffmrs.cli_classify import classify_options
    from diffmrs.pipeline.classified import classify_table, metrics_lines, write_classified
    from diffmrs.staging import staged_folder

    options = classify_options(arguments)
    with staged_folder(options.out) as folder:
        with tqdm(unit="fold", file=sys.stderr, disable=None) as bar:

            def show(done: int, whole: int) -> None:
                bar.total = whole
                bar.update(done - bar.n)

            found = classify_table(options, show)
        names = write_classified(folder, found, options)
    print("\n".join(metrics_lines(found)))
    print("\n" + "\n".join(str(options.out / name) for name in names))


def _write_learned(folder: Path, inputs: Any) -> tuple[str, ...]:
    """Write what the network says by itself; what the user should know about it."""
    from diffmrs.pipeline.learned import learned_of, write_learned

    learned = learned_of(inputs)
    write_learned(folder, learned, inputs.starter.limits)
    return (learned.note,) if learned.note else ()


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
