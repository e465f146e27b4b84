//! The container stack as witness: every policy over every manifest, by a real skopeo and by `bundle verify`, which have to
//! come to the same. `policies` says what is accepted, so that neither side can be wrong in the other's favour; `strict`
//! lists where we refuse more.
//!
//! What is measured is one manifest at a time, as runtimes do: of an index each child that they could choose.

mod authorities;
pub(crate) mod exhibits;
mod openpgp;
mod options;
mod policies;
mod stack;
mod strict;

use crate::harness::command::Program;
use bundle_testing::peers;
use exhibits::{Exhibit, Exhibition};
use policies::Policy;
use serde_json::Value;
use stack::Stack;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Runs of skopeo at the same time.
const WORKERS: usize = 4;

/// How one policy and one exhibit were judged by both.
struct Pair<'a> {
    policy: &'a Policy,
    exhibit: &'a Exhibit,
    /// For each manifest that a runtime could choose, whether skopeo copies it.
    copied: Vec<bool>,
    /// Our verdict.
    verdict: Value,
}

/// What the comparison of one pair comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Agreement {
    Accepted,
    Refused,
    /// We refuse what the stack accepts; which kind of it.
    Stricter(usize),
    /// We accept an index by its own signature, and say that runtimes do not accept what it lists.
    CoveredByIndex,
}

impl Pair<'_> {
    fn stack_accepts(&self) -> bool {
        self.copied.iter().all(|copied| *copied)
    }

    fn we_accept(&self) -> bool {
        self.verdict["admission"] != "refused"
    }

    /// The manifests that skopeo was asked for, as our verdict has them: the children, or the whole.
    fn parts(&self) -> Vec<&Value> {
        match self.verdict["children"].as_array().map(Vec::as_slice) {
            None | Some([]) => vec![&self.verdict],
            Some(children) => children.iter().collect(),
        }
    }

    fn is_covered_by_index_only(&self) -> bool {
        let listed = self.verdict["children"].as_array().expect("children");
        self.verdict["admission"] == "signed"
            && self.verdict["enforceable"] == false
            && !listed.is_empty()
            && listed.iter().any(|child| child["status"] == "covered-by-index")
    }

    fn agreement(&self) -> Result<Agreement, &'static str> {
        let enforceable = |part: &Value| part["enforceable"] == true;
        let claims_more = self.parts().into_iter().zip(&self.copied);
        if claims_more.into_iter().any(|(part, copied)| enforceable(part) && !copied) {
            return Err("we call enforceable what skopeo refuses");
        }
        let stricter = strict::kind(self.policy.name, self.exhibit.name);
        match (self.we_accept(), self.stack_accepts()) {
            (false, true) => match stricter {
                Some(kind) => Ok(Agreement::Stricter(kind)),
                None => Err("we refuse what skopeo accepts, and the list does not say so"),
            },
            (true, false) if self.is_covered_by_index_only() => Ok(Agreement::CoveredByIndex),
            (true, false) => Err("we accept what skopeo refuses"),
            (true, true) if stricter.is_some() => Err("the list says that we refuse it"),
            (true, true) => {
                let by_signature =
                    matches!(self.verdict["admission"].as_str(), Some("signed" | "index-unsigned"));
                match by_signature && !enforceable(&self.verdict) {
                    true => Err("we do not call enforceable what skopeo accepts by its signature"),
                    false => Ok(Agreement::Accepted),
                }
            }
            (false, false) => Ok(Agreement::Refused),
        }
    }
}

