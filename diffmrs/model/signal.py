r"""The equation of an MRS signal. Fitter, simulator, uncertainty and networks all import it from here.

$$s(t) = e^{i\varphi_0} \sum_m a_m\, b_m(t)\,
         \exp\!\left(2\pi i f_g t - \pi L_g t - \frac{\pi^2 G_g^2 t^2}{4\ln 2}\right), \qquad g = \text{group of } m$$

$$S(f) = e^{2\pi i f \tau}\,\mathcal F[s](f) + \sum_k c_k P_k(f)$$
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.axes import Acquisition, spectrum_of
from diffmrs.data import Basis
from diffmrs.lineshape import voigt_decay
from diffmrs.model.baseline import Baseline
from diffmrs.model.parameters import Parameters


@dataclass(frozen=True)
class SignalModel:
    """Everything about the model that is not a number to be fitted. Hashable, so it is static under `jit`.

    Attributes:
        acquisition: sampling of data and basis.
        n_points: samples per FID.
        window: the points of the spectrum that are compared, first and one past the last.
        groups: group of each basis member; members of a group share width and shift.
        baseline: the set of baseline functions.
    """

    acquisition: Acquisition
    n_points: int
    window: tuple[int, int]
    groups: tuple[int, ...]
    baseline: Baseline

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return max(self.groups) + 1

    @property
    def n_window(self) -> int:
        """Points of the spectrum in the window."""
        return self.window[1] - self.window[0]

    @property
    def time_s(self) -> np.ndarray:
        """Sample times, s."""
        return self.acquisition.time_s(self.n_points)

    @property
    def frequency_hz(self) -> np.ndarray:
        """Frequency of each point in the window, Hz."""
        return self.acquisition.frequency_hz(self.n_points)[slice(*self.window)]

    @property
    def ppm(self) -> np.ndarray:
        """Chemical shift of each point in the window, ppm, falling."""
        return self.acquisition.ppm(self.n_points)[slice(*self.window)]

    def window_of(self, fid: Complex[Array, "*batch points"]) -> Complex[Array, "*batch window"]:
        """Spectrum of an FID inside the window."""
        return spectrum_of(fid)[..., slice(*self.window)]


def predict_fid(
    parameters: Parameters, basis_fid: Complex[Array, "members points"], model: SignalModel
) -> Complex[Array, " points"]:
    """The FID without first-order phase and baseline, which belong to the spectrum (see `predict`)."""
    modulation = group_modulation(parameters, model)[np.array(model.groups)]
    weighted = parameters.amplitude[:, None] * basis_fid * modulation
    return jnp.exp(1j * parameters.phase0_rad) * weighted.sum(axis=0)


def predict(
    parameters: Parameters, basis_fid: Complex[Array, "members points"], model: SignalModel
) -> Complex[Array, " window"]:
    """The spectrum in the fit window, baseline included.

    Args:
        parameters: of one FID.
        basis_fid: FID of each basis member, sampled as `model.acquisition` says.
        model: the fixed part.

    Returns:
        The complex spectrum, in the units of `diffmrs.axes.spectrum_of`.
    """
    metabolites = model.window_of(predict_fid(parameters, basis_fid, model))
    return first_order_phase(parameters, model) * metabolites + predict_baseline(parameters, model)


def predict_baseline(parameters: Parameters, model: SignalModel) -> Complex[Array, " window"]:
    """The baseline in the fit window."""
    functions = jnp.asarray(model.baseline.functions(model.n_window), parameters.baseline.dtype)
    return parameters.baseline_complex @ functions


def predict_members(
    parameters: Parameters, basis_fid: Complex[Array, "members points"], model: SignalModel
) -> Complex[Array, "members window"]:
    """The spectrum of each basis member at unit amplitude, with all phases, shifts and widths."""
    modulation = group_modulation(parameters, model)[np.array(model.groups)]
    phase = jnp.exp(1j * parameters.phase0_rad) * first_order_phase(parameters, model)
    return phase[None] * model.window_of(basis_fid * modulation)


def group_modulation(parameters: Parameters, model: SignalModel) -> Complex[Array, "groups points"]:
    """Decay and rotation that each group's lines carry beyond the basis."""
    time_s = jnp.asarray(model.time_s, parameters.amplitude.dtype)
    decay = voigt_decay(time_s, parameters.lorentzian_fwhm_hz, parameters.gaussian_variance_hz2)
    angle = 2 * jnp.pi * parameters.frequency_shift_hz[:, None] * time_s[None]
    return decay * jax.lax.complex(jnp.cos(angle), jnp.sin(angle))


def first_order_phase(parameters: Parameters, model: SignalModel) -> Complex[Array, " window"]:
    """Phase factor of late sampling, exp(2πi f τ)."""
    frequency_hz = jnp.asarray(model.frequency_hz, parameters.amplitude.dtype)
    return jnp.exp(2j * jnp.pi * frequency_hz * parameters.delay_s)


def model_for(
    basis: Basis, *, ppm_range: tuple[float, float], groups: tuple[int, ...], baseline: Baseline
) -> SignalModel:
    """The fixed part of the model for a basis, all checks made.

    Raises:
        InputError: the ppm range does not fit the axis.
    """
    window = basis.acquisition.window(basis.n_points, ppm_range)
    return SignalModel(basis.acquisition, basis.n_points, (window.start, window.stop), groups, baseline)
