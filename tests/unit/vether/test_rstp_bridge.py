"""One bridge and bytes: what it says, refuses and guards."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vether.rstp import (
    Bpdu,
    BpduType,
    Bridge,
    BridgeConfig,
    Flush,
    Notice,
    ParameterError,
    PortConfig,
    PortState,
    Send,
    SetState,
)
from vether.rstp.bpdu import EncodedRole, Flag, decode_untrusted
from vether.rstp.machines import PORT_INFORMATION, PORT_ROLE_TRANSITIONS, TOPOLOGY_CHANGE
from vether.rstp.machines import __all__ as names
from vether.rstp.parameters import path_cost
from vether.statemachine import Machine

OWN = bytes([2, 0, 0, 0, 0, 9])
BETTER = 0x8000_020000000001


def config(**more: Any) -> BridgeConfig:
    return BridgeConfig(address=OWN, **more)


def bridge(*ports: PortConfig, **more: Any) -> Bridge:
    made = Bridge(config(**more))
    for port in ports:
        made.add_port(port, 0.0)
        made.port_up(port.name, 0.0)
    return made


def designated(flags: Flag = Flag(0), **more: Any) -> bytes:  # noqa: B008
    fields = {"root_id": BETTER, "bridge_id": BETTER, "port_id": 0x8001, "max_age": 20, "hello_time": 2}
    return Bpdu(BpduType.RST, flags, EncodedRole.DESIGNATED, **{**fields, "forward_delay": 15, **more}).encode()


def run(made: Bridge, seconds: int, start: int = 0) -> list[Any]:
    return [(now, output) for now in range(start + 1, start + seconds + 1) for output in made.tick(now)]


def states(made: Bridge) -> dict[str, str]:
    return {row["port"]: row["state"] for row in made.show(0)["ports"]}


def test_a_proposal_is_agreed_to_after_the_others_are_closed() -> None:
    made = bridge(PortConfig(name="up"), PortConfig(name="down", auto_edge=False))
    made.receive("up", designated(), 0)
    run(made, 5)
    made.receive("up", designated(), 5)
    run(made, 2, 5)
    made.port("down").fdWhile = 0
    run(made, 3, 7)
    assert states(made) == {"up": "forwarding", "down": "forwarding"}
    # Worse than what the bridge below agreed to.
    proposal = designated(Flag.PROPOSAL, root_path_cost=9)
    out = [output for output in made.receive("up", proposal, 11) if not isinstance(output, Notice)]
    closed = out.index(SetState("down", PortState.Discarding))
    agreements = [
        i
        for i, output in enumerate(out)
        if isinstance(output, Send) and output.port == "up" and decode_untrusted(output.data).flags & Flag.AGREEMENT
    ]
    assert agreements
    assert closed < agreements[0]
    assert states(made) == {"up": "forwarding", "down": "discarding"}


def test_the_old_root_port_is_closed_before_the_new_one_opens() -> None:
    made = bridge(PortConfig(name="a"), PortConfig(name="b"))
    made.receive("a", designated(), 1)
    made.receive("b", designated(bridge_id=BETTER + 1, root_path_cost=100), 1)
    assert states(made) == {"a": "forwarding", "b": "discarding"}
    out = [output for output in made.receive("a", designated(root_path_cost=5000), 2) if isinstance(output, SetState)]
    assert [(output.port, output.state.value) for output in out] == [
        ("a", "discarding"),
        ("b", "learning"),
        ("b", "forwarding"),
    ]


def test_an_edge_port_forwards_at_once_and_a_silent_one_after_migrate_time() -> None:
    made = bridge(
        PortConfig(name="edge", admin_edge=True), PortConfig(name="auto"), PortConfig(name="no", auto_edge=False)
    )
    assert states(made) == {"edge": "forwarding", "auto": "discarding", "no": "discarding"}
    run(made, 3)
    assert states(made)["auto"] == "forwarding"
    run(made, 18, 3)
    assert states(made)["no"] != "forwarding"
    run(made, 2, 21)
    assert states(made)["no"] == "forwarding"


def test_an_edge_port_that_hears_a_bpdu_is_none() -> None:
    made = bridge(PortConfig(name="edge", admin_edge=True))
    made.receive("edge", designated(Flag.PROPOSAL, root_id=0xF000 << 48 | 5, bridge_id=0xF000 << 48 | 5), 1)
    assert not made.port("edge").operEdge


def test_an_edge_port_changes_no_topology() -> None:
    made = bridge(PortConfig(name="up"), PortConfig(name="edge", admin_edge=True))
    made.receive("up", designated(), 1)
    run(made, 60)
    before = made.topology_changes
    made.port_down("edge", 61)
    out = made.port_up("edge", 62)
    assert made.topology_changes == before
    assert Flush("up") not in out


def test_bpdu_guard_takes_the_port_down_and_tries_it_again() -> None:
    made = bridge(PortConfig(name="edge", admin_edge=True, bpdu_guard=True), guard_time=10)
    out = made.receive("edge", designated(), 1)
    assert SetState("edge", PortState.Discarding) in out
    assert [output.what for output in out if isinstance(output, Notice)] == ["bpdu-guard"]
    assert made.show(1)["ports"][0]["guard"] == "bpdu"
    assert made.rootPriority.RootBridgeID == made.config.BridgeIdentifier
    made.receive("edge", designated(), 2)
    assert made.port("edge").counters["bpdu-disabled"] == 1
    run(made, 9, 1)
    assert states(made) == {"edge": "discarding"}
    run(made, 2, 10)
    assert states(made) == {"edge": "forwarding"}


def test_bpdu_guard_forgets_when_the_link_goes() -> None:
    made = bridge(PortConfig(name="edge", admin_edge=True, bpdu_guard=True))
    made.receive("edge", designated(), 1)
    made.port_down("edge", 2)
    made.port_up("edge", 3)
    assert states(made) == {"edge": "forwarding"}


def test_no_more_than_the_hold_count_is_sent() -> None:
    made = bridge(PortConfig(name="a"), tx_hold_count=3)
    run(made, 3)
    sent = 0
    for cost in range(100):
        flags = Flag.PROPOSAL
        out = made.receive("a", designated(flags, root_path_cost=cost), 3)
        sent += sum(isinstance(output, Send) for output in out)
    assert sent == 3
    assert sum(isinstance(output, Send) for _, output in run(made, 1, 3)) == 1


def test_a_neighbour_that_speaks_stp_is_answered_in_stp_and_again_in_rstp() -> None:
    made = bridge(PortConfig(name="a"))
    old = Bpdu(BpduType.CONFIGURATION, root_id=2**63 + 2**62, bridge_id=2**63 + 2**62, port_id=1, max_age=20)
    for now in range(1, 9):
        made.receive("a", old.encode(), now)
        run(made, 1, now - 1)
    assert made.show(9)["ports"][0]["version"] == "stp"
    kinds = {decode_untrusted(output.data).type for _, output in run(made, 4, 8) if isinstance(output, Send)}
    assert kinds == {BpduType.CONFIGURATION}
    run(made, 3, 12)
    made.receive("a", designated(), 16)
    run(made, 4, 16)
    assert made.show(16)["ports"][0]["version"] == "rstp"


def test_a_tcn_is_acknowledged() -> None:
    made = bridge(PortConfig(name="a"), PortConfig(name="b", auto_edge=False), force_version=0)
    run(made, 60)
    out = made.receive("a", Bpdu(BpduType.TCN).encode(), 61)
    assert Flush("b") in out
    sent = [decode_untrusted(o.data) for _, o in run(made, 3, 61) if isinstance(o, Send) and o.port == "a"]
    assert sent[0].flags == Flag.TOPOLOGY_CHANGE | Flag.TOPOLOGY_CHANGE_ACK
    assert not sent[-1].flags & Flag.TOPOLOGY_CHANGE_ACK


def test_old_information_is_not_taken() -> None:
    made = bridge(PortConfig(name="a"))
    made.receive("a", designated(message_age=20), 1)
    made.tick(1)
    assert made.show(1)["is_root"]


def test_information_ages_after_three_hellos() -> None:
    made = bridge(PortConfig(name="a"))
    made.receive("a", designated(), 0.5)
    run(made, 5)
    assert not made.show(5)["is_root"]
    made.tick(6)
    assert made.show(6)["is_root"]


def test_own_bpdus_are_counted_and_ignored() -> None:
    made = bridge(PortConfig(name="a"))
    own = made.config.BridgeIdentifier
    made.receive("a", designated(root_id=own, bridge_id=own, port_id=made.port("a").portId), 1)
    assert made.port("a").counters["bpdu-own"] == 1


def test_a_long_pause_counts_one_second() -> None:
    made = bridge(PortConfig(name="a"))
    made.receive("a", designated(), 0)
    made.tick(1000.0)
    assert not made.show(1000)["is_root"]
    assert made.next_tick == 1001.0


def test_cost_and_priority_choose_the_root_port() -> None:
    made = bridge(PortConfig(name="a"), PortConfig(name="b"))
    for port, number in (("a", 0x8001), ("b", 0x8002)):
        made.receive(port, designated(port_id=number), 1)
    assert made.show(1)["root_port"] == "a"
    made.set_port(PortConfig(name="b", path_cost=1), 2)
    assert made.show(2)["root_port"] == "b"
    made.remove_port("b", 3)
    assert made.show(3)["root_port"] == "a"
    assert made.configure(config(priority=0), 4)
    assert made.show(4)["is_root"]


@pytest.mark.parametrize(
    ("speed", "cost"),
    [(1e5, 200_000_000), (1e6, 20_000_000), (1e8, 200_000), (1e9, 20_000), (1e10, 2000), (1e13, 2), (0, 200_000_000)],
)
def test_path_costs_of_table_17_3(speed: float, cost: int) -> None:
    assert path_cost(speed) == cost


@pytest.mark.parametrize(
    "wrong",
    [
        {"priority": 1},
        {"priority": 65536},
        {"hello_time": 0},
        {"forward_delay": 4},
        {"max_age": 41},
        {"tx_hold_count": 11},
        {"force_version": 1},
        {"hello_time": 10},
        {"address": b""},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        BridgeConfig(**{"address": OWN, **wrong})


@pytest.mark.parametrize("wrong", [{"priority": 8}, {"priority": 256}, {"number": 0}, {"path_cost": 0}])
def test_port_values_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        PortConfig(name="a", **wrong)


def test_names_and_numbers_are_taken_once() -> None:
    made = bridge(PortConfig(name="a", number=2), PortConfig(name="b"))
    assert [port.number for port in made.ports] == [1, 2]
    with pytest.raises(ParameterError):
        made.add_port(PortConfig(name="a"), 0)
    with pytest.raises(ParameterError):
        made.add_port(PortConfig(name="c", number=2), 0)


def test_every_state_can_be_reached_and_every_exit_leads_somewhere() -> None:
    from vether.rstp import machines  # noqa: PLC0415

    for name in names:
        machine: Machine[Any] = getattr(machines, name)
        targets = {target for state in machine.states.values() for _, target in state.exits}
        targets |= {target for _, target in machine.entries}
        assert targets <= set(machine.states)
        begins = {"BDM": {"EDGE"}}.get(machine.name) or {machine.begin(None)}
        assert set(machine.states) <= targets | begins


def test_the_tables_have_the_states_of_the_standard() -> None:
    assert len(PORT_INFORMATION.states) == 10
    assert len(PORT_ROLE_TRANSITIONS.states) == 3 + 7 + 7 + 5
    assert len(TOPOLOGY_CHANGE.states) == 8


event = st.one_of(
    st.tuples(st.just("receive"), st.sampled_from("ab"), st.binary(max_size=50)),
    st.tuples(
        st.just("bpdu"), st.sampled_from("ab"), st.tuples(st.integers(0, 255), st.integers(0, 3), st.integers(0, 25))
    ),
    st.tuples(st.sampled_from(["port_up", "port_down"]), st.sampled_from("ab"), st.none()),
    st.tuples(st.just("tick"), st.none(), st.none()),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(event, max_size=60))
def test_any_events(events: list[Any]) -> None:
    made = bridge(PortConfig(name="a"), PortConfig(name="b", bpdu_guard=True), guard_time=3)
    told = dict.fromkeys("ab", PortState.Discarding)
    now = 0.0
    for what, port, data in events:
        now += 0.3
        if what == "tick":
            out = made.tick(made.next_tick)
        elif what == "receive":
            out = made.receive(port, data, now)
        elif what == "bpdu":
            flags, bridge_number, age = data
            sender = 0x8000 << 48 | bridge_number
            raw = bytearray(designated(root_id=sender, bridge_id=sender, message_age=age))
            raw[4] = flags
            out = made.receive(port, bytes(raw), now)
        else:
            out = getattr(made, what)(port, now)
        told.update({output.port: output.state for output in out if isinstance(output, SetState)})
        for row in made.show(now)["ports"]:
            assert row["state"] == told[row["port"]].value
            assert row["state"] != "forwarding" or made.port(row["port"]).portEnabled


def test_a_clock_that_jumps_ages_nobody_out() -> None:
    made = bridge(PortConfig(name="up"))
    made.receive("up", designated(), 0)
    made.tick(1)
    assert (made.port("up").role.value, made.port("up").rcvdInfoWhile) == ("root", 5)
    # The machine slept, or the process stood still: the root was not heard, but not silent either.
    made.tick(100_000.0)
    assert (made.port("up").role.value, made.port("up").rcvdInfoWhile) == ("root", 4)
    made.tick(100_000.5)
    assert made.port("up").rcvdInfoWhile == 4
    made.tick(100_001.0)
    made.receive("up", designated(), 100_001.5)
    assert (made.port("up").role.value, made.port("up").rcvdInfoWhile) == ("root", 6)
