//! The table is consistent, and known encodings decode and print as the GNU assembler has them.

use proptest::prelude::*;

use super::privileged::pseudo;
use super::{decode, disassemble, row, rv64a, rv64f, rv64i, rvc, zb, ALL, SINK};

#[test]
fn no_two_rows_overlap() {
    let ids: Vec<_> = ALL.ids().collect();
    for (i, a) in ids.iter().enumerate() {
        for b in &ids[i + 1..] {
            let (a, b) = (row(*a), row(*b));
            assert!(!a.pattern.overlaps(&b.pattern), "{} overlaps {}", a.mnemonic, b.mnemonic);
        }
    }
}

#[test]
fn compressed_rows_overlap_only_to_refine() {
    for (i, a) in rvc::ROWS.iter().enumerate() {
        for b in &rvc::ROWS[i + 1..] {
            let (p, q) = (a.pattern, b.pattern);
            assert!(
                !p.overlaps(&q) || p.refines(&q) || q.refines(&p),
                "{} and {} are ambiguous",
                a.mnemonic,
                b.mnemonic
            );
        }
    }
}

#[test]
fn every_row_decodes_to_itself() {
    for id in ALL.ids() {
        let op = decode(row(id).pattern.value);
        assert_eq!(op.id, id, "{}", row(id).mnemonic);
        assert_eq!(op.len, 4);
    }
}

#[test]
fn mnemonics_are_unique() {
    let mut names: Vec<_> = ALL.ids().map(|id| row(id).mnemonic).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn known_words_print_as_the_assembler_has_them() {
    // From `riscv64-linux-gnu-objdump -d -M no-aliases`.
    let cases = [
        (0x0000_0013, "addi zero, zero, 0"),
        (0xff01_0113, "addi sp, sp, -16"),
        (0x1234_5537, "lui a0, 0x12345"),
        (0x0085_3583, "ld a1, 8(a0)"),
        (0xfeb5_3c23, "sd a1, -8(a0)"),
        (0xfe05_1ee3, "bne a0, zero, .-4"),
        (0xffdf_f0ef, "jal ra, .-4"),
        (0x43f5_d513, "srai a0, a1, 63"),
        (0x41f5_d51b, "sraiw a0, a1, 31"),
        (0x02c5_8533, "mul a0, a1, a2"),
        (0x1005_252f, "lr.w a0, (a0)"),
        (0x18b5_362f, "sc.d a2, a1, (a0)"),
        (0x00b6_302f, "amoadd.d zero, a1, (a2)"),
        (0x00c5_f553, "fadd.s fa0, fa1, fa2"),
        (0x6ac5_8543, "fmadd.d fa0, fa1, fa2, fa3, rne"),
        (0xc205_1553, "fcvt.w.d a0, fa0, rtz"),
        (0x0a05_951b, "slli.uw a0, a1, 32"),
        (0x63f5_d513, "rori a0, a1, 63"),
        (0x0ec5_f533, "czero.nez a0, a1, a2"),
        (0x0330_000f, "fence rw, rw"),
        (0x0100_000f, "fence w, unknown"),
        (0x3005_1073, "csrrw zero, 0x300, a0"),
        (0x1201_0073, "sfence.vma sp, zero"),
        (0x0045_200f, "cbo.zero (a0)"),
        (0x1141, "c.addi sp, sp, -16"),
        (0x8082, "c.jr zero, 0(ra)"),
        (0x9002, "c.ebreak"),
        (0x6105, "c.addi16sp sp, sp, 32"),
        (0xe406, "c.sdsp ra, 8(sp)"),
        (0x0000, ".half 0x0000"),
        (0xffff_ffff, ".word 0xffffffff"),
    ];
    for (word, text) in cases {
        assert_eq!(disassemble(word), text, "{word:#x}");
    }
}

#[test]
fn immediates_are_extended_as_the_format_says() {
    assert_eq!(decode(0x8000_0537).imm64(), 0xffff_ffff_8000_0000);
    assert_eq!(decode(0xfff0_0513).imm, -1);
    assert_eq!(decode(0x8005_0063).imm, -4096);
    assert_eq!(decode(0x8000_006f).imm, -(1 << 20));
}

#[test]
fn destination_zero_is_the_sink_only_for_integers() {
    assert_eq!(decode(0x0000_0013).rd, SINK);
    assert_eq!(decode(0x00c5_f053).rd, 0);
    assert_eq!((decode(0x00c5_f053).id, decode(0x0000_0013).id), (rv64f::FADD_S, rv64i::ADDI));
}

#[test]
fn reserved_compressed_words_are_illegal() {
    // c.addi4spn 0; c.addiw x0; c.lui 0; c.addi16sp 0; c.lwsp x0; c.ldsp x0; c.jr x0; quadrant 0 funct3 100.
    for word in [0x0000, 0x2001, 0x6081, 0x6101, 0x4002, 0x6002, 0x8002, 0x8000] {
        assert_eq!(decode(word).id, pseudo::ILLEGAL, "{word:#06x}");
    }
}

#[test]
fn compressed_immediates_are_scattered_right() {
    let imm = |word: u32| decode(word).imm;
    assert_eq!(imm(0x1ffc), 1020);
    assert_eq!(imm(0x7139), -64);
    assert_eq!(imm(0xb001), -2048);
    assert_eq!(imm(0xd001), -256);
    assert_eq!(imm(0x5529), -22);
    assert_eq!((decode(0x76fd).imm, decode(0x76fd).id), (-4096, rv64i::LUI));
    assert_eq!((rv64a::LEN, zb::LEN), (22, 42));
}

proptest! {
    #[test]
    fn any_word_decodes_to_a_row_that_matches(word: u32) {
        let op = decode(word);
        prop_assert!(op.rs1 < 32 && op.rs2 < 32 && op.rs3 < 32 && op.rd <= SINK && op.rd != 0 || row(op.id).format.float_rd());
        prop_assert_eq!(op.len == 4, word & 3 == 3);
        if op.len == 4 && op.id != pseudo::ILLEGAL {
            prop_assert!(row(op.id).pattern.matches(word));
        }
        prop_assert!(!disassemble(word).is_empty());
    }
}
