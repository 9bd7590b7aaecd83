//! The pieces of code that every translation shares: the way in, the ways out, and the calls of helpers.
//!
//! Translated code runs with `rsp` a multiple of 16. Helpers follow the System V calling convention.
//!
//! `unsafe` is the way in: an address in generated code becomes a function.

#![expect(unsafe_code)]

use dynasm::dynasm;
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynasmApi, DynasmLabelApi, VecAssembler};

use super::float::stubs as float;
use super::registers::{field, memory, BIAS, PINNED, VOLATILE};
use crate::hart::{layout, translated, Hart};
use crate::jit::arena::Arena;
use crate::jit::Exit;
use crate::vpagetable::{Access, JUMP_ENTRIES, JUMP_WAYS};

/// Bits of a pc that choose its place in the jump cache, those of its page being mixed into the others
/// ([`crate::vpagetable::jump_place`]).
pub(super) const JUMP_MASK: i32 = (JUMP_ENTRIES as i32 - 1) << 1;

/// Addresses of the shared pieces.
pub(in crate::jit) struct Stubs {
    /// The machine has no other hart.
    pub alone: bool,
    /// `enter(hart, code)`: run `code` with the hart's state until it ends; returns an [`Exit`].
    pub enter: unsafe extern "sysv64" fn(*mut Hart, u64) -> u64,
    /// End at the offset in `rcx` from the page: look it up.
    pub go: usize,
    /// End at the offset in `rcx`: interpret what is there.
    pub interpret: usize,
    /// End at the offset in `rcx`: attend.
    pub attend: usize,
    /// For the address in `rax`, which the probe did not find at its place: look beside it, or else end there.
    pub miss: usize,
    /// Call: fill the TLB for a load of the [`crate::jit::Span`] `edx` at `rax`. Afterwards: greater when the lookup will succeed;
    /// less when the next instruction traps: then the code has to leave to the interpreter in front of it.
    pub fill_load: usize,
    /// The same for a store.
    pub fill_store: usize,
    /// Call: the same for a load in the window that has faulted; afterwards it may be in the window.
    pub fault_load: usize,
    /// The same for a store.
    pub fault_store: usize,
    /// Call: have the hart execute the [`crate::jit::Embedded`] at `rcx`. Afterwards: not zero when it could not.
    pub execute: usize,
    /// Call: the same for an operation that needs the exact state. Returns only when the code is to go on.
    pub system: usize,
    /// Call: let `mstatus`, which `rax` is, be `rcx`. Leaves `rax` alone. Afterwards: not zero when the next instruction must be
    /// looked up.
    pub status: usize,
    /// Call: the same where nothing but SUM and FS changes.
    pub quick_status: usize,
    /// What concerns floating point.
    pub float: float::Stubs,
}

pub(super) type Assembler = VecAssembler<X64Relocation>;

fn load_pinned(a: &mut Assembler) {
    for (guest, host) in PINNED {
        dynasm!(a; .arch x64; mov Rq(host), [BYTE rbp + memory(guest)]);
    }
}

fn store_pinned(a: &mut Assembler) {
    for (guest, host) in PINNED {
        dynasm!(a; .arch x64; mov [BYTE rbp + memory(guest)], Rq(host));
    }
}

/// Jump to the translation of the pc in `rax` if the jump cache has it at its place, else to `miss`.
macro_rules! probe {
    ($a:expr, $miss:expr) => {
        dynasm!($a
            ; .arch x64
            ; rorx ecx, eax, 6
            ; and ecx, BYTE -64
            ; xor ecx, eax
            ; and ecx, JUMP_MASK
            ; mov rdx, [rbp + field(layout::JUMPS)]
            ; cmp rax, [rdx + rcx * 8]
            ; jne extern $miss
            ; jmp QWORD [rdx + rcx * 8 + 8]
        )
    };
}
pub(super) use probe;

