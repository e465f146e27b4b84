//! GPG signatures: each lie with the truth beside it.

use super::*;

/// Adds a sound GPG signature to the world's index.
fn gpg(world: &mut World) {
    world.builder.gpg(0, world.index.digest, b"\x90signature");
}

#[test]
fn gpg_signatures_of_the_image_are_listed_with_their_blobs() {
    let mut world = world();
    gpg(&mut world);
    world.builder.gpg(0, world.children[1].digest, b"\x90another");
    let catalogue = read(&world.builder).expect("consistent");
    let [first, second] = catalogue.images()[0].signatures() else { panic!("two signatures") };
    assert_eq!((first.subject, second.subject), (world.index.digest, world.children[1].digest));
    assert_eq!((first.name.subject(), first.blob.size), (first.subject, 10));
    assert_eq!(second.blob.digest, Digest::of(b"\x90another"));
}

#[test]
fn lies_about_gpg_signatures_are_refused() {
    let cases: [(&str, Change); 6] = [
        ("accepted", Box::new(|_| {})),
        (
            "does not belong to this image",
            Box::new(|w| {
                // An attachment is no part of the image that container tools verify.
                let attached = w.builder.images[0].attachments[0].digest;
                w.builder.gpg(0, attached, b"\x90other");
            }),
        ),
        (
            "which is not in the bundle",
            Box::new(|w| {
                let digest = w.builder.images[0].atomic_signatures[0].digest;
                w.builder.forget(&digest);
            }),
        ),
        (
            "not the size of a signature",
            Box::new(|w| {
                let content = vec![0x90; (4 << 20) + 1];
                w.builder.gpg(0, w.index.digest, &content);
            }),
        ),
        ("not the size of a signature", Box::new(|w| drop(w.builder.gpg(0, w.index.digest, b"")))),
        (
            "not lie in the trust section",
            Box::new(|w| {
                let layer = w.builder.blob(LAYER, "amd64's");
                w.builder.images[0].atomic_signatures[0].digest = layer.digest;
                w.builder.forget(&Digest::of(b"\x90signature"));
            }),
        ),
    ];
    for (expected, change) in cases {
        let said = refusal(|world| {
            gpg(world);
            change(world);
        });
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn one_name_in_a_repository_is_one_gpg_signature() {
    let with_second = |source: &'static str| {
        refusal(move |w| {
            gpg(w);
            w.builder.add_image(source, &w.index, &w.children);
            w.builder.gpg(1, w.index.digest, b"\x90another");
            let name = w.builder.images[0].atomic_signatures[0].name.clone();
            w.builder.images[1].atomic_signatures[0].name = name;
        })
    };
    let said = with_second("quay.io/org/app:2");
    assert!(said.contains("is also the one of"), "{said}");
    assert_eq!(with_second("quay.io/org/other:2"), "accepted");
}
