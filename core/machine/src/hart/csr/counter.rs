//! `mcycle` and `minstret`. Both advance by one per retired instruction. Source: privileged specification,
//! "Hardware Performance Monitor" and `mcountinhibit`.

/// A counter that can be written and halted, on top of the number of retired instructions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    /// What has to be added to the number of retired instructions, or the value itself while halted.
    offset: u64,
    halted: bool,
}

impl Counter {
    /// The value, `retired` instructions having been retired.
    pub fn read(&self, retired: u64) -> u64 {
        if self.halted {
            self.offset
        } else {
            retired.wrapping_add(self.offset)
        }
    }

    /// Set the value that the instruction after the current one, which is not among the `retired`, sees.
    pub fn write(&mut self, retired: u64, value: u64) {
        self.offset = if self.halted { value } else { value.wrapping_sub(retired + 1) };
    }

    /// Halt or go on, after the current instruction, which is not among the `retired`.
    pub fn inhibit(&mut self, retired: u64, halt: bool) {
        if halt != self.halted {
            let value = self.read(retired + 1);
            self.halted = halt;
            self.write(retired, value);
        }
    }
}
