// Page tables for the tests of Sv39 and Sv48: the first and the third gigabyte identity-mapped for S-mode, and a window of
// 4 KiB pages at VA, which `pages` (the table of the last level) maps.

#define VA 0x40000000
#define SFENCE sfence.vma
// Map page `index` of the window to `label`'s page with `bits`. Clobbers t5, t6; the caller fences.
#define MAP(index, label, bits) la t5, label; srli t5, t5, 12; slli t5, t5, 10; li t6, bits; or t5, t5, t6; \
    la t6, pages; sd t5, ((index) * 8)(t6)
// The page-table entry of page `index`, in a register.
#define ENTRY(reg, index) la reg, pages; ld reg, ((index) * 8)(reg)
// A table's entry that points to another table.
#define POINT(table, index, next, bits) la t5, next; srli t5, t5, 12; slli t5, t5, 10; ori t5, t5, bits; \
    la t6, table + (index) * 8; sd t5, 0(t6)
#define LEAF(table, index, address, bits) li t5, PTE(address, bits); la t6, table + (index) * 8; sd t5, 0(t6)
// Fill `root`, a table whose entries cover 1 GiB each.
#define IDENTITY(root) LEAF(root, 0, 0, PTE_RWX | PTE_G); LEAF(root, 2, RAM, PTE_RWX | PTE_G); \
    POINT(root, 1, middle, PTE_V); POINT(middle, 0, pages, PTE_V)
#define SATP(mode, asid, root) la t5, root; srli t5, t5, 12; li t6, (mode) << 60 | (asid) << 44; or t5, t5, t6; csrw satp, t5
#define PAGE_FAULTS_TO_S li t5, 1 << CAUSE_FETCH_PAGE | 1 << CAUSE_LOAD_PAGE | 1 << CAUSE_STORE_PAGE; csrw medeleg, t5

    .bss
    .balign 4096
root: .skip 4096
other_root: .skip 4096
top: .skip 4096
middle: .skip 4096
other_middle: .skip 4096
pages: .skip 4096
other_pages: .skip 4096
    .text
