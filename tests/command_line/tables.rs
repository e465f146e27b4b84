//! One line for each image, sums below, and the whole story with `-v`.

use crate::harness::command::{Program, Ran};
use crate::harness::scene::{Connected, Enclave};
use crate::harness::terminal::terminal;
use bundle_testing::Signer;
use std::io::Read as _;

/// Two signed images and three others, packed.
struct Scene {
    side: Connected,
    key: String,
}

const NAMES: [&str; 5] = [
    "team/a:1",
    "team/b:1",
    "team/c:1",
    "team/d:1",
    "team/with/a/name/that/is/longer/than/a/terminal/leaves/room/for:1",
];

impl Scene {
    fn new() -> Self {
        let (side, signer) = (Connected::start(), Signer::p256());
        for (number, name) in NAMES.iter().enumerate() {
            let repository = name.trim_end_matches(":1");
            if number < 2 {
                side.signed(repository, &signer);
            } else {
                side.unsigned(repository);
            }
        }
        let key = side.key("release.pub", &signer);
        Self { side, key }
    }

    fn pack(&self, arguments: &[&str]) -> Ran {
        let trust = ["--key", self.key.as_str(), "--signatures", "if-present"];
        self.side.pack(&NAMES, &[&trust[..], arguments].concat()).expect_code(0)
    }
}

/// The line of an image, without runs of spaces.
fn row(ran: &Ran, name: &str) -> String {
    let mut lines = ran.stdout.lines().filter(|line| line.contains(name));
    let line = lines.next().unwrap_or_else(|| panic!("{name}: {ran}"));
    assert_eq!(lines.next(), None, "{name}: {ran}");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_image_has_one_line_and_verdicts_are_summed() {
    let scene = Scene::new();
    let enclave = Enclave::start();
    let file = scene.side.file();
    let trust = ["--key", scene.key.as_str(), "--allow-unsigned", "*"];
    let packed = scene.pack(&[]);
    let inspected = Program::bundle().arg("inspect").arg(&file).run().expect_code(0);
    let verified = Program::bundle().args(&["verify", "-q"]).arg(&file).args(&trust);
    let verified = verified.run().expect_code(0);
    let unpacked = enclave.unpack(&file, &trust).expect_code(0);
    for (ran, unsigned) in [
        (&packed, "unsigned"),
        (&inspected, "unsigned"),
        (&verified, "unsigned, allowed"),
        (&unpacked, "unsigned, allowed"),
    ] {
        for (number, name) in NAMES.iter().enumerate() {
            let words = if number < 2 { "signed by release.pub" } else { unsigned };
            assert!(row(ran, name).ends_with(words), "{words}: {ran}");
        }
        let sums = format!("2 signed by release.pub, 3 {unsigned}");
        assert!(ran.stdout.lines().any(|line| line == sums), "{sums}: {ran}");
        assert!(ran.stdout.lines().count() < 5 + 12, "{ran}");
        assert!(!ran.stdout.contains('\u{1b}'), "{ran}");
    }
    assert!(row(&packed, NAMES[0]).contains(" amd64,arm64 "), "{packed}");
    assert!(row(&unpacked, NAMES[0]).starts_with("team/a:1 "), "{unpacked}");
    assert!(row(&unpacked, NAMES[0]).contains(" new "), "{unpacked}");
    let again = enclave.unpack(&file, &trust).expect_code(0);
    assert!(row(&again, NAMES[0]).contains(" same "), "{again}");
}

#[test]
fn verbose_report_has_whole_digests_of_each_image() {
    let scene = Scene::new();
    let digest = scene.side.registry.manifest("team/a", "1").expect("there").digest().to_string();
    let brief = scene.pack(&[]);
    assert!(!brief.stdout.contains(&digest), "{brief}");
    let whole = scene.pack(&["-v"]);
    let words =
        [digest.as_str(), "platforms: linux/amd64, linux/arm64/v8", "attachments: 3 signatures"];
    for words in words {
        assert!(whole.stdout.contains(words), "{words}: {whole}");
    }
    let inspect = Program::bundle().args(&["inspect", "-v"]).arg(scene.side.file());
    assert!(inspect.run().expect_code(0).stdout.contains(&digest));
}

/// What a program prints on a terminal of 80 columns.
fn shown(program: Program) -> String {
    let (mut controller, tty) = terminal();
    let size = rustix::termios::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&tty, size).expect("a size");
    let running = program.stdout(tty).start();
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    // The other end is gone with the program: Linux says EIO then.
    while let Ok(read @ 1..) = controller.read(&mut piece) {
        text.extend_from_slice(&piece[..read]);
    }
    running.end().expect_code(0);
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn terminal_of_80_columns_has_no_longer_lines_and_colours() {
    let scene = Scene::new();
    scene.pack(&[]);
    let inspect = || Program::bundle().arg("inspect").arg(scene.side.file()).env("TERM", "xterm");
    let with = |program: Program| shown(program.env("NO_COLOR", ""));
    let text = with(inspect());
    assert!(text.contains("\u{1b}[32msigned by release.pub\u{1b}[0m"), "{text}");
    assert!(text.contains("\u{1b}[33munsigned\u{1b}[0m"), "{text}");
    let plain = shown(inspect().env("NO_COLOR", "1"));
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let rows = plain.lines().filter(|line| line.contains("  amd64,"));
    assert_eq!(rows.clone().count(), 5, "{plain}");
    for line in rows {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
    assert!(plain.contains('…') && plain.contains("room/for:1"), "{plain}");
    // A file has no colours but by request, and whole names.
    let file = inspect().args(&["--color", "always"]).env("NO_COLOR", "1").run().expect_code(0);
    assert!(file.stdout.contains("\u{1b}[32m") && file.stdout.contains(NAMES[4]), "{file}");
    let never = shown(inspect().args(&["--color", "never"]));
    assert!(!never.contains('\u{1b}'), "{never}");
}
