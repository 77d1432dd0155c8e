"""One function, many voxels: the only place that knows about batches, devices and padding."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

_ACCELERATOR_CHUNK = 1024  # voxels side by side; bounds the memory of an accelerator
_AXIS = "voxels"


def local_mesh() -> Mesh | None:
    """All devices of this host in a row, or None when there is only one."""
    devices = jax.local_devices()
    return Mesh(np.array(devices), (_AXIS,)) if len(devices) > 1 else None


def over_voxels(
    one: Callable[..., Any], stacks: Any, shared: Any = (), *, mesh: Mesh | None = None, chunk: int | None = None
) -> Any:
    """Apply `one(voxel, shared)` to every voxel.

    A CPU runs its voxels one after another: each stops at its own last step and uses the fast matrix kernels. An
    accelerator runs chunks of them side by side. With a mesh, each device takes an equal share and never waits for
    the others.

    Args:
        one: function of one voxel's tree and the shared tree.
        stacks: tree whose leaves have the voxels along the first axis.
        shared: tree that every voxel sees whole.
        mesh: devices to spread the voxels over; None uses the default device.
        chunk: voxels side by side; None lets the platform decide.

    Returns:
        The results, stacked along the first axis.
    """
    platform = jax.default_backend() if mesh is None else mesh.devices.flat[0].platform
    batch = (1 if platform == "cpu" else _ACCELERATOR_CHUNK) if chunk is None else chunk

    def share_of_a_device(stacks: Any, shared: Any) -> Any:
        def step(voxel: Any) -> Any:
            return one(voxel, shared)

        return jax.lax.map(step, stacks, batch_size=None if batch == 1 else batch)

    count = jax.tree.leaves(stacks)[0].shape[0]
    if mesh is None or count < 2:
        return share_of_a_device(stacks, shared)
    missing = -count % mesh.size
    # Padding repeats the last voxel, so that it converges like the others.
    padded = jax.tree.map(lambda leaf: jnp.concatenate([leaf, jnp.repeat(leaf[-1:], missing, axis=0)]), stacks)
    everywhere, spread = PartitionSpec(), PartitionSpec(mesh.axis_names[0])
    run = jax.shard_map(share_of_a_device, mesh=mesh, in_specs=(spread, everywhere), out_specs=spread, check_vma=False)
    return jax.tree.map(lambda leaf: leaf[:count], run(padded, shared))
