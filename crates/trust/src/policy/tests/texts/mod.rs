//! Policy texts, each with what becomes of it here and in the container stack.

mod keys;
mod names;

use crate::policy::{MAX_POLICY, Policy, PolicyError};
use std::error::Error as _;

/// Whether the container stack agrees with us that the file is well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stack {
    Agrees,
    /// It reads what is refused here, and why that is better refused.
    Reads(&'static str),
}

/// One text.
pub(super) struct Row {
    pub(super) text: String,
    /// `None` when it is read, else the place and a part of what is said.
    pub(super) refused: Option<(&'static str, &'static str)>,
    pub(super) stack: Stack,
}

fn read(text: String) -> Row {
    Row { text, refused: None, stack: Stack::Agrees }
}

fn refused(text: String, place: &'static str, says: &'static str) -> Row {
    Row { text, refused: Some((place, says)), stack: Stack::Agrees }
}

fn stricter(text: String, place: &'static str, says: &'static str, why: &'static str) -> Row {
    Row { text, refused: Some((place, says)), stack: Stack::Reads(why) }
}

const REJECT: &str = r#"[{"type":"reject"}]"#;

/// A policy of one requirement.
fn one(requirement: &str) -> String {
    format!(r#"{{"default":[{requirement}]}}"#)
}

fn sigstore(members: &str) -> String {
    one(&format!(r#"{{"type":"sigstoreSigned",{members}}}"#))
}

fn gpg(members: &str) -> String {
    one(&format!(r#"{{"type":"signedBy",{members}}}"#))
}

fn fulcio(members: &str) -> String {
    sigstore(&format!(r#""rekorPublicKeyPath":"/r","fulcio":{{{members}}}"#))
}

fn pki(members: &str) -> String {
    sigstore(&format!(r#""pki":{{{members}}}"#))
}

fn identity(members: &str) -> String {
    sigstore(&format!(r#""keyPath":"/k","signedIdentity":{{{members}}}"#))
}

fn scope(transport: &str, scope: &str) -> String {
    format!(r#"{{"default":{REJECT},"transports":{{"{transport}":{{"{scope}":{REJECT}}}}}}}"#)
}

pub(super) fn rows() -> Vec<Row> {
    [documents(), requirements(), keys::rows(), names::rows()].into_iter().flatten().collect()
}

fn documents() -> Vec<Row> {
    let default = format!(r#"{{"default":{REJECT}}}"#);
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    vec![
        read(default.clone()),
        read(format!(" {default}\n")),
        read(format!(r#"{{"default":{REJECT},"transports":{{}}}}"#)),
        read(format!(r#"{{"default":{REJECT},"transports":{{"docker":{{}}}}}}"#)),
        refused(String::new(), "", "not strict JSON"),
        refused("null".into(), "the policy", "not an object"),
        refused("[]".into(), "the policy", "not an object"),
        refused("{}".into(), "the policy", r#"no "default""#),
        refused(r#"{"transports":{}}"#.into(), "the policy", r#"no "default""#),
        refused(format!("{default}{{}}"), "", "not strict JSON"),
        refused(format!("\u{feff}{default}"), "", "not strict JSON"),
        refused(format!("// comment\n{default}"), "", "not strict JSON"),
        refused(r#"{"default":[{"type":"reject"},]}"#.into(), "", "not strict JSON"),
        refused(format!(r#"{{"default":{REJECT},"default":{REJECT}}}"#), "", "duplicate key"),
        refused(format!(r#"{{"default":{REJECT},"Default":{REJECT}}}"#), "the policy", "Default"),
        refused(format!(r#"{{"default":{REJECT},"_comment":"x"}}"#), "the policy", "_comment"),
        refused(format!(r#"{{"default":{REJECT},"transports":null}}"#), "transports", "an object"),
        refused(format!(r#"{{"default":{REJECT},"transports":[]}}"#), "transports", "an object"),
        refused(
            format!(r#"{{"default":{REJECT},"transports":{{"docker":[]}}}}"#),
            "transports.docker",
            "an object",
        ),
        refused(r#"{"default":null}"#.into(), "default", "a list"),
        refused(r#"{"default":{}}"#.into(), "default", "a list"),
        refused(r#"{"default":[]}"#.into(), "default", "at least one"),
        refused(
            format!(r#"{{"default":{REJECT},"transports":{{"docker":{{"a.b":[]}}}}}}"#),
            r#"transports.docker["a.b"]"#,
            "at least one",
        ),
        refused(format!(r#"{{"default":{deep}}}"#), "", "nested too deep"),
        stricter(
            sigstore(r#""keyPath":"/\ud800""#),
            "",
            "not strict JSON",
            "half a surrogate pair is no text",
        ),
    ]
}

fn requirements() -> Vec<Row> {
    vec![
        read(one(r#"{"type":"insecureAcceptAnything"}"#)),
        read(one(r#"{"type":"reject"}"#)),
        read(one(r#"{"type":"reject"},{"type":"insecureAcceptAnything"}"#)),
        read(one(r#"{"type":"signedBaseLayer","baseLayerIdentity":{"type":"matchRepository"}}"#)),
        refused(one(r#"{"type":"signedBaseLayer"}"#), "default[0]", "baseLayerIdentity"),
        refused(
            one(r#"{"type":"signedBaseLayer","baseLayerIdentity":null}"#),
            "default[0].baseLayerIdentity",
            "an object",
        ),
        refused(one("null"), "default[0]", "an object"),
        refused(one("[]"), "default[0]", "an object"),
        refused(one("{}"), "default[0]", r#"no "type""#),
        refused(one(r#"{"type":null}"#), "default[0].type", "a text"),
        refused(one(r#"{"type":1}"#), "default[0].type", "a text"),
        refused(one(r#"{"type":"Reject"}"#), "default[0].type", "type of requirement"),
        refused(one(r#"{"Type":"reject"}"#), "default[0]", r#"no "type""#),
        refused(one(r#"{"type":"reject","type":"insecureAcceptAnything"}"#), "", "duplicate key"),
        refused(one(r#"{"type":"reject","keyPath":"/k"}"#), "default[0]", "keyPath"),
        refused(one(r#"{"type":"reject"},{"type":"x"}"#), "default[1].type", "type of requirement"),
        refused(
            one(r#"{"type":"insecureAcceptAnything","x":1}"#),
            "default[0]",
            "unknown key \"x\"",
        ),
    ]
}

/// The error and its causes.
fn said(error: &PolicyError) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

#[test]
fn policies_are_read_or_refused_with_the_place_named() {
    let rows = rows();
    let (mut good, mut bad) = (0, 0);
    for row in &rows {
        match (Policy::parse(row.text.as_bytes()), row.refused) {
            (Ok(_), None) => good += 1,
            (Err(error), Some((place, says))) => {
                bad += 1;
                let at = error.place().unwrap_or_default();
                let in_place =
                    if place.ends_with('.') { at.starts_with(place) } else { at == place };
                assert!(in_place, "{:.300}: at {at:?}, not {place:?}", row.text);
                let said = said(&error);
                assert!(said.contains(says), "{:.300}: {said}, not {says:?}", row.text);
            }
            (result, expected) => panic!("{:.300}: {result:?}, not {expected:?}", row.text),
        }
    }
    println!("policies: {good} read, {bad} refused");
    assert!(good >= 60 && bad >= 100, "{good} read, {bad} refused");
}

#[test]
fn size_is_capped_exactly_and_messages_stay_short() {
    let padded = |size: usize| {
        let text = format!(r#"{{"default":{REJECT}}}"#);
        let padding = " ".repeat(size - text.len());
        text + &padding
    };
    assert!(Policy::parse(padded(MAX_POLICY).as_bytes()).is_ok());
    let error = Policy::parse(padded(MAX_POLICY + 1).as_bytes());
    assert_eq!(error, Err(PolicyError::TooLarge(MAX_POLICY + 1)));

    let long = "x".repeat(1 << 20);
    for text in [
        format!(r#"{{"default":{REJECT},"{long}":1}}"#),
        one(&format!(r#"{{"type":"{long}"}}"#)),
        identity(&format!(r#""type":"exactReference","dockerReference":"{long}:1""#)),
        format!(r#"{{"default":{REJECT},"transports":{{"{long}":{{"{long}":[]}}}}}}"#),
    ] {
        let error = Policy::parse(text.as_bytes()).expect_err("refused");
        assert!(said(&error).len() < 700, "{:.900}", said(&error));
    }
}
