"""What every estimator of `fit_vs_learned.py` is given: the same spectra, ranges, basis and noise."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from deepmrs import ACQUISITION, NAMES, POINTS, RECIPE, Setting, setting

from diffmrs.learn import InputSpec
from diffmrs.learn.examples import Example, draw_examples
from diffmrs.learn.scene import Scene
from diffmrs.pytree import container
from diffmrs.simulate import simulate_recipe
from diffmrs.simulate.spectra import Simulated

COUNT = len(NAMES)  # metabolites that are scored; macromolecules are not
NINE = ("NAA", "Cr", "Ins", "Glu", "GPC", "Tau", "PCho", "PCr", "NAAG")
SPEC = InputSpec("spectrum", POINTS, ppm_range=(0.2, 4.3))


@dataclass(frozen=True)
class Size:
    """How much is drawn and trained.

    Attributes:
        bank: spectra to train on.
        tests: spectra that are scored, and as many each to calibrate with and to set thresholds by.
        strange: spectra of each strange kind.
        referee: spectra whose posterior is sampled.
        adapted: spectra on which networks are adapted.
        many: spectra that are timed.
        seeds: networks of each kind.
        members: of an ensemble.
        share: of the steps that each network takes.
    """

    bank: int = 98_304
    tests: int = 1000
    strange: int = 200
    referee: int = 50
    adapted: int = 100
    many: int = 10_000
    seeds: int = 3
    members: int = 5
    share: float = 1.0


QUICK = Size(512, 48, 20, 2, 2, 48, 1, 2, 0.002)


@container()
@dataclass(frozen=True)
class Bank:
    """Stored examples, of which each draw takes one.

    Attributes:
        examples: [spectra, ...] on every field.
    """

    examples: Example

    def draw(self, key: Any) -> Example:
        """One of them."""
        which = jax.random.randint(key, (), 0, self.examples.noise_sd.shape[0])
        return jax.tree.map(lambda leaf: leaf[which], self.examples)


@dataclass(frozen=True)
class Given:
    """The data of one run.

    Attributes:
        setting: basis, decoders and recipe.
        scene: spectra as networks see them, in coordinates of the ranges.
        bank: to train on.
        held: to calibrate with.
        limits: to set thresholds by.
        tests: to score on.
        physical: whether noise comes last.
    """

    setting: Setting
    scene: Scene
    bank: Bank
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
    def _amplitudes(self) -> np.ndarray:
        assert self.bank.examples.parameters is not None
        return np.asarray(self.bank.examples.parameters.amplitude)


def given(data: Path, size: Size, *, physical: bool) -> Given:
    """Draw everything."""
    chosen = setting(data, physical=physical)
    draw = jax.jit(lambda key: draw_examples(key, chosen.source, min(size.bank, 512)))
    parts = [draw(key) for key in jax.random.split(jax.random.key(1), size.bank // min(size.bank, 512))]
    bank = Bank(jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts))
    sets = [
        simulate_recipe(jax.random.key(key), RECIPE, chosen.basis, size.tests, physical=physical)
        for key in (2, 3, 2023)
    ]
    return Given(chosen, Scene(SPEC, chosen.uniform), bank, *sets, physical)


def amplitudes(simulated: Simulated) -> np.ndarray:
    """The truth of the scored metabolites."""
    return np.asarray(simulated.parameters.amplitude)[:, :COUNT]


def example(simulated: Simulated) -> Example:
    """Spectra as estimators get them: without the truth."""
    return Example(simulated.fid, simulated.noise_sd)


__all__ = ["ACQUISITION", "COUNT", "NAMES", "NINE", "POINTS", "QUICK", "RECIPE", "SPEC", "Bank", "Given", "Size",
           "amplitudes", "example", "given"]  # fmt: skip
