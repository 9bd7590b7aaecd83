"""Writes all that an interface carries into a file: `python -m tests.vether.wiretap INTERFACE FILE`, until SIGTERM."""

import socket
import sys
from pathlib import Path

ETH_P_ALL = 0x0003


def main() -> None:
    interface, path = sys.argv[1:]
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as wire,
        Path(path).open("wb") as file,
    ):
        wire.bind((interface, ETH_P_ALL))
        print("ready", flush=True)
        while True:
            file.write(wire.recv(70000))
            file.flush()


if __name__ == "__main__":
    main()
