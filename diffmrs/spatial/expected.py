r"""How much neighbours differ, estimated from the fits: the marginal likelihood, by expectation-maximisation.

The independent answers $\hat\theta_v$ with their variances (Laplace's approximation) are what is seen; the true map has
the density of `diffmrs.spatial.prior`. Each round takes the sum of the squared differences of neighbours that this
makes probable, over the number of differences that are free of each other,

$$\tau^2 \leftarrow \frac{1}{n - 1} \sum_{(u,v)}
  \left[(\bar\theta_u - \bar\theta_v)^2 + \mathrm{var}(\theta_u - \theta_v)\right]$$

(Dempster, Laird & Rubin 1977), with the variances of the pairs by belief propagation. Each quantity is taken by itself,
and voxels far from the median of those around them are left out: fits that went wrong would make any field look rough.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from diffmrs.spatial.belief import pair_variance
from diffmrs.spatial.linear import Block, tied
from diffmrs.spatial.neighbours import Neighbours
from diffmrs.spatial.prior import PHASE, differences, pull, wrapped

_ROUNDS = 60
_BEYOND = 1.8
_FAR = 4.0  # robust standard deviations from the median around
_LEAST = 0.2  # of the standard deviation of one voxel: a field that looks flat in noise need not be


def expected_differences(
    theta: Float[Array, "voxels 3"],
    variance: Float[Array, "voxels 3"],
    valid: Float[Array, " voxels"],
    graph: Neighbours,
    around: Neighbours,
) -> Float[Array, "3"]:
    """Standard deviation of the difference of neighbours in each smoothed quantity; infinite where no voxels touch."""
    off = jnp.abs(off_median(theta, valid, around))
    typical = 1.4826 * _median(off, valid)
    good = valid * jnp.all(off <= _FAR * typical[None], axis=1) * jnp.all(jnp.isfinite(variance), axis=1)
    graph = graph.among(good)
    noise = _median(jnp.sqrt(variance), good)
    variance = jnp.where(good[:, None] > 0, variance, 1.0)
    variance = jnp.maximum(variance, 1e-6 * noise[None] ** 2)
    freedom = 2 * jnp.maximum(jnp.sum(graph.degree > 0) - 1, 1)  # each pair is seen from both ends
    raw = jnp.sqrt(jnp.sum(differences(theta, graph) ** 2, axis=(0, 1)) / freedom)
    least = jnp.maximum(_LEAST * noise, 1e-6)

    def again(_: Array, tau: Array) -> Array:
        found = []
        for k in range(3):
            own = variance[:, k] / tau[k] ** 2
            only = jnp.zeros(3, theta.dtype).at[k].set(1 / tau[k])
            pulled = pull(theta, graph, only)[:, k] * tau[k]
            shrunk = own / (1 + graph.degree * own)  # variance with the neighbours known
            corner = jnp.zeros((theta.shape[0], 3, 3), theta.dtype).at[:, k, k].set(jnp.sqrt(shrunk))
            alone = jnp.zeros_like(theta).at[:, k].set(-shrunk * pulled)
            told = tied(Block(corner, alone), graph, 1e-4)[:, k]
            moved = theta.at[:, k].add(tau[k] * (shrunk * (told - pulled)))
            square = jnp.sum((differences(moved, graph)[..., k] / tau[k]) ** 2)
            spread = pair_variance(1 / own[:, None, None], graph)[..., 0, 0] * graph.present
            found.append(tau[k] ** 2 * (square + spread.sum()) / freedom)
        # Beyond the step of EM, which is slow where noise hides the map; below twice the step it still converges.
        step = jnp.sqrt(jnp.stack(found)) / tau
        return jnp.maximum(tau * step**_BEYOND, least)

    tau = jax.lax.fori_loop(0, _ROUNDS, again, jnp.maximum(raw, least))
    return jax.lax.stop_gradient(jnp.where(graph.present.sum() > 0, tau, jnp.inf))


def off_median(
    theta: Float[Array, "voxels 3"], valid: Float[Array, " voxels"], around: Neighbours
) -> Float[Array, "voxels 3"]:
    """Distance of each voxel from the median of the valid ones around it; 0 where there are none."""
    around = around.among(jnp.ones_like(valid))
    seen = around.present * valid[around.number]
    turn = seen * jnp.exp(1j * theta[around.number, PHASE])
    middle = jnp.angle(turn.sum(axis=1))
    # Phases are compared with that of the mean direction, so that their median makes sense.
    others = theta[around.number]
    centre = theta.at[:, PHASE].set(middle)
    near = wrapped(others - centre.at[:, 0].set(0.0).at[:, 2].set(0.0)[:, None])
    median = jnp.nanmedian(jnp.where(seen[:, :, None] > 0, near, jnp.nan), axis=1)
    own = wrapped(theta - centre.at[:, 0].set(0.0).at[:, 2].set(0.0))
    return jnp.where(seen.sum(axis=1, keepdims=True) > 0, wrapped(own - median), 0.0)


def _median(values: Float[Array, "voxels 3"], good: Float[Array, " voxels"]) -> Float[Array, "3"]:
    return jnp.nanmedian(jnp.where(good[:, None] > 0, values, jnp.nan), axis=0)
