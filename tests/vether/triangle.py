"""Three switches, each with a host, in a triangle whose spanning tree closes one side."""

import contextlib
import time
from typing import Any

from tests.vether.lab import EVERYBODY, Guest, Lab, frame, mac

NAMES = ("a", "b", "c")
SIDES = ("ab", "bc", "ca")


class Switches:
    """The switches by name; those who join them connect the `hosts`, at the ports `host`."""

    def __init__(self, labs: dict[str, Lab]) -> None:
        self.labs = labs
        self.hosts: dict[str, Guest] = {}

    def roles(self) -> list[str]:
        shown: list[list[dict[str, Any]]] = [lab.call("show", what="stp")["ports"] for lab in self.labs.values()]
        return sorted(f"{row['role']} {row['state']}" for rows in shown for row in rows if row["port"] != "host")

    def is_settled(self) -> bool:
        # A host that has just connected is let in by the next look at the ports.
        hosts = all(lab.port("host")["state"] == "forwarding" for lab in self.labs.values())
        roles = ["alternate discarding", *["designated forwarding"] * 3, *["root forwarding"] * 2]
        return hosts and self.roles() == roles

    def reaches(self, one: str, other: str) -> bool:
        number = time.monotonic_ns().to_bytes(8, "big")
        self.hosts[one].send(frame(EVERYBODY, mac(ord(one)), number))
        with contextlib.suppress(TimeoutError):
            self.hosts[other].socket.settimeout(0.1)
            while True:
                if self.hosts[other].receive()[14:] == number:
                    return True
        return False
