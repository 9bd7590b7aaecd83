//! `vkd._native.Tunnel`: the encrypted tunnel of a switch.

use crate::switch::{os_error, port_state, Switch};
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use switch::io::tunnel::{TunnelError, TunnelHandle};
use switch::tunnel::{Event, PeerConfig, PeerId, PeerStatus, Timers, TunnelConfig, TunnelDrop, TunnelDrops};
use switch::PortConfig;

/// Every reason why the tunnel drops something: its stable name and a sentence.
#[pyfunction]
pub fn tunnel_drop_reasons() -> Vec<(&'static str, &'static str)> {
    TunnelDrop::ALL.iter().map(|reason| (reason.name(), reason.text())).collect()
}

/// The encrypted tunnel of a switch: a UDP socket, a thread, and peers that are ports of the switch.
#[pyclass(frozen, module = "vkd._native")]
pub struct Tunnel {
    switch: Py<Switch>,
    inner: Mutex<Inner>,
}

struct Inner {
    handle: Option<TunnelHandle>,
    peers: BTreeMap<String, PeerId>,
}

impl Tunnel {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Tunnel {
    /// Listen at the UDP address `listen`. ValueError if the key cannot be used, OSError if the host refuses.
    #[new]
    #[pyo3(signature = (switch, *, private_key, listen, network, switch_id = String::new()))]
    fn new(
        py: Python<'_>,
        switch: Py<Switch>,
        private_key: [u8; 32],
        listen: (IpAddr, u16),
        network: String,
        switch_id: String,
    ) -> PyResult<Tunnel> {
        let config = TunnelConfig {
            private_key,
            network,
            switch: switch_id,
            wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            timers: Timers::default(),
            entropy: switch::io::tunnel::entropy(),
        };
        let handle = py.detach(|| TunnelHandle::start(config, SocketAddr::new(listen.0, listen.1))).map_err(error)?;
        Ok(Tunnel { switch, inner: Mutex::new(Inner { handle: Some(handle), peers: BTreeMap::new() }) })
    }

    /// The address that it listens at.
    fn address(&self, py: Python<'_>) -> PyResult<(IpAddr, u16)> {
        let address = py.detach(|| self.lock().handle.as_ref().map(TunnelHandle::address)).ok_or_else(closed)?;
        Ok((address.ip(), address.port()))
    }

    /// Add a peer as the port `name`, in a state (see `Switch.set_state`). ValueError if the name or the key is taken.
    #[pyo3(signature = (name, *, public_key, psk = [0; 32], endpoint = None, split_horizon = 0, state = "forwarding"))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn add_peer(
        &self,
        py: Python<'_>,
        name: String,
        public_key: [u8; 32],
        psk: [u8; 32],
        endpoint: Option<(IpAddr, u16)>,
        split_horizon: u32,
        state: &str,
    ) -> PyResult<()> {
        let state = port_state(state)?;
        let endpoint = endpoint.map(|(address, port)| SocketAddr::new(address, port));
        let config = PeerConfig { public_key, psk, endpoint };
        let added = py.detach(|| self.lock().handle.as_ref().map(|handle| handle.add_peer(config)));
        let (id, link) = added.ok_or_else(closed)?.map_err(error)?;
        let config = PortConfig { name: name.clone(), split_horizon, state, ..PortConfig::default() };
        if let Err(error) = self.switch.get().add_link(py, config, Box::new(link)) {
            py.detach(|| self.lock().handle.as_ref().map(|handle| handle.run(move |shell| shell.remove_peer(id))));
            return Err(error);
        }
        py.detach(|| self.lock().peers.insert(name, id));
        Ok(())
    }

    /// Remove a peer and its port. KeyError if there is none.
    fn remove_peer(&self, py: Python<'_>, name: String) -> PyResult<()> {
        let removed = py.detach(|| {
            let mut inner = self.lock();
            let id = inner.peers.remove(&name)?;
            inner.handle.as_ref().map(|handle| handle.run(move |shell| shell.remove_peer(id)))
        });
        removed.ok_or_else(|| PyKeyError::new_err(name.clone()))?.map_err(|_| closed())?;
        self.switch.get().remove_port(py, name)
    }

    /// Tell where the peer should be. KeyError if there is none.
    fn set_endpoint(&self, py: Python<'_>, name: String, endpoint: (IpAddr, u16)) -> PyResult<()> {
        let endpoint = SocketAddr::new(endpoint.0, endpoint.1);
        let set = py.detach(|| {
            let inner = self.lock();
            let id = *inner.peers.get(&name)?;
            inner.handle.as_ref().map(|handle| {
                handle.run(move |shell| {
                    let now = shell.now();
                    shell.tunnel().set_endpoint(id, endpoint, now);
                })
            })
        });
        set.ok_or_else(|| PyKeyError::new_err(name))?.map_err(|_| closed())
    }

