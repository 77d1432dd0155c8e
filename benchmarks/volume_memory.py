"""How much memory does a volume take? `diffmrs fit` on heads of 1,000, 10,000 and 100,000 voxels.

    python benchmarks/volume_memory.py [--out DIR] [--heads DIR] [--largest 100000]

Every voxel is fitted, outside the head, too; of the largest head also only 1,024 voxels, from a compressed file. Each
fit is a process of its own, as on the command line; its peak resident memory is what the system says when it has
ended. Writes `volume_memory.json` and `volume_memory.md`. Needs no data: the heads are simulated.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from common import HERE, write_json

SHAPES = ((32, 32, 1), (32, 32, 10), (64, 64, 25))
POINTS = 1024
MODEL = ("--priors", "none", "--baseline", "poly:4", "--mm", "none")
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--heads", type=Path, help="where the heads are kept; a temporary folder when absent")
    parser.add_argument("--largest", type=int, default=200_000, help="voxels; leave out larger heads")
    parser.add_argument("--head", nargs=4, help=argparse.SUPPRESS)  # makes one, in a process of its own
    options = parser.parse_args()
    if options.head is not None:
        make_head(tuple(int(size) for size in options.head[:3]), Path(options.head[3]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        heads = options.heads or Path(temporary)
        found = []
        for shape in SHAPES:
            if shape[0] * shape[1] * shape[2] > options.largest:
                continue
            for compressed in (True, False):
                if compressed and shape != SHAPES[-1]:
                    continue
                found.append(measure(shape, heads, Path(temporary) / "fit", compressed))
                print(found[-1], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    cores = len(os.sched_getaffinity(0))
    write_json(options.out / "volume_memory.json", {"points": POINTS, "cores": cores, "runs": found})
    (options.out / "volume_memory.md").write_text(table(found, cores))


def measure(shape: tuple[int, int, int], heads: Path, out: Path, compressed: bool) -> dict[str, Any]:
    """Fit a head by the command, and see what it took."""
    name = heads / f"head_{'x'.join(str(size) for size in shape)}.nii"
    if not name.exists():
        subprocess.run([sys.executable, __file__, "--head", *(str(size) for size in shape), str(name)], check=True)
    data = name
    if compressed:
        data = name.with_suffix(".nii.gz")
        if not data.exists():
            subprocess.run(["gzip", "-1", "-k", str(name)], check=True)
        mask = np.zeros(shape, np.uint8)
        mask[16:48, 16:48, shape[2] // 2] = 1
        nib.save(nib.Nifti1Image(mask, nib.load(name).affine), heads / "mask.nii")
    command = ["diffmrs", "fit", str(data), "--basis", str(name.with_suffix(".BASIS")), "--out", str(out), *MODEL]
    command += ["--mask", str(heads / "mask.nii")] if compressed else []
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(told)
    fitted = next(line for line in told.splitlines() if "fitted" in line and " s " in line)
    return {
        "shape": shape,
        "voxels": shape[0] * shape[1] * shape[2],
        "fitted": 1024 if compressed else shape[0] * shape[1] * shape[2],
        "file": "".join(data.suffixes),
        "samples_mib": 8 * POINTS * shape[0] * shape[1] * shape[2] / MIB,
        "peak_mib": used.ru_maxrss / (1024 if sys.platform != "darwin" else MIB),
        "seconds": seconds,
        "fit_seconds": float(fitted.split(" in ")[1].split(" s")[0]),
        "outputs_mib": sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) / MIB,
    }


def make_head(shape: tuple[int, ...], path: Path) -> None:
    """A head and its basis set, on the disk."""
    import jax

    from diffmrs import Basis
    from diffmrs.demo import demo_basis
    from diffmrs.io import write_basis
    from diffmrs.simulate import simulate_head
    from diffmrs.simulate.simulated_head import write_head

    basis = demo_basis()
    basis = Basis(np.asarray(basis.fid)[:, :POINTS], basis.acquisition, basis.names)
    head = simulate_head(jax.random.key(0), basis, shape, snr=25.0)
    write_head(path, head)
    write_basis(path.with_suffix(".BASIS"), head.basis, "lcmodel")
    print(shape, f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", flush=True)


def table(found: list[dict[str, Any]], cores: int) -> str:
    lines = [
        "# Memory of a fitted volume",
        "",
        f"`diffmrs fit {' '.join(MODEL)}`, a simulated head, {POINTS} points, {cores} core(s);",
        "peak resident memory of the whole process (Python, JAX and compilation included), by",
        "`python benchmarks/volume_memory.py`.",
        "",
        "| voxels | fitted | file | samples, MiB | peak memory, MiB | fit, s | all, s | outputs, MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {run['voxels']:,} | {run['fitted']:,} | {run['file']} | {run['samples_mib']:.0f} | {run['peak_mib']:.0f} "
        f"| {run['fit_seconds']:.0f} | {run['seconds']:.0f} | {run['outputs_mib']:.0f} |"
        for run in found
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
