//! `VPageTable` for Python.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use machine::vpagetable::{Access, Fault, Format, Trap, VPageTable as Region};
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

pyo3::create_exception!(_native, MemoryFault, PyException, "An access that a region did not allow.");
pyo3::create_exception!(_native, PageFault, MemoryFault, "The page table does not allow the access.");
pyo3::create_exception!(_native, AccessFault, MemoryFault, "The access leads out of the backing store.");

const FORMATS: [(&str, Format); 6] = [
    ("bare", Format::Bare),
    ("sv39", Format::Sv39),
    ("sv48", Format::Sv48),
    ("vpte2006", Format::Vpte2006),
    ("vpte32", Format::Vpte32),
    ("vpte64", Format::Vpte64),
];
const ACCESSES: [(&str, Access); 3] = [("fetch", Access::Fetch), ("load", Access::Load), ("store", Access::Store)];

/// A region of memory that is governed by a page table inside its own backing store.
///
/// :param size: bytes of backing store, a multiple of 4096; host memory is taken page by page as it is touched.
/// :param format: form of the entries: ``vpte2006``, ``vpte32``, ``vpte64``, ``sv39``, ``sv48`` or ``bare``.
/// :param span: length of the region in bytes, rounded up to pages. Default: as long as the backing store (VPTE formats),
///     the whole address space (the others).
/// :param user: accesses are those of users, whom only entries with the user bit serve.
/// :raises ValueError: for a size or format that is none.
/// :raises OSError: when the host cannot reserve that much.
#[pyclass(frozen, module = "vkd._native")]
pub struct VPageTable {
    region: Mutex<Region>,
    user: bool,
}

#[pymethods]
impl VPageTable {
    #[new]
    #[pyo3(signature = (size, *, format = "vpte64", span = None, user = false))]
    fn new(size: u64, format: &str, span: Option<u64>, user: bool) -> PyResult<Self> {
        let region = Region::new(size, named(format, &FORMATS, "format")?).map_err(os_error)?;
        Ok(Self::with(region, span, user))
    }

    /// Another region over the same backing store, with page directories and remembered look-ups of its own.
    ///
    /// :param format: form of its entries; default: the same.
    /// :param span: its length in bytes; default: the same, or that of the other format.
    /// :param user: whether its accesses are those of users; default: the same.
    /// :raises ValueError: for a format that is none.
    /// :raises OSError: when the host has no memory for another.
    #[pyo3(signature = (*, format = None, span = None, user = None))]
    fn attach(&self, format: Option<&str>, span: Option<u64>, user: Option<bool>) -> PyResult<Self> {
        let region = self.lock();
        let same = format.is_none();
        let format = format.map_or(Ok(region.format()), |name| named(name, &FORMATS, "format"))?;
        let span = span.or(if same { region.span() } else { None });
        let another = Region::over(Arc::clone(region.backing()), format).map_err(os_error)?;
        Ok(Self::with(another, span, user.unwrap_or(self.user)))
    }

    /// Bytes of backing store.
    #[getter]
    fn size(&self) -> u64 {
        self.lock().backing().size()
    }

    /// Length of the region in bytes; None is the whole address space of the format.
    #[getter]
    fn span(&self) -> Option<u64> {
        self.lock().span()
    }

