//! Targets that are at fault themselves, and are named.

use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::{Connected, Enclave};
use crate::harness::signer::Signer;
use crate::unpacking::Carried;
use reqwest::Method;
use std::fs::{self, File};

#[test]
fn wrong_blob_of_a_layout_is_named_as_the_targets() {
    let carried = Carried::new();
    let enclave = Enclave::start();
    let layout = carried.side.output("layout");
    let to = format!("oci:{}", layout.display());
    let unpack = || enclave.unpack_to(&carried.side.file(), &to, &["--key", &carried.key]);
    let piped = || {
        let input = File::open(carried.side.file()).expect("archive");
        enclave.unpack_pipe(&to, &["--key", &carried.key]).stdin(input).run()
    };
    unpack().expect_code(0);
    let blobs = fs::read_dir(layout.join("blobs/sha256")).expect("blobs");
    let mut seen = 0;
    for blob in blobs.map(|entry| entry.expect("entry").path()) {
        let whole = fs::read(&blob).expect("blob");
        let mut other = whole.clone();
        other[whole.len() / 2] ^= 1;
        fs::write(&blob, &other).expect("written");
        for ran in [unpack(), piped()] {
            let ran = ran.expect_code(5);
            let told = [blob.to_str().expect("path"), "at the target", "hint: remove that file"];
            let ran = ran.expect_error(&told);
            assert!(!ran.stderr.contains("bundle verify"), "{ran}");
        }
        // As the hint says.
        fs::remove_file(&blob).expect("removed");
        unpack().expect_code(0);
        assert_eq!(fs::read(&blob).expect("blob"), whole, "{}", blob.display());
        seen += 1;
    }
    assert!(seen > 4, "index, manifests, configs, layers and signatures: {seen}");
}

#[test]
fn tags_that_are_set_beside_a_refused_one_are_named() {
    let (side, signer) = (Connected::start(), Signer::p256());
    for repository in ["team/a", "team/b", "team/c"] {
        side.signed(repository, &signer);
    }
    let key = side.key("release.pub", &signer);
    let names = ["team/a:1", "team/b:1", "team/c:1"];
    side.pack(&names, &["--key", &key]).expect_code(0);
    let enclave = Enclave::start();
    let proxy = FaultProxy::start(enclave.address());
    let unpack = || enclave.unpack_to(&side.file(), proxy.address(), &["--key", &key]);
    let refuse = |repository: &'static str| {
        let is_tag = move |path: &str| path.ends_with(&format!("{repository}/manifests/1"));
        proxy.add(Rule::new(Method::PUT, is_tag, Fault::status(403)));
    };
    let name = |name: &str| format!("{}/{name}", proxy.address());
    // None is set: nothing to tell of tags.
    ["team/a", "team/b", "team/c"].into_iter().for_each(refuse);
    let ran = unpack().expect_code(5);
    assert!(!ran.stderr.contains("tags are set"), "{ran}");
    proxy.heal();
    refuse("team/b");
    let is_tag = |tag: &String| tag.ends_with(":1");
    let tags = || enclave.tags().into_iter().filter(is_tag).collect::<Vec<_>>();
    for _ in 0..2 {
        // After a refusal no other tag is begun, so which ones are set goes by who was first.
        let ran = unpack().expect_code(5).expect_error(&["access is denied", "hint: "]);
        let there: Vec<String> = tags().iter().map(|tag| name(tag)).collect();
        let told = ran.stderr.split_once("tags are set: ").and_then(|(_, rest)| {
            let (set, rest) = rest.split_once("; not set: ")?;
            Some((set.to_owned(), rest.lines().next()?.to_owned()))
        });
        let refused = name("team/b:1");
        assert!(!there.contains(&refused), "{there:?}");
        let Some((set, unset)) = told else { continue };
        assert!(set.split(", ").all(|tag| there.contains(&tag.to_owned())), "{ran} {there:?}");
        assert!(unset.contains(&refused), "{ran}");
    }
    proxy.heal();
    unpack().expect_code(0);
    assert_eq!(tags(), names);
}
