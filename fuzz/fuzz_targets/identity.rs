#![no_main]
//! Identity rules and names. What is accepted reads the same when it is written again, and a rule is satisfied by what it
//! says only. The input has lines: a rule, what a signature claims, where the image comes from.

use bundle::oci::Reference;
use bundle::trust::IdentityRule;
use bundle::trust::identity::named::Named;
use bundle_fuzz::reading;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (rule, claimed, source) = (line(), line(), line());
    for text in [rule, claimed, source] {
        check_named(text);
    }
    let rule: IdentityRule = match rule.parse() {
        Ok(rule) => rule,
        Err(error) => return reading::assert_bounded(&error),
    };
    assert_eq!(rule.to_string().parse().as_ref(), Ok(&rule), "{rule}");
    if let Ok(source) = source.parse::<Reference>() {
        check(&rule, claimed, &source);
    }
});

fn check_named(text: &str) {
    let named = match text.parse::<Named>() {
        Ok(named) => named,
        Err(error) => return reading::assert_bounded(&error),
    };
    assert_eq!(Named::of_signature(text).as_ref(), Ok(&named), "a signature may name it too");
    let written = named.to_string();
    // A first component that is no host makes a name on docker.io, which is then written out.
    assert_eq!(written.parse().as_ref(), Ok(&named), "{written}");
    assert!(written.contains('/') && named.name().len() <= written.len());
}

fn check(rule: &IdentityRule, claimed: &str, source: &Reference) {
    if let Err(error) = rule.check(claimed, source) {
        return reading::assert_bounded(&error);
    }
    let signed = Named::of_signature(claimed).expect("what matched is a name");
    assert!(!(rule.wants_pins() && signed.is_name_only()), "{rule} {claimed} {source}");
    let source = Named::from(source);
    let agrees = match rule {
        IdentityRule::MatchExact => signed == source,
        IdentityRule::MatchRepository | IdentityRule::MatchRepoDigestOrExact => {
            signed.name() == source.name()
        }
        IdentityRule::ExactReference(pinned) => signed == *pinned.named(),
        IdentityRule::ExactRepository(named) => signed.name() == named.name(),
        IdentityRule::RemapIdentity(remap) => {
            remap.apply(&source).is_ok_and(|remapped| signed.name() == remapped.name())
        }
        _ => false,
    };
    assert!(agrees, "{rule} {claimed} {source}");
}
