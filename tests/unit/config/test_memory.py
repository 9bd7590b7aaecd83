"""Memory that the host lacks."""

from pathlib import Path

import pytest

from tests.unit.config.helpers import parse
from vkd.config.memory import available_memory
from vkd.errors import ConfigError

MIB = 1 << 20
TWO = "[defaults]\nmemory='128M'\n[guests.a]\n[guests.b]\n"


def test_a_guest_larger_than_the_host() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("[guests.a]\nmemory='1T'").check_host(512 * MIB)
    assert str(caught.value) == (
        "demo.toml:2: guests.a.memory: guest 'a' asks for 1048576 MiB, and the host has 512 MiB available"
    )
    assert caught.value.exit_code == 2


def test_guests_larger_than_the_host_in_sum() -> None:
    with pytest.raises(ConfigError, match=r"demo\.toml:2: defaults\.memory: .* 256 MiB in sum.*overcommit"):
        parse(TWO).check_host(200 * MIB)
    parse("overcommit = true\n" + TWO).check_host(200 * MIB)
    parse(TWO).check_host(200 * MIB, running={"a": 128 * MIB})
    with pytest.raises(ConfigError, match="asks for 896 MiB more than the 128 MiB it has"):
        parse("[guests.a]\nmemory='1G'").check_host(200 * MIB, running={"a": 128 * MIB})
    parse(TWO).check_host(256 * MIB)


def test_the_memory_of_this_host_is_read() -> None:
    assert MIB < available_memory() < 1 << 50


def test_the_limit_of_a_control_group_counts(tmp_path: Path) -> None:
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 4096 kB\n")
    assert available_memory(proc, cgroup) == 4 * MIB
    (proc / "self/cgroup").write_text("0::/a/b\n")
    (cgroup / "a/b").mkdir(parents=True)
    (cgroup / "a/b/memory.max").write_text("max\n")
    (cgroup / "a/b/memory.current").write_text("5\n")
    assert available_memory(proc, cgroup) == 4 * MIB
    (cgroup / "a/memory.max").write_text(f"{3 * MIB}\n")
    (cgroup / "a/memory.current").write_text(f"{MIB}\n")
    assert available_memory(proc, cgroup) == 2 * MIB
