//! Targets and permissions of a run, and a second opinion on what may lie at each place there.

use crate::forger::{Choices, Ledger, SCOPE, TEAM, plain};
use bundle::host::naming::{MapRule, SourceHost};
use bundle::oci::{Digest, Repository};
use bundle::trust::{Anchors, Pattern, PublicKey, Scope, ScopedKey};
use bundle::unpack::{Target, TrustInputs};

const HOST: &str = "r.example";
const LAYOUT: &str = "oci:/layout";

/// Names at a target.
struct Names {
    prefix: &'static str,
    keep_host: bool,
    /// `SRC=DST`, as `--map` takes it; none lies below another.
    rules: &'static [&'static str],
}

const NAMES: [Names; 9] = [
    Names { prefix: "", keep_host: false, rules: &[] },
    Names { prefix: "/mirror", keep_host: false, rules: &[] },
    Names { prefix: "", keep_host: true, rules: &[] },
    Names { prefix: "", keep_host: false, rules: &["elsewhere.example/team=team"] },
    Names { prefix: "", keep_host: false, rules: &["elsewhere.example/team=hub"] },
    Names { prefix: "", keep_host: true, rules: &["elsewhere.example/team=registry.example/team"] },
    Names { prefix: "", keep_host: false, rules: &["registry.example/teams=team/app"] },
    Names {
        prefix: "/m",
        keep_host: false,
        rules: &["registry.example/team=hub/x", "registry.example/teams=hub"],
    },
    Names {
        prefix: "",
        keep_host: true,
        rules: &["elsewhere.example=registry.example", "registry.example/team=a"],
    },
];

/// What `--allow-unsigned` permits.
const PERMITTED: [&[&str]; 9] = [
    &[],
    &["*"],
    &["elsewhere.example"],
    &["elsewhere.example/team"],
    &["elsewhere.example/team/app"],
    &["registry.example/teams"],
    &["registry.example"],
    &["registry.example/team/app"],
    &["registry.example:443/team/app/below", "elsewhere.example/team"],
];

/// What the operator asks for: the place of every image, and what may come with less than a signature under its name.
pub struct Setting {
    /// `None`: a layout directory, where everything has its full name.
    names: Option<&'static Names>,
    permitted: &'static [&'static str],
    accepts_unbound_names: bool,
}

impl Setting {
    /// Chooses one.
    pub fn choose(choices: &mut Choices<'_>) -> Self {
        let number = usize::from(choices.below(NAMES.len() as u8 + 1));
        let permitted = PERMITTED[usize::from(choices.below(PERMITTED.len() as u8))];
        let accepts_unbound_names = choices.below(3) == 2;
        Self { names: NAMES.get(number), permitted, accepts_unbound_names }
    }

    /// The target, as the program makes it of its options.
    pub fn target(&self) -> Target {
        let Some(names) = self.names else { return LAYOUT.parse().expect("a target") };
        let target: Target = format!("{HOST}{}", names.prefix).parse().expect("a target");
        let host = if names.keep_host { SourceHost::FirstComponent } else { SourceHost::LeftOut };
        let rules = names.rules.iter().map(|rule| rule.parse::<MapRule>().expect("a rule"));
        target.with_names(host, rules.collect()).expect("names")
    }

    /// What is trusted: one key for [`SCOPE`], and what is permitted.
    pub fn trust(&self, key: PublicKey) -> TrustInputs {
        let scope: Scope = SCOPE.parse().expect("a scope");
        let permitted = self.permitted.iter().map(|text| text.parse::<Pattern>().expect("a scope"));
        let accepted = self.accepts_unbound_names.then(|| scope.clone());
        let anchors = Anchors {
            keys: vec![ScopedKey { scope, key, name: "key.pub".into() }],
            allow_unsigned: permitted.collect(),
            accept_unbound_names: accepted.into_iter().collect(),
            ..Anchors::default()
        };
        TrustInputs { anchors, ..TrustInputs::default() }
    }

    /// Why `root` may not be published at `place` as what `source` has; `None` when it may.
    pub fn objection(
        &self,
        ledger: &Ledger,
        source: &Repository,
        root: Digest,
        place: &str,
    ) -> Option<&'static str> {
        let (source, place) = (plain(&source.to_string()), plain(place));
        if self.place_of(&source) != place {
            return Some("this is not its place");
        }
        if ledger.admits(&source, root) {
            return None;
        }
        if self.accepts_unbound_names && is_within(&source, SCOPE) && ledger.has_unbound(root) {
            return None;
        }
        let covering = self.permitted.iter().map(|text| plain(text));
        let covering = covering.filter(|scope| scope == "*" || is_within(&source, scope));
        let Some(narrowest) = covering.map(|scope| depth(&scope)).max() else {
            return Some("nothing permits it");
        };
        if is_within(&source, SCOPE) {
            return (narrowest < depth(SCOPE)).then_some("the key is for it");
        }
        let is_taken = TEAM.iter().any(|name| self.place_of(name) == place);
        is_taken.then_some("the place is one of the key's")
    }

    /// Where `source` goes, in plain spelling.
    fn place_of(&self, source: &str) -> String {
        let Some(names) = self.names else { return source.to_owned() };
        let base = format!("{HOST}{}", names.prefix);
        let rules = names.rules.iter().filter_map(|rule| rule.split_once('='));
        let mut rules = rules.filter(|(from, _)| is_within(source, from)).collect::<Vec<_>>();
        rules.sort_by_key(|(from, _)| from.len());
        match rules.pop() {
            Some((from, to)) => format!("{base}/{to}{}", &source[from.len()..]),
            None if names.keep_host => format!("{base}/{source}"),
            None => format!("{base}/{}", source.split_once('/').map_or("", |(_, path)| path)),
        }
    }
}

fn is_within(name: &str, scope: &str) -> bool {
    name.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How narrow a scope is: nothing, a host, and components of a path.
fn depth(scope: &str) -> usize {
    if scope == "*" { 0 } else { scope.split('/').count() }
}
