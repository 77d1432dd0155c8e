"""The spectrum of metabolites as lines: simulated once, sampled with any dwell time, length and width afterwards."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax

from diffmrs.axes import Acquisition
from diffmrs.data import ArrayLike, Basis
from diffmrs.errors import InputError
from diffmrs.pytree import container
from diffmrs.spins.basis import _all_lines, _Plan, _resolve, _sampled, check_widths, members_of_lines, planned
from diffmrs.spins.events import Number, Sequence
from diffmrs.spins.library import Metabolite
from diffmrs.spins.play import Grid
from diffmrs.spins.precision import in_float64


@container(static=("names", "acquisition", "source", "plan"))
@dataclass(frozen=True)
class SpectralLines:
    """Amplitude and frequency of every line of every member. A frozen pytree.

    Attributes:
        amplitude: of each line at the first sample, complex, protons. [lines]
        slope: growth of the amplitude per second; zero, but its derivative is not where lines coincide. [lines]
        frequency_hz: of each line, Hz from the carrier, in the orientation of `diffmrs.axes`. [lines]
        names: name of each member.
        acquisition: spectrometer frequency, nucleus and carrier the lines hold for; its dwell time is the default.
        source: how they were made.
        plan: which line belongs to which member.
    """

    amplitude: ArrayLike
    slope: ArrayLike
    frequency_hz: ArrayLike
    names: tuple[str, ...]
    acquisition: Acquisition
    source: str
    plan: _Plan

    def of(self, name: str) -> tuple[ArrayLike, ArrayLike]:
        """Amplitudes and frequencies (Hz) of the lines of one member.

        Raises:
            InputError: there is no such member.
        """
        if name not in self.names:
            raise InputError(f"there are no lines of {name!r}; there are those of {', '.join(self.names)}")
        own = members_of_lines(self.plan) == self.names.index(name)
        return self.amplitude[own], self.frequency_hz[own]

    def sampled(
        self,
        n_points: int,
        *,
        dwell_time_s: float | None = None,
        lorentzian_fwhm_hz: Number = 0.0,
        gaussian_fwhm_hz: Number = 0.0,
    ) -> Basis:
        """The basis set that these lines make; spins are not simulated again.

        Args:
            n_points: length of the FIDs.
            dwell_time_s: time between samples, s; that of `acquisition` when None.
            lorentzian_fwhm_hz: Lorentzian full width at half maximum given to every line, Hz.
            gaussian_fwhm_hz: Gaussian full width at half maximum given to every line, Hz.

        Raises:
            InputError: fewer than 16 points, or a width or dwell time that makes no sense.
        """
        if n_points < 16:
            raise InputError(f"n_points is {n_points}; at least 16 are needed")
        check_widths(lorentzian_fwhm_hz, gaussian_fwhm_hz)
        acquisition = self.acquisition
        if dwell_time_s is not None:
            acquisition = replace(acquisition, dwell_time_s=dwell_time_s)
        # Real and imaginary parts apart: the float64 scope casts real inputs.
        numbers = {
            "real": self.amplitude.real,
            "imaginary": self.amplitude.imag,
            "slope_real": self.slope.real,
            "slope_imaginary": self.slope.imag,
            "frequency_hz": self.frequency_hz,
            "dwell_s": acquisition.dwell_time_s,
            "lorentzian": lorentzian_fwhm_hz,
            "gaussian": gaussian_fwhm_hz,
        }
        fid = _sampler(replace(self.plan, n_points=n_points))(numbers)
        return Basis(fid, acquisition, self.names, self.source)


def simulate_lines(
    metabolites: Iterable[str | Metabolite] | None,
    sequence: Sequence,
    acquisition: Acquisition,
    *,
    spectrometer_frequency_mhz: Number | None = None,
    frequency_offset_hz: Number = 0.0,
    b1_scale: Number = 1.0,
    grid: Grid | None = None,
) -> SpectralLines:
    """The lines of each metabolite after a sequence; `simulate_basis` gives their FIDs at once.

    In float32 mode the frequencies are rounded to seven digits (about 1e-4 Hz); for FIDs of many seconds call inside
    `with jax.enable_x64(True)`.

    Args:
        metabolites: names in the library, or `Metabolite`s; None for `diffmrs.spins.BRAIN`.
        sequence: what is played.
        acquisition: spectrometer frequency, nucleus and carrier.
        spectrometer_frequency_mhz: see `simulate_basis`.
        frequency_offset_hz: see `simulate_basis`.
        b1_scale: see `simulate_basis`.
        grid: see `simulate_basis`.

    Raises:
        InputError: as `simulate_basis`.
    """
    chosen = _resolve(metabolites, acquisition)
    names = tuple(m.name for m in chosen)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{', '.join(twice)} is named more than once; names must differ")
    plan, numbers = planned(
        chosen, sequence, acquisition, 16, spectrometer_frequency_mhz, frequency_offset_hz, b1_scale, grid
    )
    amplitude, slope, frequency_hz = _line_simulator(plan)(numbers)
    return SpectralLines(amplitude, slope, frequency_hz, names, acquisition, f"simulated: {sequence.name}", plan)


@functools.lru_cache(maxsize=64)
def _line_simulator(plan: _Plan) -> Any:
    return in_float64(jax.jit(functools.partial(_all_lines, plan)))


@functools.lru_cache(maxsize=64)
def _sampler(plan: _Plan) -> Any:
    def sample(numbers: dict[str, Any]) -> jax.Array:
        amplitude = jax.lax.complex(numbers["real"], numbers["imaginary"])
        slope = jax.lax.complex(numbers["slope_real"], numbers["slope_imaginary"])
        return _sampled(plan, (amplitude, slope, numbers["frequency_hz"]), numbers)

    return in_float64(jax.jit(sample))
