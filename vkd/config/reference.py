"""Write the reference of the cluster file from its schema: `python -m vkd.config.reference [FOLDER]`.

`config.md` is for people, `cluster.schema.json` (JSON Schema 2020-12) for editors: a first line such as
`#:schema ./docs/reference/cluster.schema.json` makes them complete and check a cluster file.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, inspect

from vkd.config import passed, schema
from vkd.config.check import allowed, table_type

FOLDER = Path("docs/reference")

_TABLES: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("The file", schema.ClusterTable),
    ("`[networks.NAME]`", schema.NetworkTable),
    ("`[hosts.NAME]`", schema.HostTable),
    ("`[guests.NAME]`, `[images.NAME]`, `[defaults]`", schema.GuestTable),
    ("`[[guests.NAME.nics]]`", schema.NicTable),
    ("`[[guests.NAME.disks]]`", schema.DiskTable),
    ("`[guests.NAME.restart]`", schema.RestartTable),
    ("`[guests.NAME.ssh]`", schema.SshTable),
    ('`[guests.NAME.files."/PATH"]`', schema.FileTable),
)

#: Tables with keys that vether checks.
_SWITCH = (passed.SwitchKeys, passed.PortKeys)

_HEAD = """# The cluster file

Generated from `vkd/config/schema.py` by `python -m vkd.config.reference`; change it there.

A cluster file is [TOML](https://toml.io/en/v1.0.0). `vkd up FILE` starts what it describes, `vkd validate FILE`
checks it. Guests inherit: `[defaults]`, then the `[images.NAME]` that they boot, then their own keys; the later wins.
Tables (`env`, `files`, `restart`, `ssh`) merge key by key, lists are replaced. Relative file names are seen from the
folder of the cluster file, and `~` is your home folder. A file as short as `[guests.a]` is complete.
"""


def reference() -> str:
    """Return the reference page, Markdown."""
    parts = [_HEAD]
    for title, table in _TABLES:
        parts.append(f"## {title}\n\n{(table.__doc__ or '').strip()}\n")
        rows = ["| key | allowed | default | meaning | example |", "|---|---|---|---|---|"]
        rows += [_row(field) for field in _own_first(table)]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def json_schema() -> str:
    """Return the JSON schema, with what TOML types do not express said in the descriptions."""
    document = msgspec.json.schema(schema.ClusterTable)
    for table in (table for _, table in _TABLES):
        properties = document["$defs"][table.__name__]["properties"]
        for field in table_type(table).fields:
            if isinstance(field.type, inspect.Metadata) and (kind := (field.type.extra or {}).get("kind")):
                text = f" Allowed: {kind.allowed}." if kind is not passed.SWITCH else ""
                properties[field.encode_name]["description"] += text
    _add_switch(document["$defs"])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "vkd cluster file"}
    return json.dumps(head | document, indent=2, ensure_ascii=False) + "\n"


def _own_first(table: type[msgspec.Struct]) -> list[inspect.Field]:
    """Return the keys of a table, vkd's own in front of the switch's."""
    switch = {*passed.SWITCH_KEYS, *passed.PORT_KEYS}
    return sorted(table_type(table).fields, key=lambda field: issubclass(table, _SWITCH) and field.name in switch)


def _add_switch(definitions: dict[str, Any]) -> None:
    """Give the keys that vether checks the types that they have there."""
    from vether.config import Spec  # noqa: PLC0415 - the reference alone needs its types
    from vether.ports import KINDS, PortSpec  # noqa: PLC0415

    structs = [Spec, PortSpec, *KINDS.values()]
    _, theirs = msgspec.json.schema_components(structs, ref_template="#/$defs/{name}")
    spec, port = theirs.pop("Spec"), theirs.pop("PortSpec")
    for table, source in (("NetworkTable", spec), ("NicTable", port)):
        for key, known in definitions[table]["properties"].items():
            if key in (passed.SWITCH_KEYS if source is spec else passed.PORT_KEYS):
                about = {part: known[part] for part in ("description", "examples")}
                definitions[table]["properties"][key] = {**_without_default(source["properties"][key]), **about}
    for kind, struct in KINDS.items():
        definition = theirs[struct.__name__]
        definition["properties"]["host"] = {
            "type": "string",
            "description": "Which of [hosts] has it; all if not given.",
        }
        if kind == "guest":
            definition["required"].remove("kind")
    definitions.update(theirs)


def _without_default(schema_: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema_.items() if key != "default"}


def _row(field: inspect.Field) -> str:
    assert isinstance(field.type, inspect.Metadata)  # noqa: S101 - every key of the schema is described
    about = field.type.extra or {}
    text = (field.type.extra_json_schema or {})["description"]
    cells = [f"`{field.encode_name}`", allowed(field.type), _default(field, about), text, _code(about["example"])]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: inspect.Field, about: dict[str, Any]) -> str:
    if field.required:
        return "required"
    if about.get("default"):
        return str(about["default"])
    value = field.default if field.default_factory is NODEFAULT else field.default_factory()
    assert value not in (NODEFAULT, UNSET), field.name  # noqa: S101 - an open default is described
    return _code(value)


def _code(value: Any) -> str:
    return f"`{toml(value)}`"


def toml(value: Any) -> str:
    """Return `value` as TOML writes it on one line."""
    if isinstance(value, dict):
        inner = ", ".join(f"{toml(key) if not key.isidentifier() else key} = {toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(toml(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)


def write(folder: Path = FOLDER) -> None:
    """Write both files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.md").write_text(reference())
    (folder / "cluster.schema.json").write_text(json_schema())


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:2]))
