//! The documents that the program writes are what `schemas/` says: real output is valid, every field of it is
//! described, and a broken document is not valid.

use crate::harness::command::run;
use crate::harness::images::{artifact, image, multi_platform};
use crate::harness::registry::Registry;
use crate::harness::servers::BundleServe;
use crate::harness::signatures::{SigstoreBundle, sign_bundle, sign_simple};
use crate::harness::signer::Signer;
use bundle::archive::head::INVENTORY;
use bundle::archive::read::Archive;
use bundle::oci::Digest;
use bundle::trust::{RefusalCode, SignatureCode};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

const DEFINITIONS: &str = "definitions.schema.json";
const INVENTORY_SCHEMA: &str = "inventory.schema.json";
const PACK_REPORT: &str = "pack-report.schema.json";
const INSPECT_REPORT: &str = "inspect-report.schema.json";
pub(crate) const UNPACK_REPORT: &str = "unpack-report.schema.json";
pub(crate) const UNPACK_REFUSAL: &str = "unpack-refusal.schema.json";
pub(crate) const KEY_RECORD: &str = "key-record.schema.json";
/// Of `bundle keys list`.
pub(crate) const KEYS_LIST: &str = "keys-list-report.schema.json";
/// Of `bundle keys install`.
pub(crate) const KEYS_INSTALL: &str = "keys-install-report.schema.json";
/// Of `bundle keys remove`.
pub(crate) const KEYS_REMOVE: &str = "keys-remove-report.schema.json";

/// Where the schemas lie as far as the validator knows; nothing is fetched.
const BASE: &str = "bundle:///schemas/";

/// How fields are taken that a schema does not describe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// As the schema says, which for most objects means that they are ignored.
    AsWritten,
    /// Refused everywhere, so that a field which the program writes and no schema describes is noticed.
    Refused,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

fn schema(name: &str, unknown: Unknown) -> Value {
    let bytes = std::fs::read(folder().join(name)).expect("schema");
    let mut schema = serde_json::from_slice(&bytes).expect("JSON");
    if unknown == Unknown::Refused {
        close(&mut schema);
    }
    schema
}

