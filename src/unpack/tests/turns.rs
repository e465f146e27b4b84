//! Runs at the same time on one host: one publishes while the others wait, and each looks again when its turn has come.

use super::*;
use crate::host::records::publishing::try_publishing;
use crate::host::{HostRoot, installed_keys};
use std::collections::BTreeMap;

/// Runs until another run, which publishes all that time, is `done` when this one has come to its turn.
async fn run_behind_another(
    scene: &Scene,
    options: Request,
    root: &HostRoot,
    done: impl Future<Output = ()>,
) -> Result<UnpackReport, UnpackError> {
    let other = try_publishing(root).expect("no error").expect("a turn");
    let waits = scene.client.waits();
    let is_waiting =
        || waits.now().iter().any(|wait| format!("{wait:?}").contains("another run of bundle"));
    let end = async {
        while !is_waiting() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        done.await;
        drop(other);
    };
    let (ended, ()) = tokio::join!(scene.run(options), end);
    ended
}

/// A host of its own, and the scene's run on it, trusting the signer for everything.
fn on_a_host(scene: &Scene) -> (TempDir, HostRoot, Request) {
    let folder = tempfile::tempdir().expect("a directory");
    let root = HostRoot::under(folder.path()).expect("a root");
    let mut options = scene.options(scene.trusting("*"));
    options.memory = at(&root);
    (folder, root, options)
}

fn at(root: &HostRoot) -> Option<HostRoot> {
    Some(HostRoot::under(root.path()).expect("a root"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_while_another_one_publishes() {
    let scene = Scene::new().await;
    let (_folder, root, options) = on_a_host(&scene);
    let ended = run_behind_another(&scene, options, &root, async {}).await;
    ended.expect("unpacked");
    assert_eq!(scene.tag("org/app", "1").await, Some(scene.index.digest));
    assert!(try_publishing(&root).expect("no error").is_some(), "the turn is given up");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_source_that_came_meanwhile_keeps_its_repository() {
    let scene = Scene::new().await;
    let (_folder, root, options) = on_a_host(&scene);
    let target = Repository::new(&scene.host, "org/app").expect("a name");
    let source = Repository::new("elsewhere.example", "org/app").expect("a name");
    let done = async {
        let decision = crate::host::records::sources::Decision::Implied;
        let filled = crate::host::Filled { target: &target, source: &source, decision };
        crate::host::record_sources(&root, &[filled]).expect("remembered");
    };
    let ended = run_behind_another(&scene, options, &root, done).await;
    assert!(matches!(ended, Err(UnpackError::Sources(_))), "{ended:?}");
    assert_eq!(scene.tag("org/app", "1").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_removed_meanwhile_admits_nothing_and_stays_removed() {
    let scene = Scene::new().await;
    let folder = tempfile::tempdir().expect("a directory");
    let root = HostRoot::under(folder.path()).expect("a root");
    let install = || {
        let root = at(&root).expect("a root");
        Some(InstallOptions { root, names: BTreeMap::new(), replacements: vec![] })
    };
    let mut options = scene.options(scene.trusting("*"));
    options.install = install();
    scene.run(options).await.expect("installed");
    let used = installed_keys(&root).expect("keys").keys;
    let records = folder.path().join("etc/bundle/trust.d");
    assert!(!used.is_empty());
    let trust = TrustInputs { installed: used, ..TrustInputs::default() };
    let mut options = scene.options(trust);
    options.target = format!("{}/again", scene.host).parse().expect("a target");
    options.install = install();
    options.memory = at(&root);
    let done = async {
        for entry in std::fs::read_dir(&records).expect("records") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|ending| ending == "json") {
                std::fs::remove_file(path).expect("removed");
            }
        }
    };
    let ended = run_behind_another(&scene, options, &root, done).await;
    assert!(matches!(ended, Err(UnpackError::KeyRemoved { .. })), "{ended:?}");
    assert_eq!(scene.tag("again/org/app", "1").await, None);
    assert!(installed_keys(&root).expect("keys").keys.is_empty(), "it is not written again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_came_meanwhile_stays_beside_the_carried_one() {
    // The second list has no room for one more.
    for (theirs, is_joined) in [(1, true), (1000, false)] {
        let scene = Scene::new().await;
        let (_folder, root, options) = on_a_host(&scene);
        let carried = super::attachments::carried_layer(&scene);
        let mut other = carried.clone();
        other.annotations.insert("dev.cosignproject.cosign/signature".into(), "b3RoZXI=".into());
        let done = async {
            let layers = vec![crate::archive::testing::wire(&other); theirs];
            super::attachments::put_signature(&scene, layers).await;
        };
        let ended = run_behind_another(&scene, options, &root, done).await;
        ended.expect("unpacked");
        let there = super::attachments::there(&scene, "sig").await;
        let layers: Vec<Descriptor> = there.blobs().skip(1).cloned().collect();
        assert_eq!((layers.len(), &layers[0]), (theirs + usize::from(is_joined), &other));
        assert_eq!(layers.contains(&carried), is_joined, "{theirs}");
    }
}
