//! The journal and the partial archive as they may be found: torn, damaged, of something else, or laid as a trap.

use super::Scene;
use crate::harness::faults::Fault;
use crate::harness::scene::FILE;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

/// A pack that was killed in its first layer.
fn interrupted() -> Scene {
    let scene = Scene::new(&[3_000_000, 20_000], &[600_000], &[]);
    scene.breaks(0, Fault::HangAfter(2_500_000));
    scene.kill_when(|| scene.claims(2 << 20));
    scene.heal_without_tags();
    scene
}

/// Its files, to be laid out again.
struct Left {
    partial: Vec<u8>,
    journal: Vec<u8>,
    /// What is remembered of it in the user's home.
    begun: Vec<(PathBuf, Vec<u8>)>,
}

impl Left {
    fn of(scene: &Scene) -> Self {
        let read = |path| fs::read(path).expect("left");
        let memory = fs::read_dir(scene.state.path().join("state/bundle/begun")).expect("a memory");
        let files = memory.map(|entry| entry.expect("an entry").path());
        let begun = files.map(|path| (path.clone(), read(path))).collect();
        Self { partial: read(scene.partial()), journal: read(scene.journal()), begun }
    }

    fn lay(&self, scene: &Scene, partial: &[u8], journal: &[u8]) {
        fs::write(scene.partial(), partial).expect("partial");
        fs::write(scene.journal(), journal).expect("journal");
        self.begun.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("memory"));
        fs::set_permissions(scene.journal(), fs::Permissions::from_mode(0o600)).expect("mode");
    }
}

#[test]
fn a_journal_may_end_anywhere() {
    let scene = interrupted();
    let left = Left::of(&scene);
    let ends: Vec<usize> = left
        .journal
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(n, _)| n)
        .collect();
    let plan_ends = ends[1] + 1;
    for end in ends.iter().skip(1).flat_map(|end| [*end + 1, *end + 6]) {
        let end = end.min(left.journal.len());
        left.lay(&scene, &left.partial, &left.journal[..end]);
        scene.expect_completed();
    }
    // Without a whole plan it is begun anew, which needs the tag.
    scene.proxy.heal();
    for end in [0, 1, ends[0], ends[0] + 1, plan_ends - 1] {
        left.lay(&scene, &left.partial, &left.journal[..end]);
        let ran = scene.expect_completed();
        assert!(!ran.stderr.contains("resuming"), "{end}: {ran}");
    }
}

#[test]
fn what_is_not_on_the_disk_any_more_is_fetched_again() {
    let scene = interrupted();
    let left = Left::of(&scene);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut partial = left.partial.clone();
        change(&mut partial);
        left.lay(&scene, &partial, &left.journal);
        scene.proxy.forget_seen();
        scene.expect_completed();
    };
    for length in [0, 1, 4096, 50_000, 400_000, 1_700_000] {
        with(&|partial| partial.truncate(length));
    }
    // In the head, in what was held, in a block, in a block's header region.
    for place in [5, 40_000, 100_000, 1_000_000, 2_000_000] {
        with(&|partial| partial[place] ^= 1);
    }
    with(&|partial| partial.fill(0));
    with(&|partial| partial.fill(0xff));
    with(&|_| ());
    let asked = scene.asked_for(0);
    assert!(asked.len() == 1 && asked[0].from > 1_700_000, "{asked:?}");
}

#[test]
fn claims_that_are_wrong_cost_time_and_nothing_else() {
    let scene = interrupted();
    let left = Left::of(&scene);
    for lines in [
        "{\"blob\":0,\"bytes\":18446744073709551615}\n",
        "{\"blob\":4000000000,\"bytes\":1}\nnonsense\n{\"blob\":1,\"bytes\":-1}\n",
        "{\"blob\":0,\"bytes\":3000000}\n{\"blob\":1,\"bytes\":9}\n{\"blob\":2,\"bytes\":3000000}\n",
    ] {
        left.lay(&scene, &left.partial, &[&left.journal, lines.as_bytes()].concat());
        scene.expect_completed();
    }
}

#[test]
fn another_pack_is_not_gone_on_with() {
    let scene = interrupted();
    let left = Left::of(&scene);
    let ran = scene.program().args(&["--compress", "3"]).run().expect_code(2);
    ran.expect_error(&["with other arguments (--compress)", "hint: ", "--restart"]);
    let ran = scene.program().env("SOURCE_DATE_EPOCH", "1").run().expect_code(2);
    ran.expect_error(&["with other arguments (SOURCE_DATE_EPOCH)"]);
    assert_eq!(Left::of(&scene).partial, left.partial, "nothing was touched");
    // Jobs decide no byte.
    scene.program().args(&["--jobs", "2"]).run().expect_code(0);
    assert!(scene.take_archive() == scene.whole);

    let own = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let text = String::from_utf8(left.journal.clone()).expect("text");
    let plan = text.lines().next().expect("plan");
    let other = plan.replacen(&own, "\"version\":\"0.0.9\"", 1);
    let seen = bundle::oci::Digest::of(other.as_bytes());
    let other = format!("{other}\n{{\"plan\":\"{seen}\"}}\n");
    left.lay(&scene, &left.partial, other.as_bytes());
    scene.pack().expect_code(2).expect_error(&["by bundle 0.0.9", "--restart"]);

    scene.proxy.heal();
    let dry = scene.program().arg("--dry-run").run().expect_code(0);
    assert!(dry.stdout.contains("nothing was written"));
    assert_eq!(fs::read(scene.journal()).expect("journal"), other.as_bytes());
    let ran = scene.program().arg("--restart").run().expect_code(0);
    assert!(!ran.stderr.contains("resuming"), "{ran}");
    assert!(scene.take_archive() == scene.whole);
}

