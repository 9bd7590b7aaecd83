"""Find the line of a key in TOML source, which tomllib does not tell.

A scanner for source that tomllib has accepted (TOML 1.0): it follows headers, dotted keys, arrays and inline tables,
and records the line of each. It never raises; in source that is not TOML it finds what it can.
"""

import re
import tomllib

from vkd.config.problem import KeyPath

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_INLINE_BLANK = re.compile(r"[ \t]+")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""+|' + r"'''.*?'''+|" + _BASIC.pattern + "|" + _LITERAL.pattern, re.DOTALL)
_SCALAR = re.compile(r"[^,\]\}\n#]+")

#: Deeper than tomllib goes before it gives up, shallower than Python's stack.
_MAX_DEPTH = 100


class Locator:
    """The lines, from 1, of all keys and list items in `source`."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._counted = 0
        self._line = 1
        #: By path: keys as text, list items by index.
        self.lines: dict[KeyPath, int] = {}
        self._array_tables: dict[KeyPath, int] = {}
        self._scan()

    def line(self, path: KeyPath) -> int | None:
        """Return the line of `path`, or of its nearest parent that has one."""
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return line
        return None

    def _scan(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._source):
                return
            before = self._at
            if self._source.startswith("[[", self._at):
                self._at += 2
                table = self._header(array=True)
            elif self._source.startswith("[", self._at):
                self._at += 1
                table = self._header(array=False)
            else:
                self._pair(table, 0)
            self._to_line_end(before)

    def _header(self, *, array: bool) -> KeyPath:
        line = self._here()
        keys = self._keys()
        path: KeyPath = ()
        for at, key in enumerate(keys):
            path = (*path, key)
            last = at == len(keys) - 1
            if array and last:
                self.lines.setdefault(path, line)
                self._array_tables[path] = self._array_tables.get(path, -1) + 1
            if path in self._array_tables:
                path = (*path, self._array_tables[path])
            if last:
                self.lines[path] = line
            else:
                self.lines.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath, depth: int) -> None:
        line = self._here()
        path = table
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._skip(_INLINE_BLANK)
        if self._take("="):
            self._skip(_INLINE_BLANK)
            self._value(path, depth)

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_INLINE_BLANK)
            key = self._key()
            if key is None:
                return keys
            keys.append(key)
            self._skip(_INLINE_BLANK)
            if not self._take("."):
                return keys

    def _key(self) -> str | None:
        if bare := _BARE.match(self._source, self._at):
            self._at = bare.end()
            return bare[0]
        quoted = _BASIC.match(self._source, self._at) or _LITERAL.match(self._source, self._at)
        if quoted is None:
            return None
        self._at = quoted.end()
        try:
            return str(tomllib.loads(f"key = {quoted[0]}")["key"])
        except ValueError:
            return quoted[0]

    def _value(self, path: KeyPath, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self._at = len(self._source)
        elif self._take("["):
            self._items(path, depth)
        elif self._take("{"):
            first = True
            while not self._closes("}", first=first):
                self._pair(path, depth + 1)
                first = False
        elif (string := _STRING.match(self._source, self._at)) or (string := _SCALAR.match(self._source, self._at)):
            self._at = string.end()

    def _items(self, path: KeyPath, depth: int) -> None:
        index = 0
        while not self._closes("]", first=index == 0):
            item = (*path, index)
            self.lines[item] = self._here()
            self._value(item, depth + 1)
            index += 1

    def _closes(self, bracket: str, *, first: bool) -> bool:
        """Skip to the next item; true at `bracket`, at the end, and where a comma is missing (so it ends)."""
        self._skip(_BLANK)
        separated = first or self._take(",")
        self._skip(_BLANK)
        return self._take(bracket) or self._at >= len(self._source) or not separated

    def _to_line_end(self, before: int) -> None:
        end = self._source.find("\n", self._at)
        self._at = len(self._source) if end < 0 else max(end, before + 1)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._source, self._at):
            self._at = match.end()

    def _take(self, mark: str) -> bool:
        taken = self._source.startswith(mark, self._at)
        self._at += len(mark) * taken
        return taken

    def _here(self) -> int:
        self._line += self._source.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line
