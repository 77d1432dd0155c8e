r"""How stiff the baseline is, chosen from the data: the marginal likelihood of every candidate at once.

At the answer for one stiffness the problem is linearised; for every candidate the other parameters then move to where
that candidate wants them, and the density of the data, with baseline coefficients and all other parameters integrated
out, is compared (Laplace's approximation; as restricted maximum likelihood does for smoothing splines, Wahba 1985,
Ann Stat 13:1378):

$$\log p(y\,|\,\lambda) = -\frac{c_\lambda}{s^2} + \tfrac12 \sum_{d_i>0} \log\frac{\lambda d_i}{1+\lambda d_i}
  - \tfrac12 \log\det N_\lambda$$

with the cost $c_\lambda$ in units of the noise, the normal matrix $N_\lambda$ of the other parameters and $s^2$ the
reduced χ² of the most flexible candidate where that is above one: structure that no baseline explains must not be
bought with a limp one.

The same densities say how sure that choice is. Each candidate has its own answer; how far these lie apart, weighed by
their probability, is uncertainty that comes on top of that at any one stiffness (the law of total variance, as in
Bayesian model averaging: Hoeting et al. 1999, Stat Sci 14:382).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from diffmrs.fitting.problem import Pieces
from diffmrs.fitting.smooth import Smoother


class Choice(NamedTuple):
    """What the data say about the stiffness."""

    best: Int[Array, ""]  # candidate under which the data are most probable
    excess: Float[Array, ""]  # reduced χ² of the most flexible candidate, at least one
    step: Float[Array, " n"]  # from the point of linearisation to its answer
    spread: Float[Array, "candidates n"]  # SᵀS is the covariance of the answers of all candidates


def best_stiffness(value: Pieces, slope: Pieces, free: Float[Array, " n"], smoothers: Smoother) -> Choice:
    """The candidate under which the data are most probable.

    Args:
        value: residuals at the answer for one stiffness.
        slope: their derivative.
        free: 1 for parameters that may move, 0 for those that rest on a bound.
        smoothers: of each candidate, most flexible first; `kept` and `left` have a first axis of candidates.
    """
    functions = smoothers.functions
    residual, jacobian = value.data, slope.data
    rows = jnp.concatenate([value.ratios, value.values])
    columns = jnp.concatenate([slope.ratios, slope.values], axis=1)
    overlap_r, overlap_j = functions @ residual, jacobian @ functions.T
    gram, pulls = jacobian @ jacobian.T + columns @ columns.T, jacobian @ residual + columns @ rows
    square = residual @ residual + rows @ rows
    scale = 1 / jnp.sqrt(jnp.maximum(jnp.diag(gram), 1e-30))
    mask = free[:, None] * free[None, :]
    n = gram.shape[0]
    ridge = n * jnp.finfo(gram.dtype).eps * jnp.eye(n, dtype=gram.dtype)

    def parts(kept: Array) -> tuple[Array, Array, Array]:
        normal = gram - (overlap_j * kept[None]) @ overlap_j.T
        normal = normal * (scale[:, None] * scale[None, :]) * mask + jnp.diag(1 - free) + ridge
        pull = (pulls - overlap_j @ (kept * overlap_r)) * scale * free
        factor = jnp.linalg.cholesky(normal)
        half = jax.scipy.linalg.solve_triangular(factor, pull, lower=True)
        cost = 0.5 * (square - jnp.sum(kept * overlap_r**2)) - 0.5 * half @ half
        step = -scale * free * jax.scipy.linalg.solve_triangular(factor.T, half)
        return cost, 2 * jnp.sum(jnp.log(jnp.diag(factor))), step

    # Mapped, not batched: jaxlib on CPU can stand still when two devices call batched LAPACK kernels at once.
    costs, log_determinants, steps = jax.lax.map(parts, smoothers.kept)
    bent = smoothers.left > 0
    volume = jnp.sum(jnp.where(bent, jnp.log(jnp.where(bent, smoothers.left, 1.0)), 0.0), axis=1)
    freedom = residual.shape[0] + rows.shape[0] - free.sum() - smoothers.kept[0].sum()
    excess = jnp.maximum(2 * costs[0] / freedom, 1.0)
    evidence = -costs / excess + volume - 0.5 * log_determinants
    evidence = jnp.where(jnp.isnan(evidence), -jnp.inf, evidence)
    weight = jax.nn.softmax(evidence)[:, None]
    steps = jnp.where(weight > 0, steps, 0.0)
    spread = jnp.sqrt(weight) * (steps - jnp.sum(weight * steps, axis=0, keepdims=True))
    best = jnp.argmax(evidence)
    return Choice(best, excess, steps[best], spread)
