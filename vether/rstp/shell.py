"""The thin part of RSTP: gives a bridge the time and frames, and a datapath what the bridge asks for."""

import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import trio

from vether.rstp import bpdu
from vether.rstp.bridge import Bridge
from vether.rstp.outputs import Flush, Notice, Output, Send, SetState

log = logging.getLogger(__name__)


class Datapath(Protocol):
    """What moves frames. A port that is gone meanwhile is a KeyError or an OSError, and no matter."""

    def transmit(self, port: str, frame: bytes) -> None:
        """Send a complete frame out of `port`, whatever the port's state."""

    def set_state(self, port: str, state: str) -> None:
        """Give `port` a state: `discarding`, `learning` or `forwarding`."""

    def flush(self, port: str) -> None:
        """Forget the addresses learned at `port`."""


class Shell:
    """A bridge on a datapath. `notify` gets what people may want to know."""

    def __init__(
        self,
        bridge: Bridge,
        datapath: Datapath,
        notify: Callable[[Notice], None] | None = None,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self.bridge = bridge
        self._datapath = datapath
        self._notify = notify or _log
        self._clock = clock

    @property
    def now(self) -> float:
        """The time that the bridge is given."""
        return self._clock()

    def receive_untrusted(self, port: str, frame: bytes) -> None:
        """Take a frame for the bridge group address that came in at `port`."""
        try:
            data = bpdu.unframe_untrusted(frame)
            out = self.bridge.receive(port, data, self.now)
        except bpdu.BpduError as error:
            with contextlib.suppress(KeyError):
                self.bridge.port(port).count(str(error))
        except KeyError:
            return  # the port went while the frame waited
        else:
            self.do(out)

    def set_link(self, port: str, *, up: bool) -> None:
        """Tell whether there is a link at `port`."""
        act = self.bridge.port_up if up else self.bridge.port_down
        self.do(act(port, self.now))

    def do(self, outputs: Iterable[Output]) -> None:
        """Do what a method of the bridge returned."""
        for output in outputs:
            if isinstance(output, Notice):
                self._notify(output)
                continue
            with contextlib.suppress(KeyError, OSError):
                self._do(output)

    def _do(self, output: Send | SetState | Flush) -> None:
        match output:
            case Send(port, data):
                self._datapath.transmit(port, bpdu.frame(self.bridge.config.address, data))
            case SetState(port, state):
                self._datapath.set_state(port, state.value)
            case Flush(port):
                self._datapath.flush(port)

    async def run(self) -> None:
        """Let the bridge's seconds pass, for ever."""
        while True:
            await trio.sleep(max(self.bridge.next_tick - self.now, 0.0))
            self.do(self.bridge.tick(self.now))


def _log(notice: Notice) -> None:
    log.info("%s: %s", notice.port or "spanning tree", notice.text)
