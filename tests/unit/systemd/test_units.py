"""The units, as systemd itself judges them, and their installation."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNITS = ROOT / "systemd"
SYSTEM = ["vether@.service", "vkd.service", "vkd.socket"]
USER = [f"user/{name}" for name in SYSTEM]

#: The most that `systemd-analyze security` may say, in tenths; releases differ by some. A user's manager cannot hide
#: folders and devices.
EXPOSURE = {"vether@.service": 25, "vkd.service": 20, "user/vether@.service": 70, "user/vkd.service": 70}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (systemd)")


def install(tmp_path: Path, which: str, programs: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "scripts/units.py"), which, "--bin", str(programs), "--root", str(tmp_path)]
    env = {**os.environ, "XDG_CONFIG_HOME": "/home/u/.config"}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=30, check=False)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "opt100%" / "bin"
    folder.mkdir(parents=True)
    for name in ("vkd", "vether"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def analyze(tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_COLORS": "0", "LC_ALL": "C.UTF-8"}
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


@needs_systemd
@pytest.mark.parametrize("which", ["--system", "--user"])
def test_installed_units_are_valid(tmp_path: Path, programs: Path, which: str) -> None:
    done = install(tmp_path / "root", which, programs)
    assert done.returncode == 0, done.stderr
    units = [path for path in (tmp_path / "root").rglob("*.s*") if path.is_file()]
    assert len(units) == 3
    checked = analyze(tmp_path, which, "verify", "--man=no", *sorted(map(str, units)))
    ours = [line for line in checked.stderr.splitlines() if re.search(r"vkd|vether", line)]
    assert (checked.returncode, ours) == (0, []), checked.stderr


@needs_systemd
def test_verification_finds_what_is_wrong(tmp_path: Path) -> None:
    text = (UNITS / "vkd.service").read_text()
    wrong = tmp_path / "vkd.service"
    wrong.write_text(text.replace("KillMode=process", "KillMode=none-of-these"))
    shutil.copy(UNITS / "vkd.socket", tmp_path)
    assert "none-of-these" in analyze(tmp_path, "verify", "--man=no", str(wrong)).stderr


@needs_systemd
@pytest.mark.parametrize("name", EXPOSURE)
def test_exposure_is_low(tmp_path: Path, name: str) -> None:
    manager = "--user" if name.startswith("user/") else "--system"
    arguments = (manager, "security", "--offline=true", "--no-pager", str(UNITS / name))
    for threshold, accepted in ((EXPOSURE[name], True), (5, False)):
        done = analyze(tmp_path, *arguments, f"--threshold={threshold}")
        assert (done.returncode == 0) is accepted, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", SYSTEM + USER)
def test_no_unit_holds_a_path_of_one_machine(name: str) -> None:
    folders = set(re.findall(r"(?<![\w/%])/[\w.-]+(?:/[\w.-]+)?", re.sub("#.*", "", (UNITS / name).read_text())))
    assert folders <= {"/usr/local", "/etc/vether", "/dev/net"}


@pytest.mark.parametrize("name", ["vkd.service", "user/vkd.service"])
def test_guests_outlive_the_daemon(name: str) -> None:
    unit = (UNITS / name).read_text().splitlines()
    assert {"KillMode=process", "OOMPolicy=continue"} <= set(unit)
    assert "RuntimeDirectoryPreserve=yes" in unit or not any(line.startswith("RuntimeDirectory=") for line in unit)


def test_installation_puts_the_programs_in(tmp_path: Path, programs: Path) -> None:
    done = install(tmp_path, "--system", programs)
    assert "systemctl daemon-reload" in done.stdout
    written = [Path(line) for line in done.stdout.splitlines() if line.startswith("/")]
    names = {str(path.relative_to(tmp_path)) for path in written}
    assert names == {"etc/sysusers.d/vkd.conf", *(f"etc/systemd/system/{name}" for name in SYSTEM)}
    unit = (tmp_path / "etc/systemd/system/vether@.service").read_text()
    escaped = str(programs).replace("%", "%%")
    assert re.findall(r"^Exec\w+=(\S+)", unit, re.MULTILINE) == [f"{escaped}/vether"] * 2
    done = install(tmp_path, "--user", programs)
    assert f"{tmp_path}/home/u/.config/systemd/user/vkd.socket\n" in done.stdout


def test_programs_that_units_cannot_use_are_refused(tmp_path: Path, programs: Path) -> None:
    (programs / "vether").unlink()
    done = install(tmp_path / "root", "--system", programs)
    assert done.returncode == 2
    assert f"{programs}/vether: no such program" in done.stderr
    (programs / "vether").write_text("#!/root/python\n")
    (programs / "vether").chmod(0o755)
    done = install(tmp_path / "root", "--system", programs)
    assert done.returncode == 2
    assert "/root/python: hidden from the machine's units" in done.stderr
    assert not (tmp_path / "root").exists()
    assert install(tmp_path / "root", "--user", programs).returncode == 0
