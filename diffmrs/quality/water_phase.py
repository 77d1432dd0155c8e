"""What a water scan tells of eddy currents before they are corrected."""

import numpy as np
from jaxtyping import Complex

from diffmrs.axes import Acquisition

SOME_BEND_DEG = 0.5  # a single line gives 0 to 0.1; one with eddy currents that bias Glx by a seventh 0.7 to 1.3
_LEFT = 0.2  # of the signal: beyond, noise and the shape of the line decide the phase


def phase_bend_deg(water: Complex[np.ndarray, " points"], acquisition: Acquisition) -> float:
    """How far the phase of a water FID bends away from a straight line, degrees, root mean square weighted by signal.

    A single resonance turns at one speed, so that its phase is a straight line in time; eddy currents bend it (Klose
    1990, Magn Reson Med 14:26). Looked at from the second sample to where a fifth of the signal is left; the first may
    be halved or filtered.

    Returns:
        The bend; NaN where the FID is not finite, zero, or gone within eight samples.
    """
    magnitude = np.abs(water[1:])
    if not np.isfinite(magnitude).all() or not magnitude.any():
        return float("nan")
    low = np.flatnonzero(magnitude < _LEFT * magnitude[:5].max())
    stop = int(low[0]) if low.size else magnitude.size
    if stop < 8:
        return float("nan")
    time, weight = acquisition.time_s(stop), magnitude[:stop]
    phase = np.unwrap(np.angle(water[1 : stop + 1]))
    straight = np.polynomial.Polynomial.fit(time, phase, 1, w=weight)
    return float(np.degrees(np.sqrt(np.average((phase - straight(time)) ** 2, weights=weight**2))))
