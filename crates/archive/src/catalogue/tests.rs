//! Each lie with the truth beside it: `world` is consistent, every case changes one thing in it.

mod atomic;
mod attachments;

use super::{Catalogue, CatalogueError};
use crate::Archive;
use crate::testing::{Builder, CONFIG, LAYER, tag_of, wire};
use bundle_inventory::Found;
use bundle_oci::layout::REF_NAME;
use bundle_oci::{Descriptor, Digest, media_type};
use bundle_testing::Signer;
use serde_json::{Value, json};

/// What is changed in a world.
type Change = Box<dyn FnOnce(&mut World)>;
/// The entries of `index.json` of a world.
type Entries<'a> = &'a dyn Fn(&World) -> Value;

const SOURCE: &str = "quay.io/org/app:1";

/// An index of two platforms, the index and one child signed, and a note attached to the signature's subject.
struct World {
    builder: Builder,
    index: Descriptor,
    children: Vec<Descriptor>,
}

fn world() -> World {
    let mut builder = Builder::new();
    let children =
        vec![builder.simple_image("amd64", "amd64's"), builder.simple_image("arm64", "arm64's")];
    let index = builder.index_of(&children);
    builder.add_image(SOURCE, &index, &children);
    let signer = Signer::p256();
    builder.sign(0, &index, &signer);
    builder.sign(0, &children[0], &signer);
    let note = builder.referrer(&index, "a note");
    builder.attach(0, index.digest, &note, Found::Referrer);
    World { builder, index, children }
}

fn read(builder: &Builder) -> Result<Catalogue, CatalogueError> {
    let folder = tempfile::tempdir().expect("temporary folder");
    Catalogue::read(&builder.open(&folder.path().join("a.tar.zst")))
}

/// What the error of a changed world says, cause included.
fn refusal(change: impl FnOnce(&mut World)) -> String {
    let mut world = world();
    change(&mut world);
    match read(&world.builder) {
        Ok(_) => "accepted".into(),
        Err(error) => match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}

#[test]
fn a_consistent_archive_comes_in_push_order() {
    let world = world();
    let folder = tempfile::tempdir().expect("temporary folder");
    let archive = world.builder.open(&folder.path().join("a.tar.zst"));
    let catalogue = Catalogue::read(&archive).expect("consistent");
    let [image] = catalogue.images() else { panic!("one image") };
    let order: Vec<Digest> = catalogue.manifests_of(image).map(|m| m.digest).collect();
    let expected = [world.children[0].digest, world.children[1].digest, world.index.digest];
    assert_eq!(order, expected);
    assert_eq!(image.attachments().len(), 3);
    let root = catalogue.manifest(&world.index.digest).expect("the root");
    let read = catalogue.read_manifest(&archive, root).expect("its bytes");
    assert_eq!((read.digest(), read.children().len()), (world.index.digest, 2));
    let child = catalogue.manifest(&world.children[0].digest).expect("a child");
    let blobs: Vec<Digest> = catalogue.blobs_of(&archive, child).map(|blob| blob.digest).collect();
    assert_eq!(blobs[1], Digest::of(b"amd64's"));
    assert_eq!((catalogue.all_manifests(image).count(), blobs.len()), (6, 2));
}

#[test]
fn a_large_manifest_is_not_named_over_and_over() {
    let read_as = |images: usize| {
        let mut builder = Builder::new();
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
            "manifests": [], "annotations": {"padding": "x".repeat((4 << 20) - 200)}});
        let index = builder.manifest(media_type::OCI_INDEX, &document);
        for number in 0..images {
            builder.add_image(&format!("quay.io/org/app:{number}"), &index, &[]);
        }
        read(&builder)
    };
    assert!(read_as(125).is_ok());
    let refused = read_as(130);
    assert!(matches!(refused, Err(CatalogueError::Limit(_))), "{:?}", refused.map(|_| ()));
}

