//! PEM text with blocks of one kind (RFC 7468): keys, certificates, the verifier in an entry of a log. It is read
//! nowhere else, and whatever two readers could see differently is refused.

use super::text::bounded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const MARK: &str = "-----";
const BEGIN: &str = "-----BEGIN";

/// Where text that belongs to no block may stand. Blank lines may stand anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prose {
    /// Nowhere: the text is the blocks.
    Nowhere,
    /// Before a block, as RFC 7468 §2 has it; Go's reader refuses it after the last.
    BeforeBlocks,
    /// Everywhere, as in the files in which administrators collect authorities.
    Anywhere,
}

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) bytes: usize,
    pub(crate) blocks: usize,
}

/// Why a text does not hold the blocks that it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlocksError {
    /// Longer than what is read.
    #[error("it has {bytes} bytes, more than {most}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The most that is read.
        most: usize,
    },
    /// No block.
    #[error("it holds no PEM block")]
    NoBlock,
    /// More blocks than may be.
    #[error("it has more than {0} PEM blocks")]
    TooMany(usize),
    /// A block of another kind.
    #[error("it has a line {0:?} where only blocks of another kind belong")]
    OtherBlock(String),
    /// Text where none may be.
    #[error("there is text beside the PEM blocks")]
    Prose,
    /// A block that has no end, or whose content is not base64.
    #[error("PEM block {0} is damaged")]
    Damaged(usize),
}

/// The contents of the blocks of `text`, all labelled `label`: at least one, in their order.
///
/// # Errors
/// [`BlocksError`]; nothing is skipped but permitted prose.
pub(crate) fn read(
    text: &[u8],
    label: &str,
    limit: Limit,
    prose: Prose,
) -> Result<Vec<Vec<u8>>, BlocksError> {
    if text.len() > limit.bytes {
        return Err(BlocksError::TooLarge { bytes: text.len(), most: limit.bytes });
    }
    let text = String::from_utf8_lossy(text);
    let begin = format!("{BEGIN} {label}{MARK}");
    let end = format!("{MARK}END {label}{MARK}");
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    let mut after = false;
    for line in text.lines().map(str::trim_end) {
        let damaged = BlocksError::Damaged(blocks.len() + 1);
        match &mut open {
            Some(body) if line == end => {
                blocks.push(STANDARD.decode(body.as_str()).map_err(|_| damaged)?);
                open = None;
            }
            Some(_) if line.contains(MARK) => return Err(damaged),
            Some(body) => body.push_str(line),
            None if line == begin && blocks.len() == limit.blocks => {
                return Err(BlocksError::TooMany(limit.blocks));
            }
            None if line == begin => {
                open = Some(String::new());
                after = false;
            }
            None if line.contains(BEGIN) => return Err(BlocksError::OtherBlock(bounded(line))),
            None if line.trim().is_empty() => {}
            None if prose == Prose::Nowhere => return Err(BlocksError::Prose),
            None => after = !blocks.is_empty(),
        }
    }
    if open.is_some() {
        return Err(BlocksError::Damaged(blocks.len() + 1));
    }
    if blocks.is_empty() {
        return Err(BlocksError::NoBlock);
    }
    if after && prose != Prose::Anywhere {
        return Err(BlocksError::Prose);
    }
    Ok(blocks)
}

/// The content of the only block of `text`.
///
/// # Errors
/// As `read`; a second block is one too many.
pub fn read_one(
    text: &[u8],
    label: &str,
    bytes: usize,
    prose: Prose,
) -> Result<Vec<u8>, BlocksError> {
    let mut blocks = read(text, label, Limit { bytes, blocks: 1 }, prose)?;
    blocks.pop().ok_or(BlocksError::NoBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "-----BEGIN THING-----\nAAEC\n-----END THING-----\n";
    const B: &str = "-----BEGIN THING-----\r\nAwQF\r\nBgc=\r\n-----END THING-----";
    const LIMIT: Limit = Limit { bytes: 200, blocks: 2 };

    fn things(text: &str, prose: Prose) -> Result<Vec<Vec<u8>>, BlocksError> {
        read(text.as_bytes(), "THING", LIMIT, prose)
    }

    #[test]
    fn blocks_are_read_in_their_order() {
        let both = Ok(vec![vec![0, 1, 2], vec![3, 4, 5, 6, 7]]);
        assert_eq!(things(&format!("{A}{B}"), Prose::Nowhere), both);
        assert_eq!(things(&format!("\n{A}\n\n{B}\n"), Prose::Nowhere), both);
        assert_eq!(read_one(A.as_bytes(), "THING", 100, Prose::Nowhere), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn prose_stands_only_where_it_may() {
        let (before, between, behind) =
            (format!("a\n{A}"), format!("{A}a\n{B}"), format!("{A}{B}\na"));
        for (text, first) in [(&before, true), (&between, true), (&behind, false)] {
            assert_eq!(things(text, Prose::Nowhere), Err(BlocksError::Prose), "{text}");
            assert_eq!(things(text, Prose::BeforeBlocks).is_ok(), first, "{text}");
            assert!(things(text, Prose::Anywhere).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let other = |line: &str| BlocksError::OtherBlock(line.into());
        for (name, text, error) in [
            ("nothing", String::new(), BlocksError::NoBlock),
            ("prose only", "THING".into(), BlocksError::NoBlock),
            ("three", format!("{A}{A}{A}"), BlocksError::TooMany(2)),
            ("another kind", A.replace("THING", "KEY"), other("-----BEGIN KEY-----")),
            ("indented", format!(" {A}"), other(" -----BEGIN THING-----")),
            ("no end", A.replace("-----END THING-----", ""), BlocksError::Damaged(1)),
            ("another end", A.replace("END THING", "END KEY"), BlocksError::Damaged(1)),
            ("a second begin", format!("-----BEGIN THING-----\n{A}"), BlocksError::Damaged(1)),
            ("headers", A.replace("AAEC", "Proc-Type: 4\n\nAAEC"), BlocksError::Damaged(1)),
            ("spaces", A.replace("AAEC", "AA EC"), BlocksError::Damaged(1)),
            ("no padding", format!("{A}{B}").replace("Bgc=", "Bgc"), BlocksError::Damaged(2)),
            ("too long", "a".repeat(201), BlocksError::TooLarge { bytes: 201, most: 200 }),
        ] {
            assert_eq!(things(&text, Prose::Anywhere), Err(error), "{name}");
        }
        let two = read_one(format!("{A}{A}").as_bytes(), "THING", 200, Prose::Anywhere);
        assert_eq!(two, Err(BlocksError::TooMany(1)));
    }
}
