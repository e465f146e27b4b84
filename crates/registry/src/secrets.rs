//! Secrets of this run, so that none is printed. A registry, or a gateway before it, may repeat in its error what it was
//! sent; an argument that is refused may hold a password.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Shorter ones would hide ordinary words.
const SHORTEST: usize = 4;
/// In the place of a secret.
const HIDDEN: &str = "(secret)";

static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Remembers a secret, for as long as the program runs.
pub fn remember(secret: &str) {
    if secret.len() >= SHORTEST {
        KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
    }
}

/// Remembers the password in what was meant as a URL or a name with a user before the host.
pub fn remember_user_info(text: &str) {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    if let Some((user_info, host)) = authority.rsplit_once('@')
        && let Some((_, password)) = user_info.split_once(':')
        && !host.starts_with("sha")
    {
        remember(password);
    }
}

/// The text without the secrets that stand in it as words of their own, the shortest of so many bytes.
pub fn hide(text: &str, shortest: usize) -> String {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut there: Vec<&str> = known.iter().map(String::as_str).collect();
    there.retain(|secret| secret.len() >= shortest && text.contains(secret));
    // One may be a part of another.
    there.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    there.into_iter().fold(text.to_owned(), |text, secret| without(&text, secret))
}

fn without(text: &str, secret: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(secret) {
        let (before, after) = (&rest[..at], &rest[at + secret.len()..]);
        let is_word = |neighbour: Option<char>| neighbour.is_none_or(|c| !c.is_alphanumeric());
        let is_whole = is_word(before.chars().next_back()) && is_word(after.chars().next());
        shown.push_str(before);
        shown.push_str(if is_whole { HIDDEN } else { secret });
        rest = after;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_where_they_are_whole_words() {
        remember("zB3q9tag");
        remember("zB3q9tag+longer==");
        remember("zz");
        for (text, shown) in [
            ("denied: joe:zB3q9tag", "denied: joe:(secret)"),
            ("Basic zB3q9tag+longer== twice zB3q9tag", "Basic (secret) twice (secret)"),
            ("azB3q9tag zB3q9tag5 zz", "azB3q9tag zB3q9tag5 zz"),
            ("", ""),
        ] {
            assert_eq!(hide(text, 0), shown);
        }
        assert_eq!(hide("zB3q9tag", 9), "zB3q9tag");
    }

    #[test]
    fn the_password_of_a_user_before_a_host_is_a_secret() {
        for (text, password) in [
            ("joe:qK1spare@reg.example:5443/a:1", "qK1spare"),
            ("https://joe:qK2spare@reg.example/a", "qK2spare"),
            ("docker://joe:qK3sp@re@reg.example/a", "qK3sp@re"),
        ] {
            remember_user_info(text);
            assert!(!hide(text, 0).contains(password), "{text}");
        }
        for text in ["alpine:qK4spare@sha256:00", "reg.example/a:qK5spare@sha256:00", "qK6spare"] {
            remember_user_info(text);
            assert_eq!(hide(text, 0), text);
        }
    }
}
