//! Whether two scopes have an image in common, and whether one lies within another.

use super::scope::Scope;
use bundle_oci::host_name::is_same_registry;
use bundle_oci::{Digest, Reference, Repository};

impl Scope {
    /// True when some image lies within both. Where that cannot be told, it is true.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => true,
            (Self::Domain(a), Self::Domain(b)) => {
                let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
                a == b || a.ends_with(&format!(".{b}")) || b.ends_with(&format!(".{a}"))
            }
            (Self::Domain(_), named) => named.host().is_some_and(|host| self.has_host(host)),
            (named, Self::Domain(_)) => other.overlaps(named),
            (Self::Host(a), named) => named.host().is_some_and(|b| is_same_registry(a, b)),
            (named, Self::Host(_)) => other.overlaps(named),
            (Self::Image(a), Self::Image(b)) => {
                a.repository().is_same_as(b.repository())
                    && agree(a.tag(), b.tag())
                    && agree(a.digest(), b.digest())
            }
            // Its tag or digest narrows it further, which leaves its repository.
            (Self::Image(image), wider) | (wider, Self::Image(image)) => {
                wider.covers(&any_of(image.repository()))
            }
            (Self::Repository(a) | Self::Exactly(a), Self::Repository(b) | Self::Exactly(b)) => {
                self.covers(&any_of(b)) || other.covers(&any_of(a))
            }
        }
    }

    /// True when every image of `other` lies within this scope. Where that cannot be told, it is false.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (_, Self::Everything) => false,
            (Self::Domain(a), Self::Domain(b)) => {
                let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
                a == b || b.ends_with(&format!(".{a}"))
            }
            (Self::Domain(_), named) => named.host().is_some_and(|host| self.has_host(host)),
            (Self::Host(a), named) => named.host().is_some_and(|b| is_same_registry(a, b)),
            (_, Self::Domain(_) | Self::Host(_)) => false,
            (wider, Self::Image(image)) => wider.covers(image),
            (Self::Image(_) | Self::Exactly(_), Self::Repository(_))
            | (Self::Image(_), Self::Exactly(_)) => false,
            (wider, Self::Repository(one) | Self::Exactly(one)) => wider.covers(&any_of(one)),
        }
    }

    /// The one host whose images it is about.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Everything | Self::Domain(_) => None,
            Self::Host(host) => Some(host),
            Self::Repository(repository) | Self::Exactly(repository) => Some(repository.host()),
            Self::Image(reference) => Some(reference.repository().host()),
        }
    }

    /// True when images of this host are within it.
    fn has_host(&self, host: &str) -> bool {
        Repository::new(host, "any").is_ok_and(|any| self.covers(&any_of(&any)))
    }
}

/// A reference to the repository as a whole.
fn any_of(repository: &Repository) -> Reference {
    repository.pinned(Digest::of(b""))
}

fn agree<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_overlap_where_an_image_lies_in_both() {
        let digest = format!("quay.io/org/app@sha256:{}", "0".repeat(64));
        for (a, b, expected) in [
            ("*", "quay.io", true),
            ("*", "*.example.com", true),
            ("*.example.com", "*.a.example.com", true),
            ("*.example.com", "*.aexample.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.example.com/org", true),
            ("*.example.com", "a.example.org/org", false),
            ("quay.io", "QUAY.io", true),
            ("quay.io", "quay.io/org", true),
            ("quay.io", "quay.io:443/org", true),
            ("quay.io", "quay.io:8443/org", false),
            ("quay.io", "quay.io/org/app:1", true),
            ("quay.io/org", "quay.io/org", true),
            ("quay.io/org", "quay.io/org/app", true),
            ("quay.io/org", "quay.io/organisation", false),
            ("quay.io/org", "quay.io/org/app:1", true),
            ("quay.io/org:*", "quay.io/org/app", false),
            ("quay.io/org:*", "quay.io/org", true),
            ("quay.io/org:*", "quay.io/org:1", true),
            ("quay.io/org/app:1", "quay.io/org/app:2", false),
            ("quay.io/org/app:1", "quay.io/org/app:1", true),
            ("quay.io/org/app:1", digest.as_str(), true),
            ("quay.io/org/app:1", "quay.io/org/db:1", false),
            ("quay.io/org/app:1", "quay.io/org/app/db", false),
        ] {
            let (first, second): (Scope, Scope) = (a.parse().expect(a), b.parse().expect(b));
            assert_eq!(first.overlaps(&second), expected, "{a} and {b}");
            assert_eq!(second.overlaps(&first), expected, "{b} and {a}");
        }
    }

    #[test]
    fn a_scope_contains_what_lies_within_it_alone() {
        let digest = format!("quay.io/org/app@sha256:{}", "0".repeat(64));
        for (a, b, expected) in [
            ("*", "*.example.com", true),
            ("*.example.com", "*", false),
            ("*.example.com", "*.a.example.com", true),
            ("*.a.example.com", "*.example.com", false),
            ("*.example.com", "a.example.com/org", true),
            ("*.example.com", "example.com", false),
            ("quay.io", "QUAY.io/org", true),
            ("quay.io", "quay.io:443", true),
            ("quay.io", "quay.io:8443", false),
            ("quay.io/org", "quay.io", false),
            ("quay.io/org", "quay.io/org/app", true),
            ("quay.io/org/app", "quay.io/org", false),
            ("quay.io/org", "quay.io/organisation", false),
            ("quay.io/org", "quay.io/org:*", true),
            ("quay.io/org:*", "quay.io/org", false),
            ("quay.io/org:*", "quay.io/org:1", true),
            ("quay.io/org/app:1", "quay.io/org/app:*", false),
            ("quay.io/org/app:1", "quay.io/org/app:1", true),
            ("quay.io/org/app:1", "quay.io/org/app:2", false),
            ("quay.io/org/app:1", digest.as_str(), false),
            (digest.as_str(), digest.as_str(), true),
            ("quay.io/org", digest.as_str(), true),
        ] {
            let (first, second): (Scope, Scope) = (a.parse().expect(a), b.parse().expect(b));
            assert_eq!(first.contains(&second), expected, "{a} and {b}");
        }
    }
}
