"""Random steps: a few lines of assembly each.

Every step is such that all machines must do the same: no store outside scratch memory, no backward jump but in loops
that are counted, no value that depends on time, and none of the choices that the specification leaves open (lost
reservations, misaligned atomics). Steps that jump are in `flow`.
"""

from __future__ import annotations

from random import Random

from tests.isa.fuzz import encodings, operands
from tests.isa.fuzz.case import ATOMIC_PAGES, CODE_ZOO, GLOBAL_PAGES, RESERVED, ZOO, ZOO_PAGES, Step

REGISTERS = [n for n in range(1, 32) if n not in RESERVED]


def _names(text: str) -> list[str]:
    return text.split()


RR = _names(
    "add sub sll slt sltu xor srl sra or and addw subw sllw srlw sraw "
    "mul mulh mulhu mulhsu mulw div divu rem remu divw divuw remw remuw "
    "sh1add sh2add sh3add add.uw sh1add.uw sh2add.uw sh3add.uw "
    "andn orn xnor max maxu min minu rol rolw ror rorw bclr bext binv bset"
)
ZICOND = (".insn r 0x33, 5, 7,", ".insn r 0x33, 7, 7,")
RI = _names("addi slti sltiu xori ori andi addiw")
SHIFTS = _names("slli srli srai rori bclri bexti binvi bseti slli.uw")
SHIFTS_W = _names("slliw srliw sraiw roriw")
UNARY = _names("clz clzw ctz ctzw cpop cpopw sext.b sext.h zext.h orc.b rev8")
LOADS = _names("lb lbu lh lhu lw lwu ld")
STORES = _names("sb sh sw sd")
AMOS = _names("amoswap amoadd amoxor amoand amoor amomin amomax amominu amomaxu")
ORDERINGS = ("", ".aq", ".rl", ".aqrl")
ROUNDINGS = _names("rne rtz rdn rup rmm dyn dyn")
CSR_REGISTER = _names("csrrw csrrs csrrc")
FP_CSRS = _names("fflags frm fcsr")
PLAIN_CSRS = _names("sscratch scause stval mcause mtval")
IMMEDIATES = (-2048, -1, 0, 1, 2047)
STATUS_BITS = (3 << 13, 1 << 13, 1 << 18, 1 << 19, 1 << 8, 1 << 5)
HOLES = (0x180000, 0x90000000, 0xFFFFFFFFFFFFF000, 1 << 55, 0x8000000000000000, 0)


def register(rng: Random) -> str:
    """Draw a register that a step may write."""
    return f"x{rng.choice(REGISTERS)}"


def source(rng: Random) -> str:
    return f"x{rng.randrange(32)}"


def destination(rng: Random) -> str:
    return "x0" if rng.randrange(16) == 0 else register(rng)


def _f(rng: Random) -> str:
    return f"f{rng.randrange(32)}"


def integer_op(rng: Random) -> Step:
    """Draw an operation on integer registers."""
    rd, a = destination(rng), source(rng)
    match rng.randrange(8):
        case 0:
            return Step((f"{rng.choice(RI)} {rd}, {a}, {rng.choice([*IMMEDIATES, rng.randrange(-2048, 2048)])}",))
        case 1:
            return Step((f"{rng.choice(SHIFTS)} {rd}, {a}, {rng.choice([0, 1, 31, 32, 63, rng.randrange(64)])}",))
        case 2:
            return Step((f"{rng.choice(SHIFTS_W)} {rd}, {a}, {rng.choice([0, 1, 31, rng.randrange(32)])}",))
        case 3:
            return Step((f"{rng.choice(UNARY)} {rd}, {a}",))
        case 4:
            return Step((f"{rng.choice(['lui', 'auipc'])} {rd}, {rng.getrandbits(20):#x}",))
        case 5 if rng.randrange(3) == 0:
            return Step((f"li {register(rng)}, {operands.integer(rng):#x}",))
        case 6 if rng.randrange(3) == 0:
            return Step((f"{rng.choice(ZICOND)} {rd}, {a}, {source(rng)}",))
        case _:
            return Step((f"{rng.choice(RR)} {rd}, {a}, {source(rng)}",))


def memory_op(rng: Random) -> Step:
    """Draw a load or store in scratch memory, aligned or not, sometimes over the page border."""
    base, low = rng.choice([("sp", -512), ("s0", -512)])
    offset = rng.choice([rng.randrange(low, 496), rng.randrange(-8, 9), 8 * rng.randrange(0, 60)])
    if base == "s0" and rng.randrange(4) == 0:
        offset = rng.randrange(-8, 9)
    where = f"{offset}({base})"
    match rng.randrange(6):
        case 0:
            return Step((f"{rng.choice(['flw', 'fld'])} {_f(rng)}, {where}",))
        case 1:
            return Step((f"{rng.choice(['fsw', 'fsd'])} {_f(rng)}, {where}",))
        case 2 | 3:
            return Step((f"{rng.choice(STORES)} {source(rng)}, {where}",))
        case _:
            return Step((f"{rng.choice(LOADS)} {destination(rng)}, {where}",))


