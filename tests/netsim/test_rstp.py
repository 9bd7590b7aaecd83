"""Many bridges: they agree on one tree in bounded time, and no frame comes twice."""

from collections.abc import Callable

import pytest

from tests.netsim.net import Net, mesh, ring, scattered
from vether.rstp.outputs import PortState

SEEDS = range(8)
#: Seconds. Handshakes take milliseconds; a port whose neighbour is late waits for a hello or two.
AT_ONCE, SOON = 0.2, 5.0
#: Counting to infinity after the root's death: information ages by a second a hop, up to max_age.
ROOT_DIED = 40.0
#: An agreement may cross a change of the root on its way: RSTP as it stands then has a loop for as long as that takes.
RACE = 0.02


def sparse(seed: int) -> Net:
    return scattered(20, seed, extra=15)


def circle(seed: int) -> Net:
    return ring(10, seed)


def clique(seed: int) -> Net:
    return mesh(6, seed)


def root_of(net: Net) -> str:
    return min(net.alive(), key=lambda name: net.nodes[name].bridge.config.BridgeIdentifier)


@pytest.mark.parametrize("make", [circle, clique, sparse])
@pytest.mark.parametrize("seed", SEEDS)
def test_cuts_and_heals(make: Callable[[int], Net], seed: int) -> None:
    net = make(seed)
    net.settle(SOON)
    net.assert_no_duplicates()
    for segment in net.random.sample(net.segments, 4):
        net.cut(segment)
        net.settle(SOON)
        net.assert_no_duplicates()
        net.heal(segment)
        net.settle(SOON)
        net.assert_no_duplicates()
    assert net.looped < RACE


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ring_recovers_at_once(seed: int) -> None:
    net = circle(seed)
    net.settle(SOON)
    for segment in list(net.segments):
        net.cut(segment)
        assert net.settle(SOON) < AT_ONCE
        net.heal(segment)
        assert net.settle(SOON) < AT_ONCE


@pytest.mark.parametrize("make", [circle, clique, sparse])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_root_is_unplugged(make: Callable[[int], Net], seed: int) -> None:
    net = make(seed)
    net.settle(SOON)
    net.unplug(root_of(net))
    net.settle(ROOT_DIED)
    net.assert_no_duplicates()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_root_falls_silent(seed: int) -> None:
    net = sparse(seed)
    net.settle(SOON)
    net.kill(root_of(net))
    net.settle(6.0 + ROOT_DIED)
    net.assert_no_duplicates()


@pytest.mark.parametrize("seed", SEEDS)
def test_lost_bpdus(seed: int) -> None:
    net = scattered(15, seed, extra=12, loss=0.1)
    net.settle(30.0)
    net.assert_no_duplicates()
    for segment in net.random.sample(net.segments, 3):
        net.cut(segment)
        net.settle(30.0)
        net.heal(segment)
        net.settle(30.0)
        net.assert_no_duplicates()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_partition_and_its_end(seed: int) -> None:
    net = ring(9, seed)
    net.settle(SOON)
    one, other = net.segments[1], net.segments[5]
    net.cut(one)
    net.cut(other)
    net.settle(ROOT_DIED)
    net.heal(one)
    net.settle(SOON)
    net.heal(other)
    net.settle(SOON)
    net.assert_no_duplicates()


def test_addresses_learned_before_a_cut_are_forgotten() -> None:
    net = ring(4, 0)
    net.settle(SOON)
    # Two hosts at bridges that are neighbours talk over the segment between them, until it goes.
    net.attach("b0", "x")
    net.attach("b1", "y")
    net.flood("b1", "y")
    net.run(1.0)
    net.cut(net.segments[0])
    net.run(AT_ONCE)
    number = net.flood("b0", "x", "y")
    net.run(1.0)
    assert net.seen[number]["b1"] == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_link_that_works_in_one_direction(seed: int) -> None:
    net = ring(4, seed)
    net.settle(SOON)
    blocked = next(segment for segment in net.segments if not all(net.is_forwarding(end) for end in segment.ends))
    # The one that blocks hears nothing any more, thinks that it is alone there, and begins to forward: the other end
    # hears of it and has to give way.
    deaf = next(end for end in blocked.ends if not net.is_forwarding(end))
    heard = next(end for end in blocked.ends if end != deaf)
    blocked.dead_from.add(heard)
    net.run(30.0)
    assert net.is_forwarding(deaf)
    assert not net.is_forwarding(heard)
    before = net.looped
    net.run(60.0)
    assert not net.has_loop()
    assert net.looped == before
    assert before < 3.0
    net.assert_no_duplicates()


