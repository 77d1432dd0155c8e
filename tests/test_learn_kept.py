"""Training sets in memory: the same examples, the same training, and only where they fit."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import small_presets
from flax import nnx

from diffmrs.learn import draw_examples, keep
from diffmrs.learn.isolated import isolated_loss
from diffmrs.learn.kept import kept_bytes
from diffmrs.learn.presets import prepare, read_preset, train_preset
from diffmrs.learn.training import _train_step


def prepared_from(tmp_path, text):
    path = tmp_path / "small.toml"
    path.write_text(text)
    return prepare(read_preset(path), small_presets.basis())


EXTENDED = small_presets.TEXT + "[[extension]]\ncount = 150\nsnr = [5, 5]\n"


def test_kept_examples_are_those_of_the_sets(tmp_path):
    prepared = prepared_from(tmp_path, EXTENDED)
    kept = keep(prepared.sets, prepared.view).examples
    assert [len(kept.noise_sd), kept.fid.shape, kept.fed.signal.shape[0]] == [350, (350, 0), 350]
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(kept)) == kept_bytes(prepared.sets, prepared.view)
    for row, own, number in ((7, 0, 7), (199, 0, 199), (200, 1, 0), (349, 1, 149)):
        made = jax.jit(prepared.sets[own].example)(number)
        np.testing.assert_allclose(kept.parameters.amplitude[row], made.parameters.amplitude, rtol=1e-6)
        np.testing.assert_allclose(kept.fed.signal[row], prepared.view.see(made).signal, atol=1e-5)


def test_training_from_memory_ends_with_the_same_network(tmp_path):
    prepared = prepared_from(tmp_path, small_presets.TEXT)
    kept = prepared.kept()
    assert kept.source is not prepared.source
    (slow, history), (fast, also) = train_preset(prepared), train_preset(kept)
    np.testing.assert_allclose(also[-1].numbers["validation_loss"], history[-1].numbers["validation_loss"], rtol=1e-4)
    fids = draw_examples(jax.random.key(5), prepared.fresh, 8).fid
    np.testing.assert_allclose(fast.quantify(fids)[0], slow.quantify(fids)[0], atol=1e-3)


@pytest.mark.thorough
def test_a_network_that_draws_spectra_may_learn_from_memory(tmp_path):
    path = tmp_path / "isolated.toml"
    path.write_text(small_presets.ISOLATED)
    recipe = small_presets.water_recipe()
    prepared = prepare(read_preset(path), small_presets.basis(), recipe=recipe)
    prepared = replace(prepared, sets=(replace(prepared.sets[0], count=8),))
    loss = isolated_loss(recipe, prepared.basis, prepared.view, prepared.fresh)
    fresh = jax.jit(jax.vmap(prepared.sets[0].example))(jax.numpy.arange(8))
    network = prepared.network()
    values = [loss(network, made, None)[0] for made in (fresh, keep(prepared.sets, prepared.view).examples)]
    np.testing.assert_allclose(*values, rtol=1e-4)


def test_what_does_not_fit_or_is_hardly_seen_is_made_anew(tmp_path):
    prepared = prepared_from(tmp_path, small_presets.TEXT)
    assert prepared.kept(limit_bytes=1000) is prepared
    short = replace(prepared, preset=read_preset(tmp_path / "small.toml", changes={"training": {"steps": 6}}))
    assert short.kept() is short  # 6 * 32 examples of 200
    endless = replace(prepared, sets=())
    assert endless.kept() is endless


def test_another_seed_needs_no_further_compilation(tmp_path):
    prepared = prepared_from(tmp_path, small_presets.TEXT).kept()
    first, _ = train_preset(prepared, seed=1)
    compiled = _train_step._cache_size()
    second, _ = train_preset(prepared, seed=2)
    assert _train_step._cache_size() == compiled
    one, other = (nnx.state(model.network, nnx.Param) for model in (first, second))
    assert any(not np.allclose(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
