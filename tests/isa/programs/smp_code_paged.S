// harts: 3
// firmware: sbi
// windows: used
// smp_code.S in an address space, where stores go by windows.
#define PAGED
#include "smp_code.S"
