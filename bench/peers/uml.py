"""User Mode Linux as Debian has it: native code, and a ptrace stop for every entry into its kernel."""

from bench.peers.workload import PeerError, Workload, program


def command(workload: Workload) -> list[str]:
    """Return the command line. Its console 0 is standard input and output."""
    linux = program("linux.uml", "user-mode-linux")
    if workload.harts > 1:
        raise PeerError("has one CPU only")
    return [
        *(linux, f"mem={workload.memory >> 20}M", f"initrd={workload.of('native').initrd}"),
        *("con0=fd:0,fd:1", "con=null", "quiet", "panic=-1"),
    ]
