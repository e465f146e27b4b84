#![no_main]
//! containers-policy.json: what is accepted is strict JSON and says the same however it is written; and a signed image
//! is admitted by what applies to it, and by nothing less.

use bundle::oci::Reference;
use bundle::trust::policy::{
    LoadError, Loaded, LoadedRequirement, Policy, PreparedPolicy, Signers,
};
use bundle::trust::{Admission, Anchors, ImageVerdict, RefusalCode};
use bundle_fuzz::world::Attachment;
use bundle_fuzz::{openpgp, reading, world};
use libfuzzer_sys::fuzz_target;
use std::io;
use std::path::Path;
use std::sync::LazyLock;

/// The image's own source, and others whose lookup differs.
static SOURCES: LazyLock<Vec<Reference>> = LazyLock::new(|| {
    let digest = world::manifest().digest();
    let others = [
        "QUAY.io/org/repo:1".to_owned(),
        format!("quay.io/org/repo:1@{digest}"),
        format!("quay.io/org/other@{digest}"),
        "a.quay.io:5000/org/repo".to_owned(),
        "alpine".to_owned(),
        "[::1]:5000/org/repo:1".to_owned(),
    ];
    let others = others.iter().map(|text| text.parse().expect("a reference"));
    std::iter::once(world::source()).chain(others).collect()
});
static SIGNED: LazyLock<(String, String)> = LazyLock::new(|| {
    let payload = world::payload();
    let signature = reading::encoded(&world::sign(payload.as_bytes()));
    (payload, signature)
});

/// Files by what their names say.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let name = path.to_string_lossy();
    if name.contains("rekor") {
        Ok(world::log_key().key().to_pem().into_bytes())
    } else if name.contains("ca") {
        Ok(world::certificate_pem(&world::authority_certificate()).into_bytes())
    } else if name.contains("gpg") {
        Ok(openpgp::KEY.to_vec())
    } else if name.contains("key") {
        Ok(world::key().to_pem().into_bytes())
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

fuzz_target!(|data: &[u8]| {
    let policy = match Policy::parse(data) {
        Ok(policy) => policy,
        Err(error) => return reading::assert_bounded(&error),
    };
    let again = Policy::parse(reading::accepted(data).to_string().as_bytes());
    assert_eq!(again.as_ref().ok(), Some(&policy), "how it is written makes no difference");
    for list in policy.lists() {
        assert!(!list.requirements().is_empty());
        reading::assert_bounded(&list.place());
    }
    for error in policy.load_all(&mut read) {
        reading::assert_bounded(&error);
    }
    for source in &*SOURCES {
        let applicable = policy.requirements_for(source);
        assert!(!applicable.parts().is_empty());
        if *source == SOURCES[0] {
            let satisfied = is_satisfied(&applicable.load(&mut read));
            match judged(&policy).admission() {
                // What comes in on less than a signature leaves the places that other rules demand signatures for.
                Admission::Refused(refusal) if refusal.code == RefusalCode::PlaceProtected => {
                    assert!(satisfied, "a place is looked at last");
                }
                admission => assert_eq!(!matches!(admission, Admission::Refused(_)), satisfied),
            }
        }
    }
});

fn judged(policy: &Policy) -> ImageVerdict {
    let prepared = PreparedPolicy::new(policy, &*SOURCES, &mut read);
    let now = world::LOGGED_AT.unsigned_abs();
    let anchors = Anchors { policy: Some(prepared), now, ..Anchors::default() };
    world::judge(Attachment::Simple(SIGNED.0.as_bytes(), &SIGNED.1), anchors)
}

/// True when one bare signature by the signer, for the image's repository, is all that is demanded.
fn is_satisfied(loaded: &Result<Vec<Loaded>, LoadError>) -> bool {
    let repository = world::source().repository().to_string();
    loaded.as_ref().is_ok_and(|loaded| {
        loaded.iter().all(|Loaded { requirement, source, .. }| match requirement {
            LoadedRequirement::AcceptAnything => true,
            LoadedRequirement::SigstoreSigned {
                signers: Signers::Keys(keys),
                rekor_keys: None,
                identity,
            } => keys.contains(world::key()) && identity.check(&repository, source).is_ok(),
            _ => false,
        })
    })
}
