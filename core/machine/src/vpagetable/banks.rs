//! Which bank serves which view.
//!
//! Address spaces and kinds of privilege have banks of their own, so that to switch is to choose another bank. There is a
//! fixed number of banks; the one that was not selected for longest is cleared and given away. So it is when the host has no
//! memory or no mapping for another bank: room for as many as there have to be is made at the beginning.
//!
//! Global pages of the supervisor are the same in all address spaces, and as a rule all that a kernel uses. They have one
//! bank, which no address space owns. A space in which the supervisor has pages that are not global gets a bank of its
//! own for that kind of privilege, too, and uses it until those pages are flushed.

use std::io;

use super::bank::{Bank, Room};
use super::{Access, Format, View};

/// How many banks there are at most.
const BANKS: usize = 24;
/// How many can be selected or kept at hand at once.
const SELECTED: usize = 4;
/// How many there have to be: one that can be given away, and those that cannot.
const LEAST: usize = SELECTED + 1;
/// Places of the memory of which view had which bank.
const MEMO: usize = 32;
const NO_MEMO: [(Key, usize); MEMO] = [(Key::NONE, 0); MEMO];
/// Host memory that the banks of a TLB take at most, bytes.
const LIMIT: usize = 19 << 20;

const _: () = assert!(BANKS * Bank::SIZE <= LIMIT);

const USER: u32 = 1;
const SUM: u32 = 2;
const MXR: u32 = 4;
/// Only global pages, of any address space.
const SHARED: u32 = 8;

/// What is told apart. Views that differ in nothing else mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    root: u64,
    /// ASID, format and kind of privilege, of 16, 8 and 8 bits.
    rest: u32,
}

impl Key {
    /// The key of no view.
    const NONE: Self = Self { root: 0, rest: u32::MAX };

    /// The key of `view` for `access`: fetches know neither SUM nor MXR, users not SUM.
    #[inline]
    pub fn of(view: &View, access: Access) -> Self {
        let data = access != Access::Fetch;
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        let kind = bit(view.user, USER) | bit(view.sum && data && !view.user, SUM) | bit(view.mxr && data, MXR);
        Self { root: view.root, rest: u32::from(view.asid) << 16 | (view.format as u32) << 8 | kind }
    }

    /// The key of the bank of global pages that all address spaces share, if there is one for this kind of privilege.
    fn shared(self) -> Option<Self> {
        let may = self.rest >> 8 & 0xff != Format::Bare as u32 && self.rest & (USER | SUM) == 0;
        may.then_some(Self { root: 0, rest: self.rest & 0xffff | SHARED })
    }

    fn is_shared(self) -> bool {
        self.rest & SHARED != 0
    }

    fn is_of(self, asid: u16) -> bool {
        self.rest >> 16 == u32::from(asid) && !self.is_shared()
    }

    /// The same address space with the kind of privilege changed in `bits`.
    fn with(self, bits: u32) -> Self {
        Self { rest: self.rest ^ bits, ..self }
    }

    fn place(self) -> usize {
        (self.rest ^ self.rest >> 14 ^ (self.root >> 12) as u32) as usize % MEMO
    }
}

/// A bank, and what it is for.
pub(super) struct Owned {
    pub bank: Bank,
    /// [`Key::NONE`]: for nothing, and empty.
    key: Key,
    /// When it was last selected.
    pub used: u64,
}

/// The banks of a TLB.
pub(super) struct Banks {
    pub banks: Vec<Owned>,
    /// For those that there have to be and are not yet.
    rooms: Vec<Room>,
    /// Banks that were found of late. Emptied whenever a bank changes hands.
    memo: [(Key, usize); MEMO],
    /// Numbers of the banks that are selected, and of those that are kept at hand; they are not given away.
    selected: [usize; SELECTED],
    clock: u64,
}

impl Banks {
    /// # Errors
    /// The host's, when it has no room for the banks that there have to be.
    pub fn new() -> io::Result<Self> {
        let rooms = (0..LEAST).map(|_| Room::new()).collect::<io::Result<_>>()?;
        let banks = Vec::with_capacity(BANKS);
        Ok(Self { banks, rooms, memo: NO_MEMO, selected: [usize::MAX; SELECTED], clock: 0 })
    }

    /// The bank that serves `key`.
    #[inline]
    pub fn find(&mut self, key: Key) -> usize {
        self.known(key).unwrap_or_else(|| self.search(key))
    }

