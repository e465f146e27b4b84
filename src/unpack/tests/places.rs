//! What comes without a trusted signature takes no place at the target that is another's, in every form of an archive.

use super::*;
use crate::host::PolicyFile;
use crate::host::naming::SourceHost;
use crate::oci::layout::LayoutDirectory;
use crate::report::unpack::UnpackReport;
use crate::trust::{Admission, RefusalCode};

const SIGNED: &str = "registry.redhat.io/ubi9/ubi:1";

/// A registry that holds a signed image under `redhat/ubi9/ubi`.
struct Place {
    scene: Scene,
    signed: Digest,
}

fn rules(rules: &[&str]) -> Vec<crate::host::naming::MapRule> {
    rules.iter().map(|rule| rule.parse().expect("a rule")).collect()
}

impl Place {
    async fn new() -> Self {
        let mut scene = Scene::new().await;
        let mut builder = Builder::new();
        let image = builder.simple_image("amd64", "the vendor's");
        builder.add_image(SIGNED, &image, &[]);
        builder.sign(0, &image, &scene.signer);
        scene.builder = builder;
        let place = Self { scene, signed: image.digest };
        place.run(place.trust(&[])).await.expect("the signed one");
        assert_eq!(place.there().await, Some(image.digest));
        place
    }

    /// A key for exactly the signed repository; these may come unsigned.
    fn trust(&self, unsigned: &[&str]) -> TrustInputs {
        let mut trust = self.scene.trusting("registry.redhat.io/ubi9/ubi");
        let patterns = unsigned.iter().map(|pattern| pattern.parse().expect("a pattern"));
        trust.anchors.allow_unsigned.extend(patterns);
        trust
    }

    fn options(&self, trust: TrustInputs) -> Request {
        let mut options = self.scene.options(trust);
        let named =
            options.target.with_names(SourceHost::LeftOut, rules(&["registry.redhat.io=redhat"]));
        options.target = named.expect("a target");
        options
    }

    async fn run(&self, trust: TrustInputs) -> Result<UnpackReport, UnpackError> {
        self.scene.run(self.options(trust)).await
    }

    async fn there(&self) -> Option<Digest> {
        self.scene.tag("redhat/ubi9/ubi", "1").await
    }

    /// Packs one unsigned image under this name instead.
    fn carry(&mut self, source: &str) {
        let mut builder = Builder::new();
        let image = builder.simple_image("amd64", "somebody's");
        builder.add_image(source, &image, &[]);
        self.scene.builder = builder;
    }
}

