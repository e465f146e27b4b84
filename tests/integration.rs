//! All integration tests, in one binary. `harness` starts real registries and peers; `floors` keeps the architecture.

mod floors;
mod harness;
mod harness_itself;
mod packing;
