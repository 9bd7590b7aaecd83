"""Throughput, packet rates and round trips between two hosts, through each switch in turn, in rounds."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.build import COMPILERS, FOLDER, compile_program
from bench.figure import Figure
from bench.goals import goals
from bench.options import Options
from bench.process import terminate
from bench.switch.hosts import Host
from bench.switch.wires import ENCRYPTED, SWITCHED, TUNNELLED, B, Pair

#: What all need; vde_switch is needed for its own values only.
PROGRAMS = ("ip", "iperf3", "ping")
SECONDS, PINGS = 5.0, 20_000


@dataclass(frozen=True)
class Row:
    """One row: what it measures between two hosts, given the share of the work."""

    unit: str
    title: str
    wires: dict[str, Callable[[], AbstractContextManager[Pair]]]
    run: Callable[[Pair, float], float]
    higher_is_better: bool = True


def _tcp(pair: Pair, scale: float) -> float:
    """Gbit/s that iperf3 on the second host received from the first."""
    a, b = pair
    seconds = max(1, round(SECONDS * scale))
    server = subprocess.Popen(b.command("iperf3", "-s", "-1", "-B", B), stdout=subprocess.DEVNULL)
    try:
        _listening(b)
        text = a.run("iperf3", "-J", "-c", B, "-t", str(seconds), seconds=seconds + 30)
    finally:
        terminate(server)
    return float(json.loads(text)["end"]["sum_received"]["bits_per_second"]) / 1e9


def _listening(host: Host) -> None:
    for _ in range(500):
        if "5201" in host.run("ss", "-Hltn"):
            return
        time.sleep(0.01)
    raise RuntimeError("iperf3 does not listen")


def _small(pair: Pair, scale: float) -> float:
    """Frames of 64 bytes that arrive, in thousands a second, when one host sends as many as its interface takes."""
    a, b = pair
    seconds = SECONDS * scale
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        flood = Path(name, "flood")
        compile_program(COMPILERS["native"], [FOLDER / "flood.c"], flood)
        before = b.link()
        a.run(str(flood), a.link()["ifname"], before["address"], str(seconds), seconds=seconds + 30)
        arrived: int = b.link()["stats64"]["rx"]["packets"] - before["stats64"]["rx"]["packets"]
        return arrived / seconds / 1e3


def _rtt(pair: Pair, scale: float) -> float:
    said = pair[0].run("ping", "-q", "-f", "-c", str(max(100, round(PINGS * scale))), B)
    found = re.search(r"= [\d.]+/([\d.]+)/", said)
    if found is None:
        raise RuntimeError("no answer to pings")
    return float(found[1]) * 1e3


TABLE = {
    "tap tcp": Row("Gbit/s", "one TCP stream, TAP to TAP; the bridge has veth pairs", SWITCHED, _tcp),
    "tap small": Row("kpackets/s", "frames of 64 bytes, from a generator", SWITCHED, _small),
    "tap rtt": Row("us", "flood ping", SWITCHED, _rtt, higher_is_better=False),
    "tunnel tcp": Row("Gbit/s", "one TCP stream, encrypted; the kernel's: the bare veth pair", ENCRYPTED, _tcp),
    "vxlan tcp": Row("Gbit/s", "one TCP stream through a tunnel over a veth pair", TUNNELLED, _tcp),
    "vxlan rtt": Row("us", "flood ping through the tunnel", TUNNELLED, _rtt, higher_is_better=False),
}
ROWS = tuple(TABLE)


def measure(options: Options) -> Sequence[Figure]:
    """Measure each row on all switches before the next, in rounds."""
    rows = {name: row for name, row in TABLE.items() if options.wants(name)}
    lacking = _lacking()
    values: dict[str, dict[str, list[float]]] = {name: {} for name in rows}
    problems: dict[str, dict[str, str]] = {name: {} for name in rows}
    for _ in range(options.rounds):
        for name, row in rows.items():
            for peer, wire in row.wires.items():
                if lacking or (peer == "vde" and shutil.which("vde_switch") is None):
                    problems[name][peer] = lacking or "is not installed"
                    continue
                try:
                    with wire() as pair:
                        pair[0].run("ping", "-c", "2", "-i", "0.1", "-W", "2", B)
                        values[name].setdefault(peer, []).append(row.run(pair, options.scale))
                except (OSError, RuntimeError, subprocess.SubprocessError, KeyError) as error:
                    problems[name][peer] = f"failed: {error}"
    return [
        Figure(
            name,
            row.unit,
            values[name],
            goals(name) if name != "vxlan rtt" else (),
            higher_is_better=row.higher_is_better,
            title=row.title,
            problems=problems[name],
        )
        for name, row in rows.items()
    ]


def _lacking() -> str | None:
    if os.geteuid() != 0:
        return "needs root: it makes network namespaces"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"needs {', '.join(missing)}" if missing else None
