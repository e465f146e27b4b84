//! `bundle unpack`.
use super::exit::Status;
use super::failure::Failure;
use bundle::trust::{Admission, ImageVerdict};
use clap::Args;
#[derive(Args)]
pub(super) struct Options {}
pub(super) async fn run(_: Options) -> Result<Status, Failure> {
    Ok(Status::Other)
}
/// One line about a verdict.
pub(super) fn describe(verdict: &ImageVerdict) -> String {
    match verdict.admission() {
        Admission::Refused(refusal) => match &refusal.detail {
            Some(detail) => format!(
                "{}: {} ({}; {detail})",
                verdict.source(),
                refusal.code,
                refusal.code.meaning()
            ),
            None => format!("{}: {} ({})", verdict.source(), refusal.code, refusal.code.meaning()),
        },
        admitted => format!("{}: {}", verdict.source(), admitted.as_str()),
    }
}
