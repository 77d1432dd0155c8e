"""How long a basis takes: ideal and shaped pulses, first call and steady, values and gradients.

    python benchmarks/basis_speed.py            writes benchmarks/results/basis_speed.json

Every case runs in a process of its own, so that its first call includes start, import and compilation.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

START = time.perf_counter()
CASES = ("ideal", "ideal gradient", "shaped 32", "shaped 64", "shaped gradient 32")


def measure(case: str) -> dict[str, float]:
    """Seconds of one case, in this process."""
    import jax
    import jax.numpy as jnp

    from diffmrs.axes import Acquisition
    from diffmrs.spins import BRAIN, Grid, press, simulate_basis
    from diffmrs.spins.pulses import sinc_pulse

    acquisition = Acquisition(1 / 4000, 123.2617)
    names = (*BRAIN, "Ace") if case.startswith("ideal") else BRAIN
    pulse = sinc_pulse(5.2e-3, 180.0, steps=400) if case.startswith("shaped") else None
    grid = Grid(positions=int(case.split()[-1])) if pulse else None

    def power(te1, te2):
        sequence = press(te1, te2, refocusing=pulse)
        fid = simulate_basis(names, sequence, acquisition, 2048, grid=grid).fid
        return jnp.sum(jnp.abs(fid[:, 100]) ** 2) if "gradient" in case else fid

    run = jax.jit(jax.grad(power, argnums=(0, 1)) if "gradient" in case else power)
    echo_times = (jnp.float32(0.016), jnp.float32(0.019))
    jax.block_until_ready(run(*echo_times))
    first = time.perf_counter() - START
    steady = []
    for _ in range(3 if pulse else 10):
        begin = time.perf_counter()
        jax.block_until_ready(run(*echo_times))
        steady.append(time.perf_counter() - begin)
    return {
        "metabolites": len(names),
        "cold_process_s": round(first, 2),
        "steady_s": round(min(steady), 4),
        "steady_per_metabolite_s": round(min(steady) / len(names), 5),
    }


def main() -> None:
    import jax

    results = {}
    for case in CASES:
        done = subprocess.run([sys.executable, __file__, case], capture_output=True, text=True, check=True)
        results[case] = json.loads(done.stdout.splitlines()[-1])
        print(case, results[case], flush=True)
    record = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_at_end": os.getloadavg()[0],
        "python": platform.python_version(),
        "jax": jax.__version__,
        "points": 2048,
        "sequence": "PRESS 16 + 19 ms; shaped: sinc 5.2 ms, 400 steps, 16 coupling steps",
        "results": results,
    }
    out = Path(__file__).parent / "results" / "basis_speed.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
