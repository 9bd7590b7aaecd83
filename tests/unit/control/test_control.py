"""The control protocol: framing of any bytes, a server and both clients over a real socket."""

import os
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from vether.control import ControlError, Decoder, ProtocolError, encode
from vether.control.aio import Call, call, events, serve
from vether.control.client import Client
from vether.control.codec import MAX_MESSAGE

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.text(), values, max_size=4), max_size=5), st.integers(1, 50))
def test_messages_survive_any_cut(messages: list[dict[str, object]], cut: int) -> None:
    stream = b"".join(encode(message) for message in messages)
    decoder = Decoder()
    received = [m for at in range(0, len(stream), cut) for m in decoder.feed_untrusted(stream[at : at + cut])]
    assert received == messages
    assert decoder.empty


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_protocol_error(data: bytes) -> None:
    try:
        for message in Decoder().feed_untrusted(data):
            assert isinstance(message, dict)
    except ProtocolError:
        pass


def test_an_overlong_message_is_refused_from_its_header() -> None:
    with pytest.raises(ProtocolError, match="over the limit"):
        list(Decoder().feed_untrusted((MAX_MESSAGE + 1).to_bytes(4, "big")))


async def _echo(request: Call) -> object:
    return request.args


async def _count(request: Call) -> int:
    for i in range(request.args["to"]):
        await request.send(i)
    return int(request.args["to"])


async def _fail(_: Call) -> None:
    raise ControlError("not-found", "no such guest", "try vkd ps")


async def _defect(_: Call) -> None:
    raise KeyError("oops")


HANDLERS = {"echo": _echo, "count": _count, "fail": _fail, "defect": _defect}


async def test_both_clients_against_a_server(tmp_path: Path, nursery: trio.Nursery) -> None:
    path = tmp_path / "ctl"
    await nursery.start(serve, path, HANDLERS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert await call(path, "echo", a=1, b=[b"\0"]) == {"a": 1, "b": [b"\0"]}
    assert [event async for event in events(path, "count", to=3)] == [0, 1, 2]
    with pytest.raises(ControlError) as caught:
        await call(path, "fail")
    assert (caught.value.code, caught.value.hint) == ("not-found", "try vkd ps")
    with pytest.raises(ControlError, match="there are: count, defect, echo, fail"):
        await call(path, "nothing")

    with pytest.raises(ControlError) as caught:
        await call(path, "defect")
    assert caught.value.code == "internal"

    def blocking() -> None:
        with Client(path, timeout=5) as client:
            assert client.call("echo", x=2) == {"x": 2}
            assert list(client.stream("count", to=2)) == [0, 1]
            with pytest.raises(ControlError):
                client.call("fail")

    await trio.to_thread.run_sync(blocking)


async def test_garbage_ends_only_that_connection(tmp_path: Path, nursery: trio.Nursery) -> None:
    path = tmp_path / "ctl"
    await nursery.start(serve, path, HANDLERS)
    async with await trio.open_unix_socket(str(path)) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        answer = b"".join([data async for data in stream])
    assert b"protocol" in answer
    assert await call(path, "echo") == {}


async def test_the_socket_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "ctl"
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, path, HANDLERS)
        nursery.cancel_scope.cancel()
    assert not path.exists()


async def test_a_value_that_cannot_be_packed_fails_its_operation_alone(tmp_path: Path, nursery: trio.Nursery) -> None:
    async def bad(_call: Call) -> object:
        await trio.lowlevel.checkpoint()
        return {"path": "\udcff", "count": 1 << 70}

    async def good(_call: Call) -> object:
        await trio.lowlevel.checkpoint()
        return 1

    path = tmp_path / "s"
    await nursery.start(serve, path, {"bad": bad, "good": good})
    with pytest.raises(ControlError, match="bad: "):
        await call(path, "bad")
    assert await call(path, "good") == 1


async def test_the_socket_is_private_and_other_tasks_keep_their_umask(tmp_path: Path) -> None:
    ours, seen = os.umask(0o022), set[int]()
    try:
        async with trio.open_nursery() as nursery:

            async def look() -> None:
                while True:
                    seen.add(was := os.umask(0o022))
                    os.umask(was)
                    await trio.lowlevel.checkpoint()

            nursery.start_soon(look)
            await trio.lowlevel.checkpoint()
            await nursery.start(serve, tmp_path / "ctl", {})
            assert (tmp_path / "ctl").stat().st_mode & 0o777 == 0o600
            nursery.cancel_scope.cancel()
    finally:
        os.umask(ours)
    assert seen == {0o022}
