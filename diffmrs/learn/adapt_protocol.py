"""Adapt a trained network to measured spectra: some more training on them, by the decoder's likelihood alone.

What is adapted here stays so, for all spectra of a protocol; `diffmrs.learn.adapt_spectrum` does it anew for each one.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from diffmrs.errors import InputError
from diffmrs.learn.examples import MeasuredSource
from diffmrs.learn.losses import SelfSupervised
from diffmrs.learn.quantifier import Quantifier
from diffmrs.learn.training import Training, train

_DRAWS = 8  # of the posterior, per spectrum and step
_MOST_INFLATE = 20.0


def adapted(quantifier: Quantifier, fids: Array, training: Training, *, key: Array | None = None) -> Quantifier:
    """The same estimator after self-supervised steps on measured spectra.

    The noise counts as much larger as the residual at the network's answer says, where that is larger than the noise:
    what the decoder cannot explain must not be believed.

    Args:
        quantifier: trained on simulated spectra; stays as it is.
        fids: the measured spectra. [spectra, points]
        training: how; a small learning rate (1e-4) and some hundred steps.
        key: of the draws that tell the misfit.

    Raises:
        InputError: no spectrum can be used.
    """
    told = quantifier.tell(fids, jax.random.key(0) if key is None else key, 2)
    sound = np.flatnonzero(np.asarray(told.finite))
    if not sound.size:
        raise InputError("no spectrum can be used: each holds NaN, infinity or only zeros")
    used = jnp.asarray(fids)[sound, : quantifier.protocol.model.n_points]
    examples, _ = jax.jit(lambda fids: jax.lax.map(lambda fid: quantifier.protocol.registered(fid), fids))(used)
    inflate = float(np.clip(np.sqrt(np.median(np.asarray(told.misfit)[sound])), 1.0, _MOST_INFLATE))
    loss = SelfSupervised(quantifier.protocol.scene, _DRAWS, jnp.asarray(inflate, jnp.float32))
    network, _ = train(quantifier.network, loss, MeasuredSource(examples.fid, examples.noise_sd), training)
    return replace(quantifier, network=network)
