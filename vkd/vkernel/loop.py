"""A small event loop over `selectors`, for one thread: sockets, timers, and calls from other threads."""

import heapq
import itertools
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

Callback = Callable[[], None]

#: Most calls of other threads in one turn; then sockets and timers are looked at.
_CALLS = 16


class Loop:
    """Calls back when a socket is ready, a time has come or another thread asked for it, until it is ended."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callback]] = []
        self._order = itertools.count()
        self._calls: deque[Callback] = deque()
        self._lock = threading.Lock()
        self._ended = False
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._wakened.setblocking(False)
        self.watch(self._wakened, self._drain)

    @property
    def wake_fd(self) -> int:
        """A descriptor that wakes the loop when a byte is written to it, as `signal.set_wakeup_fd` wants."""
        return self._waker.fileno()

    def watch(self, sock: socket.socket, readable: Callback | None, writable: Callback | None = None) -> None:
        """Call `readable` or `writable` when `sock` is; both None forgets the socket."""
        mask = (selectors.EVENT_READ if readable else 0) | (selectors.EVENT_WRITE if writable else 0)
        known = sock in self._selector.get_map()
        if not mask:
            if known:
                self._selector.unregister(sock)
        elif known:
            self._selector.modify(sock, mask, (readable, writable))
        else:
            self._selector.register(sock, mask, (readable, writable))

    def later(self, seconds: float, callback: Callback) -> None:
        """Call back once, `seconds` from now."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), callback))

    def call(self, callback: Callback) -> None:
        """Call back soon, in the loop's thread; for other threads."""
        with self._lock:
            self._calls.append(callback)
        self._wake()

    def end(self) -> None:
        """Return from `run` after the callbacks at hand."""
        self._ended = True

    def run(self) -> None:
        """Call back until `end`."""
        while not self._ended:
            timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            for key, mask in self._selector.select(timeout):
                self._dispatch(key.data, mask)
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()

    def _dispatch(self, callbacks: tuple[Callback | None, Callback | None], mask: Any) -> None:
        readable, writable = callbacks
        if mask & selectors.EVENT_WRITE and writable:
            writable()
        if mask & selectors.EVENT_READ and readable:
            readable()

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            return  # the buffer is full of wake-ups already

    def _drain(self) -> None:
        try:
            self._wakened.recv(4096)
        except BlockingIOError:
            return
        for _ in range(_CALLS):
            with self._lock:
                if not self._calls:
                    return
                callback = self._calls.popleft()
            callback()
        self._wake()
