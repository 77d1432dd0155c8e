"""What the commands print: short tables in plain text."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from diffmrs.axes import Acquisition
from diffmrs.data import Basis, MRSData, is_macromolecule
from diffmrs.demo import Demo
from diffmrs.io import read_basis
from diffmrs.pipeline import FitRun, VolumeRun, read_measured
from diffmrs.pipeline.raw import CleanRun
from diffmrs.quality import FLAGS
from diffmrs.raw.gains import gains_of, in_words

_WELL_KNOWN_PERCENT = 20.0  # members with a larger Cramér-Rao bound are left to the file


def timing_line(run: FitRun | VolumeRun) -> str:
    """How long the fit took."""
    count = len(run.quality.status)
    spectra = "1 spectrum" if count == 1 else f"{count} spectra"
    return f"diffmrs: fitted {spectra} in {run.seconds:.2f} s (compilation {run.compile_seconds:.2f} s)"


def gains_table(run: CleanRun, index: int) -> str:
    """What cleaning brought in one series."""
    record = run.scan.series[index]
    rows = [list(row) for row in in_words(gains_of(record, run.raw.acquisition))]
    title = [f"series {index} of {len(run.scan.series)}: {record.place}"] if len(run.scan.series) > 1 else []
    return "\n".join([*title, _columns(["", "plain mean", "cleaned"], rows)])


def metabolite_table(run: FitRun | VolumeRun, index: int) -> str:
    """Sums and well-determined metabolites of one spectrum."""
    table, quality = run.table, run.quality
    chosen = [
        k
        for k in table.sums_first
        if k >= table.n_members
        or (table.crlb_percent[index, k] <= _WELL_KNOWN_PERCENT and not is_macromolecule(table.names[k]))
    ]
    units = {"mM": table.concentration_mm, "mmol/kg": table.concentration_mmol_per_kg}
    units = {unit: values for unit, values in units.items() if np.isfinite(values).any()}
    with_priors = bool(np.isfinite(table.prior_percent).any())
    head = ["metabolite", "amplitude", "SD %", "CRLB %", "/ tCr", *units, *["from priors %"] * with_priors]
    rows = [
        [
            table.names[k],
            f"{table.amplitude[index, k]:.4g}",
            table.sd_text(index, k),
            table.crlb_text(index, k),
            _fixed(table.ratio_tcr[index, k]),
            *(_fixed(values[index, k]) for values in units.values()),
            *[_whole(table.prior_percent[index, k])] * with_priors,
        ]
        for k in chosen
    ]
    count = len(quality.status)
    title = f"spectrum {index} of {count}: " if count > 1 else ""
    title += f"SNR {quality.snr[index]:.0f}, linewidth {quality.linewidth_hz[index]:.1f} Hz, {quality.status[index]}"
    left_out = len(table.names) - len(chosen)
    rest = [
        f"({left_out} more, with bounds above {_WELL_KNOWN_PERCENT:.0f} % or macromolecules, in concentrations.csv)"
    ]
    return "\n".join([title, _columns(head, rows), *(rest if left_out else []), *quality.flags.sentences(index)])


def flag_lines(run: FitRun | VolumeRun) -> list[str]:
    """One line for each kind of flag that is raised: for how many spectra, and what it means."""
    counts, total = run.quality.flags.counts(), len(run.quality.status)
    return [
        f"{flag.name}: {counts[flag.name]} of {total} {'spectra' if total > 1 else 'spectrum'}: {flag.meaning}"
        for flag in FLAGS
        if flag.name in counts
    ]


def demo_table(demo: Demo, run: FitRun) -> str:
    """True and fitted amplitudes side by side."""
    fitted = run.table.amplitude[0, : run.table.n_members]
    sd = run.table.sd[0, : run.table.n_members]
    rows = [
        [
            name,
            f"{true:.2f}",
            f"{value:.2f}",
            f"{error:.2f}",
            run.table.crlb_text(0, k),
            "yes" if abs(value - true) <= 2 * error else "no",
        ]
        for k, (name, true, value, error) in enumerate(zip(demo.basis.names, demo.amplitude, fitted, sd, strict=True))
    ]
    return _columns(["metabolite", "true mM", "fitted mM", "SD", "CRLB %", "within 2 SD"], rows)


def description_of(path: Path, sampling: dict[str, Any]) -> str:
    """What a file holds, as lines of names and values.

    Raises:
        InputError: the file cannot be used.
    """
    ending = Path(re.sub(r"\.gz$", "", path.name, flags=re.IGNORECASE)).suffix.lower()
    if path.is_dir() or ending in (".basis", ".json"):
        rows = _of_basis(read_basis(path, **sampling))
    else:
        rows = _of_data(read_measured(path, sampling))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _of_basis(basis: Basis) -> list[tuple[str, str]]:
    return [
        ("kind", "basis set"),
        ("members", f"{len(basis.names)}: {', '.join(basis.names)}"),
        *_of_acquisition(basis.acquisition, basis.n_points),
        ("source", basis.source),
    ]


def _of_data(data: MRSData) -> list[tuple[str, str]]:
    n_space = data.fid.ndim - 1 - len(data.dim_tags)
    tagged = zip(data.dim_tags, data.fid.shape[n_space:-1], strict=True)
    meta = data.header.meta
    rows = [
        ("kind", "measured data"),
        ("spectra", str(data.n_spectra)),
        ("voxels", " x ".join(str(size) for size in data.fid.shape[:n_space])),
        *((f"dimension {number}", f"{tag}, {size}") for number, (tag, size) in enumerate(tagged, start=5)),
        *_of_acquisition(data.acquisition, data.n_points),
        ("sample type", str(data.fid.dtype)),
    ]
    for name, seconds in (("echo time", data.echo_time_s), ("repetition time", data.repetition_time_s)):
        rows.append((name, "not in the file" if seconds is None else f"{seconds * 1e3:g} ms"))
    rows += [(f"processing {k}", _step(step)) for k, step in enumerate(meta.get("ProcessingApplied", []), start=1)]
    told = {"SpectrometerFrequency", "ResonantNucleus", "EchoTime", "RepetitionTime", "ProcessingApplied"}
    rows += [(key, _short(value)) for key, value in meta.items() if key not in told]
    return rows


def _of_acquisition(acquisition: Acquisition, n_points: int) -> list[tuple[str, str]]:
    ppm = acquisition.ppm(n_points)
    return [
        ("points", str(n_points)),
        ("dwell time", f"{acquisition.dwell_time_s * 1e6:g} us"),
        ("bandwidth", f"{acquisition.bandwidth_hz:.7g} Hz"),
        ("duration", f"{acquisition.dwell_time_s * n_points * 1e3:.4g} ms"),
        ("spectrometer frequency", f"{acquisition.spectrometer_frequency_mhz:.8g} MHz"),
        ("nucleus", acquisition.nucleus),
        ("chemical shift axis", f"{ppm.min():.2f} to {ppm.max():.2f} ppm, {acquisition.ppm_reference:g} at the centre"),
    ]


def _step(step: Any) -> str:
    if not isinstance(step, dict):
        return _short(step)
    return _short(", ".join(str(step[key]) for key in ("Method", "Program", "Version", "Details") if step.get(key)))


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 100 else text[:97] + "..."


def _fixed(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else ""


def _whole(value: Any) -> str:
    return f"{value:.0f}" if np.isfinite(value) else ""


def _columns(head: list[str], rows: list[list[str]]) -> str:
    """A table: the first column to the left, the others to the right."""
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    )


def basis_listing() -> str:
    """The protocols and metabolites that `diffmrs basis` knows, one a line."""
    from diffmrs.spins import PROTOCOLS, describe, metabolite_names

    lines = ["protocols:"]
    lines += [f"  {name:22s} {protocol.timing}" for name, protocol in PROTOCOLS.items()]
    lines += ["metabolites (default set of values):"]
    lines += [f"  {name:6s} {describe(name)}" for name in metabolite_names()]
    return "\n".join(lines)
