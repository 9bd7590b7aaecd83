//! How much of the host the windows of a TLB may use.

use std::fs;
use std::sync::LazyLock;

use super::reservation::nowhere;

/// Mappings of the windows of all harts.
const MAPPINGS: usize = 30_000;
/// Percentage of the mappings that a process may have: each is followed by a gap, which is one, too.
const SHARE: usize = 45;
/// Windows of a hart at most, and of all: a process has 128 TiB of addresses.
const WINDOWS: usize = 8;
const WINDOWS_IN_ALL: usize = 128;
/// With fewer there is no gain.
const LEAST: usize = 64;
/// What a few harts get out of the host's default, each.
const ENOUGH: usize = 4096;

static MAX_MAP_COUNT: LazyLock<usize> = LazyLock::new(|| {
    let text = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    text.trim().parse().unwrap_or(0)
});

/// How much of the host the windows of a TLB may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowLimits {
    /// Windows: 512 GiB of addresses each.
    pub windows: usize,
    /// Pieces of RAM that are mapped in them.
    pub mappings: usize,
}

impl WindowLimits {
    /// No windows.
    pub const NONE: Self = Self { windows: 0, mappings: 0 };

    /// What each of `harts` may use on this host. For tests, the environment variable `VKD_WINDOWS` may be 0 to have none, and
    /// `VKD_WINDOW_PIECES` a number of mappings that is not exceeded.
    #[must_use]
    pub fn of_host(harts: usize) -> Self {
        static ALLOWED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("VKD_WINDOWS").is_none_or(|set| set != "0"));
        if !*ALLOWED {
            return Self::NONE;
        }
        static PIECES: LazyLock<usize> = LazyLock::new(|| {
            let value = std::env::var("VKD_WINDOW_PIECES").ok();
            value.and_then(|value| value.parse().ok()).unwrap_or(usize::MAX).max(1)
        });
        let share = Self::share(*MAX_MAP_COUNT, harts);
        Self { mappings: share.mappings.min(*PIECES), ..share }
    }

    /// Whether there can be windows on this host.
    ///
    /// # Errors
    /// Why there are none, or too few mappings for them.
    pub fn check() -> Result<(), String> {
        if nowhere().is_none() {
            return Err("a process may not have terabytes of addresses (ulimit -v)".into());
        }
        let here = *MAX_MAP_COUNT;
        if Self::share(here, 1).mappings < ENOUGH {
            return Err(format!("vm.max_map_count is {here}, not {} or more", (ENOUGH * 100).div_ceil(SHARE)));
        }
        Ok(())
    }

    fn share(max_map_count: usize, harts: usize) -> Self {
        let mappings = MAPPINGS.min(max_map_count / 100 * SHARE) / harts.max(1);
        if mappings < LEAST {
            return Self::NONE;
        }
        Self { windows: (WINDOWS_IN_ALL / harts.max(1)).clamp(1, WINDOWS), mappings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harts_share_what_the_host_allows() {
        assert_eq!(WindowLimits::share(1 << 30, 3).mappings, 10_000);
        assert_eq!(WindowLimits::share(65_530, 1).mappings, 29_475);
        assert_eq!(WindowLimits::share(65_530, 8).mappings, 29_475 / 8);
        assert_eq!(WindowLimits::share(65_530, 8).windows, 8);
        assert_eq!(WindowLimits::share(65_530, 64).windows, 2);
        assert_eq!(WindowLimits::share(0, 1), WindowLimits::NONE);
        assert_eq!(WindowLimits::share(1000, 8), WindowLimits::NONE);
    }
}
