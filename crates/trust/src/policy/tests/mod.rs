mod load;
mod lookup;
mod peer;
mod texts;

use super::Policy;

/// A policy that has to be readable.
fn policy(text: &str) -> Policy {
    Policy::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}
