"""What `diffmrs fit` reads before it fits: data, basis, mask, water scan, and what is done to each spectrum."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diffmrs.conditioning import with_macromolecules, without_eddy_currents, without_water
from diffmrs.data import Basis, MRSData
from diffmrs.errors import InputError
from diffmrs.fitting.prepare import default_ppm_range
from diffmrs.io import has_reference_singlet, read_basis, read_data, remove_reference_singlet
from diffmrs.io.lcmodel_basis import singlet_width_ppm
from diffmrs.io.nifti_mrs import bytes_of_samples
from diffmrs.measured_mm import measured_macromolecules
from diffmrs.pipeline.cleaning import AUTO, Cleaning, cleaning_of
from diffmrs.pipeline.options import FitOptions
from diffmrs.preprocess import mask_from_data
from diffmrs.quality.water_phase import SOME_BEND_DEG, phase_bend_deg
from diffmrs.quantify import AtTimeZero, ConcentrationFactors, LCModelAreas, metabolites_per_water
from diffmrs.results import Layout
from diffmrs.results.layout import layout_of
from diffmrs.results.maps import lies_elsewhere
from diffmrs.results.mask import read_mask
from diffmrs.spins.macromolecules import macromolecule_sets
from diffmrs.volume.source import Source

if TYPE_CHECKING:
    from diffmrs.learn.quantifier import Quantifier

LARGE_BYTES = 2**27  # of samples; more are left on the disk


@dataclass(frozen=True)
class Inputs:
    """What was read, checked.

    Attributes:
        options: what the command was told.
        data: the measurement as it is in the file.
        layout: which of its spectra are fitted, and where they sit.
        basis: the basis set as it is fitted, macromolecules included.
        plain_basis: the basis set as it was read.
        water: the water scan.
        cleaning: what is done to the whole volume first.
        added: the macromolecules that were added, in words.
        files: what was read.
        notes: what the user should know.
        starter: a trained network that tells where fits begin.
    """

    options: FitOptions
    data: MRSData
    layout: Layout
    basis: Basis
    plain_basis: Basis
    water: MRSData | None
    cleaning: Cleaning
    added: str
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    starter: "Quantifier | None" = None

    @property
    def where(self) -> str:
        """The files, for error messages."""
        return f"{self.options.data} with {self.options.basis}"

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Some FIDs as measured, as indices into the flattened leading axes. [rows, points]"""
        return Source(self.data).take(rows)

    def conditioned(self, rows: np.ndarray, fids: np.ndarray) -> MRSData:
        """FIDs as they are fitted: eddy currents and water taken off as far as asked for."""
        data = MRSData(fids, self.data.acquisition, header=self.data.header)
        data = self.cleaning.apply(rows, _conditioned(self.options, data, self._water_of(rows)))
        return without_water(data) if self.options.remove_water else data

    def factors(self, rows: np.ndarray, data: MRSData) -> ConcentrationFactors | None:
        """What an amplitude of each basis member means, and in words what that rests on; None without a water scan."""
        water = self._water_of(rows)
        if water is None:
            return None
        layout = Layout(self.layout.space, self.layout.extra, rows)
        return _factors(self.options, data, water, self.plain_basis, self.basis.names, layout)

    def settings(self, factors: ConcentrationFactors | None) -> dict[str, str]:
        """What the fit was told, in words."""
        concentrations = "none, as there is no water scan" if factors is None else factors.words
        told = _settings(self.options, self.data, self.basis, len(self.layout.rows))
        if self.layout.is_mrsi:
            told |= {"volume": self.cleaning.words, "neighbours": _neighbours_in_words(self.options.smooth)}
        if self.starter is not None:
            steps = self.starter.steps
            after = "and the fit goes on to its end" if steps is None else f"and {steps} steps of the fit follow"
            told |= {"network": f"{self.options.network} tells where each fit begins, {after}"}
        return told | {"macromolecules": self.added, "concentrations": concentrations}

    def _water_of(self, rows: np.ndarray) -> MRSData | None:
        """The water scan, cut to some spectra when there is one FID for each."""
        if self.water is None or self.water.n_spectra != self.data.n_spectra:
            return self.water
        fid = Source(self.water).take(rows)
        return MRSData(fid, self.water.acquisition, header=self.water.header)