def atomic_op(rng: Random) -> Step:
    """Draw an AMO, or a load-reserved with its store-conditional, on scratch memory."""
    size, align = rng.choice([("w", 4), ("d", 8)])
    base = rng.choice(REGISTERS)
    value = rng.choice([n for n in range(32) if n != base])
    point = f"la x{base}, scratch + {align * rng.randrange(1024 // align)}"
    order = rng.choice(ORDERINGS)
    if rng.randrange(4):
        return Step((point, f"{rng.choice(AMOS)}.{size}{order} {destination(rng)}, x{value}, (x{base})"))
    got = rng.choice([n for n in REGISTERS if n not in (base, value)])
    failed = rng.choice([n for n in REGISTERS if n != base])
    pair = (point, f"lr.{size}{order} x{got}, (x{base})", f"sc.{size} x{failed}, x{value}, (x{base})")
    again = (f"sc.{size} x{failed}, x{value}, (x{base})",) if rng.randrange(3) == 0 else ()
    return Step(pair + again)


def floating_op(rng: Random) -> Step:
    """Draw an operation on floating-point registers."""
    size = rng.choice("sd")
    rd, a, b, c = _f(rng), _f(rng), _f(rng), _f(rng)
    rounding = rng.choice(ROUNDINGS)
    kind = rng.randrange(13)
    if kind < 4:
        return Step((f"{rng.choice(['fadd', 'fsub', 'fmul', 'fdiv'])}.{size} {rd}, {a}, {b}, {rounding}",))
    if kind < 7:
        name = rng.choice(["fmadd", "fmsub", "fnmadd", "fnmsub"])
        return Step((f"{name}.{size} {rd}, {a}, {b}, {c}, {rounding}",))
    if kind == 7:
        return Step((f"fsqrt.{size} {rd}, {a}, {rounding}",))
    if kind == 8:
        return Step((f"{rng.choice(['fsgnj', 'fsgnjn', 'fsgnjx', 'fmin', 'fmax'])}.{size} {rd}, {a}, {b}",))
    if kind == 9:
        return Step((f"{rng.choice(['feq', 'flt', 'fle'])}.{size} {destination(rng)}, {a}, {b}",))
    return _conversion(rng, size, rounding)


def _conversion(rng: Random, size: str, rounding: str) -> Step:
    integer = rng.choice(["w", "wu", "l", "lu"])
    exact = size == "d" and integer in ("w", "wu")
    match rng.randrange(5):
        case 0:
            return Step((f"fcvt.{integer}.{size} {destination(rng)}, {_f(rng)}, {rounding}",))
        case 1:
            suffix = "" if exact else f", {rounding}"
            return Step((f"fcvt.{size}.{integer} {_f(rng)}, {source(rng)}{suffix}",))
        case 2:
            if size == "s":
                return Step((f"fcvt.s.d {_f(rng)}, {_f(rng)}, {rounding}",))
            return Step((f"fcvt.d.s {_f(rng)}, {_f(rng)}",))
        case 3:
            move = rng.choice(["fmv.x.w", "fmv.x.d", "fclass.s", "fclass.d"])
            return Step((f"{move} {destination(rng)}, {_f(rng)}",))
        case _:
            return Step((f"{rng.choice(['fmv.w.x', 'fmv.d.x'])} {_f(rng)}, {source(rng)}",))


def csr_op(rng: Random) -> Step:
    """Draw a CSR access: mostly the floating-point state, sometimes one that the mode may not be allowed."""
    kind = rng.randrange(8)
    if kind < 4:
        csr = rng.choice(FP_CSRS)
        if rng.randrange(2):
            return Step((f"{rng.choice(CSR_REGISTER)}i {destination(rng)}, {csr}, {rng.randrange(32)}",))
        return Step((f"{rng.choice(CSR_REGISTER)} {destination(rng)}, {csr}, {source(rng)}",))
    if kind == 4:
        return Step((f"{rng.choice(CSR_REGISTER)} {destination(rng)}, {rng.choice(PLAIN_CSRS)}, {source(rng)}",))
    if kind == 5:
        return Step((f"csrrs x0, {rng.choice(['cycle', 'time', 'instret', 'mcycle', 'hpmcounter3'])}, x0",))
    if kind == 6:
        number = rng.choice([0x5C0, 0x8FF, 0xBC0, 0xFFF, 0x015, 0xF14, 0xF11, 0x301, 0x100, 0x300])
        return Step((f"csrrs x0, {number:#x}, x0",))
    mask, bits = register(rng), rng.choice(STATUS_BITS)
    # FS is cleared as a whole: what one of its bits leaves depends on how closely a machine tracks what is dirty.
    name = "csrrs" if bits == 1 << 13 else rng.choice(["csrrs", "csrrc"])
    return Step((f"li {mask}, {bits:#x}", f"{name} x0, {rng.choice(['sstatus', 'mstatus'])}, {mask}"))


