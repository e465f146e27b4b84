//! First use of a publisher's key: on a terminal, the operator types its fingerprint, which came by another way than the
//! bundle. What the bundle carries is not shown: whoever reads it there and types it has compared nothing.

use super::exit::Status;
use super::failure::Failure;
use super::signals::Asking;
use super::standard_error::tell;
use super::text::{count, safe};
use bundle::oci::Digest;
use bundle::trust::{ImageVerdict, KeyFingerprint, KeyFingerprintError, Scope, ScopeError, Scoped};
use bundle::unpack::Refused;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

/// Longest line that is read, in bytes.
const LONGEST: u64 = 4096;
/// How often a question is asked.
const TRIES: usize = 3;
/// Most images that are named.
const NAMED: usize = 10;

/// True when somebody can be asked, and it could help. Never without a terminal: a script has compared nothing.
pub(super) fn may_ask(refused: &Refused) -> bool {
    std::io::stdin().is_terminal()
        && std::io::stderr().is_terminal()
        && !refused.without_anchor().is_empty()
}

/// What the operator typed.
pub(super) enum Typed {
    /// The fingerprint of a key that the bundle carries, and the images that it is for.
    Key(Scoped<KeyFingerprint>),
    /// The digest of this very bundle, as pack printed it.
    Bundle(Digest),
}

/// Asks for a fingerprint and its scope. A slip of the pen is told, and the question asked again.
///
/// # Errors
/// Nothing, or nothing that fits, was typed.
pub(super) fn ask(refused: &Refused) -> Result<Typed, Failure> {
    let images = refused.without_anchor();
    tell!("no key is trusted yet for {}:", count(images.len() as u64, "image"));
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
    let typed = until_it_fits("Fingerprint (sha256:… or openpgp:…): ", |text| {
        fingerprint(refused, text)
    })?;
    let value = match typed {
        Typed::Bundle(digest) => {
            tell!("That is the digest of this bundle. It counts as --expect-bundle does.");
            return Ok(Typed::Bundle(digest));
        }
        Typed::Key(Scoped { value, .. }) => value,
    };
    let question = "Whose images is it for? HOST, HOST/NAMESPACE or HOST/REPOSITORY: ";
    let scope = until_it_fits(question, |text| scope(&images, text))?;
    Ok(Typed::Key(Scoped { scope, value }))
}

/// A fingerprint that a key of the bundle has, or the digest of the bundle.
fn fingerprint(refused: &Refused, text: &str) -> Result<Typed, String> {
    // As gpg prints them: groups of upper-case digits.
    let text: String = text.to_ascii_lowercase().split_whitespace().collect();
    let value: KeyFingerprint =
        text.parse().map_err(|error: KeyFingerprintError| error.to_string())?;
    if refused.carries(&value) {
        return Ok(Typed::Key(Scoped { scope: Scope::Everything, value }));
    }
    match text.parse() {
        Ok(digest) if digest == refused.bundle_digest => Ok(Typed::Bundle(digest)),
        _ => Err("no carried key of a signer has this fingerprint".to_owned()),
    }
}

/// A scope that covers one of the images, and less than everything.
fn scope(images: &[&ImageVerdict], text: &str) -> Result<Scope, String> {
    let scope: Scope = text.parse().map_err(|error: ScopeError| error.to_string())?;
    if scope == Scope::Everything {
        return Err("a key is trusted for a registry, a namespace or a repository".to_owned());
    }
    match images.iter().any(|image| scope.covers(image.source())) {
        true => Ok(scope),
        false => Err(format!("{scope} covers no image of this bundle")),
    }
}

/// Asks until the answer fits, at most [`TRIES`] times.
fn until_it_fits<T>(
    question: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let mut tries = 1;
    loop {
        match read(&answer(question)?) {
            Ok(value) => return Ok(value),
            Err(why) if tries == TRIES => return Err(refuse(&why)),
            Err(why) => tell!("{}; try again", safe(&why)),
        }
        tries += 1;
    }
}

/// One line that somebody typed.
fn answer(question: &str) -> Result<String, Failure> {
    let _asking = Asking::begin();
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
