"""
A network of your own, and how far it is drawn to the mean
==========================================================

A preset is a small file: what examples are made of, what the network is fed, what it is made of. Estimates of a network
that knows the range of concentrations lean to its middle, as any best guess must: the slope of estimate on truth is
1 - posterior variance / prior variance, which noise and basis tell. Least squares has a slope of 1, and larger errors.
Runs without data. Usage: python drawn_to_the_mean.py [FIGURE.png]
"""

import sys
from pathlib import Path

import jax
import numpy as np
from matplotlib.figure import Figure

from diffmrs.demo import demo_basis
from diffmrs.learn import prepare, read_preset, train_preset
from diffmrs.scores import projection
from diffmrs.simulate import simulate_recipe

PRESET = """name = "mine"
source = "this example"
note = "known lineshapes: only amplitudes and noise differ"
loss = "mse"
training_set = 4000
recipe = {name = "hatami2018", without = WITHOUT, snr = [6, 6], shift_hz = [0, 0], damping_per_s = [0, 0]}
representation = {kind = "spectrum", ppm_range = [0.2, 4.2]}
network = {encoder = "mlp", widths = [100]}
training = {steps = 1500, batch = 50, every = 150, learning_rate = 1e-3, weight_decay = 0.02}
"""


def main(figure_path: str = "drawn_to_the_mean.png") -> None:
    basis, file = demo_basis(), Path(figure_path).with_suffix(".toml")
    missing = list(read_preset("hatami2018").recipe.missing(basis))
    file.write_text(PRESET.replace("WITHOUT", str(missing).replace("'", '"')))
    prepared = prepare(read_preset(file), basis)
    model, _ = train_preset(prepared.kept())
    tests = simulate_recipe(jax.random.key(1), prepared.preset.recipe, prepared.basis, 1000)
    truth, members = np.asarray(tests.parameters.amplitude), np.asarray(prepared.basis.fid)
    information = (members.conj() @ members.T).real * members.shape[1] / float(np.median(tests.noise_sd)) ** 2
    predicted = 1 - np.diag(np.linalg.inv(information + 12 * np.eye(len(members)))) * 12  # the prior's variance is 1/12
    axes = (figure := Figure(figsize=(6, 5), layout="constrained")).subplots()
    axes.plot([0.4, 1], [0.4, 1], color="0.7", lw=0.8)
    found = {"least squares": projection(members)(np.asarray(tests.fid)), "network": model.quantify(tests.fid)[0]}
    for (name, estimate), mark in zip(found.items(), "s.", strict=True):
        slope = [np.polyfit(t, e, 1)[0] for t, e in zip(truth.T, estimate.T, strict=True)]
        error = np.sqrt(np.mean((estimate - truth) ** 2))
        axes.plot(predicted, slope, mark, color="black", mfc="none", label=f"{name}: error {error:.2f}")
        print(f"{name}: slope {np.mean(slope):.2f}, error {error:.2f}; best guess {predicted.mean():.2f}")
    axes.set(xlabel="slope that noise and range predict", ylabel="slope of estimate on truth")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(0, 0.8))
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
