//! Reading, merging and writing below a scratch root. What real tools do with the files is in the integration tests.

use super::*;
use crate::containers::policy::{EnforcedRepository, PolicyLevel, Rejected};
use crate::containers::registries_conf::{MirrorTransport, Mirrored, Upstream};
#[cfg(target_os = "linux")]
use crate::keys::tests::obstacles::Mount;
use bundle_trust::policy::KeySource;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const POLICY: &str = "etc/containers/policy.json";
const ACCEPT: &str = "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n";

/// A root with a policy.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().expect("a directory"));
        scene.write(POLICY, ACCEPT);
        scene
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let place = self.place(name);
        fs::create_dir_all(place.parent().expect("a parent")).expect("parents");
        fs::write(place, content).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.place(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn root(&self) -> HostRoot {
        HostRoot::under(self.0.path()).expect("a root")
    }

    fn plan(&self, repositories: &[&str]) -> Result<ConfigPlan, ConfigError> {
        plan_config(self.root(), Destination::InPlace, request(repositories))
    }

    /// Every file below the root but the lock, with its content.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = walkdir::WalkDir::new(self.0.path()).sort_by_file_name().into_iter();
        let files = entries
            .map(|entry| entry.expect("an entry"))
            .filter(|entry| !entry.file_type().is_dir() && entry.file_name() != ".lock");
        files
            .map(|entry| {
                let name = entry.path().strip_prefix(self.0.path()).expect("below the root");
                (name.display().to_string(), fs::read(entry.path()).unwrap_or_default())
            })
            .collect()
    }
}

fn request(repositories: &[&str]) -> HostConfig {
    let names = || repositories.iter().map(|name| name.parse().expect("a repository"));
    let mirror = |source: &bundle_oci::Repository| {
        format!("mirror.example/{}", source.path()).parse().expect("a repository")
    };
    HostConfig {
        policy: PolicyRequest {
            enforced: names()
                .map(|repository| EnforcedRepository {
                    repository,
                    keys: vec![KeySource::Path("/etc/pki/sigstore/acme.pub".into())],
                    log_keys: Vec::new(),
                })
                .collect(),
            unenforced: Vec::new(),
            unserved: Default::default(),
            open: Default::default(),
            level: PolicyLevel::default(),
            rejected: Rejected::StaysRejected,
        },
        mirrors: MirrorRequest {
            withheld: Vec::new(),
            mirrored: names().map(|source| Mirrored { mirror: mirror(&source), source }).collect(),
            upstream: Upstream::AsItWas,
            transport: MirrorTransport::Tls,
        },
        ca: None,
        level: LevelSource::Request,
        signed: BTreeMap::new(),
    }
}

