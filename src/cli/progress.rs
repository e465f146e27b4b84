//! Progress on stderr: bars on a terminal, plain lines elsewhere.

use super::log;
use super::standard_error::tell;
use super::text::{safe, size};
use super::waiting::{Shown, Telling};
use bundle::oci::Digest;
use bundle::progress::{Progress, Silent, Waits};
use bundle::registry::secrets;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Blobs below this get no bar of their own: they are gone before it could be read.
const OWN_BAR: u64 = 8 << 20;
/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(8);

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Talk {
    /// Bars or lines.
    Progress,
    /// Nothing but errors.
    Quiet,
}

/// The right kind of progress for where stderr goes. What is waited for is progress too.
pub(super) fn progress(talk: Talk, waits: &Waits) -> Arc<dyn Progress> {
    let shown: Shown = match talk {
        Talk::Quiet => return Arc::new(Silent),
        Talk::Progress if std::io::stderr().is_terminal() && !log::is_on() => Box::new(Bars::new()),
        Talk::Progress => Box::new(Lines::default()),
    };
    Arc::new(Telling::start(shown, waits.clone()))
}

#[derive(Default)]
struct Lines {
    blobs: AtomicU64,
    bytes: AtomicU64,
    total: AtomicU64,
    started: Mutex<Option<(Instant, Instant)>>,
}

impl Progress for Lines {
    fn total(&self, blobs: u64, bytes: u64) {
        self.total.store(bytes, Ordering::Relaxed);
        let now = Instant::now();
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, now));
        tell!("transferring {blobs} blobs, {}", size(bytes));
    }

    fn started(&self, _: &Digest, _: u64) {}

    fn advanced(&self, _: &Digest, bytes: u64) {
        let done = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let Ok(mut times) = self.started.try_lock() else { return };
        if let Some((start, last)) = times.as_mut()
            && last.elapsed() >= LINE_EVERY
        {
            *last = Instant::now();
            let rate = done as f64 / start.elapsed().as_secs_f64();
            let total = self.total.load(Ordering::Relaxed);
            let left = Duration::from_secs_f64((total.saturating_sub(done)) as f64 / rate.max(1.0));
            let blobs = self.blobs.load(Ordering::Relaxed);
            tell!(
                "{} of {}, {blobs} blobs done, {}/s, {} s left",
                size(done),
                size(total),
                size(rate as u64),
                left.as_secs()
            );
        }
    }

    fn finished(&self, _: &Digest, _: u64) {
        self.blobs.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, text: &str) {
        tell!("{}", safe(text));
    }
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    each: Mutex<HashMap<Digest, ProgressBar>>,
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants; a default style is still progress.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::no_length());
        total.set_style(style("{bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left {msg}"));
        Self { all, total, each: Mutex::default() }
    }

    fn each(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, ProgressBar>> {
        self.each.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.total.finish_and_clear();
        let _ = self.all.clear();
    }
}

impl Progress for Bars {
    fn total(&self, _: u64, bytes: u64) {
        self.total.set_length(bytes);
        self.total.reset_elapsed();
    }

    fn started(&self, blob: &Digest, length: u64) {
        if length >= OWN_BAR {
            let bar = self.all.insert_before(&self.total, ProgressBar::new(length));
            bar.set_style(style(
                "  {msg} {bar:20} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}",
            ));
            bar.set_message(blob.short());
            self.each().insert(*blob, bar);
        }
    }

    fn advanced(&self, blob: &Digest, bytes: u64) {
        self.total.inc(bytes);
        if let Some(bar) = self.each().get(blob) {
            bar.inc(bytes);
        }
    }

    fn finished(&self, blob: &Digest, _: u64) {
        if let Some(bar) = self.each().remove(blob) {
            bar.finish_and_clear();
        }
    }

    fn note(&self, text: &str) {
        // Above bars that are not drawn yet the line would not be ended.
        if self.total.length().is_none() {
            tell!("{}", safe(text));
        } else {
            let _ = self.all.println(secrets::hide(&safe(text), 0));
        }
    }
}
