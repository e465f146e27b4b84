//! `bundle`: carries container images across an air gap in one file.

fn main() {}
