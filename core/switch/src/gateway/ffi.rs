//! The C interface of libslirp 4.7 and later (its header libslirp.h), loaded at run time. Unsafe by nature: the layouts
//! here must be those of the header, configuration version 4, which later libraries go on accepting.

#![expect(unsafe_code)]

use libloading::Library;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::fmt;
use std::sync::OnceLock;

/// Version of `SlirpConfig` as laid out here.
pub(super) const CONFIG_VERSION: u32 = 4;

const NAMES: [&str; 2] = ["libslirp.so.0", "libslirp.so"];

/// `struct in_addr`: an address in network byte order.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct InAddr(pub(super) u32);

#[repr(C)]
pub(super) struct Config {
    pub(super) version: u32,
    pub(super) restricted: c_int,
    pub(super) in_enabled: bool,
    pub(super) vnetwork: InAddr,
    pub(super) vnetmask: InAddr,
    pub(super) vhost: InAddr,
    pub(super) in6_enabled: bool,
    pub(super) vprefix_addr6: libc::in6_addr,
    pub(super) vprefix_len: u8,
    pub(super) vhost6: libc::in6_addr,
    pub(super) vhostname: *const c_char,
    pub(super) tftp_server_name: *const c_char,
    pub(super) tftp_path: *const c_char,
    pub(super) bootfile: *const c_char,
    pub(super) vdhcp_start: InAddr,
    pub(super) vnameserver: InAddr,
    pub(super) vnameserver6: libc::in6_addr,
    pub(super) vdnssearch: *const *const c_char,
    pub(super) vdomainname: *const c_char,
    pub(super) if_mtu: usize,
    pub(super) if_mru: usize,
    pub(super) disable_host_loopback: bool,
    pub(super) enable_emu: bool,
    pub(super) outbound_addr: *mut c_void,
    pub(super) outbound_addr6: *mut c_void,
    pub(super) disable_dns: bool,
    pub(super) disable_dhcp: bool,
}

#[repr(C)]
pub(super) struct Callbacks {
    pub(super) send_packet: extern "C" fn(*const c_void, usize, *mut c_void) -> isize,
    pub(super) guest_error: extern "C" fn(*const c_char, *mut c_void),
    pub(super) clock_get_ns: extern "C" fn(*mut c_void) -> i64,
    pub(super) timer_new: Option<extern "C" fn()>,
    pub(super) timer_free: extern "C" fn(*mut c_void, *mut c_void),
    pub(super) timer_mod: extern "C" fn(*mut c_void, i64, *mut c_void),
    pub(super) register_poll_fd: extern "C" fn(c_int, *mut c_void),
    pub(super) unregister_poll_fd: extern "C" fn(c_int, *mut c_void),
    pub(super) notify: extern "C" fn(*mut c_void),
    pub(super) init_completed: extern "C" fn(*mut c_void, *mut c_void),
    pub(super) timer_new_opaque: extern "C" fn(c_int, *mut c_void, *mut c_void) -> *mut c_void,
}

pub(super) type AddPoll = extern "C" fn(c_int, c_int, *mut c_void) -> c_int;
pub(super) type GetRevents = extern "C" fn(c_int, *mut c_void) -> c_int;

/// `SLIRP_POLL_*`.
pub(super) const POLL_IN: c_int = 1;
pub(super) const POLL_OUT: c_int = 2;
pub(super) const POLL_PRI: c_int = 4;
pub(super) const POLL_ERR: c_int = 8;
pub(super) const POLL_HUP: c_int = 16;

/// The functions used here.
pub(super) struct Api {
    pub(super) new: unsafe extern "C" fn(*const Config, *const Callbacks, *mut c_void) -> *mut c_void,
    pub(super) cleanup: unsafe extern "C" fn(*mut c_void),
    pub(super) pollfds_fill: unsafe extern "C" fn(*mut c_void, *mut u32, AddPoll, *mut c_void),
    pub(super) pollfds_poll: unsafe extern "C" fn(*mut c_void, c_int, GetRevents, *mut c_void),
    pub(super) input: unsafe extern "C" fn(*mut c_void, *const u8, c_int),
    pub(super) handle_timer: unsafe extern "C" fn(*mut c_void, c_int, *mut c_void),
    pub(super) add_hostfwd: unsafe extern "C" fn(*mut c_void, c_int, InAddr, c_int, InAddr, c_int) -> c_int,
    pub(super) remove_hostfwd: unsafe extern "C" fn(*mut c_void, c_int, InAddr, c_int) -> c_int,
}

/// The library is missing, or not one that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

/// The library, loaded once and never unloaded (its code runs on threads that outlive any handle).
pub(super) fn api() -> Result<&'static Api, LoadError> {
    static API: OnceLock<Result<Api, LoadError>> = OnceLock::new();
    API.get_or_init(load).as_ref().map_err(Clone::clone)
}

fn load() -> Result<Api, LoadError> {
    let mut reason = String::new();
    for name in NAMES {
        // SAFETY: libslirp and the GLib that it needs have no load-time side effects that Rust would have to know of.
        match unsafe { Library::new(name) } {
            Ok(library) => return bind(Box::leak(Box::new(library))),
            Err(error) if reason.is_empty() => reason = error.to_string(),
            Err(_) => {}
        }
    }
    Err(LoadError(format!("cannot load libslirp: {reason}")))
}

fn bind(library: &'static Library) -> Result<Api, LoadError> {
    let version = version_of(library)?;
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if major != 4 || minor < 7 {
        return Err(LoadError(format!("libslirp is version {version}, and 4.7 or a later 4.x is needed")));
    }
    // SAFETY: the names are those of the header and the types of the fields say what the header says of them.
    unsafe {
        Ok(Api {
            new: symbol(library, "slirp_new")?,
            cleanup: symbol(library, "slirp_cleanup")?,
            pollfds_fill: symbol(library, "slirp_pollfds_fill")?,
            pollfds_poll: symbol(library, "slirp_pollfds_poll")?,
            input: symbol(library, "slirp_input")?,
            handle_timer: symbol(library, "slirp_handle_timer")?,
            add_hostfwd: symbol(library, "slirp_add_hostfwd")?,
            remove_hostfwd: symbol(library, "slirp_remove_hostfwd")?,
        })
    }
}

fn version_of(library: &'static Library) -> Result<String, LoadError> {
    // SAFETY: `const char *slirp_version_string(void)` has been there since 4.0; it returns a static string.
    unsafe {
        let version: unsafe extern "C" fn() -> *const c_char = symbol(library, "slirp_version_string")?;
        let text = version();
        if text.is_null() {
            return Err(LoadError("libslirp does not tell its version".into()));
        }
        Ok(CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

/// # Safety
/// `T` must be the type of the function called `name`.
unsafe fn symbol<T: Copy>(library: &'static Library, name: &str) -> Result<T, LoadError> {
    // SAFETY: the caller vouches for the type; the library is never unloaded, so the copy stays valid.
    let found = unsafe { library.get::<T>(name) };
    found.map(|symbol| *symbol).map_err(|error| LoadError(format!("libslirp lacks {name}: {error}")))
}
