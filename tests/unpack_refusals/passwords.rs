//! Somebody listens on this machine where the registry was, and wants its password.

use crate::harness::command::Program;
use crate::unpacking::Carried;
use base64::Engine as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const ANSWER: &[u8] =
    b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"registry\"\r\n\
content-length: 0\r\nconnection: close\r\n\r\n";
const PASSWORD: &str = "pusher:S3cret";

/// Wants a password of whoever speaks HTTP, and remembers what it was sent.
struct Thief {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Thief {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut piece = [0; 8192];
                let length = stream.read(&mut piece).unwrap_or(0);
                kept.lock().expect("heard").extend_from_slice(&piece[..length]);
                drop(stream.write_all(ANSWER));
            }
        });
        Self { port, heard }
    }

    #[track_caller]
    fn expect_nothing(&self) {
        let heard = String::from_utf8_lossy(&self.heard.lock().expect("heard")).to_lowercase();
        assert!(!heard.contains("authorization") && !heard.contains(" /v2/"), "{heard}");
    }
}

fn auths(key: &str) -> String {
    let auth = base64::engine::general_purpose::STANDARD.encode(PASSWORD);
    serde_json::json!({"auths": {key: {"auth": auth}}}).to_string()
}

#[test]
fn a_password_goes_to_nobody_who_listens_in_its_place() {
    let carried = Carried::new();
    let scratch = TempDir::new().expect("directory");
    let write = |name: &str, content: &str| {
        let place = scratch.path().join(name);
        std::fs::create_dir_all(place.parent().expect("parent")).expect("directories");
        std::fs::write(&place, content).expect("file");
        place
    };
    let archive = carried.side.file();
    let unpack = |target: &str| {
        let to = ["unpack", "-q", "--to", target, "--key", &carried.key, "--root"];
        Program::bundle().args(&to).arg(scratch.path()).arg(&archive)
    };
    let pack = |source: &str| {
        let image = format!("{source}/team/app:1");
        Program::bundle().args(&["pack", "-q", &image, "-o"]).arg(scratch.path().join("out"))
    };
    for host in ["127.0.0.1", "localhost"] {
        let thief = Thief::start();
        let target = format!("{host}:{}", thief.port);
        let file = write("auth.json", &auths(&target));
        let namespace = write("namespace.json", &auths(&format!("{target}/team")));
        write("home/.docker/config.json", &auths(&target));
        let home = scratch.path().join("home");
        let all: [&dyn Fn(Program) -> Program; 4] = [
            &|run| run.arg("--authfile").arg(&file),
            &|run| run.arg("--authfile").arg(&namespace),
            &|run| run.env("REGISTRY_AUTH_FILE", &file),
            &|run| run.env("HOME", &home),
        ];
        for credentials in all {
            for run in [unpack(&target), pack(&target)] {
                let ran = credentials(run).run().expect_code(5);
                ran.expect_error(&["does not speak TLS", "hint: ", "--tls-verify=false"]);
            }
        }
        thief.expect_nothing();
    }
    assert!(!Path::new(&scratch.path().join("out")).exists());
}

/// Repeats in an error what it was sent, as a gateway may.
struct Mirror(u16);

impl Mirror {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("address").port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut piece = [0; 8192];
                let length = stream.read(&mut piece).unwrap_or(0);
                let asked = String::from_utf8_lossy(&piece[..length]).into_owned();
                let header = |line: &&str| line.to_lowercase().starts_with("authorization:");
                let answer = match asked.lines().find(header) {
                    None => String::from_utf8_lossy(ANSWER).into_owned(),
                    Some(header) => {
                        let message = format!("you sent {header}, which is {PASSWORD}");
                        let error = serde_json::json!({"code": "DENIED", "message": message});
                        let body = serde_json::json!({"errors": [error]}).to_string();
                        let length = body.len();
                        format!(
                            "HTTP/1.1 400 Bad Request\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                        )
                    }
                };
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self(port)
    }
}

#[test]
fn a_password_that_a_registry_repeats_is_not_printed() {
    let scratch = TempDir::new().expect("directory");
    let mirror = Mirror::start();
    let host = format!("127.0.0.1:{}", mirror.0);
    let authfile = scratch.path().join("auth.json");
    std::fs::write(&authfile, auths(&host)).expect("file");
    let encoded = base64::engine::general_purpose::STANDARD.encode(PASSWORD);
    let expect_hidden = |arguments: &[&str], words: &str| {
        let ran = Program::bundle()
            .args(&["pack", "--tls-verify=false", "-o"])
            .arg(scratch.path().join("out"))
            .arg("--authfile")
            .arg(&authfile)
            .args(arguments)
            .run();
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert!(printed.contains(words), "{arguments:?}: {ran}");
        for secret in ["S3cret", &encoded] {
            assert!(!printed.contains(secret), "{arguments:?}: {ran}");
        }
    };
    let source = format!("{host}/team/app:1");
    expect_hidden(&[&source], "(secret)");
    expect_hidden(&[&source, "--signatures", "none", "--json"], "(secret)");
    expect_hidden(&[&source, &format!("{host}/team/b:1"), "--keep-going", "--json"], "(secret)");
    for scheme in ["", "https://", "docker://"] {
        expect_hidden(&[&format!("{scheme}{PASSWORD}@{host}/team/app:1")], "(secret)");
    }
}
