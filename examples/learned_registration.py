"""
Register transients by a network
================================

A small network is trained without truth: it tells shift and phase, and the loss is what a known FID, moved by them,
leaves of each transient. Three steps of least squares may follow. Beyond the range of training it fails, and the
likeness tells. Runs without data: noisy transients of four lines.

Usage: python learned_registration.py [FIGURE.png]
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from matplotlib.figure import Figure

from diffmrs import learn
from diffmrs.axes import Acquisition
from diffmrs.learn.network import Network
from diffmrs.simulate.distributions import Uniform

POINTS, LINES = 128, ((2.01, 1.5), (3.03, 1.0), (3.21, 0.7), (3.55, 0.5))  # ppm, size


def main(figure_path: str = "learned_registration.png") -> None:
    acquisition = Acquisition(1e-3, 127.7)
    rate = [2j * np.pi * acquisition.ppm_to_hz(ppm) - 20 for ppm, _ in LINES]
    clean = np.array([size for _, size in LINES]) @ np.exp(np.outer(rate, acquisition.time_s(POINTS)))
    fid = jnp.asarray(clean / np.abs(clean).max(), jnp.complex64)
    near, far = (
        learn.TransientSource(fid, acquisition, Uniform(-most, most), Uniform(-1.5, 1.5), 0.03) for most in (15.0, 30.0)
    )
    loss = learn.OffsetLoss(learn.ProfiledTransient(fid, acquisition), learn.InputSpec("fid", POINTS, scale="largest"))
    network = Network(learn.MLP((128, 64)), *loss.shape(POINTS), nnx.Rngs(0))
    how = learn.Training(steps=300, batch=48, learning_rate=3e-3, every=300, validation=64)
    network, _ = learn.train(network, loss, near, how)
    tests = jax.jit(learn.draw_examples, static_argnums=2)(jax.random.key(2), far, 400)
    truth = np.asarray(tests.z[:, 0])
    left, right = (figure := Figure(figsize=(9, 3.6), layout="constrained")).subplots(1, 2)
    for steps, colour, name in ((0, "0.6", "network"), (3, "black", "network and 3 steps of least squares")):
        found = learn.estimate_offsets(network, tests.fid, loss, steps=steps)
        error = np.asarray(found.shift_hz) - truth
        left.plot(truth, error, ".", color=colour, ms=3, label=name)
        right.plot(truth, np.asarray(found.likeness), ".", color=colour, ms=3)
        print(f"{name}: SD of the error within the range of training {np.std(error[np.abs(truth) < 15]):.2f} Hz")
    left.set(ylim=(-12, 12), ylabel="error of the shift (Hz)")
    right.set_ylabel("likeness")
    for ax in (left, right):
        ax.axvspan(-15, 15, color="0.93", zorder=0)
        ax.set_xlabel("true shift (Hz); grey: range of training")
    left.legend(frameon=False, markerscale=3)
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