def read_inputs(options: FitOptions, *, scratch: Path | None = None) -> Inputs:
    """Read the files and check that they go together.

    Args:
        options: what the command was told.
        scratch: folder where large compressed files are unpacked, so that they need not be held in memory; they are
            when absent. It leaves nothing there.

    Raises:
        InputError: a file cannot be used, or data, basis and options do not go together.
    """
    data = read_measured(options.data, options.sampling, scratch=scratch)
    starter = None if options.network is None else _read_network(options, data)
    if starter is not None and options.ppm_range is None:
        options = replace(options, ppm_range=starter.protocol.scene.spec.ppm_range)
    plain_basis, notes = _read_basis(options) if starter is None else (starter.basis, ())
    layout = layout_of(data)
    if options.mask == AUTO:
        layout = located("--mask auto", _auto_masked, data)
    elif options.mask is not None:
        mask, affine = read_mask(options.mask)
        layout = located(options.mask, layout_of, data, mask)
        if lies_elsewhere(affine, data.header):
            notes += (
                f"The geometry in {options.mask.name} differs from that of the data; voxels were matched by index.",
            )
    notes += _notes_on(data)
    _check_volume(options, layout)
    _check_range(options, data, plain_basis)
    _check_plot_index(options.plot_index, data, layout)
    water = _read_water(options, scratch)
    notes += _notes_on_water(options, water)
    where = f"{options.data} with {options.basis}"
    one = MRSData(Source(data).take(layout.rows[:1]), data.acquisition, header=data.header)
    basis, added = located(
        where if set(options.macromolecules) <= {"auto", "none"} else f"{where}, --mm",
        with_macromolecules,
        plain_basis,
        one,
        [_measured(options, name) for name in options.macromolecules],
    )
    cleaning, told = located(options.data, cleaning_of, options, data, layout)
    basis = cleaning.of_basis(basis, data)
    files = _files(options)
    return Inputs(options, data, layout, basis, plain_basis, water, cleaning, added, files, notes + told, starter)


def _read_network(options: FitOptions, data: MRSData) -> "Quantifier":
    from diffmrs.learn.saved import load_quantifier
    from diffmrs.pipeline.training import echo_time_of

    assert options.network is not None
    starter = load_quantifier(options.network, steps=options.network_steps)
    located(f"{options.data} with {options.network}", starter.check, data, echo_time_of(data))
    return starter


def _neighbours_in_words(smooth: tuple[float, ...] | None) -> str:
    if smooth is None:
        return "each voxel fitted by itself"
    if not smooth:
        return "expected to have alike shift, phase and width (joint fit), as much as the data tell"
    shift_hz, phase_rad, width_hz = smooth
    return (
        f"expected to differ by {shift_hz:g} Hz in shift, {np.degrees(phase_rad):.3g} degrees in phase and "
        f"{width_hz:g} Hz in width (joint fit)"
    )


def _auto_masked(data: MRSData) -> Layout:
    mask = mask_from_data(data)
    if not mask.any():
        raise InputError("no voxel of the data looks like brain; draw a mask and name its file")
    return layout_of(data, mask)


def _files(options: FitOptions) -> tuple[Path, ...]:
    maps = () if options.tissue is None or options.tissue.maps is None else options.tissue.maps
    measured = [Path(name) for name in options.macromolecules if _is_file(name)]
    files = (options.data, options.basis, options.mask, options.water, *maps, *measured, options.macromolecule_water)
    files += (options.lipids, options.network)
    return tuple(file for file in files if file is not None and file != AUTO)


