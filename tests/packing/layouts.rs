//! Layout directories as other tools leave them: what is attached to what, and which entry is the image.

use crate::harness::command::{Ran, run};
use crate::harness::images::{self, Content, TestImage};
use crate::harness::scene::{HOST, inspect};
use crate::harness::signatures::{SigstoreBundle, SimpleSigning, sig_manifest};
use crate::harness::signer::Signer;
use bundle::oci::media_type::{OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const SUBJECT: &str = "org.opencontainers.image.referrer.subject";
const COSIGN: &str = "dev.cosignproject.cosign";

/// A layout directory made by hand.
struct Layout {
    directory: TempDir,
    entries: Vec<Value>,
}

impl Layout {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        fs::create_dir_all(directory.path().join("blobs/sha256")).expect("blobs");
        let marker = r#"{"imageLayoutVersion":"1.0.0"}"#;
        fs::write(directory.path().join("oci-layout"), marker).expect("marker");
        Self { directory, entries: Vec::new() }
    }

    fn blob(&self, content: &Content) {
        let path = self.directory.path().join("blobs/sha256").join(content.digest().hex());
        fs::write(path, &content.bytes).expect("blob");
    }

    /// Stores an image with everything below it; lists nothing.
    fn store(&self, image: &TestImage) {
        self.blob(&image.manifest);
        image.blobs.iter().for_each(|blob| self.blob(blob));
        image.children.iter().for_each(|child| self.store(child));
    }

    /// Lists content, stored or not, with annotations.
    fn list(&mut self, content: &Content, annotations: Value) {
        let mut entry = content.descriptor();
        entry["annotations"] = annotations;
        self.entries.push(entry);
    }

    /// Stores and lists.
    fn add(&mut self, image: &TestImage, annotations: Value) {
        self.store(image);
        self.list(&image.manifest, annotations);
    }

    /// An index of what is attached, under the tag `sha256-<hex>`, as clients keep it.
    fn add_list(&mut self, of: &TestImage, name: &str, referrers: &[&TestImage]) {
        let listed: Vec<Value> = referrers.iter().map(|r| r.manifest.descriptor()).collect();
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed});
        let index = Content::new(OCI_INDEX, index.to_string());
        self.blob(&index);
        self.list(&index, json!({REF_NAME: format!("{name}sha256-{}", of.digest().hex())}));
    }

    /// Packs `oci:DIR` with this after it.
    fn pack(&self, reference: &str, arguments: &[&str]) -> (Ran, PathBuf) {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.entries});
        fs::write(self.directory.path().join("index.json"), index.to_string()).expect("index");
        let output = self.directory.path().join("out.tar.zst");
        for left in ["", ".partial", ".partial.journal"] {
            let _ = fs::remove_file(format!("{}{left}", output.display()));
        }
        let source = format!("oci:{}{reference}", self.directory.path().display());
        let file = output.to_str().expect("path").to_owned();
        let ran = run(&[&["pack", "-q", &source, "-o", &file], arguments].concat());
        (ran, output)
    }

    /// Digest of what was packed, and the kinds of what is attached to it.
    #[track_caller]
    fn packed(&self, reference: &str, arguments: &[&str]) -> (String, Vec<String>) {
        let (ran, output) = self.pack(reference, arguments);
        ran.expect_code(0);
        let report = inspect(&output);
        let image = &report["images"][0];
        let attached = image["attachments"].as_array().expect("attachments").iter();
        let mut kinds: Vec<String> =
            attached.map(|a| a["kind"].as_str().expect("kind").to_owned()).collect();
        kinds.sort();
        (image["digest"].as_str().expect("digest").to_owned(), kinds)
    }

    #[track_caller]
    fn refuses(&self, reference: &str, code: i32, words: &[&str]) {
        self.pack(reference, &[]).0.expect_code(code).expect_error(words);
    }
}

fn kind(of: &str) -> Value {
    json!({"kind": format!("{COSIGN}/{of}")})
}

fn signature(of: &TestImage) -> TestImage {
    sig_manifest(&[SimpleSigning::new(&Signer::p256(), &format!("{HOST}/app"), &of.digest())])
}

fn attestations(of: &TestImage) -> TestImage {
    let media_type = "application/vnd.dsse.envelope.v1+json";
    let layer = Content::new(media_type, format!("{{\"of\":\"{}\"}}", of.digest()));
    images::manifest(Content::new(images::CONFIG, "{}"), vec![layer], json!({}))
}

const NAME: &str = "=registry.example/app:1";

