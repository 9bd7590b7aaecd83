//! Why a datagram or a frame of the tunnel was dropped: one table, as in `drops.rs`.

macro_rules! tunnel_drops {
    ($($variant:ident, $name:literal, $text:literal;)*) => {
        /// The reason why something was dropped by the tunnel.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum TunnelDrop {
            $(#[doc = $text] $variant,)*
        }

        impl TunnelDrop {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [TunnelDrop] = &[$(TunnelDrop::$variant,)*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(TunnelDrop::$variant => $name,)* }
            }

            /// One sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(TunnelDrop::$variant => $text,)* }
            }
        }
    };
}

tunnel_drops! {
    Malformed, "malformed", "A datagram that is no message of ours: wrong type, length or reserved bytes.";
    BadMac, "bad-mac", "A handshake message whose first MAC is wrong: its sender does not know our public key.";
    UnderLoad, "under-load", "A handshake that was answered with a cookie, or not at all, for there were too many.";
    BadCookie, "bad-cookie", "A cookie that was not for a handshake of ours, or forged.";
    BadHandshake, "bad-handshake", "A handshake that does not decrypt: forged, or with another pre-shared key.";
    UnknownPeer, "unknown-peer", "A handshake with a public key that is not in the list of peers.";
    ReplayedHandshake, "replayed-handshake", "A handshake with a timestamp not later than the last one's.";
    UnknownSession, "unknown-session", "For a session or handshake that is not there (any more).";
    Forged, "forged", "Data that does not decrypt.";
    Replayed, "replayed", "Data that had been received, or is older than the replay window.";
    Expired, "expired", "Data on a session that is too old.";
    BadInner, "bad-inner", "An authenticated message that makes no sense.";
    BadHello, "bad-hello", "A hello that is no msgpack map with what it must have.";
    NotReady, "not-ready", "A frame before the hellos were exchanged.";
    BadFragment, "bad-fragment", "A fragment whose header contradicts itself or the others of its frame.";
    Incomplete, "incomplete", "A frame of which fragments were missing when its time or its room was over.";
    NoSession, "no-session", "To be sent: there is no session with the peer.";
    TooLong, "too-long", "To be sent: longer than the longest frame.";
    QueueFull, "queue-full", "Received: the datapath did not keep up.";
    SendFailed, "send-failed", "To be sent: the host refused the datagram.";
}

const COUNT: usize = TunnelDrop::ALL.len();

/// One counter for each [`TunnelDrop`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelDrops([u64; COUNT]);

impl TunnelDrops {
    /// Count `count` more.
    pub fn add(&mut self, reason: TunnelDrop, count: u64) {
        self.0[reason as usize] = self.0[reason as usize].saturating_add(count);
    }

    /// How many were dropped for `reason`.
    pub fn get(&self, reason: TunnelDrop) -> u64 {
        self.0[reason as usize]
    }

    /// All counters, in the order of [`TunnelDrop::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (TunnelDrop, u64)> + '_ {
        TunnelDrop::ALL.iter().map(|&reason| (reason, self.get(reason)))
    }
}
