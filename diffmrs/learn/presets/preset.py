"""What a published estimator is made of, read from a small TOML file."""

import copy
import tomllib
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from diffmrs.errors import InputError
from diffmrs.learn.encoders.registry import ENCODERS, Encoder, encoder_spec
from diffmrs.learn.inputs import KINDS, InputSpec, Representation
from diffmrs.learn.presets.tables import check_names, filled
from diffmrs.learn.representations import ScalogramSpec, ScatteringSpec, SpectrogramSpec
from diffmrs.learn.training import Training
from diffmrs.simulate.recipe import Range, Recipe
from diffmrs.simulate.recipes import RECIPES

LOSSES = ("mse", "heteroscedastic", "isolated")
SIZES = ("reduced", "full")
_PICTURES = {"spectrogram": SpectrogramSpec, "scalogram": ScalogramSpec, "scattering": ScatteringSpec}


@dataclass(frozen=True)
class RecipeChanges:
    """What a preset changes of a recipe in `diffmrs.simulate.RECIPES`.

    Attributes:
        name: of the recipe.
        physical: its physical form, not the published one.
        noise: whether there is any.
        water: whether the water that the noise refers to is in the spectrum, as a reference for concentrations.
        without: ingredients that are left out.
        snr: as in `Recipe`.
        amplitude: as in `Recipe`.
        outer: as in `Recipe`.
        shift_hz: as in `Recipe`.
        damping_per_s: as in `Recipe`.
        phase_rad: as in `Recipe`.
        own_phase: as in `Recipe`.
        gaussian_fwhm_hz: as in `Recipe`.
    """

    name: str
    physical: bool = False
    noise: bool = True
    water: bool = True
    without: tuple[str, ...] = ()
    snr: Range | None = None
    amplitude: Range | None = None
    outer: float | None = None
    shift_hz: Range | None = None
    damping_per_s: Range | None = None
    phase_rad: Range | None = None
    own_phase: bool | None = None
    gaussian_fwhm_hz: Range | None = None

    def __post_init__(self) -> None:
        if self.name not in RECIPES:
            raise InputError(f"name is {self.name!r}; it must be one of {', '.join(RECIPES)}")

    @property
    def recipe(self) -> Recipe:
        """The recipe with these changes."""
        names = ("snr", "amplitude", "outer", "shift_hz", "damping_per_s", "phase_rad", "own_phase", "gaussian_fwhm_hz")
        changes = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        made = replace(RECIPES[self.name].without(*self.without), water_seen=self.water, **changes)
        return made if self.noise else replace(made, snr=None, noise_sd=0.0)


@dataclass(frozen=True)
class Extension:
    """Examples added to a training set where the network is weak.

    Attributes:
        count: how many.
        snr: of these; as in the recipe when absent.
        outer: amplitudes only from this share of each range at either end; all of it when absent.
    """

    count: int
    snr: Range | None = None
    outer: float | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"count is {self.count}; it must be at least 1")

    def of(self, recipe: Recipe) -> Recipe:
        """The recipe of these examples."""
        return replace(recipe, snr=self.snr or recipe.snr, outer=self.outer or 0.0)


@dataclass(frozen=True)
class Preset:
    """A published estimator: data, input, network, loss, training. Read it with `read_preset`.

    Attributes:
        name: short.
        source: the publication.
        note: what is ours.
        changes: the recipe, and what is changed of it.
        representation: what the network is fed. A `unit` that the file does not give is measured on examples.
        encoder: of the network.
        output_norm: whether a batch norm follows the output layer.
        two_paths: whether one network tells the means and another the log variances.
        loss: `"mse"`; `"heteroscedastic"`, with a variance for each amplitude; or `"isolated"`, where the network makes
            the spectrum of each member alone and of the water, and areas tell amplitudes.
        training: how.
        training_set: how many examples there are; drawn anew for each step when absent.
        n_points: samples of the FIDs, the first ones of the basis; all when absent.
        extensions: of the training set.
        measured_unit: whether `unit` is to be measured.
        size: `"reduced"` or `"full"`.
        tables: all of the above as plain values.
    """

    name: str
    source: str
    note: str
    changes: RecipeChanges
    representation: Representation
    encoder: Encoder
    output_norm: bool
    two_paths: bool
    loss: str
    training: Training
    training_set: int | None
    n_points: int | None
    extensions: tuple[Extension, ...]
    measured_unit: bool
    size: str
    tables: dict[str, Any]

    @property
    def recipe(self) -> Recipe:
        """The recipe of the examples."""
        return self.changes.recipe


def preset_names() -> tuple[str, ...]:
    """Names of the presets that come with the library."""
    return tuple(sorted(one.name[:-5] for one in _folder().iterdir() if one.name.endswith(".toml")))


