//! One-field breaks of a valid entry, made with a log of our own; each has the valid entry beside it.

use super::*;
use crate::testing::HasPublicKey as _;
use crate::testing::Signer;
use crate::{BlocksError, PublicKey, SignatureError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Digest;
use serde_json::{Value, json};

const TIME: u64 = 1_700_000_000;
const INDEX: u64 = 1234;

/// A log, somebody who signs, and what the log has taken in.
struct World {
    log: Signer,
    signer: Signer,
    key: PublicKey,
    signature: Vec<u8>,
}

const PAYLOAD: &[u8] = b"a payload";

impl World {
    fn new() -> Self {
        let signer = Signer::p256();
        let (key, signature) = (signer.public(), signer.sign(PAYLOAD));
        Self { log: Signer::p256(), signer, key, signature }
    }

    fn log_key(&self) -> LogKey {
        LogKey::new(self.log.public()).expect("an ECDSA key")
    }

    fn body(&self) -> Value {
        json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": Digest::of(PAYLOAD).hex()}},
                "signature": {
                    "content": STANDARD.encode(&self.signature),
                    "publicKey": {"content": STANDARD.encode(self.key.to_pem())},
                },
            },
        })
    }

    /// The payload that the log signs for `body`.
    fn payload(&self, body: &[u8]) -> Value {
        json!({
            "body": STANDARD.encode(body),
            "integratedTime": TIME,
            "logIndex": INDEX,
            "logID": self.log.public().fingerprint().hex(),
        })
    }

    /// The annotation with a timestamp by `log` over `payload`, whose keys serde_json keeps sorted as canonical JSON
    /// has them.
    fn annotation(log: &Signer, payload: &Value) -> Value {
        let timestamp = log.sign_base64(payload.to_string().as_bytes());
        json!({"SignedEntryTimestamp": timestamp, "Payload": payload})
    }

    fn signed(&self, body: &Value) -> String {
        Self::annotation(&self.log, &self.payload(body.to_string().as_bytes())).to_string()
    }

    fn entry(&self) -> Entry<'_> {
        let verifier = Verifier::Key(&self.key);
        Entry { payload: PAYLOAD, signature: &self.signature, verifier }
    }

    fn verify(&self, annotation: &str) -> Result<Logged, SetError> {
        verify(annotation, &[self.log_key()], &self.entry())
    }

    /// The error of a body with one value changed, signed by the log.
    fn with(&self, pointer: &str, value: Value) -> SetError {
        let mut body = self.body();
        *body.pointer_mut(pointer).expect(pointer) = value;
        self.verify(&self.signed(&body)).expect_err(pointer)
    }
}

fn logged(world: &World) -> Result<Logged, SetError> {
    let log_id = world.log.public().fingerprint();
    Ok(Logged { integrated_time: TIME, log_index: INDEX, log_id })
}

#[test]
fn a_valid_entry_gives_its_time_its_place_and_its_log() {
    let world = World::new();
    let annotation = world.signed(&world.body());
    assert_eq!(world.verify(&annotation), logged(&world));
    // Spaces and the order of keys are not signed.
    let value: Value = serde_json::from_str(&annotation).expect("JSON");
    let pretty = serde_json::to_string_pretty(&value).expect("JSON");
    assert_eq!(world.verify(&pretty), logged(&world));
    // Any log that is trusted will do, and a P-521 one signs with SHA-256 too.
    let other = LogKey::new(Signer::p521().public()).expect("an ECDSA key");
    let logs = [other, world.log_key()];
    assert_eq!(verify(&annotation, &logs, &world.entry()), logged(&world));
}

