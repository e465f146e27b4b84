//! The host's configuration for an OpenShift cluster, as resources that `oc apply -f DIRECTORY` takes.
//!
//! - [`mirror_sets`]: where images are pulled from
//! - [`image_policy`]: whose signatures they must have
//! - [`release_signatures`]: GPG signatures of releases, for the cluster's own updates
//! - [`earlier`]: what earlier runs wrote, to which a later one adds
//! - [`resource`]: a resource, its name, and what is checked about both
//! - [`directory`]: resources in a directory of their own
//!
//! The rules are those of the resource definitions (openshift/api, `config/v1`): a cluster would refuse what breaks
//! them, on the far side of the gap.

pub mod directory;
pub mod earlier;
pub mod image_policy;
pub mod mirror_sets;
pub mod release_signatures;
pub mod resource;

pub use directory::{
    ResourceChange, ResourceDirectoryError, WrittenResource, check_resources, read_resources,
    write_resources,
};
pub use earlier::{Dropped, Earlier};
pub use image_policy::{KeyScopes, MAX_SCOPES, cluster_image_policies, key_data};
pub use mirror_sets::{
    MirrorEntry, MirrorSetKind, MirrorSource, MirroredSource, digest_mirror_set, mirror_set,
    tag_mirror_set,
};
pub use release_signatures::{ReleaseSignatures, release_config_map};
pub use resource::{
    MAX_CONFIG_MAP, MAX_KEY_DATA, OpenshiftError, Resource, ResourceName, check_mirror, check_scope,
};

#[cfg(test)]
mod tests;
