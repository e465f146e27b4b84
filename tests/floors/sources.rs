//! The product's source, without its tests.

use std::fs;
use std::path::Path;

/// Tests of a folder read test data and start servers; what the folder promises of itself does not bind them.
fn is_test(path: &Path) -> bool {
    path.components().skip(1).any(|part| {
        ["tests", "tests.rs", "testing", "testing.rs"].iter().any(|name| part.as_os_str() == *name)
    })
}

/// A file of the product's code.
pub(super) struct Source {
    pub(super) floor: String,
    /// From the top of the repository.
    pub(super) path: String,
    pub(super) text: String,
}

/// Files of `src/` and of `crates/*/src/`, without tests.
pub(super) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![(None, root.join("src"))];
    for entry in fs::read_dir(root.join("crates")).expect("crates") {
        let name = entry.expect("entry").file_name().into_string().expect("a name");
        if name != "testing" {
            folders.push((Some(name.clone()), root.join("crates").join(name).join("src")));
        }
    }
    let mut sources = Vec::new();
    for (name, folder) in folders {
        for entry in walkdir::WalkDir::new(&folder).sort_by_file_name() {
            let entry = entry.expect("entry");
            let path = entry.path().strip_prefix(&folder).expect("below the folder");
            let is_source = path.extension().is_some_and(|ending| ending == "rs");
            if !is_source || is_test(&Path::new("src").join(path)) {
                continue;
            }
            let below = entry.path().strip_prefix(root).expect("in the repository");
            sources.push(Source {
                floor: name.clone().unwrap_or_else(|| top_of(path)),
                path: below.to_string_lossy().into_owned(),
                text: fs::read_to_string(entry.path()).expect("source"),
            });
        }
    }
    sources
}

fn top_of(path: &Path) -> String {
    let first = path.components().next().expect("a component").as_os_str();
    let first = first.to_string_lossy();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}
