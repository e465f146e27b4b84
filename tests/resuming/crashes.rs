//! kill -9 at random moments, then again to the end. The seed is printed; `BUNDLE_LONG` makes it many moments.

use super::{Scene, image};
use crate::harness::command::Program;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::{Connected, Enclave, HOST};
use reqwest::Method;
use std::time::{Duration, Instant};

/// Moments in a short run, and in a long one.
const KILLS: usize = 4;
const KILLS_LONG: usize = 50;

/// Random numbers from a seed that is printed, so that a failure can be had again.
struct Moments(u64);

impl Moments {
    fn new(what: &str) -> Self {
        let given: Option<u64> =
            std::env::var("BUNDLE_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = given.unwrap_or(now.expect("a time").subsec_nanos().into()) | 1;
        println!("{what}: BUNDLE_SEED={seed}");
        Self(seed)
    }

    /// A time below `most` (xorshift64).
    fn below(&mut self, most: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        most.mul_f64((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

fn number() -> usize {
    if std::env::var_os("BUNDLE_LONG").is_some() { KILLS_LONG } else { KILLS }
}

#[test]
fn a_pack_killed_at_any_moment_is_completed() {
    let sizes = [2_500_000, 1_200_000, 400_000, 100_000, 5_000];
    let scene = Scene::new(&sizes, &[2_300_000, 900_000], &[]);
    let slow = || {
        let rule = |path: &str| path.contains("/blobs/");
        scene.proxy.add(Rule::new(Method::GET, rule, Fault::Slow(Duration::from_millis(4))));
    };
    slow();
    let started = Instant::now();
    scene.expect_completed();
    let whole = started.elapsed();
    let mut moments = Moments::new("pack");
    let mut killed = 0;
    while killed < number() {
        // Mostly one kill before it is completed, sometimes several in a row.
        loop {
            let running = scene.program().start();
            std::thread::sleep(moments.below(whole));
            if !running.kill() {
                break;
            }
            killed += 1;
            if killed % 3 != 0 {
                break;
            }
        }
        scene.expect_completed();
    }
}

#[test]
fn an_unpack_killed_at_any_moment_is_completed() {
    let side = Connected::start();
    let image = image("unpack", &[2_500_000, 1_200_000, 5_000], &[900_000]);
    image.push(&side.registry, "team/app", Some("1"));
    side.pack(&["team/app:1"], &[]).expect_code(0);
    let mut moments = Moments::new("unpack");
    let unpack = |enclave: &Enclave, proxy: &FaultProxy| {
        Program::bundle()
            .args(&["unpack", "-q"])
            .arg(side.file())
            .args(&["--to", proxy.address(), "--allow-unsigned", HOST, "--root"])
            .arg(enclave.root())
    };
    let scene = || {
        let enclave = Enclave::start();
        let proxy = FaultProxy::start(enclave.address());
        for method in [Method::POST, Method::PUT, Method::HEAD] {
            let any = |_: &str| true;
            proxy.add(Rule::new(method, any, Fault::Delay(Duration::from_millis(20))));
        }
        (enclave, proxy)
    };
    let (enclave, proxy) = scene();
    let started = Instant::now();
    unpack(&enclave, &proxy).run().expect_code(0);
    let whole = started.elapsed();
    let mut killed = 0;
    while killed < number() {
        let (enclave, proxy) = scene();
        for _ in 0..3 {
            let running = unpack(&enclave, &proxy).start();
            std::thread::sleep(moments.below(whole));
            killed += usize::from(running.kill());
        }
        unpack(&enclave, &proxy).run().expect_code(0);
        enclave.expect_all_of(&side, "team/app", "team/app");
        assert_eq!(enclave.tags(), ["team/app:1"]);
    }
}