#[test]
fn an_index_file_is_as_long_as_its_entries_may_be() {
    let padded = |length: usize| {
        refusal(|world| {
            let mut entry = wire(&world.index);
            entry["annotations"] = json!({REF_NAME: SOURCE});
            entry["later"] = json!("x".repeat(length));
            world.builder.index = Some(json!([entry]));
        })
    };
    assert_eq!(padded(1_000), "accepted");
    assert!(padded(1 << 20).contains("bytes for"));
}

#[test]
fn an_index_file_has_no_more_values_than_its_entries_may() {
    // At the entry, and at the document: short ones, which would take most memory for their length.
    let with = |values: usize| {
        refusal(|world| {
            let mut entry = wire(&world.index);
            entry["annotations"] = json!({REF_NAME: SOURCE});
            entry["later"] = json!(vec![json!({"": 0}); values / 2]);
            world.builder.index = Some(json!([entry]));
        })
    };
    assert_eq!(with(300), "accepted");
    let refused = with(1_000);
    assert!(refused.contains("more than 400 values"), "{refused}");
}

/// Images of one platform, each of a manifest of its own, all with a config of 4 MiB.
fn with_one_config(manifests: usize, images: usize) -> Result<Catalogue, CatalogueError> {
    let mut builder = Builder::new();
    let padding = "x".repeat((4 << 20) - 100);
    let config = json!({"os": "linux", "architecture": "amd64", "padding": padding});
    let config = builder.blob(CONFIG, config.to_string());
    for number in 0..manifests {
        let layer = builder.blob(LAYER, number.to_string());
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": wire(&config), "layers": [wire(&layer)]});
        let manifest = builder.manifest(media_type::OCI_MANIFEST, &document);
        for tag in 0..images {
            let source = format!("quay.io/org/app{number}:{tag}");
            let image = builder.add_image(&source, &manifest, &[]);
            image.platforms = vec!["linux/amd64".parse().expect("a platform")];
        }
    }
    read(&builder)
}

#[test]
fn a_config_is_read_once_for_all_images_of_its_manifest() {
    // Read for each image it would be more than may be read.
    assert!(with_one_config(2, 200).is_ok());
}

#[test]
fn the_configs_of_many_manifests_are_counted() {
    let refused = with_one_config(130, 1);
    assert!(matches!(refused, Err(CatalogueError::Limit(_))), "{:?}", refused.map(|_| ()));
}

#[test]
fn a_key_is_listed_once_and_named_briefly() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("a.tar.zst");
    let open = |change: &dyn Fn(&mut Builder)| {
        let mut world = world();
        world.builder.carry(&Signer::p256());
        change(&mut world.builder);
        world.builder.write(&path);
        Archive::open(&path).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(open(&|_| ()), Ok(()));
    let twice = open(&|builder| builder.keys.push(builder.keys[0].clone()));
    assert!(twice.expect_err("twice").contains("listed twice"));
    let long = open(&|builder| builder.keys[0].file = format!("keys/{}", "x".repeat(100_000)));
    assert!(long.expect_err("not there").len() < 500);
}