fn code(error: &UnpackError) -> RefusalCode {
    let UnpackError::Refused(refused) = error else { panic!("{error:?}") };
    match refused.verdicts[0].admission() {
        Admission::Refused(refusal) => refusal.code,
        admitted => panic!("{}", admitted.as_str()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_image_takes_no_signed_place_in_any_form() {
    let mut place = Place::new().await;
    let unsigned = ["internal.example"];
    place.carry("internal.example/redhat/ubi9/ubi:1");
    let archive = place.scene.archive();
    place.scene.builder.write(&archive);
    let bytes = std::fs::read(&archive).expect("the archive");
    let tar = zstd::decode_all(&bytes[..]).expect("a tar");
    let again = zstd::encode_all(&tar[..], 3).expect("compressed");
    let plain = place.scene.folder.path().join("plain.tar");
    std::fs::write(&plain, &tar).expect("written");
    let stream = |bytes: Vec<u8>| {
        let read: Box<dyn std::io::Read + Send> = Box::new(std::io::Cursor::new(bytes));
        Input::Stream(read, "-".into())
    };
    for (form, input) in [
        ("seekable", Input::Files(vec![archive])),
        ("a pipe", stream(bytes)),
        ("compressed anew", stream(again)),
        ("the plain tar", Input::Files(vec![plain])),
    ] {
        let options = Request { input, ..place.options(place.trust(&unsigned)) };
        let error = place.scene.run_as_it_is(options).await;
        assert_eq!(code(&error.expect_err(form)), RefusalCode::PlaceProtected, "{form}");
        assert_eq!(place.there().await, Some(place.signed), "{form}");
    }
    // Where it does not lead there, the same permission admits.
    for source in ["internal.example/tools/x:1", "internal.example/ubi9/ubi:1"] {
        place.carry(source);
        let report = place.run(place.trust(&unsigned)).await.expect(source);
        let admission = report.images[0].verdict.admission();
        assert_eq!(admission, &Admission::UnsignedAllowed { sealed: false }, "{source}");
    }
    assert_eq!(place.there().await, Some(place.signed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expected_bundle_takes_no_place_of_a_signed_image() {
    let mut place = Place::new().await;
    place.carry("internal.example/redhat/ubi9/ubi:1");
    place.scene.builder.images[0].verdict.code = "signed".into();
    place.scene.builder.write(&place.scene.archive());
    let opened = Opened::open(&[place.scene.archive()]).expect("opened");
    let expect_bundle = Some(opened.archive().bundle_digest());
    let trust = TrustInputs { expect_bundle, ..place.trust(&[]) };
    let error = place.run(trust).await.expect_err("refused");
    assert_eq!(code(&error), RefusalCode::PlaceProtected);
    let trust = TrustInputs { expect_bundle, ..TrustInputs::default() };
    let report = place.run(trust).await.expect("where nobody has the place");
    assert_eq!(report.images[0].verdict.admission(), &Admission::PackVerdict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_gives_no_place_away_and_its_permission_is_told() {
    let mut place = Place::new().await;
    let key = place.scene.folder.path().join("vendor.pub");
    std::fs::write(&key, place.scene.signer.public_pem()).expect("a key");
    let policy = place.scene.folder.path().join("policy.json");
    let content = serde_json::json!({
        "default": [{"type": "insecureAcceptAnything"}],
        "transports": {"docker": {"registry.redhat.io": [
            {"type": "sigstoreSigned", "keyPath": key, "signedIdentity": {"type": "matchRepository"}},
        ]}},
    });
    std::fs::write(&policy, content.to_string()).expect("a policy");
    let trust = || {
        let policy = Some(PolicyFile::open(&policy).expect("a policy"));
        TrustInputs { policy, ..TrustInputs::default() }
    };
    for (source, names, expected) in [
        ("internal.example/redhat/ubi9/ubi:1", Some(place.options(trust()).target), false),
        ("internal.example/ubi9/ubi:1", Some(place.options(trust()).target), true),
        ("internal.example/ubi9/ubi:1", None, false),
        ("registry.redhat.io:443/ubi9/ubi:1", None, false),
    ] {
        place.carry(source);
        let mut options = place.scene.options(trust());
        options.target = names.unwrap_or(options.target);
        match place.scene.run(options).await {
            Ok(report) => {
                assert!(expected, "{source}");
                let warned = |w: &String| w.starts_with("policy-accepts-anything: ");
                assert!(report.warnings.iter().any(warned), "{:?}", report.warnings);
            }
            Err(error) => {
                assert!(!expected, "{source}: {error}");
                assert_eq!(error.class(), Class::Refused);
            }
        }
    }
    assert_eq!(place.there().await, Some(place.signed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_keeps_sources_apart_and_spellings_together() {
    let mut place = Place::new().await;
    let directory = place.scene.folder.path().join("layout");
    let run = |place: &Place| {
        let mut options = place.scene.options(place.trust(&["*"]));
        options.target = Target::Layout(directory.clone());
        options
    };
    place.carry("internal.example/ubi9/ubi:1");
    place.scene.run(run(&place)).await.expect("a name of its own");
    for spelling in ["registry.redhat.io:443", "REGISTRY.redhat.io"] {
        place.carry(&format!("{spelling}/ubi9/ubi:1"));
        let error = place.scene.run(run(&place)).await.expect_err(spelling);
        assert_eq!(code(&error), RefusalCode::NoSignature, "{spelling}");
    }
    let layout = LayoutDirectory::open(&directory).expect("a layout");
    assert!(layout.tagged("internal.example/ubi9/ubi:1").is_some());
}

#[test]
fn two_spellings_of_one_registry_never_become_two_names() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut builder = Builder::new();
    for source in ["quay.io/org/app:1", "quay.io:443/org/app:2"] {
        let image = builder.simple_image("amd64", source);
        builder.add_image(source, &image, &[]);
    }
    let path = folder.path().join("a.tar.zst");
    builder.write(&path);
    for target in ["r.example", "oci:somewhere"] {
        for source_host in [SourceHost::LeftOut, SourceHost::FirstComponent] {
            let mut trust = TrustInputs::default();
            trust.anchors.allow_unsigned.push("*".parse().expect("a pattern"));
            let target: Target = target.parse().expect("a target");
            let target = target.with_names(source_host, Vec::new()).expect("names");
            let opened = Opened::open(std::slice::from_ref(&path)).expect("opened");
            let verified = opened.check().expect("checked").verify_for(target, trust);
            let error = verified.expect("verified").plan().expect_err("two spellings of one");
            assert!(matches!(error, UnpackError::Naming(_)), "{error:?}");
        }
    }
}
