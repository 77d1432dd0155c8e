import dataclasses
import importlib
import json
import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from diffmrs.errors import InputError
from diffmrs.learn import (
    CNN,
    ENCODERS,
    MLP,
    PRESETS,
    ConvNeXt1D,
    ConvStack,
    InceptionNet,
    Mixer1D,
    PooledResNet,
    ResNet1D,
    Subspace,
    Transformer1D,
    UNet1D,
    encoder_spec,
    spec_from_json,
    spec_to_json,
    subspace_of,
)

SAMPLES, CHANNELS, BATCH = 16, 2, 3
TINY = {
    "cnn": CNN(channels=(4, 5), activation="tanh", input_dropout=0.3),
    "convnext": ConvNeXt1D(depths=(1, 1), widths=(4, 6), patch=2, kernel=3),
    "inception": InceptionNet(filters=(2, 3), kernels=(3, 1), reduction=True, dense=(4,), dropout=0.3),
    "mixer": Mixer1D(patch=4, width=4, depth=1, token_width=3, channel_width=5, dropout=0.3),
    "mlp": MLP(widths=(6, 4), activation="silu", dropout=0.3),
    "mlp per channel": MLP(widths=(6, 4), activation="elu", per_channel=True),
    "pooled-resnet": PooledResNet(stem=(5,), narrow=(6, 6), wide=(6, 6), blocks=2, dense=(8,)),
    "resnet": ResNet1D(stem=(4,), narrow=(3, 3), wide=(4, 5), blocks=1, dropout=0.3),
    "stack": ConvStack(
        (3, 4), (3,), (2,), 2, activation="crelu", norm="batch", dropout=(0.1, 0.2), dense=(5,), dense_dropout=0.2
    ),
    "subspace": Subspace(n_components=4, widths=(6,), dropout=0.3),
    "unet": UNet1D(channels=(5, 6)),
    "transformer": Transformer1D(patch=4, width=4, depth=1, heads=2, hidden=5, dropout=0.3),
}
every = pytest.mark.parametrize("name", TINY)


def signals(seed=0):
    return jax.random.normal(jax.random.key(seed), (BATCH, SAMPLES, CHANNELS))


def built(name, **changes):
    return dataclasses.replace(TINY[name], **changes).build((SAMPLES, CHANNELS), nnx.Rngs(1))


@every
def test_one_network_from_every_side(name):
    """Shape, batches and gradients in one compilation, for that takes the time."""
    network = built(name)
    graph, params, rest = nnx.split(network, nnx.Param, ...)
    hash(graph)  # training makes it a static argument
    batch = signals()

    weights = jax.random.normal(jax.random.key(2), (BATCH, network.n_features))

    @jax.jit
    def everything(params, batch):
        def loss(params):
            features = nnx.merge(graph, params, rest)(batch)
            return jnp.sum(weights * features), features

        (_, together), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        return together, gradients

    together, gradients = everything(params, batch)
    assert together.dtype == batch.dtype
    # Each signal is read alone: with others beside it, its features are the same.
    np.testing.assert_allclose(everything(params, batch.at[1:].set(0.3))[0][0], together[0], rtol=1e-4, atol=1e-5)
    for leading in ((), (2, 3)):
        shaped = jax.ShapeDtypeStruct((*leading, SAMPLES, CHANNELS), batch.dtype)
        found = jax.eval_shape(lambda signal: nnx.merge(graph, params, rest)(signal), shaped)
        assert found.shape == (*leading, network.n_features)
    np.testing.assert_array_equal(everything(params, batch)[0], together)  # without rngs nothing is random
    for path, leaf in jax.tree.leaves_with_path(gradients):
        assert jnp.isfinite(leaf).all()
        assert jnp.abs(leaf).max() > 0, f"nothing reaches {jax.tree_util.keystr(path)}"


