"""`python -m vkd.vkernel DIR`: run the guest of `DIR/spec.json`; see :mod:`vkd.vkernel.process`."""

import sys
from pathlib import Path

from vkd.vkernel.process import VKernel, confine, refuse
from vkd.vkernel.spec import EXIT, read_spec


def main(arguments: list[str]) -> int:
    """Run the guest whose folder is the one argument; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m vkd.vkernel DIR\n")
        return 2
    folder = Path(arguments[0]).absolute()
    try:
        (folder / EXIT).unlink(missing_ok=True)
        spec = read_spec(folder)
        confine(spec.name)
        kernel = VKernel(folder, spec)
    except (OSError, ValueError) as error:
        return refuse(folder, str(error))
    return kernel.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
