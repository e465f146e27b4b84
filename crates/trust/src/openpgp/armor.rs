//! ASCII armor of public keys (RFC 9580 §6): every block of a file, with prose before, between and after, as vendors
//! ship it.
//!
//! The library's own reader stops at the first block and takes damaged ones for ended; a key that is in the file has to
//! be read, or the file refused.

use super::errors::KeyringError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN PGP";
const BEGIN_PUBLIC: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const BEGIN_PRIVATE: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";
const END_PUBLIC: &str = "-----END PGP PUBLIC KEY BLOCK-----";
/// Characters of a line, as in PEM.
const LINE: usize = 64;

/// The packets of a file: itself where it is binary, else the content of all its key blocks.
pub(super) fn packets_of(file: &[u8]) -> Result<Vec<u8>, KeyringError> {
    // Every packet begins with the highest bit set (RFC 9580 §4.2), no character of armor does.
    if file.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Ok(file.to_vec());
    }
    let text = String::from_utf8_lossy(file);
    let mut lines = text.lines().map(str::trim_end);
    let mut packets = Vec::new();
    while let Some(line) = lines.find(|line| line.starts_with(BEGIN)) {
        match line {
            BEGIN_PUBLIC => packets.extend(block(&mut lines)?),
            BEGIN_PRIVATE => return Err(KeyringError::SecretKey),
            _ => return Err(KeyringError::Armor("a block that is not a public key block")),
        }
    }
    if packets.is_empty() { Err(KeyringError::NoKey) } else { Ok(packets) }
}

/// What is between a block's first line and its last.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<Vec<u8>, KeyringError> {
    for header in lines.by_ref().take_while(|line| !line.is_empty()) {
        if !header.contains(": ") && !header.ends_with(':') {
            return Err(KeyringError::Armor("a header line without a name"));
        }
    }
    let (mut content, mut checksum) = (String::new(), None);
    for line in lines {
        match (line, line.strip_prefix('=')) {
            (END_PUBLIC, _) => return decode(&content, checksum),
            (_, Some(sum)) if checksum.is_none() => checksum = Some(sum),
            _ if checksum.is_some() => {
                return Err(KeyringError::Armor("there is more after the checksum"));
            }
            _ => content.push_str(line),
        }
    }
    Err(KeyringError::Armor("it does not end"))
}

fn decode(content: &str, checksum: Option<&str>) -> Result<Vec<u8>, KeyringError> {
    let bytes =
        STANDARD.decode(content).map_err(|_| KeyringError::Armor("its content is not base64"))?;
    let stated = checksum.map(|sum| STANDARD.decode(sum));
    match stated {
        None => Ok(bytes),
        Some(Ok(sum)) if sum == crc24(&bytes).to_be_bytes()[1..] => Ok(bytes),
        Some(_) => Err(KeyringError::Armor("its checksum is wrong")),
    }
}

/// One key block without headers, with a checksum, which rpm wants; lines of 64 characters.
pub(super) fn encode(packets: &[u8]) -> String {
    let content = STANDARD.encode(packets);
    let mut text = format!("{BEGIN_PUBLIC}\n\n");
    let mut rest = content.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    let sum = STANDARD.encode(&crc24(packets).to_be_bytes()[1..]);
    text.push_str(&format!("={sum}\n{END_PUBLIC}\n"));
    text
}

/// RFC 9580 §6.1.1.
fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00b7_04ce, |mut crc, byte| {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: a\n\nmQEN\nBE4=\n=88pJ\n-----END PGP PUBLIC KEY BLOCK-----\n";

    fn with_checksum() -> String {
        let sum = STANDARD.encode(&crc24(b"\x99\x01\x0d\x04\x4e").to_be_bytes()[1..]);
        BLOCK.replace("88pJ", &sum)
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc24(b""), 0x00b7_04ce);
        assert_eq!(crc24(b"123456789"), 0x0021_cf02);
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [1_usize, 47, 48, 49, 400] {
            let packets = vec![0x99; length];
            let text = encode(&packets);
            assert_eq!(packets_of(text.as_bytes()), Ok(packets), "{text}");
            assert!(text.lines().all(|line| line.len() <= LINE));
        }
    }

    #[test]
    fn every_block_of_a_file_is_read() {
        let one = with_checksum();
        let bytes = b"\x99\x01\x0d\x04\x4e";
        assert_eq!(packets_of(one.as_bytes()).as_deref(), Ok(&bytes[..]));
        let two = format!("pub 4096R/12345678\n\n{one}Some prose: with a colon\n{one}The end\n");
        assert_eq!(packets_of(two.as_bytes()), Ok(bytes.repeat(2)));
        let windows = one.replace('\n', "\r\n");
        assert_eq!(packets_of(windows.as_bytes()).as_deref(), Ok(&bytes[..]));
        let bare = one.lines().filter(|line| !line.starts_with('=') && !line.contains("Comment"));
        let bare: Vec<&str> = bare.collect();
        assert_eq!(packets_of(bare.join("\n").as_bytes()).as_deref(), Ok(&bytes[..]));
        assert_eq!(packets_of(bytes).as_deref(), Ok(&bytes[..]));
    }

    #[test]
    fn damage_is_not_the_end_of_the_file() {
        let one = with_checksum();
        let cases = [
            ("wrong checksum", BLOCK.to_owned(), "its checksum is wrong"),
            ("cut off", one.replace(END_PUBLIC, "").trim_end().to_owned(), "it does not end"),
            ("second cut off", format!("{one}{BEGIN_PUBLIC}\n\nmQEN\n"), "it does not end"),
            ("not base64", one.replace("mQEN", "mQ?N"), "its content is not base64"),
            ("no blank line", one.replace("a\n\n", "a\n"), "a header line without a name"),
            (
                "after the checksum",
                one.replace("-----END", "AAAA\n-----END"),
                "there is more after the checksum",
            ),
            (
                "a message",
                one.replace("PUBLIC KEY BLOCK", "MESSAGE"),
                "a block that is not a public key block",
            ),
        ];
        for (name, file, why) in cases {
            assert_eq!(packets_of(file.as_bytes()), Err(KeyringError::Armor(why)), "{name}");
        }
        let secret = one.replace("PUBLIC", "PRIVATE");
        for file in [secret.clone(), format!("{one}{secret}")] {
            assert_eq!(packets_of(file.as_bytes()), Err(KeyringError::SecretKey));
        }
        for file in ["", "mQEN", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            assert_eq!(packets_of(file.as_bytes()), Err(KeyringError::NoKey), "{file:?}");
        }
    }
}
