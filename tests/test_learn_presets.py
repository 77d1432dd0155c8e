import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_presets
from flax import nnx

from diffmrs.errors import InputError
from diffmrs.learn import MLP, Example, Network, PresetModel, StackView, View, draw_examples, frozen
from diffmrs.learn.finite import FiniteSource, MixedSource
from diffmrs.learn.isolated import amplitudes_of_areas, isolated_loss
from diffmrs.learn.losses import Supervised
from diffmrs.learn.presets import prepare, preset_names, read_preset, read_preset_model, save_preset_model, train_preset
from diffmrs.learn.presets.preset import preset_of
from diffmrs.learn.tensors import read_tensors, write_tensors
from diffmrs.learn.uncertain import dropout_draws
from diffmrs.learn.view import Sees
from diffmrs.simulate import RECIPES, simulate_recipe


def changed(tmp_path, text, name="changed"):
    path = tmp_path / f"{name}.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    path = tmp_path_factory.mktemp("presets") / "small.toml"
    path.write_text(small_presets.TEXT)
    return prepare(read_preset(path), small_presets.basis())


@pytest.fixture(scope="module")
def trained(prepared):
    return train_preset(prepared)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_complete_in_both_sizes(name):
    reduced, full = read_preset(name), read_preset(name, full=True)
    assert reduced.name == full.name == name
    assert reduced.training.steps < full.training.steps or name == "scattering"  # which needs no reduced size
    assert len(full.source) > 20
    assert preset_of(json.loads(json.dumps(full.tables)), "full", "again") == full  # as a trained one's file keeps it


def test_the_published_numbers_are_in_the_published_size():
    hatami = read_preset("hatami2018", full=True)
    assert (hatami.training.steps, hatami.training.batch, hatami.encoder.activation) == (200_000, 100, "crelu")
    assert hatami.training.steps * hatami.training.batch / hatami.training_set == 50  # epochs
    rate = hatami.training.rate()
    np.testing.assert_allclose([rate(1), rate(60_000), rate(199_999)], [1e-3, 5e-4, 1e-3 / 16], rtol=1e-5)
    assert read_preset("scattering").encoder.widths == (20,)
    assert read_preset("rizzo-shallow-2d", full=True).encoder.kernels == (9, 5, 3)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('loss = "mse"', 'loss = "mae"', "loss is 'mae'; it must be one of mse"),
        ('loss = "mse"', "loss = 3", "loss is 3"),
        ('loss = "mse"', 'loss = "mse"\nfoo = 1', "no field 'foo'"),
        ('name = "hatami2018"', 'name = "hatami2019"', "must be one of hatami2018"),
        ('name = "hatami2018"', "", "recipe lacks 'name'"),
        ("without = [", "sans = [", "recipe has no field 'sans'"),
        ("snr = [20, 20]", "snr = [20]", "list of 2"),
        ("snr = [20, 20]", 'snr = ["a", 2]', "must be a number"),
        ('kind = "spectrum"', 'kind = "image"', "kind is 'image'"),
        ("unit = 4.0", "unit = true", "unit is True"),
        ('kind = "spectrum"', 'kind = "spectrum"\nn_frames = 3', "no field 'n_frames'"),
        ('encoder = "mlp"', 'encoder = "vgg"', "encoder is 'vgg'"),
        ("widths = [16]", "widths = [0]", "whole numbers"),
        ("widths = [16]", 'widths = [16]\ntwo_paths = "yes"', "true or false"),
        ("steps = 60", "steps = 6.5", "whole number"),
        ("steps = 60", "steps = 0", "at least 1"),
        ("[network]", "[net]", "no field 'net'"),
        ("[training]", "[[training]]", "must be a table"),
        ("training_set = 200", "training_set = 0", "training_set is 0"),
        ("training_set = 200", "reduced = 1", "must be a table"),
        ("training_set = 200", "extension = 1", "must be a list"),
        ("training_set = 200", "extension = [{count = 3}]", "training_set to extend"),
        ("training_set = 200", "training_set = 200\nextension = [{count = 0}]", "at least 1"),
        ("[network]", "[network", "no TOML"),
    ],
)
def test_a_preset_with_a_mistake_is_refused_in_one_line(old, new, words, tmp_path):
    assert old in small_presets.TEXT
    with pytest.raises(InputError, match=words) as error:
        read_preset(changed(tmp_path, small_presets.TEXT.replace(old, new)))
    assert "\n" not in str(error.value)


