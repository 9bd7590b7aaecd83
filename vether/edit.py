"""Specifications with one port more, less or changed: what `vether add`, `del` and `set` ask for."""

from typing import Any

from vether.config import Spec, convert_untrusted, to_map
from vether.errors import SpecError
from vether.ports import PortSpec


def add_untrusted(spec: Spec, port: object) -> Spec:
    """Return `spec` with `port`, a map, at the end. Raises `SpecError` if its name is taken, or if it is wrong."""
    raw = to_map(spec)
    name = port.get("name") if isinstance(port, dict) else None
    if any(name == known.name for known in spec.ports):
        raise SpecError(f"there is a port {name!r} already", hint="change it with `vether set`, or take another name")
    if isinstance(port, dict) and all(isinstance(key, str) for key in port):
        port = _patched({}, port)
    return convert_untrusted({**raw, "ports": [*raw["ports"], port]})


def remove_untrusted(spec: Spec, name: object) -> Spec:
    """Return `spec` without the port `name`. Raises `SpecError` if there is none."""
    _index(spec, name)
    raw = to_map(spec)
    return convert_untrusted({**raw, "ports": [port for port in raw["ports"] if port["name"] != name]})


def change_untrusted(spec: Spec, name: object, changes: object) -> Spec:
    """Return `spec` with the port `name` changed: a key's value is replaced, with None by what it is without the key.

    A key with dots is one within a table, as in TOML: `netem.in.loss` leaves the rest of `netem` as it is.
    A change of the kind forgets the keys that are the old kind's alone. Raises `SpecError` if there is no such port, or
    if it were wrong.
    """
    index = _index(spec, name)
    if not isinstance(changes, dict) or not all(isinstance(key, str) for key in changes):
        raise SpecError("changes: a map of the port's keys is wanted")
    if "name" in changes:
        raise SpecError("a port's name does not change", hint="remove it and add another one")
    raw = to_map(spec)
    port: dict[str, Any] = raw["ports"][index]
    if changes.get("kind", port["kind"]) != port["kind"]:
        common = {key: value for key, value in port.items() if key in PortSpec.__struct_fields__}
        port = {**common, "kind": changes["kind"]}
    port = _patched(port, changes)
    return convert_untrusted({**raw, "ports": [*raw["ports"][:index], port, *raw["ports"][index + 1 :]]})


def _patched(port: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `port` with values set, or removed (None), at keys that may have dots."""
    result = {key: value for key, value in port.items() if value is not None}
    for path, value in changes.items():
        *tables, last = path.split(".")
        table = result
        for key in tables:
            inner = table.get(key)
            if inner is not None and not isinstance(inner, dict):
                raise SpecError(f"{path}: {key} is not a table, but {inner!r}")
            table[key] = table = dict(inner or {})
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    return result


def _index(spec: Spec, name: object) -> int:
    names = [port.name for port in spec.ports]
    if name not in names:
        raise SpecError(
            f"there is no port {name!r} in the specification", hint=f"there are: {', '.join(names) or 'none'}"
        )
    return names.index(str(name))
