//! Running programs to their end.

use super::RUNTIME;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

/// Longer than any single command of the tests takes on a slow machine; a command that hangs fails its test.
const TIMEOUT: Duration = Duration::from_secs(180);

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit status; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Ran {
    /// The exit status must be `code`.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Standard error must hold each of these.
    #[track_caller]
    pub(crate) fn expect_error(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "stderr does not say {part:?}: {self}");
        }
        self
    }

    /// Standard output is one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// A program with a home of its own and an environment that holds nothing of the caller's but `PATH`.
pub(crate) struct Program {
    command: tokio::process::Command,
    time_limit: Duration,
    _home: TempDir,
}

impl Program {
    /// The product.
    pub(crate) fn bundle() -> Self {
        Self::new(Path::new(env!("CARGO_BIN_EXE_bundle")))
    }

    /// Any program.
    pub(crate) fn new(program: &Path) -> Self {
        let home = tempfile::tempdir().expect("home directory");
        let mut command = tokio::process::Command::new(program);
        command
            .env_clear()
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env("TMPDIR", home.path())
            .env("LC_ALL", "C.UTF-8")
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Self { command, time_limit: TIMEOUT, _home: home }
    }

    /// One more argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub(crate) fn args(mut self, arguments: &[impl AsRef<OsStr>]) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Waits longer than other commands take.
    pub(crate) fn time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Where it reads from.
    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// Where it writes to; what goes there is not in [`Ran`].
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Where it talks; what goes there is not in [`Ran`].
    pub(crate) fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ran {
        self.start().end()
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let _runtime = RUNTIME.enter();
        let child = self.command.spawn().expect("the program starts");
        // Ends of pipes that were given to the child are closed here with the command.
        Running {
            child,
            shown: format!("{:?}", self.command),
            time_limit: self.time_limit,
            _home: self._home,
        }
    }
}

/// A program that runs.
pub(crate) struct Running {
    child: tokio::process::Child,
    shown: String,
    time_limit: Duration,
    _home: TempDir,
}

impl Running {
    /// The most memory that it has had in RAM so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let id = self.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("peak");
        let kibibytes = peak.trim().strip_suffix(" kB").expect("unit");
        kibibytes.trim().parse::<u64>().expect("number") << 10
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Ends it where it stands, as kill -9 does; true when it was still at work.
    pub(crate) fn kill(mut self) -> bool {
        let _ = self.child.start_kill();
        let ended = RUNTIME.block_on(self.child.wait()).expect("it ends");
        ended.code().is_none()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ran {
        let output = RUNTIME.block_on(async {
            tokio::time::timeout(self.time_limit, self.child.wait_with_output())
                .await
                .unwrap_or_else(|_| panic!("no end after {:?}: {}", self.time_limit, self.shown))
                .expect("output")
        });
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the product with `arguments`.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    Program::bundle().args(arguments).run()
}
