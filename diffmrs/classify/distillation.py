"""Data distillation (Lu et al. 2021): keep the training spectra that a first network is sure of."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flax import nnx

from diffmrs.classify.labelled import Labelled, LabelledSource, labelled_source, one_hot
from diffmrs.classify.predict import tumour_probability
from diffmrs.errors import InputError
from diffmrs.learn.training import Training, train

LABELS = ("given", "predicted")


@dataclass(frozen=True)
class Distillation:
    """Which spectra are kept.

    A network is trained for a few epochs; after each, spectra of which it gives some class at least `theta` are
    collected. The union of the collections is what the classifier proper, a new network, is trained on. As published
    the network need not agree with the label; nothing then takes wrong labels out but the chance that the network is
    less sure of such spectra.

    Attributes:
        theta: least probability of the likelier class.
        epochs: how many, after each of which spectra are collected.
        agree: keep only spectra whose label the network predicts.
        label: the label a kept spectrum has, `"given"` or `"predicted"` (by the surest network); the paper leaves it
            open. With `agree` they are the same.
        least: share of the spectra of each label that are kept at least, the surest ones: a network that is sure of
            nothing after five epochs would leave nothing to train on.
    """

    theta: float = 0.99
    epochs: int = 5
    agree: bool = False
    label: str = "given"
    least: float = 0.25

    def __post_init__(self) -> None:
        if not 0.5 <= self.theta < 1:
            raise InputError(f"theta of distillation is {self.theta:g}; it must be at least 0.5 and below 1")
        if not 1 <= self.epochs <= 1000:
            raise InputError(f"epochs of distillation is {self.epochs}; it must be from 1 to 1000")
        if self.label not in LABELS:
            raise InputError(f"label of distillation is {self.label!r}; it must be one of {', '.join(LABELS)}")
        if not 0 < self.least <= 1:
            raise InputError(f"least of distillation is {self.least:g}; it must be a share above 0")


def first_opinions(
    spectra: Labelled,
    epochs: int,
    network: Any,
    training: Training,
    loss: Any,
    validation: LabelledSource,
    *,
    seed: int,
    capacity: int | None = None,
) -> np.ndarray:
    """What a first network says of the spectra that it is trained on, after each epoch.

    Args:
        spectra: training spectra, none of the patients that are held out.
        epochs: how many; each begins with a fresh optimiser.
        network: specification of the network.
        training: its batch and learning rate count.
        loss: what is minimised.
        validation: spectra whose loss is shown.
        seed: of the network and its batches.
        capacity: see `labelled_source`.

    Returns:
        Probability of tumour. [epochs, spectra]
    """
    count = spectra.points.shape[0]
    steps = -(-count // training.batch)
    epoch = replace(training, steps=steps, every=steps, patience=0, schedule="constant", validation=training.batch)
    rng = np.random.default_rng([seed, 88])
    first = network.build(spectra.points.shape[1], nnx.Rngs(int(rng.integers(2**31))))
    probabilities = []
    for _ in range(epochs):
        salt = int(rng.integers(2**31))
        source = labelled_source(spectra.points, one_hot(spectra.label), salt=salt, capacity=capacity)
        first, _ = train(first, loss, source, epoch, validation=validation)
        probabilities.append(tumour_probability(first, spectra.points))
    return np.stack(probabilities)


def sure_of(probability: np.ndarray, label: np.ndarray, distillation: Distillation) -> tuple[np.ndarray, np.ndarray]:
    """The spectra to keep, from what a network said of them.

    Args:
        probability: of tumour, after each epoch. [epochs, spectra]
        label: as given. [spectra]
        distillation: what is kept.

    Returns:
        Numbers of the spectra that are kept, rising, and their labels.
    """
    sure = np.maximum(probability, 1 - probability)
    if distillation.agree:
        sure = np.where((probability >= 0.5) == (label == 1), sure, 0.0)
    best = sure.max(axis=0)
    chosen = best >= distillation.theta
    for of_class in (0, 1):
        members = np.flatnonzero(label == of_class)
        wanted = int(np.ceil(distillation.least * members.size))
        if chosen[members].sum() < wanted:
            surest = members[np.argsort(-best[members], kind="stable")][:wanted]
            chosen[surest[best[surest] > 0]] = True
    kept = np.flatnonzero(chosen)
    if distillation.label == "given" or distillation.agree:
        return kept, label[kept]
    last = np.take_along_axis(probability, sure.argmax(axis=0)[None], axis=0)[0]
    return kept, (last[kept] >= 0.5).astype(label.dtype)
