"""`diffmrs train --preset`: a published estimator for a basis set, in files."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from diffmrs.learn.presets import (
    PresetModel,
    prepare,
    preset_names,
    read_preset,
    save_preset_model,
    train_preset,
)
from diffmrs.learn.presets.preset import Preset
from diffmrs.learn.training import Progress
from diffmrs.pipeline.inputs import located
from diffmrs.pipeline.training import TrainOptions, draw_metrics, trained_basis, write_metrics


@dataclass(frozen=True)
class PresetOptions:
    """What `diffmrs train --preset` can be told.

    Attributes:
        preset: name or file.
        files: basis, output and sampling, as of a network without a preset.
        full: the published size.
        steps: optimiser steps; those of the preset when absent.
        seed: of weights and batches; that of the preset when absent.
    """

    preset: str
    files: TrainOptions
    full: bool = False
    steps: int | None = None
    seed: int | None = None

    def check(self) -> Preset:
        """The preset, when everything can be used.

        Raises:
            InputError: something cannot.
        """
        self.files.check()
        training: dict[str, Any] = {}
        if self.steps is not None:
            training |= {"steps": self.steps, "every": max(self.steps // 10, 1)}
        if self.seed is not None:
            training |= {"seed": self.seed}
        return read_preset(self.preset, full=self.full, changes={"training": training} if training else None)


@dataclass(frozen=True)
class TrainedPreset:
    """What came of it.

    Attributes:
        model: the trained estimator.
        history: of the training.
        files: that were written.
    """

    model: PresetModel
    history: list[Progress]
    files: tuple[Path, ...]


def train_preset_files(options: PresetOptions, on_progress: Callable[[Progress], None] | None = None) -> TrainedPreset:
    """Train the network of a preset and write it, its metrics as a table, and as a figure.

    A run that was stopped goes on from its checkpoint, which is removed at the end.

    Raises:
        InputError: preset, basis or data cannot be used, or a file cannot be written.
    """
    preset, files = options.check(), options.files
    basis, _ = trained_basis(files)
    prepared = located(files.basis, prepare, preset, basis)
    model, history = train_preset(prepared.kept(), checkpoint=files.checkpoint, on_progress=on_progress)
    told = {"basis": str(files.basis), "training": asdict(preset.training), "loss": history[-1].numbers}
    table, figure = (files.out.with_name(f"{files.out.stem}_metrics.{ending}") for ending in ("csv", "png"))
    save_preset_model(files.out, model, told)
    write_metrics(table, history)
    draw_metrics(figure, history)
    files.checkpoint.unlink(missing_ok=True)
    return TrainedPreset(model, history, (files.out, table, figure))


def table_of_presets() -> str:
    """Names and sources of the presets, one line each."""
    presets = [read_preset(name) for name in preset_names()]
    width = max(len(one.name) for one in presets)
    return "\n".join(f"{one.name:<{width}}  {one.source}" for one in presets)
