//! The SELinux label of what is written, set before a file gets its name.
//!
//! A new file takes the label of its directory, and files are made in the directory in which they stay, so on most hosts
//! there is nothing to do. It is different where a directory had been made by something with other rules, or where the
//! policy gives new files of this program's domain another type. The policy's own table is not asked: that takes
//! libselinux, or a program run as root. What it says of `/etc/pki` has been one line for as long as there are policies
//! (`cert_t`); elsewhere in `/etc` a file has the type that its directory gives it.

use super::error::PathError;
use rustix::fs::{XattrFlags, fgetxattr, fsetxattr, statfs};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

/// Where the kernel shows SELinux when it is on.
const MOUNT: &str = "/sys/fs/selinux";
/// Magic of its file system (linux/magic.h).
const MAGIC: u32 = 0xf97c_ff8c;
const ATTRIBUTE: &str = "security.selinux";
/// Longest label read; the kernel's own limit is a page.
const MAX_LABEL: usize = 4096;

/// Gives `file`, which will be at `path`, the label that belongs there.
pub(crate) fn label(file: &File, path: &Path) -> Result<(), PathError> {
    if !is_on() {
        return Ok(());
    }
    let Some(current) = read(file, path)? else { return Ok(()) };
    match relabelled(path, &current) {
        Some(wanted) => write(file, path, &wanted),
        None => Ok(()),
    }
}

fn is_on() -> bool {
    statfs(MOUNT).is_ok_and(|mounted| mounted.f_type as u32 == MAGIC)
}

/// The label that a file at `path` must have in the place of `current`; none where that one is right.
///
/// As `restorecon` without `-F` does it: the type alone is changed. User, role and level are those of whoever made it.
fn relabelled(path: &Path, current: &str) -> Option<String> {
    let wanted = type_at(path)?;
    let mut parts = current.splitn(4, ':');
    let (user, role, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let level = parts.next().map_or_else(String::new, |level| format!(":{level}"));
    (kind != wanted).then(|| format!("{user}:{role}:{wanted}{level}"))
}

/// The type of files at `path`; none where they keep that of their directory. Below another root than `/` nothing is
/// known of the policy that will be in force there.
fn type_at(path: &Path) -> Option<&'static str> {
    path.starts_with("/etc/pki").then_some("cert_t")
}

fn read(file: &File, path: &Path) -> Result<Option<String>, PathError> {
    let mut buffer = vec![0; MAX_LABEL];
    match fgetxattr(file, ATTRIBUTE, &mut buffer) {
        Ok(length) => {
            let label = buffer.get(..length).unwrap_or_default();
            Ok(Some(String::from_utf8_lossy(label).trim_end_matches('\0').to_owned()))
        }
        // A file system without labels.
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(PathError::system("read the SELinux label of", path, error)),
    }
}

fn write(file: &File, path: &Path, label: &str) -> Result<(), PathError> {
    let value = format!("{label}\0");
    match fsetxattr(file, ATTRIBUTE, value.as_bytes(), XattrFlags::empty()) {
        Ok(()) => Ok(()),
        // A policy that knows no such type has its own ideas of the place: the directory's type stays.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(PathError::system("set the SELinux label of", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_type_is_changed_and_only_where_it_is_known() {
        let key = "/etc/pki/sigstore/acme.pub";
        for (path, current, wanted) in [
            (key, "system_u:object_r:cert_t:s0", None),
            (key, "unconfined_u:object_r:cert_t:s0", None),
            (key, "unconfined_u:object_r:user_tmp_t:s0", Some("unconfined_u:object_r:cert_t:s0")),
            (
                "/etc/pki/rpm-gpg/acme.asc",
                "system_u:object_r:etc_t:s0:c1,c2",
                Some("system_u:object_r:cert_t:s0:c1,c2"),
            ),
            (key, "system_u:object_r:etc_t", Some("system_u:object_r:cert_t")),
            (key, "unlabeled", None),
            ("/etc/bundle/trust.d/acme.json", "system_u:object_r:etc_t:s0", None),
            ("/etc/pki-of-mine/acme.pub", "system_u:object_r:etc_t:s0", None),
            ("/srv/image/etc/pki/sigstore/acme.pub", "system_u:object_r:var_t:s0", None),
        ] {
            let found = relabelled(Path::new(path), current);
            assert_eq!(found.as_deref(), wanted, "{path} {current}");
        }
    }

    #[test]
    fn a_label_is_read_as_it_was_written() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let (file, path) = (file.as_file(), file.path());
        let label = "system_u:object_r:cert_t:s0";
        // Without SELinux the attribute is the superuser's to set, where the file system has such attributes at all.
        match write(file, path, label) {
            Ok(()) if !is_on() => {
                let found = read(file, path).expect("an answer");
                assert!(found.is_none() || found.as_deref() == Some(label), "{found:?}");
            }
            other => println!("left out: {other:?} (SELinux is on: {})", is_on()),
        }
    }
}