def read_preset(name: str | Path, *, full: bool = False, changes: dict[str, Any] | None = None) -> Preset:
    """A preset of the library by its name, or one of your own by its path.

    Args:
        name: one of `preset_names()`, or a file ending in `.toml`.
        full: the published size; else the reduced one.
        changes: tables that are laid over those of the file.

    Raises:
        InputError: there is no such preset, or it has unknown fields or values of a wrong type.
    """
    size = SIZES[full]
    tables = _merged(_sized(_tables(name), size, str(name)), changes or {})
    return preset_of(tables, size, str(name))


def preset_of(tables: dict[str, Any], size: str, where: str) -> Preset:
    """The preset of tables in which a size has been chosen."""
    top = {"name", "source", "note", "loss", "training_set", "n_points"}
    check_names(tables, top | {"recipe", "representation", "network", "training", "extension"}, where)
    for name in ("name", "source", "note", "loss"):
        if not isinstance(tables.get(name), str):
            raise InputError(f"{where}: {name} is {tables.get(name)!r}; it must be a text")
    for name in ("training_set", "n_points"):
        found = tables.get(name, 1)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise InputError(f"{where}: {name} is {found!r}; it must be a whole number above zero")
    for name in ("recipe", "representation", "network"):
        if name not in tables:
            raise InputError(f"{where}: the table {name} is missing")
    if tables["loss"] not in LOSSES:
        raise InputError(f"{where}: loss is {tables['loss']!r}; it must be one of {', '.join(LOSSES)}")
    extensions = tables.get("extension", [])
    if not isinstance(extensions, list):
        raise InputError(f"{where}: extension must be a list of tables, [[extension]]")
    if extensions and "training_set" not in tables:
        raise InputError(f"{where}: an extension needs a training_set to extend")
    network, representation = tables["network"], tables["representation"]
    encoder, options = _network(network, f"{where}: network")
    return Preset(
        name=tables["name"],
        source=tables["source"],
        note=tables["note"],
        changes=filled(RecipeChanges, tables["recipe"], f"{where}: recipe"),
        representation=_representation(representation, f"{where}: representation"),
        encoder=encoder,
        loss=tables["loss"],
        training=filled(Training, tables.get("training", {}), f"{where}: training"),
        training_set=tables.get("training_set"),
        n_points=tables.get("n_points"),
        extensions=tuple(filled(Extension, one, f"{where}: extension") for one in extensions),
        measured_unit="unit" not in representation and representation.get("scale", "none") == "none",
        size=size,
        tables=tables,
        **options,
    )


def _folder() -> Any:
    return resources.files("diffmrs.learn.presets")


def _tables(name: str | Path) -> dict[str, Any]:
    if str(name).endswith(".toml"):
        if not Path(name).is_file():
            raise InputError(f"{name}: no such file")
        text = Path(name).read_bytes()
    elif name in preset_names():
        text = (_folder() / f"{name}.toml").read_bytes()
    else:
        raise InputError(f"preset is {str(name)!r}; it must be a file .toml or one of {', '.join(preset_names())}")
    try:
        return tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{name}: is no TOML ({error})") from None


def _sized(tables: dict[str, Any], size: str, where: str) -> dict[str, Any]:
    tables = copy.deepcopy(tables)
    sizes = {name: tables.pop(name, {}) for name in SIZES}
    for name, own in sizes.items():
        if not isinstance(own, dict):
            raise InputError(f"{where}: {name} is {own!r}; it must be a table")
    return _merged(tables, sizes[size])


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(name), dict)
        merged[name] = _merged(below[name], value) if both else value
    return merged


def _representation(table: Any, where: str) -> Representation:
    kind = table.get("kind") if isinstance(table, dict) else None
    if kind in KINDS:
        return filled(InputSpec, table, where)
    if not isinstance(kind, str) or kind not in _PICTURES:
        raise InputError(f"{where}.kind is {kind!r}; it must be one of {', '.join((*KINDS, *_PICTURES))}")
    made: Representation = filled(_PICTURES[kind], {name: one for name, one in table.items() if name != "kind"}, where)
    return made


def _network(table: Any, where: str) -> tuple[Encoder, dict[str, bool]]:
    options = {"output_norm": False, "two_paths": False}
    name = table.get("encoder") if isinstance(table, dict) else None
    if not isinstance(name, str) or name not in ENCODERS:
        raise InputError(f"{where}.encoder is {name!r}; it must be one of {', '.join(ENCODERS)}")
    check_names(table, {"encoder", *options, *(field.name for field in fields(ENCODERS[name]))}, where)
    for option in options:
        found = table.get(option, False)
        if not isinstance(found, bool):
            raise InputError(f"{where}.{option} is {found!r}; it must be true or false")
        options[option] = found
    try:
        encoder = encoder_spec(name, **{key: one for key, one in table.items() if key not in ("encoder", *options)})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return encoder, options