    /// Form of the entries.
    #[getter]
    fn format(&self) -> &'static str {
        name(self.lock().format(), &FORMATS)
    }

    /// Bytes of an entry: 4 or 8.
    #[getter]
    fn entry_size(&self) -> u64 {
        self.lock().format().entry_size()
    }

    /// Bytes of host memory that the backing store takes.
    #[getter]
    fn resident(&self) -> u64 {
        self.lock().resident()
    }

    /// The page directory of the address space that is switched to, as set_directory() took it; at first 0.
    #[getter]
    fn directory(&self) -> u64 {
        self.lock().directory()
    }

    /// The address space that is switched to.
    #[getter]
    fn space(&self) -> u16 {
        self.lock().space()
    }

    /// Set the page directory of the address space that is switched to, and invalidate all (MADV_SETMAP).
    ///
    /// :param entry: VPTE formats: a master entry, that is the offset of the top-level table with the bits of an entry, or
    ///     with VPTE_PS that of a linear mapping; sv39, sv48: the offset of the root table.
    /// :raises ValueError: when it is more than an entry can hold, or no multiple of 4096.
    fn set_directory(&self, entry: u64) -> PyResult<()> {
        self.lock().set_directory(entry).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Let accesses be those of address space `space` (0..65535). Each has its own page directory. Invalidates nothing.
    fn switch(&self, space: u16) {
        self.lock().switch(space);
    }

    /// Forget what was looked up (MADV_INVAL): at `length` bytes from `address` on, or everywhere; in one address space, or
    /// in all. Global pages belong to no space: only an invalidation of all spaces covers them.
    #[pyo3(signature = (address = None, length = 1, *, space = None))]
    fn invalidate(&self, address: Option<u64>, length: u64, space: Option<u16>) {
        let range = address.map(|start| start..start.saturating_add(length));
        self.lock().invalidate(range, space);
    }

    /// Limit what the region may be accessed for, whatever its table says (mprotect(2)).
    #[pyo3(signature = (*, fetch, load, store))]
    fn protect(&self, fetch: bool, load: bool, store: bool) {
        self.lock().protect([fetch, load, store]);
    }

    /// The offset in the backing store that `address` leads to for ``fetch``, ``load`` or ``store``. Marks entries as the
    /// access would.
    ///
    /// :raises PageFault: when the table does not allow it.
    /// :raises AccessFault: when an entry, or what it maps, lies outside the backing store.
    #[pyo3(signature = (address, access = "load"))]
    fn translate(&self, py: Python<'_>, address: u64, access: &str) -> PyResult<u64> {
        let access = named(access, &ACCESSES, "access")?;
        self.lock().translate(address, access).map_err(|trap| fault(py, trap))
    }

    /// Load an unsigned little-endian number of `size` (1, 2, 4 or 8) bytes. Raises like translate().
    #[pyo3(signature = (address, size = 8))]
    fn load(&self, py: Python<'_>, address: u64, size: u8) -> PyResult<u64> {
        self.get(py, address, size, Access::Load)
    }

    /// Load as execution does, from executable pages. Raises like translate().
    #[pyo3(signature = (address, size = 4))]
    fn fetch(&self, py: Python<'_>, address: u64, size: u8) -> PyResult<u64> {
        self.get(py, address, size, Access::Fetch)
    }

    /// Store an unsigned little-endian number of `size` (1, 2, 4 or 8) bytes, whole or not at all. Raises like
    /// translate().
    #[pyo3(signature = (address, value, size = 8))]
    fn store(&self, py: Python<'_>, address: u64, value: u64, size: u8) -> PyResult<()> {
        check_value(value, size)?;
        self.lock().store(address, size, value).map_err(|trap| fault(py, trap))
    }

    /// Read `length` bytes from `address` on. Raises like translate().
    fn read<'py>(&self, py: Python<'py>, address: u64, length: usize) -> PyResult<Bound<'py, PyBytes>> {
        PyBytes::new_with(py, length, |bytes| self.lock().read(address, bytes).map_err(|trap| fault(py, trap)))
    }

    /// Write `data` from `address` on. Raises like translate(); what lies before the fault's address has been written.
    fn write(&self, py: Python<'_>, address: u64, data: &[u8]) -> PyResult<()> {
        self.lock().write(address, data).map_err(|trap| fault(py, trap))
    }

    /// Read the backing store itself. ValueError outside it.
    fn read_physical<'py>(&self, py: Python<'py>, offset: u64, length: usize) -> PyResult<Bound<'py, PyBytes>> {
        // Nothing is allocated for a length that cannot be had.
        self.inside(offset, length)?;
        PyBytes::new_with(py, length, |bytes| self.lock().backing().read(offset, bytes).map_err(os_error))
    }

    /// Write the backing store itself. ValueError outside it.
    fn write_physical(&self, offset: u64, data: &[u8]) -> PyResult<()> {
        self.inside(offset, data.len())?;
        self.lock().backing().write(offset, data).map_err(os_error)
    }

    /// Load an unsigned little-endian number from the backing store itself. ValueError outside it.
    #[pyo3(signature = (offset, size = 8))]
    fn load_physical(&self, offset: u64, size: u8) -> PyResult<u64> {
        check_size(size)?;
        self.inside(offset, size.into())?;
        let mut bytes = [0; 8];
        self.lock().backing().read(offset, &mut bytes[..usize::from(size)]).map_err(os_error)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Store an unsigned little-endian number to the backing store itself. ValueError outside it.
    #[pyo3(signature = (offset, value, size = 8))]
    fn store_physical(&self, offset: u64, value: u64, size: u8) -> PyResult<()> {
        check_value(value, size)?;
        self.write_physical(offset, &value.to_le_bytes()[..usize::from(size)])
    }

    fn __repr__(&self) -> String {
        let region = self.lock();
        let (size, format) = (region.backing().size(), name(region.format(), &FORMATS));
        format!("VPageTable({size}, format={format:?}) with directory {:#x}", region.directory())
    }
}

