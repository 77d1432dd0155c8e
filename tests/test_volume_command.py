"""`diffmrs fit` on a volume as users meet it: interrupted, killed, on several devices, in several processes."""

import filecmp
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import synthetic

from diffmrs.cli import main
from diffmrs.data import MRSData
from diffmrs.io import write_basis, write_nifti_mrs

SHAPE = (4, 4, 2)
LEAN = ("--priors", "none", "--baseline", "none", "--mm", "none", "--chunk", "4")


@pytest.fixture(scope="module")
def head(tmp_path_factory) -> Path:
    """A folder with data and basis set."""
    folder = tmp_path_factory.mktemp("head")
    basis = synthetic.basis(("Cr", "GPC", "NAA"))
    rng = np.random.default_rng(0)
    fid = rng.uniform(0.5, 1.5, (*SHAPE, 3)) @ np.asarray(basis.fid)
    fid = fid * np.exp(-8 * basis.time_s) + 0.05 * (rng.normal(size=fid.shape) + 1j * rng.normal(size=fid.shape))
    write_nifti_mrs(folder / "v.nii.gz", MRSData(fid.astype(np.complex64), synthetic.ACQUISITION))
    write_basis(folder / "b.BASIS", basis, "lcmodel")
    return folder


def command(head: Path, out: Path, *more: str) -> list[str]:
    return ["fit", str(head / "v.nii.gz"), "--basis", str(head / "b.BASIS"), "--out", str(out), *LEAN, *more]


def start(head: Path, out: Path, *more: str, devices: int | None = None) -> subprocess.Popen:
    inherited = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}  # JAX sets it here
    env = inherited | {"PYTHONPATH": str(Path(__file__).parents[1])}
    line = [sys.executable, "-m", "diffmrs", *command(head, out, *more)]
    if devices is not None:  # as many as the process may use cores, whatever there really are
        fake = f"import os, sys; os.sched_getaffinity = lambda _: range({devices}); from diffmrs.cli import main; "
        line = [sys.executable, "-c", f"{fake}sys.exit(main(sys.argv[1:]))", *command(head, out, *more)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def finished(out: Path) -> int:
    return len(list((out / ".diffmrs_run").glob("piece_0*.npz")))


def same(one: Path, other: Path) -> bool:
    """Whether maps and tables agree byte by byte."""
    maps = sorted(path.relative_to(one) for path in (one / "maps").iterdir())
    names = [*maps, Path("concentrations.csv"), Path("quality.csv")]
    return bool(maps) and filecmp.cmpfiles(one, other, [str(name) for name in names], shallow=False)[1:] == ([], [])


@pytest.fixture(scope="module")
def plain(head, tmp_path_factory) -> Path:
    """The outputs of a run that nothing happens to."""
    out = tmp_path_factory.mktemp("plain")
    process = start(head, out)
    told = process.communicate()[1]
    assert process.returncode == 0, told
    assert "%|" not in told and "\r" not in told  # no bar where there is no terminal
    assert not (out / ".diffmrs_run").exists()
    return out


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_run_that_was_stopped_or_killed_goes_on(head, plain, tmp_path):
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        before = finished(tmp_path)
        process = start(head, tmp_path)
        deadline = time.monotonic() + 120
        while finished(tmp_path) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(number)
        told = process.communicate()[1]
        if process.returncode == 0:
            pytest.skip("the fit was faster than the signal")
        assert process.returncode == status, told
        if status == 130:
            assert told.splitlines()[-1].startswith(f"diffmrs: interrupted; {finished(tmp_path)} finished chunk")
        assert not (tmp_path / "maps").exists()
    kept = finished(tmp_path)
    process = start(head, tmp_path)
    told = process.communicate()[1]
    assert process.returncode == 0, told
    assert f"goes on with an earlier run: {kept} of 8 chunks are finished" in told
    assert same(tmp_path, plain)
    assert not list(tmp_path.glob(".diffmrs*"))


@pytest.mark.thorough
@pytest.mark.slow
def test_four_devices_give_the_same_bytes(head, plain, tmp_path):
    process = start(head, tmp_path, "--chunk", "8", devices=4)
    told = process.communicate()[1]
    assert process.returncode == 0, told
    assert same(tmp_path, plain)


@pytest.mark.thorough
@pytest.mark.slow
def test_two_processes_give_the_same_bytes(head, plain, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    both = [start(head, tmp_path, "--hosts", address, "2", str(index)) for index in range(2)]
    told = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert told[1][0] == "diffmrs: process 1 of 2 has fitted its chunks; process 0 writes the outputs\n"
    assert same(tmp_path, plain)


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--chunk", "0"), "--chunk is 0; it must be at least 1"),
        (("--hosts", "here"), "--hosts is 'here'; it must be auto, or three values such as 10.0.0.1:9876 4 0"),
        (("--hosts", "here:1", "two", "0"), "--hosts is 'here:1 two 0'; it must be auto, or three values"),
        (("--hosts", "here:1", "2", "2"), "--hosts: process 2 of 2; processes are counted from 0 to 1"),
    ],
)
def test_unusable_options_are_told_in_a_line(head, tmp_path, capsys, more, line):
    assert main(command(head, tmp_path / "out", *more)) == 2
    assert capsys.readouterr().err.startswith(f"diffmrs: {line}")
    assert not (tmp_path / "out").exists()
