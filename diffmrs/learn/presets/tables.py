"""Dataclasses from the tables of a TOML file: unknown fields and wrong types are refused in one line."""

from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from diffmrs.errors import InputError

T = TypeVar("T")


def filled(cls: type[T], table: Any, where: str, **given: Any) -> T:
    """A dataclass with the values of a table, each checked against the annotation of its field.

    Args:
        cls: the dataclass; what it checks itself is checked too.
        table: of the file.
        where: how the table is called in messages.
        given: fields that the table may not hold.

    Raises:
        InputError: the table is none, has an unknown field or lacks one, or a value has the wrong type.
    """
    known = {field.name for field in fields(cls)} - given.keys()  # type: ignore[arg-type]
    check_names(table, known, where)
    hints = get_type_hints(cls)
    for field in fields(cls):  # type: ignore[arg-type]
        if field.default is MISSING and field.default_factory is MISSING and field.name not in {*table, *given}:
            raise InputError(f"{where} lacks {field.name!r}")
    values = {name: _converted(value, hints[name], f"{where}.{name}") for name, value in table.items()}
    try:
        return cls(**values, **given)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def check_names(table: Any, known: set[str], where: str) -> None:
    """Raise `InputError` unless something is a table with known fields."""
    if not isinstance(table, dict):
        raise InputError(f"{where} is {table!r}; it must be a table")
    for name in table:
        if name not in known:
            raise InputError(f"{where} has no field {name!r}; it has {', '.join(sorted(known))}")


def _converted(value: Any, hint: Any, where: str) -> Any:
    if get_origin(hint) in (UnionType, Union):
        (hint,) = [one for one in get_args(hint) if one is not type(None)]  # TOML knows no null
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        several = list(kinds[:1]) * len(value) if kinds[1:] == (...,) and isinstance(value, list) else list(kinds)
        if not isinstance(value, list) or len(value) != len(several):
            count = "" if kinds[1:] == (...,) else f" of {len(several)}"
            raise InputError(f"{where} is {value!r}; it must be a list{count}")
        return tuple(_converted(one, kind, where) for one, kind in zip(value, several, strict=True))
    if isinstance(hint, type) and is_dataclass(hint):
        return filled(hint, value, where)
    wanted = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if hint in wanted:
        number = isinstance(value, int) and not isinstance(value, bool)
        good = number if hint is int else number or isinstance(value, float) if hint is float else None
        if not (isinstance(value, hint) if good is None else good):
            raise InputError(f"{where} is {value!r}; it must be {wanted[hint]}")
        return float(value) if hint is float else value
    raise InputError(f"{where} cannot be set in a preset")
