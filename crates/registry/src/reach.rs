//! Where a registry's answers may lead: what is sent there carries content, and sometimes credentials.

use reqwest::Url;
use std::net::{IpAddr, Ipv6Addr};

/// Whether certificates are checked. Turning it off also allows plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    Verified,
    Unverified,
}

/// Where a URL that a registry at `base` named may lead, without user, password and fragment: never from TLS to plain
/// HTTP, and not from elsewhere to this machine, as far as its text says; [`super::addresses`] looks at the address that
/// a name stands for. `is_here`: the registry is on this machine. The error ends the sentence "it is not followed: …".
pub(super) fn may_go(
    tls: Tls,
    base: &Url,
    is_here: bool,
    mut to: Url,
) -> Result<Url, &'static str> {
    let plain_base = base.scheme() == "http";
    match to.scheme() {
        "https" => {}
        "http" if plain_base && (tls == Tls::Unverified || is_loopback(&to)) => {}
        "http" => return Err("it leads to plain HTTP"),
        _ => return Err("it leads away from HTTP"),
    }
    if !is_here && (is_loopback(&to) || address(&to).is_some_and(is_near)) {
        return Err("it leads to this machine or its link");
    }
    to.set_fragment(None);
    // Both fail only for URLs that have no host, which http and https always have.
    if to.set_username("").is_err() || to.set_password(None).is_err() {
        return Err("it has no host");
    }
    Ok(to)
}

/// The address that a URL names literally.
fn address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// 127.0.0.0/8, `::1` or `localhost`.
pub(super) fn is_loopback(url: &Url) -> bool {
    url.host_str() == Some("localhost") || address(url).is_some_and(|a| a.is_loopback())
}

/// The same for `host[:port]`, as registries are named.
pub fn is_loopback_host(host: &str) -> bool {
    Url::parse(&format!("https://{host}/")).is_ok_and(|url| is_loopback(&url))
}

/// Where one cloud keeps its metadata service beside 169.254.169.254.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// On this machine or its link: loopback, the unspecified address (which connects to this machine), 169.254.0.0/16 and
/// fe80::/10, where clouds keep their metadata services.
pub(super) fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_link_local() || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_unspecified()
                || address == METADATA
        }
    }
}

/// Scheme, host and port are the same.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host_str() == b.host_str()
        && a.port_or_known_default() == b.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Tls::{Unverified, Verified};

    #[test]
    fn hosts_of_this_machine_are_known_by_name_and_address() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in
            ["r.example", "127.0.0.1.example:5000", "10.0.0.7", "localhost.example", "[::2]"]
        {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn nothing_leads_from_tls_to_plain_http_or_to_this_machine() {
        for (tls, base, to, allowed) in [
            (Verified, "https://r.example/", "https://s3.example/x", true),
            (Verified, "https://r.example/", "https://10.0.0.7/x", true),
            (Verified, "https://r.example/", "http://r.example/x", false),
            (Unverified, "https://r.example/", "http://r.example/x", false),
            (Unverified, "http://r.example/", "http://s3.example/x", true),
            (Verified, "http://127.0.0.1:5000/", "http://127.0.0.1:9/x", true),
            (Verified, "http://127.0.0.1:5000/", "http://s3.example/x", false),
            (Verified, "http://127.0.0.1:5000/", "https://s3.example/x", true),
            (Verified, "https://r.example/", "https://127.0.0.1/x", false),
            (Verified, "https://r.example/", "https://2130706433/x", false),
            (Verified, "https://r.example/", "https://0.0.0.0/x", false),
            (Verified, "https://r.example/", "https://[::ffff:127.0.0.1]/x", false),
            (Verified, "https://r.example/", "https://localhost/x", false),
            (Verified, "https://r.example/", "https://169.254.169.254/x", false),
            (Verified, "https://r.example/", "https://[fe80::1]/x", false),
            (Verified, "https://r.example/", "https://[::ffff:169.254.169.254]/x", false),
            (Verified, "https://r.example/", "https://[::]/x", false),
            (Verified, "https://r.example/", "file:///etc/passwd", false),
        ] {
            let url = |text| Url::parse(text).expect("a URL");
            let base = url(base);
            let found = may_go(tls, &base, is_loopback(&base), url(to));
            assert_eq!(found.is_ok(), allowed, "{base} -> {to}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_dropped() {
        let base = Url::parse("https://r.example/").expect("a URL");
        let to = Url::parse("https://u:p@s3.example/x?sig=1#f").expect("a URL");
        let found = may_go(Verified, &base, false, to).expect("allowed");
        assert_eq!(found.as_str(), "https://s3.example/x?sig=1");
    }
}
