//! Names to addresses: the address that is connected to decides whether a server is on this machine.
//!
//! What a registry's answer names may not lead to this machine or its link, whatever its name resolves to, unless the
//! registry is on this machine itself. What the operator named stays where it was first found: a name that led
//! elsewhere does not come back here, and one that leads here keeps to one address. Two users can listen on `::1` and
//! on `127.0.0.1` of one name; the second is tried first, because registries listen there.

use super::reach::is_near;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};

/// How long an address of this machine may take to accept a connection.
const NEAR: Duration = Duration::from_secs(2);

/// Where a connection may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reach {
    /// The operator named the server.
    Anywhere,
    /// A registry elsewhere named it: not to this machine or its link.
    Elsewhere,
}

/// A name leads to this machine, and may not.
#[derive(Debug, thiserror::Error)]
#[error("it leads to this machine or its link")]
pub(super) struct LeadsHere;

/// Where names were found in this run.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<HashMap<(String, u16), Place>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On this machine or its link, at this address.
    Near(SocketAddr),
    /// On another machine.
    Far,
}

impl Addresses {
    /// Whether a name that was resolved leads to this machine itself.
    pub(super) fn is_loopback(&self, host: &str, port: u16) -> bool {
        let place = self.lock().get(&(host.to_owned(), port)).copied();
        matches!(place, Some(Place::Near(at)) if at.ip().to_canonical().is_loopback())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, u16), Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What of `found` may be connected to.
    async fn choose(
        &self,
        (host, port): (&str, u16),
        reach: Reach,
        found: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, LeadsHere> {
        let key = (host.to_owned(), port);
        let known = self.lock().get(&key).copied();
        let far: Vec<_> = found.iter().copied().filter(|at| !is_near(at.ip())).collect();
        match (reach, known) {
            (Reach::Anywhere, Some(Place::Near(address))) => Ok(vec![address]),
            (Reach::Anywhere, None) if far.is_empty() => {
                let near = one_of(found).await;
                if let [only] = near[..] {
                    // Whoever came first decides for all.
                    let place = *self.lock().entry(key).or_insert(Place::Near(only));
                    if let Place::Near(address) = place {
                        return Ok(vec![address]);
                    }
                }
                Ok(near)
            }
            _ if far.is_empty() => Err(LeadsHere),
            (Reach::Anywhere, None) => {
                self.lock().entry(key).or_insert(Place::Far);
                Ok(far)
            }
            _ => Ok(far),
        }
    }
}

/// The one of several addresses of this machine where somebody listens; all of them where nobody does.
async fn one_of(mut near: Vec<SocketAddr>) -> Vec<SocketAddr> {
    near.sort_by_key(SocketAddr::is_ipv6);
    near.dedup();
    if near.len() < 2 {
        return near;
    }
    for address in &near {
        let connecting = tokio::time::timeout(NEAR, TcpStream::connect(address));
        if matches!(connecting.await, Ok(Ok(_))) {
            return vec![*address];
        }
    }
    near
}

/// Resolves names for the connections to one server.
pub(super) struct Resolver {
    pub(super) addresses: Arc<Addresses>,
    /// The server, as URLs name it; any other name is a proxy's, which the operator chose.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) reach: Reach,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (asked, reach, port) = (name.as_str().to_owned(), self.reach, self.port);
        let (addresses, host) = (Arc::clone(&self.addresses), self.host.clone());
        Box::pin(async move {
            let is_server = asked.eq_ignore_ascii_case(&host);
            let port = if is_server { port } else { 0 };
            let found: Vec<SocketAddr> = lookup_host((asked.as_str(), port)).await?.collect();
            let chosen = match is_server {
                true => addresses.choose((&host, port), reach, found).await?,
                false => found,
            };
            Ok(Box::new(chosen.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 9)).collect()
    }

    async fn choose(addresses: &Addresses, reach: Reach, found: &[&str]) -> Option<Vec<String>> {
        let chosen = addresses.choose(("r.example", 9), reach, at(found)).await.ok();
        chosen.map(|all| all.iter().map(|one| one.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_that_a_registry_gives_leads_elsewhere_or_nowhere() {
        for near in [
            &["127.0.0.1"][..],
            &["127.9.9.9", "::1"],
            &["::ffff:127.0.0.1"],
            &["0.0.0.0"],
            &["::"],
            &["169.254.169.254"],
            &["::ffff:169.254.169.254"],
            &["fe80::1"],
            &["fd00:ec2::254"],
        ] {
            let addresses = Addresses::default();
            assert_eq!(choose(&addresses, Reach::Elsewhere, near).await, None, "{near:?}");
            let mixed = [near, &["192.0.2.7"]].concat();
            let chosen = choose(&addresses, Reach::Elsewhere, &mixed).await;
            assert_eq!(chosen, Some(vec!["192.0.2.7".to_owned()]), "{near:?}");
            // The operator may name it.
            assert!(choose(&addresses, Reach::Anywhere, near).await.is_some(), "{near:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_led_elsewhere_does_not_come_back_here() {
        let addresses = Addresses::default();
        assert!(choose(&addresses, Reach::Anywhere, &["192.0.2.7"]).await.is_some());
        assert_eq!(choose(&addresses, Reach::Anywhere, &["127.0.0.1"]).await, None);
        let moved = choose(&addresses, Reach::Anywhere, &["192.0.2.8", "127.0.0.1"]).await;
        assert_eq!(moved, Some(vec!["192.0.2.8".to_owned()]), "servers elsewhere may move");
        assert!(!addresses.is_loopback("r.example", 9));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_keeps_to_the_address_that_answered() {
        let first = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = first.local_addr().expect("an address").port();
        let Ok(second) = tokio::net::TcpListener::bind(("::1", port)).await else {
            eprintln!("left out: this machine has no ::1");
            return;
        };
        let both = || ["::1", "127.0.0.1"].map(|ip| SocketAddr::new(ip.parse().expect("ip"), port));
        let chosen = async |addresses: &Addresses| {
            let found = both().to_vec();
            addresses.choose(("localhost", port), Reach::Anywhere, found).await.expect("chosen")
        };
        let addresses = Addresses::default();
        assert_eq!(chosen(&addresses).await, [both()[1]]);
        assert!(addresses.is_loopback("localhost", port));
        drop(first);
        assert_eq!(chosen(&addresses).await, [both()[1]], "also when it does not answer any more");
        assert_eq!(chosen(&Addresses::default()).await, [both()[0]], "another run finds the other");
        drop(second);
        assert_eq!(chosen(&Addresses::default()).await.len(), 2, "nobody answers: nothing is kept");
    }
}
