import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from learned import ACQUISITION, POINTS, PPM, TIME, basis

from diffmrs.data import Basis
from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.learn.macromolecule_lines import lines_basis
from diffmrs.learn.published import reconstruction
from diffmrs.learn.regularised import Constant
from diffmrs.model import NoBaseline, SignalModel, predict_fid
from diffmrs.model.parameters import Parameters
from diffmrs.model.shape import Lineshape
from diffmrs.model.signal import member_modulation
from diffmrs.model.split import split

LINES = lines_basis(ACQUISITION, POINTS, [0.9, 1.4], [20.0, 30.0], [1.5, 0.5])
OUTPUTS = np.array([0.5, -1.0, 2.0, 0.3, -0.4, 1.7, 12.0, 0.3, 1.2], np.float32)  # amplitudes, f, d, phase, time


def both_bases():
    fid = np.concatenate([np.asarray(basis().fid), np.asarray(LINES.fid)])
    return Basis(fid, ACQUISITION, (*basis().names, *LINES.names))


def by_numpy(outputs):
    """Reconstruction of metabolites and of lines by their equations."""
    amplitude, (shift, damping, phase) = np.log1p(np.exp(outputs[:5])), outputs[5:8]
    common = np.exp((2j * np.pi * shift - damping) * TIME + 1j * phase)
    light = np.exp(-2j * np.pi * (np.array(PPM)[:, None] - 4.65) * 123.2 * TIME - np.pi * TIME)
    centre, width = np.array([0.9, 1.4])[:, None], np.array([20.0, 30.0])[:, None]
    lines = np.exp(-2j * np.pi * (centre - 4.65) * 123.2 * TIME - np.pi * width * TIME)
    return amplitude[:3] @ light * common, (amplitude[3:] * [1.5, 0.5]) @ lines * common


def some_fids():
    noise = np.random.default_rng(0).normal(size=(2, POINTS, 2)) @ [0.1, 0.1j]
    return (sum(by_numpy(OUTPUTS * 0.9)) + noise).astype(np.complex64)


class Told(Constant):
    """What a network might say."""

    def __init__(self, values):
        super().__init__(len(values))
        self.values[...] = jnp.asarray(values, jnp.float32)


@pytest.mark.slow
@pytest.mark.parametrize("late_weight", [0.0, 2.5])
def test_the_loss_is_its_formula_and_its_parameters_mean_what_they_say(late_weight):
    loss = reconstruction(both_bases(), 3, unit=1.0, late_weight=late_weight)
    assert loss.n_outputs == 8 + (late_weight > 0)
    outputs, fids = OUTPUTS[: loss.n_outputs], some_fids()
    light, heavy = by_numpy(outputs)
    off = (light + heavy - fids)[:, 1:]
    expected = np.mean(np.abs(off) ** 2) / 2  # the mean over real and imaginary parts
    start = 1 / (1 + np.exp(5 - OUTPUTS[8]))
    if late_weight:
        after = TIME - start
        step = (0.5 * (1 + after / np.sqrt(after**2 + 1e-7)))[1:]
        assert step[TIME[1:] < start - 2e-3].max() < 0.01 < 0.99 < step[TIME[1:] > start + 2e-3].min()
        alone = np.mean(np.abs((light - fids)[:, 1:] * step) ** 2) / 2
        expected += 0.5 * (alone + late_weight * start)
    parameters = loss.parameters(jnp.asarray(outputs))
    truth = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), parameters)
    batch = Example(jnp.asarray(fids), jnp.ones(2), truth)
    value, metrics = loss(Told(outputs), batch, None)
    np.testing.assert_allclose(value, expected, rtol=1e-3)
    np.testing.assert_allclose(metrics["relative_error"], 0, atol=1e-6)
    np.testing.assert_allclose(parameters.lorentzian_fwhm_hz, outputs[6] / np.pi, rtol=1e-6)  # exp(-d t)
    np.testing.assert_allclose(
        predict_fid(parameters, loss.basis_fid, loss.model), light + heavy, rtol=1e-3, atol=2e-3 * np.abs(light).max()
    )
    if late_weight:
        np.testing.assert_allclose(metrics["late_start_s"], start, rtol=1e-5)
    network = Told(outputs)
    graph, params, rest = nnx.split(network, nnx.Param, ...)
    gradient = jax.grad(lambda params: loss(nnx.merge(graph, params, rest), batch, None)[0])(params)
    assert all(jnp.isfinite(leaf).all() & (leaf != 0).all() for leaf in jax.tree.leaves(gradient))


