"""Three switches in a triangle of encrypted tunnels, with a spanning tree: a wire that goes silent is replaced."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.vether.lab import Lab, open_lab, ports, until
from tests.vether.test_tunnel import free_port
from tests.vether.triangle import NAMES, SIDES, Switches
from vether import keys


class Wire:
    """Carries datagrams between two tunnels, which know it alone, until it is cut."""

    def __init__(self, listens: tuple[str, str]) -> None:
        self._ends = tuple(socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in listens)
        for end in self._ends:
            end.bind(("127.0.0.1", 0))
        #: Where each of the two finds the other.
        self.endpoints = tuple(f"127.0.0.1:{end.getsockname()[1]}" for end in self._ends)
        self._listens = [(host, int(port)) for host, port in (listen.split(":") for listen in listens)]
        self.is_cut = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        with selectors.DefaultSelector() as selector:
            for i, end in enumerate(self._ends):
                selector.register(end, selectors.EVENT_READ, i)
            while not self._ended.is_set():
                for key, _ in selector.select(0.05):
                    with contextlib.suppress(OSError):
                        packet = self._ends[key.data].recv(70000)
                        if not self.is_cut.is_set():
                            self._ends[1 - key.data].sendto(packet, self._listens[1 - key.data])

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        for end in self._ends:
            end.close()


class Triangle(Switches):
    def __init__(self, labs: dict[str, Lab]) -> None:
        super().__init__(labs)
        listens = {name: f"127.0.0.1:{free_port()}" for name in NAMES}
        publics = {}
        for name, lab in labs.items():
            publics[name] = keys.encode(keys.public(keys.generate(lab.folder / "key")))
        self.wires = {pair: Wire((listens[pair[0]], listens[pair[1]])) for pair in SIDES}
        for i, (name, lab) in enumerate(labs.items()):
            peers = [
                {
                    "name": pair[1 - pair.index(name)],
                    "public_key": publics[pair[1 - pair.index(name)]],
                    "endpoint": wire.endpoints[pair.index(name)],
                }
                for pair, wire in self.wires.items()
                if name in pair
            ]
            tunnel = {"key": "key", "listen": listens[name], "split_horizon": False}
            lab.start(ports("host", tunnel=tunnel, peers=peers, stp={"priority": 4096 * (i + 1), "hello_time": 1}))
        self.hosts = {name: lab.connect("host") for name, lab in labs.items()}

    def close(self) -> None:
        for wire in self.wires.values():
            wire.close()


@pytest.fixture
def triangle() -> Iterator[Triangle]:
    with contextlib.ExitStack() as stack:
        made = Triangle({name: stack.enter_context(open_lab()) for name in NAMES})
        stack.callback(made.close)
        yield made


def test_one_tunnel_is_closed_and_opens_when_another_is_cut(triangle: Triangle) -> None:
    until("tree", triangle.is_settled)
    assert triangle.reaches("a", "c")
    triangle.wires["ca"].is_cut.set()
    begin = time.monotonic()
    until("traffic", lambda: triangle.reaches("a", "c") and triangle.reaches("c", "a"))
    took = time.monotonic() - begin
    assert took < 3.0
    triangle.wires["ca"].is_cut.clear()
    until("tree", triangle.is_settled)
