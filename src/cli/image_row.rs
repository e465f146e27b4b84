//! One line for each image: its verdict in words, and what the lines of all images come to.

use super::colour::Tone;
use super::output::{Output, say};
use super::text::{count, safe, size};
use bundle::inventory::{AttachmentKind, Lookup, PackVerdict, StatedVerdict};
use bundle::oci::{Platform, Reference};
use bundle::report::pack::PackedImage;
use bundle::report::signer_names::SignerNames;
use bundle::report::size::ImageSize;
use bundle::trust::{Admission, ChildStatus, ImageVerdict};
use std::collections::BTreeSet;

/// A verdict in words, and how it is to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// The words.
    pub(super) text: String,
    /// Their tone.
    pub(super) tone: Tone,
}

impl Words {
    fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

/// Platforms in a few characters: `amd64` stands for `linux/amd64`, `arm64` for `linux/arm64/v8`, and more than two are
/// counted.
pub(super) fn platforms(platforms: &[Platform]) -> String {
    let short = |platform: &Platform| {
        let text = platform.to_string();
        let text = text.strip_prefix("linux/").unwrap_or(&text);
        safe(if text == "arm64/v8" { "arm64" } else { text })
    };
    match platforms {
        [] => "-".to_owned(),
        [one] => short(one),
        [one, two] => format!("{},{}", short(one), short(two)),
        more => count(more.len() as u64, "platform"),
    }
}

/// An image's size, and how much of it no other image of the bundle needs.
pub(super) fn in_words(of: ImageSize) -> String {
    format!("{}, {} of it in no other image", size(of.bytes), size(of.own_bytes))
}

/// Names of signers, the first one and how many more.
fn by(names: impl IntoIterator<Item = String>) -> String {
    let names: BTreeSet<String> = names.into_iter().collect();
    let mut names = names.iter();
    match (names.next(), names.len()) {
        (None, _) => String::new(),
        (Some(one), 0) => format!(" by {}", safe(one)),
        (Some(one), more) => format!(" by {} and {more} more", safe(one)),
    }
}

/// What the verifier says.
pub(super) fn of_verdict(verdict: &ImageVerdict, names: &SignerNames) -> Words {
    let by = || by(verdict.signers().iter().map(|signer| names.of(signer)));
    match verdict.admission() {
        Admission::Signed => Words::new(format!("signed{}", by()), Tone::Good),
        Admission::IndexUnsigned => Words::new(format!("manifests signed{}", by()), Tone::Good),
        Admission::PackVerdict => Words::new("verified at pack", Tone::Good),
        Admission::UnsignedSealed => Words::new("unsigned, accepted by seal", Tone::Notice),
        Admission::PolicyAcceptsAnything => Words::new("policy accepts anything", Tone::Notice),
        Admission::UnsignedAllowed { .. } => Words::new("unsigned, allowed", Tone::Notice),
        Admission::Refused(refusal) => Words::new(format!("refused: {}", refusal.code), Tone::Bad),
    }
}

/// What the inventory states. Where nothing was verified, attachments tell whether there is a signature.
fn of_stated(verdict: &PackVerdict, lookup: Lookup, is_signed: bool, names: &SignerNames) -> Words {
    let by = || {
        let keys = verdict.keys.iter().map(|key| names.of_fingerprint(key));
        let identities = verdict.identities.iter().map(|identity| {
            identity.split_once(" (").map_or(identity.as_str(), |(subject, _)| subject).to_owned()
        });
        by(keys.chain(identities))
    };
    match (verdict.stated(), lookup) {
        (Some(StatedVerdict::Signed), _) => Words::new(format!("signed{}", by()), Tone::Good),
        (Some(StatedVerdict::IndexUnsigned), _) => {
            Words::new(format!("manifests signed{}", by()), Tone::Good)
        }
        (Some(StatedVerdict::UnsignedAccepted), _) => {
            Words::new("unsigned, accepted", Tone::Notice)
        }
        (Some(StatedVerdict::Unverified), Lookup::Skipped) => {
            Words::new("not looked up", Tone::Notice)
        }
        (Some(StatedVerdict::Unverified), _) if is_signed => {
            Words::new("signed, not verified", Tone::Notice)
        }
        (Some(StatedVerdict::Unverified), Lookup::Incomplete) => {
            Words::new("lookup incomplete", Tone::Notice)
        }
        (Some(StatedVerdict::Unverified), Lookup::Complete) => Words::new("unsigned", Tone::Notice),
        _ => Words::new(safe(&verdict.code), Tone::Notice),
    }
}

/// What pack found of an image.
pub(super) fn of_packed(image: &PackedImage, names: &SignerNames) -> Words {
    let is_signed = image.attachments.contains_key(&AttachmentKind::Signature);
    of_stated(&image.verdict, image.attachment_lookup, is_signed, names)
}

/// What an inventory states of an image.
pub(super) fn of_entry(image: &bundle::inventory::ImageEntry, names: &SignerNames) -> Words {
    let mut kinds = image.attachments.iter().map(|attachment| attachment.kind);
    let is_signed =
        !image.atomic_signatures.is_empty() || kinds.any(|kind| kind == AttachmentKind::Signature);
    of_stated(&image.verdict, image.attachment_lookup, is_signed, names)
}

/// How many images have each verdict, in the order in which they come.
#[derive(Default)]
pub(super) struct Tally(Vec<(String, u64)>);

impl Tally {
    /// One more image.
    pub(super) fn add(&mut self, words: &Words) {
        match self.0.iter_mut().find(|(text, _)| *text == words.text) {
            Some((_, number)) => *number += 1,
            None => self.0.push((words.text.clone(), 1)),
        }
    }

