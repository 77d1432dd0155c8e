"""Does distillation or mixing help against wrong labels? The system of Lu et al. 2021 on a cohort with known truth.

Networks are trained on a simulated cohort of which 10, 20 or 30 % of the labels are wrong, and judged on patients they
have never seen, against the labels as given there and against the truth. Each seed draws its own training cohort,
wrong labels, split and weights. Beside the networks: support vectors, a random forest, a network that was given the
true labels, and what the true concentrations themselves tell.

Reduced size (default): 60 patients of 16 spectra to train on, 200 to judge, a network of 1/4 of the channels, taps
of length 8 and dropout 0.2, 200 steps at 3e-3. `--full`: 435 patients, the published network, 6300 steps; for an
accelerator.

Usage: python benchmarks/tumour_cohort.py [--seeds 5] [--full] [--checkpoints DIR] [--only-table]
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from common import HERE, write_json

from diffmrs.classify import (
    REDUCED,
    ClassifierOptions,
    ClassLoss,
    Distillation,
    Labelled,
    Mixing,
    PpmPoints,
    baseline_probability,
    compared,
    points_of,
    train_classifier,
    weighted_auc,
    window_importance,
)
from diffmrs.classify.classifier import PUBLISHED_TRAINING
from diffmrs.io import read_basis
from diffmrs.learn.training import Training
from diffmrs.simulate import Cohort, draw_composition, simulate_cohort, with_lipids

NOISE = (0.1, 0.2, 0.3)
SURE, AGREED, MIX = Distillation(), Distillation(agree=True), Mixing()
VARIANTS = {
    "plain": {},
    "mixed": {"mixing": MIX},
    "distilled": {"distillation": SURE},
    "distilled, agreed": {"distillation": AGREED},
    "both (published)": {"distillation": SURE, "mixing": MIX},
    "both, agreed, alpha 0.3": {"distillation": AGREED, "mixing": replace(MIX, alpha=0.3)},
    "label smoothing": {"loss": ClassLoss(smoothing=0.1)},
    "robust loss": {"loss": ClassLoss(q=0.7)},
}
LINES = {"lipids 0.9": 0.9, "Lac, lipids 1.3": 1.3, "NAA 2.0": 2.01, "Cr 3.0": 3.03, "Cho 3.2": 3.21, "none 4.2": 4.2}
TEST_KEY = 1_000_003


def main() -> None:
    options = _arguments()
    basis = with_lipids(read_basis(options.data / "12_basis_sets" / "challenge2016_press3T_30ms.BASIS.gz"))
    if options.full:
        train_cohort, test_cohort = Cohort(patients=435, voxels=17), Cohort(patients=435, voxels=17, wrong=0.2)
        base = ClassifierOptions(capacity=65536, training=PUBLISHED_TRAINING)
    else:
        train_cohort, test_cohort = Cohort(patients=60, voxels=16), Cohort(patients=200, voxels=16, wrong=0.2)
        training = Training(steps=200, batch=32, learning_rate=3e-3, schedule="cosine", every=50, validation=256)
        base = ClassifierOptions(REDUCED, training, capacity=8192)
    folder = options.checkpoints
    folder.mkdir(parents=True, exist_ok=True)
    test_file = folder / "test.npz"
    if not test_file.exists():
        made = simulate_cohort(jax.random.key(TEST_KEY), basis, test_cohort)
        np.savez(test_file, **_arrays(made))
    test = dict(np.load(test_file))
    for seed in range(options.seeds):
        for wrong in NOISE:
            file = folder / f"{round(100 * wrong)}_{seed}.npz"
            if not file.exists() and not options.only_table:
                began = time.time()
                made = _arrays(simulate_cohort(jax.random.key(seed), basis, replace(train_cohort, wrong=wrong)))
                found = _run(made, test, base, seed, clean=wrong == NOISE[0])
                np.savez(file, **found)
                print(f"{file.name}: {time.time() - began:.0f} s", flush=True)
    lean = basis.select([name for name in basis.names if name != "Lac" and not name.startswith("Lip")])
    for seed in range(options.seeds):
        file = folder / f"lean_{seed}.npz"
        if not file.exists() and not options.only_table:
            np.savez(file, **_lean(lean, train_cohort, test_cohort, base, seed))
    results = _table(folder, test, options.seeds, basis, test_cohort)
    results["size"] = "published" if options.full else "reduced"
    write_json(options.out / "tumour_cohort.json", results)
    (options.out / "tumour_cohort.md").write_text(_markdown(results))
    print(_markdown(results))


def _arguments() -> argparse.Namespace:
    default = os.environ.get("DIFFMRS_DATA", HERE.parents[1] / "shared" / "data")
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(default), help="folder of the reference data")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go")
    parser.add_argument("--seeds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--full", action="store_true", help="the published size; for an accelerator")
    parser.add_argument("--checkpoints", type=Path, default=Path("tumour_cohort_parts"), help="folder to go on from")
    parser.add_argument("--only-table", action="store_true", help="of what is in the folder")
    return parser.parse_args()


def _arrays(made: object) -> dict[str, np.ndarray]:
    points = points_of(made.fid, made.acquisition)
    names = ("label", "true_label", "patient", "amplitude", "fractions")
    return {"points": points} | {name: np.asarray(getattr(made, name)) for name in names}


def _run(made: dict, test: dict, base: ClassifierOptions, seed: int, *, clean: bool) -> dict[str, np.ndarray]:
    """Probabilities of all variants on the test cohort, and facts on what was kept."""
    spectra = Labelled(made["points"], made["label"], made["patient"])
    wrong = made["label"] != made["true_label"]
    found: dict[str, np.ndarray] = {"facts: wrong": np.array(wrong.mean())}
    runs = {name: (replace(base, **changes), spectra) for name, changes in VARIANTS.items()}
    if clean:
        runs["true labels"] = (base, spectra.with_label(made["true_label"]))
    opinions = None  # all distillations share the first network
    for name, (options, given) in runs.items():
        classifier = train_classifier(given, options, seed=seed, opinions=opinions)
        opinions = classifier.opinions if classifier.opinions is not None else opinions
        found[name] = classifier.probability(test["points"])
        found[f"kept: {name}"] = np.array([classifier.kept.size / wrong.size, wrong[classifier.kept].mean()])
        if name in ("plain", "both (published)", "true labels"):
            maps = classifier.activation(test["points"])
            found[f"importance: {name}"] = np.stack(
                window_importance(classifier.probability, test["points"], test["true_label"], PpmPoints().ppm)
            )
            found[f"map: {name}"] = np.stack([maps[test["true_label"] == c].mean(axis=0) for c in (0, 1)])
    for name in ("svm", "forest"):
        found[name] = baseline_probability(name, spectra, test["points"], seed=seed)
    return found


def _lean(basis: object, train_cohort: Cohort, test_cohort: Cohort, base: ClassifierOptions, seed: int) -> dict:
    """What a plain network looks at where tumours have neither lipids nor lactate."""
    made = _arrays(simulate_cohort(jax.random.key(seed), basis, replace(train_cohort, wrong=0.2)))
    test = _arrays(simulate_cohort(jax.random.key(TEST_KEY), basis, test_cohort))
    classifier = train_classifier(Labelled(made["points"], made["label"], made["patient"]), base, seed=seed)
    maps, truth = classifier.activation(test["points"]), test["true_label"]
    lost = window_importance(classifier.probability, test["points"], truth, PpmPoints().ppm)
    return {
        "auc": np.array(weighted_auc(truth, classifier.probability(test["points"]))),
        "importance: plain": np.stack(lost),
        "map: plain": np.stack([maps[truth == c].mean(axis=0) for c in (0, 1)]),
    }


def _table(folder: Path, test: dict, seeds: int, basis: object, cohort: Cohort) -> dict:
    names = [*VARIANTS, "svm", "forest"]
    results: dict = {"noise": {}, "paper": "plain 0.69, proposed 0.73 over all; 0.68 and 0.77 on 40 patients"}
    for wrong in NOISE:
        files = [folder / f"{round(100 * wrong)}_{seed}.npz" for seed in range(seeds)]
        parts = [dict(np.load(file)) for file in files if file.exists()]
        if not parts:
            continue
        runs = {name: np.stack([part[name] for part in parts]) for name in names}
        results["noise"][f"{wrong:g}"] = {
            "seeds": len(parts),
            "against the truth": compared(test["true_label"], runs, test["patient"], against="plain", draws=300),
            "against labels as given": compared(test["label"], runs, test["patient"], against="plain", draws=300),
            "kept": {
                name: dict(
                    zip(("share", "wrong"), np.mean([part[f"kept: {name}"] for part in parts], 0).tolist(), strict=True)
                )
                for name in VARIANTS
            },
        }
        if wrong == NOISE[0] and "true labels" in parts[0]:
            clean = {"true labels": np.stack([part["true labels"] for part in parts])}
            results["given the true labels"] = compared(
                test["true_label"], clean, test["patient"], against="true labels", draws=300
            )["true labels"]
    results["bound"] = _bound(test, basis, cohort)
    every = [dict(np.load(file)) for file in sorted(folder.glob("[0-9]*_?.npz"))]
    results["maps"] = _maps(every) | _judged_alone(test)
    lean = [dict(np.load(file)) for file in sorted(folder.glob("lean_?.npz"))]
    if lean:
        own = _maps(lean).items()
        results["maps"] |= {f"{name}, tumours without lipids and lactate": row for name, row in own}
        results["auc of plain, tumours without lipids and lactate"] = float(np.mean([part["auc"] for part in lean]))
    return results


def _maps(parts: list[dict]) -> dict[str, dict[str, float]]:
    """What maps of networks say near lines that differ, over their largest value."""
    ppm, rows = PpmPoints().ppm, {}
    for name in ("plain", "both (published)", "true labels"):
        own = [part[f"map: {name}"] for part in parts if f"map: {name}" in part]
        if own:
            lit = np.mean([(m[1] - m[0]) / np.abs(m[1] - m[0]).max() for m in own], axis=0)
            rows[f"activation map, {name}"] = {line: float(lit[abs(ppm - at).argmin()]) for line, at in LINES.items()}
        own = [part[f"importance: {name}"] for part in parts if f"importance: {name}" in part]
        if own:
            middle, loss = np.mean(own, axis=0)
            rows[f"loss of AUC without the window, {name}"] = {
                line: float(loss[abs(middle - at).argmin()]) for line, at in LINES.items()
            }
    return rows


def _judged_alone(test: dict) -> dict[str, dict[str, float]]:
    """What windows are to support vectors, and what single points tell by themselves."""
    from sklearn.svm import SVC

    ppm, rows = PpmPoints().ppm, {}
    half = Labelled(test["points"], test["true_label"], test["patient"])
    learn, judge = (half.of(half.patients[first::2]) for first in (0, 1))
    known = SVC().fit(learn.points, learn.label)
    middle, loss = window_importance(known.decision_function, judge.points, judge.label, ppm)
    rows["loss of AUC without the window, svm on half of the test patients"] = {
        line: float(loss[abs(middle - at).argmin()]) for line, at in LINES.items()
    }
    alone = {line: test["points"][:, abs(ppm - at).argmin()] for line, at in LINES.items()}
    rows["AUC of the point by itself"] = {
        line: weighted_auc(test["true_label"], values) for line, values in alone.items()
    }
    return rows


def _bound(test: dict, basis: object, cohort: Cohort) -> dict[str, float]:
    """What the true concentrations tell, without noise and lineshapes: a classifier trained on 32 000 voxels.

    An upper bound but for what the classifier, boosted trees, does not find; and the ratio of choline to NAA alone.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    drawn = draw_composition(jax.random.key(TEST_KEY + 1), basis, replace(cohort, patients=2000))
    many, few = (np.log(np.asarray(rows["amplitude"])) for rows in (drawn, test))
    known = HistGradientBoostingClassifier(max_iter=100).fit(many, np.asarray(drawn["true_label"]))
    told = known.predict_proba(few)[:, 1]
    ratio = {name: test["amplitude"][:, basis.names.index(name)] for name in ("GPC", "PCho", "NAA", "NAAG")}
    cho_naa = (ratio["GPC"] + ratio["PCho"]) / (ratio["NAA"] + ratio["NAAG"])
    return {
        "auc": weighted_auc(test["true_label"], told),
        "accuracy": float(np.mean((told >= 0.5) == (test["true_label"] == 1))),
        "auc of true Cho/NAA alone": weighted_auc(test["true_label"], cho_naa),
        "auc of the truth against labels as given": weighted_auc(test["label"], test["true_label"].astype(float)),
        "auc against labels as given": weighted_auc(test["label"], told),
    }


