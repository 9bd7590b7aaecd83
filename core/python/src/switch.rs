//! `vkd._native.Switch`: the handle of a running switch.

use crate::link::Link as PyLink;
use crate::policy::Policy;
use pyo3::exceptions::{PyImportError, PyKeyError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use switch::gateway::{Forward, Gateway, GatewayConfig, GatewayError, Protocol};
use switch::io::{Datapath, Link, PortReport, Worker};
use switch::{DropReason, PortConfig, PortState, SwitchConfig};

/// Every reason why a frame is dropped: its stable name and a sentence.
#[pyfunction]
pub fn drop_reasons() -> Vec<(&'static str, &'static str)> {
    DropReason::ALL.iter().map(|reason| (reason.name(), reason.text())).collect()
}

/// A switch whose datapath runs in a thread of its own. Closing it (or forgetting it) removes all ports.
#[pyclass(frozen, module = "vkd._native")]
pub struct Switch {
    datapath: Mutex<Option<Datapath>>,
    /// Locked before `datapath` where both are.
    gateway: Mutex<Option<Gateway>>,
}

const GATEWAY: &str = "gateway";

impl Switch {
    fn lock(&self) -> MutexGuard<'_, Option<Datapath>> {
        self.datapath.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_gateway(&self) -> MutexGuard<'_, Option<Gateway>> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Run `command` on the datapath's thread while the GIL is released.
    pub(crate) fn run<R: Send + 'static>(
        &self,
        py: Python<'_>,
        command: impl FnOnce(&mut Worker) -> R + Send + 'static,
    ) -> PyResult<R> {
        py.detach(|| match &*self.lock() {
            Some(datapath) => datapath.run(command).map_err(|stopped| stopped.to_string()),
            None => Err("the switch is closed".into()),
        })
        .map_err(PyRuntimeError::new_err)
    }

    pub(crate) fn add_link(&self, py: Python<'_>, config: PortConfig, link: Box<dyn Link>) -> PyResult<()> {
        self.run(py, move |worker| {
            if worker.find(&config.name).is_some() {
                return Err(PyValueError::new_err(format!("there is a port {} already", config.name)));
            }
            worker.add_port(config, link).map(|_| ()).map_err(os_error)
        })?
    }
}

#[pymethods]
impl Switch {
    #[new]
    #[pyo3(signature = (*, ageing = 300.0, fdb_capacity = 65_536))]
    fn new(ageing: f64, fdb_capacity: usize) -> PyResult<Switch> {
        let ageing = seconds_of(ageing)?;
        let datapath = Datapath::start(SwitchConfig { ageing, fdb_capacity })?;
        Ok(Switch { datapath: Mutex::new(Some(datapath)), gateway: Mutex::new(None) })
    }