/// Closes every object whose properties are listed.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            let listed = members.get("type") == Some(&json!("object"))
                && members.get("properties").is_some_and(Value::is_object);
            if listed {
                members.insert("additionalProperties".into(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn validator(name: &str, unknown: Unknown) -> Validator {
    let registry = jsonschema::Registry::new()
        .add(format!("{BASE}{DEFINITIONS}"), schema(DEFINITIONS, unknown))
        .and_then(jsonschema::RegistryBuilder::prepare)
        .expect("definitions");
    jsonschema::options()
        .with_base_uri(format!("{BASE}{name}"))
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(&schema(name, unknown))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The document must be valid, and the schema must describe all of it.
#[track_caller]
pub(crate) fn assert_described(name: &str, document: &Value) {
    for unknown in [Unknown::AsWritten, Unknown::Refused] {
        let validator = validator(name, unknown);
        let faults: Vec<String> = validator
            .iter_errors(document)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}

/// Everything that is said about one bundle of two images, on its way through.
struct Said {
    pack: Value,
    inspect: Value,
    inventory: Value,
    refusal: Value,
    unpack: Value,
    record: Value,
    _scratch: TempDir,
}

/// A signed index with attachments of several kinds and in both forms, and an image that another key signed; then a
/// target where the index's tag names something else and its signature is another one.
static SAID: LazyLock<Said> = LazyLock::new(|| {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = BundleServe::start(&scratch.path().join("store"));
    let registry = Registry::at(server.address());
    let (signer, stranger) = (Signer::p256(), Signer::p256());

    let signed = multi_platform("schemas");
    signed.push(&registry, "org/signed", Some("1.0"));
    for manifest in std::iter::once(&signed).chain(&signed.children) {
        sign_simple(&registry, "org/signed", &manifest.digest(), &signer);
    }
    sign_bundle(&registry, "org/signed", &signed, &signer);
    let predicate = "https://spdx.dev/Document";
    SigstoreBundle::attest(&signer, &signed.digest(), predicate, &json!({}))
        .referrer(&signed.manifest)
        .push_referrer(&registry, "org/signed");
    artifact("application/spdx+json", &signed, "schemas-sbom")
        .push_referrer(&registry, "org/signed");

    let other = image("schemas-other", "linux/amd64", &[1_000]);
    other.push(&registry, "org/other", Some("1.0"));
    sign_simple(&registry, "org/other", &other.digest(), &stranger);

    let address = server.address();
    let key = signer.public_file();
    let file = scratch.path().join("images.tar.zst");
    let sources = [format!("{address}/org/signed:1.0"), format!("{address}/org/other:1.0")];
    let packed = run(&[
        "pack",
        &sources[0],
        &sources[1],
        "--key",
        &key.path().display().to_string(),
        "--signatures",
        &format!("{address}/org/other=if-present"),
        "--name",
        "schemas",
        "--json",
        "-o",
        &file.display().to_string(),
    ])
    .expect_code(0);
    let inspected = run(&["inspect", "--json", &file.display().to_string()]).expect_code(0);
    let archive = Archive::open(&file).expect("archive");
    let inventory = archive.file(INVENTORY).expect("inventory");

    let target_server = BundleServe::start(&scratch.path().join("target"));
    let target = Registry::at(target_server.address());
    image("schemas-old", "linux/amd64", &[1_000]).push(&target, "org/signed", Some("1.0"));
    sign_simple(&target, "org/signed", &signed.digest(), &stranger);
    let root = scratch.path().join("root");
    std::fs::create_dir(&root).expect("root");
    let (file, root) = (file.display().to_string(), root.display().to_string());
    let to_target = ["unpack", &file, "--to", target.address(), "--root", &root, "--json"];
    let refused = run(&to_target).expect_code(3);
    let key_option = format!("{address}/org/signed={}", key.path().display());
    let unsigned = format!("{address}/org/other");
    let name = format!("{}=acme", signer.fingerprint());
    let more = [
        "--key",
        &key_option,
        "--allow-unsigned",
        &unsigned,
        "--on-existing-attachment",
        "replace",
        "--install-keys",
        "--install-keys-as",
        &name,
    ];
    let unpacked = run(&[&to_target[..], &more].concat()).expect_code(0);
    let record = Path::new(&root).join("etc/bundle/trust.d/acme.json");

    Said {
        pack: parse(&packed.stdout),
        inspect: parse(&inspected.stdout),
        inventory: serde_json::from_slice(inventory).expect("JSON"),
        refusal: parse(&refused.stdout),
        unpack: parse(&unpacked.stdout),
        record: parse(&std::fs::read_to_string(record).expect("record")),
        _scratch: scratch,
    }
});

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_schema_is_one_and_describes_each_of_its_properties() {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder()).expect("schemas") {
        let name = entry.expect("entry").file_name().into_string().expect("name");
        let schema = schema(&name, Unknown::AsWritten);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut mute = Vec::new();
        undescribed(&schema, "", &mut mute);
        assert!(mute.is_empty(), "{name}: no description at {mute:?}");
        names.insert(name);
    }
    let expected = [
        DEFINITIONS,
        INVENTORY_SCHEMA,
        PACK_REPORT,
        INSPECT_REPORT,
        UNPACK_REPORT,
        UNPACK_REFUSAL,
        KEY_RECORD,
        "seal-report.schema.json",
        "seal-refusal.schema.json",
        "keygen-report.schema.json",
        "seal-state.schema.json",
        "tag-memory.schema.json",
        KEYS_LIST,
        KEYS_INSTALL,
        KEYS_REMOVE,
    ];
    for name in expected {
        assert!(names.contains(name), "{name} is missing");
    }
}

/// Places of properties with neither a description nor a definition that has one.
fn undescribed(schema: &Value, at: &str, mute: &mut Vec<String>) {
    let Some(members) = schema.as_object() else { return };
    for (key, member) in members {
        let place = format!("{at}/{key}");
        let (Some(properties), "properties") = (member.as_object(), key.as_str()) else {
            undescribed(member, &place, mute);
            continue;
        };
        let is_condition = at.ends_with("/if");
        for (name, property) in properties {
            let said = property.get("description").is_some() || property.get("$ref").is_some();
            if !said && !is_condition {
                mute.push(format!("{place}/{name}"));
            }
            undescribed(property, &format!("{place}/{name}"), mute);
        }
    }
}

#[test]
fn the_inventory_of_a_real_bundle_is_described() {
    assert_described(INVENTORY_SCHEMA, &SAID.inventory);
    assert_eq!(SAID.inventory["images"][0]["verdict"]["code"], "signed");
    assert_eq!(SAID.inventory["name"], "schemas");
}

#[test]
fn reports_of_real_runs_are_described() {
    assert_described(PACK_REPORT, &SAID.pack);
    assert_described(INSPECT_REPORT, &SAID.inspect);
    // What was validated held the fields that are easily left out.
    let verdicts = SAID.pack["verdicts"].as_array().expect("verdicts");
    let admissions: Vec<_> = verdicts.iter().map(|v| v["admission"].as_str()).collect();
    assert_eq!(admissions, [Some("signed"), Some("refused")]);
    assert_eq!(SAID.pack["attachments"], json!({"signature": 5, "attestation": 1, "sbom": 1}));
    assert_eq!(SAID.pack["bundleDigest"], SAID.inspect["bundleDigest"]);
}

#[test]
fn reports_of_unpacking_are_described() {
    assert_described(UNPACK_REPORT, &SAID.unpack);
    assert_described(UNPACK_REFUSAL, &SAID.refusal);
    let image = &SAID.unpack["images"][0];
    assert_eq!(image["tag"]["change"], "moved");
    let attachments = image["attachments"].as_array().expect("attachments");
    assert!(attachments.iter().any(|a| a["outcome"]["outcome"] == "replaced"), "{attachments:?}");
    assert_eq!(SAID.unpack["images"][1]["verdict"]["admission"], "unsigned-allowed");
    assert_eq!(SAID.unpack["keys"][0]["change"], "created");
    assert_eq!(SAID.unpack["repositories"][0]["memory"], "new");
    assert_eq!(SAID.refusal["anyAnchor"], false);
    assert_eq!(SAID.refusal["carried"][0]["pinned"], false);
}

#[test]
fn the_record_of_an_installed_key_is_described() {
    assert_described(KEY_RECORD, &SAID.record);
    assert_eq!(SAID.record["scopes"], json!([SAID.unpack["keys"][0]["scopes"][0]]));
}

#[test]
fn schemas_and_documentation_list_the_codes_of_the_verifier() {
    let definitions = schema(DEFINITIONS, Unknown::AsWritten);
    let listed = |name: &str| definitions["$defs"][name]["enum"].clone();
    let signature: Vec<_> = SignatureCode::ALL.iter().map(|code| code.as_str()).collect();
    let refusal: Vec<_> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed("signatureCode"), json!(signature));
    assert_eq!(listed("refusalCode"), json!(refusal));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/reports.md");
    let page = std::fs::read_to_string(page).expect("the page of codes");
    for code in signature.into_iter().chain(refusal) {
        assert!(
            page.contains(&format!("| `{code}` | ")),
            "docs/reference/reports.md does not tell {code}"
        );
    }
}

#[test]
fn broken_documents_are_not_valid() {
    let digest = Digest::of(b"").to_string();
    let breaks: [(&str, &Value, &str, Value); 32] = [
        (INVENTORY_SCHEMA, &SAID.inventory, "/format", json!("cake")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/formatVersion", json!("2.0")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/created", json!("yesterday")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/created", json!("2026-13-40T00:00:00Z")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/sequence", json!((1_u64 << 53) + 1)),
        (INVENTORY_SCHEMA, &SAID.inventory, "/mustUnderstand", json!("delta")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/images/0/digest", json!(digest.to_uppercase())),
        (INVENTORY_SCHEMA, &SAID.inventory, "/images/0/source", json!("app")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/images/0/size", json!(-1)),
        (INVENTORY_SCHEMA, &SAID.inventory, "/images/0/attachmentLookup", json!("perhaps")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/images/0/attachments/0/found", json!("somewhere")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/images/0/verdict/code", json!("trusted")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/keys/0/file", json!("keys/../x")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/files/0/name", json!("etc/passwd")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/blobs/0/stored", json!("elsewhere")),
        (INVENTORY_SCHEMA, &SAID.inventory, "/rotation", json!({"retires": digest})),
        (PACK_REPORT, &SAID.pack, "/bundleDigest", json!("sha512:00")),
        (PACK_REPORT, &SAID.pack, "/fileSize", Value::Null),
        (PACK_REPORT, &SAID.pack, "/attachments", json!({"rumour": 1})),
        (PACK_REPORT, &SAID.pack, "/verdicts/1/code", json!("did-not-like-it")),
        (PACK_REPORT, &SAID.pack, "/verdicts/1/signatures/0/code", json!("fine")),
        (INSPECT_REPORT, &SAID.inspect, "/seekTable", json!("broken")),
        (INSPECT_REPORT, &SAID.inspect, "/sections/0/bytes", json!("12")),
        (UNPACK_REPORT, &SAID.unpack, "/images/0/tag", json!({"change": "moved"})),
        (
            UNPACK_REPORT,
            &SAID.unpack,
            "/images/0/attachments/0/outcome",
            json!({"outcome": "kept"}),
        ),
        (UNPACK_REPORT, &SAID.unpack, "/keys/0/scopes", json!([])),
        (UNPACK_REPORT, &SAID.unpack, "/repositories/0/memory", json!("replaced")),
        (UNPACK_REFUSAL, &SAID.refusal, "/verdicts/0/code", json!("did-not-like-it")),
        (UNPACK_REFUSAL, &SAID.refusal, "/carried/0/fingerprint", json!("00")),
        (KEY_RECORD, &SAID.record, "/name", json!("SigStore-x")),
        (KEY_RECORD, &SAID.record, "/scopes", json!([])),
        (KEY_RECORD, &SAID.record, "/validUntil", json!("2030")),
    ];
    for (name, document, pointer, value) in breaks {
        let mut broken = document.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("pointer");
        let parent = broken.pointer_mut(parent).expect("what is broken is there");
        match parent {
            Value::Array(items) => items[key.parse::<usize>().expect("a number")] = value,
            parent => parent[key] = value,
        }
        assert!(!validator(name, Unknown::AsWritten).is_valid(&broken), "{name}: {pointer}");
    }
}

#[test]
fn every_field_that_is_required_is_missed() {
    for (name, document) in [
        (INVENTORY_SCHEMA, &SAID.inventory),
        (PACK_REPORT, &SAID.pack),
        (INSPECT_REPORT, &SAID.inspect),
        (UNPACK_REPORT, &SAID.unpack),
        (UNPACK_REFUSAL, &SAID.refusal),
        (KEY_RECORD, &SAID.record),
    ] {
        let validator = validator(name, Unknown::AsWritten);
        let required = schema(name, Unknown::AsWritten)["required"].clone();
        for field in required.as_array().expect("required") {
            let field = field.as_str().expect("a name");
            let mut lacking = document.clone();
            let removed = lacking.as_object_mut().and_then(|members| members.remove(field));
            assert!(removed.is_some(), "{name}: {field} was there");
            assert!(!validator.is_valid(&lacking), "{name}: {field}");
        }
    }
}

#[test]
fn fields_of_later_versions_are_valid_in_an_inventory() {
    let mut later = SAID.inventory.clone();
    later["formatVersion"] = json!("1.7");
    later["later"] = json!({"a": 1});
    later["images"][0]["later"] = json!(1);
    assert!(validator(INVENTORY_SCHEMA, Unknown::AsWritten).is_valid(&later));
    assert!(!validator(INVENTORY_SCHEMA, Unknown::Refused).is_valid(&later), "the strict twin");
}
