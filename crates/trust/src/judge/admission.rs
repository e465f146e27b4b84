//! Judges one image by what is trusted.

use super::evidence::{Evidence, ImageUnderTest, StatedAtPack};
use super::index::Indexes;
use super::requirement::{Examined, Requirement, Rule, Standing};
use super::signatures::Examination;
use super::tree::Tree;
use crate::anchors::Anchors;
use crate::outcome::finding::SignatureFinding;
use crate::outcome::verdict::{Admission, ChildVerdict, ImageVerdict, Parts, Refusal};
use crate::outcome::{RefusalCode, SignatureCode};
use crate::scopes::place::{Permission, Reach};
use bundle_oci::{Meaning, Reference};

/// Judges an image: every attachment is looked at, every manifest below the root is accounted for, and the image is
/// admitted on one of these grounds, tried in this order, or refused:
///
/// 1. the root meets every requirement (and so, by hash, does all below it);
/// 2. the root is an unsigned index, and everything that it lists is carried, meets every requirement and is of the
///    stated platform;
/// 3. under a policy: it accepts anything in this place, and no number of signers is demanded beside it;
/// 4. without a policy, and where one signer is enough and no log entry is demanded: the bundle as a whole is authentic and says that the image was
///    verified at pack, or that whoever packed it accepts it without a signature (`Anchors::refuse_unsigned` forbids the latter);
/// 5. without a policy: the image may come unsigned (`Anchors::allow_unsigned`, with the precedence told there).
///
/// On 3, 4 and 5, and on a signature whose name only a permission binds, the image takes no place at the target that is
/// another's: [`crate::scopes::place`] says which sources have it, `Anchors::protector_of` who protects them.
///
/// Whatever the ground, the source's own digest must be the root's, every manifest that an index lists must be
/// there with the listed digest, size and type, unless it was left out on purpose, and the attestations that are
/// demanded must be there.
pub fn judge(
    image: &ImageUnderTest<'_>,
    anchors: &Anchors,
    evidence: &dyn Evidence,
) -> ImageVerdict {
    // Scopes may name a digest; the one that counts is what the image has, not what a reference says.
    let source = image.source.with_digest(image.root.digest);
    let rule = anchors.rule_for(image.source, &source);
    // Who carries an image whose name nothing binds chooses its place.
    let unbound = anchors.accepts_unbound_name(&source).filter(|_| !image.name_bound);
    let unbound_place = unbound.as_ref().and_then(|permission| {
        anchors.protector_of(&image.places.place_of(source.repository()), &source, permission)
    });
    let examination = Examination {
        image,
        rule: &rule,
        evidence,
        name_bound: image.name_bound || (unbound.is_some() && unbound_place.is_none()),
    };
    let examined = examination.findings();
    let standing = rule.standing(&examined);
    let judge = ImageJudge {
        image,
        anchors,
        evidence,
        source,
        rule,
        examined: &examined,
        standing,
        unbound_place,
    };
    let decision = judge.decide();
    ImageVerdict::new(Parts {
        source: image.source.clone(),
        digest: image.root.digest,
        admission: decision.admission,
        tag_unbound: !image.name_bound && image.source.tag().is_some(),
        enforceable: decision.enforceable,
        children: decision.children,
        signatures: examined.into_iter().map(|examined| examined.finding).collect(),
    })
}

/// Everything that the decision about one image rests on.
struct ImageJudge<'a> {
    image: &'a ImageUnderTest<'a>,
    anchors: &'a Anchors,
    evidence: &'a dyn Evidence,
    source: Reference,
    rule: Rule<'a>,
    examined: &'a [Examined],
    standing: Standing,
    /// Why a permission to name nothing does not count here: whose place it would take.
    unbound_place: Option<String>,
}

/// On what an image is admitted.
struct Ground<'a> {
    admission: Admission,
    /// What stands in the place of a trusted signature; `None` for such a signature.
    permission: Option<Permission<'a>>,
}

