//! What a seal will swear to, as people read it before the bundle is sealed.

use crate::cli::standard_error::tell;
use crate::cli::text::{count, line, safe};
use bundle::inventory::Lookup;
use bundle::report::seal::{Sworn, SwornBasis, SwornImage};

/// Prints what no signature covers. Where a digest or an earlier seal covers all of it, there is nothing to look at.
pub(super) fn tell_sworn(sworn: &Sworn) {
    if matches!(sworn.basis, SwornBasis::ExpectedBundle | SwornBasis::EarlierSeal) {
        return;
    }
    tell!("sworn to by this seal, and covered by no signature so far:");
    let name = sworn.name.as_deref().unwrap_or("(without a name)");
    let sequence = sworn.sequence.map_or_else(|| "no sequence".to_owned(), |n| n.to_string());
    let expires = sworn.expires.as_deref().map_or("never", |expires| expires);
    let (name, created, expires) = (line(name), line(&sworn.created), line(expires));
    tell!("  series {name}: {sequence}, made {created}, expires: {expires}");
    for image in &sworn.images {
        tell!("  {} is {}", line(&image.source.to_string()), image.digest);
        tell!("    {}", line(&of_image(image)));
    }
    for key in &sworn.keys {
        let scopes = key.scopes.join(", ");
        tell!(
            "  {} is {} {} for {}",
            line(&key.file),
            safe(&key.usage),
            safe(&key.fingerprint),
            line(&scopes)
        );
    }
    if let Some(rotation) = sworn.rotation {
        tell!("  from {} on sealed by {}", rotation.from_sequence, rotation.successor);
    }
    tell!("compare that with what pack printed; --expect-bundle with its digest covers all of it");
}

fn of_image(image: &SwornImage) -> String {
    let lookup = match image.attachment_lookup {
        Lookup::Complete => "complete",
        Lookup::Incomplete => "incomplete",
        Lookup::Skipped => "not looked up",
    };
    let verdict = match image.confirmed {
        true => format!("{}, verified here", image.verdict),
        false => image.verdict.clone(),
    };
    let attachments = count(image.attachments as u64, "attachment");
    let omitted = match image.omitted {
        0 => String::new(),
        some => format!("; {} left out", count(some as u64, "manifest")),
    };
    format!("{verdict}; {attachments}, {lookup}{omitted}")
}

/// What was verified, in one line.
pub(super) fn in_words(sworn: &Sworn) -> String {
    let confirmed = sworn.images.iter().filter(|image| image.confirmed).count() as u64;
    match sworn.basis {
        SwornBasis::ExpectedBundle => "everything, by the expected digest".to_owned(),
        SwornBasis::EarlierSeal => "everything, by the earlier seal".to_owned(),
        SwornBasis::OwnVerification => {
            format!(
                "{} of {}",
                count(confirmed, "verdict"),
                count(sworn.images.len() as u64, "image")
            )
        }
        SwornBasis::NothingClaimed => "no verdict is stated".to_owned(),
    }
}
