//! Being asked to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Done when the process is asked to end, by Ctrl-C or by the system. What is asked from the moment of this call on is
/// heard, even before the future is awaited; without that, a signal would end the process where it stands.
pub(super) fn stopped() -> impl Future<Output = ()> + Send + 'static {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
    let [interrupt, terminate] = kinds.map(|kind| signal(kind).ok());
    async move {
        tokio::select! {
            () = heard(interrupt) => {}
            () = heard(terminate) => {}
        }
    }
}

/// Done when the signal comes; never where it cannot be listened to.
async fn heard(signal: Option<Signal>) {
    match signal {
        Some(mut signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
