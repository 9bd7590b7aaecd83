//! `vkd._native.Policy`: what may pass a port.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::collections::HashMap;
use switch::{Limits, Multicast, Rate, Reserved, RouterPort, VlanMode, MAX_VID};

/// What may pass a port. Two are equal if they say the same.
#[pyclass(frozen, eq, module = "vkd._native")]
#[derive(Clone, PartialEq)]
pub struct Policy(pub switch::Policy);

#[pymethods]
impl Policy {
    /// With `access`, a port of that one VLAN; with `trunk`, (native VLAN or None, VLANs that are allowed with tags). `limits`
    /// are of `ingress` and `egress` (bytes), `broadcast`, `multicast` and `unknown` (frames): (per second, at once). `reserved`
    /// is `forward`, `peer` or `drop`, `router` is `auto`, `always` or `never`. ValueError for what cannot be.
    #[new]
    #[pyo3(signature = (*, access = None, trunk = None, reserved = "forward", isolated = false, mac_limit = None,
                        limits = None, router = "auto", fast_leave = false))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn new(
        access: Option<u16>,
        trunk: Option<(Option<u16>, Vec<u16>)>,
        reserved: &str,
        isolated: bool,
        mac_limit: Option<u32>,
        limits: Option<HashMap<String, (u64, u64)>>,
        router: &str,
        fast_leave: bool,
    ) -> PyResult<Policy> {
        let vlan = match (access, trunk) {
            (None, None) => VlanMode::Transparent,
            (Some(vid), None) => VlanMode::Access(check(vid)?),
            (None, Some((native, allowed))) => VlanMode::Trunk {
                native: native.map(check).transpose()?,
                allowed: allowed.into_iter().map(check).collect::<PyResult<Vec<_>>>()?.into_iter().collect(),
            },
            _ => return Err(PyValueError::new_err("a port is either access or trunk")),
        };
        let reserved = match reserved {
            "forward" => Reserved::Forward,
            "peer" => Reserved::Peer,
            "drop" => Reserved::Drop,
            _ => return Err(PyValueError::new_err(format!("neither forward, peer nor drop: {reserved}"))),
        };
        let router = match router {
            "auto" => RouterPort::Auto,
            "always" => RouterPort::Always,
            "never" => RouterPort::Never,
            _ => return Err(PyValueError::new_err(format!("neither auto, always nor never: {router}"))),
        };
        let limits = limits_of(limits.unwrap_or_default())?;
        let multicast = Multicast { router, fast_leave };
        Ok(Policy(switch::Policy { vlan, reserved, probes: false, isolated, mac_limit, limits, multicast }))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

fn check(vid: u16) -> PyResult<u16> {
    match vid {
        1..=MAX_VID => Ok(vid),
        _ => Err(PyValueError::new_err(format!("not a VLAN: {vid}"))),
    }
}

fn limits_of(given: HashMap<String, (u64, u64)>) -> PyResult<Limits> {
    let mut limits = Limits::default();
    for (name, (per_second, burst)) in given {
        let limit = match name.as_str() {
            "ingress" => &mut limits.ingress,
            "egress" => &mut limits.egress,
            "broadcast" => &mut limits.broadcast,
            "multicast" => &mut limits.multicast,
            "unknown" => &mut limits.unknown,
            _ => return Err(PyValueError::new_err(format!("nothing to limit: {name}"))),
        };
        *limit = Some(Rate { per_second, burst });
    }
    Ok(limits)
}
