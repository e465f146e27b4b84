//! The ways to write the host of a registry that name one and the same registry.

use std::net::Ipv6Addr;

/// Ports that a registry is reached at when its name has none, with TLS and without.
const DEFAULT_PORTS: [u16; 2] = [443, 80];

/// The one spelling of `host[:port]`: in lower case, without a dot at its end, without a default port, an IPv6 address in
/// its shortest form. What is not a host comes back in lower case.
pub fn canonical(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let (name, port) = split(&host);
    let name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => match address.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => name.to_owned(),
        },
        None => name.trim_end_matches('.').to_owned(),
    };
    match port.map(str::parse::<u16>) {
        None => name,
        Some(Ok(port)) if DEFAULT_PORTS.contains(&port) => name,
        Some(Ok(port)) => format!("{name}:{port}"),
        Some(Err(_)) => host,
    }
}

/// The registry behind a host: [`canonical`], and docker.io under each of its own names.
pub fn registry(host: &str) -> String {
    let host = canonical(host);
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => host,
    }
}

/// True when both name the same registry.
pub fn is_same_registry(a: &str, b: &str) -> bool {
    a == b || registry(a) == registry(b)
}

/// Name and port; a colon inside brackets belongs to the address.
fn split(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_host_are_one() {
        for (written, expected) in [
            ("quay.io", "quay.io"),
            ("QUAY.io", "quay.io"),
            ("quay.io.", "quay.io"),
            ("quay.io:443", "quay.io"),
            ("quay.io.:0443", "quay.io"),
            ("quay.io:80", "quay.io"),
            ("quay.io:8443", "quay.io:8443"),
            ("quay.io:08443", "quay.io:8443"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("[::1]", "[::1]"),
            ("[::1]:443", "[::1]"),
            ("[0:0:0:0:0:0:0:1]:5000", "[::1]:5000"),
            ("quay.io:99999", "quay.io:99999"),
            ("", ""),
        ] {
            assert_eq!(canonical(written), expected, "{written}");
            assert_eq!(canonical(&canonical(written)), expected, "{written}, twice");
        }
    }

    #[test]
    fn docker_io_is_one_registry_under_its_names() {
        for name in ["docker.io", "index.docker.io", "Registry-1.Docker.io", "docker.io:443"] {
            assert!(is_same_registry(name, "docker.io"), "{name}");
        }
        for name in ["index.docker.io.example", "docker.io:5000", "docker.example"] {
            assert!(!is_same_registry(name, "docker.io"), "{name}");
        }
    }
}
