from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from tests.unit.images.fakes import RELEASE, Signer, make_archive
from vkd.errors import ImageError, NotFoundError
from vkd.images import Identity, ensure, list_images, prune, remove, tiny
from vkd.images.cache import Cache
from vkd.images.progress import Progress, Watcher
from vkd.images.store import ensure_sync


@pytest.fixture
def mirror(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "mirror"
    make_archive(root, signer)
    monkeypatch.setenv("VKD_MIRROR", f"file:{root}")
    monkeypatch.setenv("VKD_KEYRING", str(signer.keyring))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "xdg" / "vkd")


async def test_built_once_then_without_a_mirror(mirror: Path, cache: Cache) -> None:
    steps: list[Progress] = []
    image = await ensure("tiny", progress=steps.append)
    assert (image.name, image.release) == ("tiny", RELEASE)
    assert image.size == image.kernel.stat().st_size + image.initrd.stat().st_size
    assert {step.phase for step in steps} == {"index", "download", "unpack", "build"}
    facts = json.loads((image.kernel.parent / "image.json").read_bytes())
    assert {package["name"] for package in facts["packages"]} >= {"busybox-static", "libc6", f"linux-image-{RELEASE}"}
    mirror.rename(mirror.with_name("gone"))
    steps.clear()
    assert await ensure("tiny", progress=steps.append) == image
    assert steps == []
    assert list_images() == [image]
    assert len(Identity("a").cpio()) % 512 == 0


def test_a_lost_build_is_made_again_from_the_cache(mirror: Path, cache: Cache) -> None:
    first = ensure_sync("tiny", None, Watcher())
    initrd = first.initrd.read_bytes()
    assert remove("tiny") >= first.size
    assert list_images() == []
    mirror.rename(mirror.with_name("gone"))
    again = ensure_sync("tiny", None, Watcher())
    assert again.initrd == first.initrd
    assert again.initrd.read_bytes() == initrd


def test_two_versions_of_vkd_share_a_cache(mirror: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ensure_sync("tiny", None, Watcher())
    with monkeypatch.context() as other:
        other.setattr(tiny, "recipe", lambda: "of another version")
        theirs = ensure_sync("tiny", None, Watcher())
        assert list_images() == [theirs]
    steps: list[Progress] = []
    assert ensure_sync("tiny", None, Watcher(steps.append)) == first
    assert steps == []
    assert list_images() == [theirs]


def test_no_mirror_and_nothing_cached(mirror: Path) -> None:
    (mirror / "pool/libdeep1_1.0_riscv64.deb").unlink()
    with pytest.raises(ImageError, match=r"could not get .*libdeep1"):
        ensure_sync("tiny", None, Watcher())
    assert list_images() == []


def test_prune_keeps_what_is_in_use(mirror: Path, cache: Cache, signer: Signer) -> None:
    image = ensure_sync("tiny", None, Watcher())
    old = image.kernel.parent.with_name("0123456789abcdef")
    used = image.kernel.parent.with_name("fedcba9876543210")
    for folder in (old, used):
        folder.mkdir()
        (folder / "kernel").write_bytes(b"x" * 1000)
    blobs = sum(path.stat().st_size for path in (cache.root / "blobs").iterdir())
    assert prune([used / "kernel"]) == blobs + 1000
    assert (used / "kernel").exists()
    assert not old.exists()
    assert list_images() == [image]
    assert prune() == 1000


def test_refresh_takes_newer_packages(mirror: Path, signer: Signer) -> None:
    ensure_sync("tiny", None, Watcher())
    make_archive(mirror, signer, date="Sat, 10 Oct 2026 00:00:00 UTC")
    image = ensure_sync("tiny", None, Watcher(), refresh=True)
    assert image == ensure_sync("tiny", None, Watcher())


async def test_unknown_names() -> None:
    with pytest.raises(NotFoundError, match="no image 'tinny'") as caught:
        await ensure("tinny")
    assert caught.value.hint == "did you mean 'tiny'?"
    with pytest.raises(NotFoundError):
        remove("huge")


async def test_a_cancelled_build_ends_and_goes_on_later(mirror: Path) -> None:
    with trio.CancelScope() as scope:

        def report(step: Progress) -> None:
            if step.phase == "download":
                scope.cancel()

        await ensure("tiny", progress=report)
    assert scope.cancelled_caught
    assert list_images() == []
    assert (await ensure("tiny")).name == "tiny"


def test_a_damaged_build_counts_as_none(mirror: Path) -> None:
    image = ensure_sync("tiny", None, Watcher())
    image.initrd.unlink()
    assert list_images() == []
    assert ensure_sync("tiny", None, Watcher()).initrd.exists()


@pytest.mark.parametrize("file", ["kernel", "initrd"])
def test_a_changed_build_is_named_and_removed(mirror: Path, file: str) -> None:
    image = ensure_sync("tiny", None, Watcher())
    path = image.kernel.parent / file
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"x")
    with pytest.raises(ImageError, match=rf"the image tiny is corrupt: the SHA-256 of .*{file}"):
        ensure_sync("tiny", None, Watcher())
    assert list_images() == []
    assert (ensure_sync("tiny", None, Watcher()).kernel.parent / file).read_bytes() == data
