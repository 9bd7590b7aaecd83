"""Console bytes that a terminal may be given: text and colours, nothing that it answers to or that changes it.

Control sequences are those of ECMA-48, sections 5.3 to 5.6.
"""

import re

#: The longest sequence that is waited for, bytes; what is longer and has no end is dropped so far.
_LONGEST = 4096

_COLOURS = re.compile(rb"\x1b\[[0-9;:]*m")

#: A sequence, whole: CSI; a string (OSC, DCS, SOS, PM, APC) with its end; or a short one.
_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_](?:[^\x07\x1b]|\x1b(?!\\))*?(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])"
)
#: The beginning of one.
_PARTIAL = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07]*|[ -/]*)?")
_CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if chr(code) not in "\b\t\n\r")


class Tamer:
    """Takes console bytes as they come and returns what is harmless. Colours (SGR) stay. Pure."""

    def __init__(self) -> None:
        self._rest = b""

    def feed_untrusted(self, data: bytes) -> bytes:
        """Return the harmless part of `data`; the beginning of a sequence waits for its end."""
        data, self._rest = self._rest + data, b""
        kept, at = [], 0
        while (escape := data.find(b"\x1b", at)) >= 0:
            kept.append(_text(data[at:escape]))
            if whole := _SEQUENCE.match(data, escape):
                if _COLOURS.fullmatch(whole[0]):
                    kept.append(whole[0])
                at = whole.end()
            elif _PARTIAL.fullmatch(data, escape) and len(data) - escape < _LONGEST:
                self._rest = data[escape:]
                return b"".join(kept)
            else:
                at = escape + 1
        if data.endswith(b"\xc2"):  # half a character
            data, self._rest = data[:-1], data[-1:]
        kept.append(_text(data[at:]))
        return b"".join(kept)


def _text(data: bytes) -> bytes:
    # In UTF-8 the C1 controls, U+0080 to U+009F, are pairs; no half of one may meet the other over what is left out.
    return re.sub(rb"\xc2(?:[\x80-\x9f]|\Z)", b"", data.translate(None, _CONTROLS))
