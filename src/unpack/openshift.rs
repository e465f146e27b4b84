//! Which resources configure a cluster for what a bundle brought: where it is pulled from, whose signatures it must have.

use super::at_target::AtTarget;
use super::enforcement::{NotEnforceable, Signers};
use super::error::UnpackError;
use super::plan::Planned;
use crate::archive::ArchiveError;
use crate::archive::catalogue::CatalogueImage;
use crate::host::containers::apply::Unenforced;
use crate::host::openshift::{
    Earlier, KeyScopes, MirrorEntry, MirrorSetKind, MirrorSource, MirroredSource, OpenshiftError,
    ReleaseSignatures, Resource, ResourceName, check_mirror, check_scope, key_data,
    release_config_map,
};
use crate::oci::atomic::begins_as_openpgp;
use crate::oci::json::{self, Bounds};
use crate::oci::manifest::MAX_VALUES;
use crate::oci::{Digest, Meaning, Repository};
use crate::report::unpack::EmissionLeft;
use crate::trust::{Fingerprint, PublicKey};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of a configuration that is looked at for a label.
const MAX_CONFIG: u64 = 4 << 20;
/// Where OpenShift's releases are.
const RELEASES: (&str, &str) = ("quay.io", "openshift-release-dev/ocp-release");
/// What the configuration of a release image has.
const RELEASE_LABEL: &str = "io.openshift.release";
/// Most characters of a bundle's name that a resource's name has.
const MAX_NAME: usize = 64;

/// Resources, and what none could be made for.
#[derive(Debug, Default)]
pub(super) struct Resources {
    pub(super) resources: Vec<Resource>,
    pub(super) left: Vec<EmissionLeft>,
    /// What trusted signatures admitted and no policy names.
    pub(super) unenforced: Vec<Repository>,
}

impl Resources {
    /// Decides everything. Blocks: what can be enforced is found by verifying. `signed` holds the source repositories that
    /// trusted signatures admitted.
    pub(super) fn of(
        planned: &Planned,
        source: MirrorSource,
        at_target: &AtTarget,
        earlier: &Earlier,
        signed: &BTreeMap<Repository, Unenforced>,
    ) -> Result<Self, UnpackError> {
        let name = planned.verified.archive().inventory().name.as_deref();
        let name = resource_name(name);
        let mut all = Self::default();
        all.image_policies(planned, &name, at_target, earlier)?;
        let policies = Earlier::read(&all.resources)?;
        let mut open = signed.clone();
        open.retain(|name, _| !policies.enforces(name));
        all.unenforced = open.keys().cloned().collect();
        open.retain(|_, wanted| *wanted == Unenforced::NotServed);
        all.mirror_sets(planned, &name, source, earlier, &open)?;
        all.release_signatures(planned, earlier)?;
        Ok(all)
    }

    fn leave(
        &mut self,
        subject: &impl ToString,
        kind: &'static str,
        code: &'static str,
        why: &impl ToString,
    ) {
        let (subject, why) = (subject.to_string(), why.to_string());
        self.left.push(EmissionLeft { subject, kind, code, why });
    }

