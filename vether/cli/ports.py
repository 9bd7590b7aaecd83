"""Commands that change one port of a running switch."""

import tomllib
from pathlib import Path
from typing import Any

import click

from vether.cli.client import connect
from vether.errors import SpecError

_network = click.argument("network")
_name = click.argument("name")
_keys = click.argument("keys", nargs=-1, metavar="[KEY=VALUE]...")
_folder = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="Runtime folder, if not the default one."
)


@click.command()
@_network
@_name
@_keys
@_folder
def add(network: str, name: str, keys: tuple[str, ...], folder: Path | None) -> None:
    """Add the port NAME to NETWORK: `vether add lan uml kind=bess`. docs/vether.md has the keys.

    The file that the switch was started with does not change.
    """
    port = {key: value for key, value in _parse(keys).items() if value is not None}
    _call(network, folder, "add", port={**port, "name": name})


@click.command("del")
@_network
@_name
@_folder
def delete(network: str, name: str, folder: Path | None) -> None:
    """Remove the port NAME from NETWORK."""
    _call(network, folder, "del", name=name)


@click.command("set")
@_network
@_name
@_keys
@_folder
def change(network: str, name: str, keys: tuple[str, ...], folder: Path | None) -> None:
    """Change keys of the port NAME of NETWORK: `vether set lan uml mac=52:54:00:00:00:01`. `KEY=` takes one away."""
    _call(network, folder, "set", name=name, changes=_parse(keys))


def _call(network: str, folder: Path | None, operation: str, **arguments: object) -> None:
    with connect(None if folder else network, folder) as client:
        for line in client.call(operation, **arguments)["changed"]:
            click.echo(line)


def _parse(keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of `KEY=VALUE`: numbers, booleans and arrays as in TOML, else text; nothing is None."""
    values: dict[str, Any] = {}
    for word in keys:
        key, equals, text = word.partition("=")
        if not key or not equals:
            raise SpecError(f"{word!r} is not KEY=VALUE", hint="such as kind=vde; docs/vether.md has the keys")
        values[key] = _value(text)
    return values


def _value(text: str) -> object:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text or None
    # 10:20:30 would be a time.
    return value if isinstance(value, bool | int | float | list | dict | str) else text
