"""The life of one host in its container: up with its part of the cluster; at SIGTERM its guests power off.

`host.py ready` says by its exit status whether all guests of this host are ready. Which host it is says VKD_HOST.
"""

import json
import os
import signal
import subprocess
import sys
from types import FrameType

FILE = os.environ.get("VKD_CLUSTER", "/etc/vkd/cluster/cluster.toml")


class EndError(Exception):
    """The container is to end."""


def main() -> int:
    """Run the host until a signal. Returns the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        while True:
            subprocess.run(["vkd", "up", FILE], check=True)
            # It ends when the daemon does; the next `up` starts one, which finds the guests running.
            subprocess.run(["vkd", "events", "--follow"], check=False)
    except EndError:
        status = 0
    except subprocess.CalledProcessError as error:
        status = error.returncode
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    # Not `down`: the ssh keys of the guests and what else vkd keeps of them is for the next start.
    names = [f"{row['cluster']}/{row['name']}" for row in rows() if row["pid"] is not None]
    if names:
        subprocess.run(["vkd", "stop", *names], check=False)
    return status


def rows() -> list[dict[str, object]]:
    """Return the guests of this host."""
    done = subprocess.run(["vkd", "ps", "--all", "--json"], capture_output=True, check=True)
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def ready() -> int:
    """Return 0 if there are guests and all are ready, else 1."""
    states = [row["state"] for row in rows()]
    return 0 if states and all(state == "ready" for state in states) else 1


def _end(_number: int, _frame: FrameType | None) -> None:
    raise EndError


if __name__ == "__main__":
    sys.exit(ready() if sys.argv[1:] == ["ready"] else main())
