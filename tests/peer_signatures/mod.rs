//! Signatures and attestations that other tools made, in this very run: packed from a registry without the referrers API,
//! accepted under the key that made them and refused, for that reason, under any other.

mod attestations;
mod bundles;
mod keys;
mod saved;
mod simple;
mod skopeo;

use crate::harness::command::{Program, Ran};
use crate::harness::images::{self, TestImage};
use crate::harness::scene::Connected;
use serde_json::Value;
use std::collections::BTreeSet;

/// Images in a registry, named as they are there, because that is the name that cosign signs.
struct Shelf {
    side: Connected,
}

impl Shelf {
    fn start(test: &str) -> Option<Self> {
        Some(Self { side: Connected::docker(test)? })
    }

    /// Pushes an image of one platform under `repository:1`.
    fn image(&self, repository: &str) -> TestImage {
        let image = images::image(&repository.replace('/', "-"), "linux/amd64", &[1_000]);
        image.push(&self.side.registry, repository, Some("1"));
        image
    }

    /// `REGISTRY/repository@digest`.
    fn by_digest(&self, repository: &str, image: &TestImage) -> String {
        format!("{}/{repository}@{}", self.side.address(), image.digest())
    }

    /// `REGISTRY/repository:1`.
    fn by_tag(&self, repository: &str) -> String {
        format!("{}/{repository}:1", self.side.address())
    }

    /// Packs these under their own names.
    fn pack(&self, references: &[String], arguments: &[&str]) -> Ran {
        let _ = std::fs::remove_file(self.side.file());
        Program::bundle()
            .args(&["pack", "-q", "-o"])
            .arg(self.side.file())
            .args(references)
            .args(arguments)
            .run()
    }

    /// What `bundle verify --json` says of what was packed; exit status 0 or 3.
    fn verify(&self, arguments: &[&str]) -> Verified {
        let root = tempfile::tempdir().expect("root");
        let ran = Program::bundle()
            .args(&["verify", "--quick", "-q", "--json", "--root"])
            .arg(root.path())
            .args(arguments)
            .arg(self.side.file())
            .run();
        let report = ran.json();
        crate::schemas::assert_described("verify-report.schema.json", &report);
        let verdicts = report["verdicts"].as_array().expect("verdicts").clone();
        let refused = verdicts.iter().any(|verdict| verdict["admission"] == "refused");
        assert_eq!(ran.code, Some(if refused { 3 } else { 0 }), "{ran}");
        Verified(verdicts)
    }
}

/// The verdicts of one run.
struct Verified(Vec<Value>);

impl Verified {
    /// The verdict on the image that was packed as `reference`.
    #[track_caller]
    fn of(&self, reference: &str) -> &Value {
        let verdict = self.0.iter().find(|verdict| verdict["source"] == reference);
        verdict.unwrap_or_else(|| panic!("no verdict on {reference}: {:?}", self.0))
    }

    /// The verdict, where there is one only.
    #[track_caller]
    fn only(&self) -> &Value {
        let [verdict] = &self.0[..] else { panic!("not one verdict: {:?}", self.0) };
        verdict
    }
}

/// `signed`, or the code of the refusal.
fn outcome(verdict: &Value) -> &str {
    let key = if verdict["admission"] == "refused" { "code" } else { "admission" };
    verdict[key].as_str().expect("a code")
}

/// The codes of everything attached, each once.
fn codes(verdict: &Value) -> BTreeSet<&str> {
    signatures(verdict).iter().map(|finding| finding["code"].as_str().expect("code")).collect()
}

fn signatures(verdict: &Value) -> &[Value] {
    verdict["signatures"].as_array().expect("signatures")
}

/// A set of codes.
fn set<const N: usize>(codes: [&str; N]) -> BTreeSet<&str> {
    codes.into()
}
