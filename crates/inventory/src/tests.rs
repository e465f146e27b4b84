use super::*;
use serde_json::{Value, json};

fn minimal() -> Value {
    json!({
        "format": "bundle", "formatVersion": "1.0", "created": "2026-01-01T00:00:00Z",
        "tool": {"name": "bundle", "version": "0.1.0"},
        "images": [], "keys": [], "files": [], "blobs": [],
        "totals": {"images": 0, "attachments": 0, "blobs": 0, "bytes": 0},
    })
}

fn read(value: &Value) -> Result<Inventory, InventoryError> {
    Inventory::from_bytes(&serde_json::to_vec(value).expect("JSON"))
}

#[test]
fn unknown_fields_and_newer_minor_versions_are_read() {
    let mut value = minimal();
    value["later"] = json!({"a": 1});
    value["formatVersion"] = json!("1.7");
    assert!(read(&value).is_ok());
}

#[test]
fn newer_major_version_is_named_in_an_unknown_shape() {
    let value = json!({"format": "bundle", "formatVersion": "2.0", "images": "elsewhere"});
    assert!(matches!(read(&value), Err(InventoryError::Version(v)) if v == "2.0"));
    let other = json!({"format": "cake", "formatVersion": "1.0"});
    assert!(matches!(read(&other), Err(InventoryError::Format(_))));
}

#[test]
fn what_must_be_understood_is_not_ignored() {
    let mut value = minimal();
    value["mustUnderstand"] = json!(["delta"]);
    assert!(matches!(read(&value), Err(InventoryError::MustUnderstand(f)) if f == "delta"));
}

#[test]
fn contradictions_are_refused() {
    let blob = json!({"digest": Digest::of(b"x"), "size": 1, "stored": "raw"});
    let early = json!({"digest": Digest::of(b"y"), "size": 1, "stored": "trust"});
    let huge = json!({"digest": Digest::of(b"y"), "size": u64::MAX, "stored": "raw"});
    for (blobs, count, bytes) in [
        (json!([blob, blob]), 2, 2),
        (json!([blob, early]), 2, 2),
        (json!([blob, huge]), 2, 0),
        (json!([blob]), 1, 2),
    ] {
        let mut value = minimal();
        value["blobs"] = blobs;
        value["totals"]["blobs"] = json!(count);
        value["totals"]["bytes"] = json!(bytes);
        assert!(matches!(read(&value), Err(InventoryError::Contradiction(_))), "{value}");
    }
    let mut good = minimal();
    good["blobs"] = json!([early, blob]);
    good["totals"] = json!({"images": 0, "attachments": 0, "blobs": 2, "bytes": 2});
    assert!(read(&good).is_ok());
}