def zoo_op(rng: Random) -> Step:
    """Draw an access to one of the pages with all kinds of permissions, or over the border between two."""
    base = register(rng)
    page = rng.randrange(ZOO_PAGES)
    offset = rng.choice([rng.randrange(56), rng.randrange(4096 - 64, 4096 - 8), rng.randrange(4089, 4096)])
    if page == ZOO_PAGES - 1:
        offset = min(offset, 4088)
    point = f"li {base}, {ZOO + page * 4096 + offset:#x}"
    if rng.randrange(6) == 0:
        point = f"li {base}, {ZOO + page % ATOMIC_PAGES * 4096 + 8 * rng.randrange(8):#x}"
        return Step((point, f"{rng.choice(AMOS)}.{rng.choice('wd')} {destination(rng)}, {source(rng)}, ({base})"))
    access = rng.choice([f"{rng.choice(LOADS)} {destination(rng)}", f"{rng.choice(STORES)} {source(rng)}"])
    return Step((point, f"{access}, 0({base})"))


def zoo_run(rng: Random) -> Step:
    """Draw loads and stores off one register that points to the border between two of those pages."""
    base = register(rng)
    lines = [f"li {base}, {ZOO + rng.randrange(1, ZOO_PAGES) * 4096 + rng.choice([0, 0, 0, 8, -8, 4, 1]):#x}"]
    first, stride = rng.choice([(-32, 8), (-16, 4), (0, 8), (24, -8), (-56, 8)])
    for offset in range(first, first + stride * rng.randrange(3, 8), stride):
        match rng.randrange(6):
            case 0:
                access = f"{rng.choice(['flw', 'fld', 'fsw', 'fsd'])} f{rng.randrange(32)}"
            case 1 | 2:
                access = f"{rng.choice(STORES)} {source(rng)}"
            case _:
                access = f"{rng.choice(LOADS)} x{rng.choice([n for n in REGISTERS if f'x{n}' != base])}"
        lines.append(f"{access}, {offset}({base})")
        if rng.randrange(6) == 0:
            lines.append(f"addi {base}, {base}, {rng.choice([0, 1, 8, -8])}")
    return Step(tuple(lines))


def entry_op(rng: Random) -> Step:
    """Draw a change to a page-table entry with the fence that makes it hold. For S-mode, which may fence."""
    base, value = (f"x{n}" for n in rng.sample(REGISTERS, 2))
    page = rng.randrange(ZOO_PAGES)
    may_be_global = page < GLOBAL_PAGES
    bits = rng.choice([1, 2, 4, 8, 16, 32 * may_be_global, 64, 128, 0xC0, 0xC8])
    code = rng.randrange(3) == 0
    entry = page + ZOO_PAGES if code else page
    change = (f"la {base}, zoo + {entry * 8}", f"ld {value}, 0({base})", f"xori {value}, {value}, {bits}")
    address = f"li {base}, {(CODE_ZOO if code else ZOO) + page * 4096:#x}"
    space = "x0" if may_be_global else rng.choice(["x0", value])
    fence = f"sfence.vma {rng.choice(['x0', base])}, {space}"
    return Step((*change, f"sd {value}, 0({base})", address, f"li {value}, 0", fence))


def trap_op(rng: Random) -> Step:
    """Draw something that traps, in most modes."""
    match rng.randrange(8):
        case 0:
            return Step(("ecall",))
        case 7:
            base = register(rng)
            return Step((f"li {base}, {rng.choice(HOLES) + 8 * rng.randrange(32):#x}", f"jalr x1, 0({base})"))
        case 1:
            return Step((rng.choice(["ebreak", ".2byte 0x9002"]),))
        case 2:
            return Step((f".4byte {encodings.reserved(rng):#010x}",))
        case 3 | 4:
            base = register(rng)
            access = rng.choice([f"{rng.choice(LOADS)} {destination(rng)}", f"{rng.choice(STORES)} {source(rng)}"])
            return Step((f"li {base}, {rng.choice(HOLES) + 8 * rng.randrange(32):#x}", f"{access}, 0({base})"))
        case 5:
            return Step((rng.choice(["sfence.vma", "fence", "fence.i", "fence.tso", "sfence.vma x0, x1"]),))
        case _:
            base = register(rng)
            name = rng.choice(["zero", "clean", "flush", "inval"])
            return Step((f"la {base}, scratch + {rng.randrange(1024)}", f"cbo.{name} 0({base})"))


def encoding(rng: Random) -> Step:
    """Draw random bits within opcodes where no outcome does harm; both machines must agree which are legal."""
    if rng.randrange(2):
        return Step((f".2byte {encodings.compressed(rng):#06x}",))
    return Step((f".4byte {encodings.word(rng):#010x}",))
