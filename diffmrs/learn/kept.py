"""A finite training set that is made once and kept in memory as a network is fed it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from diffmrs.learn.examples import Example
from diffmrs.learn.finite import FiniteSource
from diffmrs.learn.view import Sees
from diffmrs.pytree import container

_AT_ONCE = 100


@container()
@dataclass(frozen=True)
class KeptSource:
    """Examples that have been made and seen, each as likely as any other; make it with `keep`.

    A step then costs what the network costs, and neither the simulation nor the representation. FIDs are not kept.

    Attributes:
        examples: with `fed`, the same leading axis on every field.
    """

    examples: Example

    def draw(self, key: Array) -> Example:
        """One of the examples."""
        which = jax.random.randint(key, (), 0, self.examples.noise_sd.shape[0])
        return jax.tree.map(lambda leaf: leaf[which], self.examples)


def kept_bytes(sets: tuple[FiniteSource, ...], view: Sees) -> int:
    """Memory that `keep` would take."""
    shapes = jax.eval_shape(lambda: _made(jnp.arange(1), sets[0], view))
    return sum(one.count for one in sets) * sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def keep(sets: tuple[FiniteSource, ...], view: Sees) -> KeptSource:
    """Make all examples of finite sets and keep what a network is fed of them: the same examples, in memory.

    Args:
        sets: at least one; each example counts as much as any other, whatever its set.
        view: how the network sees them.

    Returns:
        The examples, `kept_bytes(sets, view)` in all.
    """
    parts = [part for one in sets for part in _parts(one, view)]
    return KeptSource(jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)), *parts))


def _parts(one: FiniteSource, view: Sees) -> Iterator[Any]:
    for begin in range(0, one.count, _AT_ONCE):
        found = _made(jnp.arange(begin, begin + _AT_ONCE), one, view)
        size = min(_AT_ONCE, one.count - begin)
        yield jax.tree.map(lambda leaf, size=size: np.asarray(leaf)[:size], found)


@jax.jit
def _made(numbers: Array, one: FiniteSource, view: Sees) -> Example:
    def example(number: Array) -> Example:
        made = one.example(number)
        return made._replace(fed=view.see(made), fid=made.fid[:0])

    return jax.vmap(example)(numbers)
