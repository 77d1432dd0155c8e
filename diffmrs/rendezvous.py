"""Several processes meet through `jax.distributed`; apart from the rest, as it must come before any use of JAX."""

import jax

from diffmrs.errors import InputError

_JOIN_S = 300


def join(coordinator: str | None = None, count: int | None = None, index: int | None = None) -> tuple[int, int]:
    """Meet the other processes; before JAX has been used.

    Args:
        coordinator: address and port of process 0, such as `"10.0.0.1:9876"`; SLURM, Open MPI and others tell it when
            absent.
        count: processes.
        index: of this process, from 0.

    Returns:
        The number of this process, from 0, and how many there are.

    Raises:
        InputError: there is nothing that tells who takes part, or they did not meet within 5 minutes.
    """
    if count is not None and index is not None and not 0 <= index < count:
        raise InputError(f"--hosts: process {index} of {count}; processes are counted from 0 to {count - 1}")
    # Devices of one process exchange results within it; through the network they would ask for the others later on.
    jax.config.update("jax_cpu_collectives_implementation", None)
    try:
        jax.distributed.initialize(coordinator, count, index, initialization_timeout=_JOIN_S)
        found = jax.process_index(), jax.process_count()
        jax.local_devices()
    except (RuntimeError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise InputError(f"--hosts: the processes did not meet ({told})") from None
    # Nobody needs the others any more; connected, the death of one would end all.
    jax.distributed.shutdown()
    return found
