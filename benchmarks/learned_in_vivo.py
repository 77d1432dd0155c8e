"""Networks trained on simulated spectra of two in-vivo protocols, applied to the measured ones beside fit and LCModel.

    python benchmarks/learned_in_vivo.py [--data DIR] [--out DIR] [--steps 6000] [--checkpoints DIR]

For data 01 (PRESS 35 ms, 1.8 to 4.2 ppm) and 02 (PRESS 30 ms): a network by itself, after some hundred self-supervised
steps on the measured spectrum, with a few steps of the fit after it, and the fit by itself. Writes
`learned_in_vivo.json` and `.md`.
"""

import json
import time
from dataclasses import replace
from typing import Any

from common import arguments_of_training, use_all_cores, write_json

use_all_cores()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from in_vivo import RATIOS, cases, lcmodel_ratios, ratios  # noqa: E402

from diffmrs.combine import combinations_of  # noqa: E402
from diffmrs.learn.adapt_protocol import adapted  # noqa: E402
from diffmrs.learn.quantifier import Quantifier  # noqa: E402
from diffmrs.learn.saved import load_quantifier  # noqa: E402
from diffmrs.learn.training import Progress, Training  # noqa: E402
from diffmrs.pipeline.inputs import Inputs, read_inputs  # noqa: E402
from diffmrs.pipeline.single import fit_inputs  # noqa: E402
from diffmrs.pipeline.training import TrainOptions, train_files  # noqa: E402

CHOSEN = {"01": "01 PRESS 35, 1.8-4.2 ppm", "02": "02 PRESS 30"}
STEPS = (0, 2, 5, None)


def model_of(name: str, case: Any, options: Any) -> tuple[Quantifier, dict]:
    folder = options.checkpoints or options.out
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"learned_in_vivo_{name}_{options.steps}.safetensors"
    begin = time.perf_counter()
    if not file.exists():
        wanted = TrainOptions(
            case.basis,
            file,
            like=case.data,
            ppm_range=case.ppm_range,
            basis_ppm_reference=case.basis_ppm_reference,
            training=Training(steps=options.steps, every=max(options.steps // 20, 1), seed=options.seed),
        )

        def show(progress: Progress) -> None:
            print(name, progress.step, f"{time.perf_counter() - begin:.0f} s", progress.numbers, flush=True)

        train_files(wanted, show)
    return load_quantifier(file), {"steps": options.steps, "batch": 128, "seconds": time.perf_counter() - begin}


def by_itself(quantifier: Quantifier, inputs: Inputs, fids: jax.Array) -> dict[str, Any]:
    """Ratios of the posterior's means, their standard deviations, and how strange the spectrum is."""
    told = quantifier.tell(fids, jax.random.key(1), 1000)
    names = inputs.basis.names
    sums, weights = combinations_of(names)
    draws = np.asarray(told.amplitude)[:, 0]
    values = dict(zip(names, draws.T, strict=True)) | dict(zip(sums, weights @ draws.T, strict=True))
    rows = {name: values[name] / values["tCr"] for name in RATIOS}
    return {
        "ratios": {name: float(row.mean()) for name, row in rows.items()},
        "sd": {name: float(row.std()) for name, row in rows.items()},
        "misfit": float(told.misfit[0]),
        "distance": float(told.distance[0]),
        "outside": bool(quantifier.outside(told)[0]),
    }


def main() -> None:
    options = arguments_of_training(__doc__, steps=6000, only=tuple(CHOSEN))
    results: dict[str, Any] = {}
    file = options.out / "learned_in_vivo.json"
    if file.exists():
        results = json.loads(file.read_text())
    for name in options.only:
        case, table = cases(options.data)[CHOSEN[name]]
        quantifier, spent = model_of(name, case, options)
        inputs = read_inputs(case)
        rows = inputs.layout.rows
        fids = jnp.asarray(inputs.conditioned(rows, inputs.raw(rows)).fid, jnp.complex64)
        own = {"network": by_itself(quantifier, inputs, fids)}
        how = Training(steps=300, batch=8, learning_rate=1e-4, every=100, validation=8)
        own["network, adapted"] = by_itself(adapted(quantifier, fids, how), inputs, fids)
        fits = {}
        for steps in STEPS:
            run = fit_inputs(replace(inputs, starter=replace(quantifier, steps=steps)))
            title = "network, then all steps of the fit" if steps is None else f"network + {steps} steps of the fit"
            fits[title] = {"ratios": ratios(run.result), "chi2_reduced": float(run.quality.chi2_reduced[0])}
        run = fit_inputs(inputs)
        fits["fit"] = {"ratios": ratios(run.result), "chi2_reduced": float(run.quality.chi2_reduced[0])}
        results[CHOSEN[name]] = {
            "training": spent,
            "estimators": own | fits | {"LCModel": {"ratios": lcmodel_ratios(table)}},
        }
        write_json(file, results)
    text = as_markdown(results)
    (options.out / "learned_in_vivo.md").write_text(text)
    print(text)


def as_markdown(results: dict[str, Any]) -> str:
    lines = ["Ratios to tCr. `python benchmarks/learned_in_vivo.py`", ""]
    for title, found in results.items():
        lines += [f"**{title}**", "", "| estimator | " + " | ".join(RATIOS) + " |", "|---" * (1 + len(RATIOS)) + "|"]
        for name, row in found["estimators"].items():
            sd = row.get("sd")
            cells = [f"{row['ratios'][one]:.3f}" + (f" ± {sd[one]:.3f}" if sd else "") for one in RATIOS]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
