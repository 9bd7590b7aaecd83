//! The pieces of code that arm and disarm the unit.

use dynasm::dynasm;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};

use super::super::registers::field;
use super::super::stubs::Assembler;
use super::pins::{memory, PINNED};
use crate::fpu::Rounding;
use crate::hart::layout;

/// MXCSR with all exceptions masked, to nearest, and the flag set that tells of denormal operands and that RISC-V
/// does not have.
const MASKED: i32 = 0x1f82;
/// Where MXCSR has the rounding mode.
const MODE: i8 = 13;

/// The host's rounding modes by RISC-V's, two bits each.
const MODES: i32 =
    3 << (2 * Rounding::TowardZero as i32) | 1 << (2 * Rounding::Down as i32) | 2 << (2 * Rounding::Up as i32);

/// Addresses of the pieces that generated code calls.
pub(in crate::jit) struct Stubs {
    /// Arm the unit, which is not. Changes `rax` and `rcx`. Afterwards: zero when it is.
    pub arm: usize,
    /// Have the hart execute the [`crate::jit::Embedded`] at `rcx`, the unit being armed before and after. Leaves
    /// `rdx` alone. Afterwards: zero when it could.
    pub row: usize,
}

/// Disarm the unit if it is armed. Changes no register.
pub(in super::super) fn disarm_if_armed(a: &mut Assembler, disarm: DynamicLabel) {
    let not = a.new_dynamic_label();
    dynasm!(a
        ; .arch x64
        ; cmp BYTE [rbp + field(layout::ARMED)], BYTE 0
        ; je =>not
        ; call =>disarm
        ; =>not
    );
}

/// Write the pieces; `disarm` and `rearm` become labels of two of them, for other stubs.
pub(in super::super) fn write(
    a: &mut Assembler,
    base: usize,
    execute: usize,
    disarm: DynamicLabel,
    rearm: DynamicLabel,
) -> Stubs {
    dynasm!(a
        ; .arch x64
        ; =>disarm
        ; stmxcsr [rbp + field(layout::GUEST_MXCSR)]
        ; ldmxcsr [rbp + field(layout::HOST_MXCSR)]
        ; mov BYTE [rbp + field(layout::ARMED)], BYTE 0
    );
    for (host, guest) in PINNED.iter().enumerate() {
        dynasm!(a; .arch x64; vmovsd [rbp + memory(*guest)], Rx(host as u8));
    }
    dynasm!(a; .arch x64; ret);

    let failed = a.new_dynamic_label();
    let arm = a.offset().0;
    dynasm!(a
        ; .arch x64
        ; mov eax, [rbp + field(layout::MSTATUS)]
        ; not eax
        ; test eax, layout::FS as i32
        ; jnz =>failed
        ; movzx eax, BYTE [rbp + field(layout::FRM)]
        ; cmp eax, Rounding::Up as i32
        ; ja =>failed
        ; lea ecx, [rax + rax]
        ; mov eax, MODES
        ; shrx eax, eax, ecx
        ; and eax, BYTE 3
        ; shl eax, BYTE MODE
        ; or eax, MASKED
        ; mov [rbp + field(layout::CLEAR_MXCSR)], eax
        ; movzx ecx, BYTE [rbp + field(layout::FFLAGS)]
        ; movzx ecx, BYTE [rbp + rcx + field(layout::RAISED)]
        ; or eax, ecx
        ; mov [rbp + field(layout::GUEST_MXCSR)], eax
        ; stmxcsr [rbp + field(layout::HOST_MXCSR)]
        ; call =>rearm
        ; xor eax, eax
        ; =>failed
        ; ret
        ; =>rearm
        ; ldmxcsr [rbp + field(layout::GUEST_MXCSR)]
        ; mov BYTE [rbp + field(layout::ARMED)], BYTE 1
    );
    for (host, guest) in PINNED.iter().enumerate() {
        dynasm!(a; .arch x64; vmovsd Rx(host as u8), [rbp + memory(*guest)]);
    }
    dynasm!(a; .arch x64; ret);

    let row = a.offset().0;
    let failed = a.new_dynamic_label();
    dynasm!(a
        ; .arch x64
        ; push rdx
        ; call extern base + execute
        ; jnz =>failed
        ; call extern base + arm
        ; =>failed
        ; pop rdx
        ; ret
    );
    Stubs { arm: base + arm, row: base + row }
}
