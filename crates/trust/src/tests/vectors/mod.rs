//! Every row of the table of third-party vectors, judged by the code that reads its form, for the reason that is stated.
//! What the notes of the table want varied is varied beside that code: `tests/keyless.rs`, `tests/sigstore.rs`,
//! `vouched/vectors.rs`.

mod conformance;
mod openpgp;
mod others;
mod simple_signing;
mod vouched;

use crate::testing::vectors::{Expected, Row, folder, rows};
pub(super) use conformance::{IDENTITY, ISSUER, PUBLIC_ROOT};
use std::path::Path;

const GPG: &str = "GPG simple signing";

/// What became of a row. That a refusal has the right reason is asserted by who judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Refused,
    /// The product does not read this form, and refuses it therefore.
    NotRead,
}

fn judge(folder: &Path, row: &Row) -> Verdict {
    match row.form.as_str() {
        "keyed simplesigning" => simple_signing::judge(folder, row),
        "keyed + SET" | "keyless + SET" | "BYO-PKI cert" | "SET unit" => {
            vouched::judge(folder, row)
        }
        GPG => openpgp::judge(folder, row),
        "Sigstore bundle v0.3 DSSE attestation" | "bundle" | "bundle key + TSA" => {
            others::judge(folder, row)
        }
        form if form.starts_with("sigstore bundle (") => conformance::judge(folder, row),
        form => panic!("nobody judges {}, which is of the form {form:?}", row.id),
    }
}

#[test]
fn rows_of_the_table_are_judged_for_their_stated_reasons() {
    let Some(folder) = folder() else { return };
    let (mut accepted, mut refused, mut not_read) = (0, 0, Vec::new());
    let mut rows = rows(&folder);
    // Built without OpenPGP, the product does not read GPG signatures at all.
    let (gpg_accepted, gpg_refused) = if cfg!(feature = "openpgp") { (4, 14) } else { (0, 0) };
    rows.retain(|row| cfg!(feature = "openpgp") || row.form != GPG);
    for row in rows {
        match (row.expected, judge(&folder, &row)) {
            (Expected::Accept, Verdict::Accepted) => accepted += 1,
            (Expected::Refuse, Verdict::Refused) => refused += 1,
            (Expected::Accept | Expected::Unstated, Verdict::NotRead) => not_read.push(row.id),
            (expected, verdict) => panic!("{}: {expected:?}, but {verdict:?}", row.id),
        }
    }
    println!(
        "{accepted} ACCEPT rows accepted, {refused} REFUSE rows refused, not read: {}",
        not_read.join(", ")
    );
    assert_eq!((accepted, refused), (31 + gpg_accepted, 58 + gpg_refused));
    assert_eq!(not_read, ["go-pubkey-validity"]);
}
