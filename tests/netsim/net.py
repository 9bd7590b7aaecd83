"""A network of bridges under a fake clock: segments with delay, loss and cuts, bridges that die, frames that flood.

Everything follows from the seed. A segment joins two ports or more; a frame (or BPDU) sent at one port reaches all
others after the segment's delay, in order, unless the segment is cut or that direction is dead. Loss is of BPDUs:
what is lost of the hosts' frames would say nothing about the tree.
"""

import functools
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from vether.rstp import BpduType, Bridge, BridgeConfig, Flush, Notice, Output, PortConfig, PortState, Send, SetState
from vether.rstp.bpdu import decode_untrusted

Address = tuple[str, str]


@dataclass
class Segment:
    ends: list[Address]
    delay: float
    loss: float = 0.0
    is_up: bool = True
    #: Ends from which nothing arrives any more, though their link is up.
    dead_from: set[Address] = field(default_factory=set)


class Node:
    """A bridge and the datapath that obeys it. A legacy one speaks STP only and knows no RST BPDU."""

    def __init__(self, name: str, config: BridgeConfig, now: float, *, legacy: bool) -> None:
        self.name = name
        self.bridge = Bridge(config, now)
        self.legacy = legacy
        self.is_alive = True
        self.states: dict[str, PortState] = {}
        self.fdb: dict[str, str] = {}
        self.notices: list[Notice] = []
        self.flushes = 0


