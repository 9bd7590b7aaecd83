"""The native machine, driven from Python with programs of a few instructions."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from vkd._native import Machine

RAM = 16 << 20

# li a0, 'A'; lui t0, 0x10000; sb a0, (t0): print; then lui t0, 0x100: the finisher.
_PRINT = [0x0410_0513, 0x1000_02B7, 0x00A2_8023, 0x0010_02B7]
# lui t1, 0x5; addi t1, t1, 0x555; sw t1, (t0)
_POWER_OFF = [0x0000_5337, 0x5553_0313, 0x0062_A023]
# lui t1, 0x33; addi t1, t1, 0x333; sw t1, (t0): failure, code 3
_FAIL = [0x0003_3337, 0x3333_0313, 0x0062_A023]
_SPIN = [0x0000_006F]
# lui t0, 0x10000; lb t1, 5(t0); andi t1, t1, 1; beqz t1, -8; lb a0, 0(t0); addi a0, a0, 1; sb a0, (t0); j -24
_ECHO_NEXT = [0x1000_02B7, 0x0052_8303, 0x0013_7313, 0xFE03_0CE3, 0x0002_8503, 0x0015_0513, 0x00A2_8023, 0xFE9F_F06F]


def program(folder: Path, words: list[int]) -> Path:
    path = folder / "program"
    path.write_bytes(b"".join(word.to_bytes(4, "little") for word in words))
    return path


@pytest.mark.parametrize("firmware", ["builtin", "none"])
@pytest.mark.parametrize(("ending", "end"), [(_POWER_OFF, ("poweroff", 0, "")), (_FAIL, ("failure", 3, ""))])
def test_a_program_prints_and_ends(tmp_path: Path, firmware: str, ending: list[int], end: tuple[str, int, str]) -> None:
    machine = Machine(memory=RAM, kernel=program(tmp_path, _PRINT + ending + _SPIN), firmware=firmware)
    assert machine.wait(0.0) is None
    machine.start()
    assert machine.wait(20.0) == end
    assert machine.console_read(0.0) == b"A"


def test_input_reaches_the_guest_and_the_counters_move(tmp_path: Path) -> None:
    machine = Machine(memory=RAM, harts=2, kernel=program(tmp_path, _ECHO_NEXT))
    machine.start()
    assert machine.console_write(b"HAL") == 3
    output = b""
    deadline = time.monotonic() + 20
    while len(output) < 3 and time.monotonic() < deadline:
        output += machine.console_read(1.0)
    assert output == b"IBM"
    machine.stop()
    assert machine.wait(0.0) == ("stopped", 0, "")
    stats = machine.stats()
    assert stats["instructions"][0] > 10
    assert stats["instructions"][1] == 0, "the built-in firmware leaves it to the kernel to start others"
    assert stats["console_dropped"] == 0
    assert stats["disks"] == stats["nics"] == []
    assert stats["harts"][0]["device_accesses"] >= 6
    assert stats["harts"][1]["device_accesses"] == 0


def test_a_profile_is_taken_while_the_guest_runs(tmp_path: Path) -> None:
    machine = Machine(memory=RAM, harts=2, kernel=program(tmp_path, _SPIN))
    with pytest.raises(ValueError, match="there can be 1 to 10000"):
        machine.profile_start(0)
    machine.start()
    machine.profile_start(2000)
    samples: list[Any] = []
    deadline = time.monotonic() + 20
    while len(samples) < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
        profile = machine.profile_read()
        # The other hart may be asked once before it has come to rest.
        samples += [sample for sample in profile["samples"] if sample[0] == 0]
    machine.profile_stop()
    assert len(samples) >= 10
    hart, seconds, privilege, satp, pc, ra, frames, task = samples[-1]
    assert (hart, privilege, satp, ra, frames, task) == (0, 1, 0, None, [], None)
    assert seconds > 0
    assert {sample[4] for sample in samples} == {pc}
    assert profile["lost"] == [0, 0]
    assert profile["idle"][0] == 0
    assert profile["idle"][1] > 0


def test_waiting_does_not_hold_the_interpreter(tmp_path: Path) -> None:
    machine = Machine(memory=RAM, kernel=program(tmp_path, _SPIN))
    machine.start()
    with pytest.raises(ValueError, match="started before"):
        machine.start()
    waiter = threading.Thread(target=machine.wait, args=(20.0,))
    waiter.start()
    began = time.monotonic()
    assert machine.console_read(0.05) == b""
    machine.stop()
    waiter.join(10)
    assert not waiter.is_alive()
    assert time.monotonic() - began < 10


def test_a_disk_and_an_interface_are_counted(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(4096))
    machine = Machine(
        memory=RAM,
        kernel=program(tmp_path, _SPIN),
        disks=[(disk, False)],
        nics=[(tmp_path / "port", b"\x02\0\0\0\0\1")],
    )
    stats = machine.stats()
    assert stats["disks"][0]["writes"] == 0
    assert stats["nics"][0]["connected"] is False
    assert stats["nics"][0]["driver_ok"] is False
    with pytest.raises(OSError, match="in use by another machine"):
        Machine(memory=RAM, kernel=program(tmp_path, _SPIN), disks=[(disk, False)])
    del machine
    Machine(memory=RAM, kernel=program(tmp_path, _SPIN), disks=[(disk, False)])


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    kernel = program(tmp_path, _SPIN)
    with pytest.raises(ValueError, match="there can be 1 to 64"):
        Machine(memory=RAM, harts=65, kernel=kernel)
    with pytest.raises(ValueError, match="no kernel"):
        Machine(memory=RAM)
    with pytest.raises(OSError, match=r"nowhere: No such file"):
        Machine(memory=RAM, kernel=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="6 bytes, not 2"):
        Machine(memory=RAM, kernel=kernel, nics=[("port", b"ab")])
    with pytest.raises(ValueError, match="timeout -1"):
        Machine(memory=RAM, kernel=kernel).wait(-1.0)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(RAM)
    with pytest.raises(ValueError, match=r"large: too large for 16 MiB of memory: loading it takes at least \d+ MiB"):
        Machine(memory=RAM, kernel=kernel, initrd=[large])
