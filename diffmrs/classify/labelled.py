"""Spectra with labels and patients: what is learned from, and where its batches come from."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from diffmrs.errors import InputError
from diffmrs.learn.examples import Example
from diffmrs.pytree import container


@dataclass(frozen=True)
class Labelled:
    """Spectra as the classifier sees them, with their labels. NumPy arrays.

    Attributes:
        points: finite. [spectra, points]
        label: 1 for tumour, 0 for none. [spectra]
        patient: number or name of the patient. [spectra]

    Raises:
        InputError: the shapes do not agree, a label is neither 0 nor 1, or a point is not finite.
    """

    points: np.ndarray
    label: np.ndarray
    patient: np.ndarray

    def __post_init__(self) -> None:
        count = self.points.shape[0]
        if self.points.ndim != 2 or self.label.shape != (count,) or self.patient.shape != (count,):
            raise InputError(
                f"points, labels and patients have the shapes {self.points.shape}, {self.label.shape} and "
                f"{self.patient.shape}; they must be [spectra, points], [spectra] and [spectra]"
            )
        if not np.isin(self.label, (0, 1)).all():
            raise InputError("labels must be 0 or 1")
        if not np.isfinite(self.points).all():
            raise InputError("the spectra hold NaN or infinite points")

    @property
    def patients(self) -> np.ndarray:
        """The patients, sorted, each once."""
        return np.unique(self.patient)

    def of(self, patients: np.ndarray) -> "Labelled":
        """The spectra of some patients."""
        return self.rows(np.isin(self.patient, patients))

    def rows(self, chosen: np.ndarray) -> "Labelled":
        """Some of the spectra, by number or as a mask."""
        return Labelled(self.points[chosen], self.label[chosen], self.patient[chosen])

    def with_label(self, label: np.ndarray) -> "Labelled":
        """The same spectra with other labels."""
        return replace(self, label=label)

    def patient_labels(self) -> np.ndarray:
        """The label that most spectra of each patient carry; of a tie 1. In the order of `patients`."""
        return patient_labels(self.label, self.patient)


def patient_labels(label: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """The label that most spectra of each patient carry; of a tie 1. In the order of the sorted patients."""
    return (patient_means(label, patient) >= 0.5).astype(int)


def patient_means(values: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """Mean over the spectra of each patient, in the order of the sorted patients."""
    _, which = np.unique(patient, return_inverse=True)
    return np.bincount(which, weights=values) / np.bincount(which)


@container()
@dataclass(frozen=True)
class LabelledSource:
    """Draws spectra with their labels, with replacement; make it with `labelled_source`.

    An example holds the real points as its `fid` and the label as its `z`, a share for each class.

    Attributes:
        points: the last ones are only there to fill up. [capacity, points]
        target: share of each class. [capacity, 2]
        reached: sum of the probabilities of all spectra up to each; 1 at the end. [capacity]
        salt: makes the same keys draw other spectra.
    """

    points: jax.Array
    target: jax.Array
    reached: jax.Array
    salt: jax.Array

    def draw(self, key: Array) -> Example:
        """One of the spectra."""
        where = jax.random.uniform(jax.random.fold_in(key, self.salt), (), self.reached.dtype)
        row = jnp.minimum(jnp.searchsorted(self.reached, where, side="right"), self.reached.shape[0] - 1)
        points, target = self.points[row], self.target[row]
        return Example(jax.lax.complex(points, jnp.zeros_like(points)), jnp.ones((), points.dtype), None, target)


def labelled_source(
    points: np.ndarray, target: np.ndarray, *, oversample: bool = True, salt: int = 0, capacity: int | None = None
) -> LabelledSource:
    """Spectra to draw from.

    Args:
        points: [spectra, points]
        target: share of each class. [spectra, 2]
        oversample: both classes equally often, whichever has fewer spectra.
        salt: other salt, other order.
        capacity: spectra that compiled code makes room for; the next power of two, at least 256, when absent.

    Raises:
        InputError: there are no spectra, or more than there is room for.
    """
    count = points.shape[0]
    room = max(256, 1 << (count - 1).bit_length()) if capacity is None else capacity
    if not 1 <= count <= room:
        raise InputError(f"there are {count} spectra to draw from; between 1 and {room} are needed")
    weight = np.ones(count)
    if oversample:
        likely = target.argmax(axis=1)
        present = np.bincount(likely, minlength=2)
        weight = 1 / present[likely]
    reached = np.concatenate([np.cumsum(weight) / weight.sum(), np.ones(room - count)])

    def filled(rows: np.ndarray) -> Array:
        return jnp.asarray(np.concatenate([rows, np.zeros((room - count, rows.shape[1]))]), jnp.float32)

    return LabelledSource(
        filled(points), filled(target), jnp.asarray(reached, jnp.float32), jnp.asarray(salt % 2**32, jnp.uint32)
    )


def one_hot(label: np.ndarray) -> np.ndarray:
    """Share of each class, of labels. [spectra, 2]"""
    return np.eye(2)[label.astype(int)]
