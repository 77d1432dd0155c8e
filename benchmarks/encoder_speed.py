"""Time per spectrum of every encoder, forward and forward with gradient, on one core.

Batches of 128 signals of 1024 samples and two channels, float32; the best of several calls, compiled beforehand, and
what the first call took beyond it. Multiplications are counted by XLA (2 operations each), parameters by flax.

    taskset -c 1 python benchmarks/encoder_speed.py [--out DIR] [--batch 128] [--calls 7]

Writes `encoder_speed.json` and `encoder_speed.md`, with the load of the machine before and after.
"""

import argparse
import os
import platform
import time
from pathlib import Path

import jax
import jax.numpy as jnp
from common import HERE, write_json
from flax import nnx

import diffmrs
from diffmrs.learn import PRESETS

SAMPLES, CHANNELS = 1024, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--calls", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=list(PRESETS))
    options = parser.parse_args()
    load = os.getloadavg()[0]
    signal = jax.random.normal(jax.random.key(1), (options.batch, SAMPLES, CHANNELS))
    rows = {}
    for name in options.only:
        rows[name] = row = timing(name, signal, options.calls)
        print(name, *(f"{value:.3g}" for value in row.values()), flush=True)
    summary = {
        "command": "taskset -c 1 python benchmarks/encoder_speed.py",
        "batch": options.batch,
        "calls": options.calls,
        "cores": len(os.sched_getaffinity(0)),
        "device": jax.devices()[0].device_kind,
        "load_before_and_after": [load, os.getloadavg()[0]],
        "versions": {"diffmrs": diffmrs.__version__, "jax": jax.__version__, "python": platform.python_version()},
        "encoders": rows,
    }
    write_json(options.out / "encoder_speed.json", summary)
    (options.out / "encoder_speed.md").write_text(as_markdown(summary))


def timing(name: str, signal: jax.Array, calls: int) -> dict[str, float]:
    graph, params, rest = nnx.split(PRESETS[name].build((SAMPLES, CHANNELS), nnx.Rngs(0)), nnx.Param, ...)

    def features(params: nnx.State) -> jax.Array:
        return nnx.merge(graph, params, rest)(signal)

    def gradient(params: nnx.State) -> nnx.State:
        return jax.grad(lambda params: jnp.sum(features(params) ** 2))(params)

    operations = jax.jit(features).lower(params).cost_analysis() or {}
    forward, compile_forward = best(jax.jit(features), params, calls)
    both, compile_both = best(jax.jit(gradient), params, calls)
    return {
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "mflop_forward": float(operations.get("flops", jnp.nan)) / len(signal) / 1e6,
        "ms_forward": 1e3 * forward / len(signal),
        "ms_with_gradient": 1e3 * both / len(signal),
        "compile_s": compile_forward + compile_both,
    }


def best(function: jax.stages.Wrapped, params: nnx.State, calls: int) -> tuple[float, float]:
    """Seconds of the best call, and what the first took beyond it. Calls that take seconds are made fewer times."""
    seconds: list[float] = []
    while len(seconds) < 3 or (len(seconds) <= calls and sum(seconds[1:]) < 6):
        begin = time.perf_counter()
        jax.block_until_ready(function(params))
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:]), seconds[0] - min(seconds[1:])


def as_markdown(summary: dict) -> str:
    """One line per encoder."""
    before, after = summary["load_before_and_after"]
    lines = [
        f"Signals of {SAMPLES} x {CHANNELS} in batches of {summary['batch']}, float32, {summary['cores']} core of a "
        f"{summary['device']}, best of {summary['calls']} calls; load {before:.1f} before and {after:.1f} after "
        f"(`{summary['command']}`).",
        "",
        "| encoder | parameters | MFLOP forward | ms forward | ms with gradient | compile s |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in summary["encoders"].items():
        lines.append(
            f"| `{name}` | {row['parameters']:,} | {row['mflop_forward']:.3g} | {row['ms_forward']:.3g} | "
            f"{row['ms_with_gradient']:.3g} | {row['compile_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
