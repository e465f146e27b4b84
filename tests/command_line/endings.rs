//! How a command ends that somebody ends, and what is said while nothing moves.

use crate::harness::command::{Program, Running};
use crate::harness::scene::{Connected, Enclave, HOST};
use crate::harness::terminal::terminal;
use rustix::process::Signal;
use rustix::termios::{LocalModes, tcgetattr};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::Path;

/// A server that takes connections and says nothing, because nobody accepts them.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

fn tell(running: &Running, signal: Signal) {
    let id = i32::try_from(running.id()).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(id.expect("a process"), signal).expect("it is told");
}

/// Waits until a connection came: then the program waits for its answer.
fn is_asked(listener: &TcpListener) {
    drop(listener.accept().map(std::mem::forget));
}

fn waits_for_echo_to_go(terminal: impl AsFd) {
    while tcgetattr(&terminal).expect("modes").local_modes.contains(LocalModes::ECHO) {
        std::thread::yield_now();
    }
}

#[test]
fn a_command_that_waits_for_a_registry_ends_when_it_is_told() {
    let side = Connected::start();
    side.unsigned("app");
    side.pack(&["app:1"], &[]).expect_code(0);
    let file = side.file();
    let enclave = Enclave::start();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (listener, address) = silent();
        let output = side.output("new.tar.zst");
        let pack =
            Program::bundle().args(&["pack", &format!("{address}/app:1"), "-o"]).arg(&output);
        let (other, target) = silent();
        let arguments = ["unpack", "--allow-unsigned", HOST, "--to", &target, "--root"];
        let unpack = Program::bundle().args(&arguments).arg(enclave.root()).arg(&file);
        for (program, listener) in [(pack, listener), (unpack, other)] {
            let running = program.start();
            is_asked(&listener);
            tell(&running, signal);
            running.end().expect_code(code).expect_error(&["error: interrupted"]);
        }
        assert!(!output.exists());
    }
}

#[test]
fn a_command_without_a_registry_ends_when_it_is_told() {
    let side = Connected::start();
    for arguments in [&["verify", "-"][..], &["inspect", "-"]] {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            // Nothing ever comes through this pipe.
            let (reader, writer) = std::io::pipe().expect("a pipe");
            let running = Program::bundle().args(arguments).stdin(reader).start();
            // It listens before it reads anything: its thread is there by then.
            while threads(running.id()) < 2 {
                std::thread::yield_now();
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
            tell(&running, signal);
            running.end().expect_code(code);
            drop(writer);
        }
    }
    drop(side);
}

fn threads(id: u32) -> usize {
    let tasks = std::fs::read_dir(Path::new("/proc").join(id.to_string()).join("task"));
    tasks.map_or(0, |tasks| tasks.count())
}

#[test]
fn a_prompt_that_is_ended_leaves_the_terminal_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    for (signal, code) in [(Some(Signal::INT), 130), (Some(Signal::TERM), 143), (None, 130)] {
        let (mut person, program) = terminal();
        let held = program.try_clone().expect("the other side");
        let keygen = Program::bundle().args(&["keygen", "--output-key-prefix"]);
        let running = keygen.arg(folder.path().join("key")).stdin(program).start();
        waits_for_echo_to_go(&held);
        match signal {
            Some(signal) => tell(&running, signal),
            // As the terminal gives Ctrl-C to a program that reads every key.
            None => std::io::Write::write_all(&mut person, b"\x03").expect("typed"),
        }
        running.end().expect_code(code);
        let modes = tcgetattr(&held).expect("modes").local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
    }
    assert!(!folder.path().join("key.key").exists());
}

#[test]
fn a_silent_registry_is_named_while_it_is_waited_for() {
    let (listener, address) = silent();
    let side = Connected::start();
    let output = side.output("new.tar.zst");
    let pack = |more: &[&str]| {
        let images = ["a", "b", "c"].map(|name| format!("{address}/{name}:1"));
        let program = Program::bundle().args(&["pack", "--keep-going", "--timeout", "20s", "-o"]);
        program.arg(&output).args(&images).args(more).run()
    };
    let ran = pack(&[]).expect_code(5);
    let waiting = format!("waiting for {address}: no answer to GET ");
    let ran = ran.expect_error(&[&waiting, "--timeout"]);
    let asked = ran.stderr.lines().filter(|line| line.starts_with("left out ")).count();
    assert_eq!(asked, 3, "one verdict for all of them: {ran}");
    drop(listener);
}

#[test]
fn a_timeout_is_a_time() {
    for wrong in ["0", "soon", "1d", "25h", "-5s"] {
        let ran = Program::bundle().args(&[
            "pack",
            "r.example/a:1",
            "-o",
            "x",
            &format!("--timeout={wrong}"),
        ]);
        ran.run().expect_code(2).expect_error(&["--timeout", "50s"]);
    }
}
