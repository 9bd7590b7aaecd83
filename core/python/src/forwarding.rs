//! `vkd._native.Switch`, continued: what it forwards, where to, and what it knows for that.

use crate::policy::Policy;
use crate::switch::{port_state, seconds_of, Switch};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::time::Duration;
use switch::io::Worker;
use switch::wire::Mac;
use switch::{AddressChange, AddressEvent, Mirror, PortId, Selection, SnoopConfig};

#[pymethods]
impl Switch {
    /// Change a port while frames flow, `gateway` included. KeyError if there is none.
    #[pyo3(signature = (name, *, split_horizon = 0, policy = None))]
    fn set_port(&self, py: Python<'_>, name: String, split_horizon: u32, policy: Option<&Policy>) -> PyResult<()> {
        let policy = policy.map(|policy| policy.0.clone()).unwrap_or_default();
        self.run(py, move |worker| {
            let id = find(worker, &name)?;
            worker.set_port(id, |config| {
                config.split_horizon = split_horizon;
                config.policy = policy.clone();
            });
            Ok(())
        })?
    }

    /// Give a port a state: `discarding`, `learning` or `forwarding`. KeyError if there is no such port.
    fn set_state(&self, py: Python<'_>, name: String, state: &str) -> PyResult<()> {
        let state = port_state(state)?;
        self.run(py, move |worker| {
            let id = find(worker, &name)?;
            worker.switch().set_state(id, state);
            Ok(())
        })?
    }

    /// Say which pairs of ports are wired, instead of those that were. KeyError if one is not there; nothing changes then.
    fn set_wires(&self, py: Python<'_>, pairs: Vec<(String, String)>) -> PyResult<()> {
        self.run(py, move |worker| {
            let ids = pairs.iter().map(|(a, b)| Ok((find(worker, a)?, find(worker, b)?)));
            let ids = ids.collect::<PyResult<Vec<_>>>()?;
            worker.switch().set_wires(&ids);
            Ok(())
        })?
    }

    /// Say which ports are mirrored, instead of those that were: (port, port that sees it, what comes in, what leaves).
    /// KeyError if one is not there; nothing changes then.
    fn set_mirrors(&self, py: Python<'_>, mirrors: Vec<(String, String, bool, bool)>) -> PyResult<()> {
        self.run(py, move |worker| {
            let ids = mirrors.iter().map(|(of, to, ingress, egress)| {
                let mirror = Mirror { to: find(worker, to)?, ingress: *ingress, egress: *egress };
                Ok((find(worker, of)?, mirror))
            });
            let ids = ids.collect::<PyResult<Vec<_>>>()?;
            worker.switch().set_mirrors(&ids);
            Ok(())
        })?
    }

    /// Snoop on IGMP and MLD; groups that nobody asked for are flooded or go to routers alone. None: do not snoop.
    fn set_snooping(&self, py: Python<'_>, flood_unknown: Option<bool>) -> PyResult<()> {
        let config = flood_unknown.map(|flood_unknown| SnoopConfig { flood_unknown });
        self.run(py, move |worker| worker.switch().set_snooping(config))
    }

