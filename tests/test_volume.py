"""A volume in chunks: the same fits as all at once, whatever the chunks, and however often it is interrupted."""

import errno
import shutil
import zipfile
from collections import namedtuple
from functools import cache

import jax
import numpy as np
import pytest
import synthetic

from diffmrs import InputError, MRSData, NoBaseline, VolumeFit, fit, fit_volume
from diffmrs.io import atomic, read_data, write_nifti_mrs
from diffmrs.quality import FLAGS
from diffmrs.volume import RUN_FOLDER
from diffmrs.volume.hosts import Share

BASIS = synthetic.basis(tuple(sorted(synthetic.LINES))[:3])
SHAPE = (4, 3, 2)
CHUNK = 6
LEAN = {"baseline": NoBaseline(), "priors": "none"}


@cache
def head() -> MRSData:
    """Two transients of each voxel, alike up to noise, phase and shift."""
    rng = np.random.default_rng(2)
    count = int(np.prod(SHAPE)) * 2
    time = synthetic.ACQUISITION.time_s(synthetic.N_POINTS)
    amplitude = rng.uniform(0.5, 1.5, (count, len(BASIS.names)))
    decay = np.exp(-6 * time + 2j * np.pi * rng.uniform(-4, 4, (count, 1)) * time + 1j * rng.uniform(-1, 1, (count, 1)))
    signal = (amplitude @ np.asarray(BASIS.fid)) * decay
    noise = rng.normal(size=(2, *signal.shape)) * 0.01 * np.abs(signal).max()
    fid = (signal + noise[0] + 1j * noise[1]).astype(np.complex64)
    return MRSData(fid.reshape(*SHAPE, 2, -1), synthetic.ACQUISITION, ("DIM_DYN",))


def run(folder=None, data=None, *, chunk=CHUNK, **more) -> VolumeFit:
    return fit_volume(head() if data is None else data, BASIS, folder=folder, chunk=chunk, **LEAN, **more)


@cache
def whole() -> VolumeFit:
    return run()


def same(one: VolumeFit, other: VolumeFit) -> bool:
    """Whether all numbers agree to the last bit."""
    tables = all(
        np.array_equal(getattr(one.table, name), getattr(other.table, name), equal_nan=True)
        for name in ("amplitude", "sd", "crlb_percent", "ratio_tcr", "fitted")
    )
    return tables and np.array_equal(one.quality.chi2_reduced, other.quality.chi2_reduced, equal_nan=True)


