"""Hold a table from a file against the schema: problems for what is wrong, and a copy without it.

msgspec's own conversion ends at the first error; this walks the same types and goes on, so that a user sees all of
them. A wrong value is left out of the copy (and so falls back to its default), which lets the resolver look on.
"""

from functools import cache
from typing import Any

from msgspec import Struct, inspect

from vkd.config.problem import KeyPath, Problems
from vkd.config.values import Kind, nearest

#: The value of what had to be left out.
_WRONG: Any = object()

_WORDS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "text in quotes",
    inspect.StructType: "a table",
    inspect.DictType: "a table",
}

_PYTHON: dict[type[inspect.Type], type] = {
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.LiteralType: str,
    inspect.ListType: list,
    inspect.StructType: dict,
    inspect.DictType: dict,
}


@cache
def table_type(table: type[Struct]) -> inspect.StructType:
    """Return msgspec's description of a table of the schema."""
    described = inspect.type_info(table)
    assert isinstance(described, inspect.StructType)  # noqa: S101 - tables are structs
    return described


def check(value: dict[str, Any], table: type[Struct], path: KeyPath, problems: Problems) -> dict[str, Any]:
    """Return `value` without what `table` does not allow; each part left out is added to `problems`."""
    checked = _check_table(value, table_type(table), path, problems)
    return {} if checked is _WRONG else checked


def allowed(kind: inspect.Type) -> str:
    """Say in words what values a type of the schema has."""
    kind, special = _unwrap(kind)
    if special is not None:
        return special.allowed
    match kind:
        case inspect.IntType(ge=low, le=high) if low is not None and high is not None:
            words = f"a whole number from {low} to {high}"
        case inspect.LiteralType(values=values):
            words = ", ".join(f'"{value}"' for value in values)
        case inspect.ListType(item_type=item):
            words = f"a list, each of {allowed(item)}"
        case inspect.UnionType(types=types):
            words = ", or ".join(dict.fromkeys(allowed(one) for one in types))
        case _:
            words = _WORDS[type(kind)]
    return words


def _unwrap(kind: inspect.Type) -> tuple[inspect.Type, Kind | None]:
    special: Kind | None = None
    while isinstance(kind, inspect.Metadata):
        special = (kind.extra or {}).get("kind") or special
        kind = kind.type
    return kind, special


def _check_table(value: dict[str, Any], table: inspect.StructType, path: KeyPath, problems: Problems) -> Any:
    fields = {field.encode_name: field for field in table.fields}
    clean = {}
    for key, inner in value.items():
        if key not in fields:
            near = nearest(key, fields)
            hint = f"did you mean {near!r}?" if near else None
            problems.add((*path, key), "there is no such key", hint=hint, allowed=", ".join(fields))
        elif (checked := _check(inner, fields[key].type, (*path, key), problems)) is not _WRONG:
            clean[key] = checked
    missing = [name for name, field in fields.items() if field.required and name not in clean]
    for name in missing:
        if name not in value:
            problems.add(path, f"the key {name!r} is missing", allowed=allowed(fields[name].type))
    return _WRONG if missing else clean


def _check(value: Any, kind: inspect.Type, path: KeyPath, problems: Problems) -> Any:
    plain, special = _unwrap(kind)
    if isinstance(plain, inspect.UnionType):
        fitting = [one for one in plain.types if _fits(value, _unwrap(one)[0])]
        if fitting and special is None:
            return _check(value, fitting[0], path, problems)
        fits = bool(fitting)
    else:
        fits = _fits(value, plain)
    if not fits:
        problems.add(path, f"{_show(value)} is not allowed", allowed=allowed(kind))
        return _WRONG
    match plain:
        case inspect.StructType():
            return _check_table(value, plain, path, problems)
        case inspect.ListType(item_type=item):
            checked = [_check(one, item, (*path, at), problems) for at, one in enumerate(value)]
            return [one for one in checked if one is not _WRONG]
        case inspect.DictType(key_type=keys, value_type=values):
            return _check_map(value, keys, values, path, problems)
    return _check_scalar(value, plain, special, path, problems)


def _check_map(
    value: dict[str, Any], keys: inspect.Type, values: inspect.Type, path: KeyPath, problems: Problems
) -> dict[str, Any]:
    clean = {}
    for key, inner in value.items():
        good_key = _check(key, keys, (*path, key), problems)
        good_value = _check(inner, values, (*path, key), problems)
        if good_key is not _WRONG and good_value is not _WRONG:
            clean[key] = good_value
    return clean


def _check_scalar(value: Any, plain: inspect.Type, special: Kind | None, path: KeyPath, problems: Problems) -> Any:
    if special is not None:
        try:
            special.parse(value)
        except (ValueError, OverflowError):
            problems.add(path, f"{_show(value)} is not allowed", allowed=special.allowed)
            return _WRONG
    if isinstance(plain, inspect.LiteralType) and value not in plain.values:
        near = nearest(value, [str(word) for word in plain.values])
        hint = f"did you mean {near!r}? allowed: {allowed(plain)}" if near else None
        problems.add(path, f"{_show(value)} is not allowed", allowed=allowed(plain), hint=hint)
        return _WRONG
    if isinstance(plain, inspect.IntType):
        too_low = plain.ge is not None and value < plain.ge
        if too_low or (plain.le is not None and value > plain.le):
            problems.add(path, f"{_show(value)} is not allowed", allowed=allowed(plain))
            return _WRONG
    return value


def _fits(value: Any, kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.AnyType):
        return True  # who is handed it checks it
    if isinstance(value, bool):
        return isinstance(kind, inspect.BoolType)
    return isinstance(value, _PYTHON[type(kind)])


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
