"""Which part of the spectrum an answer hangs on: exchange it between spectra, and see what is lost."""

from collections.abc import Callable

import numpy as np

from diffmrs.classify.metrics import weighted_auc
from diffmrs.errors import InputError


def window_importance(
    probability: Callable[[np.ndarray], np.ndarray],
    points: np.ndarray,
    label: np.ndarray,
    ppm: np.ndarray,
    *,
    width_ppm: float = 0.2,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """How much of the area under the ROC curve is lost when a window is exchanged between spectra at random.

    Permutation importance (Breiman 2001), of windows instead of variables. Unlike a class activation map it is as sharp
    as the window, and it is about the answer; what two windows both tell is missed in neither.

    Args:
        probability: of tumour, for points, such as `Classifier.probability`.
        points: spectra that were not trained on. [spectra, points]
        label: what is held to be true. [spectra]
        ppm: of the points, falling. [points]
        width_ppm: of the windows, side by side from the lowest shift on, ppm.
        seed: of the exchange, the same for all windows.

    Returns:
        Middle of each window, ppm, and the loss of area. [windows]

    Raises:
        InputError: the width is not positive.
    """
    if not (np.isfinite(width_ppm) and width_ppm > 0):
        raise InputError(f"the width of windows is {width_ppm:g} ppm; it must be above 0")
    whole = weighted_auc(label, probability(points))
    order = np.random.default_rng(seed).permutation(label.size)
    number = np.floor((ppm - ppm.min()) / width_ppm).astype(int)
    middles, losses = [], []
    for window in np.unique(number):
        inside = number == window
        exchanged = points.copy()
        exchanged[:, inside] = points[order][:, inside]
        middles.append(float(ppm[inside].mean()))
        losses.append(whole - weighted_auc(label, probability(exchanged)))
    return np.array(middles), np.array(losses)