#[test]
fn a_journal_without_an_archive_is_nothing() {
    let scene = interrupted();
    fs::remove_file(scene.partial()).expect("removed");
    scene.proxy.heal();
    let ran = scene.expect_completed();
    assert!(!ran.stderr.contains("resuming"), "{ran}");
}

#[test]
fn a_journal_that_is_a_trap_is_not_followed() {
    let scene = interrupted();
    let left = Left::of(&scene);
    scene.proxy.heal();
    fs::remove_file(scene.journal()).expect("removed");
    let victim = scene.side.text("victim", "victim");
    symlink(&victim, scene.journal()).expect("link");
    scene.pack().expect_code(6).expect_error(&["a symbolic link"]);
    scene.program().arg("--restart").run().expect_code(6).expect_error(&["a symbolic link"]);
    assert_eq!(fs::read(&victim).expect("victim"), b"victim");
    fs::remove_file(scene.journal()).expect("removed");
    fs::create_dir(scene.journal()).expect("directory");
    scene.pack().expect_code(6).expect_error(&["a directory"]);
    fs::remove_dir(scene.journal()).expect("removed");

    left.lay(&scene, &left.partial, &left.journal);
    fs::set_permissions(scene.journal(), fs::Permissions::from_mode(0o666)).expect("mode");
    scene.pack().expect_code(6).expect_error(&["writable by others"]);
    fs::set_permissions(scene.journal(), fs::Permissions::from_mode(0o600)).expect("mode");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(scene.journal(), Some(65_534), None).expect("owner");
        for more in [&[][..], &["--restart"]] {
            scene.program().args(more).run().expect_code(6).expect_error(&["another user's"]);
        }
        std::os::unix::fs::chown(scene.journal(), Some(0), None).expect("owner");
        std::os::unix::fs::chown(scene.partial(), Some(65_534), None).expect("owner");
        scene.pack().expect_code(6).expect_error(&["another user's"]);
        std::os::unix::fs::chown(scene.partial(), Some(0), None).expect("owner");
    }
    assert_eq!(scene.side.left(), [format!("{FILE}.partial"), format!("{FILE}.partial.journal")]);
    scene.heal_without_tags();
    scene.expect_completed();
}

/// The same command by somebody who has not begun it: another home, another machine.
fn elsewhere(scene: &Scene) -> crate::harness::command::Program {
    scene.program().env("XDG_STATE_HOME", scene.state.path().join("another"))
}

#[test]
fn what_others_began_is_verified_again_and_gone_on_with() {
    let scene = interrupted();
    let left = Left::of(&scene);
    // Tags are asked, and they are gone.
    elsewhere(&scene).run().expect_code(5);
    left.lay(&scene, &left.partial, &left.journal);
    scene.proxy.heal();
    scene.proxy.forget_seen();
    let ran = elsewhere(&scene).run().expect_code(0);
    let ran = ran.expect_error(&["every image is verified again", "resuming"]);
    assert!(scene.take_archive() == scene.whole, "other bytes: {ran}");
    let asked = scene.asked_for(0);
    assert!(asked.len() == 1 && asked[0].from > 1_000_000, "{asked:?}");
}

/// The plan says what was verified, so whoever may write to the medium would decide it.
#[test]
fn a_plan_of_somebody_else_decides_nothing() {
    let scene = interrupted();
    let left = Left::of(&scene);
    scene.proxy.heal();
    let text = String::from_utf8(left.journal.clone()).expect("text");
    let plan = text.lines().next().expect("a plan");
    for (from, to) in [
        (r#"\"code\":\"unverified\""#, r#"\"code\":\"signed\""#),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:19Z"),
        ("2023-11-14T22:13:20Z", "2033-11-14T22:13:20Z"),
        (r#""warnings":[]"#, r#""warnings":["all is well"]"#),
    ] {
        let forged = plan.replace(from, to);
        assert!(forged != plan, "{from}");
        let seen = bundle::oci::Digest::of(forged.as_bytes());
        let journal = format!("{forged}\n{{\"plan\":\"{seen}\"}}\n");
        left.lay(&scene, &left.partial, journal.as_bytes());
        // Not even for the user who began the plan that it was.
        let ran = scene.pack();
        match to {
            // Nothing of it gets into the archive.
            _ if to.contains("warnings") => {
                assert!(!ran.stdout.contains("all is well"), "{ran}");
                scene.take_archive();
            }
            _ => {
                ran.expect_code(2).expect_error(&["was begun", "--restart"]);
            }
        }
        scene.program().arg("--restart").run().expect_code(0);
        scene.take_archive();
    }
}
