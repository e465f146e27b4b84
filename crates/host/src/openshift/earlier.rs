//! What earlier runs wrote, read again: a later bundle adds to it and takes nothing away.

use super::image_policy::{KeyScopes, cluster_image_policies, key_data};
use super::mirror_sets::{MirrorEntry, MirrorSetKind, MirrorSource, MirroredSource, mirror_set};
use super::resource::{OpenshiftError, Resource, ResourceName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Repository;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Resources of earlier runs.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    mirror_sets: Vec<EarlierMirrorSet>,
    policies: Vec<EarlierPolicy>,
    config_maps: BTreeMap<String, (Resource, BTreeSet<Vec<u8>>)>,
}

#[derive(Debug, Clone)]
struct EarlierMirrorSet {
    kind: MirrorSetKind,
    name: String,
    entries: Vec<MirrorEntry>,
}

#[derive(Debug, Clone)]
struct EarlierPolicy {
    resource: Resource,
    name: String,
    scopes: BTreeSet<Repository>,
    key_data: String,
    log_key_data: Option<String>,
}

/// Something that an earlier run wrote and that is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    /// The kind of the resource that had it.
    pub kind: &'static str,
    /// A source with its mirror, a scope, or the file of a ConfigMap.
    pub subject: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    spec: Option<Spec>,
    #[serde(default)]
    binary_data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    image_digest_mirrors: Vec<Wire>,
    #[serde(default)]
    image_tag_mirrors: Vec<Wire>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    policy: Option<WirePolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    source: String,
    mirrors: Vec<String>,
    mirror_source_policy: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePolicy {
    root_of_trust: RootOfTrust,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RootOfTrust {
    public_key: WireKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireKey {
    key_data: String,
    #[serde(default)]
    rekor_key_data: Option<String>,
}

impl Earlier {
    /// Reads what this program wrote.
    ///
    /// # Errors
    /// [`OpenshiftError::Earlier`] for anything else.
    pub fn read(resources: &[Resource]) -> Result<Self, OpenshiftError> {
        let mut all = Self::default();
        for resource in resources {
            let read = all.add(resource);
            read.ok_or_else(|| OpenshiftError::Earlier(resource.file.clone()))?;
        }
        Ok(all)
    }

    fn add(&mut self, resource: &Resource) -> Option<()> {
        let document: Document = serde_saphyr::from_str(&resource.content).ok()?;
        let name = document.metadata.name;
        match (document.kind.as_str(), document.spec) {
            ("ImageDigestMirrorSet", Some(spec)) => {
                self.add_mirrors(MirrorSetKind::ByDigest, name, &spec.image_digest_mirrors)?;
            }
            ("ImageTagMirrorSet", Some(spec)) => {
                self.add_mirrors(MirrorSetKind::ByTag, name, &spec.image_tag_mirrors)?;
            }
            ("ClusterImagePolicy", Some(spec)) => {
                let key = spec.policy?.root_of_trust.public_key;
                let scopes = spec.scopes.iter().map(|scope| scope.parse().ok());
                self.policies.push(EarlierPolicy {
                    resource: resource.clone(),
                    name,
                    scopes: scopes.collect::<Option<_>>()?,
                    key_data: key.key_data,
                    log_key_data: key.rekor_key_data,
                });
            }
            ("ConfigMap", None) => {
                let content = document.binary_data.values().map(|text| STANDARD.decode(text).ok());
                let signatures = content.collect::<Option<_>>()?;
                self.config_maps.insert(resource.file.clone(), (resource.clone(), signatures));
            }
            _ => return None,
        }
        Some(())
    }

    fn add_mirrors(&mut self, kind: MirrorSetKind, name: String, wires: &[Wire]) -> Option<()> {
        let entry = |wire: &Wire| {
            let mirrors = wire.mirrors.iter().map(|mirror| mirror.parse().ok());
            let mirrors = mirrors.collect::<Option<_>>()?;
            let source = wire.source.parse().ok()?;
            let policy = MirrorSource::named(&wire.mirror_source_policy)?;
            Some(MirrorEntry { mirrored: MirroredSource { source, mirrors }, policy })
        };
        let entries = wires.iter().map(entry).collect::<Option<_>>()?;
        self.mirror_sets.push(EarlierMirrorSet { kind, name, entries });
        Some(())
    }

    /// Sources that are mirrored and that no policy names.
    pub fn unenforced(&self) -> BTreeSet<Repository> {
        let entries = self.mirror_sets.iter().flat_map(|set| &set.entries);
        let sources = entries.map(|entry| &entry.mirrored.source);
        sources.filter(|source| self.policy_of(source).is_none()).cloned().collect()
    }

    /// True for a scope that a policy names.
    pub fn enforces(&self, scope: &Repository) -> bool {
        self.policy_of(scope).is_some()
    }

    fn policy_of(&self, scope: &Repository) -> Option<&EarlierPolicy> {
        self.policies.iter().find(|policy| policy.scopes.contains(scope))
    }

    /// The policy that demands other signatures of this scope than the key and the log.
    ///
    /// # Errors
    /// A key that no policy can hold.
    pub fn other_rule(
        &self,
        scope: &Repository,
        rule: &KeyScopes,
    ) -> Result<Option<&str>, OpenshiftError> {
        let Some(policy) = self.policy_of(scope) else { return Ok(None) };
        Ok((!policy.has_keys_of(rule)?).then_some(policy.name.as_str()))
    }

    /// Mirror sets of one kind with these entries in addition, in a set of this name. A source that a set of another
    /// name has stays there: a cluster joins all sets.
    ///
    /// # Errors
    /// Those of [`mirror_set`].
    pub fn with_mirrors(
        &self,
        kind: MirrorSetKind,
        name: &ResourceName,
        entries: Vec<MirrorEntry>,
    ) -> Result<Vec<Resource>, OpenshiftError> {
        let mut sets: BTreeMap<&str, BTreeMap<Repository, MirrorEntry>> = BTreeMap::new();
        let mut holders: HashMap<Repository, &str> = HashMap::new();
        for set in self.mirror_sets.iter().filter(|set| set.kind == kind) {
            for entry in &set.entries {
                let source = &entry.mirrored.source;
                holders.insert(source.clone(), &set.name);
                sets.entry(&set.name).or_default().insert(source.clone(), entry.clone());
            }
        }
        for entry in entries {
            let source = entry.mirrored.source.clone();
            let set = holders.get(&source).copied().unwrap_or(name.as_str());
            sets.entry(set).or_default().insert(source, entry);
        }
        let resource = |(name, entries): (&str, BTreeMap<Repository, MirrorEntry>)| {
            mirror_set(kind, &name.parse()?, &entries.into_values().collect::<Vec<_>>())
        };
        sets.into_iter().map(resource).collect()
    }

    /// Policies with these in addition. A scope that a policy has stays there.
    ///
    /// # Errors
    /// Those of [`cluster_image_policies`].
    pub fn with_policies(
        &self,
        mut groups: Vec<KeyScopes>,
    ) -> Result<Vec<Resource>, OpenshiftError> {
        let mut kept: Vec<&EarlierPolicy> = self.policies.iter().collect();
        for group in &mut groups {
            group.scopes.retain(|scope| self.policy_of(scope).is_none());
            if group.scopes.is_empty() {
                continue;
            }
            let mut others = Vec::new();
            for policy in kept {
                if is_numbered(&policy.name, group.name.as_str()) && policy.has_keys_of(group)? {
                    group.scopes.extend(policy.scopes.iter().cloned());
                } else {
                    others.push(policy);
                }
            }
            kept = others;
        }
        groups.retain(|group| !group.scopes.is_empty());
        let mut resources: Vec<Resource> = kept.iter().map(|one| one.resource.clone()).collect();
        resources.extend(cluster_image_policies(&groups)?);
        Ok(resources)
    }

    /// Signatures that the ConfigMap of this file has.
    pub fn signatures(&self, file: &str) -> impl Iterator<Item = &Vec<u8>> {
        self.config_maps.get(file).into_iter().flat_map(|(_, signatures)| signatures)
    }

    /// ConfigMaps whose file is not among these.
    pub fn other_config_maps(&self, resources: &[Resource]) -> Vec<Resource> {
        let is_there = |file: &str| resources.iter().any(|one| one.file == file);
        let all = self.config_maps.values().map(|(resource, _)| resource);
        all.filter(|resource| !is_there(&resource.file)).cloned().collect()
    }

    /// What is here and not in `after`.
    pub fn dropped(&self, after: &Self) -> Vec<Dropped> {
        let (before, after) = (self.statements(), after.statements());
        before.difference(&after).map(|(dropped, _)| dropped.clone()).collect()
    }

    /// Everything that is said; of a scope, with the key that it has.
    fn statements(&self) -> BTreeSet<(Dropped, &str)> {
        let mut all = BTreeSet::new();
        for set in &self.mirror_sets {
            for MirrorEntry { mirrored, .. } in &set.entries {
                let pair = |mirror| format!("{} from {mirror}", mirrored.source);
                let kind = set.kind.name();
                let mirrors = mirrored.mirrors.iter();
                all.extend(mirrors.map(|m| (Dropped { kind, subject: pair(m) }, "")));
            }
        }
        for policy in &self.policies {
            let kind = "ClusterImagePolicy";
            let scopes = policy.scopes.iter();
            let key = policy.key_data.as_str();
            all.extend(scopes.map(|scope| (Dropped { kind, subject: scope.to_string() }, key)));
        }
        let kind = "ConfigMap";
        let files = self.config_maps.keys();
        all.extend(files.map(|file| (Dropped { kind, subject: file.clone() }, "")));
        all
    }
}

impl EarlierPolicy {
    fn has_keys_of(&self, group: &KeyScopes) -> Result<bool, OpenshiftError> {
        let log = group.log_key.as_ref().map(|key| key_data(&key.to_pem())).transpose()?;
        Ok(self.key_data == key_data(&group.key.to_pem())? && self.log_key_data == log)
    }
}

/// True for a name and for that name with a number.
fn is_numbered(name: &str, base: &str) -> bool {
    let number = name.strip_prefix(base).and_then(|rest| rest.strip_prefix('-'));
    name == base
        || number.is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}
