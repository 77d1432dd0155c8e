"""What the quality numbers read from the parameters of a fit: shift, width, and what rests at a bound.

With `seen.py` the only file of this room that knows the fields of `Parameters` and which group is which.
"""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from diffmrs.data import Basis, is_macromolecule
from diffmrs.fitting import Bounds, Estimate, FitResult
from diffmrs.lineshape import voigt_fwhm_hz
from diffmrs.model.signal import SignalModel
from diffmrs.quality.linewidth import kernel_line_width_hz

_CLOSE = 1e-3  # of the distance between two bounds: nearer to one than this is at it


def metabolite_flags(basis: Basis) -> tuple[bool, ...]:
    """Which members are metabolites; all of them when none is, by its name."""
    light = tuple(not is_macromolecule(name) for name in basis.names)
    return light if any(light) else (True,) * len(light)


def metabolite_shift_hz(rows: Estimate, basis: Basis, model: SignalModel) -> np.ndarray:
    """Shift of the metabolites, their mean weighted by amplitude, Hz. [spectra]"""
    of_groups = np.asarray(rows.parameters.frequency_shift_hz)
    return _averaged(of_groups[:, np.array(model.groups)], rows, basis)


def metabolite_width_hz(rows: Estimate, basis: Basis, model: SignalModel, basis_width_hz: float = 0.0) -> np.ndarray:
    """Width of the metabolites' lines, lineshape kernel included, their mean weighted by amplitude, Hz. [spectra]

    Args:
        rows: the fits.
        basis: the basis set.
        model: tells the groups.
        basis_width_hz: Lorentzian width the basis has of its own, added to the fitted one, Hz.
    """
    lorentz = jnp.asarray(rows.parameters.lorentzian_fwhm_hz)[:, np.array(model.groups)] + basis_width_hz
    gauss = jnp.asarray(rows.parameters.gaussian_fwhm_hz)[:, np.array(model.shims)]
    kernel_hz = model.lineshape.kernel_hz
    if not kernel_hz.size:
        return _averaged(np.asarray(voigt_fwhm_hz(lorentz, gauss)), rows, basis)
    each = zip(_averaged(np.asarray(lorentz), rows, basis), _averaged(np.asarray(gauss), rows, basis), strict=True)
    weights = np.asarray(rows.parameters.lineshape)
    return np.array(
        [
            kernel_line_width_hz(float(lor), float(gau), kernel_hz, w)
            for (lor, gau), w in zip(each, weights, strict=True)
        ]
    )


def phase_deg(rows: Estimate) -> np.ndarray:
    """Zero-order phase, degrees. [spectra]"""
    return np.degrees(np.asarray(rows.parameters.phase0_rad))


def at_bounds(rows: Estimate, basis: Basis, model: SignalModel, bounds: Bounds) -> tuple[tuple[str, ...], ...]:
    """What rests at a bound in each fit, such as `"amplitude Ala"` or `"frequency_shift_hz"`. [spectra]"""
    there = [(name, flags) for name, flags in _at_bounds(rows, basis, model, bounds) if flags.any()]
    return tuple(tuple(name for name, flags in there if flags[row]) for row in range(len(rows.status)))


def resting(result: FitResult, bounds: Bounds | None = None) -> tuple[tuple[str, ...], np.ndarray]:
    """What may rest at a bound, and in which spectra it does. [spectra, names]"""
    found = list(_at_bounds(result.flat(), result.basis, result.model, bounds or Bounds()))
    return tuple(name for name, _ in found), np.stack([np.asarray(flags) for _, flags in found], axis=1)


def _at_bounds(rows: Estimate, basis: Basis, model: SignalModel, bounds: Bounds) -> Iterator[tuple[str, np.ndarray]]:
    fitted = rows.parameters
    f0 = model.acquisition.spectrometer_frequency_mhz
    shift = np.asarray(fitted.frequency_shift_hz) / f0
    first, relative = shift[:, 0], shift - shift[:, :1]
    yield "frequency_shift_hz", np.abs(first) >= (1 - _CLOSE) * bounds.max_shift_ppm
    for group in range(1, model.n_groups):
        reach = (1 - _CLOSE) * bounds.max_relative_shift_ppm
        yield f"frequency_shift_hz {_label(group, model.groups, basis)}", np.abs(relative[:, group]) >= reach
    for field, groups, top in (
        ("lorentzian_fwhm_hz", model.groups, bounds.max_lorentzian_fwhm_hz),
        ("gaussian_fwhm_hz", model.shims, bounds.max_gaussian_fwhm_hz),
    ):
        widths = np.asarray(getattr(fitted, field))
        for group in range(widths.shape[1]):
            rests = (widths[:, group] <= _CLOSE * top) | (widths[:, group] >= (1 - _CLOSE) * top)
            yield f"{field} {_label(group, groups, basis)}", rests
    third = np.abs(np.asarray(fitted.third_moment_hz3))
    for group in range(third.shape[1]):
        name = f"third_moment_hz3 {_label(group, model.shims, basis)}"
        yield name, third[:, group] >= (1 - _CLOSE) * bounds.max_third_moment_hz3
    yield "delay_s", np.abs(np.asarray(fitted.delay_s)) >= (1 - _CLOSE) * bounds.max_delay_s
    if bounds.nonnegative:
        for column, name in enumerate(basis.names):
            yield f"amplitude {name}", np.asarray(fitted.amplitude)[:, column] == 0


def _label(group: int, groups: tuple[int, ...], basis: Basis) -> str:
    """The member of a group, or the first of them and how many more there are."""
    names = [name for name, of in zip(basis.names, groups, strict=True) if of == group]
    return names[0] if len(names) == 1 else f"{names[0]}+{len(names) - 1}"


def _averaged(values: np.ndarray, rows: Estimate, basis: Basis) -> np.ndarray:
    """Mean of values per member, [spectra, members], over the metabolites, weighted by amplitude."""
    light = np.array(metabolite_flags(basis))
    weight = np.maximum(np.asarray(rows.parameters.amplitude)[:, light], 0.0)
    weight = np.where(weight.sum(axis=1, keepdims=True) > 0, weight, 1.0)
    return np.sum(weight * values[:, light], axis=1) / weight.sum(axis=1)
