"""What a network for measured brain spectra is trained on: one basis, one sampling, and a wide population around brain.

Spectra are registered to a template before the network sees them, so that it need not know every shift and phase;
what registration leaves is part of the population. Baselines, residual water and lipids are in the examples but not in
the answer: the posterior is that of the metabolites, all else integrated out.
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from diffmrs.axes import spectrum_of
from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.fitting.noise import noise_sd
from diffmrs.fitting.prepare import default_groups, default_ppm_range
from diffmrs.learn.decoder import decoder_for
from diffmrs.learn.examples import Example, PopulationSource
from diffmrs.learn.inputs import InputSpec, Representation
from diffmrs.learn.latent import Latent, latent_for
from diffmrs.learn.scene import Scene
from diffmrs.model.baseline import SplineBaseline
from diffmrs.model.signal import SignalModel, model_for, predict_fid
from diffmrs.preprocess.registration import Offsets, register, take_off
from diffmrs.pytree import container
from diffmrs.simulate import (
    Artefacts,
    LogNormal,
    LogUniform,
    Mixture,
    Normal,
    Population,
    RandomBaseline,
    Uniform,
    brain_population,
)

_LIPID_SHARE = 0.03  # first sample of a lipid member over that of all metabolites, in the middle
_LIPID_LOG_SD = 1.2
_STIFFNESS = 1e-3


@dataclass(frozen=True)
class Ranges:
    """How wide the population is.

    Attributes:
        spread: standard deviation of the logarithm of each concentration.
        snr: lowest and highest signal-to-noise ratio (`peak`), their logarithm equally likely between.
        lorentzian_hz: least and largest Lorentzian width beyond the basis, Hz.
        gaussian_hz: the same for the Gaussian width, Hz.
        shift_hz: standard deviation of the shift that registration leaves, Hz.
        own_shift_hz: standard deviation of each group's shift against the others, Hz.
        phase_rad: standard deviation of the phase that registration leaves, rad.
        baseline: least and largest height of the baseline, over the tallest peak, their logarithm equally likely.
        artefacts: share of spectra with residual water, and with lipids.
    """

    spread: float = 0.5
    snr: tuple[float, float] = (8.0, 250.0)
    lorentzian_hz: tuple[float, float] = (0.5, 8.0)
    gaussian_hz: tuple[float, float] = (0.5, 10.0)
    shift_hz: float = 2.0
    own_shift_hz: float = 0.7
    phase_rad: float = 0.2
    baseline: tuple[float, float] = (0.003, 0.1)
    artefacts: float = 0.2

    def __post_init__(self) -> None:
        for name in ("snr", "lorentzian_hz", "gaussian_hz", "baseline"):
            low, high = getattr(self, name)
            if not (np.isfinite(low) and np.isfinite(high) and 0 <= low < high and (low > 0 or "hz" in name)):
                raise InputError(f"{name} is {low:g} to {high:g}; the first must be the lower one, and positive")
        if not (0 < self.spread <= 2 and 0 <= self.artefacts <= 0.5):
            raise InputError(
                f"spread is {self.spread:g} and artefacts {self.artefacts:g}; they must lie between 0 and 2, 0 and 0.5"
            )


@container(static=("model",))
@dataclass(frozen=True)
class Protocol:
    """One way of measuring, as a network for it needs it; make it with `protocol_for`.

    Attributes:
        scene: how FIDs are seen, and by which decoder they are explained.
        source: examples.
        template: FID that spectra are registered to. [points]
        model: the fixed part of the signal model.
    """

    scene: Scene
    source: PopulationSource
    template: jax.Array
    model: SignalModel

    @property
    def latent(self) -> Latent:
        """The coordinates."""
        return self.scene.decoder.latent

    def registered(self, fid: Complex[Array, " points"]) -> tuple[Example, Offsets]:
        """A measured FID as the network meets it: moved onto the template, its noise measured."""
        offsets = register(fid, self.template, self.model.acquisition, window_ppm=self._window)
        noise = noise_sd(spectrum_of(fid), self.model)
        return Example(take_off(fid, self.model.acquisition, offsets), noise), offsets

    @property
    def _window(self) -> tuple[float, float]:
        low, high = float(self.model.ppm.min()), float(self.model.ppm.max())
        return (max(low, 1.8), min(high, 4.2)) if self.model.acquisition.nucleus == "1H" else (low, high)


def protocol_for(
    basis: Basis, *, ppm_range: tuple[float, float] | None = None, ranges: Ranges = Ranges(), seed: int = 0
) -> Protocol:
    """What a network is trained on, for a basis with its macromolecules, sampled like the data.

    Args:
        basis: sampled like the data, macromolecules and lipids included.
        ppm_range: what the network sees and the decoder compares, ppm; that of `diffmrs.fit` when absent.
        ranges: how wide the population is.
        seed: of the examples that tell how amplitudes are scaled.

    Raises:
        InputError: the basis has no member with a usual concentration in brain, or the range does not fit.
    """
    window = ppm_range or default_ppm_range(basis.acquisition, basis.n_points)
    amplitude = _amplitudes(basis, ranges)
    loose = assembled(basis, window, ranges, amplitude, LogNormal(1.0, 1.0))
    median, spread = _scale(loose.source, loose.scene.spec, jax.random.key(seed))
    return assembled(basis, window, ranges, amplitude, LogNormal(median, spread))


def assembled(
    basis: Basis, window: tuple[float, float], ranges: Ranges, amplitude: LogNormal, gain: LogNormal
) -> Protocol:
    """A protocol of which the amplitudes and their scale are known already."""
    groups = default_groups(basis)
    model = model_for(basis, ppm_range=window, groups=groups, shims=groups, baseline=SplineBaseline())
    population = Population(
        amplitude=amplitude,
        lorentzian_fwhm_hz=Uniform(0.0, 0.0),
        own_lorentzian_fwhm_hz=Uniform(*(np.full(model.n_groups, limit, np.float32) for limit in ranges.lorentzian_hz)),
        frequency_shift_hz=Normal(0.0, ranges.shift_hz),
        own_frequency_shift_hz=Normal(np.zeros(model.n_groups, np.float32), np.float32(ranges.own_shift_hz)),
        gaussian_fwhm_hz=Uniform(*(np.full(model.n_shims, limit, np.float32) for limit in ranges.gaussian_hz)),
        phase0_rad=Normal(0.0, ranges.phase_rad),
    )
    latent = latent_for(population, model, gain=gain)
    source = PopulationSource(
        latent,
        jnp.asarray(basis.fid),
        snr=LogUniform(*ranges.snr),
        baseline=RandomBaseline(LogUniform(*ranges.baseline)),
        artefacts=_artefacts(ranges.artefacts),
    )
    spec = InputSpec("spectrum", ppm_range=window, scale="rms", with_noise=True)
    scene = Scene(spec, decoder_for(basis, latent, stiffness=_STIFFNESS))
    middle = latent.parameters(jnp.zeros(latent.size))
    # Of the metabolites alone: macromolecules and lipids would pull at the template's phase.
    light = jnp.asarray([group == groups[0] for group in groups], middle.amplitude.dtype)
    template = predict_fid(replace(middle, amplitude=middle.amplitude * light), source.basis_fid, model)
    return Protocol(scene, source, template, model)


def _amplitudes(basis: Basis, ranges: Ranges) -> LogNormal:
    """Usual concentrations, and for members without one a share of the signal of the others."""
    population, _ = brain_population(basis, spread=ranges.spread)
    assert isinstance(population.amplitude, LogNormal)
    first = np.abs(np.asarray(basis.fid[:, 0]))
    median = np.asarray(population.amplitude.median, float)
    share = _LIPID_SHARE * (median @ first) / np.where(first > 0, first, 1.0)
    log_sd = np.where(median > 0, ranges.spread, _LIPID_LOG_SD)
    return LogNormal(np.where(median > 0, median, share).astype(np.float32), log_sd.astype(np.float32))


def _artefacts(share: float) -> Artefacts | None:
    if share == 0:
        return None
    weights = np.array([1 - share, share])
    nothing = Uniform(0.0, 0.0)
    return Artefacts(
        water=Mixture((nothing, LogUniform(0.01, 1.0)), weights),
        lipids=Mixture((nothing, LogUniform(0.01, 0.3)), weights),
    )


def _scale(source: PopulationSource, spec: Representation, key: Array) -> tuple[float, float]:
    """Median and, widened, spread of one over the scale that examples are divided by."""

    @jax.jit
    def scales(keys: Array) -> Array:
        def one(key: Array) -> Array:
            made = source.draw(key)
            return spec.feed(made.fid, made.noise_sd, source.latent.model.acquisition).scale

        return jax.lax.map(one, keys)

    logs = -np.log(np.asarray(scales(jax.random.split(key, 256))))
    return float(np.exp(np.median(logs))), float(max(logs.std(), 0.2))
