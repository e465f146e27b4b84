//! Layout directories that `cosign save` makes: without a name for the image, with the kind of each entry.

use super::Shelf;
use crate::harness::command::run;
use crate::harness::cosign::Cosign;
use crate::harness::images;
use crate::harness::scene::inspect;

#[test]
fn what_cosign_saves_is_packed_with_what_is_attached() {
    const TEST: &str = "what_cosign_saves_is_packed_with_what_is_attached";
    let Some(shelf) = Shelf::start(TEST) else { return };
    let Some(two) = Cosign::two(TEST) else { return };
    let three = Cosign::three(TEST);
    let key = two.generate("key");
    let single = shelf.image("single");
    let index = images::multi_platform("index");
    index.push(&shelf.side.registry, "index", Some("1"));
    for (repository, image) in [("single", &single), ("index", &index)] {
        two.sign(&key, &shelf.by_digest(repository, image), &[]);
        for (version, cosign) in [("2", Some(&two)), ("3", three.as_ref())] {
            let Some(cosign) = cosign else { continue };
            let saved = shelf.side.output(&format!("{repository}-{version}"));
            let directory = saved.to_str().expect("path");
            let name = shelf.by_tag(repository);
            cosign.command(&["save", "--dir", directory, &name]).run().expect_code(0);
            let file = shelf.side.output(&format!("{repository}-{version}.tar.zst"));
            let source = format!("oci:{directory}={name}");
            let (key, out) = (key.public(), file.to_str().expect("path"));
            run(&["pack", "-q", &source, "-o", out, "--key", key]).expect_code(0);
            let entry = &inspect(&file)["images"][0];
            assert_eq!(entry["digest"], image.digest().to_string());
            assert_eq!(entry["attachments"].as_array().map(Vec::len), Some(1), "{entry}");
        }
    }
}
