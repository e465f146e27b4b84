//! One file in `/etc/containers/registries.d`: the container stack looks for signatures at the mirror.
//!
//! The lookup is by physical name, so the mirror's host is named. A key that two files have makes every pull of the
//! host fail (containers/image, `loadAndMergeConfig`), so no key is written that another file has, and never
//! `default-docker`. Where another file names the host without saying anything about attachments, the repositories
//! below it are named instead: narrower keys go first, and what they leave open is still taken from the wider one.

use crate::containers::outcome::{Change, ChangeKind, ConfigFile, LeftAlone, Outcome};
use crate::quoting::quoted;
use bundle_oci::Repository;
use bundle_oci::text::bounded;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Name of the file.
pub const FILE: &str = "bundle.yaml";
const HEADER: &str = "# Written by bundle. Changes belong into another file: this one is refused when it was edited.\n";

/// Why nothing is written for a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupLeft {
    /// Signatures are looked for already.
    AlreadyEnabled {
        /// The key that says so.
        key: String,
        /// The file it is in.
        file: String,
    },
    /// Another file says that none are to be looked for.
    Disabled {
        /// The key that says so.
        key: String,
        /// The file it is in.
        file: String,
    },
    /// Another file has a key for exactly this repository that leaves it open; a second one is an error.
    Taken {
        /// The file it is in.
        file: String,
    },
}

/// The directory cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum RegistriesDError {
    /// A file that the container stack cannot read either: every pull of the host fails already.
    #[error("{file} cannot be read as registries.d configuration: {why}")]
    Unreadable {
        /// Its name.
        file: String,
        /// What the parser says, bounded.
        why: String,
    },
    /// Two other files have the same key: every pull of the host fails already.
    #[error("{key:?} is in {first} and in {second}, which the container stack refuses")]
    Duplicate {
        /// The key, bounded.
        key: String,
        /// One file.
        first: String,
        /// The other one.
        second: String,
    },
    /// Somebody edited this tool's own file.
    #[error("{FILE} was changed by hand; move what was added there to another file")]
    Edited,
}

#[derive(Deserialize)]
struct Registries {
    #[serde(default)]
    docker: Option<BTreeMap<String, Option<Namespace>>>,
}

#[derive(Deserialize, Default, Clone, Copy)]
struct Namespace {
    #[serde(default, rename = "use-sigstore-attachments")]
    attachments: Option<bool>,
}

/// What a key says, and in which file.
#[derive(Clone)]
struct Said {
    file: String,
    attachments: Option<bool>,
}

/// The new content of [`FILE`], given its content of today and the other `*.yaml` files of its directory. `mirrors`
/// are the repositories at the mirror that hold what was carried.
///
/// # Errors
/// [`RegistriesDError`].
pub fn merge(
    own: Option<&str>,
    others: &[ConfigFile],
    mirrors: &[Repository],
) -> Result<Outcome<LookupLeft>, RegistriesDError> {
    let others = read_others(others)?;
    let before = own.map(read_own).transpose()?.unwrap_or_default();
    let mut outcome = Outcome { content: None, changes: Vec::new(), left: Vec::new() };
    let mut keys = BTreeSet::new();
    for key in &before {
        match others.get(key) {
            Some(other) => outcome.changes.push(Change {
                subject: key.clone(),
                kind: ChangeKind::Removed { because: format!("{} has that key too", other.file) },
            }),
            None => drop(keys.insert(key.clone())),
        }
    }
    let mirrors: BTreeSet<&Repository> = mirrors.iter().collect();
    for mirror in mirrors {
        if let Err(reason) = enable(mirror, &others, &mut keys) {
            outcome.left.push(LeftAlone { subject: mirror.to_string(), reason });
        }
    }
    outcome.changes.extend(keys.difference(&before).map(Change::added));
    if !outcome.changes.is_empty() {
        outcome.content = Some(render(&keys));
    }
    Ok(outcome)
}

/// Sees to it that signatures of `mirror` are looked for.
fn enable(
    mirror: &Repository,
    others: &BTreeMap<String, Said>,
    keys: &mut BTreeSet<String>,
) -> Result<(), LookupLeft> {
    let host = mirror.host();
    if let Some((key, said)) = disabled_part(mirror, others) {
        return Err(LookupLeft::Disabled { key: key.clone(), file: said.file.clone() });
    }
    // From narrow to wide, as the stack looks: the first key that says anything decides.
    for key in names(mirror) {
        if keys.contains(&key) {
            return Ok(());
        }
        if let Some(Said { file, attachments: Some(enabled) }) = others.get(&key) {
            let file = file.clone();
            return Err(match enabled {
                true => LookupLeft::AlreadyEnabled { key, file },
                false => LookupLeft::Disabled { key, file },
            });
        }
    }
    let name = mirror.to_string();
    match (others.get(host), others.get(&name)) {
        (None, _) => drop(keys.insert(host.to_owned())),
        (Some(_), None) => drop(keys.insert(name)),
        (Some(_), Some(other)) => return Err(LookupLeft::Taken { file: other.file.clone() }),
    }
    Ok(())
}