def test_what_is_not_there_is_refused(tmp_path):
    for name in ("nobody2020", tmp_path / "none.toml"):
        with pytest.raises(InputError, match=r"nobody2020|no such file"):
            read_preset(name)
    preset = read_preset(changed(tmp_path, small_presets.TEXT.replace('without = ["', 'without = ["Tau", "')))
    prepare(preset, small_presets.basis())
    with pytest.raises(InputError, match="the basis lacks Tau"):
        prepare(read_preset(changed(tmp_path, small_presets.TEXT.replace('"Tau", ', ""))), small_presets.basis())
    long = read_preset(changed(tmp_path, "n_points = 4096\n" + small_presets.TEXT))
    with pytest.raises(InputError, match="4096 samples, but the basis has"):
        prepare(long, small_presets.basis())


def test_a_trained_preset_beats_the_constant_and_survives_its_file(trained, prepared, tmp_path):
    model, history = trained
    assert history[-1].numbers["validation_loss"] < 0.7  # 1 for the constant
    made = simulate_recipe(jax.random.key(5), prepared.preset.recipe, prepared.basis, 8)
    amplitude, sd = model.quantify(made.fid)
    assert sd is None
    assert amplitude.shape == (8, len(model.names))
    path = tmp_path / "model.safetensors"
    save_preset_model(path, model, {"steps": 60})
    again = read_preset_model(path)
    assert again.preset == model.preset
    assert again.names == model.names
    np.testing.assert_array_equal(again.quantify(made.fid)[0], amplitude)
    facts = json.loads(read_tensors(path)[1]["facts"])
    assert facts["recipe"]["name"] == "hatami2018"
    assert facts["told"] == {"steps": 60}
    broken = np.array(made.fid)
    broken[0, 3], broken[1] = np.nan, 0
    found = model.quantify(broken)[0]
    assert np.isnan(found[:2]).all()
    np.testing.assert_array_equal(found[2:], amplitude[2:])
    with pytest.raises(InputError, match="at least"):
        model.quantify(made.fid[:, :100])


def test_damaged_files_are_refused_in_one_line(trained, tmp_path):
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    save_preset_model(good, trained[0], {})
    arrays, meta = read_tensors(good)
    facts = json.loads(meta["facts"])
    for spoiled, words in (
        ((arrays, {**meta, "format": "other"}), "is not a network"),
        ((arrays, {**meta, "facts": "{"}), "damaged"),
        ((arrays, {**meta, "facts": json.dumps(facts | {"size": "huge"})}), "damaged"),
        ((arrays, {**meta, "facts": json.dumps(facts | {"preset": {"name": 3}})}), "is missing|must be"),
        ((arrays, {**meta, "facts": json.dumps(facts | {"unit": -1})}), "unit"),
        (({**arrays, "mean": arrays["mean"][:1]}, meta), "shape"),
        (({**arrays, "sd": arrays["sd"] * np.nan}, meta), "finite"),
        (({name: one for name, one in arrays.items() if "bias" not in name}, meta), "layers"),
    ):
        write_tensors(bad, *spoiled)
        with pytest.raises(InputError, match=words) as error:
            read_preset_model(bad)
        assert str(bad) in str(error.value)
        assert "\n" not in str(error.value)


class Numbers:
    """Examples that are nothing but a number: uniform, plus the number of the source."""

    def __init__(self, number=0.0):
        self.number = number

    def draw(self, key):
        value = self.number + jax.random.uniform(key)
        return Example(jnp.broadcast_to(value, (1,)).astype(jnp.complex64), jnp.zeros(()))


def test_a_finite_set_has_so_many_examples():
    source = FiniteSource(Numbers(), jax.random.key(1), 3)
    made = np.asarray(draw_examples(jax.random.key(2), source, 40).fid[:, 0])
    expected = [Numbers().draw(jax.random.fold_in(jax.random.key(1), i)).fid[0] for i in range(3)]
    np.testing.assert_array_equal(np.unique(made), np.sort(np.asarray(expected)))
    with pytest.raises(InputError, match="at least 1"):
        FiniteSource(Numbers(), jax.random.key(1), 0)


def test_a_mixture_draws_by_its_shares():
    both = MixedSource((Numbers(), Numbers(1.0)), (300.0, 100.0))
    made = np.asarray(draw_examples(jax.random.key(2), both, 4000).fid.real)
    assert np.mean(made > 1) == pytest.approx(0.25, abs=0.03)
    with pytest.raises(InputError, match="shares"):
        MixedSource((Numbers(),), (0.5, 0.5))


def test_an_extension_adds_examples_from_the_ends(tmp_path):
    text = small_presets.TEXT + "[[extension]]\ncount = 600\nouter = 0.2\nsnr = [5, 6]\n"
    source = prepare(read_preset(changed(tmp_path, text)), small_presets.basis()).source
    assert isinstance(source, MixedSource)
    assert source.shares == (200.0, 600.0)
    made = jax.jit(lambda key: draw_examples(key, source.sources[1], 200))(jax.random.key(2))
    amplitude = np.asarray(made.parameters.amplitude)
    assert ((amplitude < 0.2) | (amplitude > 0.8)).all()
    assert np.mean(amplitude < 0.2) == pytest.approx(0.5, abs=0.1)
    assert amplitude.min() < 0.02
    assert amplitude.max() > 0.98
    with pytest.raises(InputError, match=r"between 0 and 0\.5"):
        prepare(read_preset(changed(tmp_path, text.replace("outer = 0.2", "outer = 0.7"))), small_presets.basis())