    /// End the datapath and remove all ports and their sockets.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            drop(self.lock_gateway().take());
            drop(self.lock().take());
        });
    }

    /// Add the port `name` over `link`, in a state (see `set_state`). ValueError if there is one of that name.
    #[pyo3(signature = (name, link, *, split_horizon = 0, policy = None, state = "forwarding"))]
    fn add_port(
        &self,
        py: Python<'_>,
        name: String,
        link: &PyLink,
        split_horizon: u32,
        policy: Option<&Policy>,
        state: &str,
    ) -> PyResult<()> {
        let policy = policy.map(|policy| policy.0.clone()).unwrap_or_default();
        let state = port_state(state)?;
        self.add_link(py, PortConfig { name, split_horizon, policy, state }, link.take()?)
    }

    /// Remove the port `name`. KeyError if there is none.
    pub(crate) fn remove_port(&self, py: Python<'_>, name: String) -> PyResult<()> {
        self.run(py, move |worker| {
            let id = worker.find(&name).ok_or_else(|| PyKeyError::new_err(name))?;
            worker.remove_port(id);
            Ok(())
        })?
    }

    /// Start the gateway and add its port, `gateway`. ImportError if libslirp cannot be loaded.
    #[pyo3(signature = (*, subnet, address, dns, mtu = 1500, host_loopback = true))]
    fn start_gateway(
        &self,
        py: Python<'_>,
        subnet: (IpAddr, u8),
        address: IpAddr,
        dns: IpAddr,
        mtu: u16,
        host_loopback: bool,
    ) -> PyResult<()> {
        self.stop_gateway(py)?;
        let (network, address, dns) = (v4(subnet.0)?, v4(address)?, v4(dns)?);
        let config = GatewayConfig { network, prefix: subnet.1, address, dns, mtu, host_loopback };
        let started = py.detach(|| {
            let datapath = self.lock();
            let punts = datapath.as_ref().map(Datapath::punts)?;
            Some(Gateway::start(config, GATEWAY, punts))
        });
        let started = started.ok_or_else(|| PyRuntimeError::new_err("the switch is closed"))?;
        let (gateway, link) = started.map_err(|error| match error {
            GatewayError::Load(error) => PyImportError::new_err(error.to_string()),
            GatewayError::Io(error) => os_error(error),
        })?;
        self.add_link(py, PortConfig { name: GATEWAY.into(), ..PortConfig::default() }, Box::new(link))?;
        py.detach(|| *self.lock_gateway() = Some(gateway));
        Ok(())
    }

    /// Stop the gateway, if there is one; its connections and forwards end.
    fn stop_gateway(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| drop(self.lock_gateway().take()));
        self.run(py, |worker| {
            if let Some(id) = worker.find(GATEWAY) {
                worker.remove_port(id);
            }
        })
    }

    /// Forward `host:host_port` to `guest:guest_port`; returns the host port, a free one if 0 was given.
    fn add_forward(&self, py: Python<'_>, proto: &str, host: (IpAddr, u16), guest: (IpAddr, u16)) -> PyResult<u16> {
        let forward = Forward { protocol: protocol(proto)?, host: socket(host)?, guest: socket(guest)? };
        let port = py.detach(|| self.lock_gateway().as_ref().map(|gateway| gateway.add_forward(forward)));
        port.ok_or_else(|| PyRuntimeError::new_err("there is no gateway"))?.map_err(os_error)
    }

    /// Remove a forward; returns whether it was there. Its connections go on.
    fn remove_forward(&self, py: Python<'_>, proto: &str, host: (IpAddr, u16)) -> PyResult<bool> {
        let (protocol, host) = (protocol(proto)?, socket(host)?);
        let found = py.detach(|| self.lock_gateway().as_ref().map(|gateway| gateway.remove_forward(protocol, host)));
        Ok(found.transpose().map_err(os_error)?.unwrap_or(false))
    }

    /// All ports with their state and counters, in the order of their numbers.
    fn ports<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.run(py, |worker| worker.reports())?.iter().map(|report| port_dict(py, report)).collect()
    }

    /// A descriptor that is readable while frames wait for [`Switch::take`]. It lives as long as the switch.
    fn punt_fd(&self, py: Python<'_>) -> PyResult<i32> {
        let fd = py.detach(|| self.lock().as_ref().map(|datapath| datapath.punts().as_fd().as_raw_fd()));
        fd.ok_or_else(|| PyRuntimeError::new_err("the switch is closed"))
    }

    /// The frames that wait for the control plane: port, reason, frame.
    fn take<'py>(&self, py: Python<'py>) -> Vec<(String, &'static str, Bound<'py, PyBytes>)> {
        let punts = py.detach(|| self.lock().as_ref().map(|datapath| datapath.punts().take())).unwrap_or_default();
        punts.into_iter().map(|punt| (punt.port, punt.reason, PyBytes::new(py, &punt.frame))).collect()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let gateway = self.gateway.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let datapath = self.datapath.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if gateway.is_some() || datapath.is_some() {
            // Joins threads: not under the GIL.
            Python::attach(|py| py.detach(|| drop((gateway, datapath))));
        }
    }
}

/// An OSError with errno and text, so that Python makes the right subclass of it.
pub(crate) fn os_error(error: io::Error) -> PyErr {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => PyOSError::new_err((code, text.split(" (os error").next().unwrap_or_default().to_owned())),
        None => PyOSError::new_err(text),
    }
}

/// The state of that name.
pub(crate) fn port_state(name: &str) -> PyResult<PortState> {
    let states = [PortState::Discarding, PortState::Learning, PortState::Forwarding];
    let state = states.into_iter().find(|known| known.name() == name);
    state.ok_or_else(|| PyValueError::new_err("neither discarding, learning nor forwarding"))
}

fn protocol(name: &str) -> PyResult<Protocol> {
    Protocol::parse(name).ok_or_else(|| PyValueError::new_err(format!("neither tcp nor udp: {name}")))
}

fn socket((address, port): (IpAddr, u16)) -> PyResult<SocketAddrV4> {
    Ok(SocketAddrV4::new(v4(address)?, port))
}

fn v4(address: IpAddr) -> PyResult<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(PyValueError::new_err(format!("not an IPv4 address: {address}"))),
    }
}

pub(crate) fn seconds_of(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(format!("seconds: {error}")))
}

fn port_dict<'py>(py: Python<'py>, report: &PortReport) -> PyResult<Bound<'py, PyDict>> {
    let counters = &report.counters;
    let drops = PyDict::new(py);
    for (reason, count) in counters.drops.iter() {
        drops.set_item(reason.name(), count)?;
    }
    let dict = PyDict::new(py);
    dict.set_item("name", &report.name)?;
    dict.set_item("kind", report.kind)?;
    dict.set_item("peer", &report.peer)?;
    dict.set_item("state", report.state.name())?;
    dict.set_item("carrier", report.carrier)?;
    dict.set_item("offloads", report.capabilities.bits())?;
    dict.set_item("backlog", report.backlog)?;
    dict.set_item("addresses", report.addresses)?;
    dict.set_item("rx_frames", counters.rx_frames)?;
    dict.set_item("rx_bytes", counters.rx_bytes)?;
    dict.set_item("tx_frames", counters.tx_frames)?;
    dict.set_item("tx_bytes", counters.tx_bytes)?;
    dict.set_item("flooded", counters.flooded)?;
    dict.set_item("drops", drops)?;
    Ok(dict)
}
