"""Commands that change one port of a running switch."""

import json
import tomllib
from pathlib import Path
from typing import Any

import click

from vether.cli.client import connect, folder_option
from vether.errors import SpecError

_words = click.argument("words", nargs=-1, metavar="[NETWORK] NAME [KEY=VALUE]...")

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@_words
@folder_option
@_json
def add(words: tuple[str, ...], folder: Path | None, *, as_json: bool) -> None:
    """Add the port NAME to NETWORK: `vether add lan uml kind=bess netem.in.loss=1%`. docs/vether.md has the keys.

    With --dir NETWORK is left out. The file that the switch was started with does not change.
    """
    network, name, keys = _take_apart("add", words, folder)
    port = {key: value for key, value in _parse(keys).items() if value is not None}
    _call(as_json, network, folder, "add", port={**port, "name": name})


@click.command("del")
@click.argument("words", nargs=-1, metavar="[NETWORK] NAME")
@folder_option
@_json
def delete(words: tuple[str, ...], folder: Path | None, *, as_json: bool) -> None:
    """Remove the port NAME from NETWORK. With --dir NETWORK is left out."""
    network, name, keys = _take_apart("del", words, folder)
    if keys:
        raise click.UsageError(f"{keys[0]!r} is too much: del takes no KEY=VALUE")
    _call(as_json, network, folder, "del", name=name)


@click.command("set")
@_words
@folder_option
@_json
def change(words: tuple[str, ...], folder: Path | None, *, as_json: bool) -> None:
    """Change keys of the port NAME of NETWORK: `vether set lan uml mac=52:54:00:00:00:01`. `KEY=` takes one away.

    `vether set lan uml netem.in.loss=1%` changes one key of a table. With --dir NETWORK is left out.
    """
    network, name, keys = _take_apart("set", words, folder)
    if not keys:
        raise click.UsageError("Nothing to change: KEY=VALUE is missing, such as mac_limit=4")
    _call(as_json, network, folder, "set", name=name, changes=_parse(keys))


def _take_apart(command: str, words: tuple[str, ...], folder: Path | None) -> tuple[str | None, str, tuple[str, ...]]:
    """Return NETWORK, which a folder stands for, NAME, and the rest."""
    count = 1 if folder else 2
    names, rest = words[:count], words[count:]
    if len(names) < count or any("=" in name for name in names):
        missing = "NAME" if folder or (names and "=" not in names[0]) else "NETWORK and NAME"
        raise click.UsageError(f"{missing} missing: vether {command} {'' if folder else 'NETWORK '}NAME")
    if folder and rest and "=" not in rest[0]:
        raise click.UsageError(f"{rest[0]!r} is too much: --dir stands for NETWORK, so leave {names[0]!r} out")
    return (None if folder else names[0]), names[-1], rest


def _call(as_json: bool, network: str | None, folder: Path | None, operation: str, **arguments: object) -> None:
    with connect(network, folder) as client:
        answer = client.call(operation, **arguments)
    for line in [json.dumps(answer, indent=2)] if as_json else answer["changed"]:
        click.echo(line)


def _parse(keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of `KEY=VALUE`: numbers, booleans and arrays as in TOML, else text; nothing is None."""
    values: dict[str, Any] = {}
    for word in keys:
        key, equals, text = word.partition("=")
        if not key or not equals:
            raise SpecError(f"{word!r} is not KEY=VALUE", hint="such as kind=vde; docs/vether.md has the keys")
        values[key] = _value(key, text)
    return values


def _value(key: str, text: str) -> object:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        # `[` may also begin an IPv6 address.
        if text.startswith("{") or (text.startswith("[") and "]" not in text):
            hint = f"a whole table or list in quotes of the shell: '{key}={{access = 10}}', '{key}=[1, 2]'"
            raise SpecError(f"{key}: {text!r} is not TOML: {error}", hint=hint) from error
        return text or None
    # 10:20:30 would be a time.
    return value if isinstance(value, bool | int | float | list | dict | str) else text