impl VPageTable {
    fn with(mut region: Region, span: Option<u64>, user: bool) -> Self {
        if let Some(span) = span {
            region = region.with_span(span);
        }
        if user {
            region = region.with_user();
        }
        Self { region: Mutex::new(region), user }
    }

    fn lock(&self) -> MutexGuard<'_, Region> {
        self.region.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, py: Python<'_>, address: u64, size: u8, access: Access) -> PyResult<u64> {
        check_size(size)?;
        self.lock().load(address, size, access).map_err(|trap| fault(py, trap))
    }

    fn inside(&self, offset: u64, length: usize) -> PyResult<()> {
        let size = self.lock().backing().size();
        if offset.checked_add(length as u64).is_some_and(|end| end <= size) {
            return Ok(());
        }
        Err(PyValueError::new_err(format!(
            "{length} bytes at {offset:#x} do not lie in the {size} bytes of backing store"
        )))
    }
}

fn check_size(size: u8) -> PyResult<()> {
    if matches!(size, 1 | 2 | 4 | 8) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("size {size} is not 1, 2, 4 or 8")))
}

fn check_value(value: u64, size: u8) -> PyResult<()> {
    check_size(size)?;
    if size < 8 && value >> (8 * size) != 0 {
        return Err(PyValueError::new_err(format!("value {value:#x} does not fit into {size} bytes")));
    }
    Ok(())
}

fn named<T: Copy>(name: &str, table: &[(&'static str, T)], what: &str) -> PyResult<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = table.iter().map(|(known, _)| *known).collect();
        PyValueError::new_err(format!("{what} {name:?} is not one of {}", known.join(", ")))
    })
}

fn name<T: PartialEq>(value: T, table: &[(&'static str, T)]) -> &'static str {
    table.iter().find(|(_, known)| *known == value).map_or("?", |(name, _)| name)
}

fn os_error(error: std::io::Error) -> PyErr {
    if error.kind() == std::io::ErrorKind::InvalidInput {
        return PyValueError::new_err(error.to_string());
    }
    PyOSError::new_err(error.to_string())
}

fn fault(py: Python<'_>, trap: Trap) -> PyErr {
    let error = match trap.fault {
        Fault::Page => PageFault::new_err(trap.to_string()),
        Fault::Access => AccessFault::new_err(trap.to_string()),
    };
    let value = error.value(py);
    let set = value.setattr("address", trap.address);
    match set.and_then(|()| value.setattr("access", name(trap.access, &ACCESSES))) {
        Ok(()) => error,
        Err(other) => other,
    }
}
