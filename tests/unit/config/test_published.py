"""What is published of the schema is up to date and true: the reference, the JSON schema, the examples."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from vkd.config import load, parse_untrusted, reference
from vkd.config.check import table_type
from vkd.config.schema import ClusterTable, GuestTable, NetworkTable

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "configs").glob("*.toml"))


def test_the_reference_is_up_to_date() -> None:
    folder = ROOT / reference.FOLDER
    assert (folder / "config.md").read_text() == reference.reference(), "run python -m vkd.config.reference"
    assert (folder / "cluster.schema.json").read_text() == reference.json_schema(), "run python -m vkd.config.reference"


def test_the_json_schema_knows_every_key() -> None:
    document = json.loads(reference.json_schema())
    for table in (ClusterTable, GuestTable, NetworkTable):
        names = {field.encode_name for field in table_type(table).fields}
        assert set(document["$defs"][table.__name__]["properties"]) == names
        assert document["$defs"][table.__name__]["additionalProperties"] is False


def test_there_are_examples() -> None:
    assert "cluster.toml" in [path.name for path in EXAMPLES]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    assert load(path).cluster.guests


def test_the_shipped_cluster_is_two_guests_on_one_network() -> None:
    demo = load(ROOT / "configs/cluster.toml").cluster
    assert [(guest.name, guest.memory) for guest in demo.guests.values()] == [("a", 128 << 20), ("b", 128 << 20)]
    assert list(demo.networks) == ["lan"]


def test_the_shipped_cluster_names_every_key() -> None:
    text = (ROOT / "configs/cluster.toml").read_text()
    for table in (ClusterTable, GuestTable, NetworkTable):
        for field in table_type(table).fields:
            assert re.search(rf"^(# )?(\[+([a-z.]+\.)?)?{field.encode_name}\b", text, re.MULTILINE), field.encode_name


def test_the_commented_keys_are_valid_and_are_the_defaults() -> None:
    text = (ROOT / "configs/cluster.toml").read_text()
    plain = load(ROOT / "configs/cluster.toml").cluster
    for line in re.findall(r"^# (\w+ = .*)$", text.split("[networks.lan]")[0], re.MULTILINE):
        key = line.split()[0]
        if "no default" in line or key in {"mirror", "image", "memory", "LANG", "policy"} or key not in _guest_keys():
            continue
        inserted = f"name = 'demo'\n[networks.lan]\nsubnet='10.77.0.0/24'\n[defaults]\n{line}\n[guests.a]\n[guests.b]\n"
        tomllib.loads(inserted)
        assert parse_untrusted(inserted, "x", "x", ROOT).cluster == plain, line


def _guest_keys() -> set[str]:
    return {field.encode_name for field in table_type(GuestTable).fields}
