//! The words that errors are made of: how a request is named, and what a registry said. Bounded, and without secrets.

use bundle_oci::text::bounded_to;
use reqwest::{Method, Url};
use std::fmt;
use std::time::Duration;

/// Longest text of a registry's own that goes into an error, in characters.
const MAX_SAID: usize = 300;
/// Most values of an answer that is an error; what has more says nothing.
const MAX_VALUES: usize = 1000;
/// Longest request line that goes into an error: a name has at most 255 characters, a digest 71.
const MAX_ASKED: usize = 500;

/// A request as errors name it: method and URL, without query, fragment, user or password.
#[derive(Clone, PartialEq, Eq)]
pub struct Asked(Box<str>);

impl Asked {
    pub(super) fn new(method: &Method, url: &Url) -> Self {
        let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        let text = format!("{method} {}://{host}{port}{}", url.scheme(), url.path());
        Self(bounded_to(&text, MAX_ASKED).into())
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first error that a registry's answer names (distribution-spec §error codes), bounded; empty when the answer is
/// of no known shape. Displays as ` (CODE: message)` or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    code: Box<str>,
    message: Box<str>,
}

impl Said {
    /// Reads what a registry said in the body of an error. Untrusted, so bounded; the terminal is protected elsewhere.
    pub(super) fn read(body: &[u8]) -> Self {
        let Ok(value) = bundle_oci::json::parse_within(body, MAX_VALUES) else {
            return Self::default();
        };
        // Token services answer {"details": …} or {"message": …}.
        let error = value.pointer("/errors/0").unwrap_or(&value);
        let text = |key: &str| {
            let text = error.get(key).and_then(serde_json::Value::as_str);
            bounded_to(text.unwrap_or_default(), MAX_SAID)
        };
        let message = [text("message"), text("details"), text("error_description")];
        let message = message.into_iter().find(|m| !m.is_empty());
        Self { code: text("code").into(), message: message.unwrap_or_default().into() }
    }

    /// The registry's error code, such as `NAME_UNKNOWN`; may be empty.
    pub fn code(&self) -> &str {
        &self.code
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.code, &*self.message) {
            ("", "") => Ok(()),
            ("", text) | (text, "") => write!(f, " ({text})"),
            (code, message) => write!(f, " ({code}: {message})"),
        }
    }
}

/// Seconds where there are whole ones.
pub(super) fn shown(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (0, milliseconds) => format!("{milliseconds} ms"),
        (seconds, _) => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_without_its_secrets() {
        let url = Url::parse("https://user:pass@example.com:5000/v2/a?X-Signature=secret#f");
        let asked = Asked::new(&Method::GET, &url.expect("a URL"));
        assert_eq!(asked.to_string(), "GET https://example.com:5000/v2/a");
        let long = format!("https://example.com/{}", "a".repeat(9000));
        let asked = Asked::new(&Method::GET, &Url::parse(&long).expect("a URL"));
        assert!(asked.to_string().chars().count() <= MAX_ASKED + 1);
    }

    #[test]
    fn what_a_registry_says_is_read_and_bounded_to() {
        for (body, shown) in [
            (r#"{"errors":[{"code":"DENIED","message":"no"}]}"#, " (DENIED: no)"),
            (r#"{"errors":[{"code":"DENIED"}]}"#, " (DENIED)"),
            (
                r#"{"details":"incorrect username or password"}"#,
                " (incorrect username or password)",
            ),
            ("<html>", ""),
            ("[]", ""),
            (r#"{"errors":[]}"#, ""),
        ] {
            assert_eq!(Said::read(body.as_bytes()).to_string(), shown, "{body}");
        }
        let long = format!(r#"{{"errors":[{{"code":"{0}","message":"{0}"}}]}}"#, "é".repeat(5000));
        let shown = Said::read(long.as_bytes()).to_string();
        assert!(shown.chars().count() < 2 * MAX_SAID + 10);
    }
}
