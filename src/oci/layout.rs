//! An OCI image layout directory.
