//! `WWW-Authenticate` (RFC 9110 §11.6.1), as far as registries use it.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// What a registry wants to see before it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token from the service at `realm` (distribution's token authentication).
    Bearer {
        /// URL of the token service, as sent.
        realm: String,
        /// Name of the registry at that service.
        service: Option<String>,
        /// Scopes that the registry named.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The challenge to answer: a token where one is offered, since it gives away less than a password.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let Ok(text) = value.to_str() else { continue };
            for (scheme, parameters) in parse(text) {
                let parameter = |name: &str| {
                    let found = parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.clone())
                };
                if scheme.eq_ignore_ascii_case("bearer")
                    && let Some(realm) = parameter("realm")
                {
                    return Some(Self::Bearer {
                        realm,
                        service: parameter("service"),
                        scope: parameter("scope"),
                    });
                }
                if scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
            }
        }
        basic
    }
}

type Parameters = Vec<(String, String)>;

/// All challenges of one header: `scheme name=value, name="quoted, \"value\"", scheme2 …`.
fn parse(text: &str) -> Vec<(String, Parameters)> {
    let mut challenges: Vec<(String, Parameters)> = Vec::new();
    for part in split_unquoted(text) {
        let part = part.trim();
        // `Scheme name=value` begins a challenge, `name=value` goes on with it. A space before the `=` tells them apart.
        let before_equals = part.split('=').next().unwrap_or_default().trim_end();
        let (scheme, rest) = match before_equals.split_once(char::is_whitespace) {
            Some((scheme, _)) => (Some(scheme), part[scheme.len()..].trim_start()),
            None if part.contains('=') => (None, part),
            None => (Some(part), ""),
        };
        if let Some(scheme) = scheme.filter(|scheme| !scheme.is_empty()) {
            challenges.push((scheme.to_owned(), Vec::new()));
        }
        if let (Some((name, value)), Some((_, parameters))) =
            (rest.split_once('='), challenges.last_mut())
        {
            parameters.push((name.trim().to_owned(), unquoted(value.trim())));
        }
    }
    challenges
}

fn split_unquoted(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(headers: &[&str]) -> Option<Challenge> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(WWW_AUTHENTICATE, header.parse().expect("a header"));
        }
        Challenge::of(&map)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        })
    }

    #[test]
    fn challenges_of_all_shapes_are_read() {
        let pull_push = "repository:a/b:pull,push";
        for (headers, wanted) in [
            (
                &[
                    r#"Bearer realm="https://auth/t",service="reg",scope="repository:a/b:pull,push""#,
                ][..],
                bearer("https://auth/t", Some("reg"), Some(pull_push)),
            ),
            (
                &[r#"bearer  Realm = "https://auth/t" , service=reg"#],
                bearer("https://auth/t", Some("reg"), None),
            ),
            (
                &[r#"Basic realm="a \"quoted, comma\"", Bearer realm="https://auth/t""#],
                bearer("https://auth/t", None, None),
            ),
            (
                &[r#"Negotiate, Basic realm="x""#, r#"Bearer realm="https://auth/t""#],
                bearer("https://auth/t", None, None),
            ),
            (&[r#"Basic realm="Bearer realm=x""#], Some(Challenge::Basic)),
            (&["Basic"], Some(Challenge::Basic)),
            (&["Bearer"], None),
            (&["Negotiate"], None),
            (&["realm=x"], None),
            (&[r#"Bearer realm="unclosed"#], bearer("unclosed", None, None)),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(challenge(headers), wanted, "{headers:?}");
        }
    }
}
