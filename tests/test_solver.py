import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from diffmrs.fitting.solver import LevenbergMarquardt, Status, box_minimiser

INF = np.inf


def solve(residual, start, lower=-INF, upper=INF, **options):
    start = jnp.asarray(start)
    lower, upper = jnp.broadcast_to(lower, start.shape), jnp.broadcast_to(upper, start.shape)
    return LevenbergMarquardt(**options)(
        residual, lambda x: (residual(x), jax.jacfwd(residual)(x)), start, lower, upper
    )


def rosenbrock(x):
    return jnp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


TIME = np.linspace(0, 2, 40)


def decay(x):
    data = 3 * np.exp(-1.7 * TIME) + 0.5 + 0.01 * np.sin(40 * TIME)
    return x[0] * jnp.exp(-x[1] * TIME) + x[2] - data


def powell(x):
    return jnp.stack([x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, 10**0.5 * (x[0] - x[3]) ** 2])


@pytest.mark.parametrize(
    ("residual", "start"),
    [(rosenbrock, [-1.2, 1.0]), (decay, [1.0, 1.0, 0.0]), (powell, [3.0, -1.0, 0.0, 1.0])],
)
def test_optimistix_finds_the_same_minimum(x64, residual, start):
    ours = solve(residual, np.array(start), tolerance=1e-8, max_steps=200)
    theirs = optimistix.least_squares(
        lambda x, _: residual(x), optimistix.LevenbergMarquardt(1e-12, 1e-12), jnp.asarray(start), max_steps=2000
    )
    reference = 0.5 * np.sum(np.asarray(residual(theirs.value)) ** 2)
    assert float(ours.cost) <= reference * (1 + 1e-6) + 1e-12
    if residual is not powell:  # its minimum is flat to fourth order: any method creeps
        assert ours.status == Status.CONVERGED
        np.testing.assert_allclose(ours.x, theirs.value, rtol=1e-6)


def overshooting(x):
    # Gauss-Newton alone creeps here: its steps go too far to either side in turn (Dennis & Schnabel 1996, ch. 10).
    return jnp.stack([x[0] + 1, 0.8 * x[0] ** 2 + x[0] - 1.3 + 2.0, 0.3 * (x[1] - x[0])])


def test_curvature_that_gauss_and_newton_leave_out_is_learnt(x64):
    def newton(x):
        jacobian = jax.jacfwd(overshooting)(x)
        return x - jnp.linalg.solve(jacobian.T @ jacobian, jacobian.T @ overshooting(x))

    x = jnp.asarray([1.0, 1.0])
    for _ in range(20):
        x = newton(x)
    ours = solve(overshooting, np.array([1.0, 1.0]), tolerance=1e-8)
    gradient = jax.grad(lambda x: 0.5 * jnp.sum(overshooting(x) ** 2))
    assert ours.status == Status.CONVERGED and int(ours.steps) <= 20
    assert float(jnp.abs(gradient(ours.x)).max()) < 1e-5 < float(jnp.abs(gradient(x)).max())


@pytest.mark.parametrize("upper", [0.5, 1.2, 3.0])
def test_scipy_finds_the_same_minimum_inside_bounds(x64, upper):
    start, lower = np.array([0.2, 0.3, 0.1]), np.array([0.0, 0.0, 0.0])
    high = np.array([upper, INF, 0.4])
    ours = solve(decay, start, lower, high, tolerance=1e-7, max_steps=200)
    theirs = scipy.optimize.least_squares(
        lambda x: np.asarray(decay(x)), start, bounds=(lower, high), xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    assert ours.status == Status.CONVERGED
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-5, atol=1e-7)
    assert (np.asarray(ours.x) >= lower).all() and (np.asarray(ours.x) <= high).all()


@given(seed=st.integers(0, 10**6), n=st.integers(1, 12), tightness=st.floats(0.01, 3.0))
@settings(deadline=None, max_examples=40)
def test_the_box_minimiser_satisfies_the_conditions_of_an_optimum(seed, n, tightness):
    draw = np.random.default_rng(seed)
    factor = draw.normal(size=(2 * n, n))
    matrix = factor.T @ factor + 1e-3 * np.eye(n)
    scale = 1 / np.sqrt(np.diag(matrix))
    matrix = matrix * scale * scale[:, None]
    slope, low, high = draw.normal(size=n), -tightness * draw.uniform(size=n), tightness * draw.uniform(size=n)
    with jax.enable_x64(True):
        x = np.asarray(_minimise(*(jnp.asarray(_pad(a, n)) for a in (matrix, slope, low, high))))[:n]
    pull = slope + matrix @ x
    assert (x >= low - 1e-12).all() and (x <= high + 1e-12).all()
    projected = x - np.clip(x - pull, low, high)
    assert np.abs(projected).max() <= 2e-4 * max(np.abs(slope).max(), 1)


def _pad(array, n, size=12):
    if array.ndim == 2:
        padded = np.eye(size)
        padded[:n, :n] = array
        return padded
    return np.pad(array, (0, size - n))


_minimise = jax.jit(box_minimiser)


def test_a_linear_problem_takes_two_steps(x64):
    draw = np.random.default_rng(1)
    matrix, target = jnp.asarray(draw.normal(size=(30, 5))), jnp.asarray(draw.normal(size=30))
    solution = solve(lambda x: matrix @ x - target, np.zeros(5), initial_damping=1e-9)
    np.testing.assert_allclose(solution.x, np.linalg.lstsq(matrix, target, rcond=None)[0], rtol=1e-6)
    assert int(solution.steps) <= 2


def test_noise_free_data_end_the_iteration_too():
    time = jnp.asarray(TIME, jnp.float32)
    target = 3 * jnp.exp(-1.7 * time)
    solution = solve(lambda x: x[0] * jnp.exp(-x[1] * time) - target, np.array([1.0, 1.0], np.float32))
    assert solution.status == Status.CONVERGED
    np.testing.assert_allclose(solution.x, [3.0, 1.7], rtol=1e-3)


def test_a_start_that_is_not_finite_is_reported_not_raised():
    solution = solve(lambda x: x * jnp.nan, np.ones(2))
    assert solution.status == Status.INVALID and int(solution.steps) == 0


def test_the_step_limit_is_reported():
    assert solve(rosenbrock, np.array([-1.2, 1.0]), max_steps=2).status == Status.STEP_LIMIT


def test_every_status_explains_itself():
    assert all(len(status.explanation) > 5 for status in Status)


def test_under_vmap_each_problem_ends_where_it_ends_alone(x64):
    starts = jnp.asarray([[-1.2, 1.0], [2.0, 2.0], [0.9, 0.8]])
    together = jax.vmap(lambda s: solve(rosenbrock, s))(starts)
    alone = [solve(rosenbrock, s) for s in starts]
    np.testing.assert_allclose(together.x, [a.x for a in alone], rtol=1e-8)
    np.testing.assert_array_equal(together.steps, [a.steps for a in alone])