    /// The bank that serves `key`, if that is remembered.
    #[inline]
    fn known(&self, key: Key) -> Option<usize> {
        let (known, number) = self.memo[key.place()];
        (known == key).then_some(number)
    }

    /// A bank for `key` alone if bank `number`, which serves it, is shared.
    #[inline]
    pub fn unshare(&mut self, number: usize, key: Key) -> usize {
        if self.banks[number].key.is_shared() {
            self.give(key)
        } else {
            number
        }
    }

    /// Enter into bank `number`, which serves `key`, what a sibling in the same address space knows of `va`: with SUM the
    /// supervisor has what it has without, and what the user has. Returns where the page lies.
    pub fn take_over(&mut self, number: usize, key: Key, va: u64, access: Access) -> Option<u64> {
        if key.rest & SUM == 0 {
            return None;
        }
        let siblings = [self.known(key.with(SUM)), self.known(key.with(SUM | USER))];
        let find = |sibling: usize| self.banks[sibling].bank.find(va, access);
        let (host, origin) = siblings.into_iter().flatten().find_map(find)?;
        self.banks[number].bank.insert(va, access, host, origin);
        Some(host)
    }

    /// Select bank `number` for fetches (`which` 0) or data (1).
    #[inline]
    pub fn select(&mut self, number: usize, which: usize) -> &Bank {
        self.clock += 1;
        self.selected[which] = number;
        let owned = &mut self.banks[number];
        owned.used = self.clock;
        &owned.bank
    }

    /// Keep bank `number` at hand as `which` of two.
    #[inline]
    pub fn keep(&mut self, number: usize, which: usize) {
        self.selected[2 + which] = number;
    }

    /// The bank that is selected for fetches.
    pub fn fetch(&mut self) -> &mut Bank {
        &mut self.banks[self.selected[0]].bank
    }

    pub fn bank(&mut self, number: usize) -> &mut Bank {
        &mut self.banks[number].bank
    }

    /// All banks of one address space that may hold pages that are not global, or of all.
    pub fn of_space(&mut self, asid: Option<u16>) -> impl Iterator<Item = &mut Bank> {
        let covered = move |key: Key| key != Key::NONE && asid.is_none_or(|asid| key.is_of(asid));
        self.banks.iter_mut().filter(move |owned| covered(owned.key)).map(|owned| &mut owned.bank)
    }

    /// Take back the banks that address space `asid` (or all) got although there is a shared one.
    pub fn reclaim(&mut self, asid: Option<u16>) {
        for owned in &mut self.banks {
            let own = owned.key.shared().is_some() && !owned.key.is_shared();
            if own && asid.is_none_or(|asid| owned.key.is_of(asid)) {
                owned.bank.clear();
                owned.key = Key::NONE;
                self.memo = NO_MEMO;
            }
        }
    }

    #[cold]
    fn search(&mut self, key: Key) -> usize {
        let shared = key.shared();
        let number = self.position(key).or_else(|| shared.and_then(|shared| self.position(shared)));
        let number = number.unwrap_or_else(|| self.give(shared.unwrap_or(key)));
        self.memo[key.place()] = (key, number);
        number
    }

    fn position(&self, key: Key) -> Option<usize> {
        self.banks.iter().position(|owned| owned.key == key)
    }

    /// An empty bank for `key`.
    fn give(&mut self, key: Key) -> usize {
        self.memo = NO_MEMO;
        let number = self.position(Key::NONE).unwrap_or_else(|| self.take());
        self.banks[number].key = key;
        number
    }

    /// A bank that is for nothing: a new one, or that which was not selected for longest.
    fn take(&mut self) -> usize {
        if let Some(room) = self.room() {
            self.banks.push(Owned { bank: Bank::new(room), key: Key::NONE, used: 0 });
            return self.banks.len() - 1;
        }
        let oldest =
            (0..self.banks.len()).filter(|number| !self.selected.contains(number)).min_by_key(|n| self.banks[*n].used);
        let number = oldest.expect("there are more banks than are selected");
        self.banks[number].bank.clear();
        number
    }

    /// Room for another bank, if there may be one and the host has it.
    fn room(&mut self) -> Option<Room> {
        self.rooms.pop().or_else(|| if self.banks.len() < BANKS { Room::new().ok() } else { None })
    }
}
