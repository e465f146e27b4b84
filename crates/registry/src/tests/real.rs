//! Against docker-registry.

use super::peer::authfile;
use super::{Memory, attachment, content, empty_config, image, options, read, told};
use super::{repository, repository_with};
use crate::{
    BlobPushed, ClientOptions, ListEntry, ListRoom, Presence, Referrers, ReferrersFrom,
    RegistryError, RemoteRepository, fallback_tag,
};
use bundle_oci::source::{SourceError, Trouble};
use bundle_oci::{Descriptor, Digest, Manifest};
use bundle_testing::servers::{Access, DockerRegistry, PASSWORD, USER};
use std::sync::atomic::Ordering;

/// A registry for the running test, which is named as left out where there is none.
fn started(access: Access) -> Option<DockerRegistry> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    DockerRegistry::start_with(&test, access)
}

/// Pushes an image without layers under a tag.
async fn pushed(repository: &RemoteRepository, tag: &str) -> Manifest {
    let config = empty_config();
    let source = Memory::of(b"{}");
    let push = repository.push_blob(&config, &source, None, Presence::Unknown);
    push.await.expect("the config is pushed");
    let manifest = image(&config, &[], "");
    let done = repository.push_manifest(Some(tag), &manifest).await;
    done.expect("the manifest is pushed");
    manifest
}

#[tokio::test]
async fn blobs_of_every_size_go_in_and_come_out_the_same() {
    let Some(registry) = started(Access::Open) else {
        return;
    };
    let repository = repository(registry.address());
    for length in [0, 1, 256 << 10, (256 << 10) + 1, 3_000_000] {
        let bytes = content(length);
        let (blob, source) = (Descriptor::of("x", &bytes), Memory::of(&bytes));
        assert!(!repository.blob_exists(&blob).await.expect("asked"));
        for (presence, wanted) in [
            (Presence::CheckFirst, BlobPushed::Uploaded),
            (Presence::CheckFirst, BlobPushed::AlreadyThere),
            (Presence::Unknown, BlobPushed::Uploaded),
        ] {
            let pushed = repository.push_blob(&blob, &source, None, presence).await;
            assert_eq!(pushed.expect("pushed"), wanted, "{length}");
        }
        assert_eq!(source.opened.load(Ordering::Relaxed), 2);
        assert!(repository.blob_exists(&blob).await.expect("asked"));
        for offset in [0, length / 2, length] {
            let got = read(&repository, &blob, offset as u64).await.expect("read");
            assert!(got == bytes[offset..], "{length} from {offset}");
        }
    }
}

#[tokio::test]
async fn a_blob_is_mounted_where_it_is_and_uploaded_where_it_is_not() {
    let Some(registry) = started(Access::Open) else {
        return;
    };
    let here = repository(registry.address());
    let bytes = content(500_000);
    let (blob, source) = (Descriptor::of("x", &bytes), Memory::of(&bytes));
    let client = crate::Client::new(options()).expect("a client");
    let name = format!("{}/other/app", registry.address());
    let other = client.repository(&name.parse().expect("a name"));
    let pushed = here.push_blob(&blob, &source, Some("other/app"), Presence::Unknown);
    assert_eq!(pushed.await.expect("pushed"), BlobPushed::Uploaded);
    let opened = source.opened.load(Ordering::Relaxed);
    let pushed = other.push_blob(&blob, &source, Some("team/app"), Presence::Unknown);
    assert_eq!(pushed.await.expect("pushed"), BlobPushed::Mounted);
    assert_eq!(source.opened.load(Ordering::Relaxed), opened);
    assert_eq!(read(&other, &blob, 0).await.expect("read"), bytes);
}

