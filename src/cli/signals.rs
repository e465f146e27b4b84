//! Being asked to end: by Ctrl-C (exit status 130) or by the system (143), in every command.
//!
//! A thread of its own listens, so that a program that waits or computes hears it too. A command that has something to
//! put away says so with [`stopped`] and gets a moment; every other one ends where it stands, which leaves what a power
//! cut would leave.

use super::ending::Ending;
use super::standard_error::tell;
use super::terminal;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Time for a command to end by itself.
const MOMENT: Duration = Duration::from_secs(2);

/// Who wants to know.
static ASKED: OnceLock<watch::Receiver<Option<Ending>>> = OnceLock::new();
/// Whether a command puts something away when it is asked to end, and how long that takes is its own business.
static IS_SERVING: AtomicBool = AtomicBool::new(false);
/// Whether a command puts something away when it is asked to end.
static IS_TIDY: AtomicBool = AtomicBool::new(false);

/// Listens from here on. Where that is not possible, signals end the process as they always do.
pub(super) fn listen() {
    let (sender, receiver) = watch::channel(None);
    let (ready, is_ready) = std::sync::mpsc::channel();
    let listening = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
            let [Ok(interrupt), Ok(terminate)] = kinds.map(signal) else { return };
            let mut signals = (interrupt, terminate);
            let _ = ready.send(());
            let ending = heard(&mut signals).await;
            let _ = sender.send(Some(ending));
            if IS_SERVING.load(Ordering::Relaxed) {
                heard(&mut signals).await;
            } else if IS_TIDY.load(Ordering::Relaxed) {
                let _ = tokio::time::timeout(MOMENT, heard(&mut signals)).await;
            }
            terminal::restore();
            bundle::host::containers::apply::stop_asking();
            tell!("error: {ending}");
            std::process::exit(ending.code().into());
        });
    });
    if listening.is_ok() && is_ready.recv().is_ok() {
        let _ = ASKED.set(receiver);
    }
}

async fn heard((interrupt, terminate): &mut (Signal, Signal)) -> Ending {
    tokio::select! {
        _ = interrupt.recv() => Ending::Interrupt,
        _ = terminate.recv() => Ending::Terminate,
    }
}

/// Done when the process is asked to end. From the moment of this call on the caller ends the process, soon.
pub(super) fn stopped() -> impl Future<Output = Ending> + Send + 'static {
    IS_TIDY.store(true, Ordering::Relaxed);
    asked()
}

/// As [`stopped`], for a caller that takes its time, until it is asked a second time.
pub(super) fn stopped_serving() -> impl Future<Output = Ending> + Send + 'static {
    IS_SERVING.store(true, Ordering::Relaxed);
    asked()
}

fn asked() -> impl Future<Output = Ending> + Send + 'static {
    let asked = ASKED.get().cloned();
    async move {
        let Some(mut asked) = asked else { return std::future::pending().await };
        match asked.wait_for(Option::is_some).await.map(|ending| *ending) {
            Ok(Some(ending)) => ending,
            _ => std::future::pending().await,
        }
    }
}

/// Held while somebody is asked on the terminal: nothing is put away then, so the end comes at once.
pub(super) struct Asking(bool);

impl Asking {
    pub(super) fn begin() -> Self {
        Self(IS_TIDY.swap(false, Ordering::Relaxed))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        IS_TIDY.store(self.0, Ordering::Relaxed);
    }
}