/// Write the stubs of one of `harts` harts to the start of `arena`.
pub(in crate::jit) fn write_stubs(arena: &mut Arena, harts: usize) -> Stubs {
    let base = arena.address(arena.next()) as usize;
    let mut a = Assembler::new(base);
    let exit = a.new_dynamic_label();
    let miss = a.new_dynamic_label();
    let (disarm, rearm) = (a.new_dynamic_label(), a.new_dynamic_label());

    let enter = a.offset().0;
    dynasm!(a
        ; .arch x64
        ; push rbp
        ; push rbx
        ; push r12
        ; push r13
        ; push r14
        ; push r15
        ; sub rsp, 8
        ; lea rbp, [rdi + BIAS]
        ; mov rdx, rsi
        ; mov rax, [rbp + field(layout::PC)]
        ; mov r15, [rbp + field(layout::LEFT)]
    );
    load_pinned(&mut a);
    dynasm!(a; .arch x64; jmp rdx);

    // The exits: rcx is an offset into the page.
    let mut exits = [0; 3];
    for (exit_at, code) in exits.iter_mut().zip([Exit::Go, Exit::Interpret, Exit::Attend]) {
        *exit_at = a.offset().0;
        dynasm!(a
            ; .arch x64
            ; add rcx, [rbp + field(layout::PAGE)]
            ; mov [rbp + field(layout::PC)], rcx
            ; mov eax, code as i32
            ; jmp =>exit
        );
    }
    // What the probe computed is still there: look beside the place.
    let miss_at = a.offset().0;
    for way in 1..JUMP_WAYS {
        let next = a.new_dynamic_label();
        dynasm!(a
            ; .arch x64
            ; xor ecx, BYTE ((way ^ (way - 1)) << 1) as i8
            ; cmp rax, [rdx + rcx * 8]
            ; jne =>next
            ; jmp QWORD [rdx + rcx * 8 + 8]
            ; =>next
        );
    }
    dynasm!(a
        ; .arch x64
        ; =>miss
        ; mov [rbp + field(layout::PC)], rax
        ; mov eax, Exit::Go as i32
        ; =>exit
    );
    float::disarm_if_armed(&mut a, disarm);
    store_pinned(&mut a);
    dynasm!(a
        ; .arch x64
        ; mov [rbp + field(layout::LEFT)], r15
        ; add rsp, 8
        ; pop r15
        ; pop r14
        ; pop r13
        ; pop r12
        ; pop rbx
        ; pop rbp
        ; ret
    );

    let mut fills = [0; 4];
    let (fill, fault) = (translated::fill as *const () as i64, translated::fault as *const () as i64);
    let kinds = [(fill, Access::Load), (fill, Access::Store), (fault, Access::Load), (fault, Access::Store)];
    for (fill, (helper, access)) in fills.iter_mut().zip(kinds) {
        *fill = a.offset().0;
        for host in VOLATILE {
            dynasm!(a; .arch x64; push Rq(host));
        }
        let unarmed = a.new_dynamic_label();
        dynasm!(a
            ; .arch x64
            ; movzx ecx, BYTE [rbp + field(layout::ARMED)]
            ; push rcx
        );
        float::disarm_if_armed(&mut a, disarm);
        dynasm!(a
            ; .arch x64
            ; mov [rbp + field(layout::LEFT)], r15
            ; lea rdi, [rbp - BIAS]
            ; mov rsi, rax
            ; mov ecx, access as i32
            ; mov rax, QWORD helper
            ; call rax
            ; mov r15, [rbp + field(layout::LEFT)]
            ; pop rcx
            ; jrcxz =>unarmed
            ; call =>rearm
            ; =>unarmed
        );
        for host in VOLATILE.into_iter().rev() {
            dynasm!(a; .arch x64; pop Rq(host));
        }
        dynasm!(a; .arch x64; test rax, rax; ret);
    }

    let execute = a.offset().0;
    float::disarm_if_armed(&mut a, disarm);
    store_pinned(&mut a);
    dynasm!(a
        ; .arch x64
        ; sub rsp, 8
        ; lea rdi, [rbp - BIAS]
        ; mov rsi, rcx
        ; mov rax, QWORD translated::execute as *const () as i64
        ; call rax
        ; add rsp, 8
    );
    load_pinned(&mut a);
    dynasm!(a; .arch x64; test eax, eax; ret);

    let system = a.offset().0;
    let leave = a.new_dynamic_label();
    let attend = a.new_dynamic_label();
    float::disarm_if_armed(&mut a, disarm);
    store_pinned(&mut a);
    dynasm!(a
        ; .arch x64
        ; sub rsp, 8
        ; mov [rbp + field(layout::LEFT)], r15
        ; lea rdi, [rbp - BIAS]
        ; mov rsi, rcx
        ; mov rax, QWORD translated::system as *const () as i64
        ; call rax
        ; add rsp, 8
        ; mov r15, [rbp + field(layout::LEFT)]
    );
    load_pinned(&mut a);
    dynasm!(a
        ; .arch x64
        ; test eax, eax
        ; jnz =>leave
        ; ret
        ; =>leave
        ; add rsp, 8
        ; cmp eax, Exit::Go as i32
        ; jne =>attend
        ; mov rax, [rbp + field(layout::PC)]
    );
    probe!(a, base + miss_at);
    dynasm!(a; .arch x64; =>attend; jmp =>exit);

    let quick_status = a.offset().0;
    let slow_status = a.new_dynamic_label();
    super::system::write_quick_status(&mut a, slow_status);

    let status = a.offset().0;
    dynasm!(a; .arch x64; =>slow_status);
    float::disarm_if_armed(&mut a, disarm);
    for host in VOLATILE {
        dynasm!(a; .arch x64; push Rq(host));
    }
    dynasm!(a
        ; .arch x64
        ; push rax
        ; lea rdi, [rbp - BIAS]
        ; mov rsi, rcx
        ; mov rax, QWORD translated::status as *const () as i64
        ; call rax
        ; mov ecx, eax
        ; pop rax
    );
    for host in VOLATILE.into_iter().rev() {
        dynasm!(a; .arch x64; pop Rq(host));
    }
    dynasm!(a; .arch x64; test ecx, ecx; ret);
    let float = float::write(&mut a, base, execute, disarm, rearm);

    let code = a.finalize().expect("labels are all defined and near");
    arena.append(&code);
    // SAFETY: the code was written for this signature, and stays where it is: the caller fixes it.
    let enter = unsafe { std::mem::transmute::<usize, unsafe extern "sysv64" fn(*mut Hart, u64) -> u64>(base + enter) };
    Stubs {
        alone: harts == 1,
        enter,
        go: base + exits[0],
        interpret: base + exits[1],
        attend: base + exits[2],
        miss: base + miss_at,
        fill_load: base + fills[0],
        fill_store: base + fills[1],
        fault_load: base + fills[2],
        fault_store: base + fills[3],
        execute: base + execute,
        system: base + system,
        status: base + status,
        quick_status: base + quick_status,
        float,
    }
}
