r"""The baseline, solved for and out of the way: what is left of residuals and Jacobian once it has followed them.

The baseline enters linearly with a quadratic penalty, so its best coefficients are known for any values of the other
parameters: $c = w \circ Q^\top r$ with orthonormal functions $Q$ and the parts $w$ that the penalty lets through. What
remains is least squares in $W^{1/2} r$ with $W = I - Q\,\mathrm{diag}(w)\,Q^\top$ (variable projection; exact, as $Q$
does not depend on the other parameters). The same as integrating over the coefficients under the Gaussian prior
that the penalty stands for.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from diffmrs.model.signal import SignalModel


class Smoother(NamedTuple):
    """Baseline functions of a model at one stiffness, whitened."""

    functions: Float[Array, "functions twice"]  # orthonormal, real parts then imaginary parts
    kept: Float[Array, " functions"]  # part of each that the penalty lets through
    left: Float[Array, " functions"]  # square root of the part that stays in the residual

    @property
    def dimensions(self) -> Float[Array, ""]:
        """Effective number of baseline parameters: the trace of the smoother."""
        return self.kept.sum()


def smoother_for(model: SignalModel, stiffness: Float[Array, ""]) -> Smoother:
    """The smoother of a model's baseline at a stiffness."""
    functions = model.baseline_functions * model.whitening
    real = stiffness.dtype
    rough = stiffness * jnp.asarray(model.baseline_roughness, real)
    free = rough <= 0  # by selection: the square root has no derivative at 0
    left = jnp.where(free, 0.0, jnp.sqrt(jnp.where(free, 1.0, rough) / (1 + rough)))
    stacked = jnp.concatenate([jnp.asarray(functions.real, real), jnp.asarray(functions.imag, real)], axis=1)
    return Smoother(stacked, 1 / (1 + rough), left)


def stack(values: Complex[Array, "*batch window"], model: SignalModel) -> Float[Array, "*batch twice"]:
    """Real parts, then imaginary parts, each in units of its noise."""
    whitening = jnp.asarray(model.whitening, values.real.dtype)
    whitened = values * whitening.reshape((1,) * (values.ndim - 1) + (-1,))
    return jnp.concatenate([whitened.real, whitened.imag], axis=-1)


def off_baseline(stacked: Float[Array, "*batch twice"], smoother: Smoother) -> Float[Array, "*batch twice"]:
    """What least squares sees once the baseline has followed."""
    followed = (1 - smoother.left)[:, None] * smoother.functions
    return stacked - (stacked @ followed.T) @ smoother.functions


def off_twice(stacked: Float[Array, " twice"], smoother: Smoother) -> Float[Array, " twice"]:
    """What `off_baseline` makes of it, applied twice: all that the baseline does not follow."""
    return stacked - (smoother.kept * (smoother.functions @ stacked)) @ smoother.functions


def coefficients(stacked: Float[Array, " twice"], smoother: Smoother) -> Float[Array, " functions"]:
    """The baseline coefficients that follow a residual (data minus metabolites)."""
    return smoother.kept * (smoother.functions @ stacked)