def test_two_cables_between_two_bridges_and_one_from_a_bridge_to_itself() -> None:
    net = Net(3)
    net.add("a", 1)
    net.add("b", 2)
    net.join("a", "b")
    net.join("a", "b")
    net.join("b", "b")
    net.settle(30.0)
    net.assert_no_duplicates()
    roles = {port.config.name: port.role.value for port in net.nodes["b"].bridge.ports}
    assert roles == {"p0": "root", "p1": "alternate", "p2": "designated", "p3": "backup"}
    # What it hears of itself is no way to a root that is gone.
    net.cut(net.segments[0])
    net.cut(net.segments[1])
    net.run(0.5)
    assert net.nodes["b"].bridge.show(net.now)["is_root"]


@pytest.mark.parametrize("seed", SEEDS)
def test_shared_segments(seed: int) -> None:
    net = Net(seed)
    for i in range(6):
        net.add(f"b{i}", 6 - i)
    for names in (("b0", "b1", "b2"), ("b2", "b3", "b4"), ("b4", "b5", "b0"), ("b1", "b3", "b5"), ("b0", "b0", "b5")):
        net.join(*names)
    # No handshake there: 20 s from INIT_PORT, and twice forward delay's short form.
    net.settle(60.0)
    net.assert_no_duplicates()
    assert net.looped == 0


@pytest.mark.parametrize("legacy", ["b0", "b2", "all"])
def test_legacy_bridges(legacy: str) -> None:
    net = Net(1)
    for i in range(4):
        net.add(f"b{i}", i + 1, legacy=legacy in {"all", f"b{i}"})
    for i in range(4):
        net.join(f"b{i}", f"b{(i + 1) % 4}")
    net.settle(90.0)
    net.assert_no_duplicates()
    number = 1
    if legacy != "all":
        neighbour = net.nodes[f"b{(int(legacy[1]) + 1) % 4}"].bridge
        assert sum(not port.sendRSTP for port in neighbour.ports) == number
    for segment in list(net.segments):
        net.cut(segment)
        net.settle(120.0)
        net.assert_no_duplicates()
        net.heal(segment)
        net.settle(120.0)
        net.assert_no_duplicates()
    assert net.looped == 0


def test_legacy_bridge_hears_of_a_change_by_tcn() -> None:
    net = Net(1)
    net.add("root", 1, legacy=True)
    net.add("b", 2)
    net.add("c", 3)
    net.join("root", "b")
    net.join("b", "c")
    net.join("root", "c")
    net.settle(90.0)
    root = net.nodes["root"].bridge
    before, flushes = root.port("p0").counters.get("rx-tcn", 0), net.nodes["root"].flushes
    net.join("b", "c")
    net.cut(net.segments[1])
    net.run(60.0)
    assert root.port("p0").counters.get("rx-tcn", 0) + root.port("p1").counters.get("rx-tcn", 0) > before
    assert net.nodes["root"].flushes > flushes
    assert net.nodes["b"].bridge.port("p0").tcWhile == 0  # acknowledged


def test_a_better_root_takes_over() -> None:
    net = ring(6, 5)
    net.settle(SOON)
    net.add("new", 7000, priority=4096)
    net.join("b0", "new")
    net.join("b3", "new")
    net.settle(SOON)
    assert {node.bridge.rootPriority.RootBridgeID >> 48 for node in net.nodes.values()} == {4096}
    net.assert_no_duplicates()


def test_root_guard_keeps_a_newcomer_from_being_root() -> None:
    net = ring(3, 5)
    net.settle(SOON)
    net.add("new", 7000, priority=4096)
    net.join("b0", "new", root_guard=True)
    net.run(30.0)
    assert {net.nodes[name].bridge.rootPriority.RootBridgeID >> 48 for name in ("b0", "b1", "b2")} == {32768}
    assert net.nodes["b0"].states["p2"] is PortState.Discarding
    assert net.nodes["b0"].bridge.show(net.now)["ports"][2]["guard"] == "root"


def test_the_simulation_sees_a_loop() -> None:
    net = ring(3, 0)
    net.settle(SOON)
    for node in net.nodes.values():
        node.states = dict.fromkeys(node.states, PortState.Forwarding)
    assert net.has_loop()
    with pytest.raises(AssertionError):
        net.assert_no_duplicates()


@pytest.mark.parametrize("seed", range(3))
def test_hellos_are_all_that_is_sent_at_rest(seed: int) -> None:
    net = sparse(seed)
    net.settle(SOON)
    net.run(10.0)
    before = net.bpdus.total()
    net.run(20.0)
    assert net.bpdus.total() - before == 10 * len(net.segments)