#[test]
fn a_list_of_referrers_in_a_layout_attaches_what_it_lists() {
    let image = images::multi_platform("app");
    let sbom = images::artifact("application/spdx+json", &image, "sbom");
    let other = images::image("other", "linux/amd64", &[500]);
    let stray = images::artifact("application/spdx+json", &other, "stray");
    let signed = SigstoreBundle::sign(&Signer::p256(), &image.digest());
    let signed = signed.referrer(&image.manifest);
    for name in ["", "registry.example/app:"] {
        let mut layout = Layout::new();
        layout.add(&image, json!({REF_NAME: format!("{HOST}/app:1")}));
        [&sbom, &signed, &stray].into_iter().for_each(|referrer| layout.store(referrer));
        layout.add_list(&image, name, &[&sbom, &signed, &stray]);
        // A list is a hint: what names another subject is not attached; and it is not an image.
        let (digest, kinds) = layout.packed("", &[]);
        assert_eq!((digest, kinds.len()), (image.digest().to_string(), 2), "{kinds:?}");
        assert_eq!(kinds, ["sbom", "signature"]);
        // As for a registry, that of a signature too.
        let of_signature = images::artifact("application/x", &signed, "nested");
        layout.store(&of_signature);
        layout.add_list(&signed, name, &[&of_signature]);
        assert_eq!(layout.packed("", &[]).1, ["artifact", "sbom", "signature"]);
    }
}

#[test]
fn a_referrer_that_is_listed_and_gone_fails_with_the_way_out() {
    let image = images::image("app", "linux/amd64", &[500]);
    let gone = images::artifact("application/spdx+json", &image, "gone");
    let hint = "--attachment-errors warn";
    let mut layout = Layout::new();
    layout.add(&image, json!({REF_NAME: format!("{HOST}/app:1")}));
    layout.add_list(&image, "", &[&gone]);
    layout.refuses("", 5, &[&gone.digest().to_string(), hint]);
    let (ran, output) = layout.pack("", &["--attachment-errors", "warn"]);
    ran.expect_code(4);
    assert_eq!(inspect(&output)["images"][0]["attachmentLookup"], "incomplete");
    // Its content gone, and the list itself.
    layout.blob(&gone.manifest);
    layout.pack("", &[]).0.expect_code(5);
    let list = layout.entries[1]["digest"].as_str().expect("digest").replace("sha256:", "");
    fs::remove_file(layout.directory.path().join("blobs/sha256").join(list)).expect("removed");
    layout.refuses("", 6, &["list of referrers", hint]);

    // A signature by its tag.
    let mut layout = Layout::new();
    layout.add(&image, json!({REF_NAME: format!("{HOST}/app:1")}));
    let signature = signature(&image);
    let tag = format!("{HOST}/app:sha256-{}.sig", image.digest().hex());
    layout.list(&signature.manifest, json!({REF_NAME: tag}));
    layout.refuses("", 5, &[&signature.digest().to_string(), hint]);
    layout.blob(&signature.manifest);
    layout.refuses("", 5, &["cannot read a signature", hint]);
}

#[test]
fn an_annotation_says_what_an_entry_is_attached_to() {
    let image = images::image("app", "linux/amd64", &[500]);
    let sbom = images::artifact("application/spdx+json", &image, "sbom");
    let mut layout = Layout::new();
    layout.add(&image, json!({}));
    layout.add(&sbom, json!({SUBJECT: image.digest()}));
    assert_eq!(layout.packed(NAME, &[]), (image.digest().to_string(), vec!["sbom".to_owned()]));
    // One that is not there is missing, and not "none"; one of another subject is nobody's here.
    let gone = images::artifact("application/spdx+json", &image, "gone");
    layout.list(&gone.manifest, json!({SUBJECT: image.digest()}));
    layout.refuses(NAME, 5, &[&gone.digest().to_string(), "--attachment-errors warn"]);
    layout.entries[2]["annotations"][SUBJECT] = json!(gone.digest());
    assert_eq!(layout.packed(NAME, &[]).1, ["sbom"]);
}

#[test]
fn kinds_of_entries_make_attachments_of_the_only_image() {
    let single = images::image("app", "linux/amd64", &[500]);
    let index = images::multi_platform("app");
    for (image, of) in [(&single, "image"), (&index, "imageIndex")] {
        let mut layout = Layout::new();
        layout.add(image, kind(of));
        layout.add(&signature(image), kind("sigs"));
        layout.add(&attestations(image), kind("atts"));
        let expected = (image.digest().to_string(), vec!["attestation".into(), "signature".into()]);
        assert_eq!(layout.packed(NAME, &[]), expected);
        assert_eq!(layout.packed(&format!(":{}{NAME}", image.digest()), &[]), expected);
        layout.refuses("", 2, &["no full name", "oci:DIR[:REF]=REGISTRY/REPO:TAG"]);
    }
}

