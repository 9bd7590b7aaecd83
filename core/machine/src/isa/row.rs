//! What a row of the instruction table holds, and the macro that writes rows.
//!
//! A row reads `NAME "mnemonic" "pattern" Format kind(semantics);`. The kinds take the repeated parts out of the semantics:
//!
//! | kind | semantics | meaning |
//! |---|---|---|
//! | `alu` | `\|a, b\| value` | rd = value of rs1 and rs2 |
//! | `imm` | `\|a, i\| value` | rd = value of rs1 and the immediate |
//! | `upper` | `\|pc, i\| value` | rd = value of the pc and the immediate |
//! | `branch` | `\|a, b\| condition` | jump by the immediate when the condition holds |
//! | `load` | `\|v: T\| value` | rd = value of the `T` at rs1 + immediate |
//! | `store` | `T` | store the low bits of rs2 at rs1 + immediate |
//! | `flow` | `\|h, o, pc\| Result<Flow, Exception>` | anything else |
//! | `system` | as `flow` | the same, with `h.pc` and `h.retired` exact while it runs |

use super::format::Format;
use super::op::Op;
use super::pattern::Pattern;
use crate::hart::{Flow, Hart};

/// Executes one operation, which lies at the given pc.
pub type Exec = fn(&mut Hart, &Op, u64) -> Flow;

/// One instruction: everything that is known of it.
pub struct Row {
    /// Assembler mnemonic.
    pub mnemonic: &'static str,
    /// Fixed bits.
    pub pattern: Pattern,
    /// Where the operands are.
    pub format: Format,
    /// What it does.
    pub exec: Exec,
    /// Whether it must see, or may change, the hart's exact state beyond its registers.
    pub system: bool,
}

/// Which row of the table: an index into [`super::ROWS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u16);

/// Writes `ROWS`, the constants that name them, and their number.
macro_rules! rows {
    ($base:expr; $($name:ident $mnemonic:literal $pattern:literal $format:ident $kind:ident ($($semantics:tt)*);)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Local { $($name,)* }
        $(
            #[doc = concat!("`", $mnemonic, "`")]
            pub const $name: $crate::isa::Id = $crate::isa::Id($base + Local::$name as u16);
        )*
        /// The rows of this extension.
        pub static ROWS: [$crate::isa::row::Row; LEN] = [
            $($crate::isa::row::Row {
                mnemonic: $mnemonic,
                pattern: $crate::isa::pattern::Pattern::new($pattern, 32),
                format: $crate::isa::format::Format::$format,
                exec: $crate::isa::row::semantics!($kind $($semantics)*),
                system: $crate::isa::row::is_system!($kind),
            },)*
        ];
        /// Their number.
        pub const LEN: usize = [$(stringify!($name),)*].len();
    };
}

macro_rules! is_system {
    (system) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! semantics {
    (alu |$a:pat_param, $b:pat_param| $value:expr) => {
        |h, o, _pc| {
            let ($a, $b) = (h.x(o.rs1), h.x(o.rs2));
            h.set_x(o.rd, $value);
            $crate::hart::Flow::Next
        }
    };
    (imm |$a:pat_param, $i:pat_param| $value:expr) => {
        |h, o, _pc| {
            let ($a, $i) = (h.x(o.rs1), o.imm64());
            h.set_x(o.rd, $value);
            $crate::hart::Flow::Next
        }
    };
    (upper |$pc:pat_param, $i:pat_param| $value:expr) => {
        |h, o, pc| {
            let ($pc, $i) = (pc, o.imm64());
            h.set_x(o.rd, $value);
            $crate::hart::Flow::Next
        }
    };
    (branch |$a:pat_param, $b:pat_param| $condition:expr) => {
        |h, o, pc| {
            let ($a, $b) = (h.x(o.rs1), h.x(o.rs2));
            if $condition {
                h.next_pc = pc.wrapping_add(o.imm64());
                return $crate::hart::Flow::Jump;
            }
            $crate::hart::Flow::Next
        }
    };
    (load |$v:ident: $type:ty| $value:expr) => {
        |h, o, _pc| match h.load::<$type>(h.x(o.rs1).wrapping_add(o.imm64())) {
            Ok($v) => {
                h.set_x(o.rd, $value);
                $crate::hart::Flow::Next
            }
            Err(e) => h.raise(e),
        }
    };
    (store $type:ty) => {
        |h, o, _pc| match h.store::<$type>(h.x(o.rs1).wrapping_add(o.imm64()), h.x(o.rs2) as $type) {
            Ok(()) => $crate::hart::Flow::Next,
            Err(e) => h.raise(e),
        }
    };
    (flow |$h:pat_param, $o:pat_param, $pc:pat_param| $body:expr) => {
        |h, o, pc| {
            #[inline(always)]
            fn body($h: &mut $crate::hart::Hart, $o: &$crate::isa::Op, $pc: u64) -> Result<$crate::hart::Flow, $crate::hart::Exception> {
                $body
            }
            match body(h, o, pc) {
                Ok(flow) => flow,
                Err(e) => h.raise(e),
            }
        }
    };
    (system $($body:tt)*) => {
        $crate::isa::row::semantics!(flow $($body)*)
    };
}

pub(crate) use {is_system, rows, semantics};
