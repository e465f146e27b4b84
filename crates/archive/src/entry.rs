//! Tar entries: POSIX ustar headers (base-256 sizes above 8 GiB − 1), regular files only.
//!
//! A header is never interpreted where its content is known: it is made again and compared, so there is nothing in it
//! to smuggle. Only the head, where names and sizes are not known yet, is parsed, and then made again too.

use super::ArchiveError;
use bundle_inventory::BlobEntry;
use bundle_oci::Digest;

/// Length of a tar header, and the unit entries are padded to.
pub const HEADER: u64 = 512;
/// Two empty blocks end a tar.
pub const END: u64 = 1024;

/// Name of a blob in the layout.
pub fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Length of an entry: header, content, padding. `None` when it overflows.
pub fn length(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(HEADER)?.checked_add(HEADER)
}

/// Zero bytes after the content.
pub fn padding(size: u64) -> u64 {
    size.next_multiple_of(HEADER) - size
}

/// The header of a regular file of `size` bytes: mode 0644, owner 0:0, no names, `mtime` in seconds since 1970.
///
/// # Errors
/// [`ArchiveError::Limit`] when the name does not fit a ustar header.
pub fn header(name: &str, size: u64, mtime: u64) -> Result<[u8; HEADER as usize], ArchiveError> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header
        .set_path(name)
        .map_err(|_| ArchiveError::Limit(format!("the name {name:?} does not fit a tar header")))?;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(mtime);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Name, size and mtime of a header that is exactly what [`header`] makes of them.
///
/// # Errors
/// [`ArchiveError::Structure`] for every other header: links, devices, directories, PAX and GNU extensions, odd
/// owners or modes, names that are absolute or climb.
pub fn parse(
    bytes: &[u8; HEADER as usize],
    offset: u64,
) -> Result<(String, u64, u64), ArchiveError> {
    let refuse = |what: &str| ArchiveError::structure(format!("a tar header that {what}"), offset);
    let header = tar::Header::from_byte_slice(bytes);
    let name = header.path_bytes();
    let name = std::str::from_utf8(&name).map_err(|_| refuse("has a name that is not UTF-8"))?;
    let plain = !name.is_empty()
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !name.chars().any(char::is_control);
    if !plain {
        return Err(refuse("has a name that is not a plain relative path"));
    }
    let size = header.entry_size().map_err(|_| refuse("has no valid size"))?;
    let mtime = header.mtime().map_err(|_| refuse("has no valid time"))?;
    if *bytes != self::header(name, size, mtime)? {
        return Err(refuse("is not a plain regular file's"));
    }
    Ok((name.to_owned(), size, mtime))
}

/// Compares the header of a blob's entry with the one that its inventory asks for.
pub(super) fn check_header(found: &[u8], blob: &BlobEntry, mtime: u64) -> Result<(), ArchiveError> {
    if *found == header(&blob_name(&blob.digest), blob.size, mtime)? {
        return Ok(());
    }
    Err(wrong(blob, "its tar header is not the one its inventory asks for"))
}

/// Compares what follows a blob's content, or a part of it.
pub(super) fn check_padding(found: &[u8], blob: &BlobEntry) -> Result<(), ArchiveError> {
    match found.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(wrong(blob, "its padding is not zeros")),
    }
}

fn wrong(blob: &BlobEntry, what: &str) -> ArchiveError {
    ArchiveError::Blob { digest: blob.digest, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_up_to_sizes_beyond_octal() {
        for size in [0, 1, 511, 512, (8 << 30) - 1, 8 << 30, 5 << 40] {
            let bytes = header("blobs/sha256/aa", size, 7).expect("header");
            assert_eq!(parse(&bytes, 0).expect("own header"), ("blobs/sha256/aa".into(), size, 7));
        }
    }

    #[test]
    fn everything_else_than_a_plain_file_is_refused() {
        let make = |change: &dyn Fn(&mut tar::Header)| {
            let mut made = tar::Header::new_ustar();
            made.as_mut_bytes().copy_from_slice(&header("index.json", 5, 0).expect("header"));
            change(&mut made);
            made.set_cksum();
            *made.as_bytes()
        };
        assert!(parse(&make(&|_| {}), 0).is_ok());
        for kind in b"12345670LKxgS" {
            let bytes = make(&|h| h.set_entry_type(tar::EntryType::new(*kind)));
            assert_eq!(parse(&bytes, 0).is_ok(), *kind == b'0', "{}", *kind as char);
        }
        let set_name = |name: &'static [u8]| {
            make(&|h| {
                let field = &mut h.as_mut_bytes()[..100];
                field.fill(0);
                field[..name.len()].copy_from_slice(name);
            })
        };
        for name in
            [&b"/etc/passwd"[..], b"../x", b"a/../b", b"./x", b"a//b", b"", b"a\x1b[m", b"a/"]
        {
            assert!(parse(&set_name(name), 0).is_err(), "{:?}", String::from_utf8_lossy(name));
        }
        assert!(parse(&make(&|h| h.set_mode(0o4755)), 0).is_err());
        assert!(parse(&make(&|h| h.set_uid(1)), 0).is_err());
        assert!(parse(&make(&|h| h.as_mut_bytes()[157] = b'x'), 0).is_err(), "link name");
        assert!(parse(&make(&|h| h.as_mut_bytes()[345] = b'x'), 0).is_err(), "prefix");
    }

    #[test]
    fn lengths_do_not_overflow() {
        assert_eq!(length(0), Some(512));
        assert_eq!(length(1), Some(1024));
        assert_eq!(length(u64::MAX), None);
        assert_eq!(length(u64::MAX - 511), None);
    }
}
