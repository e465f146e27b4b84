//! Host names as Go's x509.Certificate.VerifyHostname compares them (RFC 6125 §6.4), which policy `pki` uses.
//!
//! Go also takes names that are no host names when both are the same text; here they match nothing.

use super::identity::Identity;
use core::net::IpAddr;

/// True when `host`, a name or an address (perhaps in brackets), is among `identities`. An address is only compared
/// with addresses.
pub(super) fn is_among(host: &str, identities: &[Identity]) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address: Option<IpAddr> = bare.parse().ok();
    identities.iter().any(|identity| match (address, identity) {
        (Some(wanted), Identity::Address(found)) => wanted.to_canonical() == found.to_canonical(),
        (None, Identity::DnsName(pattern)) => matches(pattern, host),
        _ => false,
    })
}

/// A wildcard stands for the whole left-most label and nothing else. One dot may end the host.
fn matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let (mut patterns, mut labels) = (pattern.split('.'), host.split('.'));
    let (Some(first), Some(label)) = (patterns.next(), labels.next()) else {
        return false;
    };
    let (rest, others): (Vec<_>, Vec<_>) = (patterns.collect(), labels.collect());
    let first_matches = is_label(label)
        && match first {
            "*" => !rest.is_empty(),
            _ => first.eq_ignore_ascii_case(label),
        };
    let same =
        |(pattern, label): (&&str, &&str)| is_label(label) && pattern.eq_ignore_ascii_case(label);
    first_matches && rest.len() == others.len() && rest.iter().zip(&others).all(same)
}

/// Letters, digits, `_`, and `-` but for the first place.
fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty() && !label.starts_with('-') && label.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_matches(host: &str, identity: Identity) -> bool {
        is_among(host, &[Identity::Email("a@b.example".into()), identity])
    }

    #[test]
    fn names_match_label_by_label_and_a_wildcard_stands_for_one() {
        for (pattern, host, expected) in [
            ("a.example.com", "a.example.com", true),
            ("A.Example.com", "a.eXample.COM", true),
            ("a.example.com", "a.example.com.", true),
            ("a.example.com", "a.example.com..", false),
            ("a.example.com.", "a.example.com.", false),
            ("a.example.com.", "a.example.com", false),
            ("a.example.com", "b.example.com", false),
            ("example.com", "a.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "*.example.com", false),
            ("a.*.com", "a.example.com", false),
            ("f*.example.com", "foo.example.com", false),
            ("*", "localhost", false),
            ("*", "*", false),
            ("localhost", "localhost", true),
            ("a_b.example.com", "a_b.example.com", true),
            ("-a.example.com", "-a.example.com", false),
            ("a..com", "a..com", false),
            ("", "", false),
            (".", ".", false),
            ("a.example.com:443", "a.example.com:443", false),
            ("bücher.example", "bücher.example", false),
        ] {
            let found = host_matches(host, Identity::DnsName(pattern.into()));
            assert_eq!(found, expected, "{pattern:?} {host:?}");
        }
    }

    #[test]
    fn addresses_match_addresses_only() {
        let address = |text: &str| Identity::Address(text.parse().expect("an address"));
        assert!(host_matches("192.0.2.1", address("192.0.2.1")));
        assert!(host_matches("::ffff:192.0.2.1", address("192.0.2.1")));
        assert!(host_matches("[2001:db8::1]", address("2001:db8::1")));
        assert!(!host_matches("192.0.2.2", address("192.0.2.1")));
        assert!(!host_matches("192.0.2.1", Identity::DnsName("192.0.2.1".into())));
        assert!(!host_matches("a.example", Identity::Uri("a.example".into())));
        assert!(!host_matches("a.example", Identity::Email("a.example".into())));
    }
}