@pytest.mark.parametrize("name", [name for name in TINY if "dropout" in str(TINY[name]) and name != "mlp per channel"])
def test_dropout_is_random_with_rngs_and_repeats_with_its_key(name):
    network = built(name)
    draw = nnx.jit(lambda network, key: network(signals()[:1], rngs=nnx.Rngs(dropout=key)))
    first, again, other = (draw(network, jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_cnn_by_hand():
    network = CNN(channels=(3, 2), kernels=(5, 3), activation="tanh").build((13, 2), nnx.Rngs(0))
    signal = np.asarray(jax.random.normal(jax.random.key(3), (13, 2)))
    layer = signal
    for convolution in network.convolutions:
        kernel, bias = np.asarray(convolution.kernel[...]), np.asarray(convolution.bias[...])
        windows = (len(layer) - len(kernel)) // 2 + 1
        layer = np.tanh(
            [
                [
                    bias[f] + sum(layer[2 * j + i] @ kernel[i, :, f] for i in range(len(kernel)))
                    for f in range(len(bias))
                ]
                for j in range(windows)
            ]
        )
    np.testing.assert_allclose(network(jnp.asarray(signal)), layer.ravel(), rtol=1e-4, atol=1e-6)


def test_a_depthwise_convolution_is_that_of_scipy():
    signal, kernel = np.asarray(signals()[0]), np.random.default_rng(0).normal(size=(3, 2))
    from diffmrs.learn.encoders.convolution import convolve

    found = convolve(jnp.asarray(signal)[None], jnp.asarray(kernel[:, None], signal.dtype), 1, 2)[0]
    expected = np.stack([np.correlate(signal[:, c], kernel[:, c], "valid") for c in range(2)], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_lengths_and_features_are_the_published_ones():
    assert CNN().lengths(1024) == (510, 254, 126, 62, 30, 14, 6, 2)
    assert PRESETS["cnn-deepfpc"].lengths(512) == (254, 126, 62, 30, 14, 6)
    for name, samples, features in (("cnn", 1024, 144), ("cnn-deepfpc", 512, 336)):
        network = nnx.eval_shape(lambda name=name, n=samples: encoder_spec(name).build((n, 2), nnx.Rngs(0)))
        assert network.n_features == features
    operations, channels = 0, 2
    for taps, length, width in zip((5, *[3] * 7), CNN().lengths(1024), CNN().channels, strict=True):
        operations += 2 * length * taps * channels * width
        channels = width
    assert operations == pytest.approx(2.66e6, rel=0.05)  # published, with activations and the last layer


def test_published_sizes_without_building_them():
    def parameters(name):
        shapes = nnx.eval_shape(lambda: encoder_spec(name).build((1024, 2), nnx.Rngs(0)))
        return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(shapes, nnx.Param)))

    assert parameters("cnn") == 46_208
    # The image ConvNeXt-T without its last layer, norm and wider kernels: 27.8 million (Liu et al. 2022, 28 with them).
    assert parameters("convnext") == pytest.approx(27.8e6, rel=0.02)


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_half_precision_computes_in_it_and_gives_the_type_of_the_input(name):
    exact, rough = built(name), built(name, precision="bfloat16")
    found = rough(signals())
    assert found.dtype == signals().dtype
    np.testing.assert_allclose(found, exact(signals()), atol=0.1)
    assert not np.array_equal(found, exact(signals()))
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(nnx.state(rough, nnx.Param)))


def test_float64_in_float64_out(x64):
    for precision in ("input", "float64"):
        found = nnx.eval_shape(lambda given=precision: built("mlp", precision=given)(signals().astype(jnp.float64)))
        assert found.dtype == jnp.float64


