//! Which bank serves which view.
//!
//! Address spaces and kinds of privilege have banks of their own, so that to switch is to choose another bank. There is a
//! fixed number of banks; the one that was not selected for longest is cleared and given away.
//!
//! Global pages of the supervisor are the same in all address spaces, and as a rule all that a kernel uses. They have one
//! bank, which no address space owns. A space in which the supervisor has pages that are not global gets a bank of its
//! own for that kind of privilege, too, and uses it until those pages are flushed.

use super::bank::Bank;
use super::{Access, Format, View};

/// How many banks there are at most.
const BANKS: usize = 16;
/// Places of the memory of which view had which bank.
const MEMO: usize = 32;
/// Host memory that the banks of a TLB take at most, bytes.
const LIMIT: usize = 4 << 20;

const _: () = assert!(BANKS * Bank::SIZE <= LIMIT);

const USER: u8 = 1;
const SUM: u8 = 2;
const MXR: u8 = 4;
/// Only global pages, of any address space.
const SHARED: u8 = 8;

/// What is told apart. Views that differ in nothing else mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    root: u64,
    asid: u16,
    format: Format,
    kind: u8,
}

impl Key {
    /// The key of `view` for `access`: fetches know neither SUM nor MXR, users not SUM.
    pub fn of(view: &View, access: Access) -> Self {
        let data = access != Access::Fetch;
        let kind = if view.user { USER } else { 0 }
            | if view.sum && data && !view.user { SUM } else { 0 }
            | if view.mxr && data { MXR } else { 0 };
        Self { root: view.root, asid: view.asid, format: view.format, kind }
    }

    /// The key of the bank of global pages that all address spaces share, if there is one for this kind of privilege.
    fn shared(self) -> Option<Self> {
        let may = self.format != Format::Bare && self.kind & (USER | SUM) == 0;
        may.then_some(Self { root: 0, asid: 0, kind: self.kind | SHARED, ..self })
    }

    fn is_shared(self) -> bool {
        self.kind & SHARED != 0
    }

    fn place(self) -> usize {
        (usize::from(self.kind) | usize::from(self.asid) << 2 ^ (self.root >> 12) as usize) % MEMO
    }
}

/// A bank, and what it is for.
struct Owned {
    bank: Bank,
    /// `None`: for nothing, and empty.
    key: Option<Key>,
    /// When it was last selected.
    used: u64,
}

/// The banks of a TLB.
pub(super) struct Banks {
    banks: Vec<Owned>,
    /// Banks that were found of late. Emptied whenever a bank changes hands.
    memo: [Option<(Key, usize)>; MEMO],
    /// Numbers of the banks that are selected; they are not given away.
    selected: [usize; 2],
    clock: u64,
}

impl Banks {
    pub fn new() -> Self {
        Self { banks: Vec::with_capacity(BANKS), memo: [None; MEMO], selected: [usize::MAX; 2], clock: 0 }
    }

    /// The bank that serves `key`.
    #[inline]
    pub fn find(&mut self, key: Key) -> usize {
        self.known(key).unwrap_or_else(|| self.search(key))
    }

    /// The bank that serves `key`, if that is remembered.
    #[inline]
    fn known(&self, key: Key) -> Option<usize> {
        self.memo[key.place()].filter(|(known, _)| *known == key).map(|(_, number)| number)
    }

    /// The bank that serves `key`, for what is not global.
    pub fn find_local(&mut self, key: Key) -> usize {
        let number = self.find(key);
        if self.banks[number].key.is_some_and(Key::is_shared) {
            return self.give(key);
        }
        number
    }

    /// Enter into bank `number`, which serves `key`, what a sibling in the same address space knows of `va`: with SUM the
    /// supervisor has what it has without, and what the user has. Returns where the page lies.
    pub fn take_over(&mut self, number: usize, key: Key, va: u64, access: Access) -> Option<u64> {
        if key.kind & SUM == 0 {
            return None;
        }
        let siblings = [key.kind & !SUM, key.kind & !SUM | USER].map(|kind| self.known(Key { kind, ..key }));
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

    /// The bank that is selected for fetches.
    pub fn fetch(&mut self) -> &mut Bank {
        &mut self.banks[self.selected[0]].bank
    }

    pub fn bank(&mut self, number: usize) -> &mut Bank {
        &mut self.banks[number].bank
    }

    /// All banks of one address space that may hold pages that are not global, or of all.
    pub fn of_space(&mut self, asid: Option<u16>) -> impl Iterator<Item = &mut Bank> {
        let covered = move |key: Key| asid.is_none_or(|asid| asid == key.asid && !key.is_shared());
        self.banks.iter_mut().filter(move |owned| owned.key.is_some_and(covered)).map(|owned| &mut owned.bank)
    }

    /// Take back the banks that address space `asid` (or all) got although there is a shared one.
    pub fn reclaim(&mut self, asid: Option<u16>) {
        for owned in &mut self.banks {
            let own = |key: Key| key.shared().is_some() && !key.is_shared() && asid.is_none_or(|asid| asid == key.asid);
            if owned.key.is_some_and(own) {
                owned.bank.clear();
                owned.key = None;
                self.memo = [None; MEMO];
            }
        }
    }

    #[cold]
    fn search(&mut self, key: Key) -> usize {
        let shared = key.shared();
        let number = self.position(Some(key)).or_else(|| shared.and_then(|shared| self.position(Some(shared))));
        let number = number.unwrap_or_else(|| self.give(shared.unwrap_or(key)));
        self.memo[key.place()] = Some((key, number));
        number
    }

    fn position(&self, key: Option<Key>) -> Option<usize> {
        self.banks.iter().position(|owned| owned.key == key)
    }

    /// An empty bank for `key`.
    fn give(&mut self, key: Key) -> usize {
        self.memo = [None; MEMO];
        let number = self.position(None).unwrap_or_else(|| self.take());
        self.banks[number].key = Some(key);
        number
    }

    /// A bank that is for nothing: a new one, or that which was not selected for longest.
    fn take(&mut self) -> usize {
        if self.banks.len() < BANKS {
            self.banks.push(Owned { bank: Bank::new(), key: None, used: 0 });
            return self.banks.len() - 1;
        }
        let oldest = (0..BANKS).filter(|number| !self.selected.contains(number)).min_by_key(|n| self.banks[*n].used);
        let number = oldest.expect("there are more banks than are selected");
        self.banks[number].bank.clear();
        number
    }
}
