//! The rule that one repository gets.

use super::document::Tree;
use super::{PolicyLevel, PolicyMergeError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Repository;
use bundle_oci::text::bounded;
use bundle_trust::policy::KeySource;

/// A repository all of whose carried manifests that a runtime could choose have signatures which the rule accepts: by
/// any of `keys`, for any name in the repository, recorded by any of `log_keys` when there are any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnforcedRepository {
    /// The **source** repository: policies speak of logical names.
    pub repository: Repository,
    /// Keys, one of which must have signed. Never empty. Files are absolute paths on the hosts.
    pub keys: Vec<KeySource>,
    /// Keys of transparency logs, one of which must have recorded the signature; empty when no log is demanded.
    pub log_keys: Vec<KeySource>,
}

impl EnforcedRepository {
    /// The level that hosts need for this rule.
    pub fn level(&self) -> PolicyLevel {
        if self.keys.len() > 1 || self.log_keys.len() > 1 {
            PolicyLevel::SEVERAL_KEYS
        } else if self.log_keys.is_empty() {
            PolicyLevel::ONE_KEY
        } else {
            PolicyLevel::LOG_KEY
        }
    }

    /// The list of requirements, as it is written. A scope is about everything below its repository too; so the second
    /// requirement demands a signature for the repository itself, which nothing below it has. Whoever pulls by the name of
    /// the repository needs one signature for both.
    pub(super) fn requirements(&self) -> Result<Tree, PolicyMergeError> {
        let mut all = vec![self.requirement(Tree::texts([("type", "matchRepository")]))?];
        // Not every version of the container stack takes an address of IPv6 there.
        if !self.repository.host().starts_with('[') {
            let name = self.repository.to_string();
            let itself = [("type", "exactRepository"), ("dockerRepository", &*name)];
            all.push(self.requirement(Tree::texts(itself))?);
        }
        Ok(Tree::List(all))
    }

    /// A list that demands the same of the repository, and of what is below it a signature for that.
    pub(super) fn by_name(&self) -> Result<Tree, PolicyMergeError> {
        Ok(Tree::List(vec![self.requirement(Tree::texts([("type", "matchRepository")]))?]))
    }

    /// A signature by these keys. The default identity, matchRepoDigestOrExact, refuses what plain cosign signs, which
    /// names no tag.
    fn requirement(&self, identity: Tree) -> Result<Tree, PolicyMergeError> {
        let name = self.repository.to_string();
        let mut members = vec![("type".to_owned(), Tree::Text("sigstoreSigned".into()))];
        let keys = sources("keyPath", "keyData", &self.keys, &name)?;
        members.push(keys.ok_or_else(|| PolicyMergeError::NoKey(name.clone()))?);
        members.extend(sources("rekorPublicKeyPath", "rekorPublicKeyData", &self.log_keys, &name)?);
        members.push(("signedIdentity".into(), identity));
        Ok(Tree::Object(members))
    }
}

/// The member that names these keys: `keyPath` for one, `keyPaths` for several.
fn sources(
    path: &str,
    data: &str,
    keys: &[KeySource],
    repository: &str,
) -> Result<Option<(String, Tree)>, PolicyMergeError> {
    let (mut paths, mut contents) = (Vec::new(), Vec::new());
    for key in keys {
        match key {
            KeySource::Path(file) => {
                let text = file.to_str().filter(|text| is_plain(text));
                let refused = || PolicyMergeError::KeyPath {
                    repository: repository.to_owned(),
                    path: bounded(&file.to_string_lossy()),
                };
                paths.push(Tree::Text(text.ok_or_else(refused)?.to_owned()));
            }
            KeySource::Data(content) => contents.push(Tree::Text(STANDARD.encode(content))),
        }
    }
    let member = |name: &str, mut all: Vec<Tree>| match all.len() {
        1 => (name.to_owned(), all.remove(0)),
        _ => (format!("{name}s"), Tree::List(all)),
    };
    match (paths.is_empty(), contents.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Ok(Some(member(path, paths))),
        (true, false) => Ok(Some(member(data, contents))),
        (false, false) => Err(PolicyMergeError::MixedSources(repository.to_owned())),
    }
}

/// An absolute path that means the same to everybody who reads it.
fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && !path.chars().any(char::is_control)
        && !path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."))
}