class Stop:
    """Takes part as what is done to the data before a fit, and ends it after some chunks."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, rows, fids):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return fids


def interrupted(folder, after=4, **more) -> None:
    """Leave the coarse net and some finished chunks behind."""
    with pytest.raises(KeyboardInterrupt):
        run(folder, condition=Stop(after + 1), **more)


def pieces(folder):
    return sorted((folder / RUN_FOLDER).glob("piece_0*.npz"))


def test_a_volume_is_fitted_like_its_spectra():
    alone = fit(head(), BASIS, **LEAN)
    volume = whole()
    assert volume.quality.converged.all()
    expected = np.asarray(alone.flat().parameters.amplitude)
    np.testing.assert_allclose(volume.table.amplitude[:, : len(BASIS.names)], expected, rtol=2e-3, atol=2e-3)


def test_maps_are_where_the_voxels_are():
    mask = np.zeros(SHAPE)
    mask[1, 2, 0] = mask[3, 0, 1] = mask[0, 0, 0] = 1
    name = BASIS.names[0]
    masked, full = run(mask=mask).map(name), whole().map(name)
    assert masked.shape == (*SHAPE, 2)
    assert (np.isfinite(masked) == (mask > 0)[..., None]).all()
    np.testing.assert_allclose(masked[mask > 0], full[mask > 0], rtol=2e-3)
    assert whole().quality_map("snr").shape == (*SHAPE, 2)


def test_one_spectrum_can_be_fitted_again():
    volume = whole()
    again = volume.result_of(7)
    np.testing.assert_array_equal(
        np.asarray(again.flat().parameters.amplitude)[0].astype(np.float32),
        volume.table.amplitude[7, : len(BASIS.names)],
    )


def test_flags_are_told_in_words_without_their_evidence():
    quality = whole().quality
    quality.flags.raised[5, 0] = True
    assert quality.flags.sentences(5)[:1] == (FLAGS[0].meaning,)
    quality.flags.raised[5, 0] = False


def test_neither_devices_nor_chunks_change_a_bit():
    alone = jax.sharding.Mesh(np.array(jax.local_devices()[:1]), ("voxels",))
    assert same(run(chunk=8, mesh=alone), whole())


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_samples_on_the_disk_give_the_same_fits(tmp_path, name):
    write_nifti_mrs(tmp_path / name, head())
    mapped = read_data(tmp_path / name, mapped=True, scratch=tmp_path)
    assert same(run(data=mapped), whole())


def test_an_interrupted_run_goes_on(tmp_path):
    interrupted(tmp_path)
    assert len(pieces(tmp_path)) == 4
    told = []
    stamps = [piece.stat().st_mtime_ns for piece in pieces(tmp_path)]
    assert same(run(tmp_path, tell=told.append), whole())
    assert [piece.stat().st_mtime_ns for piece in pieces(tmp_path)][:4] == stamps
    assert told == ["goes on with an earlier run: 4 of 8 chunks are finished"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"neighbours": False}, "where fits start"),
        ({"identity": "another"}, "options or files"),
        ({"chunk": 5}, "the size of the chunks"),
        ({"data": "other"}, "the data or the mask"),
        ({"refine": lambda fits: fits}, "whether voxels are fitted together"),
        ({"ppm_range": (0.6, 4.1)}, "basis or model"),
    ],
)
def test_another_run_starts_anew_and_says_so(tmp_path, change, what):
    interrupted(tmp_path, after=1)
    told = []
    if change.get("data"):
        fid = np.asarray(head().fid).copy()
        fid[2, 1, 1, 0, 300] *= np.complex64(1.001)  # a single sample
        change = {"data": head().with_fid(fid)}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, condition=Stop(0), tell=told.append, **change)
    (line,) = told or ["nothing"]
    assert line.endswith(f"differs in {what}; this one starts anew")
    assert not pieces(tmp_path)


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-300])


def _flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def _rewritten(path, change):
    with np.load(path) as arrays:
        kept = dict(arrays)
    np.savez(path, **change(kept))


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "no archive": lambda path: path.write_bytes(b"\x93NUMPY" + b"x" * 500),
    "cut": _truncated,
    "a bit": _flipped,
    "pickle": lambda path: _rewritten(path, lambda a: a | {"table.sd": np.array([{}], dtype=object)}),
    "missing": lambda path: _rewritten(path, lambda a: {k: v for k, v in a.items() if k != "table.sd"}),
    "shape": lambda path: _rewritten(path, lambda a: a | {"table.sd": a["table.sd"][:, :1]}),
    "status": lambda path: _rewritten(path, lambda a: a | {"quality.status": a["quality.status"] + np.int8(77)}),
}


def test_damaged_pieces_are_fitted_again(tmp_path):
    interrupted(tmp_path, after=8 - 1)
    for path, damage in zip(pieces(tmp_path), list(DAMAGE.values())[: len(pieces(tmp_path))], strict=True):
        damage(path)
    told = []
    assert same(run(tmp_path, tell=told.append), whole())
    assert told == []  # nothing was left to go on with


def test_a_crafted_piece_is_not_believed(tmp_path):
    interrupted(tmp_path, after=2)
    first, second = pieces(tmp_path)
    DAMAGE["status"](first)
    with zipfile.ZipFile(second) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(second, "w", zipfile.ZIP_DEFLATED) as packed:  # as a bomb would be
        for name, content in members.items():
            packed.writestr(name, content)
    starts = tmp_path / RUN_FOLDER / "piece_starts.npz"
    _rewritten(starts, lambda a: a | {"which": a["which"] + np.int32(1000)})
    assert same(run(tmp_path), whole())


@pytest.mark.parametrize("plan", [b"", b"\xff\xfe{", b"[1]", b"{}", b"[" * 100_000])
def test_a_damaged_plan_is_another_plan(tmp_path, plan):
    interrupted(tmp_path, after=1)
    (tmp_path / RUN_FOLDER / "plan.json").write_bytes(plan)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, condition=Stop(0))
    assert not pieces(tmp_path)


def test_a_full_disk_is_told_before_the_fit(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10, 10, 1000))
    with pytest.raises(InputError, match=r"will take about .* MiB, but only 0 MiB are free"):
        run(tmp_path, condition=Stop(0))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_told_before_the_fit(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        run(tmp_path / "file", condition=Stop(0))


def test_a_disk_that_fills_keeps_what_is_finished(tmp_path, monkeypatch):
    interrupted(tmp_path, after=3)

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(atomic.os, "fsync", full)
        with pytest.raises(InputError, match=r"No space left on device.*; 3 finished chunks are kept in .*goes on"):
            run(tmp_path)
    assert len(pieces(tmp_path)) == 3
    assert not list((tmp_path / RUN_FOLDER).glob(".*"))
    assert same(run(tmp_path), whole())


def test_processes_share_the_pieces(tmp_path):
    first, second = (Share(index, 2, patience_s=0.3) for index in range(2))
    with pytest.raises(InputError, match=r"waited 0\.3 s in vain for 1 folder of the same data and options"):
        run(tmp_path, share=second)
    with pytest.raises(InputError, match=r"for 4 chunks of other processes; 4 finished chunks are kept"):
        run(tmp_path, share=first)
    run(tmp_path, share=second)
    told = []
    assert same(run(tmp_path, share=first, tell=told.append), whole())
    assert told == ["goes on with an earlier run: 4 of 4 chunks are finished"]


def test_a_chunk_holds_something():
    with pytest.raises(InputError, match="a chunk of 0 spectra"):
        run(chunk=0)
