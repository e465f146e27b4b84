//! One PEM block out of a file (RFC 7468), with everything refused that could be taken for another key.
//!
//! No PEM library: those at hand skip what they do not know, or stop at the first block; what matters here is to see
//! all that is in the file, and to say which of it does not belong there.

use super::text::bounded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Largest key file read. An RSA-8192 key has 1.5 KiB; vendors put some prose before it.
pub const MAX_PEM: usize = 64 << 10;

const PUBLIC_KEY: &str = "PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";
const BEGIN: &str = "-----BEGIN";
/// Characters of a line of base64 (RFC 7468 §2).
const LINE: usize = 64;

/// Why a file does not hold exactly one public key block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Longer than [`MAX_PEM`].
    #[error("the file has {0} bytes, more than the {MAX_PEM} of a key file")]
    TooLarge(usize),
    /// No `-----BEGIN` anywhere.
    #[error("there is no PEM block in it")]
    NoBlock,
    /// A private key: it has no business where public keys are read.
    #[error("it holds a private key; give the public key instead")]
    PrivateKey,
    /// A certificate is not a key: what it vouches for is decided by other rules.
    #[error("it holds a certificate, not a bare public key")]
    Certificate,
    /// Some other block, such as `RSA PUBLIC KEY` or `PGP PUBLIC KEY BLOCK`.
    #[error("it holds a block {0:?}, expected one {PUBLIC_KEY:?}")]
    OtherBlock(String),
    /// Several public keys: which one is meant is not for us to guess.
    #[error("it holds {0} public keys, expected one")]
    SeveralKeys(usize),
    /// Text after the block.
    #[error("there is text after the public key block")]
    Trailing,
    /// The block itself is not well formed.
    #[error("the public key block is damaged: {0}")]
    Damaged(&'static str),
}

/// The DER inside the only block of `file`, which must be a `PUBLIC KEY`. Prose before the block is allowed, as RFC
/// 7468 §2 says and the keys that Red Hat ships have.
///
/// # Errors
/// [`PemError`], one kind for each thing people put there by mistake.
pub(crate) fn public_key_block(file: &[u8]) -> Result<Vec<u8>, PemError> {
    if file.len() > MAX_PEM {
        return Err(PemError::TooLarge(file.len()));
    }
    let text = String::from_utf8_lossy(file);
    let labels: Vec<&str> = text.split(BEGIN).skip(1).map(label).collect();
    if labels.is_empty() {
        return Err(PemError::NoBlock);
    }
    if labels.iter().any(|label| label.contains("PRIVATE KEY")) {
        return Err(PemError::PrivateKey);
    }
    if let Some(other) = labels.iter().find(|label| **label != PUBLIC_KEY) {
        return Err(if other.contains("CERTIFICATE") {
            PemError::Certificate
        } else {
            PemError::OtherBlock(bounded(other))
        });
    }
    if labels.len() > 1 {
        return Err(PemError::SeveralKeys(labels.len()));
    }
    let begin = format!("{BEGIN} {PUBLIC_KEY}-----");
    let end = format!("-----END {PUBLIC_KEY}-----");
    let block = text.split_once(&begin).and_then(|(before, rest)| {
        let (body, after) = rest.split_once(&end)?;
        let own_lines = at_line_start(before) && at_line_start(body) && at_line_end(body);
        own_lines.then_some((body, after))
    });
    let Some((body, after)) = block else {
        return Err(PemError::Damaged("its first or last line is not as it must be"));
    };
    if !after.trim().is_empty() {
        return Err(PemError::Trailing);
    }
    let joined: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(joined).map_err(|_| PemError::Damaged("its content is not base64"))
}

/// The DER inside every block of `file`, which must be `CERTIFICATE` blocks and nothing else but white space.
///
/// # Errors
/// [`PemError`]: no block, another block, text beside them.
pub(crate) fn certificate_blocks(file: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    if file.len() > MAX_PEM {
        return Err(PemError::TooLarge(file.len()));
    }
    let damaged = PemError::Damaged("it is not a sequence of certificate blocks");
    let mut rest = std::str::from_utf8(file).map_err(|_| damaged.clone())?.trim();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        if !rest.starts_with(BEGIN) {
            return Err(damaged);
        }
        if label(&rest[BEGIN.len()..]) != CERTIFICATE {
            return Err(PemError::OtherBlock(bounded(label(&rest[BEGIN.len()..]))));
        }
        let block = rest
            .strip_prefix(&format!("{BEGIN} {CERTIFICATE}-----"))
            .and_then(|inner| inner.split_once(&format!("-----END {CERTIFICATE}-----")));
        let Some((body, after)) = block else {
            return Err(damaged);
        };
        let joined: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        blocks.push(STANDARD.decode(joined).map_err(|_| damaged.clone())?);
        rest = after.trim_start();
    }
    if blocks.is_empty() { Err(PemError::NoBlock) } else { Ok(blocks) }
}

fn at_line_start(before: &str) -> bool {
    before.is_empty() || before.ends_with(['\r', '\n'])
}

/// White space after a boundary is no part of it (RFC 7468 §3, `*WSP`).
fn at_line_end(after: &str) -> bool {
    after.trim_start_matches([' ', '\t']).starts_with(['\r', '\n'])
}

/// One block with lines of 64 characters and one newline at the end.
pub(crate) fn encode_public_key(der: &[u8]) -> String {
    encode(PUBLIC_KEY, der)
}

/// The same for a block with any label.
pub fn encode(label: &str, content: &[u8]) -> String {
    let body = STANDARD.encode(content);
    let mut text = format!("{BEGIN} {label}-----\n");
    for (place, character) in body.chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text + &format!("\n-----END {label}-----\n")
}

fn label(after_begin: &str) -> &str {
    let line = after_begin.lines().next().unwrap_or_default();
    line.split("-----").next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_blocks_are_read_in_order_and_nothing_beside_them() {
        let block = |body: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        };
        let read = |text: &str| certificate_blocks(text.as_bytes());
        let two = format!("\n{}\r\n{}", block("AA=="), block("AQ=="));
        assert_eq!(read(&two), Ok(vec![vec![0], vec![1]]));
        assert_eq!(read(" \n"), Err(PemError::NoBlock));
        let key = block("AA==").replace("CERTIFICATE", "PUBLIC KEY");
        assert_eq!(read(&key), Err(PemError::OtherBlock("PUBLIC KEY".into())));
        let large = " ".repeat(MAX_PEM + 1);
        assert_eq!(read(&large), Err(PemError::TooLarge(MAX_PEM + 1)));
        for damaged in [
            format!("prose\n{}", block("AA==")),
            format!("{}prose", block("AA==")),
            block("A"),
            block("AA==").replace("-----END", "-----"),
        ] {
            assert!(matches!(read(&damaged), Err(PemError::Damaged(_))), "{damaged}");
        }
    }
}
