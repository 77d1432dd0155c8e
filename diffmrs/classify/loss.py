r"""Losses of a classifier: cross-entropy, label smoothing, and one that bears wrong labels, in one formula.

$$L = \sum_c t_c\, \frac{1 - p_c^q}{q}, \qquad t_c = (1 - \epsilon)\, y_c + \epsilon / 2$$

The generalised cross-entropy of Zhang & Sabuncu (2018, NeurIPS): $q \to 0$ is the cross-entropy, $q = 1$ the mean
absolute error, which a wrong label pulls at no harder than a right one. $\epsilon$ smooths labels (Szegedy et al.
2016).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.learn.losses import Metrics, dropout_of, mean_of
from diffmrs.pytree import container


@container()
@dataclass(frozen=True)
class ClassLoss:
    """What a classifier is trained on.

    Attributes:
        q: 0 for cross-entropy, up to 1 for a loss that wrong labels matter less to; its authors use 0.7.
        smoothing: share of each label that is spread over both classes.
    """

    q: Any = 0.0
    smoothing: Any = 0.0

    def __post_init__(self) -> None:
        for name in ("q", "smoothing"):
            value = getattr(self, name)
            if not (np.isfinite(value) and 0 <= value <= 1):
                raise InputError(f"{name} of the loss is {value:g}; it must be from 0 to 1")

    def __call__(self, network: Any, batch: Example, key: Array | None) -> tuple[Array, Metrics]:
        """The mean over a batch of labelled spectra, and the share that is classified as labelled."""
        if batch.z is None:
            raise InputError("this loss needs labels, which these examples lack")
        logits = network(batch.fid.real[..., None], rngs=dropout_of(key))
        log_p = jax.nn.log_softmax(logits)
        target = (1 - self.smoothing) * batch.z + self.smoothing / batch.z.shape[-1]
        q = jnp.asarray(self.q, log_p.dtype)
        some = jnp.where(q > 0, q, 1)
        each = jnp.where(q > 0, -jnp.expm1(some * log_p) / some, -log_p)
        usable = jnp.isfinite(logits).all(axis=-1)
        right = (logits.argmax(axis=-1) == batch.z.argmax(axis=-1)).astype(log_p.dtype)
        return mean_of(jnp.sum(target * each, axis=-1), usable), {"as_labelled": mean_of(right, usable)}
