// harts: 3
// firmware: sbi
// windows: used
// smp_code.S in an address space, where stores go by windows, and each hart fences for itself.
#define PAGED
#define LOCAL
#include "smp_code.S"
