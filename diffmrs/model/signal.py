r"""The equation of an MRS signal. Fitter, simulator, uncertainty and networks all import it from here.

$$s(t) = e^{i\varphi_0}\, h(t) \sum_m a_m\, b_m(t)\,
         \exp\!\left(2\pi i f_g t - \pi L_g t - \frac{\pi^2 G_q^2 t^2}{4\ln 2} - \frac{i (2\pi)^3 \mu_q t^3}{6}\right)$$

$$S(f) = e^{2\pi i f \tau}\,\mathcal F[s](f) + \sum_k c_k P_k(f), \qquad h(t) = \sum_j h_j e^{2\pi i \nu_j t}$$

Member m belongs to group g, which shares shift and Lorentzian width, and to shim group q, which shares the field
distribution. The lineshape kernel h is common to all members.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.lineshape import THIRD_MOMENT_PHASE, voigt_decay
from diffmrs.model.band import Band, band_around
from diffmrs.model.baseline import Baseline, SmoothFunctions, smooth_functions
from diffmrs.model.parameters import Parameters
from diffmrs.model.shape import VOIGT, Lineshape
from diffmrs.model.split import Split, split, turned
from diffmrs.model.waves import decaying_waves


@dataclass(frozen=True)
class SignalModel:
    """Everything about the model that is not a number to be fitted. Hashable, so it is static under `jit`.

    Attributes:
        acquisition: sampling of data and basis.
        n_points: samples per FID.
        window: the points of the spectrum that are compared, first and one past the last.
        groups: group of each basis member; members of a group share shift and Lorentzian width.
        shims: shim group of each basis member; members of a shim group share Gaussian width and asymmetry.
        baseline: the set of baseline functions.
        lineshape: what lines look like beyond the widths of their groups.
        noise_scale: where noise counts for more or less than elsewhere: lower and upper ppm and the factor on its
            standard deviation.
        band: where the FIDs are those of a narrow band (`banded`), that band.
    """

    acquisition: Acquisition
    n_points: int
    window: tuple[int, int]
    groups: tuple[int, ...]
    shims: tuple[int, ...]
    baseline: Baseline
    lineshape: Lineshape = VOIGT
    noise_scale: tuple[tuple[float, float, float], ...] = ()
    band: Band | None = None

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return max(self.groups) + 1

    @property
    def n_shims(self) -> int:
        """Number of shim groups."""
        return max(self.shims) + 1

    @property
    def n_window(self) -> int:
        """Points of the spectrum in the window."""
        return self.window[1] - self.window[0]

    @property
    def time_s(self) -> np.ndarray:
        """Sample times of the FIDs that the model multiplies, s."""
        return self.acquisition.time_s(self.n_points) if self.band is None else self.band.time_s

    @property
    def frequency_hz(self) -> np.ndarray:
        """Frequency of each point in the window, Hz."""
        return self.acquisition.frequency_hz(self.n_points)[slice(*self.window)]

    @property
    def ppm(self) -> np.ndarray:
        """Chemical shift of each point in the window, ppm, falling."""
        return self.acquisition.ppm(self.n_points)[slice(*self.window)]

    @property
    def whitening(self) -> np.ndarray:
        """What the window is multiplied with so that its noise is alike everywhere. [window]"""
        scale = np.ones(self.n_window)
        for low, high, factor in self.noise_scale:
            scale[(self.ppm >= low) & (self.ppm <= high)] *= factor
        return 1 / scale

    @property
    def baseline_functions(self) -> np.ndarray:
        """Baseline functions; orthonormal over the whitened real and imaginary parts. [functions, window]"""
        return _baseline_of(self.baseline, tuple(self.ppm), tuple(self.whitening)).functions

    @property
    def baseline_roughness(self) -> np.ndarray:
        """Roughness of each baseline function. [functions]"""
        return _baseline_of(self.baseline, tuple(self.ppm), tuple(self.whitening)).roughness

    def window_of(self, fid: Complex[Array, "*batch samples"]) -> Complex[Array, "*batch window"]:
        """Spectrum of an FID, sampled at `time_s`, inside the window."""
        if self.band is None:
            return spectrum_of(fid)[..., slice(*self.window)]
        first = self.window[0] - self.band.first
        return self.band.spectrum(fid)[..., first : first + self.n_window]

    def banded(self, margin_ppm: float) -> "SignalModel":
        """This model for FIDs reduced to the window and a margin (`reduce_fid`); this one where that saves nothing.

        Args:
            margin_ppm: lines up to this far outside may be shifted into the window, ppm.
        """
        margin_hz = margin_ppm * self.acquisition.spectrometer_frequency_mhz
        return replace(self, band=band_around(self.acquisition, self.n_points, self.window, margin_hz))

    def reduce_fid(self, fid: Complex[Array, "*batch points"]) -> Complex[Array, "*batch samples"]:
        """FIDs as measured to FIDs as this model multiplies them."""
        return fid if self.band is None else self.band.reduced(fid)


def predict_fid(
    parameters: Parameters, basis_fid: Complex[Array, "members points"] | Split, model: SignalModel
) -> Complex[Array, " points"]:
    """The FID without first-order phase and baseline, which belong to the spectrum (see `predict`)."""
    whole = _modulated_sum(parameters, split(basis_fid), model)
    return turned(parameters.phase0_rad).joined * kernel_decay(parameters, model) * whole.joined


def predict(
    parameters: Parameters, basis_fid: Complex[Array, "members points"] | Split, model: SignalModel
) -> Complex[Array, " window"]:
    """The spectrum in the fit window, baseline included.

    Args:
        parameters: of one FID.
        basis_fid: FID of each basis member, sampled as `model.acquisition` says (for a banded model: reduced).
        model: the fixed part.

    Returns:
        The complex spectrum, in the units of `diffmrs.axes.spectrum_of`.
    """
    return predict_metabolites(parameters, basis_fid, model) + predict_baseline(parameters, model)


def predict_metabolites(
    parameters: Parameters, basis_fid: Complex[Array, "members points"] | Split, model: SignalModel
) -> Complex[Array, " window"]:
    """The spectrum of all basis members in the fit window, without the baseline."""
    return first_order_phase(parameters, model) * model.window_of(predict_fid(parameters, basis_fid, model))


def predict_baseline(parameters: Parameters, model: SignalModel) -> Complex[Array, " window"]:
    """The baseline in the fit window."""
    functions = complex_like(model.baseline_functions, parameters.amplitude)
    return parameters.baseline.astype(functions.dtype) @ functions


def predict_members(
    parameters: Parameters, basis_fid: Complex[Array, "members points"] | Split, model: SignalModel
) -> Complex[Array, "members window"]:
    """The spectrum of each basis member at unit amplitude, with all phases, shifts and widths."""
    members = split(basis_fid).times(member_modulation(parameters, model)).joined
    return whole_phase(parameters, model).joined[None] * model.window_of(
        members * kernel_decay(parameters, model)[None]
    )


def _modulated_sum(parameters: Parameters, basis_fid: Split, model: SignalModel) -> Split:
    """The sum of all members with their decays and rotations; those with the same ones are summed first. [points]"""
    kinds = sorted(set(zip(model.groups, model.shims, strict=True)))
    if 2 * len(kinds) > len(model.groups):
        members = basis_fid.times(member_modulation(parameters, model))
        return Split(parameters.amplitude @ members.real, parameters.amplitude @ members.imag)
    own = np.array([[kind == pair for pair in zip(model.groups, model.shims, strict=True)] for kind in kinds])
    weights = parameters.amplitude[None] * jnp.asarray(own, parameters.amplitude.dtype)
    sums = Split(weights @ basis_fid.real, weights @ basis_fid.imag)
    one_each = replace(model, groups=tuple(g for g, _ in kinds), shims=tuple(q for _, q in kinds))
    members = sums.times(member_modulation(parameters, one_each))
    return Split(members.real.sum(axis=0), members.imag.sum(axis=0))


def member_modulation(parameters: Parameters, model: SignalModel) -> Split:
    """Decay and rotation that each member carries beyond the basis; without the kernel, which is common to all.

    Returns:
        [members, points]
    """
    time_s = jnp.asarray(model.time_s, parameters.amplitude.dtype)
    own = decaying_waves(model.time_s, parameters.lorentzian_fwhm_hz, parameters.frequency_shift_hz)
    variance = parameters.gaussian_variance_hz2
    decay = voigt_decay(time_s, jnp.zeros_like(variance), variance)
    groups, shims = np.array(model.groups), np.array(model.shims)
    waves = Split(own.real[groups], own.imag[groups])
    if model.lineshape.asymmetric:
        skew = -THIRD_MOMENT_PHASE * parameters.third_moment_hz3[:, None] * time_s[None] ** 3
        lines = turned(skew).scaled(decay)
        return waves.times(Split(lines.real[shims], lines.imag[shims]))
    return waves.scaled(decay[shims])


def kernel_decay(parameters: Parameters, model: SignalModel) -> Complex[Array, " points"]:
    """What the lineshape kernel multiplies every FID with; ones without a kernel."""
    waves = kernel_waves(model, parameters.amplitude)
    if not model.lineshape.n_kernel:
        return jnp.ones(model.time_s.size, waves.dtype)
    return parameters.lineshape.astype(waves.dtype) @ waves


def kernel_waves(model: SignalModel, like: Array) -> Complex[Array, "kernel points"]:
    """What each point of the lineshape kernel multiplies an FID with, in the precision of `like`."""
    time_s = jnp.asarray(model.time_s, like.dtype)
    return turned(2 * jnp.pi * jnp.asarray(model.lineshape.kernel_hz, like.dtype)[:, None] * time_s[None]).joined


def first_order_phase(parameters: Parameters, model: SignalModel) -> Complex[Array, " window"]:
    """Phase factor of late sampling, exp(2πi f τ)."""
    frequency_hz = jnp.asarray(model.frequency_hz, parameters.amplitude.dtype)
    return turned(2 * jnp.pi * frequency_hz * parameters.delay_s).joined


def whole_phase(parameters: Parameters, model: SignalModel) -> Split:
    """Phase factor of zero and first order together. [window]"""
    frequency_hz = jnp.asarray(model.frequency_hz, parameters.amplitude.dtype)
    return turned(parameters.phase0_rad + 2 * jnp.pi * frequency_hz * parameters.delay_s)


def complex_like(values: np.ndarray, real: Array) -> Array:
    """Complex constants in the precision of a real array."""
    return jnp.asarray(values, jnp.result_type(real.dtype, jnp.complex64))


def model_for(
    basis: Basis,
    *,
    ppm_range: tuple[float, float],
    groups: tuple[int, ...],
    shims: tuple[int, ...],
    baseline: Baseline,
    lineshape: Lineshape = VOIGT,
    noise_scale: tuple[tuple[float, float, float], ...] = (),
) -> SignalModel:
    """The fixed part of the model for a basis, all checks made.

    Raises:
        InputError: the ppm range does not fit the axis, or a noise scale makes no sense.
    """
    for low, high, factor in noise_scale:
        if not (low < high and 1e-3 <= factor <= 1e3):
            raise InputError(
                f"noise scale is {factor:g} from {low:g} to {high:g} ppm; the range must rise and the factor lie "
                "between 0.001 and 1000"
            )
    window = basis.acquisition.window(basis.n_points, ppm_range)
    limits = (window.start, window.stop)
    return SignalModel(basis.acquisition, basis.n_points, limits, groups, shims, baseline, lineshape, noise_scale)


def parameters_for(
    model: SignalModel,
    amplitude: Array,
    *,
    lorentzian_fwhm_hz: float | Array = 0.0,
    gaussian_fwhm_hz: float | Array = 0.0,
    frequency_shift_hz: float | Array = 0.0,
    phase0_rad: float | Array = 0.0,
    delay_s: float | Array = 0.0,
) -> Parameters:
    """Parameters with the same widths and shift for every group, symmetric lines and no baseline.

    Args:
        model: the fixed part.
        amplitude: of each member. [members]
        lorentzian_fwhm_hz: Lorentzian width added to the basis, Hz.
        gaussian_fwhm_hz: Gaussian width added to the basis, Hz.
        frequency_shift_hz: shift, Hz; positive to lower ppm.
        phase0_rad: zero-order phase, rad.
        delay_s: first-order phase, s.
    """
    one = jnp.ones((), amplitude.dtype)
    groups, shims = jnp.ones(model.n_groups, one.dtype), jnp.ones(model.n_shims, one.dtype)
    return Parameters(
        amplitude=amplitude,
        lorentzian_fwhm_hz=lorentzian_fwhm_hz * groups,
        frequency_shift_hz=frequency_shift_hz * groups,
        gaussian_variance_hz2=gaussian_fwhm_hz**2 * shims,
        third_moment_hz3=0 * shims[: model.n_shims if model.lineshape.asymmetric else 0],
        lineshape=jnp.asarray(model.lineshape.kernel_hz == 0, one.dtype),
        phase0_rad=phase0_rad * one,
        delay_s=delay_s * one,
        baseline=jnp.zeros(len(model.baseline_roughness), one.dtype),
    )


@lru_cache(maxsize=32)
def _baseline_of(baseline: Baseline, ppm: tuple[float, ...], whitening: tuple[float, ...]) -> SmoothFunctions:
    return smooth_functions(baseline, np.array(ppm), np.array(whitening))
