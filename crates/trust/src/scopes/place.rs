//! Where images are published, and which other sources would lie there too.
//!
//! Verdicts are about source names, and what is published is about names at a target, which often leave the source's
//! host out. So before anything is admitted on less than a trusted signature, its place is asked for
//! (`Anchors::protector_of`).

use super::scope::{Scope, is_at_or_below};
use bundle_oci::Repository;
use bundle_oci::host_name::is_same_registry;

/// What knows the names at a target.
pub trait Places: Send + Sync {
    /// Where the content of `source` goes.
    fn place_of(&self, source: &Repository) -> Place;
}

/// The target repository of one source, and who else has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name, for people; `None` where no target is known.
    target: Option<String>,
    /// Repositories whose content goes there too.
    others: Vec<Repository>,
    /// The path whose content goes there from any registry.
    path: Option<SharedPath>,
}

/// One path, on every registry but some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPath {
    /// The path at the source.
    pub path: String,
    /// Hosts whose content under that path goes elsewhere.
    pub not_from: Vec<String>,
    /// A rule says that the source goes here: then somebody chose the place.
    pub is_given: bool,
}

/// How much of the target a permission could reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Whatever the courier puts below a host or a namespace.
    Broad,
    /// One repository, which somebody named.
    Named,
}

/// What admits an image on less than a trusted signature.
#[derive(Debug, Clone)]
pub(crate) struct Permission<'a> {
    pub(crate) reach: Reach,
    /// What it is for; nothing where it is about this image alone.
    pub(crate) scopes: Vec<&'a Scope>,
}

impl Permission<'_> {
    /// One without a scope of its own.
    pub(crate) fn without_scope(reach: Reach) -> Self {
        Self { reach, scopes: Vec::new() }
    }

    /// True when it is for everything that `demanded` covers, in the same words.
    pub(crate) fn is_for_all_of(&self, demanded: &Scope) -> bool {
        self.scopes.contains(&demanded)
    }

    /// True when it is for all of `repository` as well, and not less narrow than `demanded`.
    fn is_for(&self, repository: &Repository, demanded: &Scope) -> bool {
        self.scopes.iter().any(|scope| {
            scope.covers_all_of(repository) && scope.specificity() >= demanded.specificity()
        })
    }
}

impl Place {
    /// A place that has the source's full name, so that no other source can have it.
    pub fn of_its_own(source: &Repository) -> Self {
        Self { target: Some(source.to_string()), others: Vec::new(), path: None }
    }

    /// A place with this name, to which content of others goes too.
    pub fn shared(target: String, others: Vec<Repository>, path: Option<SharedPath>) -> Self {
        Self { target: Some(target), others, path }
    }

    /// The place of a source whose target is not known yet: the same path on any host would have it by default.
    pub fn unknown(source: &Repository) -> Self {
        let path = source.path().to_owned();
        let path = SharedPath { path, not_from: Vec::new(), is_given: false };
        Self { target: None, others: Vec::new(), path: Some(path) }
    }

    /// Its name, for people.
    pub(crate) fn describe(&self) -> String {
        match (&self.target, &self.path) {
            (Some(target), _) => target.clone(),
            (None, Some(path)) => format!("{} on any host", path.path),
            (None, None) => String::new(),
        }
    }

    /// True when something that `scope` covers would lie here, other than `source` itself. A scope without a path covers
    /// every path: against a source or a place that somebody named it counts only where a rule or the host's name leads
    /// here, and what `permission` is for as well does not count. A scope for one tag or digest counts for its repository, because a repository at the target has one source.
    pub(crate) fn is_also_in(
        &self,
        scope: &Scope,
        source: &Repository,
        permission: &Permission<'_>,
    ) -> bool {
        let reach = permission.reach;
        let is_other =
            |other: &Repository| !other.is_same_as(source) && !permission.is_for(other, scope);
        let covers = |other: &Repository| scope.overlaps(&Scope::Exactly(other.clone()));
        if self.others.iter().any(|other| is_other(other) && covers(other)) {
            return true;
        }
        let Some(SharedPath { path, not_from, is_given }) = &self.path else { return false };
        // Where no rule has moved the source, that path on its own registry is the source.
        let is_source = |host: &str| is_same_registry(host, source.host()) && path == source.path();
        let comes = |host: &str| {
            !is_source(host) && !not_from.iter().any(|gone| is_same_registry(gone, host))
        };
        let reaches_all = self.target.is_some() && reach == Reach::Broad && !is_given;
        match scope {
            Scope::Everything | Scope::Domain(_) => reaches_all,
            Scope::Host(host) => reaches_all && comes(host),
            Scope::Repository(_) | Scope::Exactly(_) | Scope::Image(_)
                if self.target.is_none() && reach == Reach::Named =>
            {
                false
            }
            Scope::Repository(at) => comes(at.host()) && is_at_or_below(path, at.path()),
            Scope::Exactly(at) => comes(at.host()) && path == at.path(),
            Scope::Image(image) => {
                let at = image.repository();
                comes(at.host()) && path == at.path()
            }
        }
    }
}

/// No target is known: what `verify` and `pack` judge by.
#[derive(Debug, Clone, Copy)]
pub struct UnknownPlaces;

impl Places for UnknownPlaces {
    fn place_of(&self, source: &Repository) -> Place {
        Place::unknown(source)
    }
}

/// Every source keeps its full name: a layout directory, or a host that pulls from the source itself.
#[derive(Debug, Clone, Copy)]
pub struct OwnPlaces;

impl Places for OwnPlaces {
    fn place_of(&self, source: &Repository) -> Place {
        Place::of_its_own(source)
    }
}