/// The first key for a tag or a digest of the repository that says that no signatures are looked for.
fn disabled_part<'o>(
    mirror: &Repository,
    others: &'o BTreeMap<String, Said>,
) -> Option<(&'o String, &'o Said)> {
    let whole = mirror.to_string();
    let is_part =
        |key: &str| key.strip_prefix(&whole).is_some_and(|rest| rest.starts_with([':', '@']));
    others.iter().find(|(key, said)| is_part(key) && said.attachments == Some(false))
}

/// The repository, the namespaces above it, and the host. Wider keys say nothing about this host in particular.
fn names(repository: &Repository) -> impl Iterator<Item = String> {
    let whole = repository.to_string();
    let mut next = Some(whole);
    std::iter::from_fn(move || {
        let name = next.take()?;
        next = name.rsplit_once('/').map(|(above, _)| above.to_owned());
        Some(name)
    })
}

fn read_others(files: &[ConfigFile]) -> Result<BTreeMap<String, Said>, RegistriesDError> {
    let mut all: BTreeMap<String, Said> = BTreeMap::new();
    for file in files {
        for (key, attachments) in read(&file.name, &file.content)? {
            let said = Said { file: bounded(&file.name), attachments };
            if let Some(first) = all.insert(key.clone(), said) {
                return Err(RegistriesDError::Duplicate {
                    key: bounded(&key),
                    first: first.file,
                    second: bounded(&file.name),
                });
            }
        }
    }
    Ok(all)
}

fn read(name: &str, content: &str) -> Result<Vec<(String, Option<bool>)>, RegistriesDError> {
    let registries: Option<Registries> = serde_saphyr::from_str(content).map_err(|error| {
        RegistriesDError::Unreadable { file: bounded(name), why: bounded(&error.to_string()) }
    })?;
    let keys = registries.and_then(|registries| registries.docker).unwrap_or_default();
    let said = |(key, namespace): (String, Option<Namespace>)| {
        (key, namespace.unwrap_or_default().attachments)
    };
    Ok(keys.into_iter().map(said).collect())
}

/// The keys of this tool's own file, which must be what it writes, to the byte.
fn read_own(content: &str) -> Result<BTreeSet<String>, RegistriesDError> {
    let keys: BTreeSet<String> = read(FILE, content)
        .map_err(|_| RegistriesDError::Edited)?
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    if render(&keys) == content { Ok(keys) } else { Err(RegistriesDError::Edited) }
}

fn render(keys: &BTreeSet<String>) -> String {
    if keys.is_empty() {
        return format!("{HEADER}docker: {{}}\n");
    }
    let entry = |key: &String| format!("  {}:\n    use-sigstore-attachments: true\n", quoted(key));
    format!("{HEADER}docker:\n{}", keys.iter().map(entry).collect::<String>())
}

impl LookupLeft {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyEnabled { .. } => "already-enabled",
            Self::Disabled { .. } => "disabled",
            Self::Taken { .. } => "key-taken",
        }
    }
}

