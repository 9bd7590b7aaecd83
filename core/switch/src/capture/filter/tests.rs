use super::*;
use proptest::prelude::*;

fn frame(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

fn tagged(vlan: u16, inner: &[u8]) -> Vec<u8> {
    let mut frame = inner[..12].to_vec();
    frame.extend([0x81, 0]);
    frame.extend((0x2000 | vlan).to_be_bytes());
    frame.extend(&inner[12..]);
    frame
}

fn v4(protocol: u8, fragment: u16, transport: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0];
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 1, 2]);
    packet.extend(transport);
    frame(0x0800, &packet)
}

fn v6(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
    packet.extend("fd00::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
    packet.extend("fd00::2".parse::<std::net::Ipv6Addr>().unwrap().octets());
    packet.extend(rest);
    frame(0x86dd, &packet)
}

fn arp() -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1];
    packet.extend([0, 0, 0, 0, 0, 0, 10, 0, 1, 2]);
    frame(0x0806, &packet)
}

/// Source port 1000, destination port 53.
const PORTS: [u8; 8] = [3, 232, 0, 53, 0, 8, 0, 0];

fn says(text: &str, frame: &[u8]) -> bool {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).matches(frame)
}

#[test]
fn primitives_select_what_they_say() {
    let udp = v4(17, 0, &PORTS);
    let yes = [
        "",
        "  ",
        "ip",
        "udp",
        "udp port 53",
        "port 1000",
        "udp dst port 53",
        "src port 1000",
        "host 10.0.0.1",
        "src host 10.0.0.1",
        "dst host 10.0.1.2",
        "net 10.0.1.0/24",
        "src net 10.0.0.0/24",
        "net 0.0.0.0/0",
        "mac 02:00:00:00:00:01",
        "dst mac 02:00:00:00:00:02",
        "less 42",
        "greater 42",
        "ethertype 0x0800",
        "not tcp",
        "! arp",
        "(((udp)))",
    ];
    for text in yes {
        assert!(says(text, &udp), "{text}");
    }
    let no = [
        "arp",
        "ip6",
        "tcp",
        "icmp",
        "tcp port 53",
        "src port 53",
        "dst host 10.0.0.1",
        "net 10.0.2.0/24",
        "src net 10.0.1.0/24",
        "mac 02:00:00:00:00:03",
        "less 41",
        "greater 43",
        "vlan",
        "broadcast",
        "multicast",
        "host fd00::1",
        "not udp",
        "not (ip)",
    ];
    for text in no {
        assert!(!says(text, &udp), "{text}");
    }
}

#[test]
fn arp_icmp_and_ipv6_are_told_apart() {
    assert!(says("arp and host 10.0.1.2 and src host 10.0.0.1", &arp()));
    assert!(!says("ip", &arp()));
    assert!(says("icmp", &v4(1, 0, &[8, 0])) && !says("port 2048", &v4(1, 0, &[8, 0, 0, 0])));
    assert!(says("icmp6 and src host fd00::1", &v6(58, &[128, 0])));
    assert!(
        says("tcp dst port 53", &v6(0, &[&[6, 0, 0, 0, 0, 0, 0, 0], &PORTS[..]].concat())),
        "behind an extension header"
    );
}

#[test]
fn later_fragments_have_a_protocol_and_no_ports() {
    assert!(says("udp port 53", &v4(17, 0x2000, &PORTS)), "the first one");
    let later = v4(17, 0x2001, &PORTS);
    assert!(says("udp and host 10.0.0.1", &later) && !says("port 53", &later));
    let later = v6(44, &[&[17, 0, 0, 8, 0, 0, 0, 0], &PORTS[..]].concat());
    assert!(says("udp", &later) && !says("port 53", &later));
}

#[test]
fn tags_are_seen_and_looked_through() {
    let frame = tagged(7, &v4(17, 0, &PORTS));
    assert!(says("vlan and vlan 7 and udp port 53", &frame) && !says("vlan 8", &frame));
    assert!(says("vlan 7", &tagged(7, &tagged(8, &arp()))), "the outer one");
}

#[test]
fn and_binds_closer_than_or() {
    let frame = v4(17, 0, &PORTS);
    assert!(says("udp or arp and vlan", &frame) && !says("(udp or arp) and vlan", &frame));
    assert!(says("not arp and udp", &frame) && says("vlan || udp && ip", &frame));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let wrong = [
        ("tpc", 0, "\"tpc\" is none of: arp"),
        ("udp and", 7, "something is missing"),
        ("udp arp", 4, "after the end of the expression"),
        ("host web", 5, "\"web\" is not an IPv4 or IPv6 address"),
        ("net 10.0.0.0/33", 4, "is not a network"),
        ("port 65536", 5, "is not a port from 0 to 65535"),
        ("vlan 4096", 5, "is not a VLAN"),
        ("(udp", 4, "closing parenthesis"),
        ("udp)", 3, "after the end"),
        ("src 10.0.0.1", 4, "host, net, port or mac is missing"),
        ("less", 4, "a length in bytes is missing"),
    ];
    for (text, at, message) in wrong {
        let error = Filter::parse(text).unwrap_err();
        assert!(error.at == at && error.message.contains(message), "{text}: {error:?}");
    }
    assert!(Filter::parse(&"(".repeat(1000)).unwrap_err().message.contains("within each other"));
    assert!(Filter::parse(&"! ".repeat(1000)).unwrap_err().message.contains("within each other"));
    assert!(Filter::parse(&" ".repeat(5000)).unwrap_err().message.contains("at most"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "([a-z0-9./:()!&| ]|é){0,60}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(error.at <= text.len() && !error.message.is_empty());
        }
    }

    #[test]
    fn any_words_are_read_or_refused(words in proptest::collection::vec(prop::sample::select(vec![
        "arp", "udp", "port", "src", "dst", "host", "net", "vlan", "53", "10.0.0.1", "10.0.0.0/8", "(", ")", "not", "and", "or", "less",
    ]), 0..20)) {
        let _ = Filter::parse(&words.join(" "));
    }

    #[test]
    fn any_frame_is_asked(bytes in proptest::collection::vec(any::<u8>(), 0..120), kind in 0usize..5) {
        let mut bytes = bytes;
        if let (Some(field), true) = (bytes.get_mut(12..14), kind > 0) {
            field.copy_from_slice(&[[8, 0], [8, 6], [0x86, 0xdd], [0x81, 0]][kind - 1]);
        }
        let filter = Filter::parse("udp port 53 or tcp or icmp6 or vlan 7 or net fd00::/9 or src net 10.0.0.0/8").unwrap();
        filter.matches(&bytes);
    }
}
