//! How many signed, which is less than how many signatures, names and keys there are.

use crate::keys::Fingerprint;
use crate::openpgp::OpenPgpFingerprint;
use crate::outcome::signer::Signer;
use std::collections::BTreeSet;

/// Whoever signed. Signatures that have a key or a name in common are one holder's: a certificate says whose a key is,
/// so with and without it the key is the same one's; and a person who signs in at two places is one person.
#[derive(Debug, Default)]
pub(crate) struct Holders(Vec<BTreeSet<Mark>>);

/// By what a holder is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Key(Fingerprint),
    Subject(String),
    OpenPgp(OpenPgpFingerprint),
}

impl Holders {
    /// Adds who made a signature; `certified` is the key that a certificate is for.
    pub(crate) fn add(&mut self, signer: Option<Signer>, certified: Option<Fingerprint>) {
        let signer = signer.map(|signer| match signer {
            Signer::Key(fingerprint) => Mark::Key(fingerprint),
            Signer::Certificate(identity) => Mark::Subject(identity.subject),
            Signer::OpenPgp(fingerprint) => Mark::OpenPgp(fingerprint),
        });
        let mut holder: BTreeSet<Mark> =
            signer.into_iter().chain(certified.map(Mark::Key)).collect();
        if holder.is_empty() {
            return;
        }
        for known in std::mem::take(&mut self.0) {
            match known.is_disjoint(&holder) {
                true => self.0.push(known),
                false => holder.extend(known),
            }
        }
        self.0.push(holder);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CertificateIdentity;

    fn named(subject: &str, issuer: Option<&str>) -> Option<Signer> {
        let (subject, issuer) = (subject.to_owned(), issuer.map(str::to_owned));
        Some(Signer::Certificate(CertificateIdentity { subject, issuer }))
    }

    #[test]
    fn what_has_a_key_or_a_name_in_common_is_one_holder() {
        let key = |name: &str| Fingerprint::of_spki(name.as_bytes());
        let bare = |name: &str| (Some(Signer::Key(key(name))), None);
        let certified = |who: &str, by: &str, name: &str| (named(who, Some(by)), Some(key(name)));
        for (signatures, count) in [
            (vec![], 0),
            (vec![(None, None)], 0),
            (vec![bare("a"), bare("a")], 1),
            (vec![bare("a"), bare("b")], 2),
            (vec![bare("a"), certified("me", "x", "a")], 1),
            (vec![bare("a"), certified("me", "x", "b")], 2),
            (vec![certified("me", "x", "a"), certified("me", "y", "b")], 1),
            (vec![certified("me", "x", "a"), certified("you", "x", "a")], 1),
            (vec![certified("me", "x", "a"), certified("you", "x", "b")], 2),
            // The last one shows that the first two are the same.
            (vec![bare("a"), bare("b"), certified("me", "x", "a"), certified("me", "x", "b")], 1),
            (vec![(named("me", None), None), certified("me", "x", "a")], 1),
        ] {
            let mut holders = Holders::default();
            for (signer, certified) in signatures.clone() {
                holders.add(signer, certified);
            }
            assert_eq!(holders.count(), count, "{signatures:?}");
        }
    }
}