#[tokio::test]
async fn a_wrong_source_never_completes_an_upload() {
    let Some(registry) = started(Access::Open) else {
        return;
    };
    let repository = repository(registry.address());
    for length in [100, 1_000_000] {
        let mut bytes = content(length);
        let blob = Descriptor::of("x", &bytes);
        bytes[length - 1] ^= 1;
        for wrong in [&bytes[..], &bytes[..length - 1], &[&bytes[..], b"x"].concat()] {
            let source = Memory::of(wrong);
            let push = repository.push_blob(&blob, &source, None, Presence::Unknown);
            let error = push.await.expect_err("refused");
            let content = |e: &SourceError| e.trouble == Trouble::Content;
            assert!(matches!(&error, RegistryError::Source(e) if content(e)), "{error:?}");
            assert_eq!(source.opened.load(Ordering::Relaxed), 1);
        }
        for found in [blob.digest, Digest::of(&bytes)] {
            let found = Descriptor::new("x", found, length as u64);
            assert!(!repository.blob_exists(&found).await.expect("asked"));
        }
        let right = Memory::of(&content(length));
        let push = repository.push_blob(&blob, &right, None, Presence::Unknown);
        assert!(push.await.is_ok());
    }
}

#[tokio::test]
async fn manifests_are_found_by_tag_and_digest_or_surely_absent() {
    let Some(registry) = started(Access::Open) else {
        return;
    };
    let repository = repository(registry.address());
    assert!(repository.manifest_by_tag("v1").await.expect("asked").is_none());
    let absent = repository.tags().await.expect_err("no repository yet");
    assert!(matches!(&absent, RegistryError::NotFound { .. }), "{absent:?}");
    assert!(told(&absent).contains("NAME_UNKNOWN"), "{absent}");

    let manifest = pushed(&repository, "v1").await;
    let tag = repository.manifest_by_tag("v1").await.expect("asked");
    assert_eq!(tag.expect("there").bytes(), manifest.bytes());
    let digest = manifest.digest();
    let found = repository.manifest_by_digest(&digest).await.expect("asked");
    assert_eq!(found.expect("there").bytes(), manifest.bytes());
    let found = repository.manifest_digest("v1").await.expect("asked");
    assert_eq!(found, Some(digest));

    assert!(repository.manifest_by_tag("v2").await.expect("asked").is_none());
    assert_eq!(repository.manifest_digest("v2").await.expect("asked"), None);
    let other = Digest::of(b"other");
    assert!(repository.manifest_by_digest(&other).await.expect("asked").is_none());
    let blob = Descriptor::new("x", other, 5);
    let error = read(&repository, &blob, 0).await.expect_err("absent");
    assert_eq!(error.trouble, Trouble::Absent);
    assert!(told(&error).contains("BLOB_UNKNOWN"), "{}", told(&error));
}

#[tokio::test]
async fn all_tags_are_listed() {
    let Some(registry) = started(Access::Open) else {
        return;
    };
    let repository = repository(registry.address());
    let manifest = pushed(&repository, "t0").await;
    let mut wanted = vec!["t0".to_owned()];
    for number in 1..30 {
        let tag = format!("t{number}");
        let done = repository.push_manifest(Some(&tag), &manifest).await;
        done.expect("pushed");
        wanted.push(tag);
    }
    let mut tags = repository.tags().await.expect("listed");
    tags.sort();
    wanted.sort();
    assert_eq!(tags, wanted);
}

#[tokio::test]
async fn manifest_without_its_blobs_is_refused_by_the_registry() {
    let Some(registry) = started(Access::Open) else {
        return;
    };
    let repository = repository(registry.address());
    let manifest = image(&Descriptor::of("x", b"missing"), &[], "");
    let error = repository.push_manifest(Some("v1"), &manifest).await;
    let error = error.expect_err("refused");
    assert!(matches!(error, RegistryError::Refused { status: 400, .. }), "{error:?}");
    assert!(error.to_string().contains("MANIFEST_BLOB_UNKNOWN"), "{error}");
}

