"""The NIfTI-MRS header extension: what must be in it, and of which kind each entry is.

Source: Clarke et al., Magn. Reson. Med. 88:2358 (2022) and the specification at
https://github.com/wtclarke/mrs_nifti_standard (versions 0.2 to 0.11).
"""

import json
import math
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from diffmrs.axes import Acquisition, ppm_reference_of
from diffmrs.data import Header
from diffmrs.errors import InputError
from diffmrs.io.nifti_standard import ABOVE_ZERO, BOOLEANS, DIM_TAGS, LISTS, NOT_NEGATIVE, NUMBERS, OBJECTS, TEXTS


def parse_meta(content: bytes, where: str) -> dict[str, Any]:
    """The header extension as a dictionary.

    Raises:
        InputError: not JSON, or not a JSON object.
    """
    try:
        meta = json.loads(content.rstrip(b"\x00").decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{where}: the NIfTI-MRS header extension is not valid JSON ({reason})") from None
    if not isinstance(meta, dict):
        raise InputError(f"{where}: the NIfTI-MRS header extension is a {type(meta).__name__}; it must be an object")
    return meta


def check_meta(meta: dict[str, Any], extra_shape: tuple[int, ...], where: str) -> tuple[str, ...]:
    """Check the header extension against the data.

    Args:
        meta: the header extension.
        extra_shape: sizes of dimensions 5 to 7, as far as the data have them.
        where: start of each error message, the file name.

    Returns:
        The tag of each extra dimension. A tag for a dimension the data lack stands for one of size 1.

    Raises:
        InputError: a mandatory entry is missing, or an entry has the wrong type, size or an impossible value.
    """
    _check_list(meta, "SpectrometerFrequency", _is_number, "numbers in MHz, such as [123.25]", where)
    _check_list(
        meta, "ResonantNucleus", lambda value: isinstance(value, str) and value != "", 'names, such as ["1H"]', where
    )
    for key, value in meta.items():
        problem = _problem(key, value)
        if problem:
            raise InputError(f"{where}: {key} in the header extension is {_shown(value)}; {problem}")
    return _check_dimensions(meta, extra_shape, where)


def acquisition_of(meta: dict[str, Any], dwell_time_s: float, where: str) -> Acquisition:
    """Sampling of the data; the ppm reference is SpecFreqChemShift + RxOffset where the header has them.

    Raises:
        InputError: a value is out of range.
    """
    nucleus = meta["ResonantNucleus"][0]
    reference = meta.get("SpecFreqChemShift", ppm_reference_of(nucleus)) + meta.get("RxOffset", 0.0)
    try:
        return Acquisition(dwell_time_s, meta["SpectrometerFrequency"][0], nucleus, reference)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def append_processing(header: Header, method: str, details: str) -> Header:
    """The header with one more entry under ProcessingApplied, as the standard asks of every processing step.

    Args:
        header: of the data before the step.
        method: one of the standard's names, such as "RF coil combination", "Signal averaging", "Frequency and phase
            correction", "Eddy current correction", "Nuisance peak removal", "Apodization".
        details: what was done, in words or as the call with its arguments.
    """
    try:
        program_version = version("diffmrs")
    except PackageNotFoundError:
        program_version = "unknown"
    step = {
        "Time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3],
        "Program": "diffmrs",
        "Version": program_version,
        "Method": method,
        "Details": details,
    }
    return header.with_meta(ProcessingApplied=[*header.meta.get("ProcessingApplied", []), step])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _check_list(meta: dict[str, Any], key: str, is_fine: Any, wanted: str, where: str) -> None:
    if key not in meta:
        raise InputError(f"{where}: {key} is missing from the header extension; NIfTI-MRS requires it")
    value = meta[key]
    if not (isinstance(value, list) and value and all(is_fine(item) for item in value)):
        raise InputError(f"{where}: {key} in the header extension is {_shown(value)}; it must be a list of {wanted}")


def _problem(key: str, value: Any) -> str:
    """What is wrong with the value of a standard-defined entry, or an empty string."""
    if key in NUMBERS and not _is_number(value):
        return "it must be a number"
    if key in ABOVE_ZERO and value <= 0:
        return "it must be above zero (times are in s)"
    if key in NOT_NEGATIVE and value < 0:
        return "it must not be negative (times are in s)"
    if key in BOOLEANS and not isinstance(value, bool):
        return "it must be true or false"
    if key in TEXTS and not isinstance(value, str):
        return "it must be text"
    if key in LISTS and not isinstance(value, list):
        return "it must be a list"
    if key in OBJECTS and not isinstance(value, dict):
        return "it must be an object"
    return ""


def _check_dimensions(meta: dict[str, Any], extra_shape: tuple[int, ...], where: str) -> tuple[str, ...]:
    highest = max([4 + len(extra_shape), *(n for n in (5, 6, 7) if f"dim_{n}" in meta)])
    tags = []
    for number in range(5, highest + 1):
        size = extra_shape[number - 5] if number - 5 < len(extra_shape) else 1
        tag = meta.get(f"dim_{number}")
        if tag is None:
            raise InputError(
                f"{where}: dim_{number} is missing from the header extension; dimension {number} needs a tag"
            )
        if tag not in DIM_TAGS:
            raise InputError(f"{where}: dim_{number} is {_shown(tag)}; it must be one of {', '.join(DIM_TAGS)}")
        if tag in tags:
            raise InputError(f"{where}: dim_{number} is {tag}, which another dimension has already")
        if not isinstance(meta.get(f"dim_{number}_info", ""), str):
            raise InputError(f"{where}: dim_{number}_info is {_shown(meta[f'dim_{number}_info'])}; it must be text")
        _check_dynamic_header(meta.get(f"dim_{number}_header", {}), f"{where}: dim_{number}_header", size)
        tags.append(tag)
    return tuple(tags)


def _check_dynamic_header(header: Any, where: str, size: int) -> None:
    if not isinstance(header, dict):
        raise InputError(f"{where} is {_shown(header)}; it must be an object")
    for key, entry in header.items():
        value = entry["Value"] if isinstance(entry, dict) and "Value" in entry else entry
        if isinstance(value, dict):
            if not (_is_number(value.get("start")) and _is_number(value.get("increment"))):
                raise InputError(
                    f"{where}: {key} is {_shown(value)}; an object must hold the numbers start and increment"
                )
        elif not isinstance(value, list):
            raise InputError(
                f"{where}: {key} is {_shown(value)}; it must be a list or an object with start and increment"
            )
        elif len(value) != size:
            raise InputError(f"{where}: {key} lists {len(value)} values; the dimension holds {size}")


def dynamic_values(meta: dict[str, Any], tag: str, key: str, size: int) -> list[Any] | None:
    """The values of `key` along the dimension with `tag`, whichever way the dynamic header writes them.

    Returns:
        `size` values, for example one echo time per echo, or None when the header does not vary `key` there.
    """
    for number in (5, 6, 7):
        entry = meta.get(f"dim_{number}_header", {}).get(key) if meta.get(f"dim_{number}") == tag else None
        if entry is None:
            continue
        value = entry["Value"] if isinstance(entry, dict) and "Value" in entry else entry
        if isinstance(value, dict):
            return [value["start"] + index * value["increment"] for index in range(size)]
        return list(value)
    return None