#[test]
fn duplicate_keys_are_refused() {
    let text = serde_json::to_string(&minimal()).expect("JSON");
    let doubled = text.replacen('{', r#"{"format":"bundle","#, 1);
    assert!(matches!(Inventory::from_bytes(doubled.as_bytes()), Err(InventoryError::Json(_))));
}

#[test]
fn lists_are_cut_off_while_they_are_read() {
    let key = json!({"file": "keys/a", "use": "cosign", "fingerprint": "sha256:"});
    for (field, element, most) in
        [("keys", key, MAX_FILES), ("mustUnderstand", json!("x"), MAX_FEATURES)]
    {
        let mut value = minimal();
        value[field] = vec![element.clone(); most].into();
        let read_to_the_end =
            |result| matches!(result, Ok(_) | Err(InventoryError::MustUnderstand(_)));
        assert!(read_to_the_end(read(&value)), "{field}");
        value[field] = vec![element; most + 1].into();
        let Err(InventoryError::Json(error)) = read(&value) else { panic!("{field}") };
        let said = format!("expected a list of at most {most} elements at line 1");
        assert!(error.to_string().contains(&said), "{error}");
    }
}

#[test]
fn quotes_of_an_inventory_are_short_and_name_the_place() {
    let blob = |stored: String| {
        let mut value = minimal();
        value["blobs"] = json!([{"digest": Digest::of(b"x"), "size": 1, "stored": stored}]);
        match read(&value) {
            Err(InventoryError::Json(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert!(blob("elsewhere".into()).starts_with("unknown variant `elsewhere`, expected one of"));
    let long = blob("e".repeat(60_000));
    assert!(long.starts_with("unknown variant `eee") && long.len() < 400, "{long}");
    assert!(long.contains("… at line 1 column "), "{long}");
}

#[test]
fn gpg_signatures_are_named_after_what_they_sign_and_once_each() {
    let (subject, other) = (Digest::of(b"manifest"), Digest::of(b"another"));
    let listed = |name: String, of: Digest| json!({"name": name, "digest": other, "subject": of});
    let name = |number: usize| format!("{subject}@{number:032x}");
    let with = |signatures: Vec<Value>| {
        let mut value = minimal();
        value["images"] = json!([{
            "source": "quay.io/org/app:1", "fetchedFrom": "quay.io/org/app:1",
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 2,
            "platforms": [], "attachmentLookup": "complete", "attachments": [],
            "atomicSignatures": signatures, "verdict": {"code": "unverified"},
        }]);
        value["totals"]["images"] = json!(1);
        read(&value)
    };
    let good = with((0..128).map(|n| listed(name(n), subject)).collect()).expect("read");
    // Whoever wrote it before places were told is read as well.
    assert_eq!(good.images[0].atomic_signatures[0].found, None);
    assert_eq!(good.images[0].atomic_signatures.len(), 128);
    for wrong in [
        vec![listed(name(1), other)],
        vec![listed(name(1), subject), listed(name(1), subject)],
        (0..129).map(|n| listed(name(n), subject)).collect(),
    ] {
        let refused = with(wrong).expect_err("refused");
        assert!(matches!(refused, InventoryError::Contradiction(_)), "{refused:?}");
    }
    for wrong in ["", "../../x", &subject.to_string(), &name(1).to_uppercase()] {
        let refused = with(vec![listed(wrong.to_owned(), subject)]).expect_err("refused");
        assert!(matches!(refused, InventoryError::Json(_)), "{refused:?}");
    }
    let mut placed = listed(name(1), subject);
    placed["found"] = json!("extension");
    let placed = with(vec![placed]).expect("read");
    assert_eq!(placed.images[0].atomic_signatures[0].found, Some(AtomicFound::Extension));
}

#[test]
fn a_rotation_is_an_object_with_exactly_its_members() {
    let rotation =
        json!({"retires": Digest::of(b"a"), "successor": Digest::of(b"b"), "fromSequence": 8});
    let with = |rotation: Value| {
        let mut value = minimal();
        value["rotation"] = rotation;
        read(&value)
    };
    let read_back = with(rotation.clone()).expect("a rotation").rotation.expect("there");
    assert_eq!(json!(read_back), rotation);
    assert_eq!(read(&minimal()).expect("none").rotation, None);
    let changed = |key: &str, value: Value| {
        let mut rotation = rotation.clone();
        rotation[key] = value;
        rotation
    };
    for wrong in [
        Value::Null,
        json!([Digest::of(b"a"), Digest::of(b"b"), 8]),
        json!({}),
        json!("rotation"),
        changed("more", json!(1)),
        changed("fromSequence", json!("8")),
        changed("fromSequence", json!(-8)),
        changed("retires", json!("sha256:00")),
        changed("successor", Value::Null),
    ] {
        assert!(matches!(with(wrong.clone()), Err(InventoryError::Json(_))), "{wrong}");
    }
}

#[test]
fn platforms_are_counted_for_each_image_and_for_all() {
    let with = |images: &[usize]| {
        let (platform, digest) = (json!({"os": "a", "architecture": "b"}), Digest::of(b"manifest"));
        let image = |(number, platforms): (usize, &usize)| {
            json!({
                "source": format!("quay.io/org/app{number}:1"), "fetchedFrom": "", "mediaType": "",
                "digest": digest, "size": 2, "platforms": vec![&platform; *platforms],
                "attachmentLookup": "complete", "verdict": {"code": "unverified"},
            })
        };
        let mut value = minimal();
        value["images"] = images.iter().enumerate().map(image).collect();
        value["totals"]["images"] = json!(images.len());
        read(&value).map_err(|error| std::error::Error::source(&error).expect("why").to_string())
    };
    assert_eq!(with(&[MAX_PLATFORMS, 1]).expect("read").images[0].platforms.len(), MAX_PLATFORMS);
    let one = with(&[MAX_PLATFORMS + 1]).expect_err("too many of one");
    assert!(one.contains("a list of at most 4096 elements"), "{one}");
    let all = [MAX_PLATFORMS; MAX_ALL_PLATFORMS / MAX_PLATFORMS];
    assert!(with(&all).is_ok());
    let more = with(&[&all[..], &[1]].concat()).expect_err("too many of all");
    assert!(more.contains("more than 262144 platforms"), "{more}");
}

/// A document with one of everything that is an object or a name.
fn full() -> Value {
    let (digest, name) =
        (Digest::of(b"manifest"), format!("{}@{:032x}", Digest::of(b"manifest"), 1));
    let mut value = minimal();
    value["images"] = json!([{
        "source": "quay.io/org/app:1", "fetchedFrom": "quay.io/org/app:1",
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 2,
        "platforms": [{"os": "linux", "architecture": "amd64"}], "attachmentLookup": "complete",
        "attachments": [
            {"kind": "signature", "found": {"tag": "sha256-00.sig"}, "subject": digest, "mediaType": "a", "digest": digest, "size": 1},
            {"kind": "sbom", "found": "referrer", "subject": digest, "mediaType": "a", "digest": digest, "size": 1},
        ],
        "atomicSignatures": [{"name": name, "digest": digest, "subject": digest, "found": "lookaside"}],
        "verdict": {"code": "unverified"},
    }]);
    value["keys"] = json!([{"file": "keys/a", "use": "cosign", "fingerprint": "sha256:"}]);
    value["files"] = json!([{"name": "keys/a", "size": 1, "digest": digest}]);
    value["blobs"] = json!([{"digest": digest, "size": 1, "stored": "raw"}]);
    value["holes"] = json!([{"before": 0, "size": 1}]);
    value["rotation"] = json!({"retires": digest, "successor": digest, "fromSequence": 8});
    value["totals"] = json!({"images": 1, "attachments": 2, "blobs": 1, "bytes": 1});
    value
}

#[test]
fn array_in_the_place_of_an_object_is_refused_everywhere() {
    // Members in the order of the structs, so that an array of their values would fit.
    let places = [
        (
            "",
            "format formatVersion mustUnderstand name sequence created expires rotation tool images keys files blobs holes volumeSize totals",
        ),
        ("/rotation", "retires successor fromSequence"),
        ("/tool", "name version"),
        (
            "/images/0",
            "source fetchedFrom mediaType digest size platforms omitted foreign attachmentLookup attachments atomicSignatures verdict",
        ),
        ("/images/0/platforms/0", "os architecture variant"),
        ("/images/0/attachments/0", "kind found subject mediaType digest size artifactType"),
        ("/images/0/attachments/0/found", "tag"),
        ("/images/0/atomicSignatures/0", "name digest subject found"),
        ("/images/0/verdict", "code keys identities"),
        ("/keys/0", "file use fingerprint scopes"),
        ("/files/0", "name size digest"),
        ("/blobs/0", "digest size stored"),
        ("/holes/0", "before size"),
        ("/totals", "images attachments blobs bytes"),
    ];
    read(&full()).expect("objects");
    for (pointer, members) in places {
        let mut changed = full();
        let place = changed.pointer_mut(pointer).expect("a place");
        let values = members.split(' ').map(|member| match (member, &place[member]) {
            (
                "mustUnderstand" | "omitted" | "foreign" | "keys" | "identities" | "scopes",
                Value::Null,
            ) => json!([]),
            (_, value) => value.clone(),
        });
        *place = values.collect();
        let refused = read(&changed).expect_err(pointer);
        assert!(matches!(refused, InventoryError::Json(_)), "{pointer}: {refused:?}");
    }
}

#[test]
fn object_in_the_place_of_a_name_is_refused_everywhere() {
    for (pointer, name) in [
        ("/images/0/attachmentLookup", "complete"),
        ("/images/0/attachments/0/kind", "signature"),
        ("/images/0/attachments/1/found", "referrer"),
        ("/images/0/atomicSignatures/0/found", "lookaside"),
        ("/blobs/0/stored", "raw"),
    ] {
        let mut changed = full();
        *changed.pointer_mut(pointer).expect("a place") = json!({ name: null });
        let refused = read(&changed).expect_err(pointer);
        assert!(matches!(refused, InventoryError::Json(_)), "{pointer}: {refused:?}");
        *changed.pointer_mut(pointer).expect("a place") = json!(name);
        read(&changed).expect(pointer);
    }
    let mut changed = full();
    changed["images"][0]["atomicSignatures"][0]["found"] = Value::Null;
    assert_eq!(read(&changed).expect("absent").images[0].atomic_signatures[0].found, None);
}
