//! Options of the form `[SCOPE=]VALUE`.

use super::scope::{Scope, ScopeError};
use crate::reading::text::{bounded, explain};
use std::error::Error;
use std::str::FromStr;

/// A value and the images it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoped<T> {
    /// Which images; [`Scope::Everything`] when none was written.
    pub scope: Scope,
    /// The value.
    pub value: T,
}

impl<T> FromStr for Scoped<T>
where
    T: FromStr,
    T::Err: Error + 'static,
{
    type Err = ScopeError;

    /// Splits at the first equals sign; scopes never contain one, so the value may. A text that begins like a path,
    /// with `/` or `.`, is all value; otherwise what stands before the sign must be a scope.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let (scope, value) = match text.split_once('=') {
            Some((before, after)) if !text.starts_with(['/', '.']) => {
                let scope = match before.parse() {
                    Ok(Scope::Everything) if before.is_empty() => Err(neither(before)),
                    Err(ScopeError::Malformed { .. }) => Err(neither(before)),
                    other => other,
                }?;
                (scope, after)
            }
            _ => (Scope::Everything, text),
        };
        if value.is_empty() {
            return Err(ScopeError::NoValue { text: bounded(text) });
        }
        let value = value.parse().map_err(|error: T::Err| ScopeError::Value {
            text: bounded(value),
            why: explain(&error),
        })?;
        Ok(Self { scope, value })
    }
}

fn neither(text: &str) -> ScopeError {
    ScopeError::NeitherScopeNorPath { text: bounded(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn scope_ends_at_the_first_equals_sign_and_paths_keep_theirs() {
        for (text, scope, value) in [
            ("release.pub", "*", "release.pub"),
            ("quay.io=release.pub", "quay.io", "release.pub"),
            ("quay.io/org=/keys/a=b.pub", "quay.io/org", "/keys/a=b.pub"),
            ("127.0.0.1:5000/a:1=k", "127.0.0.1:5000/a:1", "k"),
            ("/keys/a=b.pub", "*", "/keys/a=b.pub"),
            ("./a=b.pub", "*", "./a=b.pub"),
            ("../quay.io=b.pub", "*", "../quay.io=b.pub"),
            ("*=k", "*", "k"),
            ("*.example.com=k", "*.example.com", "k"),
        ] {
            let scoped: Scoped<PathBuf> = text.parse().expect(text);
            assert_eq!(
                (scoped.scope.to_string().as_str(), scoped.value),
                (scope, value.into()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_neither_scope_nor_path_is_refused() {
        for text in ["Quay.io/Org=k", "=k", "a b=k", "quay.io/a/=k"] {
            let error = text.parse::<Scoped<PathBuf>>();
            assert!(
                matches!(error, Err(ScopeError::NeitherScopeNorPath { .. })),
                "{text}: {error:?}"
            );
        }
        assert!(matches!("quay.io=".parse::<Scoped<PathBuf>>(), Err(ScopeError::NoValue { .. })));
        assert!(matches!("".parse::<Scoped<PathBuf>>(), Err(ScopeError::NoValue { .. })));
        assert!(matches!(
            "docker.io/name=k".parse::<Scoped<PathBuf>>(),
            Err(ScopeError::Ambiguous { .. })
        ));
        let pin = "quay.io=sha256:00".parse::<Scoped<crate::Fingerprint>>();
        assert!(matches!(pin, Err(ScopeError::Value { .. })), "{pin:?}");
    }
}
