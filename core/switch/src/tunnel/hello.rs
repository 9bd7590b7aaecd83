//! The hello: who is at the other end, and whether the two belong together. A msgpack map; unknown keys are passed over.

use serde::{Deserialize, Serialize};

/// The version of what is spoken inside the tunnel.
pub const VERSION: u32 = 1;

/// Longer hellos are refused unread, bytes.
const LONGEST: usize = 1024;
/// The longest name of a network or switch, and the most capabilities.
const LONGEST_NAME: usize = 64;
const MOST_CAPABILITIES: usize = 16;

/// What a switch says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub version: u32,
    /// A text that no other switch has.
    pub switch: String,
    /// The network that it is part of.
    pub network: String,
    /// What it can do beyond the version; none are defined yet.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// Why a peer was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable name: `wrong-version`, `wrong-network`.
    pub reason: String,
    /// What was expected, for people.
    #[serde(default)]
    pub wanted: String,
}

impl Hello {
    /// Read a hello; `None` when it is none.
    pub fn read(body: &[u8]) -> Option<Hello> {
        let hello: Hello = read(body)?;
        let sound = hello.capabilities.len() <= MOST_CAPABILITIES
            && is_name(&hello.switch)
            && is_name(&hello.network)
            && hello.capabilities.iter().all(|name| is_name(name));
        sound.then_some(hello)
    }

    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// Whether `peer` belongs to us.
    pub fn check(&self, peer: &Hello) -> Result<(), Refusal> {
        let refuse = |reason: &str, wanted: String| Err(Refusal { reason: reason.into(), wanted });
        if peer.version != self.version {
            return refuse("wrong-version", self.version.to_string());
        }
        if peer.network != self.network {
            return refuse("wrong-network", self.network.clone());
        }
        Ok(())
    }
}

impl Refusal {
    /// Read a refusal.
    pub fn read(body: &[u8]) -> Option<Refusal> {
        let refusal: Refusal = read(body)?;
        (is_name(&refusal.reason) && (refusal.wanted.is_empty() || is_name(&refusal.wanted))).then_some(refusal)
    }

    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    if body.len() > LONGEST {
        return None;
    }
    rmp_serde::from_slice(body).ok()
}

/// Names reach terminals and logs: no control characters.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.chars().any(char::is_control)
}
