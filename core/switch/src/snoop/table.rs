//! Who wants which group, and where queriers and routers are. Time is an argument.

use super::message::{read, Message};
use super::{Family, Group};
use crate::policy::{Multicast, RouterPort};
use crate::port::{Port, PortId};
use crate::selection::Selection;
use crate::wire::{Ethernet, Mac};
use std::collections::HashMap;
use std::time::Duration;

/// How long a report holds: Group Membership Interval (RFC 3376, 8.4).
const MEMBERSHIP: Duration = Duration::from_secs(260);
/// How long a querier or router is believed to be there: Other Querier Present Interval (RFC 3376, 8.5).
const QUERIER: Duration = Duration::from_secs(255);
/// How often a query is repeated by who sends it: Robustness Variable (RFC 3376, 8.1).
const ROBUSTNESS: u32 = 2;
/// Rows at most, so that reports of made-up groups cost bounded memory.
const CAPACITY: usize = 4096;

/// How a switch snoops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnoopConfig {
    /// Whether groups that nobody wants are flooded rather than sent to routers alone.
    pub flood_unknown: bool,
}

/// A row for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupReport {
    /// VLAN.
    pub vlan: u16,
    /// The group's address; `None` where a router is.
    pub group: Option<Mac>,
    /// The port.
    pub port: PortId,
    /// When it is forgotten.
    pub until: Duration,
}

/// A port, and until when it counts.
type Row = (PortId, Duration);

/// What is known of a VLAN.
#[derive(Debug, Default)]
struct Vlan {
    querier_until: Duration,
    routers: Vec<Row>,
}

/// What is known of all.
#[derive(Debug)]
pub(crate) struct Snooping {
    pub(crate) config: SnoopConfig,
    groups: HashMap<(u16, Group), Vec<Row>>,
    vlans: HashMap<(u16, Family), Vlan>,
    rows: usize,
    /// Until then somebody may want a group who is not in the table: everything is flooded.
    crowded_until: Duration,
    pub(crate) refused: u64,
}

/// Which ports a multicast frame is for.
pub(crate) struct Reach<'a> {
    members: &'a [Row],
    routers: &'a [Row],
    now: Duration,
}

impl Reach<'_> {
    /// Whether `port`, whose number is `id`, is one of them.
    pub(crate) fn includes(&self, id: PortId, port: &Port) -> bool {
        let has = |rows: &[Row]| rows.iter().any(|&(member, until)| member == id && until > self.now);
        match port.policy.multicast.router {
            RouterPort::Always => true,
            RouterPort::Never => has(self.members),
            RouterPort::Auto => has(self.members) || has(self.routers),
        }
    }
}

impl Snooping {
    pub(crate) fn new(config: SnoopConfig) -> Snooping {
        let (groups, vlans) = (HashMap::new(), HashMap::new());
        Snooping { config, groups, vlans, rows: 0, crowded_until: Duration::ZERO, refused: 0 }
    }

    /// A multicast frame came in at `port`, which treats multicast as `policy` says. Returns the family if it is a report, which
    /// is for routers only.
    pub(crate) fn observe(
        &mut self,
        (vlan, port): (u16, PortId),
        policy: Multicast,
        (frame, ethernet, is_finished): (&[u8], &Ethernet, bool),
        now: Duration,
    ) -> Option<Family> {
        let mut is_report = false;
        // The family is known once everything is read, and queries need it. Nobody but the multicast addresses says it before.
        let family = if ethernet.destination.0[0] == 0x33 { Family::V6 } else { Family::V4 };
        let read = read(frame, ethernet, is_finished, &mut |message| match message {
            Message::Join(group) => {
                is_report = true;
                self.join(vlan, group, port, now);
            }
            Message::Leave(group) => {
                is_report = true;
                if policy.fast_leave {
                    self.leave(vlan, group, port);
                }
            }
            Message::Query { group, response, from_router } if policy.router != RouterPort::Never => {
                self.vlans.entry((vlan, family)).or_default().querier_until = now + QUERIER;
                if from_router {
                    self.add_router(vlan, family, port, now);
                }
                if let Some(group) = group {
                    self.hasten(vlan, group, now + response * ROBUSTNESS);
                }
            }
            Message::Router if policy.router != RouterPort::Never => self.add_router(vlan, family, port, now),
            Message::Query { .. } | Message::Router => {}
        });
        read.filter(|_| is_report)
    }

    fn join(&mut self, vlan: u16, group: Group, port: PortId, now: Duration) {
        let is_full = self.rows >= CAPACITY;
        let known = self.groups.get_mut(&(vlan, group));
        if let Some(row) = known.and_then(|rows| rows.iter_mut().find(|row| row.0 == port)) {
            row.1 = now + MEMBERSHIP;
        } else if is_full {
            self.refused += 1;
            self.crowded_until = now + MEMBERSHIP;
        } else {
            self.groups.entry((vlan, group)).or_default().push((port, now + MEMBERSHIP));
            self.rows += 1;
        }
    }

