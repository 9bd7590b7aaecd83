//! Cookies against floods of handshakes: under load, only those that come from where they say are worth a DH.

use super::config::Entropy;
use super::mac::{cookie_key, derive, equal, mac};
use super::message::{cookie_head, COOKIE, MAC};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::XChaCha20Poly1305;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Cookies are good for this long, and for up to as long again at the responder's.
const LIFETIME: Duration = Duration::from_secs(120);

/// The responder's side: makes cookies of an address and a secret that changes, and remembers none.
pub(super) struct Baker {
    key: [u8; 32],
    secret: [u8; 32],
    previous: [u8; 32],
    changed: Duration,
}

impl Baker {
    pub(super) fn new(public: &[u8; 32], entropy: &mut Entropy) -> Baker {
        let (mut secret, mut previous) = ([0; 32], [0; 32]);
        entropy(&mut secret);
        entropy(&mut previous);
        Baker { key: cookie_key(public), secret, previous, changed: Duration::ZERO }
    }

    fn turn_over(&mut self, now: Duration, entropy: &mut Entropy) {
        let age = now.saturating_sub(self.changed);
        if age >= LIFETIME {
            self.previous = self.secret;
            if age >= 2 * LIFETIME {
                // Nobody asked for long: what was made with it has had its time.
                entropy(&mut self.previous);
            }
            entropy(&mut self.secret);
            self.changed = now;
        }
    }

    /// Whether `mac2` over `message` (all that is before it) shows a cookie that was made for `from`.
    pub(super) fn check(
        &mut self,
        from: SocketAddr,
        message: &[u8],
        mac2: &[u8],
        now: Duration,
        entropy: &mut Entropy,
    ) -> bool {
        self.turn_over(now, entropy);
        [&self.secret, &self.previous].iter().any(|secret| equal(&mac(&cookie(secret, from), &[message]), mac2))
    }

    /// The message that gives `from` a cookie, in answer to a handshake message with `mac1`.
    pub(super) fn answer(
        &mut self,
        from: SocketAddr,
        receiver: u32,
        mac1: &[u8],
        now: Duration,
        entropy: &mut Entropy,
    ) -> Option<[u8; COOKIE]> {
        self.turn_over(now, entropy);
        let mut nonce = [0; 24];
        entropy(&mut nonce);
        let payload = Payload { msg: &cookie(&self.secret, from), aad: mac1 };
        let sealed = XChaCha20Poly1305::new(&self.key.into()).encrypt(&nonce.into(), payload).ok()?;
        let mut message = [0; COOKIE];
        message[..8].copy_from_slice(&cookie_head(receiver));
        message[8..32].copy_from_slice(&nonce);
        message.get_mut(32..)?.copy_from_slice(&sealed);
        Some(message)
    }
}

fn cookie(secret: &[u8; 32], from: SocketAddr) -> [u8; MAC] {
    let mut bytes = [0; 18];
    match from.ip() {
        IpAddr::V4(ip) => bytes[..16].copy_from_slice(&ip.to_ipv6_mapped().octets()),
        IpAddr::V6(ip) => bytes[..16].copy_from_slice(&ip.octets()),
    }
    bytes[16..].copy_from_slice(&from.port().to_le_bytes());
    let [cookie @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = derive(secret, &bytes);
    cookie
}

/// The initiator's side: the cookie that a peer wants to see.
#[derive(Default)]
pub(super) struct Jar(Option<([u8; MAC], Duration)>);

impl Jar {
    /// The second MAC of a message to the peer: zeros without a cookie.
    pub(super) fn mac2(&self, message: &[u8], now: Duration) -> [u8; MAC] {
        match &self.0 {
            Some((cookie, got)) if now.saturating_sub(*got) < LIFETIME => mac(cookie, &[message]),
            _ => [0; MAC],
        }
    }

    /// Take a cookie from the owner of `public`, given for our message with `mac1`. `false` if it is forged.
    pub(super) fn take(&mut self, public: &[u8; 32], nonce: &[u8], sealed: &[u8], mac1: &[u8], now: Duration) -> bool {
        let Ok(nonce) = <[u8; 24]>::try_from(nonce) else { return false };
        let payload = Payload { msg: sealed, aad: mac1 };
        let opened = XChaCha20Poly1305::new(&cookie_key(public).into()).decrypt(&nonce.into(), payload);
        let Some(cookie) = opened.ok().and_then(|cookie| cookie.try_into().ok()) else { return false };
        self.0 = Some((cookie, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_a_while_and_not_for_ever() {
        let mut number = 0u8;
        let mut entropy: Entropy = Box::new(move |bytes| {
            number = number.wrapping_add(1);
            bytes.fill(number);
        });
        let (public, from) = ([9; 32], "10.0.0.1:5870".parse().unwrap());
        for (age, is_good) in [(0, true), (119, true), (239, true), (241, false), (3600, false)] {
            let mut baker = Baker::new(&public, &mut entropy);
            let message = baker.answer(from, 1, &[7; MAC], Duration::ZERO, &mut entropy).unwrap();
            let mut jar = Jar::default();
            assert!(jar.take(&public, &message[8..32], &message[32..], &[7; MAC], Duration::ZERO));
            let mac2 = jar.mac2(b"hello", Duration::ZERO);
            let now = Duration::from_secs(age);
            assert_eq!(baker.check(from, b"hello", &mac2, now, &mut entropy), is_good, "{age} s");
            let other = "10.0.0.1:5871".parse().unwrap();
            assert!(!baker.check(other, b"hello", &mac2, now, &mut entropy));
        }
    }
}
