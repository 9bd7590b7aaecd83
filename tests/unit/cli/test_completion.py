"""Completion: the scripts load, and complete commands, options and guests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Vkd
from tests.unit.cli.fake import FakeDaemon, row

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_valid(vkd: Vkd, shell: str) -> None:
    result = vkd("completion", shell)
    assert (result.code, result.err) == (0, "")
    assert "_VKD_COMPLETE" in result.out
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.out, text=True, check=True)


def complete(*words: str) -> set[str]:
    """Return what bash would offer for the last of `words`."""
    environment = {
        **os.environ,
        "_VKD_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, "-c", "from vkd.cli import main; main()"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return {line.split(",", 1)[1] for line in done.stdout.splitlines() if line}


def test_commands_and_options() -> None:
    assert complete("vkd", "re") == {"restart"}
    assert complete("vkd", "up", "--dry") == {"--dry-run"}
    assert complete("vkd", "completion", "") == {"bash", "zsh", "fish"}


def test_guests(daemon: FakeDaemon) -> None:
    assert complete("vkd", "ssh", "") == {"a", "b"}
    daemon.rows.append(row("a", cluster="other", state="stopped"))
    assert complete("vkd", "ssh", "") == {"demo/a", "b", "other/a"}
    assert complete("vkd", "ssh", "demo/") == {"demo/a", "demo/b"}
    assert complete("vkd", "down", "") == {"demo", "other"}


def test_without_a_daemon_there_is_nothing_to_complete() -> None:
    assert complete("vkd", "ssh", "") == set()
