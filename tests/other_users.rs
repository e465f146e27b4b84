//! Root beside other users: what is theirs is neither read as configuration, nor run, nor written into.

use crate::harness::command::{Program, Ran};
use crate::harness::nobody::{NOBODY, Nobody, is_root};
use crate::harness::scene::Enclave;
use crate::unpacking::Carried;
use base64::Engine as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A directory with files of root's, some of which are given away.
struct Scratch(TempDir);

impl Scratch {
    /// `None` where this user cannot give files away; `test` is then named as left out.
    fn start(test: &str) -> Option<Self> {
        if !is_root() {
            println!("left out: {test} needs root");
            return None;
        }
        let scratch = Self(tempfile::tempdir().expect("directory"));
        scratch.mode("", 0o755);
        Some(scratch)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.at(name).to_str().expect("text").to_owned()
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).expect("mode");
    }

    fn make(&self, name: &str) {
        fs::create_dir_all(self.at(name)).expect("directory");
        self.mode(name, 0o755);
    }

    fn write(&self, name: &str, content: &str, mode: u32) {
        let place = self.at(name);
        fs::create_dir_all(place.parent().expect("parent")).expect("directories");
        fs::write(&place, content).expect("file");
        self.mode(name, mode);
    }

    fn give(&self, name: &str, user: u32) {
        chown(self.at(name), Some(user), Some(user)).expect("owner");
    }

    /// A program that leaves its `HOME` in `ran`, and answers as a credential helper.
    fn program(&self, name: &str) {
        let answer = r#"{"Username":"user","Secret":"s3cret"}"#;
        let ran = self.at("ran");
        let text = format!("#!/bin/sh\necho \"$HOME\" > '{}'\necho '{answer}'\n", ran.display());
        self.write(name, &text, 0o755);
    }

    /// What the program left, if it ran.
    fn ran(&self) -> Option<String> {
        let left = fs::read_to_string(self.at("ran")).ok();
        drop(fs::remove_file(self.at("ran")));
        left
    }
}

/// A registry that wants a password and is content with any.
struct Locked {
    address: String,
    heard: Arc<Mutex<String>>,
}

impl Locked {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("address").to_string();
        let heard = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut piece = [0; 8192];
                let length = stream.read(&mut piece).unwrap_or(0);
                let text = String::from_utf8_lossy(&piece[..length]).to_lowercase();
                let answer = match text.contains("authorization: basic") {
                    true => "404 Not Found\r\n",
                    false => "401 Unauthorized\r\nwww-authenticate: Basic realm=\"r\"\r\n",
                };
                kept.lock().expect("heard").push_str(&text);
                let rest = "content-length: 0\r\nconnection: close\r\n\r\n";
                drop(write!(stream, "HTTP/1.1 {answer}{rest}"));
            }
        });
        Self { address, heard }
    }

    /// Whether somebody showed a password since the last question.
    fn was_told(&self) -> bool {
        std::mem::take(&mut *self.heard.lock().expect("heard")).contains("authorization: basic")
    }

    fn auths(&self) -> String {
        let auth = base64::engine::general_purpose::STANDARD.encode("user:s3cret");
        serde_json::json!({"auths": {&self.address: {"auth": auth}}}).to_string()
    }

    fn pack(&self, scratch: &Scratch) -> Program {
        let image = format!("{}/team/app:1", self.address);
        let pack = ["pack", "-q", "--tls-verify=false", "--dry-run", &image, "-o"];
        Program::bundle().args(&pack).arg(scratch.at("out"))
    }
}

#[test]
fn no_credential_helper_of_another_user_is_run() {
    let Some(scratch) = Scratch::start("no_credential_helper_of_another_user_is_run") else {
        return;
    };
    let registry = Locked::start();
    let helpers = serde_json::json!({"credHelpers": {&registry.address: "test"}});
    scratch.write("auth.json", &helpers.to_string(), 0o600);
    scratch.program("bin/docker-credential-test");
    scratch.mode("bin", 0o755);
    let pack = || {
        let run = registry.pack(&scratch).arg("--authfile").arg(scratch.at("auth.json"));
        run.env("PATH", format!("{}:/usr/bin:/bin", scratch.text("bin"))).run()
    };
    pack().expect_code(5);
    assert!(scratch.ran().is_some() && registry.was_told(), "the twin");
    type Change<'c> = &'c dyn Fn();
    let changes: [(Change<'_>, Change<'_>); 4] = [
        (&|| scratch.give("bin/docker-credential-test", NOBODY), &|| {
            scratch.give("bin/docker-credential-test", 0);
        }),
        (&|| scratch.give("bin", NOBODY), &|| scratch.give("bin", 0)),
        (&|| scratch.mode("bin/docker-credential-test", 0o775), &|| {
            scratch.mode("bin/docker-credential-test", 0o755);
        }),
        (&|| scratch.mode("bin", 0o777), &|| scratch.mode("bin", 0o755)),
    ];
    for (change, back) in changes {
        change();
        pack().expect_code(2).expect_error(&["docker-credential-test is not run: "]);
        assert_eq!(scratch.ran(), None);
        back();
    }
    pack().expect_code(5);
    assert!(scratch.ran().is_some(), "the twin");
}

