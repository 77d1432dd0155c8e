"""Fortran as LCModel writes it: namelists (`$NAME key = value … $END`) and columns of numbers under a format."""

import re
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from diffmrs.errors import InputError

_START = re.compile(r"^[ \t]*[$&]([A-Za-z]\w*)", re.MULTILINE)
_TOKEN = re.compile(
    r"""(?P<skip>[\s,]+|![^\n]*)
      |(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
      |(?P<end>[$&](?:END\b)?|/)
      |(?P<key>[A-Za-z_]\w*)\s*(?:\([^)\n]*\))?\s*=
      |(?P<value>[^\s,='"$&/]+)""",
    re.VERBOSE | re.IGNORECASE,
)
_REPEAT = re.compile(r"^(\d{1,6})\*(.*)$")
_TRUE, _FALSE = re.compile(r"^\.?t", re.IGNORECASE), re.compile(r"^\.?f", re.IGNORECASE)
_MAX_FIELDS = 1000  # numbers on a line; real files have two to eight
_EXPONENT = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))([+-]\d+)$")


@dataclass
class Namelist:
    """One group: its name in capitals, its values as text (each key in capitals), and where it came from."""

    name: str
    file: str
    values: dict[str, list[str]] = field(default_factory=dict)

    def text(self, *keys: str, default: str = "") -> str:
        """The first of `keys` that is present, on one line, without its quotes and outer spaces."""
        for key in keys:
            if self.values.get(key):
                return " ".join(self.values[key][0].split())
        return default

    def number(self, *keys: str) -> float | None:
        """The first of `keys` that is present, as a number; None when none is, or its value is left blank.

        Raises:
            InputError: the value is not a finite number.
        """
        for key in keys:
            if self.values.get(key):
                try:
                    return fortran_float(self.values[key][0])
                except ValueError:
                    raise InputError(
                        f"{self.file}: {key} in ${self.name} is {self.values[key][0]!r}; it must be a number"
                    ) from None
        return None

    def flag(self, key: str) -> bool:
        """A Fortran logical (`T`, `F`, `.TRUE.`, `.FALSE.`); False when absent.

        Raises:
            InputError: the value is none of these.
        """
        text = self.text(key)
        if not text or _FALSE.match(text):
            return False
        if _TRUE.match(text):
            return True
        raise InputError(f"{self.file}: {key} in ${self.name} is {text!r}; it must be T or F")


def split_file(text: str, file: str) -> list[tuple[Namelist, str]]:
    """The namelists of a file, each with the text that follows it up to the next one.

    Raises:
        InputError: there is no namelist, or one has no end.
    """
    parts = []
    start = _START.search(text)
    if start is None:
        raise InputError(f"{file}: holds no namelist such as $NMID or $BASIS1; this is not an LCModel file")
    while start is not None:
        group, end = _parse(text, start, file)
        newline = text.find("\n", end)
        end = len(text) if newline < 0 else newline + 1
        following = _START.search(text, end)
        parts.append((group, text[end : following.start() if following else len(text)]))
        start = following
    return parts


def _parse(text: str, start: re.Match[str], file: str) -> tuple[Namelist, int]:
    group = Namelist(start.group(1).upper(), file)
    key, position = None, start.end()
    while match := _TOKEN.match(text, position):
        position = match.end()
        if match["end"]:
            return group, position
        if match["key"]:
            key = match["key"].upper()
            group.values[key] = []
        elif key is not None and match["text"]:
            quote = match["text"][0]
            group.values[key].append(match["text"][1:-1].replace(quote * 2, quote))
        elif key is not None and match["value"]:
            repeat = _REPEAT.match(match["value"])
            count, value = (int(repeat[1]), repeat[2]) if repeat else (1, match["value"])
            group.values[key].extend([value] * min(count, _MAX_FIELDS))
    line = text.count("\n", 0, start.start()) + 1
    raise InputError(f"{file}: namelist ${group.name} on line {line} has no $END")


