"""TCP through an encrypted tunnel over a veth pair: `python -m bench.veil VEIL [SECONDS]`.

VEIL is the example `veil` of core/switch, built with --release. Needs root and iperf3. Prints the Gbit/s of iperf3,
and those of the bare veth pair in the same run.
"""

import json
import os
import subprocess
import sys
import time

from tests.vether.tap_guest import open_tap


def ip(*arguments: str) -> None:
    """Run the command of iproute2."""
    subprocess.run(["ip", *arguments], check=True)


def iperf(name: str, address: str, seconds: int) -> float:
    """Return Gbit/s from the namespace `name` to `address`."""
    command = ["ip", "netns", "exec", name, "iperf3", "-c", address, "-t", str(seconds), "-O", "1", "-J"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return float(answer["end"]["sum_received"]["bits_per_second"]) / 1e9


def main() -> None:
    """Measure."""
    veil, seconds = sys.argv[1], int((sys.argv[2:] or ["5"])[0])
    names = [f"veil{os.getpid()}{end}" for end in "ab"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name in names:
            ip("netns", "add", name)
        a, b = names
        ip("link", "add", "wire", "netns", a, "type", "veth", "peer", "name", "wire", "netns", b)
        for i, name in enumerate(names, 1):
            ip("-n", name, "addr", "add", f"192.0.2.{i}/24", "dev", "wire")
            ip("-n", name, "link", "set", "wire", "up")
            tap = open_tap(f"veil{i}")
            ip("link", "set", f"veil{i}", "netns", name, "name", "eth0")
            ip("-n", name, "addr", "add", f"10.77.0.{i}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ends = [f"192.0.2.{n}:5870" for n in (i, 3 - i)]
            command = ["ip", "netns", "exec", name, veil, str(tap), str(i), *ends, str(seconds * 2 + 8)]
            started.append(subprocess.Popen(command, pass_fds=[tap]))
            os.close(tap)
        started.append(subprocess.Popen(["ip", "netns", "exec", b, "iperf3", "-s"], stdout=subprocess.DEVNULL))
        time.sleep(2)
        subprocess.run(["ip", "netns", "exec", a, "ping", "-c", "20", "-i", "0.05", "-q", "10.77.0.2"], check=False)
        tunnel, bare = iperf(a, "10.77.0.2", seconds), iperf(a, "192.0.2.2", seconds)
        print(json.dumps({"tunnel_gbit": round(tunnel, 2), "veth_gbit": round(bare, 2)}))
        for process in started[:2]:
            process.wait(30)
    finally:
        for process in started:
            process.kill()
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False)


if __name__ == "__main__":
    main()
