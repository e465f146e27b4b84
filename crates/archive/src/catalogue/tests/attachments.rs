//! Attachments: each lie with the truth beside it.

use super::*;

#[test]
fn a_layer_is_not_attached_over_and_over() {
    // One manifest that lists one blob many times, under every tag of many subjects.
    let attached = |kind: &str, subjects: usize, layers: usize, size: usize| {
        let mut builder = Builder::new();
        let images: Vec<_> = (0..subjects)
            .map(|number| builder.simple_image("amd64", &number.to_string()))
            .collect();
        let index = builder.index_of(&images);
        builder.add_image("quay.io/org/app:1", &index, &images);
        let layer = wire(&builder.blob(kind, "x".repeat(size)));
        let config = wire(&builder.blob(media_type::OCI_EMPTY, "{}"));
        let document = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": config, "layers": vec![layer; layers]});
        let manifest = builder.manifest(media_type::OCI_MANIFEST, &document);
        for image in &images {
            for ending in ["sig", "att", "sbom"] {
                builder.attach(0, image.digest, &manifest, tag_of(&image.digest, ending));
            }
        }
        read(&builder)
    };
    const NOTE: &str = "application/x-note";
    for (kind, subjects, layers, size, accepted) in [
        (NOTE, 3, 10_000, 1, true),
        (NOTE, 4, 10_000, 1, false),
        (media_type::DSSE, 1, 20, 4 << 20, true),
        (media_type::DSSE, 1, 22, 4 << 20, false),
        // What verification does not read costs nothing.
        (NOTE, 1, 180, 4 << 20, true),
        (media_type::DSSE, 1, 1_400, (32 << 20) + 1, true),
    ] {
        let told = format!("{kind} {subjects} {layers} {size}");
        match attached(kind, subjects, layers, size) {
            Ok(_) => assert!(accepted, "{told}"),
            Err(CatalogueError::Limit(_)) => assert!(!accepted, "{told}"),
            Err(other) => panic!("{told}: {other}"),
        }
    }
}

#[test]
fn many_manifests_of_one_attachment_name_each_other() {
    // All but the last name the last: each is looked for among all of them.
    let attached = |inside: bool| {
        let mut builder = Builder::new();
        let image = builder.simple_image("amd64", "an image");
        builder.add_image("quay.io/org/app:1", &image, &[]);
        let last = builder.referrer(&image, "the last");
        let outside = Descriptor::of(media_type::OCI_MANIFEST, b"somebody else's");
        let mut listed: Vec<Descriptor> = (0..200)
            .map(|number| match number {
                150 if !inside => builder.referrer(&outside, "stray"),
                _ => builder.referrer(&last, &number.to_string()),
            })
            .collect();
        listed.push(last);
        let index = builder.index_of(&listed);
        builder.attach(0, image.digest, &index, tag_of(&image.digest, "att"));
        read(&builder)
    };
    assert!(attached(true).is_ok());
    assert!(matches!(attached(false), Err(CatalogueError::Attachment { .. })));
}

#[test]
fn an_attachment_of_an_attachment_comes_after_it() {
    let mut world = world();
    let note = world.builder.referrer(&world.index.clone(), "first");
    let about_note = world.builder.referrer(&note, "second");
    // Listed the wrong way round.
    world.builder.attach(0, note.digest, &about_note, Found::Referrer);
    world.builder.attach(0, world.index.digest, &note, Found::Referrer);
    let catalogue = read(&world.builder).expect("consistent");
    let subjects: Vec<Digest> =
        catalogue.images()[0].attachments().iter().map(|a| a.subject).collect();
    assert_eq!(subjects.last(), Some(&note.digest));
}

#[test]
fn an_attachment_has_only_the_names_of_its_subject() {
    let retag = |tag: &dyn Fn(&World) -> String| {
        refusal(|world| {
            let tag = tag(world);
            world.builder.images[0].attachments[0].found = Found::Tag(tag);
        })
    };
    for ending in ["sig", "att", "sbom"] {
        let found = retag(&|w: &World| format!("sha256-{}.{ending}", w.index.digest.hex()));
        assert_eq!(found, "accepted");
    }
    let other = Digest::of(b"other").hex();
    let hostile: [&dyn Fn(&World) -> String; 6] = [
        &|_| "latest".into(),
        &|_| "1".into(),
        &|w| format!("sha256-{}", w.index.digest.hex()),
        &|w| format!("sha256-{}.exe", w.index.digest.hex()),
        &|w| format!("sha256-{}.sig", w.children[0].digest.hex()),
        &|_| format!("sha256-{other}.sig"),
    ];
    for tag in hostile {
        let found = retag(tag);
        assert!(found.contains("is not one of its subject's"), "{found}");
    }
}

#[test]
fn an_attachment_belongs_to_its_image() {
    let stray = "does not belong to this image";
    let other = Digest::of(b"elsewhere");
    let found = refusal(|w| {
        w.builder.images[0].attachments[0].subject = other;
        w.builder.images[0].attachments[0].found = tag_of(&other, "sig");
    });
    assert!(found.contains(stray), "{found}");
    // A circle: two attachments that are each other's subject.
    let found = refusal(|w| {
        let [first, second, ..] = &mut w.builder.images[0].attachments[..] else { panic!("two") };
        (first.subject, second.subject) = (second.digest, first.digest);
        first.found = tag_of(&first.subject, "sig");
        second.found = tag_of(&second.subject, "sig");
    });
    assert!(found.contains(stray), "{found}");
    let found = refusal(|w| {
        let again = w.builder.images[0].attachments[0].clone();
        w.builder.images[0].attachments.push(again);
    });
    assert!(found.contains("listed twice"), "{found}");
    // The note names the index.
    let found = refusal(|w| w.builder.images[0].attachments[2].subject = w.children[0].digest);
    assert!(found.contains("does not name the subject"), "{found}");
    let found = refusal(|w| w.builder.images[0].attachments[0].found = Found::Referrer);
    assert!(found.contains("does not name the subject"), "{found}");
    let found = refusal(|w| {
        let (child, index) = (w.children[0].clone(), w.index.clone());
        let note = w.builder.referrer(&child, "about the child");
        w.builder.attach(0, index.digest, &note, tag_of(&index.digest, "att"));
    });
    assert!(found.contains("does not name the subject"), "{found}");
}

#[test]
fn what_lies_below_an_attachment_attaches_to_nothing_outside() {
    let with_note_about = |subject: &dyn Fn(&World) -> Descriptor| {
        refusal(|w| {
            let (subject, index) = (subject(w), w.index.clone());
            let below = w.builder.referrer(&subject, "below");
            let list = w.builder.index_of(&[below]);
            w.builder.attach(0, index.digest, &list, tag_of(&index.digest, "att"));
        })
    };
    assert_eq!(with_note_about(&|w| w.index.clone()), "accepted");
    let outside = Descriptor::of(media_type::OCI_MANIFEST, b"somebody else's image");
    let found = with_note_about(&|_| outside.clone());
    assert!(found.contains("does not name the subject"), "{found}");
}

#[test]
fn one_tag_of_a_repository_names_one_attachment() {
    let found = refusal(|w| {
        let (index, source) = (w.index.clone(), w.builder.images[0].source.clone());
        let second = w.builder.signature(&source, &index, &Signer::p256());
        w.builder.attach(0, index.digest, &second, tag_of(&index.digest, "sig"));
    });
    assert!(found.contains("is also the one of"), "{found}");
}
