"""A daemon for tests of the command line: the real protocol and a real socket, invented guests."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio

from vether.control.aio import Call, serve
from vkd.api import Event, Inspection, Row, SshTarget, UpResult, to_control
from vkd.errors import NotFoundError, VkdError
from vkd.paths import control_socket

#: What an operation does in a test: takes the call's arguments, yields events, returns its value or raises.
Script = Callable[[dict[str, Any]], Generator[Event, None, Any]]


def row(name: str, **fields: Any) -> Row:
    return Row(cluster=fields.pop("cluster", "demo"), name=name, state=fields.pop("state", "ready"), **fields)


@dataclass
class FakeDaemon:
    """Answers from `rows`, and from `scripts` where an operation has one; `calls` is what it was asked."""

    folder: str
    rows: list[Row] = field(default_factory=list)
    scripts: dict[str, Script] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def answer(self, call: Call) -> Any:
        self.calls.append((call.op, call.args))
        try:
            if call.op in self.scripts:
                return await self._play(self.scripts[call.op](call.args), call)
            return msgspec.to_builtins(getattr(self, f"_{call.op}")(call.args))
        except VkdError as error:
            raise to_control(error) from error

    async def _play(self, script: Generator[Event, None, Any], call: Call) -> Any:
        while True:
            try:
                event = next(script)
            except StopIteration as end:
                return msgspec.to_builtins(end.value)
            await call.send(msgspec.to_builtins(event))

    def guest(self, reference: str) -> Row:
        for one in self.rows:
            if reference in {one.name, f"{one.cluster}/{one.name}"}:
                return one
        raise NotFoundError.named("guest", reference, [one.name for one in self.rows])

    def _ping(self, _args: dict[str, Any]) -> Any:
        return {"version": "0", "pid": 1}

    def _ps(self, args: dict[str, Any]) -> Any:
        return [one for one in self.rows if args["all"] or one.state != "stopped"]

    def _up(self, _args: dict[str, Any]) -> Any:
        return UpResult(changes={}, guests=self.rows)

    def _down(self, args: dict[str, Any]) -> Any:
        return {"clusters": [args["cluster"] or "demo"]}

    def _stop(self, args: dict[str, Any]) -> Any:
        return [self.guest(name) for name in args["guests"]]

    _start = _restart = _stop

    def _inspect(self, args: dict[str, Any]) -> Any:
        return Inspection(row=self.guest(args["guest"]), config={}, folder=self.folder)

    def _ssh(self, args: dict[str, Any]) -> Any:
        one = self.guest(args["guest"])
        return SshTarget(
            host="127.0.0.1",
            port=one.ssh_port or 0,
            user="root",
            key="/k k",
            known_hosts="/h",
            alias=f"{one.name}.demo",
        )


@contextmanager
def running(daemon: FakeDaemon) -> Generator[FakeDaemon, None, None]:
    """Serve `daemon` at the control socket that the environment names."""
    control_socket().parent.mkdir(parents=True, exist_ok=True)
    ready, scopes = threading.Event(), []

    async def main() -> None:
        operations = ["ping", "ps", "up", "down", "start", "stop", "restart", "inspect", "ssh", "events", "shutdown"]
        operations += ["top", "profile"]
        with trio.CancelScope() as scope:
            scopes.append((scope, trio.lowlevel.current_trio_token()))
            async with trio.open_nursery() as nursery:
                await nursery.start(serve, control_socket(), dict.fromkeys(operations, daemon.answer))
                ready.set()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    try:
        assert ready.wait(10)
        yield daemon
    finally:
        scope, token = scopes[0]
        token.run_sync_soon(scope.cancel)
        thread.join(10)
