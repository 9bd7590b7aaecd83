"""An ordinary user, who has nothing but a home: nothing of a cluster needs root."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.lab import ROOT, Lab, as_user, open_lab
from vkd.images import Image

#: ssh refuses to work for a user who is not in the host's list.
USER = pwd.getpwnam("nobody").pw_uid

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="all other tests run as an ordinary user already")


@pytest.fixture
def user(image: Image) -> Iterator[Lab]:
    with open_lab() as root:
        lab = as_user(root, USER)
        assert not lab.runtime.exists(), f"{lab.runtime} is in use"
        _let_run(lab)
        build = image.kernel.parent.resolve()
        images = lab.folder / ".cache/vkd/images/tiny"
        shutil.copytree(build, images / build.name)
        (images / "current").symlink_to(build.name)
        for path in (lab.folder, *lab.folder.rglob("*")):
            os.chown(path, USER, USER, follow_symlinks=False)
        try:
            yield lab
            lab.down()
        finally:
            lab.kill_rest()
            shutil.rmtree(lab.runtime, ignore_errors=True)


def _let_run(lab: Lab) -> None:
    """Choose an interpreter that the user may run: ours, or the system's with our packages."""
    lab.env["PYTHONPATH"] = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
    for words in (lab.command, ["/usr/bin/python3", "-m", "vkd.cli"]):
        # In a shell: setpriv itself may still read what only root may.
        if lab.run("sh", "-c", f"{shlex.join(words)} schema", code=None).code == 0:
            lab.command = words
            return
    pytest.skip("neither this interpreter nor the system's can run this tree as another user")


def test_the_whole_way_without_root(user: Lab) -> None:
    user.write("[guests.a]\n[guests.b]\n")
    user.vkd("up")
    assert user.runtime == Path(f"/tmp/vkd-{USER}")
    assert user.runtime.stat().st_mode & 0o777 == 0o700
    folders = [path for path in user.runtime.rglob("*") if path.is_dir()]
    assert len(folders) >= 5
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in user.processes()} == {USER}
    assert "1 packets received" in user.ssh("a", "ping -c1 b")
    user.vkd("cp", "a:/etc/hostname", "name")
    assert (user.folder / "name").read_text() == "a\n"
    assert user.vkd("doctor", code=None).code in {0, 5}
    user.vkd("down")
    user.assert_nothing_left()


def test_a_tap_that_the_user_may_not_have_is_told_with_what_root_can_do(user: Lab) -> None:
    pytest.importorskip("pytun")
    tap = '[networks.lan]\n[[networks.lan.ports]]\nname = "vkdtest0"\nkind = "tap"\n[guests.a]\n'
    user.write(tap)
    done = user.vkd("up", code=5)
    assert "does not come up" in done.err
    assert "ip tuntap add dev vkdtest0 mode tap user" in done.err
    user.write("[networks.lan]\n[guests.a]\n")
    user.vkd("up")
    before = user.row("a")["pid"]
    user.write(tap)
    done = user.vkd("up", code=5)
    assert "network lan: the switch refuses apply: cannot open the TAP vkdtest0" in done.err
    assert "ip tuntap add dev vkdtest0 mode tap user" in done.err
    assert user.row("a")["pid"] == before
    assert user.row("a")["state"] == "ready"
