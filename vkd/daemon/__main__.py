"""`python -m vkd.daemon`: what `spawn` starts; people use `vkd daemon`."""

import argparse
import json
import os
import sys
from contextlib import suppress

from vkd.api import to_control
from vkd.daemon.main import Start, run
from vkd.errors import VkdError


def main() -> int:
    """Run a daemon in the background and tell the descriptor `--ready-fd` how its start went."""
    parser = argparse.ArgumentParser(prog="python -m vkd.daemon")
    parser.add_argument("--on-demand", action="store_true", help="end when there is nothing left to do")
    parser.add_argument("--ready-fd", type=int, help="write `ok` or an error there, then close it")
    options = parser.parse_args()
    if options.ready_fd is not None and os.fork():
        os._exit(0)  # our starter waits for this process only; the child is the daemon

    def tell(answer: bytes) -> None:
        if options.ready_fd is not None:
            with suppress(BrokenPipeError):  # our starter has gone
                os.write(options.ready_fd, answer)
            os.close(options.ready_fd)
            options.ready_fd = None

    try:
        run(Start(on_demand=options.on_demand, ready=lambda: tell(b"ok\n")))
    except VkdError as error:
        tell(json.dumps(to_control(error).to_message()).encode())
        sys.stderr.write(f"vkd daemon: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