    /// `12 signed by release.pub, 18 unsigned`.
    pub(super) fn add_to(&self, out: &mut Output) {
        let parts: Vec<String> =
            self.0.iter().map(|(text, number)| format!("{number} {text}")).collect();
        if !parts.is_empty() {
            say!(out, "{}", parts.join(", "));
        }
    }
}

/// Images of which something may be missing.
pub(super) fn add_incomplete<'i>(
    out: &mut Output,
    images: impl Iterator<Item = (&'i Reference, Lookup)>,
) {
    for (source, _) in images.filter(|(_, lookup)| *lookup == Lookup::Incomplete) {
        let source = safe(&source.to_string());
        say!(out, "incomplete: attachments of {source} could not all be looked up");
    }
}

/// What people should know of several images at once, a line each.
pub(super) fn add_common_remarks<'v>(
    out: &mut Output,
    verdicts: impl Iterator<Item = &'v ImageVerdict> + Clone,
) {
    let is_covered = |verdict: &&ImageVerdict| {
        let mut children = verdict.children().iter();
        children.any(|child| child.status == ChildStatus::CoveredByIndex)
    };
    let covered = verdicts.clone().filter(is_covered).count() as u64;
    if covered > 0 {
        say!(
            out,
            "warning: covered-by-index: {} with manifests that have no signature of their own; podman, CRI-O and skopeo do not accept them under a policy",
            count(covered, "image")
        );
    }
    let beyond = verdicts.filter(|verdict| verdict.is_beyond_runtimes()).count() as u64;
    if beyond > 0 {
        say!(
            out,
            "warning: {} signed only in a form or a place that podman, CRI-O and skopeo do not check under a policy",
            count(beyond, "image")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_take_a_few_characters() {
        let all = ["linux/amd64", "linux/arm64/v8", "windows/amd64"];
        let all = all.map(|text| text.parse::<Platform>().expect("a platform"));
        assert_eq!(platforms(&[]), "-");
        assert_eq!(platforms(&all[..1]), "amd64");
        assert_eq!(platforms(&all[..2]), "amd64,arm64");
        assert_eq!(platforms(&all[2..]), "windows/amd64");
        assert_eq!(platforms(&all), "3 platforms");
    }

    #[test]
    fn stated_verdicts_are_told_in_words() {
        let verdict = |code: &str, keys: &[&str], identities: &[&str]| PackVerdict {
            code: code.into(),
            keys: keys.iter().map(|key| (*key).into()).collect(),
            identities: identities.iter().map(|identity| (*identity).into()).collect(),
        };
        let names = SignerNames::default();
        let long = format!("sha256:{}", "a".repeat(64));
        let person = ["me@org.example (https://issuer)"];
        for (verdict, lookup, is_signed, words) in [
            (
                verdict("signed", &[&long], &[]),
                Lookup::Complete,
                true,
                "signed by sha256:aaaaaaaaaaaa",
            ),
            (verdict("signed", &[], &person), Lookup::Complete, true, "signed by me@org.example"),
            (
                verdict("signed", &[&long], &person),
                Lookup::Complete,
                true,
                "signed by me@org.example and 1 more",
            ),
            (
                verdict("index-unsigned", &[], &person),
                Lookup::Complete,
                true,
                "manifests signed by me@org.example",
            ),
            (verdict("unsigned-accepted", &[], &[]), Lookup::Complete, false, "unsigned, accepted"),
            (verdict("unverified", &[], &[]), Lookup::Complete, false, "unsigned"),
            (verdict("unverified", &[], &[]), Lookup::Complete, true, "signed, not verified"),
            (verdict("unverified", &[], &[]), Lookup::Skipped, false, "not looked up"),
            (verdict("unverified", &[], &[]), Lookup::Incomplete, false, "lookup incomplete"),
            (
                verdict("of a \u{1b}courier", &[], &[]),
                Lookup::Complete,
                true,
                "of a \\u{1b}courier",
            ),
        ] {
            assert_eq!(of_stated(&verdict, lookup, is_signed, &names).text, words);
        }
    }
}
