//! Which list of a policy applies to an image, in the container stack's order (containers/image,
//! `docker/policyconfiguration/naming.go`): the image itself, its repository, each namespace above, the host with its
//! port, `*.domain` from narrow to wide, the transport's empty scope, `default`. The first that exists applies alone.

use super::{Policy, PolicyRequirement, RequirementList};
use crate::scopes::scope::Scope;
use bundle_oci::host_name::registry;
use bundle_oci::{Reference, Repository};

/// The transport of registries, the only one that images are carried from.
const TRANSPORT: &str = "docker";

/// What a policy demands of one image. Every part has to be satisfied; nearly always there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applicable<'p> {
    pub(super) parts: Vec<Part<'p>>,
}

/// One list that applies, and the name by which it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'p> {
    pub(super) list: &'p RequirementList,
    pub(super) source: Reference,
}

impl<'p> Part<'p> {
    /// The list; [`RequirementList::place`] is the scope that matched, `default` or `transports.docker["quay.io"]`.
    pub fn list(&self) -> &'p RequirementList {
        self.list
    }

    /// What signed identities are compared with: the source with a tag or a digest, never both.
    pub fn source(&self) -> &Reference {
        &self.source
    }
}

impl<'p> Applicable<'p> {
    /// Every list that applies; at least one.
    pub fn parts(&self) -> &[Part<'p>] {
        &self.parts
    }

    /// The places of the lists, for reports: `default`, or `transports.docker["quay.io"]`. Bounded.
    pub fn places(&self) -> String {
        let mut places: Vec<&str> = self.parts.iter().map(|part| part.list.place()).collect();
        places.dedup();
        places.join(" and ")
    }
}

impl Policy {
    /// What this policy demands of an image that comes from `source`, which is what the user asked for and not what
    /// it was resolved to.
    ///
    /// The stack evaluates references with a tag or a digest, and completes those that have neither with `latest`. One
    /// with both it refuses, or drops the tag from (podman). Neither will do here, where an image is tagged in the end:
    /// it is looked up by either, and both answers have to be satisfied. And because a host written in another case,
    /// or with a default port, reaches the same registry, such a reference must satisfy the scopes of the plain name as well.
    pub fn requirements_for(&self, source: &Reference) -> Applicable<'_> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        for source in names_of(source) {
            let part = Part { list: self.list_for(&source), source };
            let same = |known: &Part<'_>| {
                known.list == part.list && is_same_but_for_spelling(&known.source, &part.source)
            };
            if !parts.iter().any(same) {
                parts.push(part);
            }
        }
        Applicable { parts }
    }

    /// Every scope that demands signatures, with the list's place. What applies where no other scope does (`""`, else
    /// `default`) is the scope of everything.
    pub(super) fn signed_scopes(&self) -> Vec<(Scope, String)> {
        let scopes = self.transports.get(TRANSPORT).into_iter().flatten();
        let scoped = scopes.filter_map(|(text, list)| Some((as_scope(text)?, list)));
        let demanding = scoped.chain([(Scope::Everything, self.list_for_others())]);
        let demanding = demanding.filter(|(_, list)| {
            list.requirements().iter().any(PolicyRequirement::demands_signature)
        });
        demanding.map(|(scope, list)| (scope, list.place().to_owned())).collect()
    }

    /// What applies where no scope of a registry does.
    fn list_for_others(&self) -> &RequirementList {
        let scopes = self.transports.get(TRANSPORT);
        scopes.and_then(|scopes| scopes.get("")).unwrap_or(&self.default)
    }

    /// Every scope of a registry, as it is written, with its list.
    pub fn registry_scopes(&self) -> impl Iterator<Item = (&str, &RequirementList)> {
        let scopes = self.transports.get(TRANSPORT).into_iter().flatten();
        scopes.map(|(scope, list)| (scope.as_str(), list))
    }

    /// The list that the stack applies to a reference with a tag or a digest, under the name as it is written: it knows
    /// nothing of other spellings of a host. [`Self::requirements_for`] demands more.
    pub fn list_for(&self, source: &Reference) -> &RequirementList {
        let scoped = self
            .transports
            .get(TRANSPORT)
            .and_then(|scopes| scopes_of(source).iter().find_map(|scope| scopes.get(scope)));
        scoped.unwrap_or(&self.default)
    }
}

/// The references under which `source` is looked up, each with a tag or a digest.
fn names_of(source: &Reference) -> Vec<Reference> {
    let plain = in_plain_spelling(source.repository());
    let repositories = std::iter::once(source.repository()).chain(&plain);
    repositories.flat_map(|repository| names_in(repository, source)).collect()
}

/// The same for one spelling of its repository.
fn names_in(repository: &Repository, source: &Reference) -> Vec<Reference> {
    let tagged = source.tag().and_then(|tag| repository.tagged(tag).ok());
    let pinned = source.digest().map(|digest| repository.pinned(digest));
    let mut names: Vec<Reference> = tagged.into_iter().chain(pinned).collect();
    if names.is_empty() {
        names.extend(repository.tagged("latest"));
    }
    names
}

/// The repository with its registry's plain name, where it was written otherwise: `INDEX.docker.io` is docker.io. `None`
/// too when the result would be longer than a name can be, and thus name nothing.
fn in_plain_spelling(repository: &Repository) -> Option<Repository> {
    let host = registry(repository.host());
    if host == repository.host() {
        return None;
    }
    let path = match repository.path() {
        path if host == "docker.io" && !path.contains('/') => format!("library/{path}"),
        path => path.to_owned(),
    };
    Repository::new(&host, &path).ok()
}

fn is_same_but_for_spelling(a: &Reference, b: &Reference) -> bool {
    a.repository().is_same_as(b.repository()) && (a.tag(), a.digest()) == (b.tag(), b.digest())
}

/// A scope of the policy as scopes are written elsewhere; `None` for one that is about every registry, or about no image
/// that there could be.
fn as_scope(text: &str) -> Option<Scope> {
    if let Some(domain) = text.strip_prefix("*.") {
        return Some(Scope::Domain(domain.to_ascii_lowercase()));
    }
    let Some((host, rest)) = text.split_once('/') else {
        return (!text.is_empty()).then(|| Scope::Host(registry(text)));
    };
    let name = rest.split(['@', ':']).next().unwrap_or_default();
    let repository = Repository::new(host, name).ok()?;
    match name == rest {
        true => Some(Scope::Repository(repository)),
        // A tag or a digest that is not one means the repository, so that more is protected.
        false => Some(match text.parse() {
            Ok(image) => Scope::Image(image),
            Err(_) => Scope::Exactly(repository),
        }),
    }
}

/// The scopes that cover `source`, narrowest first.
fn scopes_of(source: &Reference) -> Vec<String> {
    let repository = source.repository().to_string();
    let mut scopes = vec![source.to_string()];
    let mut name = repository.as_str();
    scopes.push(name.to_owned());
    while let Some((above, _)) = name.rsplit_once('/') {
        name = above;
        scopes.push(name.to_owned());
    }
    let mut domain = name.split(':').next().unwrap_or_default();
    while let Some((_, above)) = domain.split_once('.') {
        domain = above;
        scopes.push(format!("*.{domain}"));
    }
    scopes.push(String::new());
    scopes
}
