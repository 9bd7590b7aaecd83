"""`kill -9` of everything that can be killed: the daemon, a guest, a switch."""

from __future__ import annotations

import re
import subprocess

from tests.integration.lab import Lab, kill, wait_for
from vkd.images import Image

CLUSTER = """
[guests.phoenix.restart]
policy = "on-failure"
delay = "200ms"

[guests.mortal]
restart = "no"
"""

#: Guests that are ready as soon as their init runs, for tests that need no login.
BRIEF = """
[guests.a]
wait_for = "init"
"""

#: An adopted process is no child of its daemon, which hence cannot know how it ended.
DIED = "its process was (ended by signal 9|killed or crashed)"


def test_guests_outlive_the_daemon(ready: Lab) -> None:
    pids, switch, daemon = ready.pids(), ready.pid_of("vether", "serve"), ready.daemon()
    kill(daemon)
    wait_for(lambda: daemon not in ready.processes(), ready.processes)
    assert set(pids.values()) <= set(ready.processes())
    assert ready.pids() == pids  # the next command starts a daemon, which adopts them
    assert ready.daemon() != daemon
    assert ready.pid_of("vether", "serve") == switch
    assert {row["state"] for row in ready.rows().values()} == {"ready"}
    assert "1 packets received" in ready.ssh("phoenix", "ping -c1 mortal")
    assert "nothing to change" in ready.vkd("up").out
    assert ready.pids() == pids


def test_a_guest_that_dies_without_a_daemon_is_restarted_by_the_next(ready: Lab) -> None:
    pids = ready.pids()
    kill(ready.daemon())
    kill(pids["phoenix"])
    wait_for(lambda: pids["phoenix"] not in ready.processes(), ready.processes)
    assert ready.until("phoenix", "ready")["pid"] != pids["phoenix"]
    assert ready.ssh("phoenix", "hostname") == "phoenix"
    assert ready.pids()["mortal"] == pids["mortal"]


def test_a_killed_guest_is_restarted(ready: Lab) -> None:
    pids, restarts = ready.pids(), ready.row("phoenix")["restarts"]
    kill(pids["phoenix"])
    wait_for(lambda: ready.row("phoenix")["pid"] not in {None, pids["phoenix"]}, ready.rows)
    row = ready.until("phoenix", "ready")
    assert row["restarts"] == restarts + 1
    assert ready.ssh("phoenix", "hostname") == "phoenix"
    assert "1 packets received" in ready.ssh("mortal", "ping -c1 phoenix")
    assert ready.pids()["mortal"] == pids["mortal"]
    assert re.search(f"phoenix state backoff: {DIED}.*; restart \\d in 0.", ready.vkd("events").out)


def test_without_restart_it_has_failed(ready: Lab) -> None:
    pids = ready.pids()
    kill(pids["mortal"])
    row = ready.until("mortal", "failed")
    assert row["pid"] is None
    assert re.match(DIED, row["reason"])
    assert "mortal is failed" in ready.vkd("ssh", "mortal", "--", "true", code=1).err
    assert ready.pids() == {"phoenix": pids["phoenix"]}
    ready.vkd("start", "mortal")
    assert ready.ssh("mortal", "hostname") == "mortal"


def test_a_login_ends_with_its_guest(ready: Lab) -> None:
    login = ready.popen("ssh", "mortal", "--", "echo in; sleep 1000", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert login.stdout is not None
    assert login.stdout.readline() == b"in\n"
    kill(ready.pids()["mortal"])
    assert login.wait(40) == 255


def test_a_killed_switch_is_restarted(ready: Lab) -> None:
    pids, switch = ready.pids(), ready.pid_of("vether", "serve")
    kill(switch)
    wait_for(lambda: [pid for pid, line in ready.processes().items() if "vether" in line and pid != switch], ready.rows)
    # Links come back by themselves; ssh goes through the gateway, so this shows that way too.
    wait_for(
        lambda: ready.vkd("ssh", "phoenix", "--", "ping -c1 -W2 mortal", code=None).code == 0,
        lambda: ready.vkd("events").out,
        40,
    )
    assert ready.pids() == pids
    assert {row["restarts"] for row in ready.rows().values()} <= {0, 1, 2}


def test_down_cleans_up_after_a_killed_daemon(lab: Lab, image: Image) -> None:
    lab.write(BRIEF)
    lab.vkd("up")
    kill(lab.daemon())
    lab.vkd("down")
    lab.assert_nothing_left()


def test_up_survives_the_daemon_that_served_it(lab: Lab, image: Image) -> None:
    lab.write(BRIEF)
    waiting = lab.popen("up", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for((lab.runtime / "lab/a/console.log").exists, lab.processes)
    kill(lab.daemon())
    _, said = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    assert b"lost the daemon" in said
    assert b"try again" in said
    guest = lab.pid_of("vkd.vkernel")
    lab.vkd("up")
    assert lab.pids() == {"a": guest}


def test_a_boot_that_always_fails_is_given_up(lab: Lab, image: Image) -> None:
    lab.write("""
        [guests.a]
        append = "rdinit=/nonexistent"
        restart = { policy = "on-failure", max_retries = 1, delay = "100ms" }
    """)
    done = lab.vkd("up", code=1)
    assert "a: backoff" in done.out
    assert "guest a failed: gave up after 1 restarts in a row; the last: Kernel panic - not syncing" in done.err
    row = lab.row("a")
    assert (row["state"], row["restarts"], row["pid"]) == ("failed", 1, None)
    tail = [line for line in done.err.splitlines() if line.startswith("  | ")]
    assert any("Kernel panic - not syncing" in line for line in tail)
    assert "vkd logs a" in done.err
