"""What Rizzo et al. 2023 change besides the network, in `published.py`: more examples, no water, narrower tests."""

from dataclasses import replace
from typing import Any

import numpy as np
from pub_scores import in_groups, lines
from pub_train import Run, prepared_for, tests_of, trained

from diffmrs.data import Basis
from diffmrs.simulate import Recipe
from diffmrs.simulate.spectra import Simulated

PRESET = "rizzo-deep-1d"
CHANGES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "5000 more, amplitudes in the outer fifths": {"extension": [{"count": 5000, "outer": 0.2}]},
    "5000 more at SNR 5 to 15": {"extension": [{"count": 5000, "snr": [5.0, 15.0]}]},
    "without the water": {"recipe": {"water": False}},
}
TESTS: dict[str, tuple[float, dict[str, Any]]] = {  # share of each range that is left out at either end; more
    "20 to 80 % of the range": (0.2, {}),
    "40 to 60 % of the range": (0.4, {}),
    "20 to 80 % of the range, SNR 20 to 40": (0.2, {"snr": (20.0, 40.0)}),
}


def ablations(run: Run, basis: Basis, tests: Simulated) -> dict[str, Any]:
    """Scores in the three groups of one network, trained otherwise and tested otherwise.

    Args:
        run: of the benchmark.
        basis: of the recipe.
        tests: those of all networks; for the network that sees no water others are drawn, alike but for it.
    """
    told: dict[str, Any] = {}
    for number, (name, change) in enumerate(CHANGES.items()):
        prepared = prepared_for(run, PRESET, basis, **change)
        models = trained(run, f"{PRESET}_{number}" if number else PRESET, prepared)
        own = tests if prepared.preset.recipe.water_seen else tests_of(run, prepared)
        told[name] = scored(models, own)
        if not number:
            for narrow, (left, more) in TESTS.items():
                recipe = replace(clipped(prepared.preset.recipe, left), **more)
                told[f"tested in {narrow}"] = scored(models, tests_of(run, prepared, recipe))
    return told


def scored(models: list[Any], tests: Simulated) -> dict[str, Any]:
    """Scores of several networks of one kind."""
    truth = np.asarray(tests.parameters.amplitude)
    return in_groups([lines(truth, one.quantify(tests.fid)[0]) for one in models], models[0].names)


def clipped(recipe: Recipe, left: float) -> Recipe:
    """A recipe whose amplitudes keep away from the ends of their ranges."""
    narrow = []
    for one in recipe.ingredients:
        low, high = one.amplitude
        cut = left * (high - low)
        narrow.append(replace(one, amplitude=(low + cut, high - cut)))
    return replace(recipe, ingredients=tuple(narrow))
