//! Which scopes a transport has (`ValidatePolicyConfigurationScope` of each). Only `docker` ever applies to what is
//! carried; but a file that the container stack refuses as a whole is refused here too.

use crate::identity::named::{is_digest, is_hex};

/// Says why `transport` has no scope `scope`. Every transport has the empty one, and transports that nobody knows have
/// all, as in the stack: which transports a build knows differs.
pub(super) fn check_scope(transport: &str, scope: &str) -> Result<(), &'static str> {
    if scope.is_empty() {
        return Ok(());
    }
    let (is_scope, why) = match transport {
        "dir" | "sif" | "oci" | "oci-archive" => {
            (is_clean_path(scope), "an absolute path without . and .. and // is, other than /")
        }
        "docker-archive" | "tarball" => (false, "only the empty one is"),
        "docker-daemon" => (!is_digest(scope), "a digest cannot be a scope here"),
        "atomic" => (is_openshift(scope), "host/namespace/stream:tag is"),
        "containers-storage" => (is_storage(scope), "[driver@/graph/root]name is"),
        _ => (true, ""),
    };
    if is_scope { Ok(()) } else { Err(why) }
}

fn is_clean_path(scope: &str) -> bool {
    let component = |text: &str| !matches!(text, "" | "." | "..");
    scope.strip_prefix('/').is_some_and(|rest| rest.split('/').all(component))
}

/// `host[/namespace[/stream[:tag]]]`.
fn is_openshift(scope: &str) -> bool {
    let parts: Vec<&str> = scope.split('/').collect();
    match parts.as_slice() {
        [_] => true,
        [_, namespace] => !namespace.contains(':'),
        [_, namespace, stream] => !namespace.contains(':') && stream.matches(':').count() <= 1,
        _ => false,
    }
}

/// `[driver@/graph/root]` or `[/graph/root]`, then `name`, `name@digest`, `name@id` or `name@digest@id`.
fn is_storage(scope: &str) -> bool {
    let Some((store, image)) = scope.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return false;
    };
    let is_store = match store.split_once('@') {
        Some((driver, root)) => !driver.is_empty() && root.starts_with('/'),
        None => store.starts_with('/'),
    };
    let is_id = |text: &str| is_hex(text, 64);
    let fields: Vec<&str> = image.splitn(3, '@').collect();
    is_store
        && match fields.as_slice() {
            [_, pin] => is_id(pin) || is_digest(pin),
            [_, digest, id] => is_digest(digest) && is_id(id),
            _ => true,
        }
}
