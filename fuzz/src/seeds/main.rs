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
    forgeries(&mut put);
}

/// Choices for the forger of bundles: nothing lied, and everything in some order.
fn forgeries(put: &mut impl FnMut(&str, &str, &[u8])) {
    put("bundle", "plain", &[]);
    let mut state = 1_u32;
    for number in 0..64 {
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Small choices are the honest ones.
            ((state >> 24) as u8).checked_rem(if number % 2 == 0 { 200 } else { 255 }).unwrap_or(0)
        };
        let choices: Vec<u8> = (0..40 + number * 4).map(|_| byte()).collect();
        put("bundle", &format!("choices-{number}"), &choices);
    }
}
