"""Keys of the tunnel: X25519 keys and pre-shared secrets, 32 bytes as a line of base64 in a file of mode 0600."""

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from vether.errors import SpecError, VetherError, hint_to_write

#: Bytes of a key.
LENGTH = 32


def encode(key: bytes) -> str:
    """Return `key` as base64 text, 44 characters."""
    return base64.b64encode(key).decode()


def decode_untrusted(text: str) -> bytes:
    """Return the 32 bytes that `text` stands for. Raises `ValueError`."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != LENGTH:
        raise ValueError("not a key: 44 characters of base64 are wanted, as `vether key` prints them")
    return key


def public(private: bytes) -> bytes:
    """Return the public key of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def generate(path: Path) -> bytes:
    """Make a file with 32 random bytes, mode 0600; return them. Raises `VetherError`, also if there is a file."""
    key = secrets.token_bytes(LENGTH)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "w") as file:  # noqa: PTH123 - of a descriptor
            file.write(encode(key) + "\n")
    except OSError as error:
        raise VetherError(f"cannot make {path}: {error.strerror}", hint=hint_to_write(path, error)) from error
    return key


#: Makes a secret that both ends have; it is copied to the other.
MAKE_PSK = "vether key --psk"


def read(path: Path, make: str = "vether key") -> bytes:
    """Return the key in the file `path`. Raises `SpecError` if it is none, or if others can read it.

    `make` is the command that makes such a file.
    """
    try:
        with path.open() as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(256)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise SpecError(f"cannot read the key {path}: {reason}", hint=f"make one with: {make} {path}") from error
    if stat.S_ISREG(mode) and mode & 0o077:
        raise SpecError(f"the key {path} can be read by others", hint=f"chmod 600 {path}")
    try:
        return decode_untrusted(text)
    except ValueError as error:
        raise SpecError(f"{path}: {error}") from error
