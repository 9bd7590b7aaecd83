//! Which banks have windows, and how many pieces may be mapped in them.
//!
//! When there are too many the bank that was not selected for longest loses its own, all of it.

use super::banks::Banks;
use super::limits::WindowLimits;
use super::window::Window;

impl Banks {
    /// The window of bank `number`, with room for another piece. `None` when the host has no addresses for it, or unmaps nothing.
    pub fn window(&mut self, number: usize, limits: &WindowLimits) -> Option<&mut Window> {
        while self.pieces() >= limits.mappings {
            // At last its own.
            let others = self.oldest(|other, window| other != number && window.pieces() > 0);
            let window = self.banks[others.unwrap_or(number)].bank.window.as_mut()?;
            window.clear();
            if window.pieces() > 0 {
                return None;
            }
        }
        if self.banks[number].bank.window.is_none() {
            let window = if self.windows().count() < limits.windows {
                Window::new().ok()?
            } else {
                let oldest = self.oldest(|_, _| true)?;
                let mut window = self.banks[oldest].bank.window.take()?;
                window.clear();
                window
            };
            self.banks[number].bank.window = Some(window);
        }
        self.banks[number].bank.window.as_mut()
    }

    /// Pieces that are mapped in all windows.
    pub fn pieces(&self) -> usize {
        self.windows().map(Window::pieces).sum()
    }

    /// Times that the host was asked to hide or unmap some.
    pub fn drops(&self) -> u64 {
        self.windows().map(Window::drops).sum()
    }

    fn windows(&self) -> impl Iterator<Item = &Window> {
        self.banks.iter().filter_map(|owned| owned.bank.window.as_ref())
    }

    /// Of the banks that have a window of that kind, the one that was not selected for longest.
    fn oldest(&self, kind: impl Fn(usize, &Window) -> bool) -> Option<usize> {
        let having = self.banks.iter().enumerate();
        let having = having.filter(|(number, owned)| owned.bank.window.as_ref().is_some_and(|w| kind(*number, w)));
        having.min_by_key(|(_, owned)| owned.used).map(|(number, _)| number)
    }
}
