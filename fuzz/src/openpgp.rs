//! A key, and all that it ever signed.

/// An OpenPGP key with a signing subkey.
pub const KEY: &[u8] = include_bytes!("../../testdata/trust/openpgp/key.gpg");
/// What that key signed, as it is and compressed.
pub const MESSAGES: [&[u8]; 2] = [
    include_bytes!("../../testdata/trust/openpgp/open.gpg"),
    include_bytes!("../../testdata/trust/openpgp/zip.gpg"),
];
/// The only thing that it ever signed.
pub const PAYLOAD: &[u8] = b"payload";
