"""Derivatives against finite differences, compiled once: `check_grads` runs operation by operation."""

import jax
import numpy as np


def check_derivative(function, at=0.0, *, step=1e-5, rtol=1e-5):
    """Both modes of a real number's derivatives of a function of one real number, in float64.

    The sum of the function's output is differentiated after weights that leave no part of it out.
    """

    def number(x):
        out = function(x)
        flat = [leaf.reshape(-1) for leaf in jax.tree.leaves(out)]
        return sum((part * np.cos(np.arange(part.size) + 0.3)).sum().real for part in flat)

    value = jax.jit(number)
    forward, backward = jax.jit(lambda x: (jax.jvp(number, (x,), (1.0,))[1], jax.grad(number)(x)))(at)
    expected = (value(at + step) - value(at - step)) / (2 * step)
    assert abs(expected) > 0
    np.testing.assert_allclose([forward, backward], expected, rtol=rtol)
