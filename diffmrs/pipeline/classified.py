"""`diffmrs classify`: cross-validate on a table of spectra, and write probabilities, metrics and figures."""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from diffmrs.classify import (
    MEASURES,
    ClassifierOptions,
    CrossValidated,
    PpmPoints,
    Table,
    compared,
    cross_validate,
    patient_labels,
    patient_means,
    plot_activation,
    plot_clusters,
    plot_roc,
    read_table,
)
from diffmrs.classify.baselines import check_sklearn

_CLUSTERS = 7


@dataclass(frozen=True)
class ClassifyOptions:
    """What `diffmrs classify` can be told.

    Attributes:
        table: CSV file of spectra, patients and labels.
        out: folder to write into.
        classifier: how each network is trained.
        spec: what the network sees.
        folds: of the cross-validation.
        seeds: how many runs, from seed 0.
        baselines: classifiers to run beside the network.
    """

    table: Path
    out: Path
    classifier: ClassifierOptions = field(default_factory=ClassifierOptions)
    spec: PpmPoints = PpmPoints()
    folds: int = 10
    seeds: int = 1
    baselines: tuple[str, ...] = ("svm", "forest")


@dataclass(frozen=True)
class Classified:
    """What came of it.

    Attributes:
        table: as read.
        result: of the cross-validation.
        metrics: against the labels as given, and against the true ones where the table has them; see `compared`.
    """

    table: Table
    result: CrossValidated
    metrics: dict[str, Any]


def classify_table(options: ClassifyOptions, on_fold: Callable[[int, int], None] | None = None) -> Classified:
    """Cross-validate on a table.

    Raises:
        InputError: the table or a spectrum cannot be used, or there are too few patients.
    """
    check_sklearn()
    table = read_table(options.table, options.spec)
    result = cross_validate(
        table.spectra,
        options.classifier,
        folds=options.folds,
        seeds=range(options.seeds),
        baselines=options.baselines,
        on_fold=on_fold,
    )
    truths = {"labels as given": table.spectra.label}
    if table.true_label is not None:
        truths["true labels"] = table.true_label
    patient = table.spectra.patient
    metrics = {name: compared(truth, result.probability, patient, against="network") for name, truth in truths.items()}
    return Classified(table, result, metrics)


def write_classified(folder: Path, found: Classified, options: ClassifyOptions) -> list[str]:
    """Write tables, metrics and figures.

    Returns:
        Names of the files.
    """
    table, probability = found.table, found.result.probability
    mean = {name: runs.mean(axis=0) for name, runs in probability.items()}
    _write_voxels(folder / "voxels.csv", found, mean)
    _write_patients(folder / "patients.csv", found, mean)
    facts = {
        "table": str(options.table),
        "spectra": int(table.spectra.label.size),
        "patients": int(table.spectra.patients.size),
        "folds": options.folds,
        "seeds": options.seeds,
        "share_of_training_spectra_kept": found.result.kept,
        "classifier": asdict(options.classifier),
        "metrics": found.metrics,
    }
    (folder / "metrics.json").write_text(json.dumps(_plain(facts), indent=1) + "\n", encoding="utf-8")
    points, label = table.spectra.points, table.spectra.label
    figure = Figure(figsize=(4.2, 4.2), layout="constrained")
    plot_roc(label, mean, ax=figure.subplots())
    figure.savefig(folder / "roc.png", dpi=150)
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    plot_activation(options.spec.ppm, points, found.result.activation, label, ax=figure.subplots())
    figure.savefig(folder / "activation.png", dpi=150)
    clusters = min(_CLUSTERS, max(label.size // 4, 2))
    plot_clusters(options.spec.ppm, points, label, clusters=clusters).savefig(folder / "clusters.png", dpi=150)
    return ["voxels.csv", "patients.csv", "metrics.json", "roc.png", "activation.png", "clusters.png"]


def metrics_lines(found: Classified) -> list[str]:
    """The metrics as lines of text."""
    lines = []
    for truth, by_classifier in found.metrics.items():
        lines.append(f"against {truth} (95 % over patients):")
        for name, scores in by_classifier.items():
            told = (f"{m.replace('_', ' ')} {scores[m]['mean']:.2f}" for m in MEASURES)
            auc = scores["auc"]
            lines.append(f"  {name}: {', '.join(told)}; auc {auc['low']:.2f} to {auc['high']:.2f}")
    return lines


def _write_voxels(path: Path, found: Classified, mean: dict[str, np.ndarray]) -> None:
    names = [f"probability_{name}" for name in mean]
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["line", "file", "x", "y", "z", "spectrum", "patient", "label", "true_label", *names])
        for number, row in enumerate(found.table.rows):
            voxel = ("" if at is None else at for at in row.voxel)
            true = "" if row.true_label is None else row.true_label
            told = (f"{values[number]:.6g}" for values in mean.values())
            table.writerow([row.line, row.file.name, *voxel, row.patient, row.label, true, *told])


def _write_patients(path: Path, found: Classified, mean: dict[str, np.ndarray]) -> None:
    spectra = found.table.spectra
    labels = patient_labels(spectra.label, spectra.patient)
    means = [patient_means(values, spectra.patient) for values in mean.values()]
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["patient", "spectra", "label", *(f"probability_{name}" for name in mean)])
        for number, patient in enumerate(spectra.patients):
            told = (f"{values[number]:.6g}" for values in means)
            table.writerow([patient, int(np.sum(spectra.patient == patient)), labels[number], *told])


def _plain(tree: Any) -> Any:
    """A tree that JSON can hold; numbers that are not finite become null."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_plain(value) for value in tree]
    if isinstance(tree, float | np.floating):
        return float(f"{tree:.6g}") if np.isfinite(tree) else None
    return tree