    /// Mirrors for pulls by digest, which fixes the content, and by tag. What the mirror has under a tag tomorrow would be
    /// taken unsigned where no policy demands a signature: repositories in `open`, and those above them, get none by tag.
    fn mirror_sets(
        &mut self,
        planned: &Planned,
        name: &str,
        policy: MirrorSource,
        earlier: &Earlier,
        open: &BTreeMap<Repository, Unenforced>,
    ) -> Result<(), UnpackError> {
        let plan = &planned.plan;
        let tagged: BTreeSet<usize> = plan
            .images()
            .iter()
            .filter(|image| image.source.tag().is_some())
            .map(|image| image.repository)
            .collect();
        let (mut by_digest, mut by_tag) = (Vec::new(), Vec::new());
        for (number, (source, mirror)) in plan.sources().iter().zip(plan.repositories()).enumerate()
        {
            if source == mirror {
                self.leave(source, "ImageDigestMirrorSet", "same-place", &"it is its own mirror");
                continue;
            }
            if let Err(error) = check_mirror(source).and_then(|()| check_mirror(mirror)) {
                self.leave(source, "ImageDigestMirrorSet", "host", &error);
                continue;
            }
            let mirrored = MirroredSource { source: source.clone(), mirrors: vec![mirror.clone()] };
            let one = MirrorEntry { mirrored, policy };
            let reaches = |other: &&Repository| *other == source || is_below(other, source);
            match open.keys().find(reaches) {
                _ if !tagged.contains(&number) => {}
                None => by_tag.push(one.clone()),
                Some(other) => {
                    let why = format!(
                        "no policy demands the signatures of {other}; \
                         --allow-unenforced {other} mirrors its tags all the same"
                    );
                    self.leave(source, "ImageTagMirrorSet", "unenforced", &why);
                }
            }
            by_digest.push(one);
        }
        let name: ResourceName = name.parse()?;
        for (kind, entries) in
            [(MirrorSetKind::ByDigest, by_digest), (MirrorSetKind::ByTag, by_tag)]
        {
            self.resources.extend(earlier.with_mirrors(kind, &name, entries)?);
        }
        Ok(())
    }

    /// One policy for each key, for the repositories of which it alone accepts all that was carried.
    fn image_policies(
        &mut self,
        planned: &Planned,
        name: &str,
        at_target: &AtTarget,
        earlier: &Earlier,
    ) -> Result<(), UnpackError> {
        const KIND: &str = "ClusterImagePolicy";
        let enforcement = planned.verified.enforcement(&|_| false, at_target)?;
        let mut enforced: BTreeMap<&Repository, Rule> = BTreeMap::new();
        for (repository, said) in enforcement.repositories() {
            match said.as_ref().map_err(Unfit::from).and_then(|signers| rule(repository, signers)) {
                Ok(rule) => {
                    enforced.insert(repository, rule);
                }
                Err(Unfit { code, why }) => self.leave(repository, KIND, code, &why),
            }
        }
        // A scope reaches below its repository, where it would refuse what has no scope of its own. The longest names
        // first: what is left out may leave out those above it. What earlier bundles brought is pulled, too.
        let unenforced = earlier.unenforced();
        let carried: Vec<&Repository> = enforcement.repositories().map(|(one, _)| one).collect();
        let is_carried = |name: &&Repository| carried.contains(name);
        let before: Vec<&Repository> = unenforced.iter().filter(|one| !is_carried(one)).collect();
        let carried = [carried, before].concat();
        let mut longest: Vec<&Repository> = enforced.keys().copied().collect();
        longest.sort_by_key(|repository| std::cmp::Reverse(repository.path().len()));
        for repository in longest {
            let refused = carried
                .iter()
                .find(|other| is_below(other, repository) && !enforced.contains_key(*other));
            if let Some(refused) = refused {
                enforced.remove(repository);
                let why = format!("it would refuse {refused} too, which lies below it");
                self.leave(repository, KIND, "above-another", &why);
            }
        }
        let mut groups: BTreeMap<(Fingerprint, Option<Fingerprint>), KeyScopes> = BTreeMap::new();
        for (repository, Rule { key, log }) in enforced {
            let fingerprints = (key.fingerprint(), log.as_ref().map(PublicKey::fingerprint));
            if let Some(group) = groups.get_mut(&fingerprints) {
                group.scopes.insert(repository.clone());
                continue;
            }
            let log_part =
                fingerprints.1.map_or_else(String::new, |log| format!("-{}", hex(&log, 8)));
            let name = format!("{name}-{}{log_part}", hex(&fingerprints.0, 16)).parse()?;
            let scopes = BTreeSet::from([repository.clone()]);
            groups.insert(fingerprints, KeyScopes { name, scopes, key, log_key: log });
        }
        let mut groups: Vec<KeyScopes> = groups.into_values().collect();
        for group in &mut groups {
            for scope in group.scopes.clone() {
                if let Some(policy) = earlier.other_rule(&scope, group)? {
                    let why = format!("{policy} of an earlier run demands another key for it");
                    self.leave(&scope, KIND, "other-rule", &why);
                    group.scopes.remove(&scope);
                }
            }
        }
        groups.retain(|group| !group.scopes.is_empty());
        self.resources.extend(earlier.with_policies(groups)?);
        Ok(())
    }

