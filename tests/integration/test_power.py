"""What guests do to themselves: power off, reboot, panic; and what `stop`, `start` and `restart` do to them."""

from __future__ import annotations

import json

from tests.integration.lab import Lab, wait_for

CLUSTER = """
[guests.a]
restart = "on-failure"

[guests.b]
"""


def test_power_off_from_inside_is_no_failure(ready: Lab) -> None:
    ready.vkd("ssh", "a", "--", "poweroff", code=None)
    row = ready.until("a", "stopped")
    assert (row["pid"], row["restarts"]) == (None, 0)
    assert "Power down" in ready.vkd("logs", "a").out
    assert [row["name"] for row in json.loads(ready.vkd("ps", "--json").out)] == ["b"]
    ready.vkd("start", "a")
    assert ready.ssh("a", "hostname") == "a"


def test_reboot_from_inside_keeps_the_process(ready: Lab) -> None:
    pid = ready.pids()["a"]
    before = ready.ssh("a", "cat /proc/sys/kernel/random/boot_id")
    ready.vkd("ssh", "a", "--", "reboot", code=None)
    wait_for(lambda: "vkd: boot 2" in ready.vkd("logs", "a").out, ready.rows, 40)
    row = ready.until("a", "ready")
    assert (row["pid"], row["restarts"]) == (pid, 0)
    assert ready.ssh("a", "cat /proc/sys/kernel/random/boot_id") != before
    assert "1 packets received" in ready.ssh("b", "ping -c1 a")


def test_a_panic_is_a_failure_with_its_words(ready: Lab) -> None:
    ready.vkd("ssh", "b", "--", "(sleep 0.3; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &", code=None)
    row = ready.until("b", "failed")
    assert "Kernel panic - not syncing: sysrq triggered crash" in row["reason"]
    assert row["pid"] is None
    failed = [json.loads(line) for line in ready.vkd("events", "--json").out.splitlines()]
    detail = next(event["detail"] for event in failed if event.get("state") == "failed")
    assert "sysrq triggered crash" in detail


def test_stop_and_restart(ready: Lab) -> None:
    pid = ready.pids()["a"]
    ready.vkd("restart", "a")
    again = ready.row("a")
    assert again["state"] == "ready"
    assert again["pid"] != pid
    ready.vkd("stop", "a")
    assert ready.row("a")["state"] == "stopped"
    # It was asked, not ended: its own shutdown has run.
    assert "Power down" in ready.vkd("logs", "a").out
