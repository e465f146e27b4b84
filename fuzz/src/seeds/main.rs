//! Writes the seed corpus of every target below the folder that is named.

mod archives;
mod policies;
mod trust;

use std::path::Path;

fn main() {
    let folder = std::env::args().nth(1).expect("usage: seeds FOLDER");
    let mut put = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), bytes).expect("a seed");
    };
    archives::put_all(&mut put);
    trust::put_all(&mut put);
    policies::put_all(&mut put);
}