    /// GPG signatures of releases, by what they sign. The cluster verifies them itself.
    fn release_signatures(
        &mut self,
        planned: &Planned,
        earlier: &Earlier,
    ) -> Result<(), UnpackError> {
        const KIND: &str = "ConfigMap";
        let mut releases: BTreeMap<Digest, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for (entry, image, _) in planned.verified.images() {
            if image.signatures().is_empty()
                || !is_release(planned, entry.source.repository(), image)?
            {
                continue;
            }
            for signature in image.signatures() {
                let content = planned.signature(signature)?.content;
                if begins_as_openpgp(&content) {
                    releases.entry(signature.subject).or_default().insert(content.to_vec());
                } else {
                    self.leave(
                        &signature.name,
                        KIND,
                        "no-message",
                        &"it is not an OpenPGP message",
                    );
                }
            }
        }
        let mut maps = Vec::new();
        for (release, mut signatures) in releases {
            let file = format!("configmap-sha256-{}.yaml", release.hex());
            signatures.extend(earlier.signatures(&file).cloned());
            let signatures = signatures.into_iter().collect();
            match release_config_map(&ReleaseSignatures { release, signatures }) {
                Ok(resource) => maps.push(resource),
                Err(error) => self.leave(&release, KIND, "too-large", &error),
            }
        }
        maps.extend(earlier.other_config_maps(&maps));
        self.resources.extend(maps);
        Ok(())
    }
}

/// By what one repository is enforced.
struct Rule {
    key: PublicKey,
    log: Option<PublicKey>,
}

/// Why no policy can be made.
struct Unfit {
    code: &'static str,
    why: String,
}

impl From<&NotEnforceable> for Unfit {
    fn from(reason: &NotEnforceable) -> Self {
        Self { code: reason.code(), why: reason.to_string() }
    }
}

impl From<OpenshiftError> for Unfit {
    fn from(error: OpenshiftError) -> Self {
        let code = match error {
            OpenshiftError::Host(_) => "host",
            OpenshiftError::LongScope(_) => "long-name",
            _ => "key",
        };
        Self { code, why: error.to_string() }
    }
}

fn rule(repository: &Repository, signers: &Signers) -> Result<Rule, Unfit> {
    let unfit = |code, why: &str| Err(Unfit { code, why: why.to_owned() });
    check_scope(repository)?;
    let [key] = &signers.keys[..] else {
        return unfit("several-keys", "it needs several keys, and a policy has one");
    };
    let log = match &signers.logs[..] {
        [] => None,
        [log] => Some(log),
        _ => return unfit("several-logs", "it may be in several logs, and a policy has one"),
    };
    for key in std::iter::once(key).chain(log) {
        key_data(&key.to_pem())?;
    }
    Ok(Rule { key: key.clone(), log: log.cloned() })
}

fn is_below(repository: &Repository, above: &Repository) -> bool {
    repository.host() == above.host()
        && repository.path().strip_prefix(above.path()).is_some_and(|rest| rest.starts_with('/'))
}

/// What a configuration says about its image.
#[derive(Deserialize)]
struct ImageConfig {
    config: Option<Labelled>,
}

#[derive(Deserialize)]
struct Labelled {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, IgnoredAny>>,
}

