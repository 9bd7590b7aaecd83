"""What our machine is to reach in each row. A row that is not named is to be no slower than on QEMU."""

from bench.figure import Against, Alternatives, Bound

#: So close to native code that there is nothing left to gain counts as reached, whatever QEMU does.
NEAR_NATIVE = Against("native", 1 / 1.3)
#: Where the guest's kernel does the work, User Mode Linux is not to be faster.
NOT_BEHIND_UML: Alternatives = (Against("uml", 1),)


def _compute(times: float) -> tuple[Alternatives, ...]:
    return ((Against("qemu", times), NEAR_NATIVE),)


def _kernel(times: float) -> tuple[Alternatives, ...]:
    return (*_compute(times), NOT_BEHIND_UML)


GOALS: dict[str, tuple[Alternatives, ...]] = {
    "integer loop": ((Bound(100),),),
    "boot": ((Against("qemu", 2),),),
    "boot to ssh": ((Against("qemu", 2),),),
    "idle guest": ((Bound(1),),),
    "memory beside the guest's": ((Bound(40),),),
    "vkd ps": ((Bound(0.3),),),
    "alu": _compute(4),
    "branch": _compute(4),
    "sieve": _compute(4),
    "chase": _compute(5),
    "touch": _compute(5),
    "memcpy": _compute(2),
    "fp64": _compute(4),
    "fp32": _compute(4),
    "nbody": _compute(4),
    "fib": _compute(3),
    "call": _compute(3),
    "pointer": _compute(3),
    "switch": _compute(3),
    "atomic": _compute(1),
    "cas": _compute(1),
    "core": ((Against("native", 1 / 2.5),),),
    "getppid": _kernel(3),
    "signal": _kernel(1),
    "pipe": _kernel(4),
    "ring": _kernel(4),
    "futex": _kernel(1),
    "fork": _kernel(3),
    "exec": _kernel(2),
    "mmap": _kernel(3),
    "file": _kernel(2),
    "parallel speedup": ((Bound(1.8),),),
    # The bridge does 13 Gbit/s where ours is to do 10.
    "tap tcp": ((Bound(10), Against("kernel", 10 / 13)), (Against("vde", 10),)),
    "tap small": ((Bound(500),),),
    # Twice the bridge's, and 20 us: the bridge takes 8 where it is quiet.
    "tap rtt": ((Bound(36), Against("kernel", 1 / 2)),),
    "tunnel tcp": ((Bound(3),),),
    "vxlan tcp": ((Bound(5), Against("kernel", 1)),),
}


def goals(name: str) -> tuple[Alternatives, ...]:
    """Return the goals of the row `name`."""
    return GOALS.get(name, _compute(1))
