"""
Judge an estimator
==================

How good is an estimator, how good could one be that looks at nothing, and can its error bars be believed?

Ridge regression on the FID is judged as every fit and network should be: beside the constant predictor, with the slope
of estimate on truth, and by how often its intervals cover the truth. Stated errors from a validation set are right;
half of them are not, and both figures of calibration show it.

Runs without data. Usage: python judge_an_estimator.py [FIGURE.png]
"""

import sys
from dataclasses import replace

import jax
import numpy as np
from matplotlib.figure import Figure

from diffmrs import scores
from diffmrs.demo import demo_basis
from diffmrs.simulate import RECIPES, simulate_recipe


def main(figure_path: str = "judge_an_estimator.png") -> None:
    basis = demo_basis(n_points=256)
    recipe = RECIPES["shamaei2023"].physical()
    # Ridge needs lines that stay where they are: the range of shifts is narrowed.
    recipe = replace(recipe.without(*recipe.missing(basis)), shift_hz=(-0.5, 0.5))
    names, levels = recipe.members(basis), list(np.linspace(0.05, 0.95, 19))
    made = simulate_recipe(jax.random.key(0), recipe, basis, 3000)
    truth, features = np.asarray(made.parameters.amplitude), scores.features_of(made.fid)
    train, valid, test = slice(0, 2000), slice(2000, 2500), slice(2500, 3000)

    estimator = scores.ridge(features[train], truth[train])
    estimate, spread = estimator(features), (estimator(features) - truth)[valid].std(axis=0)
    sd, constant = np.broadcast_to(spread, truth.shape), truth[train].mean(axis=0)
    rows = scores.score_table(names, truth[test], estimate[test], sd=sd[test], constant=constant)
    for row in rows:
        limits = f"({row['skill_low']:.2f} to {row['skill_high']:.2f})"
        print(f"{row['metabolite']:5} skill {row['skill']:5.2f} {limits}, slope {row['slope']:.2f}", end="")
        print(f", 95 % intervals cover {100 * row['coverage95']:.0f} %")

    figure = Figure(figsize=(8.5, 7.5), layout="constrained")
    axes = figure.subplots(2, 2)
    for ax, name in zip(axes[0], ("NAA", "GABA"), strict=True):
        k = names.index(name)
        scores.plot_truth_estimate(truth[test, k], estimate[test, k], constant=constant[k], name=name, ax=ax)
    stated = {}
    for label, factor in (("SD of a validation set", 1.0), ("half of that", 0.5)):
        stated[label] = scores.gaussian_calibration(truth[test], estimate[test], factor * sd[test], levels=levels)
    scores.plot_coverage(stated, metabolite=names.index("NAA"), ax=axes[1, 0])
    scores.plot_ecdf({label: one.pit[:, names.index("NAA")] for label, one in stated.items()}, ax=axes[1, 1])
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
