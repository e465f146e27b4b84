//! What the tools say of the files that would be written: whatever they refuse would stop every pull of the host.
//!
//! skopeo and podman take all of a user's configuration from below `$HOME/.config/containers` when it is there. So they
//! are asked in a home that holds the files as they would be, and one more entry that blocks a host which does not
//! exist. To pull from that host fails without a request to anybody, and says that it is blocked, once policy,
//! `registries.d` and `registries.conf` have been read. (Tried with skopeo 1.22 and podman 4.3.)
//!
//! Some distributions build the tools without the code that checks Sigstore signatures. They read the policy and then
//! refuse every image of which it demands one. A second home has an image whose signature lacks the signature: a tool
//! that checks any says just that. (Tried with podman 4.3 of Debian 12, which does not.)

use super::ConfigError;
use super::existing::{DropIns, Existing};
use super::home::{Home, Tool};
use super::planned::PlannedFile;
use crate::containers::policy::PolicyLevel;
use crate::containers::{registries_conf, registries_d};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::text::bounded_to;

/// Most of what a tool says that a message repeats, in characters.
const MAX_SHOWN: usize = 600;
/// A policy for a host that has none: the tools do not start without.
const NO_POLICY: &str = r#"{"default": [{"type": "reject"}]}"#;
/// Some key; nobody has its other half.
const ANY_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEyrimG5+6lEpRh1a+I4WMM8gPBHy\n\
nJg+ohs5LPkN4Px+/9yKKVvbbceZwA3LePCGfZz8aQ36ak1f17sc5TR8Bg==\n\
-----END PUBLIC KEY-----\n";
/// What a signature must have beside its payload (cosign's SIGNATURE_SPEC).
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// A tool that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedBy {
    /// Its name.
    pub tool: &'static str,
    /// What came of it.
    pub outcome: Parsed,
}

/// What a tool made of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// It has read them all.
    Accepted,
    /// It has read them all, but cannot check what they demand: it will refuse every image that has to be signed.
    ChecksNothing(String),
    /// It does not take them, for this reason.
    Refused(String),
    /// It failed for another reason, before or after.
    Unclear(String),
}

/// Has the files read by the tools that are on the `PATH`, when one of them changes.
pub(super) fn check(
    existing: &Existing,
    files: &[PlannedFile],
) -> Result<Vec<ParsedBy>, ConfigError> {
    let is_changed = |file: &&PlannedFile| file.changes_file();
    if !files.iter().any(|file| file.changes_file()) {
        return Ok(Vec::new());
    }
    let demands = files.iter().filter(is_changed).any(|file| file.name == "policy.json");
    let mut parsed = Vec::new();
    for tool in Tool::all() {
        let Some(mut outcome) = read(*tool, existing, files)? else { continue };
        if outcome == Parsed::Accepted && demands {
            outcome = verify(*tool)?;
        }
        parsed.push(ParsedBy { tool: tool.name(), outcome });
    }
    Ok(parsed)
}

/// Whether a tool takes the files; `None` when it is not there.
fn read(
    tool: Tool,
    existing: &Existing,
    files: &[PlannedFile],
) -> Result<Option<Parsed>, ConfigError> {
    let home = Home::make()?;
    let after = |name: &str| {
        let file = files.iter().find(|file| file.name == name);
        file.and_then(|file| file.after())
    };
    home.configure("policy.json", after("policy.json").unwrap_or(NO_POLICY.as_bytes()))?;
    let main = existing.main.as_ref().map_or("", |file| &file.content);
    home.configure("registries.conf", main.as_bytes())?;
    let lookups = after(registries_d::FILE).map(|content| (registries_d::FILE, content));
    let mirrors = after(registries_conf::FILE).map(|content| (registries_conf::FILE, content));
    write_drop_ins(&home, "registries.d", &existing.lookups, lookups)?;
    write_drop_ins(&home, "registries.conf.d", &existing.mirrors, mirrors)?;
    // Nobody knows its name beforehand, so no other file has an entry for it.
    ask(tool, &home)
}

/// What a tool makes of the files in a home that blocks the host of its name.
fn ask(tool: Tool, home: &Home) -> Result<Option<Parsed>, ConfigError> {
    let nowhere = format!("{}.invalid", home.name());
    let blocked =
        format!("[[registry]]\nprefix = \"{nowhere}\"\nlocation = \"{nowhere}\"\nblocked = true\n");
    home.configure(&format!("registries.conf.d/{nowhere}.conf"), blocked.as_bytes())?;
    let Some(said) = home.fetch(tool, &format!("docker://{nowhere}/image:1"))? else {
        return Ok(None);
    };
    let containers = home.containers().display().to_string();
    let shown = shown(&said.replace(&containers, "/etc/containers"));
    Ok(Some(if said.contains(&format!("{nowhere} is blocked in")) {
        Parsed::Accepted
    } else if said.contains(&containers) {
        Parsed::Refused(shown)
    } else {
        Parsed::Unclear(shown)
    }))
}

