//! The same texts before a real skopeo: `skopeo-new` or `skopeo` in `$BUNDLE_PEERS`, 1.18 or later.

use super::texts::{Row, Stack, rows};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's older builds leave Sigstore out, and `pki` came with 1.18.
const OLDEST: (u32, u32) = (1, 18);

fn skopeo() -> Option<PathBuf> {
    let found = ["skopeo-new", "skopeo"].map(bundle_testing::peers::find);
    let mut found = found.into_iter().flatten();
    found.find(|program| version(program).is_some_and(|version| version >= OLDEST))
}

fn version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.strip_prefix("skopeo version ")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// True when skopeo loads the policy: it then goes on and misses the image.
fn loads(skopeo: &Path, folder: &Path, text: &str) -> bool {
    let policy = folder.join("policy.json");
    fs::write(&policy, text).expect("a policy");
    let image = |name: &str| format!("dir:{}", folder.join(name).display());
    let output = Command::new(skopeo)
        .arg("--policy")
        .arg(&policy)
        .args(["copy", &image("none"), &image("copy")])
        .output()
        .expect("skopeo runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("Error loading trust policy") {
        return false;
    }
    assert!(said.contains("none/manifest.json"), "{text}: {said}");
    true
}

#[test]
fn skopeo_reads_and_refuses_the_same_texts() {
    let Some(skopeo) = skopeo() else {
        println!("left out: no skopeo of 1.18 or later; BUNDLE_PEERS names its folder");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (mut same, mut stricter, mut wrong) = (0, 0, Vec::new());
    for Row { text, refused, stack } in rows() {
        let loads = loads(&skopeo, folder.path(), &text);
        // Some builds leave the transport out, and take any scope for one that they do not know.
        if text.contains(r#""atomic""#) && loads && refused.is_some() {
            println!("left out: policy_of_atomic needs a skopeo that knows the transport atomic");
            continue;
        }
        let as_expected = match stack {
            Stack::Agrees => {
                same += 1;
                loads == refused.is_none()
            }
            Stack::Reads(why) => {
                println!("stricter: {text}: {why}");
                stricter += 1;
                loads && refused.is_some()
            }
        };
        if !as_expected {
            wrong.push(format!("{text:.300}"));
        }
    }
    println!("policies before skopeo: {same} alike, {stricter} refused by us alone");
    assert!(wrong.is_empty(), "not as the table says: {wrong:#?}");
}
