"""Two looks at a switch and what happened between them."""

from typing import Any

from vether.config import convert_untrusted
from vether.monitor.diff import Look, changed_ports, changes, limits


def port(name: str, *, carrier: bool = False, kind: str = "guest", over: int = 0) -> dict[str, Any]:
    return {"name": name, "kind": kind, "carrier": carrier, "peer": None, "drops": {"mac-limit": over}}


def look(*ports: dict[str, Any], **more: list[dict[str, Any]]) -> Look:
    empty: dict[str, list[dict[str, Any]]] = {"forwards": [], "netem": [], "captures": []}
    return Look(ports=list(ports), **{**empty, **more})


def test_ports_come_and_go_with_their_carriers() -> None:
    before = look(port("a"), port("b", carrier=True))
    after = look(port("a", carrier=True), port("c", carrier=True))
    assert list(changes(before, after)) == [
        ("port-removed", {"port": "b", "kind": "guest"}),
        ("port-added", {"port": "c", "kind": "guest"}),
        ("carrier-up", {"port": "a", "peer": None}),
        ("carrier-up", {"port": "c", "peer": None}),
    ]
    assert list(changes(after, after)) == []
    assert list(changes(after, look(port("a"), port("c", carrier=True)))) == [
        ("carrier-down", {"port": "a", "peer": None})
    ]


def test_a_port_of_another_kind_is_another_port() -> None:
    after = look(port("a", kind="tap"))
    assert [name for name, _ in changes(look(port("a")), after)] == ["port-removed", "port-added"]


def test_forwards_netem_and_captures() -> None:
    forward = {"proto": "tcp", "host": "127.0.0.1", "host_port": 8080, "guest": "10.0.0.2", "guest_port": 80}
    netem = {"port": "a", "direction": "in", "settings": {"loss": "1%"}, "lost": 3}
    capture = {"number": 1, "ports": "a", "direction": "both", "file": None, "packets": 7}
    full = look(forwards=[forward], netem=[netem], captures=[capture])
    assert list(changes(look(), full)) == [
        ("forward-added", forward),
        ("netem", {"port": "a", "direction": "in", "settings": {"loss": "1%"}}),
        ("capture-started", {"ports": "a", "direction": "both", "file": None}),
    ]
    counted = look(forwards=[forward], netem=[{**netem, "lost": 4}], captures=[{**capture, "packets": 8}])
    assert list(changes(full, counted)) == []
    assert [(name, row.get("settings")) for name, row in changes(full, look())] == [
        ("forward-removed", None),
        ("netem", {}),
        ("capture-ended", None),
    ]


def test_limits_are_told_by_how_much() -> None:
    assert list(limits([port("a", over=2), port("b")], [port("a", over=5), port("b"), port("c", over=1)])) == [
        ("address-limit", {"port": "a", "frames": 3}),
        ("address-limit", {"port": "c", "frames": 1}),
    ]
    # Opened anew: its counters begin again.
    assert list(limits([port("a", over=5)], [port("a", over=1)])) == []


def test_keys_that_changed_are_named() -> None:
    def spec(**more: object) -> Any:
        return convert_untrusted({"name": "lan", "gateway": False, "ports": [{"name": "a"}, {"name": "b", **more}]})

    before, after = spec(), spec(isolated=True, vlan={"access": 7})
    ((event, fields),) = changed_ports(before, after)
    assert (event, fields["port"], set(fields["keys"])) == ("port-changed", "b", {"isolated", "vlan"})
    assert list(changed_ports(before, before)) == []
