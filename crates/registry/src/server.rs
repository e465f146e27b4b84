//! Servers that do not answer: one verdict for each server and run.
//!
//! A registry, an object store behind it, a token service and a lookaside are servers of their own. What counts is
//! silence: the time since a server was last heard, while something was asked of it.

use super::error::SLOW;
use super::messages::shown;
use super::{Asked, RegistryError};
use bundle_progress::{Waiting, Waits};
use reqwest::{Response, Url};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All servers of one client.
pub(super) struct Servers {
    silence: Duration,
    waits: Waits,
    known: Mutex<HashMap<String, Arc<Server>>>,
}

/// One server.
pub(super) struct Server {
    name: String,
    /// How long it may be silent.
    silence: Duration,
    waits: Waits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    heard: Option<Instant>,
    /// Since when something was asked that was not answered; nothing was heard since.
    silent: Option<Instant>,
    /// When the last attempt failed.
    failed: Option<Instant>,
    /// Attempts under way.
    asking: usize,
    is_given_up: bool,
}

/// An attempt at one request.
pub(super) struct Attempt {
    server: Arc<Server>,
    began: Instant,
    wait: Duration,
}

/// When nothing was asked for so long, the next question begins a silence of its own. Pauses between attempts are
/// shorter.
const UNASKED: Duration = Duration::from_secs(15);

impl Servers {
    pub(super) fn new(silence: Duration, waits: Waits) -> Self {
        Self { silence, waits, known: Mutex::default() }
    }

    pub(super) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// The server of a URL: host and port, whatever is spoken there.
    pub(super) fn of(&self, url: &Url) -> Arc<Server> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let key = format!("{host}{port}");
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let server = known.entry(key).or_insert_with_key(|key| {
            Arc::new(Server {
                name: key.clone(),
                silence: self.silence,
                waits: self.waits.clone(),
                state: Mutex::default(),
            })
        });
        Arc::clone(server)
    }
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Host and port.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// Something came from it.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        state.heard = Some(Instant::now());
        state.silent = None;
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// [`RegistryError::GivenUp`].
    pub(super) fn attempt(self: &Arc<Self>) -> Result<Attempt, RegistryError> {
        let mut state = self.state();
        if state.is_given_up {
            return Err(self.given_up());
        }
        if state.asking == 0 && state.failed.is_some_and(|at| at.elapsed() > UNASKED) {
            state.silent = None;
        }
        state.asking += 1;
        let left = state.silent.map(|since| self.silence.saturating_sub(since.elapsed()));
        let wait = left.unwrap_or(self.silence).min(self.silence / 2);
        Ok(Attempt { server: Arc::clone(self), began: Instant::now(), wait })
    }

    /// Waits for the beginning of the answer to a request that was made of it; `limit` instead of [`Attempt::wait`].
    ///
    /// # Errors
    /// [`RegistryError::GivenUp`], or why there is none.
    pub(super) async fn answer(
        self: &Arc<Self>,
        asked: Asked,
        limit: Option<Duration>,
        sent: impl Future<Output = reqwest::Result<Response>>,
    ) -> Result<Response, RegistryError> {
        let attempt = self.attempt()?;
        let limit = limit.unwrap_or(attempt.wait());
        let (_told, began) = (self.told(&asked, limit), Instant::now());
        match tokio::time::timeout(limit, sent).await {
            Ok(Ok(response)) => {
                self.heard();
                log(&asked, &response, began);
                Ok(response)
            }
            Ok(Err(error)) => Err(attempt.failed(RegistryError::of_transport(asked, error))),
            Err(_) => Err(attempt.failed(RegistryError::stalled(asked))),
        }
    }

    /// Tells that an answer is waited for.
    pub(super) fn told(&self, asked: &Asked, limit: Duration) -> Waiting {
        self.waits.answer(&self.name, &format!("no answer to {asked}"), Some(limit))
    }

    fn given_up(&self) -> RegistryError {
        let why = format!("nothing came for {}", shown(self.silence));
        RegistryError::GivenUp { host: self.name.clone(), why, hint: Some(SLOW) }
    }
}

/// Notes an answer in the log.
pub(super) fn log(asked: &Asked, response: &Response, began: Instant) {
    let (status, time) = (response.status().as_u16(), began.elapsed().as_millis());
    tracing::debug!("{asked}: {status} after {time} ms");
}

impl Attempt {
    /// How long it may wait: half of the silence that the server may keep, so that an attempt that was lost on the way
    /// is made once more; never beyond the end of its silence.
    pub(super) fn wait(&self) -> Duration {
        self.wait
    }

    /// It got no answer. Gives the error as it is for a server that had answered before in this run, or had not.
    pub(super) fn failed(&self, error: RegistryError) -> RegistryError {
        let mut state = self.server.state();
        // Somebody else may have been answered meanwhile.
        let began = state.heard.map_or(self.began, |heard| heard.max(self.began));
        let since = *state.silent.get_or_insert(began);
        state.failed = Some(Instant::now());
        state.is_given_up |= since.elapsed() >= self.server.silence;
        match state.heard {
            Some(_) => error.after_answers(),
            None => error,
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.server.state();
        state.asking = state.asking.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(silence: Duration) -> Arc<Server> {
        let url = Url::parse("https://r.example:5000/v2/").expect("a URL");
        Servers::new(silence, Waits::default()).of(&url)
    }

    fn error() -> RegistryError {
        let url = Url::parse("https://r.example:5000/v2/").expect("a URL");
        RegistryError::stalled(Asked::new(&reqwest::Method::GET, &url))
    }

    #[test]
    fn a_silent_server_is_given_up_once_for_all() {
        let silence = Duration::from_millis(40);
        let server = server(silence);
        let first = server.attempt().expect("hope");
        assert_eq!(first.wait(), silence / 2);
        first.failed(error());
        std::thread::sleep(silence);
        let second = server.attempt().expect("one more");
        assert!(second.wait() < Duration::from_millis(1));
        second.failed(error());
        let error = server.attempt().err().expect("given up");
        assert!(!error.is_transient());
        assert!(error.to_string().contains("r.example:5000 is not asked again in this run"));
    }

    #[test]
    fn a_server_that_is_heard_has_all_its_time_again() {
        let silence = Duration::from_millis(40);
        let server = server(silence);
        let attempt = server.attempt().expect("hope");
        attempt.failed(error());
        std::thread::sleep(silence);
        server.heard();
        attempt.failed(error());
        assert!(server.attempt().is_ok(), "what began before it was heard counts from there");
    }

    #[test]
    fn only_a_server_that_had_answered_can_be_gone() {
        let server = server(Duration::from_secs(9));
        let gone = || {
            let RegistryError::Network { asked, .. } = error() else {
                unreachable!("a network error")
            };
            RegistryError::gone(asked)
        };
        let attempt = server.attempt().expect("hope");
        server.heard();
        assert!(attempt.failed(gone()).is_outage());
        assert!(!attempt.failed(error()).is_outage(), "it is there, and silent");
    }

    #[test]
    fn a_server_is_a_host_and_a_port() {
        let servers = Servers::new(Duration::ZERO, Waits::default());
        let of = |text: &str| servers.of(&Url::parse(text).expect("a URL"));
        assert!(Arc::ptr_eq(&of("https://a/x"), &of("https://a:443/y?z")));
        assert!(Arc::ptr_eq(&of("https://a:5000/x"), &of("http://a:5000/")));
        for other in ["https://a:444/x", "https://b/x"] {
            assert!(!Arc::ptr_eq(&of("https://a/x"), &of(other)), "{other}");
        }
    }
}
