"""Spectra unlike those of the training, for `fit_vs_learned.py`: who errs, and what notices."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from vs_fits import Estimator
from vs_learned import after_steps, bounds_at
from vs_setting import COUNT, NAMES, NINE, Given, amplitudes, example

from diffmrs.learn.examples import Example
from diffmrs.learn.strangeness import Signs, feature_space, flag_for
from diffmrs.scores import auc, flag_rate, gaussian_calibration, sample_calibration
from diffmrs.simulate import STRANGE, strange_spectra
from diffmrs.simulate.spectra import Simulated
from diffmrs.simulate.strange import without_member

STEPS = 2  # Gauss-Newton steps before the flag looks
MISSING = ("Cr", "Glu", "NAAG", "GABA", "Lac")
INDEX = [NAMES.index(name) for name in NINE]
SIGNS = (*Signs._fields, "features")


def strange_sets(given: Given, count: int) -> dict[str, Simulated]:
    """The suite: every change, and metabolites that are missing one at a time."""
    changes: dict[str, Any] = dict(STRANGE) | {f"missing_{name}": without_member(name) for name in MISSING}
    usual = jax.tree.map(lambda leaf: leaf[:count], given.tests)
    known = given.bank.parameters
    assert known is not None
    training = jax.tree.map(lambda leaf: leaf[:4096], known)
    return {
        name: strange_spectra(jax.random.key(9), change, usual, given.setting.basis, training=training)
        for name, change in changes.items()
    }


def normalised_error(truth: np.ndarray, estimate: np.ndarray, given: Given) -> float:
    """Root mean square error of the nine metabolites, each in units of its range's standard deviation."""
    off = (estimate - truth)[:, INDEX] / given.sd_of_prior[None, INDEX]
    return float(np.sqrt(np.mean(off**2)))


def errors(sets: Mapping[str, Simulated], estimators: Mapping[str, Estimator], given: Given) -> dict[str, dict]:
    """Normalised error, and coverage of 95 % where there are intervals, of each estimator on each set."""
    rows: dict[str, dict] = {}
    for change, one in sets.items():
        truth = amplitudes(one)
        for name, estimator in estimators.items():
            answer = estimator(example(one))
            row = rows.setdefault(change, {}).setdefault(name, {})
            row["error"] = normalised_error(truth, answer.amplitude, given)
            row["not_converged"] = float(np.mean(answer.more.get("status", np.zeros(1)) != 0))
            stated = None
            if answer.sd is not None:
                stated = gaussian_calibration(truth, answer.amplitude, answer.sd, levels=(0.95,))
            elif answer.samples is not None:
                stated = sample_calibration(truth, answer.samples, levels=(0.95,))
            if stated is not None:
                row["coverage95"] = float(np.nanmean(stated.coverage[0][INDEX]))
    return rows


class Watch:
    """Signs of spectra: a network's answer, two Gauss-Newton steps, and how far its features lie.

    Args:
        given: the data.
        start: an amortised posterior, for its coordinates.
        features: what it finds on its way.
        steps: Gauss-Newton steps after its answer.
    """

    def __init__(self, given: Given, start: Estimator, features: Any, steps: int = STEPS):
        self.given, self.start, self.features = given, start, features
        self.steps = after_steps(given, steps)
        stored = jax.tree.map(lambda leaf: leaf[:4096], given.bank)
        self.space = feature_space(features(Example(stored.fid, stored.noise_sd)))

    def signs(self, spectra: Example) -> np.ndarray:
        """[spectra, signs]"""
        found = self.steps(self.start(spectra).more["z"], spectra).more["signs"]
        far = self.space.distance(jnp.asarray(self.features(spectra)))
        return np.concatenate([found, np.asarray(far)[:, None]], axis=1).astype(np.float64)


def flags(watch: Watch, sets: Mapping[str, Simulated], given: Given) -> dict[str, Any]:
    """How often the flag fires on usual and strange spectra, all signs together and each alone."""
    held, limits, tests = (watch.signs(example(one)) for one in (given.held, given.limits, given.tests))
    flag = flag_for(held, limits)
    alone = [flag_for(held[:, k : k + 1], limits[:, k : k + 1]) for k in range(len(SIGNS))]
    score = flag.score(tests)
    rows: dict[str, Any] = {"false_alarms": _rate(flag(tests))}
    rows["false_alarms_alone"] = {name: float(alone[k](tests[:, k : k + 1]).mean()) for k, name in enumerate(SIGNS)}
    for change, simulated in sets.items():
        signs = watch.signs(example(simulated))
        own = {name: float(alone[k](signs[:, k : k + 1]).mean()) for k, name in enumerate(SIGNS)}
        rows[change] = {**_rate(flag(signs)), "auc": auc(score, flag.score(signs)), "alone": own}
    return rows


def separations(sets: Mapping[str, Simulated], given: Given) -> dict[str, dict[str, float]]:
    """How far a spectrum without a metabolite lies from the nearest of the training, in units of what can be told.

    The least amplitude of the range over the Cramér-Rao bound with all nuisances, and over that with the prior on
    everything: median over spectra.
    """
    rows = {}
    usual = jax.tree.map(lambda leaf: leaf[: len(next(iter(sets.values())).fid)], given.tests)
    z = np.asarray(jax.vmap(given.setting.gaussian.latent.coordinates)(usual.parameters))
    plain = bounds_at(given, prior=False)(z, example(usual))
    known = given.bank.parameters
    assert known is not None
    least = np.asarray(known.amplitude)[:, :COUNT].min(axis=0)
    for name in ("NAA", *MISSING):
        k = NAMES.index(name)
        rows[name] = {"least_over_crlb": float(np.median(least[k] / plain[:, k]))}
    return rows


def _rate(fired: np.ndarray) -> dict[str, float]:
    rate = flag_rate(fired.astype(float), 0.5)
    return {"rate": rate.value, "low": rate.low, "high": rate.high}
