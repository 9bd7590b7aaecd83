"""What is wrong with a specification, in words of the file: msgspec's errors name types of its own."""

import difflib
import re
from typing import Any

import msgspec
from msgspec import inspect

from vether.errors import SpecError

_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_UNKNOWN = re.compile(r"unknown field `(.*)`")

#: More keys than these are not listed with a table.
_MANY = 8
#: The longest value that is repeated as it is.
_LONGEST = 60

_PLAIN: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "text",
    inspect.VarTupleType: "a list",
}

#: What is often taken for something else, as it looks in a file.
_EXAMPLES = {
    "vlan": 'vlan = {access = 10}, or {allowed = [10, "20-30"], native = 1}',
    "netem": 'netem.in = {loss = "1%"}, netem.out = {delay = "20ms"}',
    "capture": 'capture = {file = "/tmp/web.pcapng"}',
    "stp": "stp = {} has all defaults",
    "loop": "loop = {} has all defaults",
    "lldp": "lldp = {} has all defaults",
    "storm": "storm = {broadcast = 100}, frames a second",
    "rate": "rate = {ingress = 10000000}, bits a second",
    "ingress": "10000000 is 10 Mbit/s",
    "egress": "10000000 is 10 Mbit/s",
    "mirror": 'mirror = {to = "NAME"}',
    "static": 'static = [{mac = "52:54:00:12:34:56"}]',
}


def explain(message: str, raw: object, spec: type[msgspec.Struct]) -> SpecError:
    """Return what msgspec's `message` about `raw`, which was to become a `spec`, means: key, value, what is allowed."""
    text, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".").partition("[...]")[0]
    where = path or "the specification"
    parts = [int(match[1]) if match[1] else match[2] for match in _PART.finditer(path)]
    wanted, value = _walk(inspect.type_info(spec), raw, parts)
    if isinstance(wanted, inspect.DictType) and isinstance(value, dict):
        wrong = next((key for key, inner in value.items() if not isinstance(inner, str | int | float)), None)
        wanted, value, where = (wanted.value_type, value.get(wrong), f"{where}.{wrong}")
    if isinstance(wanted, inspect.StructType) and isinstance(value, dict):
        if (unknown := _UNKNOWN.search(text)) is not None:
            return _unknown(where, unknown[1], wanted)
        missing = [field.encode_name for field in wanted.fields if field.required and field.encode_name not in value]
        if missing:
            keys = f"key {missing[0]} is" if len(missing) == 1 else f"keys {', '.join(missing)} are"
            return SpecError(f"{where}: the {keys} missing")
    if wanted is None:
        return SpecError(f"{where}: {text[:1].lower()}{text[1:]}")
    return SpecError(f"{where}: {_show(value)} is {_refusal(wanted)}", hint=_hint(parts, wanted, value))


def _walk(wanted: inspect.Type | None, value: Any, parts: list[str | int]) -> tuple[inspect.Type | None, Any]:
    """Return what is allowed at a path, and what is there. Nothing is allowed where the path leads nowhere."""
    wanted = _choose(wanted, value)
    for part in parts:
        if isinstance(wanted, inspect.StructType) and isinstance(value, dict):
            wanted = next((field.type for field in wanted.fields if field.encode_name == part), None)
            value = value.get(part)
        elif isinstance(wanted, inspect.VarTupleType) and isinstance(value, list | tuple) and isinstance(part, int):
            wanted, value = wanted.item_type, value[part] if part < len(value) else None
        else:
            return None, value
        wanted = _choose(wanted, value)
    return wanted, value


def _choose(wanted: inspect.Type | None, value: object) -> inspect.Type | None:
    """Return the one of several that is meant: not nothing, and of structs the one whose tag the value has."""
    if not isinstance(wanted, inspect.UnionType):
        return wanted
    types = [one for one in wanted.types if not isinstance(one, inspect.NoneType)]
    structs = [one for one in types if isinstance(one, inspect.StructType)]
    if len(structs) > 1:
        tagged = (one for one in structs if isinstance(value, dict) and value.get(one.tag_field) == one.tag)
        return next(tagged, structs[0])
    return types[0] if len(types) == 1 else inspect.UnionType(tuple(types))


def _unknown(where: str, key: str, wanted: inspect.StructType) -> SpecError:
    known = [wanted.tag_field] if wanted.tag_field else []
    known += [field.encode_name for field in wanted.fields]
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    return SpecError(f"{where}: no key {key!r}", hint=hint)


def _refusal(wanted: inspect.Type) -> str:
    if isinstance(wanted, inspect.LiteralType):
        return f"none of {', '.join(map(str, wanted.values))}"
    return f"not {_describe(wanted)}"


def _describe(wanted: inspect.Type) -> str:
    match wanted:
        case inspect.IntType(ge=int(least), le=int(most)):
            text = f"a whole number from {least} to {most}"
        case inspect.StructType() if len(wanted.fields) <= _MANY:
            text = f"a table (keys: {', '.join(field.encode_name for field in wanted.fields)})"
        case inspect.UnionType():
            text = " or ".join(map(_describe, wanted.types))
        case _:
            text = _PLAIN.get(type(wanted), "a table")
    return text


def _show(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _hint(parts: list[str | int], wanted: inspect.Type, value: object) -> str | None:
    key = parts[-1] if parts else ""
    if key in _EXAMPLES and parts[:1] != ["tunnel"]:
        return f"for example: {_EXAMPLES[str(key)]}"
    if isinstance(wanted, inspect.VarTupleType) and isinstance(value, str) and isinstance(key, str):
        return f'in brackets: {key} = ["{value}"]; in a shell: \'{key}=["{value}"]\''
    if isinstance(wanted, inspect.StrType) and isinstance(value, int | float) and isinstance(key, str):
        return f'in quotes: {key} = "{value}"; in a shell: {key}=\'"{value}"\''
    return None