#[test]
fn an_annotation_of_another_shape_is_malformed() {
    let world = World::new();
    let valid = world.signed(&world.body());
    assert_eq!(world.verify(&valid), logged(&world));
    let cases: &[(&str, &str, &str, &str)] = &[
        ("missing timestamp", r#""SignedEntryTimestamp""#, r#""Other""#, "unknown key \"Other\""),
        ("missing payload", r#"{"Payload":{"#, r#"{"P":{"#, "unknown key \"P\""),
        ("timestamp in wrong case", "SignedEntryT", "signedEntryT", "unknown key"),
        ("payload in wrong case", r#""Payload""#, r#""payload""#, "unknown key"),
        ("extra key", r#""Payload":{"#, r#""Extra":1,"Payload":{"#, "unknown key \"Extra\""),
        ("extra key in the payload", r#""Payload":{"#, r#""Payload":{"x":1,"#, "unknown key"),
        ("duplicate key", r#""Payload":{"#, r#""Payload":{},"Payload":{"#, "duplicate key"),
        (
            "duplicate key in the payload",
            r#""integratedTime""#,
            r#""integratedTime":1,"integratedTime""#,
            "duplicate key",
        ),
        ("body in wrong case", r#""body""#, r#""Body""#, "unknown key"),
        ("logID in wrong case", r#""logID""#, r#""logId""#, "unknown key"),
        ("no log index", r#","logIndex":1234"#, "", "no \"logIndex\""),
        ("log index is negative", ":1234", ":-1", "place in a log"),
        ("log index is a fraction", ":1234", ":1234.0", "place in a log"),
        ("log index is no double", ":1234", ":9007199254740993", "place in a log"),
        ("log index is text", ":1234", ":\"1234\"", "place in a log"),
        ("time is a fraction", "1700000000", "1.7e9", "an integer"),
        ("time is text", "1700000000", "\"1700000000\"", "an integer"),
        ("time beyond all numbers", "1700000000", "99999999999999999999", "an integer"),
        ("log id is a digest", r#""logID":""#, r#""logID":"sha256:"#, "lower-case hex"),
        ("body is not base64", r#""body":""#, r#""body":"*"#, "base64"),
        ("body of no length of base64", r#""body":""#, r#""body":"A"#, "base64"),
        ("timestamp is not base64", r#"Timestamp":""#, r#"Timestamp":"*"#, "base64"),
        ("second document", "\"}", "\"} {}", "strict JSON"),
        ("byte order mark", r#"{"Payload""#, "\u{feff}{\"Payload\"", "strict JSON"),
    ];
    for (name, from, to, why) in cases {
        let at = valid.rfind(from).unwrap_or_else(|| panic!("{name}: {valid}"));
        let broken = format!("{}{to}{}", &valid[..at], &valid[at + from.len()..]);
        match world.verify(&broken) {
            Err(SetError::Malformed(error)) => {
                assert!(error.to_string().contains(why), "{name}: {error}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let value: Value = serde_json::from_str(&valid).expect("JSON");
    let payload = &value["Payload"];
    let in_order = ["body", "integratedTime", "logID", "logIndex"];
    let list: Vec<&Value> = in_order.iter().map(|key| &payload[key]).collect();
    let timestamp = &value["SignedEntryTimestamp"];
    for (name, broken) in [
        ("list for the annotation", json!([timestamp, payload])),
        ("list for the payload", json!({"SignedEntryTimestamp": timestamp, "Payload": list})),
        ("text for the payload", json!({"SignedEntryTimestamp": timestamp, "Payload": "x"})),
        ("body as an object", {
            let mut broken = value.clone();
            broken["Payload"]["body"] = world.body();
            broken
        }),
        ("null timestamp", json!({"SignedEntryTimestamp": null, "Payload": payload})),
        ("empty timestamp", json!({"SignedEntryTimestamp": "", "Payload": payload})),
        ("null", Value::Null),
    ] {
        let error = world.verify(&broken.to_string()).expect_err(name);
        assert!(matches!(error, SetError::Malformed(_)), "{name}: {error:?}");
    }
    let long = format!("{valid}{}", " ".repeat(MAX_ANNOTATION));
    assert_eq!(world.verify(&long), Err(SetError::TooLarge(long.len())));
}

#[test]
fn the_log_must_have_signed_every_field() {
    let world = World::new();
    let valid = world.signed(&world.body());
    assert_eq!(world.verify(&valid), logged(&world));
    let other = Signer::p256();
    let other_id = other.public().fingerprint();
    let other_log = LogKey::new(other.public()).expect("an ECDSA key");
    let stranger = Err(SetError::Signature(SignatureError::OtherKey));

    assert_eq!(world.verify(&valid.replace("1700000000", "1700000001")), stranger, "time");
    assert_eq!(world.verify(&valid.replace(":1234", ":1235")), stranger, "index");
    let another_body = world.payload(b"{}")["body"].to_string();
    let body = world.payload(world.body().to_string().as_bytes())["body"].to_string();
    assert_eq!(world.verify(&valid.replace(&body, &another_body)), stranger, "body");

    // The id names the log. That of one that is not trusted is not replaced by one that is.
    let renamed = valid.replace(&world.log_key().id().hex(), &other_id.hex());
    assert_eq!(world.verify(&renamed), Err(SetError::UnknownLog(other_id)));
    let both = [world.log_key(), other_log.clone()];
    assert_eq!(verify(&renamed, &both, &world.entry()), stranger);
    let ours = Err(SetError::UnknownLog(world.log_key().id()));
    assert_eq!(verify(&valid, &[other_log], &world.entry()), ours, "wrong log key");
    assert_eq!(verify(&valid, &[], &world.entry()), ours, "no log key");

    // Signed by somebody who is not the log, and by nobody.
    let payload = world.payload(world.body().to_string().as_bytes());
    let forged = World::annotation(&world.signer, &payload).to_string();
    assert_eq!(world.verify(&forged), stranger);
    let mut noise = World::annotation(&world.log, &payload);
    noise["SignedEntryTimestamp"] = "AAAA".into();
    let noise = world.verify(&noise.to_string());
    assert_eq!(noise, Err(SetError::Signature(SignatureError::Malformed)));
}

#[test]
fn impossible_times_are_refused_even_if_a_log_signed_them() {
    let world = World::new();
    let at = |time: Value| {
        let mut payload = world.payload(world.body().to_string().as_bytes());
        payload["integratedTime"] = time;
        world.verify(&World::annotation(&world.log, &payload).to_string())
    };
    for time in [1, TIME, MAX_TIME] {
        assert_eq!(at(time.into()).map(|logged| logged.integrated_time), Ok(time));
    }
    for time in [json!(0), json!(-1), json!(i64::MIN), json!(MAX_TIME + 1), json!(u64::MAX)] {
        let number = time.to_string().parse().expect("a number");
        assert_eq!(at(time), Err(SetError::Time(number)));
    }
}

#[test]
fn an_entry_about_something_else_is_refused() {
    let world = World::new();
    let annotation = world.signed(&world.body());
    let entry = world.entry();
    let check = |entry: &Entry<'_>| verify(&annotation, &[world.log_key()], entry);
    assert_eq!(check(&entry), logged(&world));
    let again = world.signer.sign(PAYLOAD);
    let other = Signer::p256().public();
    let cases = [
        (Entry { payload: b"another payload", ..entry }, SetError::OtherPayload),
        (Entry { signature: &again, ..entry }, SetError::OtherSignature),
        (Entry { verifier: Verifier::Key(&other), ..entry }, SetError::OtherVerifier),
        (
            Entry { verifier: Verifier::Certificate(world.key.spki()), ..entry },
            SetError::VerifierForm(BlocksError::OtherBlock("-----BEGIN PUBLIC KEY-----".into())),
        ),
    ];
    for (entry, error) in cases {
        assert_eq!(check(&entry), Err(error));
    }
}

#[test]
fn a_certificate_is_bound_as_a_whole() {
    let world = World::new();
    let der = b"stands for a certificate";
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(der)
    );
    let mut body = world.body();
    body["spec"]["signature"]["publicKey"]["content"] = STANDARD.encode(pem).into();
    let annotation = world.signed(&body);
    let check = |der: &[u8]| {
        let entry = Entry { verifier: Verifier::Certificate(der), ..world.entry() };
        verify(&annotation, &[world.log_key()], &entry)
    };
    assert_eq!(check(der), logged(&world));
    assert_eq!(check(b"stands for another one"), Err(SetError::OtherVerifier));
}

#[test]
fn only_hashedrekord_0_0_1_with_sha256_is_understood() {
    let world = World::new();
    assert_eq!(world.verify(&world.signed(&world.body())), logged(&world));
    assert_eq!(world.with("/kind", "rekord".into()), SetError::Kind("rekord".into()));
    assert_eq!(world.with("/apiVersion", "0.0.2".into()), SetError::Version("0.0.2".into()));
    let algorithm = "/spec/data/hash/algorithm";
    assert_eq!(world.with(algorithm, "sha512".into()), SetError::HashAlgorithm("sha512".into()));
    let long = world.with("/kind", "k".repeat(1 << 10).into()).to_string();
    assert!(long.len() < 300, "{long}");
}

#[test]
fn a_body_of_another_shape_is_refused_even_if_the_log_signed_it() {
    let world = World::new();
    let hex = Digest::of(PAYLOAD).hex();
    let cases: Vec<(&str, Value, &str)> = vec![
        ("/spec/data/hash/value", hex.to_uppercase().into(), "lower-case hex"),
        ("/spec/data/hash/value", hex[1..].into(), "lower-case hex"),
        ("/spec/data/hash/value", Value::Null, "not a string"),
        ("/spec/data/hash", json!(["sha256", hex]), "not an object"),
        ("/spec/data", json!({"hash": {}, "url": "x"}), "unknown key \"url\""),
        ("/spec/data", json!({"Hash": {}}), "unknown key \"Hash\""),
        ("/spec/signature", json!({"content": "AAAA"}), "no \"publicKey\""),
        ("/spec/signature/content", "*".into(), "base64"),
        ("/spec/signature/publicKey", json!([]), "not an object"),
        ("/spec/signature/publicKey/content", "*".into(), "base64"),
        ("/spec", Value::Null, "not an object"),
        ("/kind", json!(1), "not a string"),
        ("/apiVersion", Value::Null, "not a string"),
    ];
    for (pointer, value, why) in cases {
        match world.with(pointer, value) {
            SetError::Body(error) => assert!(error.to_string().contains(why), "{error}"),
            other => panic!("{pointer}: {other:?}"),
        }
    }
    let doubled = world.body().to_string().replacen("{", r#"{"kind":"hashedrekord","#, 1);
    for body in [doubled.as_bytes(), b"[]", b"\xff\xff\xff"] {
        let annotation = World::annotation(&world.log, &world.payload(body)).to_string();
        let error = world.verify(&annotation).expect_err("not a body");
        assert!(matches!(error, SetError::Body(_)), "{error:?}");
    }
}

#[test]
fn the_verifier_in_the_entry_is_one_pem_block_and_nothing_else() {
    let world = World::new();
    let pem = world.key.to_pem();
    let with = |text: String| {
        let mut body = world.body();
        body["spec"]["signature"]["publicKey"]["content"] = STANDARD.encode(text).into();
        world.verify(&world.signed(&body))
    };
    assert_eq!(with(pem.clone()), logged(&world));
    assert_eq!(with(pem.trim_end().into()), logged(&world));
    for (name, text, error) in [
        ("two blocks", format!("{pem}{pem}"), BlocksError::TooMany(1)),
        ("trailing text", format!("{pem}x"), BlocksError::Prose),
        ("leading text", format!("x\n{pem}"), BlocksError::Prose),
        ("not PEM", "x".into(), BlocksError::Prose),
        ("blank", "\n".into(), BlocksError::NoBlock),
        ("cut short", pem[..60].into(), BlocksError::Damaged(1)),
        (
            "a certificate",
            pem.replace("PUBLIC KEY", "CERTIFICATE"),
            BlocksError::OtherBlock("-----BEGIN CERTIFICATE-----".into()),
        ),
    ] {
        assert_eq!(with(text), Err(SetError::VerifierForm(error)), "{name}");
    }
}

#[test]
fn the_key_of_a_log_is_one_of_ecdsa() {
    assert!(LogKey::new(Signer::p256().public()).is_ok());
    assert!(LogKey::from_pem(Signer::p521().public().to_pem().as_bytes()).is_ok());
    for signer in [Signer::ed25519(), Signer::Rsa] {
        let key = signer.public();
        assert_eq!(LogKey::new(key.clone()), Err(LogKeyError::Algorithm(key.algorithm())));
    }
    assert!(matches!(LogKey::from_pem(b"no key"), Err(LogKeyError::Key(_))));
}