/// Whether it is a release of OpenShift: by its repository, or by the label of one of its configurations.
fn is_release(
    planned: &Planned,
    repository: &Repository,
    image: &CatalogueImage,
) -> Result<bool, UnpackError> {
    if (repository.host(), repository.path()) == RELEASES {
        return Ok(true);
    }
    let (archive, catalogue) = (planned.verified.archive(), planned.verified.catalogue());
    for record in catalogue.manifests_of(image) {
        let manifest = catalogue.read_manifest(archive, record)?;
        let Meaning::Image(meaning) = manifest.meaning() else { continue };
        let config = match archive.read(&meaning.config.digest, MAX_CONFIG) {
            Ok(config) => config,
            // Longer than any configuration of a release, or not at hand in a stream.
            Err(ArchiveError::Limit(_) | ArchiveError::Absent(_) | ArchiveError::PassesOnce(_)) => {
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let config: Option<ImageConfig> = json::read(&config, Bounds::values(MAX_VALUES)).ok();
        let labels = config.and_then(|config| config.config).and_then(|config| config.labels);
        if labels.is_some_and(|labels| labels.contains_key(RELEASE_LABEL)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The name of resources for bundles of this name. It begins with `bundle`, so that whoever names a bundle cannot choose
/// the name of somebody else's resource. What does not fit into a resource's name is told apart by a hash.
fn resource_name(bundle: Option<&str>) -> String {
    let Some(bundle) = bundle.filter(|name| !name.is_empty()) else { return "bundle".to_owned() };
    let fitting = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let plain = bundle.len() <= MAX_NAME
        && bundle.split('-').all(|part| !part.is_empty() && part.chars().all(fitting));
    if plain {
        return format!("bundle-{bundle}");
    }
    let kept: String = bundle.chars().flat_map(char::to_lowercase).take(MAX_NAME).collect();
    let parts: Vec<&str> = kept.split(|c| !fitting(c)).filter(|part| !part.is_empty()).collect();
    let hash = &Digest::of(bundle.as_bytes()).hex()[..8];
    ["bundle"].into_iter().chain(parts).chain([hash]).collect::<Vec<_>>().join("-")
}

/// The first digits of a fingerprint.
fn hex(fingerprint: &Fingerprint, digits: usize) -> String {
    let text = fingerprint.to_string();
    text.rsplit(':').next().unwrap_or_default().chars().take(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_resources_are_valid_and_never_somebody_elses() {
        let hashed = |text: &str| Digest::of(text.as_bytes()).hex()[..8].to_owned();
        for (bundle, expected) in [
            (None, "bundle".to_owned()),
            (Some(""), "bundle".to_owned()),
            (Some("prod-4"), "bundle-prod-4".to_owned()),
            (Some("openshift"), "bundle-openshift".to_owned()),
            (Some("Prod"), format!("bundle-prod-{}", hashed("Prod"))),
            (Some("a.b_c"), format!("bundle-a-b-c-{}", hashed("a.b_c"))),
            (Some("-"), format!("bundle-{}", hashed("-"))),
            (Some("ä\n/../x"), format!("bundle-x-{}", hashed("ä\n/../x"))),
        ] {
            let name = resource_name(bundle);
            assert_eq!(name, expected);
            assert!(name.parse::<ResourceName>().is_ok(), "{name}");
        }
        let long = resource_name(Some(&"K".repeat(100_000)));
        assert!(long.len() < 100 && long.parse::<ResourceName>().is_ok(), "{long}");
    }

    #[test]
    fn only_whole_components_lie_below() {
        let name = |text: &str| text.parse::<Repository>().expect("a repository");
        let above = name("quay.io/org/app");
        assert!(is_below(&name("quay.io/org/app/sub"), &above));
        for other in ["quay.io/org/app", "quay.io/org/app2", "quay.io/org", "ghcr.io/org/app/sub"] {
            assert!(!is_below(&name(other), &above), "{other}");
        }
    }
}
