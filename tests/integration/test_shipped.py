"""The cluster file that comes with vkd, from the first `up` to a `down` that leaves nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.lab import ROOT, Lab, open_lab, wait_for
from vkd.images import Image

GUESTS = ("a", "b")


@pytest.fixture(scope="module")
def demo(image: Image) -> Iterator[Lab]:
    with open_lab() as lab:
        shutil.copy(ROOT / "configs/cluster.toml", lab.folder)
        done = lab.vkd("up")
        assert re.search(r"\nready: a, b\nlog in: (\S*/)?vkd ssh a\n$", done.out), done.out
        assert done.err == ""
        yield lab


def test_both_are_ready(demo: Lab) -> None:
    rows = json.loads(demo.vkd("ps", "--json").out)
    assert [(row["cluster"], row["name"], row["state"], row["stage"]) for row in rows] == [
        ("demo", "a", "ready", "ssh"),
        ("demo", "b", "ready", "ssh"),
    ]
    assert {row["memory"] for row in rows} == {128 << 20}
    for row in rows:
        assert Path(f"/proc/{row['pid']}/comm").read_text().strip() == f"vkernel:{row['name']}"
    table = demo.vkd("ps").out.splitlines()
    assert [line.split()[:3] for line in table[1:]] == [["demo", "a", "ready"], ["demo", "b", "ready"]]


def test_it_is_debians_kernel(demo: Lab, image: Image) -> None:
    assert demo.ssh("a", "uname -rm") == f"{image.release} riscv64"
    assert re.fullmatch(r"\d+\.\d+\.\d+\+deb13(\.\d+)?-riscv64", image.release)


@pytest.mark.parametrize(("here", "there"), [GUESTS, GUESTS[::-1]])
def test_guests_reach_each_other_by_name(demo: Lab, here: str, there: str) -> None:
    said = demo.ssh(here, f"ping -c1 {there} && ping -c1 {there}.demo.vkd && nslookup {there}.demo.vkd")
    assert said.count("1 packets received") == 2
    assert f"PING {there} ({demo.row(there)['addresses'][0].split('/')[0]})" in said


def test_guests_do_not_reach_the_hosts_loopback(demo: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for address in ("gateway", "10.77.0.1"):
            demo.ssh("a", f"nc -w 3 {address} {port} </dev/null", code=1)
        demo.ssh("a", "ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 10.77.0.1")
        demo.ssh("a", "echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet")
        demo.ssh("a", f"nc -w 3 127.0.0.1 {port} </dev/null", code=1)
        demo.ssh("a", "ip route del 127.0.0.0/8; ip addr add 127.0.0.1/8 dev lo")
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("code", [0, 7, 255])
def test_exit_codes_pass_through(demo: Lab, code: int) -> None:
    demo.vkd("ssh", "a", "--", f"exit {code}", code=code)
    demo.vkd("exec", "a", "--", "sh", "-c", f"exit {code}", code=code)


def test_exec_keeps_words(demo: Lab) -> None:
    assert demo.vkd("exec", "a", "--", "printf", "<%s>", "x  y", "$HOME", "*", "'").out == "<x  y><$HOME><*><'>"


def test_copies_both_ways_and_between_guests(demo: Lab) -> None:
    data = os.urandom(300_000)
    (demo.folder / "sent").write_bytes(data)
    demo.vkd("cp", "sent", "a:/tmp/file")
    demo.vkd("cp", "a:/tmp/file", "b:/tmp/file")
    demo.vkd("cp", "b:/tmp/file", "received")
    assert (demo.folder / "received").read_bytes() == data
    missing = demo.vkd("cp", "a:/tmp/none", "received", code=None)
    assert missing.code != 0
    assert "/tmp/none" in missing.err


def test_a_piped_console_types_and_prints(demo: Lab) -> None:
    seen: list[bytes] = []

    def read(viewer: subprocess.Popen[bytes]) -> None:
        assert viewer.stdout is not None
        while data := viewer.stdout.read1():  # type: ignore[attr-defined]
            seen.append(data)

    viewers = [demo.popen("console", "a", stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    readers = [threading.Thread(target=read, args=[viewer]) for viewer in viewers]
    for reader in readers:
        reader.start()
    try:
        assert viewers[0].stdin is not None
        viewers[0].stdin.write(b"\necho con$((40 + 2))sole\n")
        viewers[0].stdin.flush()
        wait_for(lambda: b"".join(seen).count(b"con42sole") == 2, lambda: seen, 20)  # by either viewer
    finally:
        for viewer, reader in zip(viewers, readers, strict=True):
            viewer.terminate()
            viewer.wait(10)
            reader.join(10)


def test_logs_tell_of_the_boot(demo: Lab) -> None:
    lines = demo.vkd("logs", "a").out.splitlines()
    assert [line for line in lines if line.startswith("vkd: stage")] == [
        "vkd: stage init",
        "vkd: stage link",
        "vkd: stage ssh",
    ]
    assert demo.vkd("logs", "-n", "1", "a").out.splitlines() == lines[-1:]


def test_inspect_tells_all(demo: Lab) -> None:
    found = json.loads(demo.vkd("inspect", "b").out)
    assert found["row"]["state"] == "ready"
    assert found["config"]["memory"] == 128 << 20
    assert found["source"].endswith("cluster.toml")
    assert Path(found["folder"], "console.sock").is_socket()
    assert found["machine"]["pid"] == found["row"]["pid"]


def test_events_are_lines_of_json(demo: Lab) -> None:
    events = [json.loads(line) for line in demo.vkd("events", "--json").out.splitlines()]
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    for name in GUESTS:
        stages = [event["stage"] for event in events if event.get("guest") == name and event["kind"] == "stage"]
        assert stages[:5] == ["image", "kernel", "init", "link", "ssh"]


def test_plain_ssh_works_with_our_configuration(demo: Lab) -> None:
    (demo.folder / "ssh.conf").write_text(demo.vkd("ssh-config").out)
    for host in ("a", "a.demo"):
        assert demo.run("ssh", "-F", "ssh.conf", host, "hostname").out == "a\n"
    assert "StrictHostKeyChecking yes" in (demo.folder / "ssh.conf").read_text()


def test_another_host_key_is_refused(demo: Lab) -> None:
    target = demo.vkd("ssh-config", "a").out.replace(f"Port {demo.row('a')['ssh_port']}", f"Port {_port(demo, 'b')}")
    (demo.folder / "wrong.conf").write_text(target)
    done = demo.run("ssh", "-F", "wrong.conf", "a", "true", code=255)
    assert "host key" in done.err.lower()


def _port(lab: Lab, guest: str) -> int:
    port = lab.row(guest)["ssh_port"]
    assert isinstance(port, int)
    return port


def test_an_unknown_guest_has_a_nearest_name(demo: Lab) -> None:
    for words in (["ssh", "aa"], ["logs", "aa"], ["console", "aa"], ["inspect", "aa"], ["stop", "aa"]):
        done = demo.vkd(*words, code=3)
        assert "'aa'" in done.err
        assert "did you mean 'a'?" in done.err
    assert "'aa'" in demo.vkd("cp", "aa:/etc/motd", ".", code=3).err


def test_again_up_changes_nothing(demo: Lab) -> None:
    before = demo.pids(), sorted(demo.processes())
    done = demo.vkd("up", "--json")
    assert not any(json.loads(done.out)["changes"].values())
    assert "nothing to change" in demo.vkd("up").out
    assert demo.vkd("up", "--dry-run").out == "nothing to change\n"
    assert (demo.pids(), sorted(demo.processes())) == before
    assert {row["restarts"] for row in demo.rows().values()} == {0}


def test_an_edited_file_changes_only_what_differs(demo: Lab) -> None:
    """A guest is added, one gets other memory, one a forward: only the second is restarted, and that by itself."""
    before, port = demo.pids(), free_port()
    switch = demo.pid_of("vether", "serve")
    text = (demo.folder / "cluster.toml").read_text()
    try:
        edited = text.replace("[guests.a]", f'[guests.a]\nforwards = ["{port}:8000"]')
        edited = edited.replace("[guests.b]", '[guests.b]\nmemory = "256M"') + '\n[guests.c]\nimage = "tiny"\n'
        demo.write(edited)
        planned = demo.vkd("up", "--dry-run").out
        assert sorted(planned.splitlines()) == ["+ guest c", "~ guest a: forwards", "~ guest b: memory (restart)"]
        assert demo.pids() == before
        demo.vkd("up")
        after = demo.pids()
        assert after["a"] == before["a"]
        assert after["b"] != before["b"]
        assert set(after) == {"a", "b", "c"}
        assert demo.pid_of("vether", "serve") == switch
        assert int(demo.ssh("b", "awk '/MemTotal/ { print $2 }' /proc/meminfo")) > (128 << 10)
        assert "1 packets received" in demo.ssh("c", "ping -c1 b")
        demo.ssh("a", "echo forwarded >/tmp/served; nc -l -p 8000 </tmp/served >/dev/null 2>&1 &")
        assert wait_for(lambda: _read(port), lambda: "no answer", 20) == b"forwarded\n"
    finally:
        demo.write(text)
    assert demo.vkd("up", "--dry-run").out.splitlines()[-1] == "- guest c"
    demo.vkd("up")
    assert set(demo.pids()) == {"a", "b"}
    assert demo.pids()["a"] == before["a"]
    assert _read(port) == b""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _read(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            return sock.recv(100)
    except OSError:
        return b""


def test_down_leaves_nothing(demo: Lab) -> None:
    ports = [row["ssh_port"] for row in demo.rows().values()]
    assert "demo is down" in demo.vkd("down").out
    demo.assert_nothing_left()
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert demo.vkd("ps", "--json").out == "[]\n"
    assert demo.vkd("down").out == "no cluster runs\n"
    demo.vkd("ssh", "a", code=3)
    demo.assert_nothing_left()
