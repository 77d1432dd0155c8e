"""Classify spectra: a residual network, what is said to help it against wrong labels, and an honest protocol.

Needs `pip install 'diffmrs[classify]'`.
"""

from diffmrs.errors import InputError

try:
    from diffmrs.classify.baselines import BASELINES, baseline_probability
    from diffmrs.classify.classifier import Classifier, ClassifierOptions, train_classifier
    from diffmrs.classify.cross_validation import CrossValidated, cross_validate
    from diffmrs.classify.distillation import Distillation, sure_of
    from diffmrs.classify.folds import patient_folds
    from diffmrs.classify.importance import window_importance
    from diffmrs.classify.labelled import Labelled, patient_labels, patient_means
    from diffmrs.classify.loss import ClassLoss
    from diffmrs.classify.metrics import MEASURES, compared, measures, weighted_auc
    from diffmrs.classify.mixing import Mixing, mixed
    from diffmrs.classify.points import PpmPoints, points_of
    from diffmrs.classify.rescnn import REDUCED, ResCNN
    from diffmrs.classify.table import Row, Table, read_rows, read_table
    from diffmrs.classify.views import plot_activation, plot_clusters, plot_roc, roc_curve
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("flax", "optax", "safetensors"):
        raise
    raise InputError(f"classifiers need {error.name}, which is missing: pip install 'diffmrs[classify]'") from None

__all__ = [
    "BASELINES",
    "MEASURES",
    "REDUCED",
    "ClassLoss",
    "Classifier",
    "ClassifierOptions",
    "CrossValidated",
    "Distillation",
    "Labelled",
    "Mixing",
    "PpmPoints",
    "ResCNN",
    "Row",
    "Table",
    "baseline_probability",
    "compared",
    "cross_validate",
    "measures",
    "mixed",
    "patient_folds",
    "patient_labels",
    "patient_means",
    "plot_activation",
    "plot_clusters",
    "plot_roc",
    "points_of",
    "read_rows",
    "read_table",
    "roc_curve",
    "sure_of",
    "train_classifier",
    "weighted_auc",
    "window_importance",
]
