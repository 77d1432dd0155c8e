"""What every estimator of `fit_vs_learned.py` is given: the same spectra, ranges, basis and noise."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from deepmrs import ACQUISITION, NAMES, POINTS, RECIPE, Setting, setting

from diffmrs.learn import InputSpec
from diffmrs.learn.decoder import Decoder, decoder_for
from diffmrs.learn.examples import Example, Source, draw_examples
from diffmrs.learn.scene import Scene, Seen
from diffmrs.pytree import container
from diffmrs.simulate import simulate_recipe
from diffmrs.simulate.spectra import Simulated

COUNT = len(NAMES)  # metabolites that are scored; macromolecules are not
NINE = ("NAA", "Cr", "Ins", "Glu", "GPC", "Tau", "PCho", "PCr", "NAAG")
WINDOW_PPM = (0.2, 4.3)
SPEC = InputSpec("spectrum", POINTS, ppm_range=WINDOW_PPM)


@dataclass(frozen=True)
class Size:
    """How much is drawn and trained.

    Attributes:
        bank: spectra to train on what is linear.
        tests: spectra that are scored, and as many each to calibrate with and to set thresholds by.
        strange: spectra of each strange kind.
        referee: spectra whose posterior is sampled.
        adapted: spectra on which networks are adapted.
        many: spectra that are timed.
        seeds: networks of each kind.
        members: of an ensemble.
    """

    bank: int = 16_384
    tests: int = 1000
    strange: int = 200
    referee: int = 20
    adapted: int = 50
    many: int = 10_000
    seeds: int = 3
    members: int = 3


QUICK = Size(512, 48, 20, 2, 2, 48, 1, 2)


@container()
@dataclass(frozen=True)
class WindowScene:
    """A `Scene` for examples that hold no more than what is looked at: the spectrum in the window of the decoder.

    Attributes:
        decoder: of the window.
    """

    decoder: Decoder

    def see(self, example: Example) -> Seen:
        """One spectrum, fed as `network_input` would feed the FID that it is of."""
        spectrum = example.fid
        fed = jnp.stack([spectrum.real, spectrum.imag], axis=-1) / np.sqrt(POINTS)
        return Seen(fed, spectrum, example.noise_sd, jnp.ones_like(example.noise_sd), example.z)


@container()
@dataclass(frozen=True)
class WindowSource:
    """Spectra of the recipe in its physical form, no more than the window: a tenth of the work of whole FIDs.

    Attributes:
        decoder: of the window, in coordinates of the ranges.
        noise_sd: of the real part.
    """

    decoder: Decoder
    noise_sd: Any

    def draw(self, key: Any) -> Example:
        """One spectrum and its truth."""
        key_z, key_noise = jax.random.split(key)
        latent = self.decoder.latent
        z = latent.draw(key_z)
        clean = self.decoder.spectrum(z)
        noise_sd = jnp.asarray(self.noise_sd, z.dtype)
        parts = noise_sd * jax.random.normal(key_noise, (2, *clean.shape), z.dtype)
        return Example(clean + jax.lax.complex(parts[0], parts[1]), noise_sd, latent.parameters(z), z)


@dataclass(frozen=True)
class Given:
    """The data of one run.

    Attributes:
        setting: basis, decoders and recipe.
        scene: spectra as networks see them, in coordinates of the ranges.
        stream: what networks are trained on.
        seen: how they see it.
        bank: whole FIDs to train what is linear on.
        held: to calibrate with.
        limits: to set thresholds by.
        tests: to score on.
        physical: whether noise comes last.
    """

    setting: Setting
    scene: Scene
    stream: Source
    seen: Any
    bank: Example
    held: Simulated
    limits: Simulated
    tests: Simulated
    physical: bool

    @property
    def mean(self) -> np.ndarray:
        """Mean amplitude of the training spectra, macromolecules included."""
        return self._amplitudes.mean(axis=0)

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation of each."""
        return self._amplitudes.std(axis=0)

    @property
    def sd_of_prior(self) -> np.ndarray:
        """Standard deviation of each range."""
        return np.asarray(self.setting.gaussian.latent.population.amplitude.sd)

    @property
    def _amplitudes(self) -> np.ndarray:
        assert self.bank.parameters is not None
        return np.asarray(self.bank.parameters.amplitude)


def given(data: Path, size: Size, *, physical: bool) -> Given:
    """Draw everything."""
    whole = setting(data, physical=physical)
    chosen = replace(whole, uniform=windowed(whole.uniform, whole), gaussian=windowed(whole.gaussian, whole))
    draw = jax.jit(lambda key: draw_examples(key, chosen.source, min(size.bank, 512)))
    keys = jax.random.split(jax.random.key(1), size.bank // min(size.bank, 512))
    parts = [jax.tree.map(np.asarray, draw(key)) for key in keys]
    bank = jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)), *parts)
    sets = [
        simulate_recipe(jax.random.key(key), RECIPE, chosen.basis, size.tests, physical=physical)
        for key in (2, 3, 2023)
    ]
    scene = Scene(SPEC, chosen.uniform)
    stream: Source = WindowSource(chosen.uniform, bank.noise_sd[0]) if physical else chosen.source
    seen = WindowScene(chosen.uniform) if physical else scene
    return Given(chosen, scene, stream, seen, bank, *sets, physical)


def windowed(decoder: Decoder, whole: Setting) -> Decoder:
    """The decoder that compares no more than what networks see."""
    latent = decoder.latent
    window = ACQUISITION.window(POINTS, WINDOW_PPM)
    model = replace(latent.model, window=(window.start, window.stop))
    return decoder_for(whole.basis, replace(latent, model=model))


def amplitudes(simulated: Simulated) -> np.ndarray:
    """The truth of the scored metabolites."""
    return np.asarray(simulated.parameters.amplitude)[:, :COUNT]


def example(simulated: Simulated) -> Example:
    """Spectra as estimators get them: without the truth."""
    return Example(simulated.fid, simulated.noise_sd)


__all__ = ["ACQUISITION", "COUNT", "NAMES", "NINE", "POINTS", "QUICK", "RECIPE", "SPEC", "Given", "Size",
           "amplitudes", "example", "given"]  # fmt: skip