#[test]
fn root_reads_no_configuration_in_the_home_of_another_user() {
    let test = "root_reads_no_configuration_in_the_home_of_another_user";
    let (Some(scratch), Some(nobody)) = (Scratch::start(test), Nobody::start(test)) else {
        return;
    };
    let registry = Locked::start();
    scratch.write("home/.docker/config.json", &registry.auths(), 0o600);
    scratch.make("home/.config/containers/certs.d");
    scratch.make("home/.config/containers/registries.d");
    let pack = || registry.pack(&scratch).env("HOME", scratch.at("home"));
    pack().run().expect_code(5);
    assert!(registry.was_told(), "the home of root's own");
    for own in ["home", "home/.docker", "home/.docker/config.json"] {
        scratch.give(own, NOBODY);
        let file = scratch.text("home/.docker/config.json");
        let warned = [&format!("{file} does not count for root"), "owned by user 65534"];
        let ran = pack().run().expect_code(5).expect_error(&warned);
        ran.expect_error(&[&format!("hint: name it to have it read: --authfile {file}")]);
        assert!(!registry.was_told(), "{own}");
        // The operator's word.
        pack().arg("--authfile").arg(&file).run().expect_code(5);
        assert!(registry.was_told(), "{own}");
        scratch.give(own, 0);
    }
    scratch.give("home", NOBODY);
    let ran = pack().run().expect_code(5);
    ran.expect_error(&["certs.d does not count", "--cert-dir", "registries.d does not count"]);
    let variables = [("XDG_RUNTIME_DIR", "containers/auth.json"), ("DOCKER_CONFIG", "config.json")];
    for (variable, name) in variables {
        scratch.write(&format!("theirs/{name}"), &registry.auths(), 0o600);
        scratch.give("theirs", NOBODY);
        let run = registry.pack(&scratch).env(variable, scratch.at("theirs")).run();
        run.expect_code(5).expect_error(&["does not count for root", "--authfile"]);
        assert!(!registry.was_told(), "{variable}");
    }
    // Their own home is theirs.
    for name in ["home", "home/.docker", "home/.docker/config.json"] {
        scratch.give(name, NOBODY);
    }
    let image = format!("{}/team/app:1", registry.address);
    let pack = ["pack", "-q", "--tls-verify=false", "--dry-run", &image, "-o", "/nowhere/out"];
    let ran = nobody.bundle().env("HOME", scratch.at("home")).args(&pack).run();
    assert!(registry.was_told() && !ran.stderr.contains("does not count"), "{ran}");
}

/// An archive, an enclave for it, and what becomes of an unpack.
struct Unpack {
    carried: Carried,
    enclave: Enclave,
}

impl Unpack {
    fn new() -> Self {
        Self { carried: Carried::new(), enclave: Enclave::start() }
    }

    fn program(&self) -> Program {
        let to = ["unpack", "-q", "--to", self.enclave.address(), "--key", &self.carried.key];
        Program::bundle().args(&to).arg(self.carried.side.file())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.program().arg("--root").arg(self.enclave.root()).args(arguments).run()
    }
}