def test_lines_lie_where_they_should_and_are_as_wide():
    spectrum = np.fft.fftshift(np.fft.fft(np.asarray(LINES.fid), 8192), axes=1)
    ppm = ACQUISITION.ppm(8192)
    for k, (centre, width, area) in enumerate(zip([0.9, 1.4], [20.0, 30.0], [1.5, 0.5], strict=True)):
        np.testing.assert_allclose(ppm[np.argmax(spectrum[k].real)], centre, atol=0.01)
        np.testing.assert_allclose(LINES.fid[k, 0], area, rtol=1e-6)
        decay = np.abs(LINES.fid[k, 10] / LINES.fid[k, 0])
        np.testing.assert_allclose(decay, np.exp(-np.pi * width * 10 / 1200), rtol=1e-4)
    assert LINES.names == ("MM01", "MM02")
    with pytest.raises(InputError, match="as many of each"):
        lines_basis(ACQUISITION, POINTS, [1.0], [1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="negative"):
        lines_basis(ACQUISITION, POINTS, [1.0], [-1.0], [1.0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"n_metabolites": 6}, "n_metabolites"), ({"n_points": 999}, "n_points"), ({"late_weight": -1.0}, "late_weight")],
)
def test_what_makes_no_sense_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        reconstruction(both_bases(), **({"n_metabolites": 3, "unit": 1.0} | changes))


LAYOUTS = [
    ((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), False),
    ((0, 0, 1, 1, 1), (0, 0, 0, 0, 0), True),
    ((1, 0, 1, 0, 0), (0, 0, 0, 0, 0), False),
    ((0, 0, 0, 0, 0), (1, 0, 1, 0, 1), True),
    ((0, 1, 2, 3, 4), (0, 0, 1, 1, 1), True),
]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("groups", "shims", "asymmetric"), LAYOUTS)
def test_members_summed_by_group_are_members_summed_one_by_one(groups, shims, asymmetric):
    shape = Lineshape(asymmetric=asymmetric)
    model = SignalModel(ACQUISITION, POINTS, (0, POINTS), groups, shims, NoBaseline(), shape)
    rng = np.random.default_rng(3)
    members = jnp.asarray(np.asarray(both_bases().fid, complex))
    parameters = Parameters(
        amplitude=jnp.asarray(rng.uniform(1, 2, 5)),
        lorentzian_fwhm_hz=jnp.asarray(rng.uniform(1, 5, model.n_groups)),
        frequency_shift_hz=jnp.asarray(rng.normal(size=model.n_groups)),
        gaussian_variance_hz2=jnp.asarray(rng.uniform(1, 9, model.n_shims)),
        third_moment_hz3=jnp.asarray(rng.normal(size=model.n_shims) * 50 if asymmetric else []),
        lineshape=jnp.zeros(0),
        phase0_rad=jnp.asarray(0.3),
        delay_s=jnp.asarray(0.0),
        baseline=jnp.zeros(0),
    )
    target = jnp.asarray(some_fids()[0].astype(complex))

    def one_by_one(parameters):
        each = split(members).times(member_modulation(parameters, model)).joined
        return jnp.exp(1j * parameters.phase0_rad) * (parameters.amplitude.astype(complex) @ each)

    @jax.jit
    def costs(parameters):
        def cost(parameters, predict):
            off = predict(parameters) - target
            return jnp.sum(off.real**2 + off.imag**2)

        grouped = jax.value_and_grad(cost)(parameters, lambda p: predict_fid(p, members, model))
        return grouped, jax.value_and_grad(cost)(parameters, one_by_one)

    (value, gradient), (expected, wanted) = costs(parameters)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    for field in dataclasses.fields(Parameters):
        found, truth = getattr(gradient, field.name), getattr(wanted, field.name)
        np.testing.assert_allclose(found, truth, rtol=1e-7, atol=1e-7)
