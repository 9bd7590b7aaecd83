"""SSH host and user keys: Ed25519, made here so that host-key checking is strict from a guest's first boot.

Sources: RFC 4251 section 5 (`string`), RFC 8709 (ssh-ed25519), OpenSSH PROTOCOL.key (private keys); dropbear,
`buf_put_ed25519_priv_key` (its private-key file: type, then seed and public key in one string).
"""

from __future__ import annotations

import base64
import struct

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

KEY_TYPE = b"ssh-ed25519"


def make_ssh_key(comment: str = "vkd") -> tuple[bytes, str]:
    """Return a new Ed25519 key: the private key as OpenSSH PEM and the public key as one line."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return pem, public_line(pem, comment)


def public_line(private: bytes, comment: str = "vkd") -> str:
    """Return the public key of an OpenSSH private key as a line for `authorized_keys`."""
    line = load_ed25519(private).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return f"{line.decode()} {comment}" if comment else line.decode()


def load_ed25519(private: bytes) -> Ed25519PrivateKey:
    """Read an unencrypted OpenSSH Ed25519 private key; raises ValueError for anything else."""
    try:
        key = load_ssh_private_key(private, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"not an unencrypted OpenSSH private key: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")  # noqa: TRY004 - the content is wrong, not the argument
    return key


def dropbear_key(private: bytes) -> bytes:
    """Return an OpenSSH Ed25519 private key in the form of dropbear's key files."""
    key = load_ed25519(private)
    seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return _string(KEY_TYPE) + _string(seed + public)


def known_hosts_line(name: str, public: str) -> str:
    """Return the line of a `known_hosts` file that binds `name` to a public-key line, with a line end.

    `name` may be several names or `[address]:port` forms, separated by commas.
    """
    kind, blob, *_ = public.split()
    if base64.b64decode(blob, validate=True)[4 : 4 + len(kind)] != kind.encode():
        raise ValueError(f"not a public key: {public!r}")
    return f"{name} {kind} {blob}\n"


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
