"""Folds of patients: all spectra of a patient are on one side."""

import numpy as np

from diffmrs.classify.labelled import Labelled
from diffmrs.errors import InputError


def patient_folds(spectra: Labelled, folds: int, *, seed: int = 0) -> list[np.ndarray]:
    """Patients in folds of about equal size, with about as many of either kind in each.

    Args:
        spectra: tell the patients; a patient is of the kind that most of its labels say.
        folds: how many; fewer where there are not so many patients of the rarer kind, but at least two.
        seed: of the order.

    Returns:
        The patients of each fold.

    Raises:
        InputError: there are fewer than two patients of either kind.
    """
    patients, kinds = spectra.patients, spectra.patient_labels()
    rarest = int(min(np.sum(kinds == 0), np.sum(kinds == 1)))
    if folds < 2:
        raise InputError(f"{folds} folds are asked for; at least 2 are needed")
    check_kinds(spectra, 2, "to be parted")
    rng = np.random.default_rng([seed, 88])
    number = min(folds, rarest)
    fold = np.empty(patients.size, int)
    start = 0
    for kind in (0, 1):
        members = rng.permutation(np.flatnonzero(kinds == kind))
        fold[members] = (start + np.arange(members.size)) % number
        start += members.size
    return [patients[fold == k] for k in range(number)]


def check_kinds(spectra: Labelled, least: int, purpose: str) -> None:
    """Look whether there are enough patients.

    Raises:
        InputError: fewer than `least` patients with mostly tumour spectra, or without.
    """
    kinds = spectra.patient_labels()
    ill = int(np.sum(kinds == 1))
    if min(ill, kinds.size - ill) < least:
        raise InputError(
            f"there are {ill} patients with mostly tumour spectra and {kinds.size - ill} without; at least {least} of "
            f"each are needed {purpose}"
        )
