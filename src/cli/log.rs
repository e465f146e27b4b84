//! What the client of registries does, request by request: `-vv`, or `RUST_LOG` as env_logger reads it.
//!
//! Only this program's own events are written, whatever `RUST_LOG` says: those of libraries may hold credentials.

use super::standard_error::tell_line;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter, time};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// How the names of this program's crates begin.
const OWN: &str = "bundle";

static IS_ON: AtomicBool = AtomicBool::new(false);

/// True when lines of the log come between those of progress.
pub(super) fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Starts the log, if somebody wants it: `verbose` counts `-v`.
pub(super) fn start(verbose: u8) {
    let wanted = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let directives = match (wanted, verbose) {
        (Some(text), _) => text,
        (None, 0) => return,
        (None, 1) => format!("{OWN}=info"),
        (None, _) => format!("{OWN}=debug"),
    };
    let filter = match EnvFilter::try_new(&directives) {
        Ok(filter) => filter,
        Err(error) => {
            let why = super::text::line(&error.to_string());
            return tell_line(format_args!("warning: RUST_LOG is not used: {why}"));
        }
    };
    IS_ON.store(true, Ordering::Relaxed);
    let lines = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_timer(time::uptime())
        .with_writer(Lines)
        .with_filter(filter_fn(|of| of.target().starts_with(OWN)));
    // Where another one was started before, that one goes on.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

/// Writes each event as a line on standard error, without secrets and safe for a terminal.
struct Lines;

impl MakeWriter<'_> for Lines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line
    }
}

/// One event.
struct Line;

impl io::Write for Line {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        tell_line(format_args!("{}", super::text::safe(text.trim_end())));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