#[test]
fn root_writes_into_no_directory_of_another_user() {
    let Some(scratch) = Scratch::start("root_writes_into_no_directory_of_another_user") else {
        return;
    };
    let scene = Unpack::new();
    scratch.make("theirs/inner");
    scratch.make("open");
    scratch.make("own");
    scratch.give("theirs", NOBODY);
    scratch.mode("open", 0o777);
    symlink(scratch.at("own"), scratch.at("theirs/link")).expect("link");
    for place in ["theirs", "theirs/inner", "theirs/new", "theirs/link", "open"] {
        let directory = scratch.text(place);
        let emit = format!("openshift={directory}");
        for option in [["--emit", &emit], ["--config-dir", &directory]] {
            let ran = scene.run(&option);
            assert!(matches!(ran.code, Some(1 | 2)), "{option:?}: {ran}");
            let told = ["is owned by user 65534", "can be written by others than its owner"];
            assert!(told.iter().any(|words| ran.stderr.contains(words)), "{option:?}: {ran}");
        }
        if place != "theirs/new" {
            let ran = scene.program().args(&["--install-keys", "--root", &directory]).run();
            assert!(matches!(ran.code, Some(1 | 2)), "{place}: {ran}");
        }
    }
    assert_eq!(scene.enclave.tags(), [""; 0], "nothing is tagged");
    for (place, left) in [("theirs", 2), ("theirs/inner", 0), ("open", 0), ("own", 0)] {
        let count = fs::read_dir(scratch.at(place)).expect("a directory").count();
        assert_eq!(count, left, "{place}");
    }
    let own = scratch.text("own/new");
    scene.run(&["--config-dir", &own]).expect_code(0);
    let emit = format!("openshift={}", scratch.text("own/emitted"));
    scene.run(&["--emit", &emit]).expect_code(0);
}

#[test]
fn temporary_files_lie_where_nobody_else_can_change_them() {
    let test = "temporary_files_lie_where_nobody_else_can_change_them";
    let Some(scratch) = Scratch::start(test) else { return };
    let scene = Unpack::new();
    scratch.program("bin/skopeo");
    scratch.mode("bin", 0o755);
    for (place, owner, mode, is_used) in [
        ("own", 0, 0o700, true),
        ("shared", 0, 0o1777, true),
        ("theirs", NOBODY, 0o755, false),
        ("open", 0, 0o777, false),
    ] {
        scratch.make(place);
        scratch.mode(place, mode);
        scratch.give(place, owner);
        let review = scratch.text(&format!("review-{place}"));
        let run = scene.program().env("TMPDIR", scratch.at(place));
        let run = run.env("PATH", scratch.at("bin")).args(&["--config-dir", &review, "--root"]);
        run.arg(scene.enclave.root()).run().expect_code(0);
        let home = scratch.ran().expect("skopeo was asked");
        assert_eq!(home.starts_with(&scratch.text(place)), is_used, "{place}: {home}");
        assert_eq!(fs::read_dir(scratch.at(place)).expect("a directory").count(), 0, "{place}");
    }
    // And one of another user is not asked.
    scratch.give("bin", NOBODY);
    let review = scratch.text("review");
    let run = scene.program().env("PATH", scratch.at("bin")).args(&["--config-dir", &review]);
    let ran = run.arg("--root").arg(scene.enclave.root()).run().expect_code(0);
    assert!(ran.stdout.contains("it is not run: "), "{ran}");
    assert_eq!(scratch.ran(), None);
}

/// Everything below a directory that others may write to.
fn writable_by_others(directory: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(directory).into_iter().map(|entry| entry.expect("entry"));
    let others_write = |path: &PathBuf| {
        path.symlink_metadata().expect("metadata").permissions().mode() & 0o022 != 0
    };
    all.map(|entry| entry.path().to_owned()).filter(others_write).collect()
}

#[test]
fn no_umask_lets_others_write_to_what_is_made() {
    let carried = Carried::new();
    let scratch = tempfile::tempdir().expect("directory");
    let at = |name: &str| scratch.path().join(name).to_str().expect("text").to_owned();
    let unmasked = |arguments: &[&str]| {
        let shell = Program::new(Path::new("/bin/sh")).args(&["-c", "umask 0; exec \"$@\"", "sh"]);
        let shell = shell.arg(env!("CARGO_BIN_EXE_bundle")).args(arguments);
        shell.env("COSIGN_PASSWORD", "secret").run().expect_code(0);
    };
    let source = carried.side.source("team/app:1");
    let (archive, key) = (at("made/x.tar.zst"), carried.key.as_str());
    fs::create_dir(at("made")).expect("directory");
    fs::set_permissions(at("made"), fs::Permissions::from_mode(0o755)).expect("mode");
    unmasked(&["pack", "-q", &source, "-o", &archive, "--sha256"]);
    unmasked(&["unpack", "-q", "--key", key, "--to", &format!("oci:{}", at("made/a/b")), &archive]);
    let enclave = Enclave::start();
    let to = enclave.address();
    let configured = ["--config-dir", &at("made/c/d"), "--root", &at("made")];
    unmasked(&[&["unpack", "-q", "--key", key, "--to", to, &archive][..], &configured].concat());
    unmasked(&["keygen", "--output-key-prefix", &at("made/pair")]);
    assert_eq!(writable_by_others(&scratch.path().join("made")), Vec::<PathBuf>::new());
}
