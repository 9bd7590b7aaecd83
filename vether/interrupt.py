"""What an interrupt does to a command line that is still being imported: it ends it, without a traceback.

On top it imports only what every interpreter has loaded or is small, so that the guard stands early.
"""

import importlib
import os
from types import ModuleType

#: What shells say of a command that SIGINT ended.
INTERRUPTED = 130


def load(module: str) -> ModuleType:
    """Import and return `module`; an interrupt meanwhile ends the process with 130.

    An exception would come up inside of a library, which may print or swallow it. Where who started us chose that
    interrupts do not count, they do not.
    """
    try:
        import signal  # noqa: PLC0415 - some milliseconds

        before = signal.getsignal(signal.SIGINT)
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(INTERRUPTED))
        loaded = importlib.import_module(module)
        if before is not None:
            signal.signal(signal.SIGINT, before)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    return loaded
