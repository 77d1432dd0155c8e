"""Training sets as papers have them: so many examples and no more, and additions to them. None is kept in memory
(`diffmrs.learn.keep` does)."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example, Source
from diffmrs.pytree import container
from diffmrs.simulate.recipe import Recipe
from diffmrs.simulate.simulate_recipe import recipe_sampler


@container(static=("sampler",))
@dataclass(frozen=True)
class AmplitudeSource:
    """Spectra by a recipe with their true parameters, for estimators that know no signal model.

    Attributes:
        basis_fid: of the recipe's members. [members, points]
        sampler: what makes one spectrum.
    """

    basis_fid: jax.Array
    sampler: Any

    def draw(self, key: Array) -> Example:
        """One spectrum and its truth."""
        made = self.sampler(key, self.basis_fid)
        return Example(made.fid, made.noise_sd, made.parameters)


def amplitude_source(recipe: Recipe, basis: Basis, *, physical: bool = False) -> AmplitudeSource:
    """Spectra by a recipe.

    Args:
        recipe: one of `diffmrs.simulate.RECIPES`, or one of your own.
        basis: with the members of the recipe.
        physical: take the physical form, not the published one.

    Raises:
        InputError: the basis lacks an ingredient.
    """
    sampler, basis_fid = recipe_sampler(recipe, basis, physical=physical)
    return AmplitudeSource(basis_fid, sampler)


@container(static=("count",))
@dataclass(frozen=True)
class FiniteSource:
    """`count` examples of a source, each as likely as any other: example i is the one of key `fold_in(key, i)`.

    A network that sees an example again sees the same one, noise included, as with a training set on disk.

    Attributes:
        source: what makes the examples.
        key: of the set. `jax.random` key
        count: how many there are, at least 1.
    """

    source: Source
    key: Array
    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"count of a training set is {self.count}; it must be at least 1")

    def draw(self, key: Array) -> Example:
        """One of the examples."""
        return self.example(jax.random.randint(key, (), 0, self.count))

    def example(self, number: Array) -> Example:
        """The example of a number, from 0."""
        return self.source.draw(jax.random.fold_in(self.key, number))


@container(static=("shares",))
@dataclass(frozen=True)
class MixedSource:
    """Examples of several sources of the same kind, such as a training set and what extends it.

    Attributes:
        sources: at least one.
        shares: how often each is drawn from, above 0; they need not add up to 1.
    """

    sources: tuple[Source, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.shares) or not self.sources or min(self.shares) <= 0:
            raise InputError(f"{len(self.sources)} sources have the shares {self.shares}; each needs one above 0")

    def draw(self, key: Array) -> Example:
        """One example."""
        which, own = jax.random.split(key)
        shares = jnp.log(jnp.asarray(self.shares))
        chosen = jax.random.categorical(which, shares)
        # Where many are drawn at once, every source makes one for each; sources are few.
        return jax.lax.switch(chosen, [source.draw for source in self.sources], own)
