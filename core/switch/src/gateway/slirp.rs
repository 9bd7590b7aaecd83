//! One libslirp instance behind a safe interface. Unsafe inside: C calls, and callbacks from C.
//!
//! Invariants: the instance stays on the thread that made it; `State` outlives it and is reached by callbacks through a
//! shared reference only; no callback calls back into libslirp, and none panics.

#![expect(unsafe_code)]

use super::config::GatewayConfig;
use super::ffi::{self, Api, Callbacks, Config, InAddr};
use super::forward::{Forward, Protocol};
use crate::io::PacketSocket;
use crate::wire::{MAX_FRAME, MAX_PACKET, VNET_HEADER};
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ptr::{null, null_mut, NonNull};
use std::time::Instant;

/// Timers that libslirp may have; it has one, for router advertisements.
const MAX_TIMERS: usize = 16;

struct Timer {
    id: c_int,
    argument: *mut c_void,
    /// Milliseconds on the clock that libslirp sees.
    expires: Option<i64>,
}

struct State {
    origin: Instant,
    socket: PacketSocket,
    packet: RefCell<Box<[u8]>>,
    timers: RefCell<Vec<Option<Timer>>>,
}

impl State {
    fn milliseconds(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

pub(super) struct Slirp {
    api: &'static Api,
    raw: NonNull<c_void>,
    state: Box<State>,
    _callbacks: Box<Callbacks>,
}

impl Slirp {
    /// A network stack that sends its frames to `socket`.
    pub(super) fn new(api: &'static Api, config: &GatewayConfig, socket: PacketSocket) -> io::Result<Slirp> {
        let state = Box::new(State {
            origin: Instant::now(),
            socket,
            packet: RefCell::new(vec![0; MAX_PACKET].into_boxed_slice()),
            timers: RefCell::new(Vec::new()),
        });
        let callbacks = Box::new(CALLBACKS);
        let config = c_config(config);
        // SAFETY: `config` is laid out as its version says and read during the call only; `callbacks` and `state` are
        // boxed, so they stay where they are, and are dropped after the instance (see Drop).
        let raw = unsafe { (api.new)(&config, &*callbacks, (&raw const *state).cast_mut().cast()) };
        let raw = NonNull::new(raw).ok_or_else(|| io::Error::other("libslirp refused its configuration"))?;
        Ok(Slirp { api, raw, state, _callbacks: callbacks })
    }

    /// The other end's frames arrive here.
    pub(super) fn socket(&self) -> &PacketSocket {
        &self.state.socket
    }

    /// A complete frame from the network.
    pub(super) fn input(&mut self, frame: &[u8]) {
        let Ok(length) = c_int::try_from(frame.len()) else { return };
        // SAFETY: the pointer is good for `length` bytes; libslirp copies what it keeps.
        unsafe { (self.api.input)(self.raw.as_ptr(), frame.as_ptr(), length) }
    }

    /// Append what to poll to `fds`; returns for how many milliseconds at most.
    pub(super) fn fill(&mut self, fds: &mut Vec<libc::pollfd>) -> u32 {
        let mut timeout = self.until_timer();
        // SAFETY: `add_poll` gets the vector by the pointer, which is exclusive during the call.
        unsafe {
            (self.api.pollfds_fill)(self.raw.as_ptr(), &mut timeout, add_poll, (&raw mut *fds).cast());
        }
        timeout
    }

    /// Handle what poll(2) reported for the descriptors that `fill` appended.
    pub(super) fn poll(&mut self, fds: &[libc::pollfd], failed: bool) {
        let mut view = fds;
        // SAFETY: `get_revents` gets a pointer to the slice, which lives during the call.
        unsafe {
            (self.api.pollfds_poll)(self.raw.as_ptr(), failed.into(), get_revents, (&raw mut view).cast());
        }
        self.fire_timers();
    }

    /// Add a forward whose host port is given.
    pub(super) fn add_forward(&mut self, forward: &Forward) -> io::Result<()> {
        let (host, guest) = (forward.host, forward.guest);
        // SAFETY: plain values.
        let result = unsafe {
            (self.api.add_hostfwd)(
                self.raw.as_ptr(),
                (forward.protocol == Protocol::Udp).into(),
                address(*host.ip()),
                host.port().into(),
                address(*guest.ip()),
                guest.port().into(),
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Remove a forward; returns whether it was there. Connections that it led to go on.
    pub(super) fn remove_forward(&mut self, protocol: Protocol, host: SocketAddrV4) -> bool {
        let udp = protocol == Protocol::Udp;
        // SAFETY: plain values.
        let result = unsafe {
            (self.api.remove_hostfwd)(self.raw.as_ptr(), udp.into(), address(*host.ip()), host.port().into())
        };
        result == 0
    }

    fn until_timer(&self) -> u32 {
        let now = self.state.milliseconds();
        let timers = self.state.timers.borrow();
        let next = timers.iter().flatten().filter_map(|timer| timer.expires).min();
        next.map_or(u32::MAX, |at| u32::try_from((at - now).max(0)).unwrap_or(u32::MAX))
    }

    fn fire_timers(&mut self) {
        let now = self.state.milliseconds();
        let mut due = Vec::new();
        for timer in self.state.timers.borrow_mut().iter_mut().flatten() {
            if timer.expires.is_some_and(|at| at <= now) {
                timer.expires = None;
                due.push((timer.id, timer.argument));
            }
        }
        for (id, argument) in due {
            // SAFETY: both are what libslirp gave when it made the timer. The borrow above has ended, so its callbacks
            // may set timers again.
            unsafe { (self.api.handle_timer)(self.raw.as_ptr(), id, argument) }
        }
    }
}

impl Drop for Slirp {
    fn drop(&mut self) {
        // SAFETY: the instance is live and not used after; state and callbacks are dropped after this.
        unsafe { (self.api.cleanup)(self.raw.as_ptr()) }
    }
}

fn address(address: Ipv4Addr) -> InAddr {
    InAddr(u32::from_ne_bytes(address.octets()))
}

fn c_config(config: &GatewayConfig) -> Config {
    let none = libc::in6_addr { s6_addr: [0; 16] };
    Config {
        version: ffi::CONFIG_VERSION,
        restricted: 0,
        in_enabled: true,
        vnetwork: address(config.network),
        vnetmask: address(config.netmask()),
        vhost: address(config.address),
        in6_enabled: false,
        vprefix_addr6: none,
        vprefix_len: 64,
        vhost6: none,
        vhostname: null(),
        tftp_server_name: null(),
        tftp_path: null(),
        bootfile: null(),
        vdhcp_start: address(config.address),
        vnameserver: address(config.dns),
        vnameserver6: none,
        vdnssearch: null(),
        vdomainname: null(),
        if_mtu: config.mtu.into(),
        if_mru: config.mtu.into(),
        disable_host_loopback: !config.host_loopback,
        enable_emu: false,
        outbound_addr: null_mut(),
        outbound_addr6: null_mut(),
        disable_dns: true,
        disable_dhcp: true,
    }
}

const CALLBACKS: Callbacks = Callbacks {
    send_packet,
    guest_error,
    clock_get_ns,
    timer_new: None,
    timer_free,
    timer_mod,
    register_poll_fd,
    unregister_poll_fd,
    notify,
    init_completed,
    timer_new_opaque,
};

/// # Safety
/// `opaque` must be what was given to `slirp_new`.
unsafe fn state<'a>(opaque: *mut c_void) -> &'a State {
    // SAFETY: it points to the boxed State, which outlives the instance and is only ever shared.
    unsafe { &*opaque.cast::<State>() }
}

extern "C" fn send_packet(data: *const c_void, length: usize, opaque: *mut c_void) -> isize {
    if data.is_null() || length > MAX_FRAME {
        return -1;
    }
    // SAFETY: libslirp gives back its opaque pointer and a buffer of `length` bytes.
    let (state, frame) = unsafe { (state(opaque), std::slice::from_raw_parts(data.cast::<u8>(), length)) };
    let Ok(mut packet) = state.packet.try_borrow_mut() else { return -1 };
    let packet = &mut packet[..VNET_HEADER + length];
    packet[VNET_HEADER..].copy_from_slice(frame);
    // A switch that does not keep up loses the frame, as a wire would; TCP within libslirp sends it again.
    let _ = state.socket.send(&[packet]);
    length as isize
}

extern "C" fn clock_get_ns(opaque: *mut c_void) -> i64 {
    // SAFETY: libslirp gives back its opaque pointer.
    let state = unsafe { state(opaque) };
    i64::try_from(state.origin.elapsed().as_nanos()).unwrap_or(i64::MAX)
}

/// Timers are named by their number, from 1: a null pointer would say that there is none.
extern "C" fn timer_new_opaque(id: c_int, argument: *mut c_void, opaque: *mut c_void) -> *mut c_void {
    // SAFETY: libslirp gives back its opaque pointer.
    let Ok(mut timers) = unsafe { state(opaque) }.timers.try_borrow_mut() else { return null_mut() };
    let slot = timers.iter().position(Option::is_none).unwrap_or(timers.len());
    if slot >= MAX_TIMERS {
        return null_mut();
    }
    if slot == timers.len() {
        timers.push(None);
    }
    timers[slot] = Some(Timer { id, argument, expires: None });
    std::ptr::without_provenance_mut(slot + 1)
}

extern "C" fn timer_free(timer: *mut c_void, opaque: *mut c_void) {
    // SAFETY: libslirp gives back its opaque pointer.
    let Ok(mut timers) = unsafe { state(opaque) }.timers.try_borrow_mut() else { return };
    if let Some(slot) = timers.get_mut(timer.addr().wrapping_sub(1)) {
        *slot = None;
    }
}

extern "C" fn timer_mod(timer: *mut c_void, expires: i64, opaque: *mut c_void) {
    // SAFETY: libslirp gives back its opaque pointer.
    let Ok(mut timers) = unsafe { state(opaque) }.timers.try_borrow_mut() else { return };
    if let Some(Some(timer)) = timers.get_mut(timer.addr().wrapping_sub(1)) {
        timer.expires = Some(expires);
    }
}

extern "C" fn add_poll(fd: c_int, events: c_int, opaque: *mut c_void) -> c_int {
    // SAFETY: `fill` passes a pointer to its vector, exclusive while libslirp calls this.
    let fds = unsafe { &mut *opaque.cast::<Vec<libc::pollfd>>() };
    let wanted = translate(events, [POLLS[0], POLLS[1], POLLS[2]].as_slice());
    fds.push(libc::pollfd { fd, events: wanted, revents: 0 });
    c_int::try_from(fds.len() - 1).unwrap_or(-1)
}

extern "C" fn get_revents(index: c_int, opaque: *mut c_void) -> c_int {
    // SAFETY: `poll` passes a pointer to its slice, which lives while libslirp calls this.
    let fds = unsafe { *opaque.cast::<&[libc::pollfd]>() };
    let revents = usize::try_from(index).ok().and_then(|i| fds.get(i)).map_or(0, |fd| fd.revents);
    POLLS.iter().filter(|(_, host)| revents & host != 0).fold(0, |all, (slirp, _)| all | slirp)
}

/// What libslirp calls an event, and what poll(2) does.
const POLLS: [(c_int, i16); 5] = [
    (ffi::POLL_IN, libc::POLLIN),
    (ffi::POLL_OUT, libc::POLLOUT),
    (ffi::POLL_PRI, libc::POLLPRI),
    (ffi::POLL_ERR, libc::POLLERR),
    (ffi::POLL_HUP, libc::POLLHUP),
];

fn translate(events: c_int, table: &[(c_int, i16)]) -> i16 {
    table.iter().filter(|(slirp, _)| events & slirp != 0).fold(0, |all, (_, host)| all | host)
}

extern "C" fn guest_error(_message: *const c_char, _opaque: *mut c_void) {}
extern "C" fn register_poll_fd(_fd: c_int, _opaque: *mut c_void) {}
extern "C" fn unregister_poll_fd(_fd: c_int, _opaque: *mut c_void) {}
extern "C" fn notify(_opaque: *mut c_void) {}
extern "C" fn init_completed(_slirp: *mut c_void, _opaque: *mut c_void) {}
