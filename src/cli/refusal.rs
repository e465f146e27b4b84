//! Why the signatures of a refused image do not count, a line each.

use super::text::count;
use bundle::trust::{ImageVerdict, SignatureCode, SignatureFinding};

/// More lines help nobody: the report has the rest.
const MAX_LINES: usize = 8;

/// What is wrong with each signature of an image; nothing about those that are good.
pub(super) fn reasons(verdict: &ImageVerdict) -> Vec<String> {
    let bad = |finding: &&SignatureFinding| {
        finding.claims_to_sign() && finding.code != SignatureCode::Verified
    };
    let findings: Vec<_> = verdict.signatures().iter().filter(bad).collect();
    let mut lines: Vec<_> = findings.iter().take(MAX_LINES).map(|finding| line(finding)).collect();
    if let Some(more @ 1..) = findings.len().checked_sub(MAX_LINES) {
        lines.push(format!("and {}", count(more as u64, "more signature")));
    }
    lines
}

fn line(finding: &SignatureFinding) -> String {
    let SignatureFinding { manifest, subject, code, detail, .. } = finding;
    let detail = detail.as_ref().map_or_else(String::new, |detail| format!("; {detail}"));
    let (manifest, subject) = (manifest.short(), subject.short());
    format!("signature {manifest} of {subject}: {code} ({}{detail})", code.meaning())
}
