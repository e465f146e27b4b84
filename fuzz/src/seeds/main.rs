//! Writes the seed corpus of every target below the folder that is named.

mod archives;
mod policies;
mod trust;

use bundle_fuzz::unpacking::{Ended, unpack};
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
    forgeries(&mut put);
}

/// Choices for the forger of bundles: nothing lied, and everything in some order. Some of them have to be published and
/// some refused, or the target would look at nothing.
fn forgeries(put: &mut impl FnMut(&str, &str, &[u8])) {
    put("bundle", "plain", &[]);
    let mut state = 1_u32;
    let (mut planned, mut refused) = (0, 0);
    for number in 0..400 {
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Small choices are the honest ones.
            (state >> 24) as u8 % if number % 2 == 0 { 200 } else { 255 }
        };
        let choices: Vec<u8> = (0..40 + number % 64 * 4).map(|_| byte()).collect();
        match unpack(&choices) {
            Ended::Planned(_) => planned += 1,
            Ended::Refused => refused += 1,
            Ended::Unreadable => {}
        }
        put("bundle", &format!("choices-{number}"), &choices);
    }
    println!("seeds of bundles: {planned} published, {refused} refused");
    assert!(planned > 20 && refused > 20);
}