impl<'a> Ground<'a> {
    fn signature(admission: Admission) -> Self {
        Self { admission, permission: None }
    }

    fn permitted(admission: Admission, permission: Permission<'a>) -> Self {
        Self { admission, permission: Some(permission) }
    }
}

struct Decision {
    admission: Admission,
    enforceable: bool,
    children: Vec<ChildVerdict>,
}

impl ImageJudge<'_> {
    fn decide(&self) -> Decision {
        let tree = match Tree::walk(self.image, self.evidence) {
            Ok(tree) => tree,
            Err(refusal) => {
                let (admission, children) = (Admission::Refused(refusal), Vec::new());
                return Decision { admission, enforceable: false, children };
            }
        };
        let indexes = Indexes {
            tree: &tree,
            signed: &self.standing.signed,
            enforceable: &self.standing.enforceable,
            evidence: self.evidence,
            configs: std::cell::RefCell::default(),
        };
        let children = tree.root().map(|root| indexes.statuses(root)).unwrap_or_default();
        let admission = self
            .admit(&tree, &indexes)
            .and_then(|ground| self.check_place(&ground).map(|()| ground.admission))
            .and_then(|admission| self.check_attestations(&tree, &indexes).map(|()| admission))
            .unwrap_or_else(Admission::Refused);
        let enforceable = !matches!(admission, Admission::Refused(_))
            && tree.root().is_some_and(|root| indexes.is_enforceable(root));
        Decision { admission, enforceable, children }
    }

    /// Whatever is less than a trusted signature takes no place at the target that is protected for another source.
    fn check_place(&self, ground: &Ground<'_>) -> Result<(), Refusal> {
        let Some(permission) = &ground.permission else { return Ok(()) };
        let place = self.image.places.place_of(self.source.repository());
        match self.anchors.protector_of(&place, &self.source, permission) {
            Some(protector) => Err(Refusal::new(RefusalCode::PlaceProtected, protector)),
            None => Ok(()),
        }
    }

    fn admit(&self, tree: &Tree<'_>, indexes: &Indexes<'_>) -> Result<Ground<'_>, Refusal> {
        let root = self.image.root.digest;
        if self.image.source.digest().is_some_and(|pinned| pinned != root) {
            let detail = format!("the image is {root}");
            return Err(Refusal::new(RefusalCode::PinnedDigestMismatch, detail));
        }
        self.check_policy()?;
        if self.standing.signed.contains(&root) {
            return Ok(Ground::signature(Admission::Signed));
        }
        let unsigned_index = tree
            .root()
            .filter(|root| matches!(root.meaning(), Meaning::Index(_)))
            .map(|root| indexes.accept_unsigned(root));
        if unsigned_index == Some(Ok(())) {
            return Ok(Ground::signature(Admission::IndexUnsigned));
        }
        if self.anchors.has_policy() {
            if self.rule.accepts_anything() {
                return match self.rule.threshold {
                    1 => Ok(Ground::permitted(
                        Admission::PolicyAcceptsAnything,
                        Permission::without_scope(Reach::Broad),
                    )),
                    most => {
                        let detail = format!("0 of {most}");
                        Err(Refusal::new(RefusalCode::ThresholdNotMet, detail))
                    }
                };
            }
        } else if let Some(admission) = self.stated_admission() {
            // An authentic inventory names this very image.
            let named = Permission::without_scope(Reach::Named);
            return Ok(Ground::permitted(admission, named));
        } else if let Some(permission) = self.anchors.allows_unsigned(&self.source) {
            let sealed = self.anchors.bundle_expected;
            return Ok(Ground::permitted(Admission::UnsignedAllowed { sealed }, permission));
        }
        if let Some(refusal) = self.shortfall(tree) {
            return Err(refusal);
        }
        Err(match unsigned_index {
            // Some of it is signed: what is wrong with the rest is what people want to know.
            Some(Err(refusal)) if self.signs_any_of(tree) => refusal,
            _ => self.refusal(),
        })
    }

    /// The ground that an authentic inventory gives by its word. Several signers and entries of logs are demanded of
    /// signatures, so nobody's word stands for them.
    fn stated_admission(&self) -> Option<Admission> {
        let anchors = self.anchors;
        if !anchors.bundle_expected || self.rule.threshold > 1 || anchors.demands_log(&self.source)
        {
            return None;
        }
        match self.image.stated {
            StatedAtPack::Verified => Some(Admission::PackVerdict),
            StatedAtPack::UnsignedAccepted if !anchors.refuse_unsigned => {
                Some(Admission::UnsignedSealed)
            }
            StatedAtPack::UnsignedAccepted | StatedAtPack::Nothing => None,
        }
    }

    /// Some manifest is signed, but by too few.
    fn shortfall(&self, tree: &Tree<'_>) -> Option<Refusal> {
        let mut short = self.standing.short.iter();
        let (digest, signers) = short.find(|(digest, _)| tree.get(digest).is_some())?;
        let threshold = self.rule.threshold;
        let detail = match *digest == self.image.root.digest {
            true => format!("{signers} of {threshold}"),
            false => format!("{signers} of {threshold} for {digest}"),
        };
        Some(Refusal::new(RefusalCode::ThresholdNotMet, detail))
    }

    fn signs_any_of(&self, tree: &Tree<'_>) -> bool {
        self.standing.signed.iter().any(|digest| tree.get(digest).is_some())
    }

    /// What no signature can mend.
    fn check_policy(&self) -> Result<(), Refusal> {
        for requirement in &self.rule.requirements {
            match requirement {
                Requirement::Reject => return Err(Refusal::bare(RefusalCode::PolicyRejects)),
                Requirement::Unusable(why) => {
                    return Err(Refusal::new(RefusalCode::PolicyUnusable, *why));
                }
                Requirement::AcceptAnything | Requirement::Signed(_) => {}
            }
        }
        Ok(())
    }

    /// Every attestation that is demanded must have been verified for the root, or for each image that an index lists.
    fn check_attestations(&self, tree: &Tree<'_>, indexes: &Indexes<'_>) -> Result<(), Refusal> {
        for demanded in self.anchors.required_attestations_for(&self.source) {
            let attested = |subject| {
                self.examined.iter().map(|examined| &examined.finding).any(|finding| {
                    finding.subject == subject
                        && finding.code == SignatureCode::AttestationVerified
                        && finding.predicate_type.as_deref() == Some(demanded.as_str())
                })
            };
            if attested(self.image.root.digest) {
                continue;
            }
            let images = tree.root().map(|root| indexes.choosable(root)).unwrap_or_default();
            match images.iter().find(|digest| !attested(**digest)) {
                None if !images.is_empty() => {}
                Some(lacking) if images.len() > 1 => {
                    let detail = format!("{demanded} for {lacking}");
                    return Err(Refusal::new(RefusalCode::AttestationMissing, detail));
                }
                _ => {
                    let detail = demanded.to_string();
                    return Err(Refusal::new(RefusalCode::AttestationMissing, detail));
                }
            }
        }
        Ok(())
    }

    /// Why an image without any counting signature is refused.
    fn refusal(&self) -> Refusal {
        let findings = || self.examined.iter().map(|examined| &examined.finding);
        let any = |code| findings().any(|finding| finding.code == code);
        let nobody = self.rule.signed_by().all(|(_, signed_by)| signed_by.candidates.is_empty());
        Refusal::bare(if nobody {
            RefusalCode::NoAnchor
        } else if any(SignatureCode::NameUnbound) {
            if let Some(protector) = &self.unbound_place {
                return Refusal::new(RefusalCode::PlaceProtected, protector);
            }
            RefusalCode::NameUnbound
        } else if findings().any(SignatureFinding::claims_to_sign) {
            RefusalCode::NoTrustedSignature
        } else {
            RefusalCode::NoSignature
        })
    }
}
