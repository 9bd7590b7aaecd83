"""The page about vether says what the code does."""

import re
from pathlib import Path
from typing import Any

from vether.config import ForwardSpec, HostSpec, Spec
from vether.metrics.families import families
from vether.metrics.snapshot import Snapshot
from vether.neighbours.spec import LldpSpec, LoopSpec, PortStpSpec, StpSpec
from vether.peerspec import PeerSpec, TunnelSpec
from vether.ports import KINDS, PortSpec
from vether.ports.policy import PolicySpec
from vkd._native import drop_reasons, tunnel_drop_reasons

PAGE = (Path(__file__).parents[3] / "docs" / "vether.md").read_text()


def rows(after: str) -> list[list[str]]:
    """Return the cells of the first table behind the marker `after`."""
    table = PAGE.split(f"<!-- {after}", 1)[1].split("\n\n")[1]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_every_drop_reason_is_there_in_its_words() -> None:
    assert [(re.sub("`", "", name), text) for name, text in rows("drop reasons")] == drop_reasons()


def test_every_drop_reason_of_tunnels_is_there_in_its_words() -> None:
    table = [(re.sub("`", "", name), text) for name, text in rows("tunnel drop reasons")]
    assert table == tunnel_drop_reasons()


def test_every_key_is_there() -> None:
    keys = list(Spec.__struct_fields__)
    policy = PolicySpec.__struct_fields__
    who = [key for key in PortSpec.__struct_fields__ if key not in policy]
    keys += [f"ports[].{key}" for key in ("kind", *who, *policy)]
    keys += [f"forwards[].{key}" for key in ForwardSpec.__struct_fields__]
    keys += [f"hosts[].{key}" for key in HostSpec.__struct_fields__]
    keys += [f"tunnel.{key}" for key in TunnelSpec.__struct_fields__]
    keys += [f"peers[].{key}" for key in PeerSpec.__struct_fields__]
    assert [row[0].strip("`") for row in rows("keys")] == keys


def test_every_key_of_spanning_tree_loop_detector_and_lldp_is_there() -> None:
    for marker, struct in (("stp", StpSpec), ("port stp", PortStpSpec), ("lldp", LldpSpec), ("loop", LoopSpec)):
        table = rows(f"{marker}: checked")
        assert [row[0].strip("`") for row in table] == list(struct.__struct_fields__)
        for row, default in zip(table, struct.__struct_defaults__, strict=True):
            if default is not None:
                assert row[1].strip("`") == (f"{default:g}" if isinstance(default, float) else str(default).lower())


def test_every_kind_of_port_and_its_keys_are_there() -> None:
    own = {name: kind.__struct_fields__[len(PortSpec.__struct_fields__) :] for name, kind in KINDS.items()}
    page = {row[0].strip("`"): tuple(re.findall(r"`(\w+)`", row[1])) for row in rows("kinds")}
    assert page == own


def full_snapshot() -> Snapshot:
    """Return a switch without ports whose metrics are all there."""
    tree = {"ports": [], "is_root": True, "root_path_cost": 0, "topology_changes": 0}
    lists: dict[str, Any] = {name: [] for name in ("ports", "peers", "netem", "loops", "neighbours")}
    names = ("addresses", "addresses_refused", "groups", "groups_refused", "events", "followers", "time")
    numbers: dict[str, Any] = dict.fromkeys(names, 0)
    return Snapshot(network="lan", version="1", stp=tree, tunnel_drops={}, **lists, **numbers)


def test_every_metric_is_there_in_its_words() -> None:
    table = [(row[0].strip("`"), row[2]) for row in rows("metrics")]
    suffix = {"counter": "_total"}
    assert table == [(f.name + suffix.get(f.type, ""), f.documentation) for f in families(full_snapshot())]
