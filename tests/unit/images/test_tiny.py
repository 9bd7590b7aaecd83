from __future__ import annotations

import random
import stat
from pathlib import Path

import pytest

from tests.unit.images import fakes
from tests.unit.images.fakes import LIBRARIES, RELEASE
from vkd.errors import ImageError
from vkd.images import tiny
from vkd.images.cpio import Entry, read_untrusted
from vkd.images.index import Package
from vkd.images.modules import Module, alias_table, closure, dependency_table, load_order, module_name
from vkd.images.unpack import members


class Bench:
    """Builds `tiny` of the fake packages, and knows which of them were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.got: list[str] = []
        self.data = {name: data for name, (_, _, data) in fakes.tiny_packages().items()}
        self.packages = {
            name: Package(name, "1.0", name, section, tuple(depends), f"pool/{name}.deb", f"digest-{name}", len(data))
            for name, (section, depends, data) in fakes.tiny_packages().items()
        }

    def get(self, package: Package) -> Path:
        self.got.append(package.name)
        path = self.folder / package.name
        path.write_bytes(self.data[package.name])
        return path

    def build(self) -> tiny.Built:
        return tiny.build(self.packages, self.get, lambda: None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def unpack(built: tiny.Built) -> dict[str, Entry]:
    return {entry.name: entry for entry in read_untrusted(b"".join(built.initrd))}


def test_what_is_in_it(bench: Bench) -> None:
    built = bench.build()
    assert (built.kernel, built.release) == (b"MZ the kernel", RELEASE)
    made = unpack(built)
    assert next(iter(made)) == "."
    programs = {"usr/bin/busybox", "usr/sbin/dropbear", "usr/bin/ssh", "usr/lib/sftp-server"}
    assert programs | {"etc/inittab"} <= made.keys()
    assert made["init"].data == b"usr/bin/busybox"
    assert stat.S_ISCHR(made["dev/console"].mode)
    assert made["dev/console"].device == (5, 1)
    assert made["etc/init.d/rcS"].mode & 0o111
    libraries = {name.removeprefix(f"{LIBRARIES}/") for name in made if name.startswith(f"{LIBRARIES}/")}
    assert libraries == {"libc.so.6", "libz.so.1", "libdeep.so.1", "ld.so.1"}


def test_only_the_packages_needed_are_got(bench: Bench) -> None:
    built = bench.build()
    expected = {
        "busybox-static",
        "dropbear-bin",
        "openssh-sftp-server",
        "libc6",
        "libz1",
        "libdeep1",
        f"linux-image-{RELEASE}",
    }
    assert set(bench.got) == expected
    assert [package.name for package in built.packages] == sorted(expected)


def test_every_folder_comes_before_what_is_in_it(bench: Bench) -> None:
    seen: set[str] = set()
    for name in unpack(bench.build()):
        parent = name.rpartition("/")[0]
        assert not parent or parent in seen
        seen.add(name)


def test_modules_come_with_their_dependencies(bench: Bench) -> None:
    made = unpack(bench.build())
    folder = f"usr/lib/modules/{RELEASE}"
    names = {name.removeprefix(f"{folder}/kernel/") for name in made if ".ko" in name}
    assert {"drivers/net/virtio_net.ko", "drivers/net/net_failover.ko", "net/core/failover.ko"} <= names
    assert {
        "fs/ext4/ext4.ko.xz",
        "fs/jbd2/jbd2.ko.xz",
        "fs/mbcache.ko.xz",
        "drivers/char/hw_random/virtio-rng.ko.xz",
    } <= names
    assert "unwanted.ko.xz" not in names
    table = made[f"{folder}/modules.dep"].data.decode().splitlines()
    assert "kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko" in table
    assert "alias fs-ext4 ext4" in made[f"{folder}/modules.alias"].data.decode().splitlines()


def test_the_same_packages_give_the_same_bytes(bench: Bench) -> None:
    assert b"".join(bench.build().initrd) == b"".join(bench.build().initrd)
    assert tiny.recipe() == tiny.recipe()


def test_missing_things_are_named(bench: Bench) -> None:
    def broken(name: str, data: bytes) -> None:
        fresh = Bench(bench.folder)
        fresh.data[name] = data
        fresh.build()

    with pytest.raises(ImageError, match="busybox-static has no usr/bin/busybox"):
        broken("busybox-static", fakes.deb({}))
    with pytest.raises(ImageError, match=r"no package that libz1 depends on has libdeep\.so\.1"):
        broken("libdeep1", fakes.deb({}))
    with pytest.raises(ImageError, match=r"no module .*9p"):
        broken(f"linux-image-{RELEASE}", fakes.deb({f"boot/vmlinux-{RELEASE}": b"MZ"}))
    scripts = dict.fromkeys(("usr/sbin/dropbear", "usr/bin/dbclient"), b"#!/bin/sh")
    with pytest.raises(ImageError, match="dropbear-bin: not a little-endian ELF-64 file"):
        broken("dropbear-bin", fakes.deb(scripts))
    del bench.packages["busybox-static"]
    with pytest.raises(ImageError, match="no package busybox-static"):
        bench.build()


@pytest.mark.parametrize("kind", ["xz", "gz"])
def test_members(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(fakes.deb({"usr/a": b"one", "usr/b": "a", "usr/c": b"three"}, kind))
    found = {member.path: (member.data, member.link) for member in members(path, lambda p: p != "usr/c", lambda: None)}
    assert found == {"usr/a": (b"one", None), "usr/b": (b"", "a")}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a package",
        fakes.deb({"a": random.Random(1).randbytes(50_000)})[:-25_000],
        fakes.deb({"a": b"x"}, data_name="data.tar.zst"),
        fakes.deb({"a": b"x"}, "gz", data_name="data.tar.xz"),
    ],
)
def test_a_damaged_package_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.deb"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"bad\.deb"):
        list(members(path, lambda _: True, lambda: None))


def test_module_tables() -> None:
    modules = {
        module.name: module
        for module in (
            Module.read("kernel/a.ko", fakes.module("a", ["b", "c-d"])),
            Module.read("kernel/b.ko", fakes.module("b", ["c_d"])),
            Module.read("kernel/c-d.ko", fakes.module("c_d", [], ["x:*"])),
        )
    }
    assert load_order(["a"], modules) == ["c_d", "b", "a"]
    assert dependency_table(modules).splitlines()[0] == "kernel/a.ko: kernel/b.ko kernel/c-d.ko"
    assert alias_table(modules) == "alias x:* c_d\n"
    assert closure(["a"], lambda names: {name: modules[name] for name in names}).keys() == modules.keys()
    with pytest.raises(ImageError, match="no module zz"):
        closure(["zz"], lambda _: {})
    assert module_name("kernel/x/virtio-rng.ko.xz") == "virtio_rng"
    with pytest.raises(ImageError, match=r"bad\.ko\.xz cannot be read"):
        Module.read("kernel/bad.ko.xz", b"nonsense")
