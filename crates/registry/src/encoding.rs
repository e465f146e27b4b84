//! Answers that a proxy compressed on the way, though `identity` was asked for. What counts is always the content itself:
//! its digest and its length.

use super::{Asked, RegistryError};
use bytes::Bytes;
use flate2::{read, write};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use std::io::{self, Read as _, Write as _};

/// What is decoded at a time: it becomes at most 4 MiB.
const STEP: usize = 4 << 10;
/// How every gzip stream begins (RFC 1952 §2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// True when an answer says that it is gzip.
pub(super) fn is_gzip(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| matches!(value.trim(), "gzip" | "x-gzip"))
}

/// The content of a whole answer that says that it is gzip, at most `limit` bytes.
///
/// # Errors
/// When it is longer, or not gzip after all. What does not begin as gzip is the content already.
pub(super) fn decoded(
    body: Bytes,
    limit: u64,
    asked: impl Fn() -> Asked,
) -> Result<Bytes, RegistryError> {
    if !body.starts_with(&MAGIC) {
        return Ok(body);
    }
    let mut content = Vec::new();
    let mut decoder = read::MultiGzDecoder::new(&body[..]).take(limit.saturating_add(1));
    match decoder.read_to_end(&mut content) {
        Err(error) => Err(broken(asked(), &error)),
        Ok(_) if content.len() as u64 > limit => {
            let why = format!("the answer is longer than {limit} bytes");
            Err(RegistryError::bad_answer(asked(), why))
        }
        Ok(_) => Ok(content.into()),
    }
}

/// The error of an answer that is gzip by its header and not by its bytes.
pub(super) fn broken(asked: Asked, error: &io::Error) -> RegistryError {
    RegistryError::bad_answer(
        asked,
        format!("the answer was compressed on the way, and is damaged: {error}"),
    )
}

/// Decodes what streams by, a little at a time, so that nothing that expands fills memory.
pub(super) struct Gunzip {
    decoder: write::MultiGzDecoder<Vec<u8>>,
    pending: Bytes,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self { decoder: write::MultiGzDecoder::new(Vec::new()), pending: Bytes::new() }
    }
}

impl Gunzip {
    /// Takes the next piece, when the one before was given back whole.
    pub(super) fn feed(&mut self, piece: Bytes) {
        self.pending = piece;
    }

    /// The next piece of content; `None` when more has to be fed.
    ///
    /// # Errors
    /// When this is not gzip.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.pending.is_empty() {
            let step = self.pending.split_to(STEP.min(self.pending.len()));
            self.decoder.write_all(&step)?;
            self.decoder.flush()?;
            let content = std::mem::take(self.decoder.get_mut());
            if !content.is_empty() {
                return Ok(Some(content.into()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::{Method, Url};

    fn asked() -> Asked {
        Asked::new(&Method::GET, &Url::parse("https://r.example/v2/").expect("a URL"))
    }

    #[test]
    fn what_expands_beyond_its_bound_is_refused() {
        let content = vec![0; 100_000];
        let body = Bytes::from(gzip(&content));
        assert!(decoded(body.clone(), 100_000, asked).expect("decoded") == content);
        let error = decoded(body, 99_999, asked).expect_err("too long").to_string();
        assert!(error.contains("longer than 99999 bytes"), "{error}");
    }

    #[test]
    fn what_is_not_compressed_is_the_content() {
        let plain = Bytes::from_static(b"{}");
        assert_eq!(decoded(plain.clone(), 9, asked).expect("as it is"), plain);
        let damaged = [&gzip(b"content")[..12], &[0xff; 9]].concat();
        assert!(decoded(damaged.into(), 99, asked).is_err());
    }

    #[test]
    fn a_stream_is_decoded_in_small_pieces() {
        let content = vec![7; 12 << 20];
        let body = gzip(&content);
        let mut gunzip = Gunzip::default();
        let (mut length, mut largest) = (0, 0);
        for piece in body.chunks(10_000) {
            gunzip.feed(Bytes::copy_from_slice(piece));
            while let Some(piece) = gunzip.next().expect("gzip") {
                assert!(piece.iter().all(|byte| *byte == 7));
                (length, largest) = (length + piece.len(), largest.max(piece.len()));
            }
        }
        assert_eq!(length, content.len());
        assert!(largest < 8 << 20, "{largest}");
        gunzip.feed(Bytes::from_static(b"junk behind it"));
        assert!(gunzip.next().is_err());
    }
}
