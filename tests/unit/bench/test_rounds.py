"""Rounds over peers that are small programs here: the agent's part is played by the shell, or by the agent itself."""

import subprocess
from pathlib import Path

import pytest

from bench import peers
from bench.build import COMPILERS, build
from bench.peers.session import Session
from bench.peers.workload import PeerError, Programs, Workload
from bench.rounds import Row, run
from bench.suite import ROWS, read
from vkd.images import cpio

SHELL = """
echo BENCH ready
while read word rest; do
    case $word in
        fast) echo "BENCH time 0.1 1 1 aa" ;;
        slow) echo "BENCH time $SECONDS_NEEDED 1 1 bb" ;;
        die) exit 3 ;;
        hang) sleep 60 ;;
        end) exit 0 ;;
    esac
    echo "BENCH done 0 0.0"
done
"""


def shell(seconds: float) -> list[str]:
    return ["env", f"SECONDS_NEEDED={seconds}", "sh", "-c", SHELL]


def row(name: str, limit: float = 20.0) -> Row:
    return Row(name, name, name, read, limit=limit)


@pytest.fixture
def workload() -> Workload:
    return Workload(Path("kernel"), "", {}, 1 << 20)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(_: Workload) -> list[str]:
        raise PeerError("is not installed")

    monkeypatch.setitem(peers.COMMANDS, "native", lambda _: shell(0.5))
    monkeypatch.setitem(peers.COMMANDS, "qemu", lambda _: shell(2.0))
    monkeypatch.setitem(peers.COMMANDS, "uml", lacks)


@pytest.mark.usefixtures("commands")
def test_each_round_gives_each_peer_a_value(workload: Workload) -> None:
    results, boots = run([row("fast"), row("slow")], workload, ["qemu", "native", "uml"], 2)
    assert results["fast"].values() == {"qemu": [0.1, 0.1], "native": [0.1, 0.1]}
    assert results["slow"].values() == {"qemu": [2.0, 2.0], "native": [0.5, 0.5]}
    assert results["slow"].problems == {"uml": "is not installed"}
    assert len(boots.values()["qemu"]) == 2


@pytest.mark.usefixtures("commands")
def test_a_peer_that_dies_or_hangs_loses_that_row_only(workload: Workload) -> None:
    rows = [row("die"), row("hang", limit=0.3), row("fast")]
    results, boots = run(rows, workload, ["qemu"], 1)
    assert "ended with status 3" in results["die"].problems["qemu"]
    assert "no answer within" in results["hang"].problems["qemu"]
    assert results["fast"].values() == {"qemu": [0.1]}
    assert len(boots.values()["qemu"]) == 3


def test_a_peer_that_does_not_boot_says_why() -> None:
    with pytest.raises(PeerError, match="status 1; it said last: kernel panic"):
        Session(["sh", "-c", "echo kernel panic; exit 1"])


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    made = build("native", tmp_path_factory.mktemp("programs"))
    assert isinstance(made, Programs), made
    return made


@pytest.mark.parametrize("name", ROWS)
def test_every_row_runs_on_this_host(native: Programs, name: str) -> None:
    with Session(list(native.native)) as session:
        first, _ = session.run(f"suite {name} 0.0001 1", 60)
        second, _ = session.run(f"suite {name} 0.0001 2", 60)
    assert read(first).value > 0
    assert (read(first).turns, read(first).check) == (read(second).turns, read(second).check)


def test_the_agent_reports_what_fails(native: Programs) -> None:
    with Session(list(native.native)) as session:
        for command, status in (("suite no-such-row 1 1", 2), ("no-such-program", 127), ("suite", 2)):
            answer, _ = session.run(command, 20)
            assert answer.status == status
            with pytest.raises(PeerError):
                read(answer)


def test_the_initramfs_has_what_a_guest_needs(native: Programs) -> None:
    names = {entry.name: entry for entry in cpio.read_untrusted(native.initrd.read_bytes())}
    assert {"dev/console", "proc", "init", "bench/suite"} <= names.keys()
    assert names["init"].data[:4] == b"\x7fELF"


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMPILERS, "riscv64", "no-such-gcc")
    failed = build("riscv64", tmp_path)
    assert isinstance(failed, PeerError)
    assert "no-such-gcc is not installed" in str(failed)


def test_the_suite_names_its_rows(native: Programs) -> None:
    usage = subprocess.run([native.initrd.with_name("suite")], capture_output=True, text=True, check=False).stderr
    assert set(usage.partition("rows:")[2].split()) == set(ROWS)