#[test]
fn entries_of_one_name_are_told_apart_by_kind_or_refused() {
    let image = images::image("app", "linux/amd64", &[500]);
    let other = images::image("other", "linux/amd64", &[500]);
    let name = format!("{HOST}/app:1");
    let by_name = format!(":{name}");
    let of = |kind: &str| json!({REF_NAME: name, "kind": kind});
    for prefix in [COSIGN, "dev.hauler"] {
        let mut layout = Layout::new();
        // What is first is not the image for that.
        layout.add(&signature(&image), of(&format!("{prefix}/sigs")));
        layout.add(&attestations(&image), of(&format!("{prefix}/atts")));
        layout.add(&image, of(&format!("{prefix}/image")));
        layout.add(&other, json!({REF_NAME: format!("{HOST}/other:1"), "kind": "x"}));
        let expected = (image.digest().to_string(), vec!["attestation".into(), "signature".into()]);
        assert_eq!(layout.packed(&by_name, &[]), expected);
        // Nothing of one image is another's.
        assert_eq!(layout.packed(&format!(":{HOST}/other:1"), &[]).1, [""; 0]);
    }
    let mut layout = Layout::new();
    layout.add(&image, json!({REF_NAME: name}));
    layout.add(&image, json!({REF_NAME: name}));
    assert_eq!(layout.packed(&by_name, &[]).0, image.digest().to_string());
    layout.add(&other, json!({REF_NAME: name}));
    let (one, two) = (image.digest().to_string(), other.digest().to_string());
    layout.refuses(&by_name, 2, &[&one, &two, "oci:DIR:sha256:"]);
    layout.refuses("", 2, &["several images"]);
    assert_eq!(layout.packed(&format!(":{two}={name}"), &[]).0, two);

    // Two signatures under one tag, and a signature where an image was named.
    let mut layout = Layout::new();
    layout.add(&image, json!({REF_NAME: name}));
    let tag = format!("{HOST}/app:sha256-{}.sig", image.digest().hex());
    let signatures = [signature(&image), signature(&image)];
    signatures.iter().for_each(|signature| layout.add(signature, json!({REF_NAME: tag})));
    let [one, two] = signatures.map(|signature| signature.digest().to_string());
    layout.refuses("", 6, &[&one, &two, "--attachment-errors warn"]);
    let mut layout = Layout::new();
    layout.add(&signature(&image), of(&format!("{COSIGN}/sigs")));
    layout.refuses(&by_name, 2, &["is not an image", "signatures"]);
}

#[test]
fn two_images_without_a_name_leave_open_whose_signature_it_is() {
    let images = ["a", "b"].map(|seed| images::image(seed, "linux/amd64", &[500]));
    let mut layout = Layout::new();
    images.iter().for_each(|image| layout.add(image, kind("image")));
    let digests = images.each_ref().map(|image| image.digest().to_string());
    layout.refuses(NAME, 2, &[&digests[0], &digests[1], "oci:DIR:sha256:"]);
    let first = format!(":{}{NAME}", digests[0]);
    assert_eq!(layout.packed(&first, &[]).0, digests[0]);
    layout.add(&signature(&images[0]), kind("sigs"));
    layout.refuses(&first, 6, &["which of", "--attachment-errors warn"]);
}

#[test]
fn only_what_is_asked_for_of_a_layout_has_to_be_sound() {
    let image = images::image("app", "linux/amd64", &[500]);
    let gone = images::image("gone", "linux/amd64", &[500]);
    let mut layout = Layout::new();
    let xml = Content::new("application/xml", "<a/>");
    layout.blob(&xml);
    layout.list(&xml, json!({}));
    layout.list(&xml, json!({REF_NAME: "xml"}));
    layout.add(&image, json!({REF_NAME: format!("{HOST}/app:1")}));
    // Content of another type is not an image that could be meant.
    assert_eq!(layout.packed("", &[]).0, image.digest().to_string());
    layout.refuses(":xml=a.example/b:1", 2, &["xml", "is not an image", "application/xml"]);

    let named = format!(":{HOST}/app:1");
    let sha512 = format!("sha512:{}", "0".repeat(128));
    let broken = Content::new(OCI_MANIFEST, "{\"schemaVersion\":3}");
    layout.blob(&broken);
    layout.list(&broken, json!({}));
    layout.list(&gone.manifest, json!({REF_NAME: format!("{HOST}/gone:1")}));
    layout.entries.push(json!({
        "mediaType": OCI_MANIFEST, "digest": sha512, "size": 1, "annotations": {REF_NAME: "long"},
    }));
    layout.entries.push(json!({"mediaType": "application/xml", "digest": "x", "size": -1}));
    assert_eq!(layout.packed(&named, &[]).0, image.digest().to_string());
    layout.refuses(&format!(":{HOST}/gone:1"), 6, &[&gone.digest().to_string()]);
    layout.refuses(":long=a.example/b:1", 2, &["\"long\" cannot be used", "sha512"]);

    // A manifest that is not there and does not say what it is may be a signature: that is not "none".
    let unsaid = images::image("unsaid", "linux/amd64", &[500]);
    layout.list(&unsaid.manifest, json!({}));
    layout.refuses(&named, 6, &["may be attached", "--attachment-errors warn"]);
    layout.pack(&named, &["--attachment-errors", "warn"]).0.expect_code(4);
    layout.pack(&named, &["--signatures", "none"]).0.expect_code(0);
}

