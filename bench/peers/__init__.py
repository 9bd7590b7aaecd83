"""The machines that are compared: ours, QEMU, the host itself, and User Mode Linux.

Each is a program that has the agent (`bench/programs/agent.c`) at its standard input and output.
"""

from collections.abc import Callable

from bench.peers import native, ours, qemu, uml
from bench.peers.workload import Workload

#: For each peer what makes the command line that runs a workload on it. Raises PeerError with the reason it cannot.
COMMANDS: dict[str, Callable[[Workload], list[str]]] = {
    "ours": ours.command,
    "qemu": qemu.command,
    "native": native.command,
    "uml": uml.command,
}
