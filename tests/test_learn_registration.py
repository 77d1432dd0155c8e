"""Laws of learned registration: decoders against NumPy, signs against `take_off`, and a network that learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn.encoders import MLP
from diffmrs.learn.examples import Example, MeasuredSource, draw_examples
from diffmrs.learn.inputs import InputSpec
from diffmrs.learn.network import Network
from diffmrs.learn.registration import (
    CreatineLine,
    Moved,
    OffsetLoss,
    ProfiledTransient,
    ReferenceTransient,
    estimate_offsets,
)
from diffmrs.learn.training import Training, train
from diffmrs.learn.transients import Intermittent, TransientSource, reference_transient
from diffmrs.preprocess import Offsets, take_off
from diffmrs.simulate.distributions import Normal, Uniform

ACQUISITION = Acquisition(1e-3, 127.7, ppm_reference=4.7)
POINTS = 128
TIME = ACQUISITION.time_s(POINTS)
LINES = ((3.027, 1.0), (2.01, 1.5), (3.2, 0.6))  # ppm, size
SPEC = InputSpec("fid", POINTS, scale="largest")


def clean() -> np.ndarray:
    """A FID of three lines; largest sample 1."""
    fid = sum(size * np.exp((-2j * np.pi * (ppm - 4.7) * 127.7 - 20) * TIME) for ppm, size in LINES)
    return (fid / np.abs(fid).max()).astype(np.complex64)


def moved_fid(shift_hz: float, phase_rad: float, amplitude: float = 1.0, damping_per_s: float = 0.0) -> np.ndarray:
    """The clean FID, moved: in NumPy, with the sign of the library."""
    return amplitude * clean() * np.exp((2j * np.pi * shift_hz - damping_per_s) * TIME + 1j * phase_rad)


class Says(nnx.Module):
    """A network that has learned one answer by heart."""

    def __init__(self, *outputs: float):
        self.outputs = nnx.Param(jnp.asarray(outputs, float))

    def __call__(self, signal: jax.Array, *, rngs: nnx.Rngs | None = None) -> jax.Array:
        """The answer, for every input."""
        return jnp.broadcast_to(self.outputs[...][None], (signal.shape[0], self.outputs.shape[0])).astype(signal.dtype)


@jax.jit
def cost(loss: OffsetLoss, outputs: jax.Array, batch: Example) -> jax.Array:
    """The loss of a network that gives these outputs."""
    return loss(lambda signal, *, rngs=None: jnp.broadcast_to(outputs[None], (1, outputs.shape[0])), batch, None)[0]


def reference() -> jax.Array:
    return jnp.asarray(clean(), complex)


def example(*fids: np.ndarray) -> Example:
    stack = jnp.asarray(np.stack(fids), complex)
    return Example(stack, jnp.ones(len(fids), stack.real.dtype))


def test_the_creatine_line_is_the_formula():
    decoder = CreatineLine(ACQUISITION, POINTS)
    found = decoder.signal(decoder.moved(jnp.asarray([3.0, 0.4, 0.7, 15.0]))[0])
    # 3.027 ppm lies at (4.7 - 3.027) f0 in the library's sign, and a positive shift adds to it.
    expected = 0.7 * np.exp(-15 * TIME) * np.exp(1j * (2 * np.pi * ((4.7 - 3.027) * 127.7 + 3.0) * TIME + 0.4))
    np.testing.assert_allclose(found, expected, atol=3e-5)


def test_the_creatine_line_is_added_to_the_strongly_damped_fid():
    fid, decoder = moved_fid(2.0, 0.3), CreatineLine(ACQUISITION, POINTS)
    loss = OffsetLoss(decoder, SPEC)
    value = cost(loss, jnp.asarray([3.0, 0.4, 0.7, 15.0]), example(fid))
    fid = fid / np.abs(fid).max()
    line = 0.7 * np.exp(-15 * TIME) * np.exp(1j * (2 * np.pi * ((4.7 - 3.027) * 127.7 + 3.0) * TIME + 0.4))
    published = line + fid * np.exp(-500 * TIME) - fid
    np.testing.assert_allclose(value, np.sum(np.abs(published[1:]) ** 2) / POINTS, rtol=1e-4)


@pytest.mark.parametrize("window_ppm", [None, (2.0, 3.8)])
def test_the_loss_of_the_reference_is_the_formula(window_ppm):
    fid, away = moved_fid(5.0, -0.6, 1.2, 3.0), moved_fid(2.0, 0.1)
    loss = OffsetLoss(ReferenceTransient(reference(), ACQUISITION), SPEC, window_ppm)
    value = cost(loss, jnp.asarray([2.0, 0.1]), example(fid))
    off = away - fid / np.abs(fid).max()
    if window_ppm is None:
        expected = np.sum(np.abs(off[1:]) ** 2) / POINTS
    else:
        ppm = 4.7 - np.fft.fftshift(np.fft.fftfreq(POINTS, 1e-3)) / 127.7
        off[0] /= 2
        inside = np.fft.fftshift(np.fft.fft(off))[(ppm >= 2.0) & (ppm <= 3.8)]
        expected = np.sum(np.abs(inside) ** 2) / POINTS**2
    np.testing.assert_allclose(value, expected, rtol=1e-4)


@pytest.mark.parametrize("decoder", [ReferenceTransient, ProfiledTransient])
@pytest.mark.parametrize("window_ppm", [None, (2.0, 3.8)])
def test_the_loss_is_least_at_the_truth(decoder, window_ppm):
    loss = OffsetLoss(decoder(reference(), ACQUISITION), SPEC, window_ppm)
    batch = example(moved_fid(4.0, 0.5))

    def at(shift: float, phase: float) -> float:
        outputs = (shift, phase) if decoder is ReferenceTransient else (shift / 10, np.cos(phase), np.sin(phase))
        return float(cost(loss, jnp.asarray(outputs), batch))

    least = at(4.0, 0.5)
    assert least < 1e-9
    assert all(at(4.0 + a, 0.5 + b) > least + 1e-6 for a, b in ((0.5, 0), (-0.5, 0), (0, 0.1), (0, -0.1), (0, np.pi)))


def test_a_free_amplitude_does_not_matter_and_has_no_second_phase():
    loss = OffsetLoss(ProfiledTransient(2.7 * reference(), ACQUISITION), SPEC)
    batch = example(moved_fid(4.0, 0.5, 30.0))
    right, opposite = (cost(loss, jnp.asarray([0.4, s * np.cos(0.5), s * np.sin(0.5)]), batch) for s in (1, -1))
    assert right < 1e-9
    assert opposite > 0.01


@pytest.mark.parametrize("steps", [0, 2])
def test_what_is_estimated_is_what_take_off_removes(steps):
    fid = moved_fid(-6.0, 2.2, 3.0)
    loss = OffsetLoss(ProfiledTransient(reference(), ACQUISITION), SPEC)
    found = estimate_offsets(
        Says(-0.6, 2 * np.cos(2.2), 2 * np.sin(2.2)), jnp.asarray(fid[None], complex), loss, steps=steps
    )
    its = Offsets(*(leaf[0] for leaf in found))
    np.testing.assert_allclose(take_off(jnp.asarray(fid, complex), ACQUISITION, its), 3.0 * clean(), atol=2e-4)
    np.testing.assert_allclose(its.amplitude, 3.0, rtol=1e-4)
    assert its.likeness > 0.9999
    assert bool(its.converged)


@pytest.mark.parametrize("window_ppm", [None, (2.0, 3.8)])
def test_steps_go_from_a_rough_answer_to_least_squares(window_ppm):
    truth = {"shift_hz": -6.0, "phase_rad": 0.8, "amplitude": 1.3, "damping_per_s": 2.0}
    fids = jnp.asarray(moved_fid(**truth)[None], complex)
    loss = OffsetLoss(ReferenceTransient(reference(), ACQUISITION), SPEC, window_ppm)
    found = estimate_offsets(Says(-5.2, 0.7), fids, loss, steps=4)
    np.testing.assert_allclose([found.shift_hz[0], found.phase_rad[0]], [-6.0, 0.8], atol=1e-3)
    np.testing.assert_allclose(found.likeness, 1, atol=1e-5)


def test_steps_fit_the_line_of_creatine_with_its_damping():
    truth = Moved(*(jnp.asarray(value, float) for value in (3.0, -0.4, 0.9, 25.0)))
    decoder = CreatineLine(ACQUISITION, POINTS)
    loss = OffsetLoss(decoder, SPEC)
    # Far enough from the first sample the strongly damped part is gone; there the line is all of the FID.
    fid = decoder.signal(truth) / jnp.maximum(-jnp.expm1(-500 * jnp.asarray(TIME, float)), 1e-3)
    found = estimate_offsets(Says(2.0, -0.2, 0.5, 15.0), fid[None].at[0, 0].set(1.0), loss, steps=8)
    np.testing.assert_allclose([found.shift_hz[0], found.phase_rad[0]], [3.0, -0.4], atol=2e-3)


def test_the_answer_does_not_explain_what_is_far_from_it():
    loss = OffsetLoss(ReferenceTransient(reference(), ACQUISITION), SPEC)
    found = estimate_offsets(
        Says(0.0, 0.0), jnp.asarray(np.stack([moved_fid(0.0, 0.0), moved_fid(40.0, 3.0)]), complex), loss
    )
    assert found.likeness[0] > 0.9999
    assert found.likeness[1] < 0.5


def test_one_broken_transient_leaves_the_others_alone():
    fids = np.stack([moved_fid(3.0, 0.2), np.full(POINTS, np.nan + 0j), np.zeros(POINTS, complex)])
    loss = OffsetLoss(ReferenceTransient(reference(), ACQUISITION), SPEC)
    network = Says(2.9, 0.2)
    found = estimate_offsets(network, jnp.asarray(fids, complex), loss, steps=3)
    assert found.converged.tolist() == [True, False, False]
    np.testing.assert_allclose([found.shift_hz[0], found.phase_rad[0]], [3.0, 0.2], atol=1e-3)
    graph, params, rest = nnx.split(network, nnx.Param, ...)
    slope = jax.jit(jax.grad(lambda p: loss(nnx.merge(graph, p, rest), example(*fids), None)[0]))(params)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(slope))


def source(**changes) -> TransientSource:
    fields = {
        "fid": reference(), "acquisition": ACQUISITION, "shift_hz": Uniform(-8.0, 8.0), "phase_rad": Uniform(-1.0, 1.0),
        "noise_sd": 0.02,
    }  # fmt: skip
    return TransientSource(**(fields | changes))


drawn = jax.jit(draw_examples, static_argnums=2)


def test_a_source_tells_the_truth_of_its_transients():
    quiet = source(noise_sd=0.0, amplitude=Normal(1.0, 0.1), damping_per_s=Normal(2.0, 0.1))
    made = drawn(jax.random.key(3), quiet, 4)
    expected = [moved_fid(*row) for row in np.asarray(made.z)]
    np.testing.assert_allclose(made.fid, np.stack(expected), atol=1e-5)


def test_a_source_has_the_noise_and_the_nuisances_that_it_is_told():
    water = Intermittent(0.3, Uniform(5.0, 5.0), Uniform(40.0, 40.0), Uniform(60.0, 60.0), Uniform(0.5, 0.5), power=1)
    still = Uniform(0.0, 0.0)
    made = drawn(jax.random.key(5), source(shift_hz=still, phase_rad=still, nuisances=(water,), noise_sd=0.01), 400)
    rest = np.asarray(made.fid) - clean()
    wave = 5 * TIME * np.exp((2j * np.pi * 40 - 60) * TIME + 0.5j)
    share = (rest @ wave.conj()).real / np.sum(np.abs(wave) ** 2)
    there = share > 0.5
    np.testing.assert_allclose(share[there], 1, atol=0.3)
    np.testing.assert_allclose(share[~there], 0, atol=0.3)
    assert 0.2 < there.mean() < 0.4
    np.testing.assert_allclose((rest - there[:, None] * wave).real.std(), 0.01, rtol=0.05)
    np.testing.assert_allclose(made.noise_sd, 0.01 * np.sqrt(POINTS), rtol=1e-5)


def test_the_reference_is_a_transient_without_nuisance_and_with_a_high_peak():
    made = drawn(jax.random.key(1), source(noise_sd=0.03), 64)
    fids = np.array(made.fid)
    spoiled = np.arange(64) % 3 == 0
    fids[spoiled] += 2 * np.exp(-100 * TIME)
    fids[10] *= 1.2  # neither spoiled nor first
    fids[4] = np.nan
    chosen = reference_transient(fids, ACQUISITION, n_tail=40)
    assert not spoiled[chosen]
    assert chosen != 4
    assert reference_transient(jnp.asarray(fids), ACQUISITION, n_tail=40) == chosen


def test_a_network_learns_from_measured_transients_without_truth():
    made = drawn(jax.random.key(0), source(), 512)
    measured = MeasuredSource(made.fid, made.noise_sd)
    loss = OffsetLoss(ProfiledTransient(reference(), ACQUISITION), SPEC)
    shape, outputs = loss.shape(POINTS)
    network = Network(MLP(widths=(64, 32)), shape, outputs, nnx.Rngs(0))
    how = Training(steps=300, batch=32, every=150, validation=64, learning_rate=3e-3)
    trained, history = train(network, loss, measured, how)
    test = drawn(jax.random.key(7), source(), 64)
    found = estimate_offsets(trained, test.fid, loss)
    assert history[-1].numbers["loss"] < history[0].numbers["loss"]
    assert float(jnp.std(found.shift_hz - test.z[:, 0])) < 1.0  # of 4.6 Hz
    assert float(jnp.std(found.phase_rad - test.z[:, 1])) < 0.15  # of 0.58 rad
    numbers = jax.jit(lambda batch: loss(trained, batch, None)[1])(test)
    np.testing.assert_allclose(numbers["shift_sd_hz"], jnp.std(found.shift_hz - test.z[:, 0]), rtol=1e-3)
    np.testing.assert_allclose(jnp.radians(numbers["phase_sd_deg"]), jnp.std(found.phase_rad - test.z[:, 1]), rtol=0.05)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: CreatineLine(ACQUISITION, 4), "at least 16"),
        (lambda: ReferenceTransient(jnp.ones((2, 64), complex), ACQUISITION), "one complex FID"),
        (lambda: ReferenceTransient(jnp.zeros(64, complex), ACQUISITION), "nothing but zeros"),
        (lambda: ProfiledTransient(jnp.full(64, jnp.nan, complex), ACQUISITION), "not finite"),
        (lambda: OffsetLoss(CreatineLine(ACQUISITION, POINTS), SPEC, (3.5, 2.5)), "lower one"),
        (lambda: OffsetLoss(CreatineLine(ACQUISITION, 256), SPEC).shape(POINTS), "256 samples"),
        (lambda: source(noise_sd=-1.0), "negative"),
        (lambda: source(fid=jnp.ones(64)), "one complex FID"),
        (lambda: reference_transient(np.full((3, 64), np.nan + 0j), ACQUISITION, n_tail=16), "0 of 3"),
        (lambda: reference_transient(np.ones((3, 64), complex), ACQUISITION), "n_tail 256"),
    ],
)
def test_what_cannot_be_used_is_refused(build, says):
    with pytest.raises(InputError, match=says):
        build()


def test_estimates_refuse_short_fids_and_negative_steps():
    loss = OffsetLoss(ReferenceTransient(reference(), ACQUISITION), SPEC)
    with pytest.raises(InputError, match="128 samples"):
        estimate_offsets(Says(0.0, 0.0), jnp.ones((2, 64), complex), loss)
    with pytest.raises(InputError, match="negative"):
        estimate_offsets(Says(0.0, 0.0), jnp.ones((2, POINTS), complex), loss, steps=-1)