def test_a_stack_reads_what_its_frozen_members_say(trained, prepared):
    model, _ = trained
    stack = StackView((frozen(model.network, model.view),) * 2)
    assert isinstance(stack, Sees)
    assert isinstance(model.view, View)
    members = len(model.names)
    made = simulate_recipe(jax.random.key(5), prepared.preset.recipe, prepared.basis, 8)
    example = Example(made.fid, made.noise_sd)
    seen = jax.jit(jax.vmap(stack.see))(example)
    told = jnp.concatenate([model.network(jax.vmap(model.view.see)(example).signal)] * 2, axis=1)
    np.testing.assert_allclose(seen.signal[:, 0], told, rtol=1e-4, atol=1e-5)
    members = len(model.names)
    network = Network(MLP((8,), activation="relu"), (1, 2 * members), members, nnx.Rngs(0))
    loss = Supervised(stack, jnp.asarray(model.mean), jnp.asarray(model.sd), members)
    value, _ = jax.jit(lambda batch: loss(network, batch, None))(Example(made.fid, made.noise_sd, made.parameters))
    assert np.isfinite(value)


def test_two_paths_tell_how_sure_they_are(tmp_path):
    prepared = prepare(read_preset(changed(tmp_path, small_presets.TWO_PATHS)), small_presets.basis())
    network = prepared.network()
    model = PresetModel(prepared.preset, network, prepared.view, prepared.basis.names, 256, prepared.mean, prepared.sd)
    made = simulate_recipe(jax.random.key(5), prepared.preset.recipe, prepared.basis, 8)
    signal = jax.vmap(model.view.see)(Example(made.fid, made.noise_sd)).signal
    assert float(jnp.mean(signal**2)) == pytest.approx(1.0, rel=0.5)  # the unit was measured
    amplitude, sd = model.quantify(made.fid)
    outputs = network(signal)
    np.testing.assert_allclose(outputs[:, :4], network.mean(signal), rtol=1e-5)
    np.testing.assert_allclose(sd, np.exp(outputs[:, 4:] / 2) * prepared.sd[None], rtol=1e-4)
    np.testing.assert_allclose(amplitude, 0.5 + outputs[:, :4] * prepared.sd[None], rtol=1e-4, atol=1e-5)
    draws = dropout_draws(network, signal, jax.random.key(0), 2)
    assert draws.shape == (2, 8, 8)
    assert not np.allclose(draws[0], draws[1])


@pytest.mark.thorough
def test_areas_of_isolated_spectra_are_amplitudes(tmp_path):
    preset = read_preset(changed(tmp_path, small_presets.ISOLATED))
    prepared = prepare(preset, small_presets.basis(), recipe=small_presets.water_recipe())
    network, loss = (
        prepared.network(),
        isolated_loss(small_presets.water_recipe(), prepared.basis, prepared.view, prepared.fresh),
    )
    made = jax.jit(lambda key: draw_examples(key, prepared.fresh, 16))(jax.random.key(3))
    targets = jax.jit(jax.vmap(loss.targets))(made.parameters)
    areas = jnp.sum(targets / loss.size[None, None], axis=1)
    np.testing.assert_allclose(amplitudes_of_areas(areas, loss.areas), made.parameters.amplitude, rtol=0.05, atol=0.02)
    assert np.isnan(amplitudes_of_areas(-areas, loss.areas)).all()
    value, metrics = nnx.jit(lambda network, batch: loss(network, batch, None))(network, made)
    assert np.isfinite([value, metrics["squared_error"]]).any()
    assert network(made.fid.real[:2, :, None].repeat(2, axis=-1)).shape == (2, 256, 5)
    model = PresetModel(
        preset, network, prepared.view, prepared.basis.names, 256, prepared.mean, prepared.sd, np.asarray(loss.areas)
    )
    save_preset_model(tmp_path / "m.safetensors", model, {})
    again = read_preset_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.quantify(made.fid)[0], model.quantify(made.fid)[0])


def test_pairs_that_do_not_go_together(tmp_path):
    wrong = small_presets.TEXT.replace("widths", "two_paths = true\nwidths")
    with pytest.raises(InputError, match="heteroscedastic"):
        prepare(read_preset(changed(tmp_path, wrong)), small_presets.basis())
    water = small_presets.TEXT.replace('loss = "mse"', 'loss = "isolated"')
    with pytest.raises(InputError, match="water"):
        prepare(read_preset(changed(tmp_path, water)), small_presets.basis()).loss()
    assert RECIPES["rizzo2022"].water_protons