#[tokio::test]
async fn referrers_added_at_once_are_all_kept_at_the_fallback_tag() {
    let Some(registry) = started(Access::Open) else {
        return;
    };
    let repository = repository(registry.address());
    let subject = pushed(&repository, "v1").await;
    let digest = subject.digest();
    let none = repository.referrers(&digest).await.expect("listed");
    let how = ReferrersFrom::FallbackTag;
    assert_eq!(none, Referrers { descriptors: vec![], how });

    let referrers: Vec<Manifest> =
        (0..8).map(|number| attachment(&subject, &number.to_string())).collect();
    let add = |referrer: Manifest| {
        let repository = repository.clone();
        async move {
            let pushed = repository.push_manifest(None, &referrer).await.expect("pushed");
            assert!(!pushed.subject_understood);
            repository
                .add_referrers_to_fallback_tag(
                    &digest,
                    &[ListEntry::of(&referrer, ListRoom::Verified)],
                )
                .await
        }
    };
    let twice = referrers.iter().chain(&referrers).cloned();
    let done = futures_util::future::join_all(twice.map(add)).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");

    let found = repository.referrers(&digest).await.expect("listed").descriptors;
    assert_eq!(found.len(), referrers.len());
    assert!(found.iter().all(|d| d.artifact_type.as_deref() == Some("application/x-test")));
    // What was written, annotations included, which the lookup leaves out.
    let list = repository.manifest_by_tag(&fallback_tag(&digest)).await.expect("read");
    let mut listed = list.expect("there").children().to_vec();
    listed.sort_by_key(|d| d.annotation("name").map(ToOwned::to_owned));
    assert_eq!(listed.len(), referrers.len());
    for (entry, referrer) in listed.iter().zip(&referrers) {
        assert_eq!(entry.digest, referrer.digest());
        assert_eq!(entry.size, referrer.bytes().len() as u64);
        assert_eq!(entry.artifact_type.as_deref(), Some("application/x-test"));
        assert_eq!(&entry.annotations, referrer.annotations());
    }
}

#[tokio::test]
async fn image_under_the_fallback_tag_is_never_overwritten() {
    let Some(registry) = started(Access::Open) else {
        return;
    };
    let repository = repository(registry.address());
    let subject = pushed(&repository, "v1").await;
    let digest = subject.digest();
    let other = image(&empty_config(), &[empty_config()], "");
    for in_the_way in [&subject, &other] {
        let tag = fallback_tag(&digest);
        let done = repository.push_manifest(Some(&tag), in_the_way).await;
        done.expect("pushed");
        let listed = repository.referrers(&digest).await.expect("listed");
        assert_eq!(listed.descriptors, []);
        let referrer = attachment(&subject, "a");
        let done = repository.push_manifest(None, &referrer).await;
        done.expect("pushed");
        let error = repository
            .add_referrers_to_fallback_tag(&digest, &[ListEntry::of(&referrer, ListRoom::Verified)])
            .await;
        assert!(matches!(error, Err(RegistryError::BadAnswer { .. })), "{error:?}");
        let kept = repository.manifest_digest(&tag).await.expect("asked");
        assert_eq!(kept, Some(in_the_way.digest()));
    }
}

#[tokio::test]
async fn a_password_opens_and_no_or_a_wrong_one_does_not() {
    let Some(registry) = started(Access::Basic) else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let with = |key: &str, password: &str| {
        let path = directory.path().join("auth.json");
        authfile(&path, key, USER, password);
        let options = ClientOptions { authfile: Some(path), tls_verify: false, ..options() };
        repository_with(options, registry.address())
    };
    let address = registry.address();
    for key in [address, &format!("{address}/team"), &format!("{address}/team/app")] {
        let repository = with(key, PASSWORD);
        let bytes = content(400_000);
        let push = Memory::of(&bytes);
        let blob = Descriptor::of("x", &bytes);
        let pushed_blob = repository.push_blob(&blob, &push, None, Presence::Unknown).await;
        assert_eq!(pushed_blob.expect("pushed"), BlobPushed::Uploaded);
        pushed(&repository, "v1").await;
        assert_eq!(read(&repository, &blob, 7).await.expect("read"), bytes[7..]);
    }
    for (key, password) in [
        (address, "wrong-password"),
        ("127.0.0.1:1", PASSWORD),
        (&format!("{address}/tea"), PASSWORD),
        (&format!("{address}/team/app/below"), PASSWORD),
    ] {
        let repository = with(key, password);
        let error = repository.manifest_by_tag("v1").await.expect_err("refused");
        assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error:?}");
        assert!(error.hint().is_some_and(|hint| hint.contains("--authfile")));
        let shown = format!("{} {error:?} {repository:?}", told(&error));
        assert!(!shown.contains(password), "{shown}");
        let error = repository.tags().await.expect_err("refused");
        assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error:?}");
    }
}