def read_measured(path: Path, sampling: dict[str, float], *, scratch: Path | None = None) -> MRSData:
    """Read data as the command line does: errors about the sampling name the options that give it.

    Samples of more than `LARGE_BYTES` stay on the disk where that can be.

    Args:
        path: the file.
        sampling: what it does not say.
        scratch: folder where large compressed files are unpacked; read into memory when absent.

    Raises:
        InputError: the file cannot be used.
    """
    told: dict[str, Any] = {**sampling}
    try:
        if _stays_on_disk(path, scratch):
            return read_data(path, mapped=True, scratch=scratch, **told)
        return read_data(path, **told)
    except InputError as error:
        about_sampling = "dwell_time_s" in str(error) or "spectrometer_frequency_mhz" in str(error)
        lacks_it = path.name.lower().removesuffix(".gz").endswith((".raw", ".h2o"))
        hint = " (on the command line: --bandwidth HZ and --frequency MHZ)"
        raise InputError(f"{error}{hint if about_sampling and (sampling or lacks_it) else ''}") from None


def _stays_on_disk(path: Path, scratch: Path | None) -> bool:
    name = path.name.lower()
    able = name.endswith(".nii") or (name.endswith(".nii.gz") and scratch is not None)
    return able and bytes_of_samples(path) > LARGE_BYTES


def _read_basis(options: FitOptions) -> tuple[Basis, tuple[str, ...]]:
    basis = read_basis(options.basis, ppm_reference=options.basis_ppm_reference)
    if options.keep_reference or not has_reference_singlet(basis):
        return basis, ()
    return remove_reference_singlet(basis), ("The reference singlet at 0 ppm was taken out of the basis set.",)


def _read_water(options: FitOptions, scratch: Path | None) -> MRSData | None:
    if options.water is None:
        if options.tissue is not None:
            raise InputError("tissue fractions serve water-referenced concentrations: name the water scan with --water")
        if options.ecc:
            raise InputError("--ecc needs the water scan: name its file with --water")
        return None
    return read_measured(options.water, options.sampling, scratch=scratch)


def _conditioned(options: FitOptions, data: MRSData, water: MRSData | None) -> MRSData:
    if options.ecc and water is not None:
        data = located(options.water, without_eddy_currents, data, water)
    return data


def _is_file(macromolecules: str) -> bool:
    return macromolecules not in ("auto", "none", "lipids", *macromolecule_sets()) and Path(macromolecules).is_file()


def _measured(options: FitOptions, name: str) -> str | Basis:
    """A choice of macromolecules; a file becomes the member made of it, treated like the data."""
    water = options.macromolecule_water
    if water is not None and not any(_is_file(each) for each in options.macromolecules):
        raise InputError("--mm-water serves a measured macromolecule spectrum: name its file with --mm")
    if not _is_file(name):
        return name
    scan = read_measured(Path(name), options.sampling)
    if water is not None:
        scan = located(water, without_eddy_currents, scan, read_measured(water, options.sampling))
    found = located(name, measured_macromolecules, without_water(scan))
    return replace(found.basis, source=found.in_words)


def _notes_on(data: MRSData) -> tuple[str, ...]:
    if "DIM_COIL" not in data.dim_tags:
        return ()
    coils = data.fid.shape[data.fid.ndim - 1 - len(data.dim_tags) + data.dim_tags.index("DIM_COIL")]
    if coils == 1:
        return ()
    return (f"The data hold {coils} receive coils that were not combined; each was fitted by itself.",)


def _notes_on_water(options: FitOptions, water: MRSData | None) -> tuple[str, ...]:
    if water is None or options.ecc:
        return ()
    bend = phase_bend_deg(Source(water).take(np.array([0]))[0], water.acquisition)
    if not bend > SOME_BEND_DEG:
        return ()
    return (f"The phase of the water scan bends by {bend:.1f} degrees: eddy currents, which --ecc corrects.",)


