//! `vkd._native.Machine`: the handle of one machine.

use std::path::PathBuf;
use std::time::Duration;

use ::machine::machine::{Disk, Error, Firmware, Machine as Board, MachineConfig, Nic};
use ::machine::power::Exit;
use ::machine::sampler::Wish;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::profile;

/// A machine with its memory loaded, at rest until `start()`. Forgetting it stops it.
#[pyclass(frozen, module = "vkd._native")]
pub struct Machine {
    /// `None` only while the object is being dropped.
    board: Option<Board>,
}

fn raise(error: Error) -> PyErr {
    match &error {
        Error::Host(_) => PyOSError::new_err(error.to_string()),
        Error::Load(load) if load.os_error().is_some() => PyOSError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

fn seconds(value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|error| PyValueError::new_err(format!("timeout {value}: {error}")))
}

fn nic((socket, mac): (PathBuf, Vec<u8>)) -> PyResult<Nic> {
    let mac = mac
        .try_into()
        .map_err(|mac: Vec<u8>| PyValueError::new_err(format!("an address has 6 bytes, not {}", mac.len())))?;
    Ok(Nic { socket, mac })
}

impl Machine {
    fn board(&self) -> &Board {
        self.board.as_ref().expect("only drop takes it")
    }
}

#[pymethods]
impl Machine {
    /// `memory` is in bytes; `firmware` is "builtin", "none" or a file; `disks` are (path, read_only) and `nics` (socket of a
    /// switch port, 6-byte address). Without `translate` everything is interpreted; without `windows` translated
    /// code looks up where memory lies. ValueError or OSError with what is wrong.
    #[new]
    #[pyo3(signature = (*, memory, harts = 1, kernel = None, initrd = Vec::new(), cmdline = "",
                        firmware = PathBuf::from("builtin"), disks = Vec::new(), nics = Vec::new(), translate = true,
                        windows = true))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        memory: u64,
        harts: usize,
        kernel: Option<PathBuf>,
        initrd: Vec<PathBuf>,
        cmdline: &str,
        firmware: PathBuf,
        disks: Vec<(PathBuf, bool)>,
        nics: Vec<(PathBuf, Vec<u8>)>,
        translate: bool,
        windows: bool,
    ) -> PyResult<Self> {
        let cmdline = cmdline.to_owned();
        let firmware = match firmware.to_str() {
            Some("builtin") => Firmware::BuiltIn,
            Some("none") => Firmware::None,
            _ => Firmware::Image(firmware),
        };
        let disks = disks.into_iter().map(|(path, read_only)| Disk { path, read_only }).collect();
        let nics = nics.into_iter().map(nic).collect::<PyResult<_>>()?;
        let config = MachineConfig {
            ram_size: memory,
            harts,
            firmware,
            kernel,
            initrd,
            cmdline,
            disks,
            nics,
            translate,
            windows,
        };
        let board = py.detach(|| Board::new(&config)).map_err(raise)?;
        Ok(Self { board: Some(board) })
    }

    /// Set the harts going. ValueError when it was started before.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.board().start()).map_err(raise)
    }

    /// Wait for the end, at most `timeout` seconds: (kind, code, text), kind being "poweroff", "reboot", "failure", "halted",
    /// "stopped" or "fault".
    fn wait(&self, py: Python<'_>, timeout: f64) -> PyResult<Option<(&'static str, u32, String)>> {
        let timeout = seconds(timeout)?;
        let exit = py.detach(|| self.board().wait(timeout));
        Ok(exit.map(|exit| match exit {
            Exit::PowerOff => ("poweroff", 0, String::new()),
            Exit::Reboot => ("reboot", 0, String::new()),
            Exit::Failure(code) => ("failure", code, String::new()),
            Exit::Halted => ("halted", 0, String::new()),
            Exit::Stopped => ("stopped", 0, String::new()),
            Exit::Fault(text) => ("fault", 0, text),
        }))
    }

    /// End the machine, unless it has ended, and wait for its harts.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.board().stop());
    }

    /// What the guest wrote to its console; waits for something at most `timeout` seconds.
    fn console_read<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Bound<'py, PyBytes>> {
        let timeout = seconds(timeout)?;
        let bytes = py.detach(|| self.board().console_read(timeout));
        Ok(PyBytes::new(py, &bytes))
    }

    /// Give console input; returns how many bytes were taken.
    fn console_write(&self, py: Python<'_>, data: &[u8]) -> usize {
        py.detach(|| self.board().console_write(data))
    }

    /// Sample what the harts execute, `hz` (1 to 10000) times a second, until `profile_stop()`; what was recorded before is
    /// forgotten. `task_name` is the offset of a task's name in Linux's `task_struct`, where samples are to have that name.
    /// ValueError for another rate.
    #[pyo3(signature = (hz = 997, *, task_name = None))]
    fn profile_start(&self, py: Python<'_>, hz: u32, task_name: Option<u64>) -> PyResult<()> {
        py.detach(|| self.board().profile_start(hz, Wish { task_name })).map_err(raise)
    }

    /// End what `profile_start()` began; the samples can still be read.
    fn profile_stop(&self, py: Python<'_>) {
        py.detach(|| self.board().profile_stop());
    }

    /// Take at most `limit` samples of each hart: "samples", a list of (hart, seconds of the machine's clock, privilege as in
    /// mstatus.MPP, satp, pc, ra or None, return addresses by the frame pointer, name of the task or None); and, counted for
    /// each hart since the start, "lost" ones and those that found it "idle".
    #[pyo3(signature = (limit = 1024))]
    fn profile_read<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Bound<'py, PyDict>> {
        let records = py.detach(|| self.board().profile_read(limit));
        profile::to_python(py, records)
    }

    /// Counters: "instructions" of each hart, "harts" with what else each counted, "console_dropped" bytes, "disks", "nics".
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.board().stats();
        let dict = PyDict::new(py);
        dict.set_item("instructions", stats.instructions)?;
        let harts = PyList::empty(py);
        for counters in stats.harts {
            let row = PyDict::new(py);
            counters.into_iter().try_for_each(|(name, count)| row.set_item(name, count))?;
            harts.append(row)?;
        }
        dict.set_item("harts", harts)?;
        dict.set_item("console_dropped", stats.console_dropped)?;
        let disks = PyList::empty(py);
        for disk in stats.disks {
            let row = PyDict::new(py);
            row.set_item("reads", disk.reads)?;
            row.set_item("read_bytes", disk.read_bytes)?;
            row.set_item("writes", disk.writes)?;
            row.set_item("written_bytes", disk.written_bytes)?;
            row.set_item("flushes", disk.flushes)?;
            row.set_item("errors", disk.errors)?;
            disks.append(row)?;
        }
        dict.set_item("disks", disks)?;
        let nics = PyList::empty(py);
        for nic in stats.nics {
            let row = PyDict::new(py);
            row.set_item("connected", nic.connected)?;
            row.set_item("driver_ok", nic.driver_ok)?;
            row.set_item("rx_packets", nic.rx_packets)?;
            row.set_item("rx_bytes", nic.rx_bytes)?;
            row.set_item("tx_packets", nic.tx_packets)?;
            row.set_item("tx_bytes", nic.tx_bytes)?;
            row.set_item("dropped", nic.dropped)?;
            row.set_item("dropped_link_down", nic.dropped_link_down)?;
            row.set_item("dropped_driver_down", nic.dropped_driver_down)?;
            row.set_item("dropped_unsupported", nic.dropped_unsupported)?;
            row.set_item("dropped_malformed", nic.dropped_malformed)?;
            nics.append(row)?;
        }
        dict.set_item("nics", nics)?;
        Ok(dict)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let board = self.board.take();
        // Joins threads and flushes disks: not under the GIL.
        Python::attach(|py| py.detach(|| drop(board)));
    }
}
