//! Being asked to end.

use tokio::signal::unix::{SignalKind, signal};

/// Done when the process is asked to end, by Ctrl-C or by the system.
pub(super) async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
