"""
A metabolite near zero
======================

What does a fit know of a metabolite that is hardly there? Samples of its posterior, beside the interval that is reported.

A symmetric interval about an estimate near zero would reach to negative concentrations. The reported one is the
highest-density interval of a normal cut off at zero; the No-U-Turn sampler, which assumes no normal, agrees.

Usage: python posterior_near_zero.py [FIGURE.png]      (needs: pip install 'diffmrs[sampling]')
"""

import sys

import jax
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import truncnorm

from diffmrs.demo import demo_spectrum
from diffmrs.fitting import fit
from diffmrs.uncertainty import sample_posterior, truncated_normal_interval


def main(figure_path: str = "posterior_near_zero.png") -> None:
    demo = demo_spectrum(jax.random.key(1))
    result = fit(demo.data, demo.basis, priors="none")
    samples = sample_posterior(result, 0, jax.random.key(2), 400, n_warmup=200)
    print(f"divergences {int(samples.divergences)}, acceptance {float(samples.acceptance):.2f}")
    print(
        f"worst R-hat {float(samples.r_hat.max()):.3f}, fewest independent {float(samples.effective_samples.min()):.0f}"
    )

    rows = result.flat()
    centre, spread = rows.amplitude_centre[0], rows.amplitude_spread[0]
    interval = truncated_normal_interval(centre, spread)
    weakest = np.argsort(centre / spread)[:3]
    figure = Figure(figsize=(9, 3), layout="constrained")
    for ax, m in zip(figure.subplots(1, 3), weakest, strict=True):
        drawn = samples.amplitude[:, m]
        x = np.linspace(0, 1.1 * max(drawn.max(), interval.high[m]), 200)
        law = truncnorm(-centre[m] / spread[m], np.inf, centre[m], spread[m])
        ax.hist(drawn, 30, density=True, color="0.8", label="NUTS samples")
        ax.plot(x, law.pdf(x), color="#3b6ea8", label="reported posterior")
        ax.axvspan(interval.low[m], interval.high[m], color="#3b6ea8", alpha=0.12, label="95 % interval")
        ax.axvline(demo.amplitude[m], color="#b5482f", label="truth")
        ax.set(xlabel=f"{result.names[m]} / mM", yticks=[])
        held = np.mean((drawn >= interval.low[m]) & (drawn <= interval.high[m]))
        print(f"{result.names[m]:6} 95 % interval holds {100 * held:.1f} % of the samples")
    figure.axes[0].legend(frameon=False, fontsize=7)
    figure.savefig(figure_path, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:2])