impl fmt::Display for LookupLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyEnabled { key, file } => {
                write!(f, "{file} has signatures looked for at {}", bounded(key))
            }
            Self::Disabled { key, file } => {
                write!(f, "{file} makes runtimes skip the signatures at {}", bounded(key))
            }
            Self::Taken { file } => write!(f, "{file} has a key for it, and no other file may"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(own: Option<&str>, others: &[(&str, &str)], mirrors: &[&str]) -> Outcome<LookupLeft> {
        let others: Vec<_> =
            others.iter().map(|(name, content)| ConfigFile::new(*name, *content)).collect();
        let mirrors: Vec<_> = mirrors.iter().map(|name| name.parse().expect("a name")).collect();
        merge(own, &others, &mirrors).expect("a merge")
    }

    fn keys(content: &str) -> Vec<String> {
        read_own(content).expect("own content").into_iter().collect()
    }

    fn codes(outcome: &Outcome<LookupLeft>) -> Vec<(&str, &'static str)> {
        outcome.left.iter().map(|left| (left.subject.as_str(), left.reason.code())).collect()
    }

    const ON: &str = "use-sigstore-attachments: true";
    const OFF: &str = "use-sigstore-attachments: false";

    #[test]
    fn the_host_is_named_once_and_kept_over_runs() {
        let first = run(None, &[], &["r.example:5000/a", "r.example:5000/b/c"]);
        let content = first.content.expect("content");
        assert_eq!(
            content,
            format!("{HEADER}docker:\n  \"r.example:5000\":\n    use-sigstore-attachments: true\n")
        );
        assert_eq!(run(Some(&content), &[], &["r.example:5000/z"]).content, None);
        let more = run(Some(&content), &[], &["[::1]:5000/z"]).content.expect("content");
        assert_eq!(keys(&more), ["[::1]:5000", "r.example:5000"]);
    }

    #[test]
    fn what_another_file_says_decides() {
        let host = |said: &str| format!("docker:\n  r.example:\n    {said}\n");
        let both = |said: &str| format!("docker:\n  r.example: {{}}\n  r.example/a: {{{said}}}\n");
        for (other, expected, code) in [
            (host(ON), None, Some("already-enabled")),
            (host(OFF), None, Some("disabled")),
            (host("lookaside: https://x.example"), Some("r.example/a"), None),
            ("docker:\n  r.example:\n".to_owned(), Some("r.example/a"), None),
            (both(""), None, Some("key-taken")),
            (both(OFF), None, Some("disabled")),
            (both(ON), None, Some("already-enabled")),
            (format!("docker:\n  r.example/a: {{{OFF}}}\n"), None, Some("disabled")),
            (format!("docker:\n  r.example/a:1.0: {{{OFF}}}\n"), None, Some("disabled")),
            (format!("docker:\n  \"r.example/a@sha256:1\": {{{OFF}}}\n"), None, Some("disabled")),
            (
                format!("docker:\n  r.example/a: {{{ON}}}\n  r.example/a:1.0: {{{OFF}}}\n"),
                None,
                Some("disabled"),
            ),
            (format!("docker:\n  r.example/a:1.0: {{{ON}}}\n"), Some("r.example"), None),
            (format!("docker:\n  r.example/a/b:1.0: {{{OFF}}}\n"), Some("r.example"), None),
            (format!("docker:\n  r.example/b: {{{OFF}}}\n"), Some("r.example"), None),
            (format!("docker:\n  \"*.example\": {{{OFF}}}\n"), Some("r.example"), None),
            (format!("default-docker: {{{OFF}}}\n"), Some("r.example"), None),
            (String::new(), Some("r.example"), None),
            ("# nothing\n".to_owned(), Some("r.example"), None),
        ] {
            let outcome = run(None, &[("site.yaml", &other)], &["r.example/a"]);
            let written = outcome.content.as_deref().map(keys);
            assert_eq!(written, expected.map(|key| vec![key.to_owned()]), "{other}");
            assert_eq!(outcome.left.first().map(|left| left.reason.code()), code, "{other}");
        }
    }

    #[test]
    fn a_host_is_named_for_some_though_another_is_disabled() {
        let other = format!("docker:\n  r.example/a: {{{OFF}}}\n");
        let outcome = run(None, &[("site.yaml", &other)], &["r.example/a", "r.example/b"]);
        assert_eq!(keys(outcome.content.as_deref().expect("content")), ["r.example"]);
        assert_eq!(codes(&outcome), [("r.example/a", "disabled")]);
    }

    #[test]
    fn a_key_that_another_file_has_got_since_is_given_up() {
        let own = run(None, &[], &["r.example/a"]).content.expect("content");
        let other = format!("docker:\n  r.example: {{{ON}}}\n");
        let outcome = run(Some(&own), &[("site.yaml", &other)], &["r.example/a"]);
        let content = outcome.content.as_deref().expect("content");
        assert_eq!(keys(content), <[String; 0]>::default());
        assert!(outcome.changes[0].to_string().contains("site.yaml"), "{}", outcome.changes[0]);
        assert_eq!(run(Some(content), &[("site.yaml", &other)], &["r.example/a"]).content, None);
    }

    #[test]
    fn an_edited_file_and_unusable_others_are_errors() {
        let own = run(None, &[], &["r.example/a"]).content.expect("content");
        for edited in [
            format!("{own}# mine\n"),
            own.replace("true", "false"),
            own.replace("docker:", "default-docker: {}\ndocker:"),
            format!("{own}    lookaside: https://x.example\n"),
            String::new(),
        ] {
            let result = merge(Some(&edited), &[], &[]);
            assert!(matches!(result, Err(RegistriesDError::Edited)), "{edited}");
        }
        let file = |name: &str, content: &str| ConfigFile::new(name, content);
        let broken = merge(None, &[file("a.yaml", "docker: [")], &[]);
        assert!(matches!(broken, Err(RegistriesDError::Unreadable { .. })));
        let wrong =
            merge(None, &[file("a.yaml", "docker: {r: {use-sigstore-attachments: 3}}")], &[]);
        assert!(matches!(wrong, Err(RegistriesDError::Unreadable { .. })));
        let twice =
            [file("a.yaml", "docker: {r.example: {}}"), file("b.yaml", "docker: {r.example: {}}")];
        assert!(matches!(merge(None, &twice, &[]), Err(RegistriesDError::Duplicate { .. })));
    }
}
