//! What one image must satisfy: every requirement, each by a signature of its own or of the others.

use super::candidate::Candidate;
use super::distinct::Holders;
use crate::identity::IdentityRule;
use crate::keys::Fingerprint;
use crate::outcome::SignatureCode;
use crate::outcome::finding::SignatureFinding;
use crate::outcome::judgement::Judgement;
use crate::vouched::{Annotations, Spellings};
use bundle_oci::{Descriptor, Digest, Reference};
use std::collections::{BTreeMap, BTreeSet};

/// The requirements for one image; all of them must be met.
pub(crate) struct Rule<'a> {
    pub(crate) requirements: Vec<Requirement<'a>>,
    /// How many distinct signers each manifest needs.
    pub(crate) threshold: usize,
}

/// One of them.
pub(crate) enum Requirement<'a> {
    /// Met by whatever comes.
    AcceptAnything,
    /// Never met.
    Reject,
    /// Cannot be evaluated, so it is not met.
    Unusable(&'a str),
    /// Met by one signature of one candidate.
    Signed(SignedBy<'a>),
}

/// Whose signatures meet a requirement.
pub(crate) struct SignedBy<'a> {
    pub(crate) candidates: Vec<Candidate<'a>>,
    pub(crate) identity: &'a IdentityRule,
    /// What the identity is compared with, where that is not the image's source as it stands.
    pub(crate) source: Option<&'a Reference>,
    pub(crate) forms: Forms,
}

/// Which forms of signature count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forms {
    /// All that are known.
    All,
    /// Those that container runtimes check (docs/spec/verification.md §12.5).
    RuntimeOnly,
}

impl Forms {
    /// True when a signature that was found and proven so counts.
    pub(crate) fn include(self, finding: &SignatureFinding, judgement: &Judgement) -> bool {
        self == Self::All || (finding.is_for_runtimes() && !judgement.proof.beyond_runtimes)
    }

    /// The annotations of a layer, as they are read: container runtimes know the present names only.
    pub(crate) fn annotations(self, layer: &Descriptor) -> Annotations<'_> {
        let spellings = match self {
            Self::All => Spellings::Both,
            Self::RuntimeOnly => Spellings::Present,
        };
        Annotations::new(&layer.annotations, spellings)
    }
}

/// A finding, and which requirements its signature meets.
pub(crate) struct Examined {
    pub(crate) finding: SignatureFinding,
    pub(crate) meets: BTreeSet<usize>,
    /// The key that its certificate is for.
    pub(crate) certified: Option<Fingerprint>,
    /// It stands where container runtimes look for signatures, among something that they cannot read: they then fail,
    /// whatever other signatures there are.
    pub(crate) broken: bool,
}

impl SignatureFinding {
    /// What meets no requirement.
    pub(crate) fn unmet(self) -> Examined {
        Examined { finding: self, meets: BTreeSet::new(), certified: None, broken: false }
    }
}

/// How the manifests of one image stand against a rule.
#[derive(Default)]
pub(crate) struct Standing {
    /// Manifests that meet every requirement, with as many signers as are demanded.
    pub(crate) signed: BTreeSet<Digest>,
    /// Manifests that would, were fewer signers demanded; with the number that they have.
    pub(crate) short: BTreeMap<Digest, usize>,
    /// Signed manifests that a container runtime finds signed too, and does not refuse for another reason.
    pub(crate) enforceable: BTreeSet<Digest>,
}

impl<'a> Rule<'a> {
    /// The requirements that signatures can meet, with their numbers.
    pub(crate) fn signed_by(&self) -> impl Iterator<Item = (usize, &SignedBy<'a>)> {
        self.requirements.iter().enumerate().filter_map(|(number, requirement)| match requirement {
            Requirement::Signed(signed) => Some((number, signed)),
            _ => None,
        })
    }

    /// True where anything is accepted and nothing demanded. An empty rule accepts nothing.
    pub(crate) fn accepts_anything(&self) -> bool {
        let anything = |requirement: &_| matches!(requirement, Requirement::AcceptAnything);
        !self.requirements.is_empty() && self.requirements.iter().all(anything)
    }

    /// False where a requirement is met by no signature whatsoever.
    fn can_be_met(&self) -> bool {
        let never = |one: &_| matches!(one, Requirement::Reject | Requirement::Unusable(_));
        !self.requirements.iter().any(never)
    }

    /// Which manifests count as signed.
    pub(crate) fn standing(&self, examined: &[Examined]) -> Standing {
        let demanded: BTreeSet<usize> = self.signed_by().map(|(number, _)| number).collect();
        let mut standing = Standing::default();
        if demanded.is_empty() {
            return standing;
        }
        let broken = examined.iter().filter(|one| one.broken);
        let broken: BTreeSet<Digest> = broken.map(|one| one.finding.subject).collect();
        let mut counting: BTreeMap<Digest, Vec<&Examined>> = BTreeMap::new();
        for one in examined.iter().filter(|e| e.finding.code == SignatureCode::Verified) {
            counting.entry(one.finding.subject).or_default().push(one);
        }
        for (subject, counting) in counting {
            if !meet(counting.iter().copied(), &demanded) {
                continue;
            }
            let mut holders = Holders::default();
            for one in &counting {
                holders.add(one.finding.signer(), one.certified);
            }
            if holders.count() < self.threshold {
                standing.short.insert(subject, holders.count());
                continue;
            }
            standing.signed.insert(subject);
            let runtime = counting.into_iter().filter(|e| e.finding.is_for_runtimes());
            if meet(runtime, &demanded) && self.can_be_met() && !broken.contains(&subject) {
                standing.enforceable.insert(subject);
            }
        }
        standing
    }
}

/// True when together they meet all that is demanded.
fn meet<'e>(counting: impl Iterator<Item = &'e Examined>, demanded: &BTreeSet<usize>) -> bool {
    let met: BTreeSet<usize> = counting.flat_map(|e| e.meets.iter().copied()).collect();
    met.is_superset(demanded)
}
