//! Entries of an index: manifests, anything else, platforms, content that stands inline.

use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn index(entries: &str) -> Result<Manifest, ManifestError> {
    let text = format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#);
    Manifest::parse(Bytes::from(text), media_type::OCI_INDEX)
}

#[test]
fn an_index_lists_manifests_and_anything_else_as_blobs() {
    let entry = |media_type: &str| {
        format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{HEX}","size":0}}"#)
    };
    let types = [media_type::OCI_MANIFEST, "application/xml", media_type::DOCKER_LIST, "a/b"];
    let read = index(&types.map(entry).join(",")).expect("an index");
    let of =
        |list: Vec<&Descriptor>| list.into_iter().map(|d| d.media_type.clone()).collect::<Vec<_>>();
    assert_eq!(of(read.children().iter().collect()), [types[0], types[2]]);
    assert_eq!(of(read.blobs().collect()), [types[1], types[3]]);
    assert_eq!(read.listed().count(), 4);
}

#[test]
fn a_platform_that_is_not_whole_is_unknown() {
    let entry = |platform: &str| {
        format!(
            r#"{{"mediaType":"{}","digest":"sha256:{HEX}","size":0,"platform":{platform}}}"#,
            media_type::OCI_MANIFEST
        )
    };
    let platform = |text: &str| {
        let read = index(&entry(text)).unwrap_or_else(|e| panic!("{text}: {e}"));
        read.children()[0].platform.as_ref().map(ToString::to_string)
    };
    for partial in [
        "null",
        "{}",
        r#"{"os":"linux"}"#,
        r#"{"architecture":"amd64"}"#,
        r#"{"os":"","architecture":""}"#,
        r#"{"os":null,"architecture":"amd64"}"#,
        r#"{"os":"linux","architecture":"","variant":"v8"}"#,
    ] {
        assert_eq!(platform(partial), None, "{partial}");
    }
    let whole = r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#;
    assert_eq!(platform(whole).as_deref(), Some("linux/arm64/v8"));
    for wrong in [r#""linux""#, r#"{"os":1,"architecture":"amd64"}"#, r#"{"OS":"linux"}"#] {
        assert!(index(&entry(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn content_that_stands_inline_counts_when_it_is_what_is_named() {
    let (digest, data) = (Digest::of(b"hello"), "aGVsbG8=");
    let content = |size: u64, data: &str| {
        let text =
            format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":{size},"data":"{data}"}}"#);
        index(&text).ok()?.blobs().next()?.content.clone()
    };
    assert_eq!(content(5, data).as_deref(), Some(&b"hello"[..]));
    for (size, data) in [(4, data), (6, data), (5, "aGVsbG9v"), (5, "aGVsbG8"), (5, "*")] {
        assert_eq!(content(size, data), None, "{size} {data}");
    }
}
