//! The `Link` header (RFC 8288), as far as paging uses it.

use reqwest::header::{HeaderMap, LINK};

/// The target of the first link whose relation is `next`.
pub(super) fn next(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_in)
}

fn next_in(mut text: &str) -> Option<String> {
    loop {
        let start = text.find('<')?;
        let (target, rest) = text[start + 1..].split_once('>')?;
        let (parameters, following) = split_at_comma(rest);
        if parameters.split(';').any(is_next) {
            return Some(target.trim().to_owned());
        }
        text = following;
    }
}

/// The parameters of one link, and what follows its comma; commas inside quotes do not count.
fn split_at_comma(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("rel")
        && value
            .trim()
            .trim_matches('"')
            .split_ascii_whitespace()
            .any(|relation| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_all_forms_of_links() {
        for (header, wanted) in [
            (r#"</v2/a/tags/list?n=2&last=b>; rel="next""#, Some("/v2/a/tags/list?n=2&last=b")),
            ("<https://h/x>; rel=next", Some("https://h/x")),
            (r#"</a>; rel="prev", </b>; rel="next""#, Some("/b")),
            (r#"</a>; title="x, <y>"; rel=prev, </b>; REL="last Next""#, Some("/b")),
            (r#"</a>; rel="prev""#, None),
            ("</a>", None),
            ("nonsense", None),
            ("<unclosed", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, header.parse().expect("a header"));
            assert_eq!(next(&headers).as_deref(), wanted, "{header}");
        }
    }
}
