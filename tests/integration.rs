//! All integration tests, in one binary. `harness` starts real registries and peers; `floors` keeps the architecture.

mod archive_readers;
mod atomic;
mod command_line;
mod configuring;
mod floors;
mod harness;
mod harness_itself;
mod host_configuration;
mod hostile_inventories;
mod hostile_lengths;
mod keys;
mod long_blobs;
mod pack_faults;
mod packing;
mod parity;
mod peer_signatures;
mod resuming;
mod schemas;
mod sealing;
mod serving;
mod streaming;
mod unpack_refusals;
mod unpacking;
mod verifying;
mod volumes;
