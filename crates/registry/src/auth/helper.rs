//! Credential helpers: programs named `docker-credential-NAME` that speak docker's helper protocol.

use super::secret::{Credentials, Secret};
use bundle_oci::json::{self, Bounds};
use bundle_oci::text::bounded_to;
use bundle_ownership::{find_program, search_path};
use serde::Deserialize;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

/// A helper may talk to a key ring or a cloud; one that takes longer is stuck.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest answer read; tokens have a few KiB.
const MAX_ANSWER: u64 = 1 << 20;
/// What such an answer holds: three members by the protocol.
const BOUNDS: Bounds = Bounds::values(100);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper for the credentials of `server`. The error says what failed, without any content of the answer.
pub(super) async fn get(name: &str, server: &str) -> Result<Option<Credentials>, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err("the name of the credential helper is not valid".into());
    }
    let program = format!("docker-credential-{}", bounded_to(name, 100));
    let found = match find_program(&program) {
        Ok(Some(found)) => found,
        Ok(None) => return Err(format!("{program} could not be started: it is not on the PATH")),
        Err(distrust) => return Err(format!("{program} is not run: {distrust}")),
    };
    let asking = ask(&found, server);
    match tokio::time::timeout(TIMEOUT, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("{program} did not answer in time")),
    }
}

async fn ask(path: &Path, server: &str) -> Result<Option<Credentials>, String> {
    let program = path.display();
    let failed = |what: &str, error: std::io::Error| format!("{program} {what}: {error}");
    let mut helper = Command::new(path)
        .env("PATH", search_path())
        // A password of another thing.
        .env_remove("COSIGN_PASSWORD")
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed("could not be started", e))?;
    if let Some(mut input) = helper.stdin.take() {
        // A helper that does not read what it is asked answers all the same, or fails by its status.
        drop(input.write_all(server.as_bytes()).await);
    }
    let mut output = Vec::new();
    if let Some(stdout) = helper.stdout.take() {
        let mut limited = stdout.take(MAX_ANSWER);
        limited.read_to_end(&mut output).await.map_err(|e| failed("could not be read", e))?;
    }
    let status = helper.wait().await.map_err(|e| failed("was lost", e))?;
    read(&output, status.success()).ok_or_else(|| format!("{program} failed ({status})"))?
}

/// Reads an answer: `None` when the helper failed, otherwise what it knows.
fn read(output: &[u8], success: bool) -> Option<Result<Option<Credentials>, String>> {
    if !success {
        // The protocol's way to say "none": this text on standard output, and status 1.
        let text = String::from_utf8_lossy(output);
        return text.contains("credentials not found").then_some(Ok(None));
    }
    let Ok(answer) = json::read::<Answer>(output, BOUNDS) else {
        return Some(Err("the credential helper gave no valid answer".into()));
    };
    let secret = Secret::new(answer.secret);
    Some(Ok(Some(match answer.username.as_str() {
        "<token>" => Credentials::Identity(secret),
        _ => Credentials::Password { user: answer.username, password: secret },
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_password_a_token_or_none() {
        let password = br#"{"ServerURL":"h","Username":"u","Secret":"p"}"#;
        assert_eq!(
            read(password, true),
            Some(Ok(Some(Credentials::Password { user: "u".into(), password: Secret::new("p") })))
        );
        let token = br#"{"ServerURL":"h","Username":"<token>","Secret":"p"}"#;
        assert_eq!(read(token, true), Some(Ok(Some(Credentials::Identity(Secret::new("p"))))));
        let none = b"credentials not found in native keychain\n";
        assert_eq!(read(none, false), Some(Ok(None)));
        assert_eq!(read(b"no such key ring", false), None);
        assert!(matches!(read(b"{}", true), Some(Err(_))));
    }

    /// Runs a helper that is this shell script. Another test that starts a process at the wrong moment holds the
    /// fresh file open, so it is tried until it runs.
    async fn run(script: &str) -> Result<Option<Credentials>, String> {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("docker-credential-test");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("made executable");
        loop {
            match ask(&path, "registry.example").await {
                Err(busy) if busy.contains("Text file busy") => tokio::task::yield_now().await,
                other => return other,
            }
        }
    }

    #[tokio::test]
    async fn helper_is_believed_only_when_it_succeeds() {
        let answer = r#"read -r server; echo "{\"Username\":\"$1\",\"Secret\":\"$server\"}""#;
        let password = Secret::new("registry.example");
        let user = "get".to_owned();
        let found = Some(Credentials::Password { user, password });
        assert_eq!(run(answer).await, Ok(found));
        let none = "echo credentials not found in native keychain; exit 1";
        assert_eq!(run(none).await, Ok(None));
        for script in [&format!("{answer}; exit 1"), "exit 0", "echo s3cret", "kill -9 $$"] {
            let error = run(script).await.expect_err(script);
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_helper_is_never_a_path() {
        for name in ["", "../x", "a/b", "a b", "x;y"] {
            let error = get(name, "h").await.expect_err(name);
            assert!(error.contains("not valid"), "{error}");
        }
        let error = get("does-not-exist-here", "h").await.expect_err("absent");
        assert!(error.contains("could not be started"), "{error}");
    }
}
