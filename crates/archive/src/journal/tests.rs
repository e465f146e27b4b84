use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let target = folder.path().join("a.tar.zst");
    std::fs::write(partial_path(&target), "begun").expect("partial");
    (folder, target)
}

#[test]
fn a_journal_reads_back_as_it_was_written() {
    let (_folder, target) = folder();
    assert!(find(&target).expect("nothing").is_none());
    let journal = Journal::create(&target, b"{\"plan\":7}").expect("journal");
    journal.claim(3, 10);
    journal.claim(3, 20);
    journal.claim(9, 5);
    drop(journal);
    let found = find(&target).expect("found").expect("a plan");
    assert_eq!(found.plan, b"{\"plan\":7}");
    assert_eq!([found.claimed(3), found.claimed(9), found.claimed(4)], [20, 5, 0]);

    // A torn line takes nothing with it.
    let path = journal_path(&target);
    let mut bytes = std::fs::read(&path).expect("journal");
    bytes.extend_from_slice(b"{\"blob\":3,\"by");
    std::fs::write(&path, bytes).expect("torn");
    let journal = Journal::reopen(&target, &found).expect("the same");
    journal.claim(4, 1);
    let found = find(&target).expect("found").expect("a plan");
    assert_eq!([found.claimed(3), found.claimed(4)], [20, 1]);

    // Nor do zeros, which a power cut leaves where lines were not on the disk yet.
    let bytes = std::fs::read(&path).expect("journal");
    std::fs::write(&path, [&bytes[..], &[0; 70_000]].concat()).expect("torn");
    let journal = Journal::reopen(&target, &found).expect("the same");
    journal.claim(5, 2);
    let found = find(&target).expect("found").expect("a plan");
    assert_eq!([found.claimed(3), found.claimed(4), found.claimed(5)], [20, 1, 2]);
    journal.remove().expect("removed");
    assert!(find(&target).expect("nothing").is_none());
}

#[test]
fn a_plan_that_is_not_whole_is_none() {
    let (_folder, target) = folder();
    Journal::create(&target, b"{\"plan\":7}").expect("journal").claim(0, 1);
    let path = journal_path(&target);
    let whole = std::fs::read(&path).expect("journal");
    let plan = whole.split(|byte| *byte == b'\n').take(2).map(|line| line.len() + 1).sum();
    for length in 0..plan {
        std::fs::write(&path, &whole[..length]).expect("written");
        assert!(find(&target).expect("looked").is_none(), "{length}");
    }
    let mut damaged = whole.clone();
    damaged[3] ^= 1;
    std::fs::write(&path, damaged).expect("written");
    assert!(find(&target).expect("looked").is_none());
    std::fs::write(&path, &whole[..plan]).expect("written");
    assert!(find(&target).expect("looked").is_some());
}

#[test]
fn a_journal_of_another_plan_is_not_gone_on_with() {
    let (_folder, target) = folder();
    Journal::create(&target, b"one").expect("journal");
    let found = find(&target).expect("found").expect("a plan");
    remove(&target).expect("removed");
    assert!(Journal::reopen(&target, &found).is_err(), "it is gone");
    Journal::create(&target, b"two").expect("journal");
    assert!(Journal::reopen(&target, &found).is_err(), "it is another one");
    assert!(Journal::create(&target, b"two").is_err(), "one is there");
}

#[test]
fn what_is_discarded_is_gone_with_every_volume() {
    let (folder, target) = folder();
    for number in [1, 3] {
        std::fs::write(partial_path(&volume_path(&target, number)), "x").expect("partial");
    }
    Journal::create(&target, b"plan").expect("journal");
    let held = partial::open(&partial_path(&target)).expect("lock");
    assert!(find(&target).is_err() && discard(&target).is_err(), "another run is at work");
    drop(held);
    discard(&target).expect("discarded");
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 0);
    discard(&target).expect("nothing to discard");
}
