//! What is remembered of tags, as values.

use super::*;
use serde_json::{Value, json};

fn place(tag: &str) -> TagPlace {
    TagPlace { repository: "r.example:5000/org/app".into(), tag: tag.into() }
}

fn fill(tag: &str, content: &str) -> TagFill {
    TagFill { place: place(tag), digest: Digest::of(content.as_bytes()) }
}

/// A bundle of a series, made at this second.
fn numbered(name: &str, sequence: u64, created: i64) -> Filler {
    let own = Place { key: Digest::of(b"key"), name: name.into(), sequence };
    Filler { age: age(created, Some(own)), ..filler(&format!("{name} {sequence} {created}")) }
}

fn filler(bundle: &str) -> Filler {
    Filler { bundle: Digest::of(bundle.as_bytes()), age: None, rotations: Vec::new() }
}

fn age(created: i64, place: Option<Place>) -> Option<Age> {
    let created = OffsetDateTime::from_unix_timestamp(created).expect("a time");
    Some(Age { created, place })
}

fn is_back(standing: &TagStanding) -> bool {
    matches!(standing, TagStanding::Back(_))
}

#[test]
fn a_tag_goes_forward_only() {
    let mut memory = TagMemory::default();
    let forty_two = numbered("org", 42, 100);
    assert_eq!(memory.standing(&forty_two, &fill("1", "new")), TagStanding::New);
    memory.fill(&forty_two, &[fill("1", "new")]);
    assert_eq!(memory.standing(&forty_two, &fill("1", "new")), TagStanding::Same);
    for older in [
        numbered("org", 41, 200),
        numbered("trial", 77, 99),
        numbered("trial", 77, 100),
        Filler { age: age(99, None), ..filler("expected") },
        filler("unsealed"),
    ] {
        let standing = memory.standing(&older, &fill("1", "old"));
        assert!(is_back(&standing), "{older:?}");
        assert_eq!(memory.standing(&older, &fill("1", "new")), TagStanding::Same, "it stays");
        assert_eq!(memory.standing(&older, &fill("2", "old")), TagStanding::New, "another tag");
        let before = memory.clone();
        memory.fill(&older, &[fill("1", "old")]);
        assert_eq!(memory, before, "going back lowers nothing");
    }
    let org = forty_two.age.as_ref().and_then(|age| age.place.clone());
    for (newer, other_series) in [(numbered("org", 43, 50), None), (numbered("trial", 1, 101), org)]
    {
        let standing = memory.standing(&newer, &fill("1", "newest"));
        assert_eq!(standing, TagStanding::Newer { other_series });
    }
    // Nothing is remembered of what nothing authenticates.
    memory.fill(&filler("unsealed"), &[fill("3", "new")]);
    assert_eq!(memory.count(), 1);
}

#[test]
fn a_tag_that_means_the_same_becomes_younger() {
    let mut memory = TagMemory::default();
    memory.fill(&numbered("org", 42, 100), &[fill("1", "a")]);
    memory.fill(&numbered("org", 43, 110), &[fill("1", "a")]);
    let between = numbered("trial", 1, 105);
    assert!(is_back(&memory.standing(&between, &fill("1", "b"))));
}

#[test]
fn the_file_reads_back_and_drops_what_no_tag_needs() {
    let mut memory = TagMemory::default();
    memory.fill(&numbered("org", 42, 100), &[fill("1", "a"), fill("2", "b")]);
    memory.fill(&Filler { age: age(7, None), ..filler("expected") }, &[fill("3", "c")]);
    let bytes = memory.to_json().expect("JSON");
    assert_eq!(TagMemory::parse(&bytes).expect("read"), memory);
    memory.fill(&numbered("org", 43, 110), &[fill("1", "a"), fill("2", "b")]);
    let document: Value = serde_json::from_slice(&memory.to_json().expect("JSON")).expect("JSON");
    assert_eq!(document["bundles"].as_object().map(serde_json::Map::len), Some(2));
}

#[test]
fn whatever_is_not_such_a_file_is_refused() {
    let mut memory = TagMemory::default();
    memory.fill(&numbered("org", 42, 100), &[fill("1", "a")]);
    let good: Value = serde_json::from_slice(&memory.to_json().expect("JSON")).expect("JSON");
    assert!(TagMemory::parse(good.to_string().as_bytes()).is_ok());
    let bundle = Digest::of(b"org 42 100").to_string();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = good.clone();
        change(&mut document);
        document.to_string()
    };
    for bad in [
        with(&|document| document["more"] = json!(1)),
        with(&|document| document["version"] = json!(2)),
        with(&|document| document["bundles"] = json!({})),
        with(&|document| document["bundles"][&bundle]["created"] = json!("yesterday")),
        with(&|document| document["bundles"][&bundle]["sequence"] = json!(MAX_SEQUENCE + 1)),
        with(&|document| document["bundles"][&bundle]["name"] = Value::Null),
        with(&|document| document["repositories"]["r.example/a"] = json!({"1": {}})),
        with(&|document| {
            document["repositories"]["a".repeat(LONGEST + 1)] =
                json!({"1": {"digest": bundle, "bundle": bundle}});
        }),
        "{}".to_owned(),
        "[]".to_owned(),
        String::new(),
    ] {
        assert!(TagMemory::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}