    /// Which groups are wanted where, and (without a group) where routers are.
    fn groups<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let rows = self.run(py, |worker| {
            let now = worker.now();
            let switch = worker.switch();
            let mut rows: Vec<_> = switch.groups().collect();
            rows.sort_by_key(|row| (row.vlan, row.group, row.port));
            let name = |id| switch.port(id).map_or_else(String::new, |port| port.name.clone());
            let left = |until: Duration| until.saturating_sub(now).as_secs_f64();
            rows.iter().map(|row| (row.vlan, row.group, name(row.port), left(row.until))).collect::<Vec<_>>()
        })?;
        let row = |(vlan, group, port, left): (u16, Option<Mac>, String, f64)| {
            let dict = PyDict::new(py);
            dict.set_item("vlan", vlan)?;
            dict.set_item("group", group.map(|mac| mac.to_string()))?;
            dict.set_item("port", port)?;
            dict.set_item("seconds", left)?;
            Ok(dict)
        };
        rows.into_iter().map(row).collect()
    }

    /// How often a report of a group was not noted because there were too many.
    fn groups_refused(&self, py: Python<'_>) -> PyResult<u64> {
        self.run(py, |worker| worker.switch().groups_refused())
    }

    /// The forwarding database.
    fn fdb<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let rows = self.run(py, |worker| {
            let now = worker.now();
            let switch = worker.switch();
            let name = |id| switch.port(id).map_or_else(String::new, |port| port.name.clone());
            let age = |seen: Duration| now.saturating_sub(seen).as_secs_f64();
            let rows = switch.fdb().iter();
            rows.map(|(vlan, mac, entry)| (vlan, mac, name(entry.port), entry.seen.map(age))).collect::<Vec<_>>()
        })?;
        let row = |(vlan, mac, port, age): (u16, Mac, String, Option<f64>)| {
            let dict = PyDict::new(py);
            dict.set_item("mac", mac.to_string())?;
            dict.set_item("vlan", vlan)?;
            dict.set_item("port", port)?;
            dict.set_item("static", age.is_none())?;
            dict.set_item("age", age)?;
            Ok(dict)
        };
        rows.into_iter().map(row).collect()
    }

    /// How often an address could not be learned because the forwarding database was full.
    fn fdb_refused(&self, py: Python<'_>) -> PyResult<u64> {
        self.run(py, |worker| worker.switch().fdb().refused())
    }

    /// Change how many seconds an address lives without being seen.
    fn set_ageing(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        let ageing = seconds_of(seconds)?;
        self.run(py, move |worker| {
            let now = worker.now();
            worker.switch().set_ageing(ageing, now);
        })
    }

    /// Fix `mac`, in `vlan` (0: without a VLAN), to the port `name`. KeyError if there is none, ValueError if there is no room.
    #[pyo3(signature = (mac, name, *, vlan = 0))]
    fn add_static(&self, py: Python<'_>, mac: &str, name: String, vlan: u16) -> PyResult<()> {
        let mac = mac_of(mac)?;
        self.run(py, move |worker| {
            let id = find(worker, &name)?;
            let added = worker.switch().add_static(vlan, mac, id);
            added.map_err(|_| PyValueError::new_err("the forwarding database is full"))
        })?
    }

    /// Forget `mac` in `vlan`, fixed or learned; returns whether it was known.
    #[pyo3(signature = (mac, *, vlan = 0))]
    fn remove_address(&self, py: Python<'_>, mac: &str, vlan: u16) -> PyResult<bool> {
        let mac = mac_of(mac)?;
        self.run(py, move |worker| worker.switch().remove_address(vlan, mac))
    }

    /// Forget learned addresses: those of the port `name`, in `vlan` (0: in none), or `mac` alone; returns how many.
    #[pyo3(signature = (name = None, *, vlan = None, mac = None))]
    fn flush(&self, py: Python<'_>, name: Option<String>, vlan: Option<u16>, mac: Option<&str>) -> PyResult<usize> {
        self.flush_by(py, name, vlan, mac, |worker, of| worker.switch().flush(of))
    }

    /// Forget multicast groups and routers, by the same choice; returns how many rows. Until a querier asks again, groups of
    /// these VLANs are flooded.
    #[pyo3(signature = (name = None, *, vlan = None, mac = None))]
    fn flush_groups(
        &self,
        py: Python<'_>,
        name: Option<String>,
        vlan: Option<u16>,
        mac: Option<&str>,
    ) -> PyResult<usize> {
        self.flush_by(py, name, vlan, mac, |worker, of| worker.switch().flush_groups(of))
    }

    /// How many addresses are in the forwarding database.
    fn fdb_size(&self, py: Python<'_>) -> PyResult<usize> {
        self.run(py, |worker| worker.switch().fdb().len())
    }

    /// Note what happens to learned addresses, at most `capacity` changes between two [`Switch::take_addresses`]; 0: no longer.
    fn watch_addresses(&self, py: Python<'_>, capacity: usize) -> PyResult<()> {
        self.run(py, move |worker| worker.switch().watch_addresses(capacity))
    }

    /// What happened to learned addresses since the last call: (`learned`, `moved` or `aged`, address, VLAN, port, port where it
    /// was before), and how many changes were lost.
    fn take_addresses(&self, py: Python<'_>) -> PyResult<(Vec<AddressRow>, u64)> {
        self.run(py, |worker| {
            let (changes, lost) = worker.switch().take_address_changes();
            let switch = worker.switch();
            let name = |id| switch.port(id).map_or_else(String::new, |port| port.name.clone());
            let row = |change: AddressChange| {
                let from = match change.event {
                    AddressEvent::Moved(from) => Some(name(from)),
                    AddressEvent::Learned | AddressEvent::Aged => None,
                };
                (change.event.name(), change.mac.to_string(), change.vlan, name(change.port), from)
            };
            (changes.into_iter().map(row).collect(), lost)
        })
    }

    /// Feed a complete `frame` to the switch as though it had come in at the port `name`.
    fn inject(&self, py: Python<'_>, name: String, frame: Vec<u8>) -> PyResult<()> {
        self.run(py, move |worker| {
            let id = find(worker, &name)?;
            worker.inject(id, &frame);
            Ok(())
        })?
    }

    /// Send a complete `frame` to the peer of the port `name`, whatever the port's state and policy are.
    fn send(&self, py: Python<'_>, name: String, frame: Vec<u8>) -> PyResult<()> {
        self.run(py, move |worker| {
            let id = find(worker, &name)?;
            worker.send(id, &frame);
            Ok(())
        })?
    }
}

/// What happened, address, VLAN, port, port before.
type AddressRow = (&'static str, String, u16, String, Option<String>);

impl Switch {
    fn flush_by(
        &self,
        py: Python<'_>,
        name: Option<String>,
        vlan: Option<u16>,
        mac: Option<&str>,
        flush: fn(&mut Worker, Selection) -> usize,
    ) -> PyResult<usize> {
        let mac = mac.map(mac_of).transpose()?;
        self.run(py, move |worker| {
            let port = name.map(|name| find(worker, &name)).transpose()?;
            Ok(flush(worker, Selection { port, vlan, mac }))
        })?
    }
}

fn find(worker: &Worker, name: &str) -> PyResult<PortId> {
    worker.find(name).ok_or_else(|| PyKeyError::new_err(name.to_owned()))
}

fn mac_of(text: &str) -> PyResult<Mac> {
    Mac::parse(text).ok_or_else(|| PyValueError::new_err(format!("not a MAC address: {text}")))
}
