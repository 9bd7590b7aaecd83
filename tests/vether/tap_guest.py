"""A guest for tests: the host's own TCP/IP stack in a network namespace, behind a TAP, wired to a port of a switch.

`python -m tests.vether.tap_guest SOCKET MAC ADDRESS/PREFIX GATEWAY -- COMMAND…` runs COMMAND in that namespace and
exits with its code; `--probe` tells by its exit code whether this user can have one. The TAP offers and takes all
offloads, as a guest's driver would.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
OFFLOADS = 1 | 2 | 4 | 8
PACKET = 12 + 65553


def unshare() -> None:
    """Enter a network namespace of our own; as an ordinary user within a user namespace."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)):
        raise OSError(ctypes.get_errno(), "unshare")
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def open_tap(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", 12))
    fcntl.ioctl(fd, TUNSETOFFLOAD, OFFLOADS)
    return fd


def hello(offloads: int = OFFLOADS) -> bytes:
    return b"VETH" + struct.pack("<I", offloads)


def main() -> int:
    unshare()
    tap = open_tap("eth0")
    if sys.argv[1:] == ["--probe"]:
        return 0
    port, mac, address, gateway, _, *command = sys.argv[1:]
    steps = f"link set lo up;link set eth0 address {mac};link set eth0 up;addr add {address} dev eth0"
    if gateway != "-":
        steps += f";route add default via {gateway}"
    for step in steps.split(";"):
        subprocess.run(["ip", *step.split()], check=True)
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    wire.connect(port)
    wire.send(hello())

    def up() -> None:
        while packet := os.read(tap, PACKET):
            wire.send(packet)

    def down() -> None:
        while packet := wire.recv(PACKET):
            os.write(tap, packet)

    for pump in (up, down):
        threading.Thread(target=pump, daemon=True).start()
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