def test_a_subspace_keeps_what_lies_in_it():
    rng = np.random.default_rng(4)
    atoms = rng.normal(size=(3, SAMPLES, CHANNELS))
    mixed = rng.normal(size=(40, 3)) * [5, 1, 0.2] + 2
    for count in (40, 20):  # more and fewer examples than numbers in each
        examples = np.einsum("em,msc->esc", mixed[:count], atoms)
        mean, matrix = subspace_of(examples, 3)
        network = Subspace(3, widths=(4,)).build((SAMPLES, CHANNELS), nnx.Rngs(0))
        network.set_directions(mean, matrix)
        coordinates = np.asarray(network.coordinates(jnp.asarray(examples, mean.dtype)))
        np.testing.assert_allclose(coordinates.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(coordinates.T @ coordinates / count, np.eye(3), atol=1e-3)
        back = coordinates @ np.linalg.pinv(np.asarray(matrix).reshape(-1, 3)) + np.asarray(mean).ravel()
        np.testing.assert_allclose(back, examples.reshape(count, -1), atol=2e-3)
    assert not any("matrix" in str(path) for path, _ in jax.tree.leaves_with_path(nnx.state(network, nnx.Param)))
    with pytest.raises(InputError, match="differ in 3"):
        subspace_of(examples, 4)
    with pytest.raises(InputError, match="shape"):
        network.set_directions(mean[1:], matrix[1:])
    with pytest.raises(InputError, match="finite"):
        network.set_directions(mean * jnp.nan, matrix)


@pytest.mark.parametrize("spec", [*PRESETS.values(), *TINY.values()])
def test_a_specification_survives_json(spec):
    again = spec_from_json(spec_to_json(spec))
    assert again == spec
    assert hash(again) == hash(spec)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "must be one of"),
        ('{"encoder": "os.system"}', "must be one of"),
        ('{"encoder": ["cnn"]}', "must be one of"),
        ('{"encoder": "cnn", "depth": 3}', "no field 'depth'"),
        ('{"encoder": "cnn", "channels": "abc"}', "channels"),
        ('{"encoder": "cnn", "channels": [4, 0]}', "whole numbers"),
        ('{"encoder": "cnn", "channels": []}', "whole numbers"),
        ('{"encoder": "cnn", "stride": true}', "stride"),
        ('{"encoder": "cnn", "input_dropout": 1.0}', "less than 1"),
        ('{"encoder": "cnn", "input_dropout": NaN}', "less than 1"),
        ('{"encoder": "mlp", "per_channel": 1}', "per_channel"),
        ('{"encoder": "mlp", "activation": "eval"}', "must be one of"),
        ('{"encoder": "mlp", "precision": "float8"}', "must be one of"),
    ],
)
def test_bad_specifications_are_refused(text, words):
    with pytest.raises(InputError, match=words):
        spec_from_json(text)


def test_bad_numbers_and_names_are_refused():
    for wrong in (
        lambda: encoder_spec("vgg"),
        lambda: encoder_spec("cnn", depth=3),
        lambda: CNN().build((16, 2), nnx.Rngs(0)),
        lambda: ConvNeXt1D().build((128, 2), nnx.Rngs(0)),
        lambda: ConvNeXt1D(depths=(1,)),
        lambda: ConvNeXt1D(kernel=4),
        lambda: Mixer1D().build((8, 2), nnx.Rngs(0)),
        lambda: MLP().build((0, 2), nnx.Rngs(0)),
        lambda: ResNet1D(wide=(4,)),
        lambda: Subspace().build((8, 2), nnx.Rngs(0)),
        lambda: Transformer1D(width=10, heads=4),
    ):
        with pytest.raises(InputError):
            wrong()
    assert encoder_spec("cnn", channels=[4, 4]).channels == (4, 4)
    assert set(ENCODERS) <= set(PRESETS)
    assert json.loads(spec_to_json(CNN()))["encoder"] == "cnn"


def test_without_flax_the_message_says_what_to_install(monkeypatch):
    kept = {name: module for name, module in sys.modules.items() if name.startswith("diffmrs.learn")}
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flax", None)
    with pytest.raises(InputError, match=r"pip install 'diffmrs\[learn\]'"):
        importlib.import_module("diffmrs.learn")
    for name in [name for name in sys.modules if name.startswith("diffmrs.learn")]:
        monkeypatch.delitem(sys.modules, name)
