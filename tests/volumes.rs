//! Bundles in volumes, end to end: between real registries, over ordinary tools, and every trouble that media make.

mod media;
mod reading;
mod troubles;
mod writing;

use crate::harness::command::{Program, Ran};
use crate::harness::images;
use crate::harness::scene::{Connected, names};
use crate::harness::signer::Signer;
use std::fs;
use std::path::{Path, PathBuf};

/// Smallest size of a volume.
pub(crate) const MIB: &str = "1MiB";

/// A signed image with layers that are compressed already, and one with a layer that is not, packed in volumes.
pub(crate) struct Cut {
    pub(crate) side: Connected,
    pub(crate) key: String,
    /// Where the volumes lie.
    pub(crate) volumes: Vec<PathBuf>,
}

pub(crate) const REPOSITORIES: [&str; 2] = ["team/app", "team/plain"];

impl Cut {
    /// From the product's own registry, in volumes of 1 MiB.
    pub(crate) fn new() -> Self {
        Self::from(Connected::start(), MIB)
    }

    /// From any registry.
    pub(crate) fn from(side: Connected, size: &str) -> Self {
        let (side, key) = Self::filled(side);
        let mut cut = Self { side, key, volumes: Vec::new() };
        cut.pack(&["--volume-size", size]).expect_code(0);
        cut.volumes = cut.volumes();
        assert!(cut.volumes.len() > 1, "{:?}", cut.volumes);
        cut
    }

    fn filled(side: Connected) -> (Connected, String) {
        let signer = Signer::p256();
        let key = side.key("release.pub", &signer);
        let large = images::image("large", "linux/amd64", &[1_700_000, 40, 900_000]);
        large.push(&side.registry, REPOSITORIES[0], Some("1"));
        side.sign(REPOSITORIES[0], &large.digest(), &signer);
        // Numbers in text: they compress, but not to nothing.
        let text: String = (0..400_000_u32).map(|n| format!("{}\n", n.wrapping_mul(n))).collect();
        let layer = images::Content::new("application/vnd.oci.image.layer.v1.tar", text);
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.digest()]},
        });
        let config = images::Content::new(images::CONFIG, config.to_string());
        let plain = images::manifest(config, vec![layer], serde_json::json!({}));
        plain.push(&side.registry, REPOSITORIES[1], Some("1"));
        side.sign(REPOSITORIES[1], &plain.digest(), &signer);
        (side, key)
    }

    /// Packs again, under the same name.
    pub(crate) fn pack(&self, arguments: &[&str]) -> Ran {
        let arguments = [&["--key", &self.key], arguments].concat();
        self.side.pack(
            &REPOSITORIES.map(|name| format!("{name}:1")).each_ref().map(String::as_str),
            &arguments,
        )
    }

    /// The volumes that lie there now.
    pub(crate) fn volumes(&self) -> Vec<PathBuf> {
        let is_volume = |name: &String| {
            name.rsplit_once('.').is_some_and(|(_, n)| n.len() == 3 && n.parse::<u16>().is_ok())
        };
        self.side
            .left()
            .iter()
            .filter(|n| is_volume(n))
            .map(|name| self.side.output(name))
            .collect()
    }

    /// All volumes as one.
    pub(crate) fn joined(&self) -> Vec<u8> {
        self.volumes.iter().flat_map(|path| fs::read(path).expect("volume")).collect()
    }

    /// Name of volume `number`, counted from 1.
    pub(crate) fn name(&self, number: usize) -> String {
        format!("{}.{number:03}", crate::harness::scene::FILE)
    }
}

/// Runs a command on files.
pub(crate) fn on(command: &str, files: &[PathBuf], arguments: &[&str]) -> Ran {
    Program::bundle().arg(command).args(files).args(arguments).run()
}

/// Moves every file of a folder whose name is accepted into a new folder.
pub(crate) fn move_to_other_folder(files: &[PathBuf]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("folder");
    let moved = files.iter().map(|file| {
        let target = folder.path().join(file.file_name().expect("name"));
        fs::copy(file, &target).expect("copied");
        fs::remove_file(file).expect("removed");
        target
    });
    let moved = moved.collect();
    (folder, moved)
}

/// What lies in a folder.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    names(folder)
}
