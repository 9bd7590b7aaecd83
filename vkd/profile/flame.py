"""A flame graph: a picture of stacks in which width is time. One SVG file that needs nothing else.

After Brendan Gregg, "The Flame Graph", CACM 59(6), 2016: frames stand on their callers, siblings in alphabetical order.
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from vkd.profile.stacks import Stack

_WIDTH = 1200
_ROW = 17
_MARGIN = 44
#: Narrower frames, pixels, are left out: nobody could see them.
_NARROWEST = 0.3

_STYLE = """
text { font: 12px sans-serif; pointer-events: none } rect { stroke: #fff; stroke-width: .5 }
svg svg:hover rect { stroke: #000; stroke-width: 2 } svg svg { cursor: pointer }
"""

# A click on a frame gives it the whole width; those below it go along, those beside it make room.
_SCRIPT = """
const frames = [...document.querySelectorAll("svg svg")].map(e =>
  ({e, x: +e.dataset.x, w: +e.dataset.w, y: +e.getAttribute("y")}));
const zoom = to => frames.forEach(f => {
  const left = Math.max(f.x, to.x), right = Math.min(f.x + f.w, to.x + to.w);
  const below = f.y > to.y && f.x <= to.x && f.x + f.w >= to.x + to.w;
  f.e.style.display = right - left > 1e-9 ? "" : "none";
  f.e.setAttribute("x", 100 * (left - to.x) / to.w + "%");
  f.e.setAttribute("width", 100 * Math.max(0, right - left) / to.w + "%");
  f.e.style.opacity = below ? .6 : 1;
});
frames.forEach(f => f.e.addEventListener("click", () => zoom(f)));
"""


@dataclass
class _Node:
    kernel: bool = False
    count: int = 0
    inner: dict[tuple[str, bool], "_Node"] = field(default_factory=dict)


def flame_graph(stacks: Counter[Stack], title: str) -> str:
    """Return the flame graph of `stacks` as SVG: kernel frames in orange, others in green, tasks in grey."""
    root = _tree(stacks)
    frames = list(_frames(root, "all", 0, 0.0, root.count or 1))
    height = _MARGIN + _ROW * (1 + max(depth for _, _, depth, _, _ in frames))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<text x="8" y="18">{escape(title)}</text>\n'
        f'<text x="8" y="34" fill="#777">kernel orange, user green; click to widen, hover to read</text>\n'
    ]
    for name, node, depth, start, share in frames:
        percent = f"{100 * share:.2f} %"
        parts.append(
            f'<svg x="{100 * start:.4f}%" y="{height - _ROW * (depth + 1)}" width="{100 * share:.4f}%" height="{_ROW}" '
            f'data-x="{start:.8f}" data-w="{share:.8f}"><title>{escape(name)}: {node.count} samples, {percent}</title>'
            f'<rect width="100%" height="100%" fill="{_colour(name, node, depth)}"/>'
            f'<text x="3" y="12.5">{escape(name)}</text></svg>\n'
        )
    return "".join([*parts, f"<script><![CDATA[{_SCRIPT}]]></script>\n</svg>\n"])


def _tree(stacks: Counter[Stack]) -> _Node:
    root = _Node()
    for (task, frames), count in stacks.items():
        root.count += count
        node = root
        for name, kernel in ((task, False), *((frame.name, frame.kernel) for frame in frames)):
            node = node.inner.setdefault((name, kernel), _Node(kernel))
            node.count += count
    return root


def _frames(
    node: _Node, name: str, depth: int, start: float, all_: int
) -> Iterator[tuple[str, _Node, int, float, float]]:
    share = node.count / all_
    if share * _WIDTH < _NARROWEST and depth:
        return
    yield name, node, depth, start, share
    for (inner, _), child in sorted(node.inner.items(), key=lambda item: item[0]):
        yield from _frames(child, inner, depth + 1, start, all_)
        start += child.count / all_


def _colour(name: str, node: _Node, depth: int) -> str:
    shade = zlib.crc32(name.encode()) % 24
    if depth < 2:
        return f"hsl(220 8% {84 - shade // 4}%)"
    hue, saturation = (28 + shade // 2, 90) if node.kernel else (110 + shade, 50)
    return f"hsl({hue} {saturation}% {64 + shade // 3}%)"