def _check_volume(options: FitOptions, layout: Layout) -> None:
    """Options that mean nothing for a single voxel are refused rather than ignored."""
    asked = {
        "--suppress-lipids": options.lipids is not None,
        "--align": options.align,
        "--smooth": options.smooth is not None,
        "--save-spectra": options.save_spectra,
    }
    useless = [option for option, given in asked.items() if given]
    if useless and not layout.is_mrsi:
        raise InputError(f"{', '.join(useless)}: for volumes, but {options.data} holds a single voxel")


def _check_range(options: FitOptions, data: MRSData, basis: Basis) -> None:
    low, high = options.ppm_range or default_ppm_range(data.acquisition, data.n_points)
    located("--ppm" if options.ppm_range else options.data, data.acquisition.window, data.n_points, (low, high))
    ours, theirs = basis.acquisition, data.acquisition
    alike = (
        ours.nucleus == theirs.nucleus
        and abs(ours.spectrometer_frequency_mhz / theirs.spectrometer_frequency_mhz - 1) < 0.1
    )
    if alike and (low < basis.ppm.min() or high > basis.ppm.max()):
        raise InputError(
            f"{options.basis}: the basis reaches only from {basis.ppm.min():.2f} to {basis.ppm.max():.2f} ppm "
            f"(bandwidth {ours.bandwidth_hz:g} Hz), but the fit from {low:g} to {high:g} ppm"
        )


def _check_plot_index(index: int | None, data: MRSData, layout: Layout) -> None:
    if index is None:
        return
    count = len(layout.rows)
    if not 0 <= index < count:
        raise InputError(f"--plot-index is {index}; {count} spectra are to be fitted, counted from 0")
    fid = Source(data).take(layout.rows[index : index + 1])
    if not (np.isfinite(fid).all() and fid.any()):
        raise InputError(f"--plot-index is {index}; spectrum {index} holds NaN, infinity or only zeros")


def _settings(options: FitOptions, data: MRSData, basis: Basis, n_spectra: int) -> dict[str, str]:
    low, high = options.ppm_range or default_ppm_range(data.acquisition, data.n_points)
    return {
        "fit range": f"{low:g} to {high:g} ppm",
        **options.model.in_words,
        "eddy currents": "corrected with the water scan (Klose)" if options.ecc else "not corrected",
        "residual water": "removed by HSVD, 4.3 to 5.0 ppm" if options.remove_water else "left in",
        "basis set": basis.source or options.basis.name,
        "basis members": ", ".join(basis.names),
        "spectra": str(n_spectra),
        "points": str(data.n_points),
        "bandwidth": f"{data.acquisition.bandwidth_hz:.6g} Hz",
        "spectrometer frequency": f"{data.acquisition.spectrometer_frequency_mhz:.6g} MHz",
        "nucleus": data.acquisition.nucleus,
    }


def _factors(
    options: FitOptions, data: MRSData, water: MRSData, plain_basis: Basis, names: tuple[str, ...], layout: Layout
) -> ConcentrationFactors:
    """What an amplitude of each basis member means, and in words what that rests on."""
    signals: AtTimeZero | LCModelAreas = AtTimeZero()
    if options.water_scaling == "lcmodel":
        width = singlet_width_ppm(options.basis)
        signals = LCModelAreas() if width is None else LCModelAreas(width)
    ratio = located(f"{options.water} with {options.basis}", metabolites_per_water, data, plain_basis, water, signals)
    reference: Any = options.water_reference
    if options.tissue is not None:
        reference = located(options.data, options.tissue.reference, data, water, layout.voxel(), names)
    factors = reference.factors(ratio, names)
    return replace(factors, words=f"{factors.words}; signals: {signals.words}")


def located(where: object, call: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a call whose errors are told with the file or option they are about."""
    try:
        return call(*args, **kwargs)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