#[test]
fn what_is_missing_extra_or_different_is_refused() {
    let missing = "not in the bundle";
    let cases: [(&str, &str, Change); 9] = [
        ("nothing changed", "accepted", Box::new(|_| ())),
        ("a layer", missing, Box::new(|w| w.builder.forget(&Digest::of(b"amd64's")))),
        (
            "a child",
            missing,
            Box::new(|w| {
                let child = w.children[1].digest;
                w.builder.forget(&child);
            }),
        ),
        (
            "the root",
            missing,
            Box::new(|w| {
                let root = w.index.digest;
                w.builder.forget(&root);
            }),
        ),
        (
            "an extra blob",
            "nothing refers to it",
            Box::new(|w| {
                w.builder.blob(LAYER, "stowaway");
            }),
        ),
        (
            "an extra manifest",
            "nothing refers to it",
            Box::new(|w| {
                w.builder.simple_image("s390x", "amd64's");
            }),
        ),
        ("another size of the root", "size differs", Box::new(|w| w.builder.images[0].size += 1)),
        (
            "another type of the root",
            "cannot be used",
            Box::new(|w| w.builder.images[0].media_type = media_type::OCI_MANIFEST.into()),
        ),
        (
            "another digest in the name",
            "its name says another digest",
            Box::new(|w| {
                let name = format!("quay.io/org/app@{}", w.children[0].digest);
                w.builder.images[0].source = name.parse().expect("a reference");
            }),
        ),
    ];
    for (what, expected, change) in cases {
        let found = refusal(change);
        assert!(found.contains(expected), "{what}: {found}");
    }
}

/// A world without attachments, whose index lists `entry` beside its children.
fn with_entry(world: &mut World, entry: &Descriptor) {
    let mut builder = Builder::new();
    let children =
        vec![builder.simple_image("amd64", "amd64's"), builder.simple_image("arm64", "arm64's")];
    let index = builder.index_of(&[&children[..], std::slice::from_ref(entry)].concat());
    builder.add_image(SOURCE, &index, &children);
    *world = World { builder, index, children };
}

#[test]
fn a_child_is_absent_only_when_it_is_said_to_be_left_out() {
    let absent = Descriptor::of(media_type::OCI_MANIFEST, b"elsewhere");
    let say = |world: &mut World, digest| world.builder.images[0].omitted.push(digest);
    let found = refusal(|world| with_entry(world, &absent));
    assert!(found.contains("not in the bundle"), "{found}");
    let found = refusal(|world| {
        with_entry(world, &absent);
        say(world, absent.digest);
    });
    assert_eq!(found, "accepted");
    let found = refusal(|world| say(world, absent.digest));
    assert!(found.contains("no index lists it"), "{found}");
    let found = refusal(|world| {
        let child = world.children[1].digest;
        say(world, child);
    });
    // Its layer and config are then beside the point, too.
    assert!(found.contains("platforms"), "{found}");
}

#[test]
fn what_an_index_lists_of_another_type_is_a_blob() {
    let blob = |content: &[u8]| Descriptor::of("application/x-unknown", content);
    let there = blob(b"amd64's");
    assert_eq!(refusal(|world| with_entry(world, &there)), "accepted");
    let found = refusal(|world| with_entry(world, &blob(b"elsewhere")));
    assert!(found.contains("not in the bundle"), "{found}");
    let wrong = Descriptor::new("application/x-unknown", there.digest, 1);
    let found = refusal(|world| with_entry(world, &wrong));
    assert!(found.contains("size"), "{found}");
    // No platform filter leaves a blob out.
    let found = refusal(|world| {
        let absent = blob(b"elsewhere");
        with_entry(world, &absent);
        world.builder.images[0].omitted.push(absent.digest);
    });
    assert_ne!(found, "accepted");
}

#[test]
fn a_manifest_has_one_type_everywhere() {
    let again = |world: &World, kind: &str| {
        Descriptor::new(kind, world.children[0].digest, world.children[0].size)
    };
    let found = refusal(|world| {
        let other = again(world, media_type::DOCKER_MANIFEST);
        with_entry(world, &other);
    });
    assert!(found.contains("two media types"), "{found}");
    let found = refusal(|world| {
        let same = again(world, media_type::OCI_MANIFEST);
        with_entry(world, &same);
    });
    assert_eq!(found, "accepted");
}

