//! Archives through real pipes, and in forms that other tools gave them.

mod forms;
mod memory;
mod pipes;

use crate::harness::command::{Program, Ran};
use crate::harness::scene::Enclave;
use std::io::Write as _;

/// Runs `program` with these bytes on its standard input, which is a pipe. It may go away before the end.
pub(crate) fn feed(program: Program, bytes: &[u8]) -> Ran {
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    let running = program.stdin(reader).start();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = writer.write_all(bytes);
        });
        running.end()
    })
}

/// Unpacks these bytes from a pipe into the enclave's registry.
fn unpack(enclave: &Enclave, bytes: &[u8], arguments: &[&str]) -> Ran {
    feed(enclave.unpack_pipe(enclave.address(), arguments), bytes)
}