def _markdown(results: dict) -> str:
    lines = [
        f"Size: {results['size']}. Mean ± SD over seeds, which draw training patients too; [95 % over test patients]."
    ]
    for wrong, part in results["noise"].items():
        lines += ["", f"### {100 * float(wrong):.0f} % of the training labels wrong ({part['seeds']} seeds)", ""]
        lines += [
            "| | AUC, truth | gain over plain | AUC, labels as given | sensitivity | specificity | accuracy | "
            "patient AUC | patient accuracy | kept | wrong among kept |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for name, scores in part["against the truth"].items():
            auc, given = scores["auc"], part["against labels as given"][name]["auc"]
            kept = part["kept"].get(name)
            cells = [
                f"{auc['mean']:.3f} ± {auc['sd']:.3f}",
                f"{auc['gain']:+.3f} ± {auc['gain_sd']:.3f} [{auc['gain_low']:+.3f}, {auc['gain_high']:+.3f}]",
                f"{given['mean']:.3f}",
                *(
                    f"{scores[m]['mean']:.3f}"
                    for m in ("sensitivity", "specificity", "accuracy", "patient_auc", "patient_accuracy")
                ),
                *((f"{kept['share']:.2f}", f"{kept['wrong']:.3f}") if kept else ("", "")),
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    if "given the true labels" in results:
        clean = results["given the true labels"]
        lines += ["", "Plain, trained on true labels: " + ", ".join(f"{m} {v['mean']:.3f}" for m, v in clean.items())]
    lines += ["", "Bounds: " + "; ".join(f"{name} {value:.3f}" for name, value in results["bound"].items())]
    lines += ["", f"| | {' | '.join(LINES)} |", f"|---|{len(LINES) * '---|'}"]
    lines += [
        f"| {name} | {' | '.join(f'{row[line]:.3f}' for line in LINES)} |" for name, row in results["maps"].items()
    ]
    lines += ["", f"Lu et al. 2021, AUC of voxels: {results['paper']}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
