r"""What spoils a spectrum: signals that do not belong there, eddy currents, and drift during the average.

$$x(t) = \left[s(t)\, \mathrm{sinc}\!\left(D t + \tfrac{\psi}{2\pi}\right) e^{-(2\pi F t)^2 / 2}
         + A \left(w(t) + l(t) + e(t)\right)\right] e^{i \epsilon(t)}$$

Water $w$, lipids $l$ and a spurious echo $e$ are parts of the size $A$ of the metabolites, the largest modulus of their
FID. The mean over transients whose frequency drifts evenly by $D$ and whose phase drifts with it by $\psi$ is a sinc;
transients that scatter by $F$ broaden lines as a Gaussian does.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from diffmrs.axes import Acquisition
from diffmrs.lineshape import GAUSSIAN_EXPONENT
from diffmrs.pytree import container
from diffmrs.simulate.distributions import Distribution, LogUniform, Uniform

_WATER_PPM = 4.65
_WATER_SHARE, _WATER_OFF_HZ, _WATER_FWHM_HZ = (0.6, 0.3, 0.1), (0.0, 2.0, -3.0), (6.0, 11.0, 20.0)
_LIPIDS = ((1.3, 0.55, 16.0), (0.9, 0.25, 16.0), (1.25, 0.2, 45.0))  # ppm, share, Gaussian width in Hz at 3 T
_LIPIDS_MHZ = 123.2
_ANY_PHASE = Uniform(-np.pi, np.pi)
_ECHO_S, _ECHO_PPM, _ECHO_FWHM_HZ, _EDDY_S = (
    Uniform(0.02, 0.15),
    Uniform(1.0, 4.0),
    Uniform(30.0, 80.0),
    LogUniform(0.02, 0.2),
)


def water_line(time_s: Float[Array, " points"], acquisition: Acquisition) -> Complex[Array, " points"]:
    """Water with a first sample of 1: three lines of different width and shift, as the field leaves them."""
    centre = acquisition.ppm_to_hz(_WATER_PPM)
    parts = zip(_WATER_SHARE, _WATER_OFF_HZ, _WATER_FWHM_HZ, strict=True)
    return sum(
        (share * jnp.exp((2j * np.pi * (centre + off) - np.pi * width) * time_s) for share, off, width in parts),
        0j * time_s,
    )


def lipid_lines(time_s: Float[Array, " points"], acquisition: Acquisition) -> Complex[Array, " points"]:
    """Lipids at 0.9 and 1.3 ppm with a first sample of 1; Gaussian lines, as wide in ppm at every field."""
    field = acquisition.spectrometer_frequency_mhz / _LIPIDS_MHZ
    lines = (share * gaussian_line(time_s, acquisition.ppm_to_hz(ppm), fwhm * field) for ppm, share, fwhm in _LIPIDS)
    return sum(lines, 0j * time_s)


def gaussian_line(
    time_s: Float[Array, " points"], frequency_hz: Any, fwhm_hz: Any, start_s: Any = 0.0
) -> Complex[Array, " points"]:
    """A Gaussian line of unit size, with the phase 0 and largest at `start_s`: an echo when that is not 0.

    Args:
        time_s: sample times, s.
        frequency_hz: where it lies, Hz.
        fwhm_hz: full width at half maximum, Hz.
        start_s: time of its largest sample, s.
    """
    since = time_s - start_s
    return jnp.exp(-GAUSSIAN_EXPONENT * (fwhm_hz * since) ** 2 + 2j * jnp.pi * frequency_hz * since)


def eddy_phase(time_s: Float[Array, " points"], amplitude_rad: Any, decay_s: Any) -> Float[Array, " points"]:
    """Phase of an eddy current that dies away, rad."""
    return amplitude_rad * jnp.exp(-time_s / decay_s)


def averaging(
    time_s: Float[Array, " points"], drift_hz: Any = 0.0, drift_rad: Any = 0.0, scatter_hz: Any = 0.0
) -> Float[Array, " points"]:
    """What the mean over many transients multiplies an FID with, when their frequency and phase are not the same.

    Args:
        time_s: sample times, s.
        drift_hz: change of frequency over the scan, linear, Hz; the mean frequency stays.
        drift_rad: change of phase over the scan, linear, rad; the mean phase stays.
        scatter_hz: standard deviation of the frequency of single transients around that, Hz.
    """
    return jnp.sinc(drift_hz * time_s + drift_rad / (2 * jnp.pi)) * jnp.exp(
        -0.5 * (2 * jnp.pi * scatter_hz * time_s) ** 2
    )


@container()
@dataclass(frozen=True)
class Artefacts:
    """How strong artefacts are, as distributions; those that are None do not occur. A pytree.

    Water, lipids and echo are told as first (of the echo: largest) sample over the largest modulus of the FID of the
    metabolites. A share of spectra without an artefact is a `Mixture` with `Uniform(0.0, 0.0)`.

    Attributes:
        water: residual water.
        lipids: lipids at 0.9 and 1.3 ppm.
        echo: spurious echo.
        eddy_rad: phase of eddy currents at time zero, rad.
        drift_hz: change of frequency over the average, Hz.
        drift_rad: change of phase over the average, rad.
        scatter_hz: standard deviation of the frequency of transients around the drift, Hz.
        water_rad: phase of the water, rad.
        lipid_rad: phase of the lipids, rad.
        echo_s: time at which the echo is largest, s.
        echo_ppm: where it lies, ppm.
        echo_fwhm_hz: its width, Hz.
        eddy_s: time constant of eddy currents, s.
    """

    water: Distribution | None = None
    lipids: Distribution | None = None
    echo: Distribution | None = None
    eddy_rad: Distribution | None = None
    drift_hz: Distribution | None = None
    drift_rad: Distribution | None = None
    scatter_hz: Distribution | None = None
    water_rad: Distribution = _ANY_PHASE
    lipid_rad: Distribution = _ANY_PHASE
    echo_s: Distribution = _ECHO_S
    echo_ppm: Distribution = _ECHO_PPM
    echo_fwhm_hz: Distribution = _ECHO_FWHM_HZ
    eddy_s: Distribution = _EDDY_S


@container()
@dataclass(frozen=True)
class Spoiling:
    """The artefacts of one FID, or of a stack: numbers as `Artefacts` describes them, 0 for what does not occur."""

    water: jax.Array
    lipids: jax.Array
    echo: jax.Array
    eddy_rad: jax.Array
    drift_hz: jax.Array
    drift_rad: jax.Array
    scatter_hz: jax.Array
    water_rad: jax.Array
    lipid_rad: jax.Array
    echo_s: jax.Array
    echo_ppm: jax.Array
    echo_fwhm_hz: jax.Array
    eddy_s: jax.Array


def draw_spoiling(key: Array, artefacts: Artefacts) -> Spoiling:
    """The artefacts of one FID. Each field has a key of its own: one more artefact leaves the others as they are."""
    drawn = {}
    for number, name in enumerate(Spoiling.__dataclass_fields__):
        distribution = getattr(artefacts, name)
        own = jax.random.fold_in(key, number)
        drawn[name] = jnp.zeros(()) if distribution is None else distribution.draw(own, ())
    return Spoiling(**drawn)


def spoil(
    fid: Complex[Array, " points"], spoiling: Spoiling, acquisition: Acquisition, size: Float[Array, ""] | None = None
) -> Complex[Array, " points"]:
    """An FID with artefacts. Differentiable in the FID and in their strengths.

    Args:
        fid: without noise.
        spoiling: its artefacts.
        acquisition: its sampling.
        size: what water, lipids and echo are parts of; the largest modulus of `fid` when absent.
    """
    time_s = jnp.asarray(acquisition.time_s(fid.size), fid.real.dtype)
    s = jax.tree.map(lambda value: jnp.asarray(value, time_s.dtype), spoiling)
    whole = jnp.abs(fid).max() if size is None else size
    extra = (
        s.water * jnp.exp(1j * s.water_rad) * water_line(time_s, acquisition)
        + s.lipids * jnp.exp(1j * s.lipid_rad) * lipid_lines(time_s, acquisition)
        + s.echo * gaussian_line(time_s, acquisition.ppm_to_hz(s.echo_ppm), s.echo_fwhm_hz, s.echo_s)
    )
    # An eddy current that does not occur has no time constant either: keep clear of 0/0 there.
    eddy_rad = eddy_phase(time_s, s.eddy_rad, jnp.where(s.eddy_s > 0, s.eddy_s, 1.0))
    averaged = fid * averaging(time_s, s.drift_hz, s.drift_rad, s.scatter_hz)
    return ((averaged + whole * extra) * jnp.exp(1j * eddy_rad)).astype(fid.dtype)