/// The second number of `skopeo version 1.22.0`; older ones refuse signatures by subkeys of trusted keys.
fn minor_version(skopeo: &std::path::Path) -> u32 {
    let output = std::process::Command::new(skopeo).arg("--version").output().expect("skopeo runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = said.split_whitespace().last().and_then(|version| version.split('.').nth(1));
    number.and_then(|minor| minor.parse().ok()).unwrap_or_else(|| panic!("a version: {said}"))
}

#[test]
fn verdicts_under_a_policy_are_those_of_the_container_stack() {
    let test = "verdicts_under_a_policy_are_those_of_the_container_stack";
    let Some(skopeo) = peers::require(test, "skopeo-new") else { return };
    let Some(exhibition) = Exhibition::open(test, &skopeo) else { return };
    let policies = policies::all(&exhibition);
    let maps_subkeys = minor_version(&skopeo) >= 22;
    let stack = Stack::new(skopeo, exhibition.address(), exhibition.registries_d());
    let file = exhibition.pack();
    let pairs = judge(&stack, &exhibition, &policies, &file);

    let (mut accepted, mut refused, mut covered, mut faults) = (0, 0, 0, Vec::new());
    let mut stricter = [0; strict::STRICTER.len()];
    for pair in &pairs {
        let (policy, exhibit) = (pair.policy.name, pair.exhibit.name);
        if exhibit == "gpg-subkey" && !maps_subkeys {
            println!("left out: parity needs a skopeo that knows whose a subkey is");
            continue;
        }
        match pair.agreement() {
            Ok(Agreement::Accepted) => accepted += 1,
            Ok(Agreement::Refused) => refused += 1,
            Ok(Agreement::CoveredByIndex) => {
                println!("covered-by-index: {policy} × {exhibit}");
                covered += 1;
            }
            Ok(Agreement::Stricter(kind)) => {
                println!("stricter: {policy} × {exhibit}: {}", strict::STRICTER[kind].reason);
                stricter[kind] += 1;
            }
            Err(fault) => faults.push(format!("{policy} × {exhibit}: {fault}: {}", pair.verdict)),
        }
        let expected = pair.policy.accepts.contains(exhibit);
        if pair.stack_accepts() != expected {
            faults.push(format!("{policy} × {exhibit}: skopeo's {} is news", !expected));
        }
    }
    let by_us: usize = stricter.iter().sum();
    println!(
        "{} pairs of {} policies and {} manifests: {accepted} accepted and {refused} refused by both, {by_us} refused \
         by us alone, {covered} covered by an index only",
        pairs.len(),
        policies.len(),
        exhibition.exhibits.len()
    );
    assert!(faults.is_empty(), "{} faults: {faults:#?}", faults.len());
    assert!(accepted >= 40 && refused >= 40, "the matrix decides nothing");
    let met = stricter
        .iter()
        .enumerate()
        .all(|(kind, pairs)| *pairs > 0 || !strict::could_be_met(kind, &exhibition.names()));
    assert!(covered > 0 && met, "every kind of difference is met");
}

/// Every policy over every exhibit: one run of ours for each policy, one of skopeo's for each manifest.
fn judge<'a>(
    stack: &Stack,
    exhibition: &'a Exhibition,
    policies: &'a [Policy],
    file: &Path,
) -> Vec<Pair<'a>> {
    let waiting = Mutex::new(policies.iter());
    let judged = Mutex::new(Vec::new());
    let next = || waiting.lock().expect("no worker fails").next();
    let work = || {
        while let Some(policy) = next() {
            let path = exhibition.write_policy(policy);
            let verdicts = verify(file, &path);
            let pairs = exhibition.exhibits.iter().filter(|exhibit| policy.is_tried_on(exhibit));
            let pairs = pairs.map(|exhibit| Pair {
                policy,
                exhibit,
                copied: stack.copies(&path, exhibit),
                verdict: verdict_on(&verdicts, exhibit),
            });
            let pairs: Vec<_> = pairs.collect();
            judged.lock().expect("no worker fails").extend(pairs);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    judged.into_inner().expect("no worker fails")
}

/// Our verdicts under the policy in this file.
fn verify(file: &Path, policy: &Path) -> Vec<Value> {
    let ran = Program::bundle()
        .args(&["verify", "--quick", "-q", "--json", "--policy"])
        .arg(policy)
        .arg(file)
        .run();
    let report = ran.json();
    let verdicts = report["verdicts"].as_array().expect("verdicts").clone();
    let refused = verdicts.iter().any(|verdict| verdict["admission"] == "refused");
    assert_eq!(ran.code, Some(if refused { 3 } else { 0 }), "{ran}");
    verdicts
}

fn verdict_on(verdicts: &[Value], exhibit: &Exhibit) -> Value {
    let verdict = verdicts.iter().find(|verdict| verdict["source"] == exhibit.reference);
    verdict.unwrap_or_else(|| panic!("no verdict on {}", exhibit.reference)).clone()
}

/// A file in `folder`.
fn written(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).expect("file");
    path
}

/// Names of exhibits.
type Names = BTreeSet<&'static str>;
