import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.signal import correlate

from diffmrs.errors import InputError
from diffmrs.learn import (
    CNN,
    MLP,
    ConvNeXt1D,
    ConvStack,
    InceptionNet,
    Mixer1D,
    Network,
    PooledResNet,
    ResNet1D,
    Subspace,
)
from diffmrs.learn.encoders.norm import BatchNorm
from diffmrs.learn.encoders.spatial import drop_channels, max_pool, mean_pool, neighbours_mean
from diffmrs.learn.encoders.stack import crelu

SHAPE = (8, 8, 2)
TINY = {
    "mlp": MLP((5,), activation="tanh"),
    "mlp per channel": MLP((5,), activation="tanh", per_channel=True),
    "stack": ConvStack((3, 4), (3,), (2,), activation="elu", norm="batch", dense=()),
    "resnet": PooledResNet(stem=(), narrow=(2, 3), wide=(3, 4), blocks=2, dense=(), dropout=0.0),
    "inception": InceptionNet(filters=(2, 3), kernels=(3, 1), factorised=True, reduction=True),
}


def signals(*leading, seed=0):
    return jax.random.normal(jax.random.key(seed), (*leading, *SHAPE))


@pytest.mark.parametrize("name", TINY)
def test_inputs_of_two_axes(name):
    network = Network(TINY[name], SHAPE, 3, nnx.Rngs(1), norm=name == "stack")
    apply = nnx.jit(lambda network, batch: network(batch))
    together = apply(network, signals(3))
    assert together.shape == (3, 3)
    # Each input is read alone: with others beside it, its features are the same.
    np.testing.assert_allclose(apply(network, signals(3).at[1:].set(0.3))[0], together[0], rtol=1e-4, atol=1e-5)
    for leading in ((), (2, 2)):
        shaped = jax.ShapeDtypeStruct((*leading, *SHAPE), together.dtype)
        assert nnx.eval_shape(lambda signal: network(signal), shaped).shape == (*leading, 3)


@pytest.mark.parametrize("spec", [CNN((3,)), ConvNeXt1D((1,), (2,)), Mixer1D(patch=2), Subspace(3)])
def test_encoders_of_one_axis_refuse_two_in_one_line(spec):
    with pytest.raises(InputError, match=r"takes inputs of 1 axes.* 8 x 8 x 2") as error:
        spec.build(SHAPE, nnx.Rngs(0))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ConvStack((2,) * 3).build((4, 2), nnx.Rngs(0)), "pool"),
        (lambda: PooledResNet((2,), (2,), (2,), 1).build((2, 2), nnx.Rngs(0)), "pool"),
        (lambda: ConvStack().build((4, 4, 4, 4), nnx.Rngs(0)), "1 or 2 axes"),
        (lambda: InceptionNet(factorised=True).build((64, 1), nnx.Rngs(0)), "two axes"),
        (lambda: PooledResNet(wide=(3,)), "one of each"),
        (lambda: ConvStack(dropout=(0.1, 1.0)), "less than 1"),
        (lambda: ConvStack(norm="group"), "none, batch"),
        (lambda: ConvStack(channels=()), "whole numbers"),
    ],
)
def test_what_cannot_be_built_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_a_stack_by_hand():
    network = ConvStack((2,), (3,), (2,), activation="crelu", dense=()).build((4, 6, 2), nnx.Rngs(0))
    signal = np.asarray(jax.random.normal(jax.random.key(3), (4, 6, 2)))
    kernel = np.asarray(network.convolutions[0].kernel[...])
    made = [sum(correlate(signal[..., c], kernel[..., c, f], "same") for c in range(2)) for f in range(2)]
    both = np.stack([np.maximum(one, 0) for one in made] + [np.minimum(one, 0) for one in made], axis=-1)
    expected = both.reshape(2, 2, 3, 2, 4).max(axis=(1, 3)).ravel()
    np.testing.assert_allclose(network(jnp.asarray(signal)), expected, rtol=1e-4, atol=1e-5)


def test_crelu_keeps_everything():
    values = signals()
    both = crelu(values)
    np.testing.assert_array_equal(both[..., :2] + both[..., 2:], values)


def test_pools_are_those_of_flax_and_drop_what_is_left_over():
    signal = signals(2)[:, :7]
    for mine, theirs in ((max_pool, nnx.max_pool), (mean_pool, nnx.avg_pool)):
        np.testing.assert_allclose(mine(signal, 2), theirs(signal, (2, 2), (2, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(max_pool(signal, 1), signal)
    np.testing.assert_allclose(neighbours_mean(jnp.full_like(signal, 3.0)), 3.0, rtol=1e-6)


def test_whole_channels_are_dropped():
    kept = np.asarray(drop_channels(0.5, jnp.ones((1, 4, 3, 200)), nnx.Rngs(dropout=0))) != 0
    assert (kept.all(axis=(1, 2)) == kept.any(axis=(1, 2))).all()
    assert 50 < kept[0, 0, 0].sum() < 150


def test_batch_norm_knows_training_from_use():
    norm = BatchNorm(2, nnx.Rngs(0), momentum=0.5)
    batch = jnp.asarray(np.random.default_rng(0).normal(3.0, 2.0, (500, 2)), jnp.float32)
    for rngs in (None, nnx.Rngs(dropout=0)):  # dropout alone, as for its draws, leaves the statistics alone
        np.testing.assert_allclose(norm(batch, rngs), batch, rtol=1e-2)
    normed = np.asarray(norm(batch, nnx.Rngs(dropout=0, batch=0)))
    np.testing.assert_allclose([normed.mean(), normed.std()], [0, 1], atol=1e-2)
    for _ in range(20):
        norm(batch, nnx.Rngs(batch=0))
    np.testing.assert_allclose(norm(batch, None), normed, atol=1e-2)


def parameters(spec, shape, outputs=17):
    network = nnx.eval_shape(lambda: Network(spec, shape, outputs, nnx.Rngs(0)))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(network, nnx.Param)))


def test_published_sizes_without_building_them():
    shallow = ConvStack((50, 100, 150), (9, 5, 3), (2,), activation="elu", dense=())
    expected = (81 * 2 * 50 + 50) + (25 * 50 * 100 + 100) + (9 * 100 * 150 + 150) + (16 * 4 * 150 * 17 + 17)
    assert parameters(shallow, (128, 32, 2)) == expected
    deep = ConvStack((8, 16, 32, 64, 128, 256), (3,), (2,), norm="batch", dense=(400,))
    widths = (1, 8, 16, 32, 64, 128, 256)
    expected = sum(3 * a * b + 3 * b for a, b in pairwise(widths))
    expected += 32 * 256 * 400 + 3 * 400 + 400 * 17 + 17
    assert parameters(deep, (2048, 1)) == expected


@pytest.mark.parametrize("spec", [*TINY.values(), ConvNeXt1D((1,), (2,), 2), ResNet1D((2,), (2,), (2,), 1)])
def test_networks_of_one_kind_share_compiled_code(spec):
    shape = (8, 2) if isinstance(spec, ConvNeXt1D | ResNet1D) else SHAPE
    one, other = (nnx.graphdef(nnx.eval_shape(lambda k=k: Network(spec, shape, 3, nnx.Rngs(k)))) for k in (0, 1))
    assert one == other
    assert hash(one) == hash(other)
