//! The virtual network that a gateway serves.

use crate::wire::Mac;
use std::net::Ipv4Addr;

/// Addresses of the network and what its guests may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Network address.
    pub network: Ipv4Addr,
    /// Length of the network's prefix, bits.
    pub prefix: u8,
    /// The gateway's own address.
    pub address: Ipv4Addr,
    /// The address that DNS is asked at; may be the gateway's.
    pub dns: Ipv4Addr,
    /// The network's MTU, bytes.
    pub mtu: u16,
    /// Whether the gateway's address leads to the host's loopback address.
    pub host_loopback: bool,
}

impl GatewayConfig {
    /// The netmask.
    pub fn netmask(&self) -> Ipv4Addr {
        let host_bits = 32 - u32::from(self.prefix.min(32));
        Ipv4Addr::from(u32::MAX.checked_shl(host_bits).unwrap_or(0))
    }

    /// Whether `address` is in the network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let mask = u32::from(self.netmask());
        u32::from(address) & mask == u32::from(self.network) & mask
    }

    /// The MAC address that libslirp answers ARP with for `address`: 52:55 and the address.
    pub fn mac_of(address: Ipv4Addr) -> Mac {
        let [a, b, c, d] = address.octets();
        Mac([0x52, 0x55, a, b, c, d])
    }
}