    /// What there is to say of each peer, by name.
    fn peers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let rows = py.detach(|| {
            let inner = self.lock();
            let peers: Vec<_> = inner.peers.iter().map(|(name, &id)| (name.clone(), id)).collect();
            let statuses = inner.handle.as_ref()?.run(move |shell| {
                let now = shell.now();
                let status = |(name, id)| Some((name, shell.tunnel().status(id, now)?));
                peers.into_iter().filter_map(status).collect::<Vec<_>>()
            });
            statuses.ok()
        });
        let dict = PyDict::new(py);
        for (name, status) in rows.ok_or_else(closed)? {
            dict.set_item(name, peer_dict(py, &status)?)?;
        }
        Ok(dict)
    }

    /// What was dropped before it was known whose it was, by reason.
    fn drops<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let drops = py.detach(|| self.lock().handle.as_ref()?.run(|shell| *shell.tunnel().drops()).ok());
        drops_dict(py, &drops.ok_or_else(closed)?)
    }

    /// What happened since the last call: the peer's name, what, and a text.
    fn take_events(&self, py: Python<'_>) -> PyResult<Vec<(String, &'static str, String)>> {
        let taken = py.detach(|| {
            let inner = self.lock();
            let events = inner.handle.as_ref()?.run(|shell| shell.take_events()).ok()?;
            let name = |id| inner.peers.iter().find(|(_, &of)| of == id).map(|(name, _)| name.clone());
            Some(events.into_iter().filter_map(|(id, event)| Some((name(id)?, event))).collect::<Vec<_>>())
        });
        let row = |(name, event)| {
            let (what, text) = match event {
                Event::Up { switch } => ("up", format!("switch {switch}")),
                Event::Down(why) if why.is_refusal() => ("refused", why.text()),
                Event::Down(why) => ("down", why.text()),
                Event::Roamed(to) => ("roamed", to.to_string()),
                Event::Mtu(size) => ("mtu", size.to_string()),
            };
            (name, what, text)
        };
        Ok(taken.ok_or_else(closed)?.into_iter().map(row).collect())
    }

    /// End the tunnel and remove its ports.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let names = py.detach(|| {
            let mut inner = self.lock();
            drop(inner.handle.take());
            std::mem::take(&mut inner.peers).into_keys()
        });
        for name in names {
            // A switch that is closed has no ports any more.
            let _ = self.switch.get().remove_port(py, name);
        }
        Ok(())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let handle = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner).handle.take();
        if handle.is_some() {
            // Joins a thread: not under the GIL.
            Python::attach(|py| py.detach(|| drop(handle)));
        }
    }
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("the tunnel is closed")
}

fn error(error: TunnelError) -> PyErr {
    match error {
        TunnelError::Io(error) => os_error(error),
        TunnelError::Stopped => closed(),
        error => PyValueError::new_err(error.to_string()),
    }
}

fn drops_dict<'py>(py: Python<'py>, drops: &TunnelDrops) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (reason, count) in drops.iter() {
        dict.set_item(reason.name(), count)?;
    }
    Ok(dict)
}

fn peer_dict<'py>(py: Python<'py>, status: &PeerStatus) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("endpoint", status.endpoint.map(|endpoint| endpoint.to_string()))?;
    dict.set_item("switch", &status.switch)?;
    dict.set_item("up", status.why.is_none())?;
    dict.set_item("reason", status.why.as_ref().map(|why| why.name().to_owned()))?;
    dict.set_item("why", status.why.as_ref().map(|why| why.text()))?;
    dict.set_item("handshake", status.handshake_age.map(|age| age.as_secs_f64()))?;
    dict.set_item("handshakes", status.handshakes)?;
    dict.set_item("rtt", status.rtt.map(|rtt| rtt.as_secs_f64()))?;
    dict.set_item("heard", status.heard.map(|age| age.as_secs_f64()))?;
    dict.set_item("mtu", status.mtu)?;
    dict.set_item("rx_bytes", status.rx_bytes)?;
    dict.set_item("rx_datagrams", status.rx_datagrams)?;
    dict.set_item("tx_bytes", status.tx_bytes)?;
    dict.set_item("tx_datagrams", status.tx_datagrams)?;
    dict.set_item("drops", drops_dict(py, &status.drops)?)?;
    Ok(dict)
}
