"""How long 10 000 spectra take: a network by itself, with its posterior, with steps after it, and the fit alone.

    python benchmarks/quantify_speed.py [--data DIR] [--out DIR] [--spectra 10000] [--calls 3]

Weights do not matter for speed: the networks are untrained. The published claim is 0.031 ms per spectrum on an A100,
and 80 s for 10 000 spectra on a CPU (Shamaei et al. 2023). Spectra are those of their recipe, 1024 samples. Writes
`quantify_speed_DEVICE.json`.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from common import arguments, use_all_cores, write_json

use_all_cores()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from deepmrs import ACQUISITION, POINTS, setting  # noqa: E402
from flax import nnx  # noqa: E402

from diffmrs.fitting.engine import local_mesh, over_voxels  # noqa: E402
from diffmrs.learn import (  # noqa: E402
    CNN,
    InputSpec,
    Network,
    PosteriorNetwork,
    Scene,
    Subspace,
    draw_examples,
    find_mode,
    gauss_newton,
    reconstruction,
)

DRAWS = 200
AT_ONCE = 500


def seconds(run: Callable[[], Any], calls: int) -> dict[str, float]:
    """The first call, which compiles, and the best of the others."""
    begin = time.perf_counter()
    jax.block_until_ready(run())
    first = time.perf_counter() - begin
    others = []
    for _ in range(calls):
        begin = time.perf_counter()
        jax.block_until_ready(run())
        others.append(time.perf_counter() - begin)
    return {"first_s": first, "best_s": min(others)}


def in_parts(one: Callable, examples: Any) -> Callable[[], Any]:
    """Apply a compiled function to pieces of equal size."""
    count = examples.noise_sd.shape[0]
    parts = [
        jax.tree.map(lambda leaf, k=k: leaf[k : k + AT_ONCE], examples)
        for k in range(0, count // AT_ONCE * AT_ONCE, AT_ONCE)
    ]
    compiled = jax.jit(one)
    return lambda: [compiled(part) for part in parts]


def main() -> None:
    options = arguments(__doc__, spectra=10_000, calls=3)
    given = setting(options.data, physical=True)
    make = jax.jit(lambda key: draw_examples(key, given.source, AT_ONCE))
    keys = jax.random.split(jax.random.key(0), options.spectra // AT_ONCE)
    examples = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *[make(key) for key in keys])
    spec = InputSpec("spectrum", POINTS, ppm_range=(0.2, 4.3))
    scene = Scene(spec, given.uniform)
    size, shape = given.uniform.latent.size, spec.shape(ACQUISITION, POINTS)
    published = reconstruction(given.basis, 19, unit=1.0)
    cnn = Network(CNN(), (POINTS, 2), published.n_outputs, nnx.Rngs(0))
    ours = Subspace(n_components=64, widths=(512, 512))
    gaussian = PosteriorNetwork(ours, shape, size, nnx.Rngs(0))
    flow = PosteriorNetwork(ours, shape, size, nnx.Rngs(0), flow_layers=4)
    latent = given.uniform.latent

    def amplitudes(network: PosteriorNetwork, batch: Any) -> jax.Array:
        return jax.vmap(latent.parameters)(network(jax.vmap(scene.see)(batch).signal)).amplitude

    def drawn(network: PosteriorNetwork, batch: Any) -> tuple[jax.Array, jax.Array]:
        z, _ = network.sample(jax.vmap(scene.see)(batch).signal, jax.random.key(1), DRAWS)
        found = jax.vmap(jax.vmap(latent.parameters))(z).amplitude
        return found.mean(axis=0), found.std(axis=0)

    def stepped(steps: int | None, batch: Any) -> jax.Array:
        seen = jax.vmap(scene.see)(batch)

        def one(voxel: Any, decoder: Any) -> jax.Array:
            z, observed, noise_sd = voxel
            if steps is None:
                found = find_mode(0 * z, observed, noise_sd, decoder)
            else:
                found = gauss_newton(z, observed, noise_sd, decoder, steps)
            return decoder.latent.parameters(found.z).amplitude

        stacks = (gaussian(seen.signal), seen.observed, seen.noise_sd)
        return over_voxels(one, stacks, given.gaussian, mesh=local_mesh())

    runs = {
        "published CNN": in_parts(
            lambda b: jax.vmap(published.parameters)(published.read(cnn, b.fid)).amplitude, examples
        ),
        "subspace network, Gaussian posterior": in_parts(partial(amplitudes, gaussian), examples),
        f"the same, {DRAWS} draws": in_parts(partial(drawn, gaussian), examples),
        f"with a flow, {DRAWS} draws": in_parts(partial(drawn, flow), examples),
        "network + 1 step": in_parts(partial(stepped, 1), examples),
        "network + 2 steps": in_parts(partial(stepped, 2), examples),
        "fit with the prior, from the middle": in_parts(partial(stepped, None), examples),
    }
    device = jax.devices()[0]
    results: dict[str, Any] = {
        "command": "python benchmarks/quantify_speed.py",
        "device": device.device_kind,
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "spectra": options.spectra,
        "seconds": {},
    }
    for name, run in runs.items():
        results["seconds"][name] = seconds(run, options.calls)
        print(name, results["seconds"][name], flush=True)
    write_json(options.out / f"quantify_speed_{device.platform}.json", results)


if __name__ == "__main__":
    main()
