"""Register a frozen dataclass as a JAX pytree whose checks run only when a user builds it.

`jax.tree_util.register_dataclass` calls the constructor whenever JAX puts a tree together again, so that checks
would meet tracers, booleans and placeholders. Here the fields are set directly instead.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import jax

T = TypeVar("T")


def container(*, static: tuple[str, ...] = ()) -> Callable[[type[T]], type[T]]:
    """Class decorator: every field is an array leaf or a subtree, except the hashable ones named in `static`."""

    def register(cls: type[T]) -> type[T]:
        names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        dynamic = [name for name in names if name not in static]

        def flatten_with_keys(tree: T) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
            children = [(jax.tree_util.GetAttrKey(name), getattr(tree, name)) for name in dynamic]
            return children, tuple(getattr(tree, name) for name in static)

        def flatten(tree: T) -> tuple[list[Any], tuple[Any, ...]]:
            return [getattr(tree, name) for name in dynamic], tuple(getattr(tree, name) for name in static)

        def unflatten(aux: tuple[Any, ...], children: Any) -> T:
            tree = object.__new__(cls)
            for name, value in zip((*dynamic, *static), (*children, *aux), strict=True):
                object.__setattr__(tree, name, value)
            return tree

        jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
        return cls

    return register
