"""Float64 inside, whatever the caller works in.

Frequencies of hundreds of Hz over seconds, and divided differences of nearby levels, need float64. A caller in
float32 keeps that setting: the function below is run, differentiated and transposed inside a scope of its own, and only
its inputs and outputs are cast. JAX transposes a derivative long after such a scope has been left, which fails or loses
the precision; the tangent map is therefore one primitive that opens the scope itself, in both directions.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

Flat = Callable[..., list]


def in_float64(function: Callable) -> Callable:
    """A function of one pytree of real arrays, evaluated in float64 for a caller in either precision.

    In float64 mode the function is called as it is. In float32 mode its inputs are raised to float64, its outputs
    lowered to float32 or complex64; `grad`, `jvp`, `vmap` and `jit` may be wrapped around it. First derivatives only
    in that mode: for second ones call inside `with jax.enable_x64(True)`.
    """

    @jax.custom_jvp
    def lowered(arguments: Any) -> Any:
        with jax.enable_x64(True):
            return _cast(function(_cast(arguments, up=True)), up=False)

    @lowered.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        (arguments,), (tangent,) = primals, tangents
        point, tree = jax.tree.flatten(arguments)
        out = lowered(arguments)
        out_tree = jax.tree.structure(out)

        def forward(point: list, step: list) -> list:
            with jax.enable_x64(True):
                at, along = (_cast(jax.tree.unflatten(tree, x), up=True) for x in (point, step))
                return jax.tree.leaves(_cast(jax.jvp(function, (at,), (along,))[1], up=False))

        def backward(point: list, cotangent: list) -> list:
            with jax.enable_x64(True):
                at = _cast(jax.tree.unflatten(tree, point), up=True)
                weight = _cast(jax.tree.unflatten(out_tree, cotangent), up=True)
                return jax.tree.leaves(_cast(jax.vjp(function, at)[1](weight)[0], up=False))

        step = jax.tree.leaves(tangent)
        change = _linear_p.bind(*point, *step, n_point=len(point), forward=forward, backward=backward)
        return out, jax.tree.unflatten(out_tree, change)

    def call(arguments: Any) -> Any:
        if jnp.zeros(()).dtype == jnp.float64:
            return function(_cast(arguments, up=True))
        return lowered(_cast(arguments, up=False))

    return call


def _cast(tree: Any, *, up: bool) -> Any:
    def one(x: Any) -> jax.Array:
        x = jnp.asarray(x)
        if jnp.iscomplexobj(x):
            return x.astype(jnp.complex128 if up else jnp.complex64)
        return x.astype(jnp.float64 if up else jnp.float32)

    return jax.tree.map(one, tree)


# A linear map step -> change at a point, which knows its own transpose.
_linear_p = Primitive("diffmrs_float64_linear")
_linear_p.multiple_results = True


@_linear_p.def_impl
def _run(*args: Any, n_point: int, forward: Flat, backward: Flat) -> list:
    return forward(list(args[:n_point]), list(args[n_point:]))


@_linear_p.def_abstract_eval
def _shapes(*args: Any, n_point: int, forward: Flat, backward: Flat) -> list:
    structs = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in args]
    out = jax.eval_shape(lambda *a: forward(list(a[:n_point]), list(a[n_point:])), *structs)
    return [jax.core.ShapedArray(o.shape, o.dtype) for o in out]


def _transpose(cotangents: list, *args: Any, n_point: int, forward: Flat, backward: Flat) -> list:
    shapes = _shapes(*[a.aval if ad.is_undefined_primal(a) else jax.typeof(a) for a in args],
                     n_point=n_point, forward=forward, backward=backward)  # fmt: skip
    weights = [
        jnp.zeros(s.shape, s.dtype) if isinstance(c, ad.Zero) else c for c, s in zip(cotangents, shapes, strict=True)
    ]
    point = args[:n_point]
    back = _linear_p.bind(*point, *weights, n_point=n_point, forward=backward, backward=forward)
    return [None] * n_point + back


def _batched(args: tuple, dims: tuple, *, n_point: int, forward: Flat, backward: Flat) -> tuple:
    # One after another: each may be a whole simulation.
    mapped = [jnp.moveaxis(a, d, 0) for a, d in zip(args, dims, strict=True) if d is not batching.not_mapped]

    def one(moving: list) -> list:
        rest = iter(moving)
        full = [a if d is batching.not_mapped else next(rest) for a, d in zip(args, dims, strict=True)]
        return _linear_p.bind(*full, n_point=n_point, forward=forward, backward=backward)

    out = jax.lax.map(one, mapped)
    return out, [0] * len(out)


ad.primitive_transposes[_linear_p] = _transpose
batching.primitive_batchers[_linear_p] = _batched
mlir.register_lowering(_linear_p, mlir.lower_fun(_run, multiple_results=True))
