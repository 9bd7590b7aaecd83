#!/usr/bin/env python3
"""Install the systemd units, with the folder of this machine's programs in them.

Usage: units.py [--system | --user] [--bin DIR] [--root DIR]

As root the units of the machine are installed (/etc/systemd/system, and their users' sysusers.d), otherwise those of
the user (~/.config/systemd/user). --bin names the folder that holds `vkd` and `vether`: /usr/local/bin for the
machine's, for a user's that of this tree's virtual environment. --root is put before every path that is written.

Only the standard library is used. Exit status 2: the programs cannot be used by the units.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent

#: ProtectHome= of the machine's units hides what is there.
HOMES = ("/home/", "/root/", "/run/user/")

_PROGRAM = re.compile(r"^(Exec\w+=)(\S*/)(vkd|vether)\b", re.MULTILINE)


def with_programs(unit: str, folder: Path) -> str:
    """Return the text of a unit that takes `vkd` and `vether` from `folder`."""
    # A specifier begins with %, and a folder may have one in its name.
    path = str(folder).replace("%", "%%")
    return _PROGRAM.sub(lambda found: f"{found[1]}{path}/{found[3]}", unit)


def problems(folder: Path, *, user: bool) -> list[str]:
    """Return what keeps units from using the programs in `folder`."""
    found = []
    if re.search(r"\s", str(folder)):
        found.append(f"{folder}: a path with blanks; name another with --bin")
    for name in ("vkd", "vether"):
        program = folder / name
        if not os.access(program, os.X_OK):
            found.append(f"{program}: no such program; name the folder that holds it with --bin")
            continue
        places = {str(program), str(program.resolve()), *interpreter(program)}
        if not user and (hidden := [place for place in places if place.startswith(HOMES)]):
            found.append(f"{min(hidden)}: hidden from the machine's units; install vkd elsewhere, as in /opt/vkd")
    return list(dict.fromkeys(found))


def interpreter(program: Path) -> list[str]:
    """Return the interpreter that a script begins with, as named and as it resolves; none for a binary."""
    with program.open("rb") as file:
        line = file.readline(256)
    if not line.startswith(b"#!/"):
        return []
    path = Path(os.fsdecode(line[2:].split()[0]))
    return [str(path), str(path.resolve())]


def plan(*, user: bool, environment: dict[str, str]) -> dict[Path, Path]:
    """Return which file goes where."""
    units = TREE / "systemd"
    if user:
        config = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        folder = Path(config) / "systemd/user"
        return {source: folder / source.name for source in sorted((units / "user").iterdir())}
    folder = Path("/etc/systemd/system")
    targets = {source: folder / source.name for source in sorted(units.glob("*.s*")) if source.suffix != ".conf"}
    return {units / "sysusers.conf": Path("/etc/sysusers.d/vkd.conf"), **targets}


def main(arguments: Sequence[str]) -> int:
    """Install; return the exit status."""
    parser = argparse.ArgumentParser(description="Install the systemd units.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--system", dest="user", action="store_false", default=os.geteuid() != 0)
    which.add_argument("--user", dest="user", action="store_true")
    parser.add_argument("--bin", type=Path, help="folder of the programs vkd and vether")
    parser.add_argument("--root", type=Path, default=Path("/"), help="put before every path that is written")
    options = parser.parse_args(arguments)
    folder = (options.bin or (TREE / ".venv/bin" if options.user else Path("/usr/local/bin"))).absolute()
    if wrong := problems(folder, user=options.user):
        print("\n".join(wrong), file=sys.stderr)
        return 2
    for source, target in plan(user=options.user, environment=dict(os.environ)).items():
        place = options.root / target.relative_to("/")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(with_programs(source.read_text(), folder))
            place.chmod(0o644)
        except OSError as error:
            print(f"cannot write {place}: {error.strerror}", file=sys.stderr)
            return 1
        print(place)
    control = "systemctl --user" if options.user else "systemctl"
    users = "" if options.user else "systemd-sysusers && "
    print(f"next: {users}{control} daemon-reload && {control} enable --now vkd.socket")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