class Net:
    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.nodes: dict[str, Node] = {}
        self.segments: list[Segment] = []
        self.bpdus: Counter[str] = Counter()
        #: How often each frame reached each bridge.
        self.seen: dict[int, Counter[str]] = {}
        #: Seconds for which there was a loop, and the times at which the set of forwarding ports changed.
        self.looped = 0.0
        self.changed = 0.0
        self._has_loop_since: float | None = None
        self._at: dict[Address, Segment] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._frames = itertools.count()

    def add(self, name: str, number: int, *, legacy: bool = False, **config: int) -> None:
        """Add a bridge whose address ends in `number`; its ticks begin at a random part of a second."""
        address = bytes([2, 0, 0, 0, number >> 8, number & 255])
        force = {"force_version": 0} if legacy else {}
        node = Node(name, BridgeConfig(address=address, **force, **config), self.now, legacy=legacy)
        self.nodes[name] = node
        self._tick_later(node, self.random.random())

    def join(self, *names: str, delay: float = 0.001, loss: float = 0.0, **config: object) -> Segment:
        """Make a segment between bridges (one may stand there twice), with a new port at each."""
        ends: list[Address] = []
        segment = Segment(ends, delay, loss)
        for name in names:
            node = self.nodes[name]
            port = f"p{len(node.bridge.ports)}"
            ends.append((name, port))
            self._at[name, port] = segment
            options = {"point_to_point": len(names) == 2, **config}
            self._do(node, node.bridge.add_port(PortConfig(name=port, **options), self.now))  # type: ignore[arg-type]
        self.segments.append(segment)
        for name, port in ends:
            self._do(self.nodes[name], self.nodes[name].bridge.port_up(port, self.now))
        return segment

    def cut(self, segment: Segment) -> None:
        self._set(segment, up=False)

    def heal(self, segment: Segment) -> None:
        self._set(segment, up=True)

    def kill(self, name: str) -> None:
        """Let a bridge fall silent; its neighbours see no link go."""
        self.nodes[name].is_alive = False
        self.nodes[name].states = {}
        self._note_topology()

    def unplug(self, name: str) -> None:
        """Let a bridge die, and its links with it."""
        self.kill(name)
        for segment in self.segments:
            if any(end[0] == name for end in segment.ends) and len(segment.ends) == 2:
                self.cut(segment)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = end

    def flood(self, name: str, source: str = "host", to: str = "everybody") -> int:
        """Let a host at a bridge send a frame; `to` everybody or to a host that may be known. Returns its number."""
        number = next(self._frames)
        self.seen[number] = Counter()
        self._switch(self.nodes[name], None, number, source, to)
        return number

    def attach(self, name: str, host: str) -> None:
        """Say behind which bridge a host is: frames to it are not flooded from there."""
        self.nodes[name].fdb[host] = "host"

    # What is so.

    def alive(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.is_alive]

    def is_forwarding(self, end: Address) -> bool:
        return self.nodes[end[0]].is_alive and self.nodes[end[0]].states.get(end[1]) is PortState.Forwarding

    def has_loop(self) -> bool:
        """Whether a frame could go in circles: a cycle in the graph of bridges and segments."""
        return _Forest(self).has_loop

    def faults(self) -> list[str]:
        """Tell what keeps the active topology from being one spanning tree for each connected part."""
        forest, whole = _Forest(self), _Forest(self, physical=True)
        found = ["loop"] if forest.has_loop else []
        for part in whole.parts():
            members = [item for item in part if isinstance(item, str)]
            if len({forest.find(item) for item in part}) != 1:
                found.append(f"{sorted(members)} are not connected")
            roots = {self.nodes[name].bridge.rootPriority.RootBridgeID for name in members}
            if roots and roots != {min(self.nodes[name].bridge.config.BridgeIdentifier for name in members)}:
                found.append(f"{sorted(members)} disagree about the root")
        return found

    def settle(self, within: float) -> float:
        """Run until there is a spanning tree that stays, and return after how many seconds it was there."""
        begin = self.now
        while self.now < begin + within:
            self.run(0.1)
            if not self.faults() and self.now - self.changed > 3.0:
                return max(self.changed - begin, 0.0)
        raise AssertionError(f"no spanning tree within {within} s: {self.faults()}")

    def assert_no_duplicates(self) -> None:
        """Flood from every bridge: each of its part gets the frame once."""
        numbers = {name: self.flood(name, f"host-{name}") for name in self.alive()}
        self.run(1.0)
        whole = _Forest(self, physical=True)
        for name, number in numbers.items():
            peers = {other for other in self.alive() if whole.find(other) == whole.find(name)}
            assert self.seen[number] == Counter(dict.fromkeys(peers, 1)), (name, self.seen[number])

    # How it works.

    def _set(self, segment: Segment, *, up: bool) -> None:
        segment.is_up = up
        for name, port in segment.ends:
            node = self.nodes[name]
            if node.is_alive:
                act = node.bridge.port_up if up else node.bridge.port_down
                self._do(node, act(port, self.now))
        self._note_topology()

    def _later(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._order), event))

    def _tick_later(self, node: Node, delay: float) -> None:
        def tick() -> None:
            if node.is_alive:
                node.bridge.next_tick = self.now
                self._do(node, node.bridge.tick(self.now))
                self._tick_later(node, 1.0)

        self._later(delay, tick)

    def _do(self, node: Node, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Send(port, data):
                    self.bpdus[node.name] += 1
                    self._carry((node.name, port), functools.partial(self._deliver, data), lossy=True)
                case SetState(port, state):
                    node.states[port] = state
                    if state is PortState.Discarding:
                        self._forget(node, port)
                    self._note_topology()
                case Flush(port):
                    node.flushes += 1
                    self._forget(node, port)
                case Notice():
                    node.notices.append(output)

    @staticmethod
    def _forget(node: Node, port: str) -> None:
        node.fdb = {host: at for host, at in node.fdb.items() if at != port}

    def _carry(self, source: Address, deliver: Callable[[Address], None], *, lossy: bool = False) -> None:
        segment = self._at[source]
        if not segment.is_up or source in segment.dead_from:
            return
        for peer in segment.ends:
            if peer != source and not (lossy and self.random.random() < segment.loss):
                self._later(segment.delay, functools.partial(self._arrive, segment, peer, deliver))

    @staticmethod
    def _arrive(segment: Segment, peer: Address, deliver: Callable[[Address], None]) -> None:
        if segment.is_up:
            deliver(peer)

    def _deliver(self, data: bytes, peer: Address) -> None:
        node = self.nodes[peer[0]]
        if not node.is_alive or (node.legacy and data[3] == BpduType.RST):
            return
        decode_untrusted(data)
        self._do(node, node.bridge.receive(peer[1], data, self.now))

    def _switch(self, node: Node, ingress: str | None, number: int, source: str, to: str) -> None:
        if not node.is_alive:
            return
        if ingress is not None:
            state = node.states.get(ingress)
            if state in {PortState.Learning, PortState.Forwarding} and node.fdb.get(source) != "host":
                node.fdb[source] = ingress
            if state is not PortState.Forwarding:
                return
        self.seen[number][node.name] += 1
        if self.seen[number][node.name] > 20:
            return  # it goes in circles; that is seen by now
        known = node.fdb.get(to)
        ports = [known] if known is not None else [port for port in node.states if port != ingress]
        for port in ports:
            if port not in {ingress, "host"} and self.is_forwarding((node.name, port)):

                def arrive(peer: Address) -> None:
                    self._switch(self.nodes[peer[0]], peer[1], number, source, to)

                self._carry((node.name, port), arrive)

    def _note_topology(self) -> None:
        self.changed = self.now
        loop = self.has_loop()
        if loop and self._has_loop_since is None:
            self._has_loop_since = self.now
        elif not loop and self._has_loop_since is not None:
            self.looped += self.now - self._has_loop_since
            self._has_loop_since = None


class _Forest:
    """Union-find over bridges (names) and segments (numbers); joined by forwarding ports, or by all with a link."""

    def __init__(self, net: Net, *, physical: bool = False) -> None:
        self._parent: dict[str | int, str | int] = {name: name for name in net.alive()}
        self.has_loop = False
        for i, segment in enumerate(net.segments):
            if not segment.is_up:
                continue
            self._parent[i] = i
            for end in segment.ends:
                if end[0] in self._parent and (physical or net.is_forwarding(end)):
                    a, b = self.find(end[0]), self.find(i)
                    self.has_loop |= a == b
                    self._parent[a] = b

    def find(self, item: str | int) -> str | int:
        while self._parent[item] != item:
            item = self._parent[item]
        return item

    def parts(self) -> list[list[str | int]]:
        groups: dict[str | int, list[str | int]] = {}
        for item in self._parent:
            groups.setdefault(self.find(item), []).append(item)
        return [part for part in groups.values() if any(isinstance(item, str) for item in part)]


def ring(size: int, seed: int, **link: float) -> Net:
    net = _bridges(size, seed)
    for i in range(size):
        net.join(f"b{i}", f"b{(i + 1) % size}", **link)
    return net


def mesh(size: int, seed: int, **link: float) -> Net:
    net = _bridges(size, seed)
    for i in range(size):
        for j in range(i):
            net.join(f"b{i}", f"b{j}", **link)
    return net


def scattered(size: int, seed: int, *, extra: int, loss: float = 0.0) -> Net:
    """Return a connected random topology: a random tree and `extra` segments, parallel ones among them."""
    net = _bridges(size, seed)
    pairs = [(i, net.random.randrange(i)) for i in range(1, size)]
    samples = [net.random.sample(range(size), 2) for _ in range(extra)]
    pairs += [(i, j) for i, j in samples]
    for i, j in pairs:
        net.join(f"b{i}", f"b{j}", delay=net.random.uniform(0.0001, 0.01), loss=loss)
    return net


def _bridges(size: int, seed: int) -> Net:
    net = Net(seed)
    numbers = list(range(1, size + 1))
    net.random.shuffle(numbers)
    for i in range(size):
        net.add(f"b{i}", numbers[i])
    return net
