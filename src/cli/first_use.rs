//! First use of a publisher's key: on a terminal, the operator types its fingerprint, which came by another way than the
//! bundle. What the bundle carries is not shown: whoever reads it there and types it has compared nothing.

use super::exit::Status;
use super::failure::Failure;
use super::output::tell;
use super::text::{count, safe};
use bundle::trust::{KeyFingerprint, KeyFingerprintError, Scope, Scoped};
use bundle::unpack::Refused;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

/// Longest line that is read, in bytes.
const LONGEST: u64 = 4096;
/// Most images that are named.
const NAMED: usize = 10;

/// True when somebody can be asked, and it could help. Never without a terminal: a script has compared nothing.
pub(super) fn may_ask(refused: &Refused) -> bool {
    std::io::stdin().is_terminal()
        && std::io::stderr().is_terminal()
        && !refused.without_anchor().is_empty()
}

/// Asks for a fingerprint and its scope.
///
/// # Errors
/// Nothing, or something else, was typed.
pub(super) fn ask(refused: &Refused) -> Result<Scoped<KeyFingerprint>, Failure> {
    let images = refused.without_anchor();
    tell!("nobody is trusted to vouch for {}:", count(images.len() as u64, "image"));
    for image in images.iter().take(NAMED) {
        tell!("  {}", safe(&image.source().to_string()));
    }
    if images.len() > NAMED {
        tell!("  and {} more", images.len() - NAMED);
    }
    tell!(
        "Keys in the bundle prove nothing by themselves. If you have the fingerprint of the publisher's key by another"
    );
    tell!("way than this bundle, type it now. Ctrl-D gives up, and nothing is pushed.");
    // As gpg prints them: groups of upper-case digits.
    let typed = answer("Fingerprint (sha256:… or openpgp:…): ")?.to_ascii_lowercase();
    let value: KeyFingerprint = typed
        .split_whitespace()
        .collect::<String>()
        .parse()
        .map_err(|error: KeyFingerprintError| refuse(&error.to_string()))?;
    let scope = answer("Whose images is it for? HOST, HOST/NAMESPACE or HOST/REPOSITORY: ")?;
    let scope: Scope =
        scope.parse().map_err(|error: bundle::trust::ScopeError| refuse(&error.to_string()))?;
    Ok(Scoped { scope, value })
}

/// One line that somebody typed.
fn answer(question: &str) -> Result<String, Failure> {
    let mut stderr = std::io::stderr();
    let asked = stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush());
    let mut line = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().take(LONGEST).read_line(&mut line));
    match read {
        Ok(_) if line.ends_with('\n') && !line.trim().is_empty() => Ok(line.trim().to_owned()),
        Ok(_) => {
            tell!("");
            Err(refuse("nothing was typed"))
        }
        Err(error) => Err(refuse(&format!("the terminal cannot be read: {error}"))),
    }
}

fn refuse(why: &str) -> Failure {
    let what =
        std::io::Error::other(format!("no key was trusted, so no image is published: {why}"));
    Failure::of(Status::Refused, &what)
        .hint("ask the publisher, by another way than this bundle, for the fingerprint of the key or for the key itself")
}