#[test]
fn a_layer_is_absent_only_when_its_licence_says_so() {
    let build = |kind: &str, stated: bool| {
        let mut builder = Builder::new();
        let layer = Descriptor::of(kind, b"windows");
        let image = builder.image_of("amd64", std::slice::from_ref(&layer));
        let entry = builder.add_image(SOURCE, &image, &[]);
        if stated {
            entry.foreign.push(layer.digest);
        }
        read(&builder).map_err(|error| error.to_string())
    };
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    assert!(build(foreign, true).is_ok());
    for (kind, stated) in [(foreign, false), (LAYER, true), (CONFIG, false)] {
        let error = build(kind, stated).expect_err(kind);
        assert!(error.contains("not in the bundle"), "{kind}: {error}");
    }
    let found = refusal(|world| world.builder.images[0].foreign.push(Digest::of(b"amd64's")));
    assert!(found.contains("has no layer"), "{found}");
}

#[test]
fn platforms_are_those_of_the_manifests() {
    let found = refusal(|w| w.builder.images[0].platforms.truncate(1));
    assert!(found.contains("platforms"), "{found}");
    let found = refusal(|w| w.builder.images[0].platforms.reverse());
    assert_eq!(found, "accepted");
    let single = |platforms: &[&str]| {
        let mut builder = Builder::new();
        let image = builder.simple_image("amd64", "x");
        let entry = builder.add_image(SOURCE, &image, &[]);
        entry.platforms = platforms.iter().map(|p| p.parse().expect("a platform")).collect();
        read(&builder).is_ok()
    };
    assert!(single(&[]) && single(&["linux/amd64"]));
    assert!(!single(&["linux/arm64"]) && !single(&["linux/amd64", "linux/arm64"]));
}

#[test]
fn the_index_says_what_the_inventory_says() {
    let named = |descriptor: &Descriptor, name: &str| {
        let mut named = Descriptor::new(&descriptor.media_type, descriptor.digest, descriptor.size);
        named.annotations.insert(REF_NAME.into(), name.to_owned());
        wire(&named)
    };
    let with = |entries: &dyn Fn(&World) -> Value| {
        refusal(|world| world.builder.index = Some(entries(world)))
    };
    let plain = |d: &Descriptor| wire(&Descriptor::new(&d.media_type, d.digest, d.size));
    let good: [Entries<'_>; 3] = [
        &|w| json!([named(&w.index, SOURCE)]),
        &|w| json!([named(&w.index, SOURCE), plain(&w.children[0])]),
        &|w| {
            let signature = &w.builder.images[0].attachments[0];
            let signature =
                Descriptor::new(&signature.media_type, signature.digest, signature.size);
            let name = format!("quay.io/org/app:sha256-{}.sig", w.index.digest.hex());
            json!([named(&w.index, SOURCE), named(&signature, &name)])
        },
    ];
    for entries in good {
        assert_eq!(with(entries), "accepted");
    }
    let stranger = Descriptor::of(media_type::OCI_MANIFEST, b"stranger");
    let bad: [(&str, Entries<'_>); 9] = [
        ("is missing", &|_| json!([])),
        ("is missing", &|w| json!([plain(&w.index)])),
        ("leads to", &|w| json!([named(&w.children[0], SOURCE)])),
        ("there twice", &|w| json!([named(&w.index, SOURCE), named(&w.index, SOURCE)])),
        ("not a name in the inventory", &|w| {
            json!([named(&w.index, SOURCE), named(&w.children[0], "quay.io/org/other:1")])
        }),
        ("is not a manifest", &|w| json!([named(&w.index, SOURCE), plain(&stranger)])),
        ("another size", &|w| {
            let mut wrong = w.index.clone();
            wrong.size += 1;
            json!([named(&wrong, SOURCE)])
        }),
        ("media type", &|w| {
            let mut wrong = w.index.clone();
            wrong.media_type = media_type::DOCKER_LIST.into();
            json!([named(&wrong, SOURCE)])
        }),
        ("cannot be used", &|_| json!([{"digest": "sha512:00"}])),
    ];
    for (expected, entries) in bad {
        let found = with(entries);
        assert!(found.contains(expected), "{expected}: {found}");
    }
}
