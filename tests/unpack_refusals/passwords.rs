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
