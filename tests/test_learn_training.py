import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from diffmrs.errors import InputError
from diffmrs.learn.encoders import MLP
from diffmrs.learn.examples import Example, draw_examples
from diffmrs.learn.losses import dropout_of
from diffmrs.learn.network import Network
from diffmrs.learn.training import Training, train
from diffmrs.pytree import container


@container()
@dataclasses.dataclass(frozen=True)
class Numbers:
    """FIDs of 16 random samples; some are broken."""

    broken: object

    def draw(self, key):
        key_fid, key_broken = jax.random.split(key)
        parts = jax.random.normal(key_fid, (2, 16), jnp.float32)
        fid = jax.lax.complex(parts[0], parts[1])
        fid = jnp.where(jax.random.bernoulli(key_broken, self.broken), jnp.nan, fid)
        return Example(fid.astype(jnp.complex64), jnp.ones((), jnp.float32))


@container()
@dataclasses.dataclass(frozen=True)
class Sum:
    """The network is to tell the mean of the real parts."""

    offset: object

    def __call__(self, network, batch, key):
        signal = jnp.stack([batch.fid.real, batch.fid.imag], axis=-1)
        found = network(signal, rngs=dropout_of(key))[:, 0]
        wanted = batch.fid.real.mean(axis=1) + self.offset
        return jnp.mean((found - wanted) ** 2), {"first_sample": batch.fid.real[0, 0]}


HOW = Training(steps=12, batch=8, every=4, validation=24, learning_rate=0.01)
START = Network(MLP((6,), dropout=0.2), (16, 2), 1, nnx.Rngs(0))
SOUND, LOSS = Numbers(0.0), Sum(1.0)


def weights(network):
    return jax.tree.leaves(nnx.state(network, nnx.Param))


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_a_seed_tells_everything_and_the_start_is_left_alone():
    before = [np.asarray(leaf) for leaf in weights(START)]
    network, history = train(START, LOSS, SOUND, HOW)
    again, same_history = train(START, LOSS, SOUND, HOW)
    other, _ = train(START, LOSS, SOUND, dataclasses.replace(HOW, seed=1))
    assert same(network, again)
    assert history == same_history
    assert not same(network, other)
    assert all(np.array_equal(a, b) for a, b in zip(before, weights(START), strict=True))
    assert [one.step for one in history] == [4, 8, 12]
    assert history[0].best
    assert all(np.isfinite(list(one.numbers.values())).all() for one in history)
    assert all(one.numbers["left_out"] == 0 for one in history)
    seen = {one.numbers["validation_first_sample"] for one in history}
    assert len(seen) == 1  # always the same examples
    assert len({one.numbers["first_sample"] for one in history}) == 3
    # The best network is the one that validation found best, without dropout.
    judged = draw_examples(jax.random.fold_in(jax.random.key(HOW.seed), 2**31 - 1), SOUND, HOW.validation)
    if history[-1].best:
        np.testing.assert_allclose(LOSS(network, judged, None)[0], history[-1].numbers["validation_loss"], rtol=1e-4)
    assert LOSS(network, judged, jax.random.key(0))[0] != LOSS(network, judged, None)[0]
    best = min(one.numbers["validation_loss"] for one in history)
    assert [one.best for one in history] == [
        one.numbers["validation_loss"] <= min(o.numbers["validation_loss"] for o in history[: k + 1])
        for k, one in enumerate(history)
    ]
    assert best == min(one.numbers["validation_loss"] for one in history if one.best)


class Stop(Exception):
    pass


def test_a_run_that_was_stopped_goes_on_to_the_very_numbers(tmp_path):
    whole, history = train(START, LOSS, SOUND, HOW)
    path = tmp_path / "run.safetensors"

    def stop(progress):
        if progress.step == 4:
            raise Stop

    with pytest.raises(Stop):
        train(START, LOSS, SOUND, HOW, checkpoint=path, on_progress=stop)
    steps = []
    resumed, again = train(
        START, LOSS, SOUND, HOW, checkpoint=path, on_progress=lambda progress: steps.append(progress.step)
    )
    assert steps == [8, 12]
    assert same(resumed, whole)
    assert again == history
    done, unchanged = train(START, LOSS, SOUND, HOW, checkpoint=path)  # nothing is left to do
    assert same(done, whole)
    assert unchanged == history
    with pytest.raises(InputError, match=r"was written with learning_rate 0\.01, but now it is 0\.02"):
        train(START, LOSS, SOUND, dataclasses.replace(HOW, learning_rate=0.02), checkpoint=path)
    wider = Network(MLP((7,)), (16, 2), 1, nnx.Rngs(0))
    with pytest.raises(InputError, match="another network"):
        train(wider, LOSS, SOUND, HOW, checkpoint=path)


def test_batches_that_give_no_gradient_are_left_out():
    network, history = train(START, LOSS, Numbers(0.05), HOW, validation=SOUND)
    assert 0 < sum(one.numbers["left_out"] for one in history) < 3
    assert all(jnp.isfinite(leaf).all() for leaf in weights(network))
    assert not same(network, START)
    with pytest.raises(InputError, match="loss is not finite"):
        train(START, LOSS, Numbers(1.0), HOW, validation=SOUND)


def test_training_ends_when_validation_no_longer_improves():
    still = dataclasses.replace(HOW, steps=40, every=1, learning_rate=1e-12, schedule="constant", patience=3)
    _, history = train(START, Sum(0.0), SOUND, still)
    assert len(history) < 40
    assert not any(one.best for one in history[-3:])


def test_the_learning_rate_rises_and_falls_as_told():
    cosine = Training(steps=100, warmup=0.1).rate()
    np.testing.assert_allclose([cosine(0), cosine(10), cosine(100)], [0, 1e-3, 1e-6], rtol=1e-3, atol=1e-9)
    falling = Training(steps=100, schedule="steps", drops=(0.5, 0.9))
    np.testing.assert_allclose([falling.rate()(k) for k in (0, 51, 95)], [1e-3, 1e-4, 1e-5], rtol=1e-4)
    assert hash(falling) == hash(dataclasses.replace(falling))
    assert Training(schedule="constant").rate()(7) == 1e-3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"patience": -1}, "patience is -1"),
        ({"schedule": "linear"}, "'linear'"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"clip": 0.0}, "clip"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"warmup": 2.0}, "warmup"),
        ({"drops": (1.5,)}, "drops"),
    ],
)
def test_settings_out_of_range_are_refused(fields, words):
    with pytest.raises(InputError, match=words):
        Training(**fields)
