//! Third-party vectors, which are not part of this repository: `$BUNDLE_VECTORS`, else `../shared/vectors`. There,
//! `EXPECTATIONS.tsv` has a row for each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = "EXPECTATIONS.tsv";

/// The folder of the vectors. Where there is none, that is said, and whatever needs it is left out.
pub(crate) fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("BUNDLE_VECTORS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let folder = given.unwrap_or(beside);
    let found = folder.join(TABLE).is_file();
    if !found {
        println!("left out: there are no third-party vectors; BUNDLE_VECTORS names their folder");
    }
    found.then_some(folder)
}

pub(crate) fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What a row expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Accept,
    Refuse,
    /// The row refers to somebody else's test.
    Unstated,
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) form: String,
    pub(crate) path: PathBuf,
    /// The key or the root, or several with ` + ` between them, as the table has them.
    pub(crate) trusted: String,
    pub(crate) expected: Expected,
}

/// The whole table.
pub(crate) fn rows(folder: &Path) -> Vec<Row> {
    let table = String::from_utf8(read(&folder.join(TABLE))).expect("text");
    table.lines().skip(1).map(|line| Row::parse(folder, line)).collect()
}

impl Row {
    fn parse(folder: &Path, line: &str) -> Self {
        let columns: Vec<&str> = line.split('\t').collect();
        let [id, form, path, trusted, expected, _note] = columns[..] else {
            panic!("a row has six columns: {line}");
        };
        let expected = match expected.split(' ').next() {
            Some("ACCEPT") => Expected::Accept,
            Some("REFUSE") => Expected::Refuse,
            _ => Expected::Unstated,
        };
        Self {
            id: id.into(),
            form: form.into(),
            path: folder.join(path),
            trusted: trusted.into(),
            expected,
        }
    }
}

/// A signature as the directory transport of containers/image keeps it: a line, then JSON.
pub(crate) struct KeptSignature {
    pub(crate) media_type: String,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) payload: Vec<u8>,
}

impl KeptSignature {
    pub(crate) fn read(file: &Path) -> Self {
        let bytes = read(file);
        let start = bytes.iter().position(|byte| *byte == b'{').expect("JSON");
        let wire: Value = serde_json::from_slice(&bytes[start..]).expect("JSON");
        let text = |key: &str| wire[key].as_str().unwrap_or_default();
        Self {
            media_type: text("mimeType").into(),
            annotations: serde_json::from_value(wire["annotations"].clone()).expect("annotations"),
            payload: STANDARD.decode(text("payload")).expect("base64"),
        }
    }

    /// The signature's bytes.
    pub(crate) fn signature(&self) -> Vec<u8> {
        let text = self.annotations["dev.cosignproject.cosign/signature"].replace('\n', "");
        STANDARD.decode(text).expect("base64")
    }
}
