"""A vkernel process around a machine that is not there: `python -m tests.daemon.fake_vkernel DIR`.

Its guest echoes what is typed and obeys the words poweroff, reboot, fail, fault, flood and deaf.
"""

import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

from vkd.vkernel.process import VKernel
from vkd.vkernel.spec import Spec, read_spec

MODULE = "tests.daemon.fake_vkernel"


class FakeMachine:
    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._said: queue.Queue[bytes] = queue.Queue()
        self._over = threading.Event()
        self._end: tuple[str, int, str] | None = None
        self._deaf = False
        self._refused = 0

    def start(self) -> None:
        self._said.put(b"[    0.000000] Linux version 0 (fake)\r\n")
        if "reboots" in self._spec.cmdline:
            self._finish("reboot")

    def wait(self, timeout: float) -> tuple[str, int, str] | None:
        return self._end if self._over.wait(timeout) else None

    def stop(self) -> None:
        if "stubborn" not in self._spec.cmdline:
            self._finish("stopped")

    def console_read(self, timeout: float) -> bytes:
        try:
            return self._said.get(timeout=timeout) if timeout else self._said.get_nowait()
        except queue.Empty:
            return b""

    def console_write(self, data: bytes) -> int:
        if self._deaf and self._refused < 20:
            self._refused += 1
            return 0
        word = data.split()[0] if data.split() else b""
        match word:
            case b"poweroff" | b"reboot":
                self._finish(word.decode())
            case b"fail":
                self._finish("failure", 3)
            case b"fault":
                self._finish("fault", 0, "a device broke")
            case b"deaf":
                self._deaf = True
            case b"flood":
                threading.Thread(target=self._flood, daemon=True).start()
        taken = data[:10]
        self._said.put(taken)
        return len(taken)

    def _flood(self) -> None:
        for _ in range(1024):
            self._said.put(b"x" * 4096)
            time.sleep(0.0005)

    def stats(self) -> dict[str, Any]:
        return {"instructions": [7] * self._spec.cpus}

    def profile_start(self, hz: int, *, task_name: int | None) -> None:
        if hz > 10_000:
            raise ValueError(f"{hz} samples a second: there can be 1 to 10000")

    def profile_stop(self) -> None:
        pass

    def profile_read(self, limit: int) -> Any:
        return {"samples": [(0, 1.5, 1, 0, limit, None, [], b"init")], "lost": [0], "idle": [0]}

    def _finish(self, kind: str, code: int = 0, text: str = "") -> None:
        if self._end is None:
            self._end = (kind, code, text)
            self._over.set()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    sys.exit(VKernel(folder, read_spec(folder), make=FakeMachine).run())