    fn leave(&mut self, vlan: u16, group: Group, port: PortId) {
        // One report leaves thousands of groups: only the group's own rows are looked at.
        let Some(rows) = self.groups.get_mut(&(vlan, group)) else { return };
        let before = rows.len();
        rows.retain(|row| row.0 != port);
        self.rows -= before - rows.len();
        if rows.is_empty() {
            self.groups.remove(&(vlan, group));
        }
    }

    fn add_router(&mut self, vlan: u16, family: Family, port: PortId, now: Duration) {
        let routers = &mut self.vlans.entry((vlan, family)).or_default().routers;
        match routers.iter_mut().find(|row| row.0 == port) {
            Some(row) => row.1 = now + QUERIER,
            None => routers.push((port, now + QUERIER)),
        }
    }

    /// A router asks for this group alone: who does not answer by `until` does not want it any more.
    fn hasten(&mut self, vlan: u16, group: Group, until: Duration) {
        for row in self.groups.get_mut(&(vlan, group)).into_iter().flatten() {
            row.1 = row.1.min(until);
        }
    }

    /// Which ports of `vlan` frames to `mac` are for; `None`: all.
    pub(crate) fn reach(&self, vlan: u16, mac: Mac, now: Duration) -> Option<Reach<'_>> {
        let (group, family) = Group::of(mac)?;
        (now >= self.crowded_until).then_some(())?;
        let known = self.vlans.get(&(vlan, family)).filter(|vlan| vlan.querier_until > now)?;
        let members = self.groups.get(&(vlan, group)).map_or(&[][..], Vec::as_slice);
        let is_wanted = members.iter().any(|row| row.1 > now);
        (is_wanted || !self.config.flood_unknown).then_some(Reach { members, routers: &known.routers, now })
    }

    /// Which ports of `vlan` reports are for; `None`: all, for no router is known.
    pub(crate) fn reach_of_reports(&self, vlan: u16, family: Family, now: Duration) -> Option<Reach<'_>> {
        let routers = &self.vlans.get(&(vlan, family))?.routers;
        routers.iter().any(|row| row.1 > now).then_some(Reach { members: &[], routers, now })
    }

    /// Forget what was heard at `port`.
    pub(crate) fn forget_port(&mut self, port: PortId) {
        self.groups.values_mut().for_each(|rows| rows.retain(|row| row.0 != port));
        self.vlans.values_mut().for_each(|vlan| vlan.routers.retain(|row| row.0 != port));
        self.tidy();
    }

    /// Forget the members of a selection's groups, and its routers unless it names a group; returns how many rows. What is
    /// not known any more must not count as not wanted: until a querier asks again, these VLANs are not snooped on.
    pub(crate) fn flush(&mut self, of: Selection) -> usize {
        let before = self.reports().count();
        for (&(vlan, Group(mac)), rows) in &mut self.groups {
            rows.retain(|row| !of.includes(vlan, mac, row.0));
        }
        for (&(vlan, _), known) in &mut self.vlans {
            if of.vlan.is_none_or(|wanted| wanted == vlan) {
                known.querier_until = Duration::ZERO;
                known.routers.retain(|row| of.mac.is_some() || of.port.is_some_and(|port| port != row.0));
            }
        }
        self.tidy();
        before - self.reports().count()
    }

    /// Forget what has not been said again.
    pub(crate) fn sweep(&mut self, now: Duration) {
        self.groups.values_mut().for_each(|rows| rows.retain(|row| row.1 > now));
        self.vlans.values_mut().for_each(|vlan| vlan.routers.retain(|row| row.1 > now));
        self.vlans.retain(|_, vlan| vlan.querier_until > now || !vlan.routers.is_empty());
        self.tidy();
    }

    fn tidy(&mut self) {
        self.groups.retain(|_, rows| !rows.is_empty());
        self.rows = self.groups.values().map(Vec::len).sum();
    }

    /// Whether there is nothing to forget.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.vlans.is_empty()
    }

    /// All rows, in no order.
    pub(crate) fn reports(&self) -> impl Iterator<Item = GroupReport> + '_ {
        let row = |vlan, group, &(port, until): &Row| GroupReport { vlan, group, port, until };
        let groups = self.groups.iter();
        let members =
            groups.flat_map(move |(&(vlan, group), rows)| rows.iter().map(move |r| row(vlan, Some(group.0), r)));
        let vlans = self.vlans.iter();
        members.chain(vlans.flat_map(move |(&(vlan, _), known)| known.routers.iter().map(move |r| row(vlan, None, r))))
    }
}