fn write_drop_ins(
    home: &Home,
    directory: &str,
    existing: &DropIns,
    own: Option<(&str, &[u8])>,
) -> Result<(), ConfigError> {
    let others = existing.others.iter().map(|file| (file.name.as_str(), file.content.as_bytes()));
    for (name, content) in others.chain(own) {
        home.configure(&format!("{directory}/{name}"), content)?;
    }
    Ok(())
}

/// The newest level that every tool of this host takes, found out by having each read a policy of that level; `None`
/// where there is no tool. A tool that did not say, and CRI-O, which cannot be asked, count as the oldest.
pub(super) fn level() -> Result<Option<PolicyLevel>, ConfigError> {
    let mut lowest = is_there("crio").then_some(PolicyLevel::ONE_KEY);
    for tool in Tool::all() {
        if let Some(level) = level_of(*tool)? {
            lowest = Some(lowest.map_or(level, |known: PolicyLevel| known.min(level)));
        }
    }
    Ok(lowest)
}

fn level_of(tool: Tool) -> Result<Option<PolicyLevel>, ConfigError> {
    let key = STANDARD.encode(ANY_KEY);
    let several = format!(r#""keyDatas": ["{key}", "{key}"]"#);
    let logged = format!(r#""keyData": "{key}", "rekorPublicKeyData": "{key}""#);
    for (level, keys) in [(PolicyLevel::SEVERAL_KEYS, several), (PolicyLevel::LOG_KEY, logged)] {
        let home = Home::make()?;
        let policy = format!(r#"{{"default": [{{"type": "sigstoreSigned", {keys}}}]}}"#);
        home.configure("policy.json", policy.as_bytes())?;
        home.configure("registries.conf", b"")?;
        match ask(tool, &home)? {
            None => return Ok(None),
            Some(Parsed::Accepted) => return Ok(Some(level)),
            Some(_) => {}
        }
    }
    Ok(Some(PolicyLevel::ONE_KEY))
}

/// True when a program of this name is on the `PATH`.
fn is_there(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Whether a tool that takes the files checks what they demand.
fn verify(tool: Tool) -> Result<Parsed, ConfigError> {
    let home = Home::make()?;
    let policy = format!(
        r#"{{"default": [{{"type": "sigstoreSigned", "keyData": "{}"}}]}}"#,
        STANDARD.encode(ANY_KEY)
    );
    home.configure("policy.json", policy.as_bytes())?;
    for (name, content) in IMAGE {
        home.write(&format!("image/{name}"), content.as_bytes())?;
    }
    let said = home.fetch(tool, &format!("dir:{}", home.below("image")))?.unwrap_or_default();
    Ok(match said.contains("Source image rejected") && !said.contains(SIGNATURE) {
        true => Parsed::ChecksNothing(shown(&said)),
        false => Parsed::Accepted,
    })
}

/// An image in the form of `dir:` (containers-transports(5)). Its content is never asked for.
const IMAGE: [(&str, &str); 3] = [
    ("version", "Directory Transport Version: 1.1\n"),
    (
        "manifest.json",
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#,
    ),
    (
        "signature-1",
        "\0sigstore-json\n{\"mimeType\":\"application/vnd.dev.cosign.simplesigning.v1+json\",\"payload\":\"e30=\",\"annotations\":{}}",
    ),
];

/// What a tool said, as a sentence: without the form of its log lines, and without the lines that say only that it goes
/// on.
fn shown(said: &str) -> String {
    let sentence = |line: &str| {
        let line = line.trim();
        let (level, message) = match line.split_once(" msg=") {
            Some((before, message)) if before.starts_with("time=") => {
                let quoted = message.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                let message = quoted.unwrap_or(message).replace("\\\"", "\"");
                (before.split_once("level=").map_or("", |(_, level)| level), message)
            }
            _ => ("", line.to_owned()),
        };
        let message = message.strip_prefix("Error: ").unwrap_or(&message).to_owned();
        (!matches!(level, "debug" | "info" | "warning")).then_some(message)
    };
    let told: Vec<String> =
        said.lines().filter_map(sentence).filter(|line| !line.is_empty()).collect();
    let told = if told.is_empty() { said.trim().to_owned() } else { told.join("; ") };
    bounded_to(&told, MAX_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_line_of_a_tool_is_told_as_a_sentence() {
        for (said, told) in [
            (
                "Error: Source image rejected: sigstore disabled\n",
                "Source image rejected: sigstore disabled",
            ),
            (
                "time=\"2026-01-01T00:00:00Z\" level=fatal msg=\"no \\\"policy\\\" here\"\n",
                "no \"policy\" here",
            ),
            (
                "time=\"2026\" level=warning msg=\"goes on\"\nError: could not find \"netavark\"",
                "could not find \"netavark\"",
            ),
            ("out of order\n", "out of order"),
            (
                "time=\"2026\" level=info msg=\"only this\"",
                "time=\"2026\" level=info msg=\"only this\"",
            ),
            ("", ""),
        ] {
            assert_eq!(shown(said), told, "{said}");
        }
    }
}