fn texts(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn files_are_written_with_a_backup_and_once() {
    let scene = Scene::new();
    let before = scene.files();
    let plan = scene.plan(&["quay.io/a"]).expect("a plan");
    assert_eq!(scene.files(), before, "planning changes nothing");
    let paths: Vec<_> = plan.decided().files.iter().map(PlannedFile::path).collect();
    let expected = ["registries.d/bundle.yaml", "policy.json", "registries.conf.d/bundle.conf"];
    assert_eq!(paths, expected.map(|name| Path::new("/etc/containers").join(name)));
    let done = plan.apply().expect("applied");
    let backup = done.files[1].backup().expect("a backup");
    let backup = scene.place(backup.strip_prefix("/").expect("absolute").to_str().expect("text"));
    assert_eq!(fs::read_to_string(&backup).expect("a backup"), ACCEPT);
    assert!(scene.read(POLICY).contains("quay.io/a"));
    for (name, _) in scene.files() {
        let mode = fs::metadata(scene.place(&name)).expect("metadata").mode() & 0o7777;
        assert_eq!(mode, 0o644, "{name}");
    }

    let after = scene.files();
    let again = scene.plan(&["quay.io/a"]).expect("a plan").apply().expect("applied");
    assert!(again.files.iter().all(|file| !file.changes_file()), "{again:?}");
    assert_eq!(scene.files(), after);

    // More is another backup; the first one is as it was.
    scene.plan(&["quay.io/b"]).expect("a plan").apply().expect("applied");
    assert_eq!(fs::read_to_string(&backup).expect("a backup"), ACCEPT);
    assert_eq!(scene.files().len(), after.len() + 1);
    // Back at the first content: its backup is there already.
    scene.write(POLICY, ACCEPT);
    scene.plan(&["quay.io/b"]).expect("a plan").apply().expect("applied");
    assert_eq!(scene.files().len(), after.len() + 1);
}

#[test]
fn a_rule_covers_nothing_that_another_file_has_served() {
    let entry = |name: &str, more: &str| {
        format!("[[registry]]\nprefix = \"{name}\"\nlocation = \"m.example/x\"\n{more}")
    };
    for (file, content, is_covering) in [
        ("registries.conf.d/site.conf", entry("quay.io/a/sub", ""), true),
        ("registries.conf.d/site.conf", entry("quay.io/a/sub/deeper", ""), true),
        ("registries.conf", entry("quay.io/a/sub", ""), true),
        ("registries.conf.d/site.conf", entry("quay.io/a/sub", "blocked = true\n"), false),
        ("registries.conf.d/site.conf", entry("quay.io/ab", ""), false),
        ("registries.conf.d/site.conf", entry("quay.io", ""), false),
    ] {
        let scene = Scene::new();
        scene.write(&format!("etc/containers/{file}"), &content);
        let done = scene.plan(&["quay.io/a"]).expect("a plan").apply().expect("applied");
        let codes: Vec<_> = done.files[1].left().iter().map(|left| left.code).collect();
        let expected = if is_covering { vec!["covers-another"] } else { Vec::new() };
        assert_eq!(codes, expected, "{file} {content}");
        assert_eq!(scene.read(POLICY) == ACCEPT, is_covering, "{file} {content}");
    }
}

#[test]
fn who_may_read_a_file_stays_as_it_was() {
    for wanted in [0o600, 0o640, 0o444, 0o644] {
        let scene = Scene::new();
        mode(&scene.place(POLICY), wanted);
        let done = scene.plan(&["quay.io/a"]).expect("a plan").apply().expect("applied");
        let backup = done.files[1].backup().expect("a backup");
        let backup =
            scene.place(backup.strip_prefix("/").expect("absolute").to_str().expect("text"));
        for file in [scene.place(POLICY), backup] {
            let metadata = fs::metadata(&file).expect("metadata");
            assert_eq!(metadata.mode() & 0o7777, wanted, "{}", file.display());
        }
        // What this program adds is for everybody.
        let own = fs::metadata(scene.place("etc/containers/registries.conf.d/bundle.conf"));
        assert_eq!(own.expect("metadata").mode() & 0o7777, 0o644);
    }
}

#[test]
fn a_host_without_files_gets_them() {
    let scene = Scene(tempfile::tempdir().expect("a directory"));
    let done = scene.plan(&["quay.io/a"]).expect("a plan").apply().expect("applied");
    assert!(done.files.iter().all(|file| file.changes_file() && !file.is_there()));
    assert_eq!(done.files[1].backup(), None);
    let policy: serde_json::Value = serde_json::from_str(&scene.read(POLICY)).expect("JSON");
    assert_eq!(policy["default"][0]["type"], "reject");
}

#[test]
fn what_changed_since_planning_counts() {
    let scene = Scene::new();
    let plan = scene.plan(&["quay.io/a"]).expect("a plan");
    let stricter = "{\"default\": [{\"type\": \"reject\"}]}";
    scene.write(POLICY, stricter);
    let done = plan.apply().expect("applied");
    assert_eq!(done.files[1].left()[0].code, "rejected");
    assert_eq!(scene.read(POLICY), stricter);

    let plan = scene.plan(&["quay.io/b"]).expect("a plan");
    scene.write(POLICY, "{");
    let before = scene.files();
    assert!(matches!(plan.apply(), Err(ConfigError::Policy(_))));
    assert_eq!(scene.files(), before, "nothing is written");
}

#[test]
fn whatever_stands_in_the_way_is_refused_and_nothing_changes() {
    type Obstacle = fn(&Scene);
    let obstacles: [(&str, Obstacle, &str); 10] = [
        ("a link", |s| replace_by_link(&s.place(POLICY)), "symbolic link"),
        (
            "a lock that is none",
            |s| fs::create_dir_all(s.place("etc/bundle/.lock")).expect("a directory"),
            "is a directory",
        ),
        ("exposed", |s| mode(&s.place(POLICY), 0o664), "written by others"),
        ("an exposed directory", |s| mode(&s.place("etc/containers"), 0o777), "written by others"),
        (
            "a linked directory",
            |s| symlink("/nowhere", s.place("etc/containers/registries.d")).expect("a link"),
            "symbolic link",
        ),
        ("a broken policy", |s| s.write(POLICY, "{\"default\": [{\"type\": \"nope\"}]}"), "nope"),
        (
            "an edited file",
            |s| s.write("etc/containers/registries.d/bundle.yaml", "# mine\n"),
            "changed by hand",
        ),
        (
            "a broken file beside ours",
            |s| s.write("etc/containers/registries.conf.d/site.conf", "x = ["),
            "site.conf",
        ),
        (
            "a hidden broken file",
            |s| s.write("etc/containers/registries.d/.site.yaml", "docker: ["),
            ".site.yaml",
        ),
        (
            "a file that is no text",
            |s| {
                fs::write(s.place("etc/containers/registries.conf"), b"\xff").expect("a file");
            },
            "UTF-8",
        ),
    ];
    for (what, obstacle, expected) in obstacles {
        let scene = Scene::new();
        obstacle(&scene);
        let before = scene.files();
        let Err(error) = scene.plan(&["quay.io/a"]) else { panic!("{what}: refused") };
        assert!(texts(&error).contains(expected), "{what}: {}", texts(&error));
        assert_eq!(scene.files(), before, "{what}");
    }
    Scene::new().plan(&["quay.io/a"]).expect("the twin");
}

fn replace_by_link(place: &Path) {
    fs::rename(place, place.with_file_name("elsewhere.json")).expect("renamed");
    symlink("elsewhere.json", place).expect("a link");
}

fn mode(place: &Path, mode: u32) {
    fs::set_permissions(place, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn taken_backup_name_stops_before_anything_is_written() {
    let scene = Scene::new();
    let plan = scene.plan(&["quay.io/a"]).expect("a plan");
    let backup = plan.decided().files[1].backup().expect("a backup");
    let backup = backup.file_name().expect("a name").to_str().expect("text").to_owned();
    for other in ["something else", &format!("{ACCEPT}longer")] {
        scene.write(&format!("etc/containers/{backup}"), other);
        let before = scene.files();
        assert!(matches!(scene.plan(&["quay.io/a"]), Err(ConfigError::Backup(_))));
        assert_eq!(scene.files(), before);
    }
    let before = scene.files();
    assert!(matches!(plan.apply(), Err(ConfigError::Backup(_))));
    assert_eq!(scene.files(), before);
}

#[test]
fn files_written_elsewhere_are_whole_and_the_host_stays() {
    let scene = Scene::new();
    let before = scene.files();
    for repositories in [&["quay.io/a"][..], &[]] {
        let other = Scene(tempfile::tempdir().expect("a directory"));
        let elsewhere = Destination::Elsewhere(other.root());
        let plan = plan_config(scene.root(), elsewhere, request(repositories)).expect("a plan");
        plan.apply().expect("applied");
        assert_eq!(scene.files(), before, "the host is as it was");
        let names: Vec<_> = other.files().into_iter().map(|(name, _)| name).collect();
        match repositories.is_empty() {
            true => assert_eq!(other.files(), before, "what does not change is there too"),
            false => assert_eq!(
                names,
                [
                    POLICY,
                    "etc/containers/registries.conf.d/bundle.conf",
                    "etc/containers/registries.d/bundle.yaml"
                ]
            ),
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let test = "a_full_disk_leaves_everything_as_it_was";
    let scratch = tempfile::tempdir().expect("a directory");
    let Some(_mount) = Mount::over(&scratch, test) else { return };
    let scene = Scene(scratch);
    scene.write(POLICY, ACCEPT);
    scene.plan(&["quay.io/a"]).expect("a plan").apply().expect("applied");
    // One page is left: enough for the first of the files, not for the others.
    let ballast = scene.place("ballast");
    let mut size = 64 << 10;
    while fs::write(&ballast, vec![0; size]).is_err() {
        size -= 4 << 10;
    }
    fs::write(&ballast, vec![0; size - (4 << 10)]).expect("ballast");
    let before = scene.files();
    let Err(error) = scene.plan(&["r.example/b"]).expect("a plan").apply() else {
        panic!("the disk is full")
    };
    assert!(texts(&error).contains("No space left"), "{}", texts(&error));
    assert_eq!(scene.files(), before);
    fs::remove_file(ballast).expect("room");
    scene.plan(&["r.example/b"]).expect("a plan").apply().expect("the twin");
}
