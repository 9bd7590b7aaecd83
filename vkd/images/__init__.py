"""Images: what guests boot, assembled on the user's machine from Debian's riscv64 packages.

`ensure("tiny", ...)` gives a kernel and an initramfs; an `Identity` is a second archive that follows the initramfs and
makes a guest of it.
"""

from vkd.images.identity import File, Identity, Interface, Mount
from vkd.images.keys import known_hosts_line, make_ssh_key
from vkd.images.progress import Progress
from vkd.images.store import NAMES, Image, ensure, list_images, prune, remove
from vkd.images.tiny import DEFAULT_CMDLINE, MINIMUM_MEMORY

__all__ = [
    "DEFAULT_CMDLINE",
    "MINIMUM_MEMORY",
    "NAMES",
    "File",
    "Identity",
    "Image",
    "Interface",
    "Mount",
    "Progress",
    "ensure",
    "known_hosts_line",
    "list_images",
    "make_ssh_key",
    "prune",
    "remove",
]
