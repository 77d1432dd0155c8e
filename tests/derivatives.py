"""Derivatives against finite differences, compiled once: `check_grads` runs operation by operation."""

import jax
import numpy as np


def check_derivative(function, at=0.0, *, step=1e-5, rtol=1e-5):
    """The derivative of a function of one real number, in float64; reverse mode, which is forward mode transposed.

    All of the function's outputs are added up with weights that leave no part of them out.
    """

    def number(x):
        flat = [leaf.reshape(-1) for leaf in jax.tree.leaves(function(x))]
        return sum((part * np.cos(np.arange(part.size) + 0.3)).sum().real for part in flat)

    both = jax.jit(jax.value_and_grad(number))
    expected = (both(at + step)[0] - both(at - step)[0]) / (2 * step)
    assert abs(expected) > 0
    np.testing.assert_allclose(both(at)[1], expected, rtol=rtol)
