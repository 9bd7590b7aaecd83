"""Ports over sockets that the switch was started with (`fd`)."""

import os
import socket

import pytest

from tests.vether import peers
from tests.vether.foreign import exchange, spec
from tests.vether.lab import Lab, ports
from vether.control import ControlError


@pytest.mark.parametrize("kind", [socket.SOCK_SEQPACKET, socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_an_inherited_socket_is_a_port(lab: Lab, kind: socket.SocketKind) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    foreign = {"name": "x", "kind": "fd", "fd": theirs.fileno()}
    lab.start(spec(foreign), pass_fds=(theirs.fileno(),))
    theirs.close()
    peer = peers.Stream(ours) if kind == socket.SOCK_STREAM else peers.Plain(ours)
    a = lab.connect("a")
    exchange(a, peer)
    lab.call("apply", spec=ports("a"))
    lab.call("apply", spec=spec(foreign))
    assert lab.port("x")["socket"] == f"fd:{foreign['fd']}"
    exchange(a, peer)


def test_a_descriptor_that_nobody_gave_is_no_port(lab: Lab) -> None:
    lab.start(ports("a"), pass_fds=(2,))
    assert lab.process is not None
    for fd in (3, 5, 9, 100):
        with pytest.raises(ControlError, match=f"no descriptor {fd} was inherited"):
            lab.call("apply", spec=spec({"name": "x", "kind": "fd", "fd": fd}))
    lab.end()
    file = os.open(lab.folder, os.O_RDONLY)
    process = lab.spawn(spec({"name": "x", "kind": "fd", "fd": file}), pass_fds=(file,))
    os.close(file)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert b"is no connected socket" in errors
