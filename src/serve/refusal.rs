//! Answers that refuse: status, code and text in the form of distribution-spec §error codes.

use super::store::StoreError;
use crate::oci::source::{SourceError, Trouble};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::error::Error;

/// Longest text sent; what a client sent may be quoted in it.
const MAX_MESSAGE: usize = 400;

/// The reason why a request is not served.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Vec<(HeaderName, String)>,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal;)*) => {
        impl Refusal {$(
            $(#[$doc])*
            pub(crate) fn $name(message: impl Into<String>) -> Self {
                Self::new(StatusCode::$status, $code, message.into())
            }
        )*}
    };
}

refusals! {
    /// No such endpoint.
    not_found = NOT_FOUND, "NOT_FOUND";
    /// The endpoint does not do that, or the registry is read-only.
    unsupported = METHOD_NOT_ALLOWED, "UNSUPPORTED";
    name_invalid = BAD_REQUEST, "NAME_INVALID";
    name_unknown = NOT_FOUND, "NAME_UNKNOWN";
    digest_invalid = BAD_REQUEST, "DIGEST_INVALID";
    tag_invalid = BAD_REQUEST, "TAG_INVALID";
    manifest_unknown = NOT_FOUND, "MANIFEST_UNKNOWN";
    manifest_invalid = BAD_REQUEST, "MANIFEST_INVALID";
    manifest_too_large = PAYLOAD_TOO_LARGE, "SIZE_INVALID";
    /// A pushed manifest refers to something that is not here; the status is the one distribution answers.
    manifest_blob_unknown = BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN";
    size_invalid = BAD_REQUEST, "SIZE_INVALID";
    blob_unknown = NOT_FOUND, "BLOB_UNKNOWN";
    /// The blob is part of a manifest that is served.
    blob_in_use = CONFLICT, "DENIED";
    upload_unknown = NOT_FOUND, "BLOB_UPLOAD_UNKNOWN";
    upload_invalid = BAD_REQUEST, "BLOB_UPLOAD_INVALID";
    upload_out_of_order = RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID";
    too_many_uploads = TOO_MANY_REQUESTS, "TOOMANYREQUESTS";
    range_not_satisfiable = RANGE_NOT_SATISFIABLE, "RANGE_INVALID";
    number_invalid = BAD_REQUEST, "PAGINATION_NUMBER_INVALID";
    internal = INTERNAL_SERVER_ERROR, "UNKNOWN";
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: String) -> Self {
        Self {
            status,
            code,
            message: message.chars().take(MAX_MESSAGE).collect(),
            headers: Vec::new(),
        }
    }

    /// With a header.
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// True when it is the server's failure and not the client's.
    pub(crate) fn is_internal(&self) -> bool {
        self.status.is_server_error()
    }

    /// An internal failure with all its causes.
    pub(crate) fn failed(error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::internal(message)
    }
}

impl From<SourceError> for Refusal {
    fn from(error: SourceError) -> Self {
        match error.trouble {
            Trouble::Absent => Self::blob_unknown(error.what),
            _ => Self::failed(&error),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::MissingReference(_) => Self::manifest_blob_unknown(message),
            StoreError::WrongSize { .. } => Self::size_invalid(message),
            StoreError::UnknownManifest(_) => Self::manifest_unknown(message),
            StoreError::UnknownBlob(_) => Self::blob_unknown(message),
            StoreError::BlobInUse(_) => Self::blob_in_use(message),
            StoreError::UnknownUpload => Self::upload_unknown(message),
            StoreError::TooManyUploads => Self::too_many_uploads(message),
            StoreError::WrongDigest { .. } => Self::digest_invalid(message),
            StoreError::Layout(error) => Self::failed(&error),
            StoreError::Commit(_) | StoreError::Stopped => Self::failed(&error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "errors": [{"code": self.code, "message": self.message, "detail": {}}]
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}
