"""Two looks at a switch, and what happened between them, as events."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vether.config import Spec, to_map

#: The name of an event, and what belongs to it.
Change = tuple[str, dict[str, Any]]

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What there is at one moment: rows as `vether show` has them."""

    ports: Sequence[Row]
    forwards: Sequence[Row]
    netem: Sequence[Row]
    captures: Sequence[Row]


def changes(before: Look, after: Look) -> Iterator[Change]:
    """Yield what happened between two looks."""
    yield from _ports(before.ports, after.ports)
    for what, row in _come_and_gone(before.forwards, after.forwards, _forward):
        yield f"forward-{what}", dict(row)
    yield from _netem(before.netem, after.netem)
    for what, row in _come_and_gone(before.captures, after.captures, lambda row: row["number"]):
        fields = ("ports", "direction", "file")
        yield f"capture-{'started' if what == 'added' else 'ended'}", {name: row[name] for name in fields}


def limits(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Change]:
    """Yield at which ports frames were dropped since there were too many addresses. Rows are those of ports."""
    had = {row["name"]: row["drops"]["mac-limit"] for row in before}
    for row in after:
        count = row["drops"]["mac-limit"] - had.get(row["name"], 0)
        if count > 0:
            yield "address-limit", {"port": row["name"], "frames": count}


def changed_ports(before: Spec, after: Spec) -> Iterator[Change]:
    """Yield which ports were there and are there, and which of their keys changed."""
    old = {port["name"]: port for port in to_map(before)["ports"]}
    for port in to_map(after)["ports"]:
        was = old.get(port["name"])
        if was is not None and was != port:
            keys = [key for key in {**was, **port} if was.get(key) != port.get(key)]
            yield "port-changed", {"port": port["name"], "keys": keys}


def _ports(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Change]:
    for what, row in _come_and_gone(before, after, lambda row: (row["name"], row["kind"])):
        yield f"port-{what}", {"port": row["name"], "kind": row["kind"]}
    had = {row["name"]: row["carrier"] for row in before}
    for row in after:
        if row["carrier"] != had.get(row["name"], False):
            state = "up" if row["carrier"] else "down"
            yield f"carrier-{state}", {"port": row["name"], "peer": row["peer"]}


def _netem(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Change]:
    old = {(row["port"], row["direction"]): row["settings"] for row in before}
    new = {(row["port"], row["direction"]): row["settings"] for row in after}
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            yield "netem", {"port": key[0], "direction": key[1], "settings": new.get(key, {})}


def _forward(row: Row) -> tuple[Any, ...]:
    return tuple(row.values())


def _come_and_gone(before: Sequence[Row], after: Sequence[Row], key: Callable[[Row], Any]) -> Iterator[tuple[str, Row]]:
    old, new = {key(row): row for row in before}, {key(row): row for row in after}
    yield from (("removed", row) for name, row in old.items() if name not in new)
    yield from (("added", row) for name, row in new.items() if name not in old)
