//! The whole way, in process.