def fortran_float(text: str) -> float:
    """A number as Fortran prints it: `1.5D-3` and `0.12-104` are allowed.

    Raises:
        ValueError: not a finite number.
    """
    text = text.strip().replace("D", "E").replace("d", "e")
    bare = _EXPONENT.match(text)
    value = float(f"{bare[1]}E{bare[2]}" if bare else text)
    if not np.isfinite(value):
        raise ValueError(text)
    return value


def field_widths(fortran_format: str) -> list[tuple[bool, int]]:
    """The columns of one line under a format such as `(2E15.6)` or `(1P,3(1X,E13.5))`: (is a number, width).

    An empty list when the format says nothing about columns (`*`, `(2E15.6` cut short, …).
    """
    text = re.sub(r"\s|[+-]?\d+[pP],?", "", fortran_format)
    fields, rest = _fields(text[1:], depth=0) if text.startswith("(") else ([], "")
    return fields if rest == "" else []


def _fields(text: str, depth: int) -> tuple[list[tuple[bool, int]], str]:
    """Fields up to the closing bracket, and the text after it; no fields and some text where it is not understood."""
    fields: list[tuple[bool, int]] = []
    while text and text[0] != ")":
        text = text.lstrip(",")
        if nested := re.match(r"(\d{0,4})\(", text):
            inner, text = _fields(text[nested.end() :], depth + 1) if depth < 3 else ([], "too deep")
            repeated, found = int(nested[1] or 1), inner
        elif number := re.match(r"(\d{0,4})[EFGD](\d{1,3})(\.\d+)?(E\d+)?", text, re.IGNORECASE):
            repeated, found = int(number[1] or 1), [(True, int(number[2]))]
            text = text[number.end() :]
        elif blank := re.match(r"(\d{0,4})X", text, re.IGNORECASE):
            repeated, found = 1, [(False, int(blank[1] or 1))]
            text = text[blank.end() :]
        else:
            return [], "unknown"
        if not found or repeated * len(found) + len(fields) > _MAX_FIELDS:
            return [], "too many"
        fields += found * repeated
    return (fields, text[1:]) if text else ([], "unclosed")


def complex_block(text: str, fortran_format: str, where: str) -> np.ndarray:
    """Pairs of numbers as complex samples, [points].

    Numbers that stand apart are read as they stand. Numbers that touch (`1.0E-01-2.0E-02`) are cut at the columns
    of `fortran_format`.

    Raises:
        InputError: something is not a finite number, or the count is odd; `where` names the file and block.
    """
    try:
        values = np.array(text.replace("D", "E").split(), dtype=np.float64)
    except ValueError:
        values = _by_columns(text, field_widths(fortran_format), where)
    if not np.isfinite(values).all():
        raise InputError(f"{where}: sample {int(np.argmin(np.isfinite(values))) // 2 + 1} is not a finite number")
    if values.size % 2:
        raise InputError(f"{where}: holds {values.size} numbers; real and imaginary parts must come in pairs")
    return values[0::2] + 1j * values[1::2]


def _by_columns(text: str, widths: list[tuple[bool, int]], where: str) -> np.ndarray:
    values = []
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            values += [fortran_float(item) for item in (_cut(line, widths) if widths else line.split())]
        except ValueError:
            try:  # the writer did not keep to its own format: take the numbers as they stand
                values += [fortran_float(item) for item in line.split()]
            except ValueError:
                shown = " ".join(islice(line.split(), 4))
                raise InputError(
                    f"{where}: data line {number} ({shown[:60]!r}) holds something that is no number"
                ) from None
    return np.array(values)


def _cut(line: str, widths: list[tuple[bool, int]]) -> list[str]:
    items, column = [], 0
    for is_number, width in widths:
        item = line[column : column + width]
        column += width
        if is_number and item.strip():
            items.append(item)
    if line[column:].strip():
        raise ValueError(line)
    return items
