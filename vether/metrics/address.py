"""Where metrics are served: `ADDRESS:PORT` or `[ADDRESS]:PORT`."""

from vether.errors import SpecError
from vether.peerspec import IPAddress, literal

_HINT = "such as 127.0.0.1:9870, or [::1]:9870"


def check_address(where: str, text: str) -> tuple[IPAddress, int]:
    """Return address and port. Raises `SpecError`, which names `where`."""
    try:
        address = literal(text)
    except ValueError as error:
        raise SpecError(f"{where}: {error}", hint=_HINT) from error
    if address is None:
        raise SpecError(f"{where}: {text!r} has no address of this host", hint=_HINT)
    if not address[1]:
        raise SpecError(f"{where}: port 0 would be another one each time", hint=_HINT)
    return address
