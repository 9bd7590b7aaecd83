"""From samples to stacks, tables, folded lines and pictures."""

from collections import Counter
from typing import Any
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from vkd.profile.flame import flame_graph
from vkd.profile.report import SymbolRow, TaskRow, folded, report
from vkd.profile.sample import SUPERVISOR, USER, Batch, Profile, Sample
from vkd.profile.stacks import Frame, Names
from vkd.profile.symbols import Symbols

K = 0xFFFFFFFF80000000
NAMES = Names(
    Symbols([(K, "T", "entry"), (K + 0x100, "t", "read"), (K + 0x200, "T", "copy"), (K + 0x300, "D", "data")]),
    Symbols([(0x1000, "T", "main"), (0x2000, "N", "")]),
)


def sample(pc: int, *frames: int, ra: int | None = None, **fields: Any) -> Sample:
    privilege = SUPERVISOR if pc >= K else USER
    given = {"hart": 0, "time": 0.0, "privilege": privilege, "satp": 0, "task": b"cat", **fields}
    return Sample(pc=pc, ra=ra, frames=list(frames), **given)


def names(sample: Sample) -> list[str]:
    return [frame.name for frame in NAMES.stack(sample)[1]]


def test_a_stack_begins_with_the_outermost() -> None:
    assert names(sample(K + 0x204, K + 0x110, K + 0x10)) == ["entry", "read", "copy"]
    # A call that is the last instruction of a function returns to the next one's first.
    assert names(sample(K + 0x204, K + 0x200)) == ["read", "copy"]


def test_the_caller_of_a_leaf_is_in_ra() -> None:
    # `copy` has not set up its frame: the chain begins with the caller's caller.
    assert names(sample(K + 0x200, K + 0x10, ra=K + 0x110)) == ["entry", "read", "copy"]
    # The chain has the caller, or ra leads into the function itself, or to what has no name.
    assert names(sample(K + 0x204, K + 0x110, ra=K + 0x110)) == ["read", "copy"]
    assert names(sample(K + 0x204, K + 0x110, ra=K + 0x210)) == ["read", "copy"]
    assert names(sample(K + 0x204, K + 0x110, ra=0x5000)) == ["read", "copy"]


def test_code_without_symbols_is_named_after_its_page() -> None:
    assert names(sample(0x2345)) == ["0x2000+"]
    assert names(sample(0x1345)) == ["main"]
    assert names(sample(K + 0x3456)) == [f"{K + 0x3000:#x}+"]


def test_a_task_without_a_name_is_its_address_space() -> None:
    assert NAMES.stack(sample(0x1000, task=None, satp=9 << 60 | 7 << 44 | 0x80200))[0] == "address space 7"
    assert NAMES.stack(sample(K, task=None, satp=9 << 60))[0] == "kernel"
    assert NAMES.stack(sample(0x1000, task=b"a;b\n\x1b[2J\xff"))[0] == "a:b\ufffd\ufffd[2J\ufffd"


SAMPLES = [
    *[sample(K + 0x204, K + 0x110, K + 0x10)] * 5,
    *[sample(K + 0x104, K + 0x10)] * 2,
    *[sample(0x1004, task=b"sh")] * 3,
]


def test_the_numbers_add_up() -> None:
    profile = Profile(hz=100)
    profile.add(Batch(samples=SAMPLES, lost=[1, 2], idle=[3, 4]))
    profile.add(Batch(samples=[], lost=[1, 5], idle=[3, 9]))
    profile.seconds = 0.12345
    found = report(profile, NAMES.stacks(profile.samples))
    assert (found.samples, found.lost, found.idle, found.harts, found.seconds) == (10, 6, 12, 2, 0.123)
    assert found.tasks == [TaskRow("cat", 7, 0), TaskRow("sh", 0, 3)]
    assert found.symbols == [
        SymbolRow("copy", "kernel", 5, 5),
        SymbolRow("main", "user", 3, 3),
        SymbolRow("read", "kernel", 2, 7),
        SymbolRow("entry", "kernel", 0, 7),
    ]


def test_recursion_counts_once_in_the_total() -> None:
    profile = Profile(hz=1, samples=[sample(K + 0x104, K + 0x110, K + 0x120)])
    found = report(profile, NAMES.stacks(profile.samples))
    assert found.symbols == [SymbolRow("read", "kernel", 1, 1)]


def test_folded_stacks() -> None:
    assert folded(NAMES.stacks(SAMPLES)) == ("cat;entry_[k];read_[k] 2\ncat;entry_[k];read_[k];copy_[k] 5\nsh;main 3\n")
    assert folded(Counter()) == ""


def boxes(text: str) -> dict[str, tuple[float, float, float]]:
    """Return x and width in percent, and the height above the ground, of each frame by its title."""
    root = ElementTree.fromstring(text)  # noqa: S314 - it is our own
    inner = root.findall("{*}svg")
    ground = max(float(box.get("y", "")) for box in inner)
    return {
        box.findtext("{*}title", ""): (
            float(box.get("x", "").rstrip("%")),
            float(box.get("width", "").rstrip("%")),
            ground - float(box.get("y", "")),
        )
        for box in inner
    }


def test_frames_of_a_flame_graph_stand_on_their_callers() -> None:
    found = boxes(flame_graph(NAMES.stacks(SAMPLES), "<a> & b"))
    assert found["all: 10 samples, 100.00 %"] == (0, 100, 0)
    assert found["cat: 7 samples, 70.00 %"][:2] == (0, 70)
    assert found["sh: 3 samples, 30.00 %"][:2] == (70, 30)
    entry, copy = found["entry: 7 samples, 70.00 %"], found["copy: 5 samples, 50.00 %"]
    assert entry[2] * 2 == copy[2]
    assert copy[1] == 50


@given(
    st.dictionaries(
        st.tuples(
            st.text(max_size=5), st.lists(st.builds(Frame, st.text(max_size=5), st.booleans()), min_size=1).map(tuple)
        ),
        st.integers(1, 10**6),
        max_size=10,
    )
)
def test_any_stacks_give_a_picture_that_can_be_read(stacks: dict[Any, int]) -> None:
    clean = Counter(
        {
            (_printable(task), tuple(Frame(_printable(f.name), f.kernel) for f in frames)): count
            for (task, frames), count in stacks.items()
        }
    )
    found = boxes(flame_graph(clean, "t"))
    assert all(x >= 0 and x + width <= 100.001 for x, width, _ in found.values())


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
