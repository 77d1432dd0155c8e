"""Laws of registration by two supervised networks: what each sees, and that the second sees what the first left."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from diffmrs.axes import Acquisition
from diffmrs.errors import InputError
from diffmrs.learn import MLP, Example, OffsetRegression, estimate_in_turn
from diffmrs.learn.network import Network
from diffmrs.preprocess import Offsets, take_off

ACQUISITION = Acquisition(1e-3, 127.7, ppm_reference=4.7)
POINTS = 64
TIME = ACQUISITION.time_s(POINTS)
CLEAN = np.exp((2j * np.pi * 60.0 - 25.0) * TIME) + 0.5 * np.exp((-2j * np.pi * 110.0 - 25.0) * TIME)
SHIFT, PHASE = (OffsetRegression(what, ACQUISITION, POINTS) for what in ("shift", "phase"))


def moved(shift_hz: float, phase_rad: float, amplitude: float = 1.0) -> jax.Array:
    return jnp.asarray(amplitude * CLEAN * np.exp(2j * np.pi * shift_hz * TIME + 1j * phase_rad), complex)


class Says(nnx.Module):
    """A network that has learned one answer by heart."""

    def __init__(self, output: float):
        self.output = nnx.Param(jnp.asarray(output, float))

    def __call__(self, signal: jax.Array, *, rngs: nnx.Rngs | None = None) -> jax.Array:
        """The answer, for every input."""
        return jnp.broadcast_to(self.output[...][None, None], (signal.shape[0], 1)).astype(signal.dtype)


class Reads(nnx.Module):
    """A network that tells what it sees at one point."""

    def __init__(self, point: int):
        self.point = point

    def __call__(self, signal: jax.Array, *, rngs: nnx.Rngs | None = None) -> jax.Array:
        """The value there."""
        return signal[:, self.point]


def spectrum(fid: np.ndarray) -> np.ndarray:
    """The middle half of the spectrum, in NumPy; the first sample counts half."""
    fid = np.array(fid, complex)
    fid[0] /= 2
    return np.fft.fftshift(np.fft.fft(fid))[POINTS // 4 : 3 * POINTS // 4]


def test_the_first_sees_the_magnitude_and_the_second_the_real_part_of_the_middle():
    fid = moved(3.0, 0.7, 5.0)
    expected = spectrum(np.asarray(fid))
    largest = np.abs(expected).max()
    np.testing.assert_allclose(SHIFT.see(fid)[:, 0], np.abs(expected) / largest, atol=1e-5)
    np.testing.assert_allclose(PHASE.see(fid)[:, 0], expected.real / largest, atol=1e-5)
    assert SHIFT.shape(POINTS) == ((POINTS // 2, 1), 1)


def test_phase_does_not_change_what_the_first_sees_and_half_a_turn_negates_what_the_second_sees():
    np.testing.assert_allclose(SHIFT.see(moved(3.0, 0.7)), SHIFT.see(moved(3.0, -1.9)), atol=1e-6)
    np.testing.assert_allclose(PHASE.see(moved(3.0, 0.7)), -PHASE.see(moved(3.0, 0.7 + np.pi)), atol=1e-6)


def test_the_loss_is_the_mean_absolute_error_and_the_phase_is_that_without_the_true_shift():
    truth = np.array([[4.0, 0.5], [-9.0, -1.0]])
    batch = Example(jnp.stack([moved(*row) for row in truth]), jnp.ones(2), z=jnp.asarray(truth, float))
    value, _ = SHIFT(Says(0.25), batch, None)  # 5 Hz
    np.testing.assert_allclose(value, (1 + 14) / 2 / 20, rtol=1e-5)
    still = [np.asarray(PHASE.see(moved(0.0, phase)))[7, 0] * np.pi / 2 for _, phase in truth]
    value, _ = PHASE(Reads(7), batch, None)
    np.testing.assert_allclose(value, np.mean(np.abs(still - truth[:, 1])) / (np.pi / 2), rtol=1e-4)


def test_what_is_estimated_is_what_take_off_removes():
    fids = jnp.stack([moved(5.0, 0.8, size) for size in (1.0, 3.0)])
    found = estimate_in_turn(Says(0.25), Says(1.6 / np.pi), fids, SHIFT, PHASE)
    its = Offsets(*(leaf[0] for leaf in found))
    np.testing.assert_allclose(take_off(fids[0], ACQUISITION, its), CLEAN, atol=1e-4)
    np.testing.assert_allclose(found.amplitude, [0.5, 1.5], rtol=1e-4)
    np.testing.assert_allclose(found.likeness, 1, atol=1e-5)


def test_the_second_network_sees_what_the_first_left():
    fid = moved(5.0, 0.8)
    found = estimate_in_turn(Says(0.25), Reads(7), fid[None], SHIFT, PHASE)
    np.testing.assert_allclose(found.phase_rad[0], PHASE.see(moved(0.0, 0.8))[7, 0] * np.pi / 2, atol=1e-4)


def test_an_answer_that_is_wrong_is_unlike_the_others_and_a_broken_transient_leaves_them_alone():
    fids = jnp.stack([*[moved(5.0, 0.8)] * 6, moved(45.0, -2.0), moved(5.0, jnp.nan), jnp.zeros(POINTS, complex)])
    found = estimate_in_turn(Says(0.25), Says(1.6 / np.pi), fids, SHIFT, PHASE)
    assert found.converged.tolist() == [True] * 7 + [False] * 2
    assert float(jnp.min(found.likeness[:6])) > 0.9 > 0.6 > float(found.likeness[6])
    np.testing.assert_allclose(found.shift_hz[:6], 5.0, rtol=1e-5)


def test_a_network_learns_the_shift():
    rng = np.random.default_rng(1)
    truth = rng.uniform([-20, -1.5], [20, 1.5], (64, 2))
    noise = 0.02 * rng.normal(size=(64, POINTS, 2)) @ np.array([1, 1j])
    batch = Example(jnp.stack([moved(*row) for row in truth]) + noise, jnp.ones(64), z=jnp.asarray(truth, float))
    graph, params, rest = nnx.split(Network(MLP((16,), "relu"), *SHIFT.shape(POINTS), nnx.Rngs(0)), nnx.Param, ...)
    adam = optax.adam(1e-2)

    @jax.jit
    def losses(params, batch):
        def step(state, _):
            value, slope = jax.value_and_grad(lambda p: SHIFT(nnx.merge(graph, p, rest), batch, None)[0])(state[0])
            change, memory = adam.update(slope, state[1])
            return (optax.apply_updates(state[0], change), memory), value

        return jax.lax.scan(step, (params, adam.init(params)), length=100)[1]

    found = losses(params, batch)
    assert found[-1] < 0.25 * found[0]


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: OffsetRegression("amplitude", ACQUISITION, POINTS), "shift, phase"),
        (lambda: OffsetRegression("shift", ACQUISITION, POINTS, share=0.1), "at least 16"),
        (lambda: OffsetRegression("shift", ACQUISITION, POINTS, share=1.5), "at most all"),
        (lambda: SHIFT.shape(POINTS - 1), "64 samples"),
        (lambda: SHIFT(Says(0.0), Example(jnp.ones((1, POINTS), complex), jnp.ones(1)), None), "true shift"),
        (lambda: estimate_in_turn(Says(0.0), Says(0.0), moved(0.0, 0.0)[None], PHASE, PHASE), "loss of the shift"),
        (lambda: estimate_in_turn(Says(0.0), Says(0.0), moved(0.0, 0.0)[None, :-1], SHIFT, PHASE), "64 samples"),
    ],
)
def test_what_cannot_be_used_is_refused(build, says):
    with pytest.raises(InputError, match=says):
        build()
