"""Virtual page tables: memory whose mapping is a table that lies in that memory.

DragonFly BSD's ``MAP_VPAGETABLE`` as a facility: :class:`VPageTable` reserves a region; its backing store is "physical"
memory, and the region's own contents, read as page tables, say where in the backing store each of its pages is.

==========================================  =====================================================
DragonFly BSD                               here
==========================================  =====================================================
``mmap(..., MAP_VPAGETABLE, ...)``          ``VPageTable(size)``
``mcontrol(..., MADV_SETMAP, entry)``       :meth:`VPageTable.set_directory`
``madvise(..., MADV_INVAL)``                :meth:`VPageTable.invalidate`
``mprotect(...)``                           :meth:`VPageTable.protect`
a second mapping of the memory image        :meth:`VPageTable.attach`
``vmspace`` and its switch                  :meth:`VPageTable.switch`
SIGSEGV                                     :class:`PageFault`, :class:`AccessFault`
==========================================  =====================================================

Look-ups are remembered, as by any MMU: after a change to an entry that was valid, the old mapping may go on until it is
invalidated. Addresses and offsets count bytes from 0. A :class:`VPageTable` may be used by several threads, one at a
time; :meth:`VPageTable.attach` gives each its own.

The formats, bit by bit, are in ``docs/vpagetable.md``. The walker is the one that is the MMU of every guest.
"""

from typing import Final

from vkd._native import AccessFault, MemoryFault, PageFault, VPageTable

VPTE_IV: Final = 0x001
"""``vpte2006`` only: the entry maps nothing."""
VPTE_V: Final = 0x001
"""The entry maps something."""
VPTE_PS: Final = 0x002
"""The walk ends here: the entry maps its whole span linearly."""
VPTE_R: Final = 0x004
"""May be loaded from."""
VPTE_W: Final = 0x008
"""May be stored to."""
VPTE_X: Final = 0x010
"""May be executed."""
VPTE_A: Final = 0x020
"""Accessed; set by every walk through the entry."""
VPTE_M: Final = 0x040
"""Modified; set by every walk for a store through the entry."""
VPTE_U: Final = 0x080
"""May be accessed by users of the address space."""
VPTE_MANAGED: Final = 0x100
"""Left to the owner of the table."""
VPTE_G: Final = 0x200
"""Global: in every address space."""
VPTE_WIRED: Final = 0x400
"""Left to the owner of the table."""

__all__ = [
    "VPTE_A",
    "VPTE_G",
    "VPTE_IV",
    "VPTE_M",
    "VPTE_MANAGED",
    "VPTE_PS",
    "VPTE_R",
    "VPTE_U",
    "VPTE_V",
    "VPTE_W",
    "VPTE_WIRED",
    "VPTE_X",
    "AccessFault",
    "MemoryFault",
    "PageFault",
    "VPageTable",
]