#[test]
fn content_that_stands_inline_need_not_lie_in_the_layout() {
    let config = Content::new(images::CONFIG, "{\"os\":\"linux\",\"architecture\":\"amd64\"}");
    for (data, code) in [("eyJvcyI6ImxpbnV4IiwiYXJjaGl0ZWN0dXJlIjoiYW1kNjQifQ==", 0), ("", 5)] {
        let mut descriptor = config.descriptor();
        if !data.is_empty() {
            descriptor["data"] = json!(data);
        }
        let image = images::manifest(config.clone(), vec![], json!({"config": descriptor}));
        let mut layout = Layout::new();
        layout.blob(&image.manifest);
        layout.list(&image.manifest, json!({}));
        let (ran, output) = layout.pack(NAME, &[]);
        ran.expect_code(code);
        if code == 0 {
            let target = format!("oci:{}", layout.directory.path().join("unpacked").display());
            let file = output.to_str().expect("path");
            let allowed = ["unpack", file, "--to", &target, "--allow-unsigned", HOST];
            run(&allowed).expect_code(0);
            let path = layout.directory.path().join("unpacked/blobs/sha256");
            let blob = fs::read(path.join(config.digest().hex())).expect("the config");
            assert_eq!(blob, config.bytes);
        }
    }
}

#[test]
fn sizes_whose_sum_is_beyond_all_are_refused() {
    let sized = |kind: &str, sizes: &[u64]| {
        let layers: Vec<Value> = sizes
            .iter()
            .enumerate()
            .map(|(number, size)| {
                let mut layer = Content::new(kind, format!("layer {number}")).descriptor();
                layer["size"] = json!(size);
                layer
            })
            .collect();
        let config = Content::new(images::CONFIG, r#"{"os":"linux","architecture":"amd64"}"#);
        let document = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": config.descriptor(), "layers": layers});
        (Content::new(OCI_MANIFEST, document.to_string()), config)
    };
    const MOST: u64 = u64::MAX;
    // Compressed already, or to be compressed; two sizes, many, one, and those that overflow where they are rounded up.
    for kind in [images::LAYER, "application/vnd.oci.image.layer.v1.tar"] {
        for sizes in [
            &[MOST, MOST][..],
            &[1 << 62; 5],
            &[MOST],
            &[MOST - 511, 511],
            &[i64::MAX as u64, i64::MAX as u64, 2],
            &[MOST - 1023],
            &[1 << 60],
        ] {
            let (manifest, config) = sized(kind, sizes);
            let mut layout = Layout::new();
            layout.blob(&manifest);
            layout.blob(&config);
            layout.list(&manifest, json!({REF_NAME: format!("{HOST}/app:1")}));
            for more in [&[][..], &["--dry-run"], &["--volume-size", "4GiB"]] {
                let (ran, output) = layout.pack("", more);
                let code = ran.code;
                assert!(code == Some(6) || code == Some(2), "{kind} {sizes:?} {more:?}: {ran}");
                assert!(!output.exists());
            }
        }
    }
    // The layers of a signature are counted before they are read.
    let image = images::image("signed", "linux/amd64", &[10]);
    let (mut layout, (signature, config)) =
        (Layout::new(), sized("application/vnd.dev.cosign.simplesigning.v1+json", &[MOST, MOST]));
    layout.add(&image, json!({REF_NAME: format!("{HOST}/app:1")}));
    layout.blob(&signature);
    layout.blob(&config);
    let tag = format!("{HOST}/app:sha256-{}.sig", image.digest().hex());
    layout.list(&signature, json!({REF_NAME: tag}));
    let (ran, output) = layout.pack(&format!(":{HOST}/app:1"), &[]);
    assert!(matches!(ran.code, Some(2 | 5 | 6)) && !output.exists(), "{ran}");
}
