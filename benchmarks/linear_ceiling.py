"""Ceilings of R² for the published training set of Shamaei et al. 2023: what no estimator should claim to beat by far.

Jacobians of the signal (20 amplitudes, shift, damping, phase; first 1024 samples) over draws from the recipe. In the
published form noise decays with the signal: there the numbers are those of data whitened by the true damping. In the
physical form noise of the same size is added last. Needs the reference data (shared/data).

    python benchmarks/linear_ceiling.py
"""

import jax
import jax.numpy as jnp
import numpy as np
from common import arguments, write_json
from scipy.io import loadmat

from diffmrs.scores import bayesian_bound, linear_ceiling, local_bound, uniform_precision
from diffmrs.simulate import RECIPES

SAMPLES, DWELL_TIME_S = 1024, 0.25e-3


def main() -> None:
    options = arguments(__doc__, draws=100)
    jax.config.update("jax_enable_x64", True)
    folder = options.data / "12_basis_sets" / "deepmrs_2023"
    members = np.concatenate([loadmat(folder / "basisset.mat")["data"].T, loadmat(folder / "mm.mat")["data"].T])
    basis, time_s = jnp.asarray(members[:, :SAMPLES]), jnp.asarray(DWELL_TIME_S * np.arange(SAMPLES))
    recipe = RECIPES["shamaei2023"]
    limits = [one.amplitude for one in recipe.ingredients]
    low, high = np.array([*limits, recipe.shift_hz, recipe.damping_per_s, recipe.phase_rad]).T
    draws = np.random.default_rng(0).uniform(low, high, size=(options.draws, low.size))
    precision = uniform_precision(low, high)

    def physical(vector: jax.Array) -> jax.Array:
        shift, damping, phase = vector[len(limits) :]
        return vector[: len(limits)] @ basis * jnp.exp((2j * jnp.pi * shift - damping) * time_s + 1j * phase)

    def whitened(vector: jax.Array) -> jax.Array:
        weight = jnp.exp(jax.lax.stop_gradient(vector[len(limits) + 1]) * time_s)
        return weight * physical(vector)

    table: dict[str, dict[str, float]] = {one.name: {} for one in recipe.ingredients}
    for form, signal in (("published", whitened), ("physical", physical)):
        unbiased = local_bound(signal, draws, recipe.noise_sd, 0 * precision)
        ceiling = local_bound(signal, draws, recipe.noise_sd, precision)
        van_trees = bayesian_bound(signal, draws, recipe.noise_sd, precision)
        for kind, bound in (("unbiased", unbiased), ("ceiling", ceiling), ("van_trees", van_trees)):
            for name, value in zip(table, linear_ceiling(bound, 1 / precision), strict=False):
                table[name][f"{form}_{kind}"] = float(value)
    write_json(options.out / "linear_ceiling.json", {"draws": options.draws, "r2": table})
    print("metabolite  published: unbiased ceiling   physical: unbiased ceiling van_trees")
    for name, row in table.items():
        print(
            f"{name:5} {row['published_unbiased']:26.2f} {row['published_ceiling']:7.2f} "
            f"{row['physical_unbiased']:19.2f} {row['physical_ceiling']:7.2f} {row['physical_van_trees']:7.2f}"
        )


if __name__ == "__main__":
    main()
