import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from diffmrs.errors import InputError
from diffmrs.learn.checkpoint import read_checkpoint, write_checkpoint
from diffmrs.learn.tensors import read_tensors, write_tensors

ARRAYS = {
    "number": np.asarray(3.5, np.float32),
    "count": np.asarray(7, np.int32),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "fid": np.array([[1 + 2j, 3 - 4j]], np.complex64),
    "one": np.asarray(complex(np.inf, 1.0)),
    "nothing": np.zeros((0, 2), np.complex128),
}


@dataclass(frozen=True)
class Settings:
    steps: int
    drops: tuple[float, ...] = (0.5,)


@dataclass(frozen=True)
class Row:
    step: int
    best: bool


STATE = {"weights": np.arange(4.0, dtype=np.float32), "step": np.asarray(3, np.int32), "best": np.float32(np.inf)}


def test_arrays_come_back_as_they_were(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, ARRAYS, {"text": "grüß"})
    arrays, meta = read_tensors(path)
    assert meta == {"text": "grüß"}
    for name, value in ARRAYS.items():
        assert (arrays[name].shape, arrays[name].dtype) == (value.shape, value.dtype)
        np.testing.assert_array_equal(arrays[name], value)
    assert [one.name for one in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_write_that_fails_leaves_the_last_file(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, ARRAYS, {})
    before = path.read_bytes()
    with pytest.raises(Exception, match=r".+"):  # whatever safetensors says of an array of objects
        write_tensors(path, {"bad": np.array([object()])}, {})
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(InputError, match="does not exist"):
        write_tensors(tmp_path / "none" / "a", ARRAYS, {})


def header(text, size=None):
    raw = text.encode()
    return struct.pack("<Q", len(raw) if size is None else size) + raw


BROKEN = {
    "empty": b"",
    "short": b"\x01\x00",
    "no header": header(""),
    "huge header": header("{}", 2**60),
    "header beyond the file": header("{}", 4096),
    "no JSON": header("not json"),
    "JSON of another kind": header("[1]"),
    "deep JSON": header("[" * 100_000),
    "array beyond the file": header('{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}'),
    "shape of another size": header('{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,4]}}') + b"1234",
    "unknown type": header('{"a":{"dtype":"os.system","shape":[1],"data_offsets":[0,4]}}') + b"1234",
    "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
    "complex names no list": save({"a": np.zeros(2)}, {"complex": "3"}),
    "complex names no text": save({"a": np.zeros(2)}, {"complex": "[[1]]"}),
    "complex without a pair": save({"a": np.zeros(3)}, {"complex": '["a"]'}),
    "complex of nothing": save({"a": np.zeros(2)}, {"complex": '["b"]'}),
    "complex names no JSON": save({"a": np.zeros(2)}, {"complex": "["}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_in_one_line(name, tmp_path):
    path = tmp_path / "b.safetensors"
    path.write_bytes(BROKEN[name])
    for read in (read_tensors, lambda path: read_checkpoint(path, STATE, Settings(3), Row)):
        with pytest.raises(InputError) as error:
            read(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none", Path("/dev/null")):
        with pytest.raises(InputError, match="no such file"):
            read_tensors(path)


def test_a_checkpoint_comes_back(tmp_path):
    path = tmp_path / "c.safetensors"
    write_checkpoint(path, STATE, Settings(3), [Row(1, True), Row(2, False)])
    state, history = read_checkpoint(path, STATE, Settings(3), Row)
    assert history == [Row(1, True), Row(2, False)]
    for name, value in STATE.items():
        assert (state[name].shape, state[name].dtype) == (np.shape(value), value.dtype)
        np.testing.assert_array_equal(state[name], value)


def checkpoint(arrays=None, **changes):
    meta = {"format": "diffmrs-checkpoint-1", "settings": '{"steps": 3, "drops": [0.5]}', "history": "[]"} | changes
    plain = [np.float32(np.inf).reshape(()), STATE["step"], STATE["weights"]] if arrays is None else arrays
    return save({f"{k:05d}": np.asarray(one) for k, one in enumerate(plain)}, meta)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (checkpoint(format="other"), "is not a checkpoint"),
        (checkpoint(settings="["), "settings cannot be read"),
        (checkpoint(settings="[]"), "settings cannot be read"),
        (checkpoint(settings="{}"), "steps None, but now it is 3"),
        (checkpoint(settings='{"steps": 4, "drops": [0.5]}'), "steps 4, but now it is 3"),
        (checkpoint(history='{"a": 1}'), "history cannot be read"),
        (checkpoint(history="[1]"), "its history"),
        (checkpoint(history='[{"step": 1, "evil": 2}]'), "its history"),
        (checkpoint([np.float32(1).reshape(()), STATE["step"]]), "another network"),
        (checkpoint([np.float32(1).reshape(()), STATE["step"], np.zeros(5, np.float32)]), "another network"),
        (checkpoint([np.float32(1).reshape(()), STATE["step"], np.zeros(4)]), "another network"),
        (checkpoint([np.float32(1).reshape(()), STATE["step"], np.full(4, np.nan, np.float32)]), "NaN"),
    ],
)
def test_checkpoints_that_do_not_fit_are_refused(data, words, tmp_path):
    path = tmp_path / "c.safetensors"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_checkpoint(path, STATE, Settings(3), Row)


def test_the_checkpoint_of_these_tests_is_sound(tmp_path):
    path = tmp_path / "c.safetensors"
    path.write_bytes(checkpoint())
    assert read_checkpoint(path, STATE, Settings(3), Row)[1] == []
