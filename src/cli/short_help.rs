//! `-h`: the options that people use, and examples, on one screen. `--help` has all options in full.

use clap::Command;

/// What `-h` shows of one command.
struct Screen {
    command: &'static [&'static str],
    /// Options by their identifiers, each with its help in a few words.
    options: &'static [(&'static str, &'static str)],
    examples: &'static str,
}

const SCREENS: [Screen; 9] = [
    Screen {
        command: &["pack"],
        options: &[
            ("sources", "REGISTRY/REPO:TAG, …@sha256:…, oci:DIR"),
            ("file", "Pack the images of a list too"),
            ("output", "The file to write; - is standard output"),
            ("key", "Images of SCOPE are signed by this key"),
            ("signatures", "required, if-present or none"),
            ("accept_unsigned", "These images may come unsigned"),
            ("seal_key", "Seal the bundle with this key"),
            ("sequence", "Number of the bundle in its series"),
            ("volume_size", "Cut the bundle: fat32, dvd, 4GiB, …"),
            ("keep_going", "Leave out images that cannot be had"),
            ("dry_run", "Print the plan; write nothing"),
            ("verbose", "Show all that is known of each image"),
        ],
        examples: "  bundle pack quay.io/org/app:1.0 --key quay.io/org=release.pub -o app.tar.zst",
    },
    Screen {
        command: &["unpack"],
        options: &[
            ("files", "The bundle; its volumes; - is a pipe"),
            ("to", "Where to: REGISTRY[/PREFIX], or oci:DIR"),
            ("key", "Images of SCOPE are signed by this key"),
            ("seal_pub", "The bundle is sealed with this key"),
            ("expect_bundle", "The digest that pack printed"),
            ("allow_unsigned", "These images may come unsigned"),
            ("install_keys", "Install the keys that verified it"),
            ("install_config", "Let podman and CRI-O demand signatures"),
            ("emit", "Write resources for an OpenShift cluster"),
            ("map", "Another name at the target"),
            ("dry_run", "Verify; push nothing"),
            ("verbose", "Show all that is known of each image"),
        ],
        examples: "  sudo bundle unpack --install-keys app.tar.zst --key release.pub --to HOST:5000",
    },
    Screen {
        command: &["verify"],
        options: &[
            ("files", "The bundle; its volumes; - is a pipe"),
            ("key", "Images of SCOPE are signed by this key"),
            ("seal_pub", "The bundle is sealed with this key"),
            ("expect_bundle", "The digest that pack printed"),
            ("allow_unsigned", "These images may come unsigned"),
            ("policy", "This containers-policy.json(5) decides"),
            ("quick", "Read signatures only, not every byte"),
            ("json", "Print the report as JSON"),
            ("verbose", "Show all that is known of each image"),
        ],
        examples: "  bundle verify app.tar.zst --key quay.io/org=release.pub",
    },
    Screen {
        command: &["inspect"],
        options: &[
            ("files", "The bundle; its volumes; - is a pipe"),
            ("json", "Print the report as JSON"),
            ("verbose", "Show all that is known of each image"),
        ],
        examples: "  bundle inspect app.tar.zst",
    },
    Screen {
        command: &["seal"],
        options: &[
            ("files", "The bundle; its volumes; - is a pipe"),
            ("seal_key", "The private key, as cosign keeps it"),
            ("expect_bundle", "The digest that pack printed"),
            ("key", "Images of SCOPE are signed by this key"),
            ("accept_unsigned", "These images may come unsigned"),
            ("quick", "Read signatures only, not every byte"),
            ("json", "Print the report as JSON"),
        ],
        examples: "  bundle seal app.tar.zst --seal-key operator.key --expect-bundle sha256:…",
    },
    Screen {
        command: &["keys", "install"],
        options: &[
            ("files", "The bundle; its volumes; - is a pipe"),
            ("key", "Images of SCOPE are signed by this key"),
            ("seal_pub", "The bundle is sealed with this key"),
            ("replace_key", "Let a new key take an old one's place"),
            ("dry_run", "Verify; install nothing"),
            ("json", "Print the report as JSON"),
        ],
        examples: "  sudo bundle keys install app.tar.zst --key quay.io/org=release.pub",
    },
    Screen {
        command: &["config", "install"],
        options: &[
            ("files", "The bundle; its volumes; - is a pipe"),
            ("to", "The registry that has the images"),
            ("key", "Images of SCOPE are signed by this key"),
            ("seal_pub", "The bundle is sealed with this key"),
            ("config_dir", "Write below DIR instead, for review"),
            ("allow_unenforced", "Mirrors without a rule for SCOPE"),
            ("block_upstream", "Never contact the sources"),
            ("dry_run", "Change nothing on this host"),
            ("json", "Print the report as JSON"),
        ],
        examples: "  sudo bundle config install app.tar.zst --to HOST:5000 --key release.pub",
    },
    Screen { command: &["keygen"], options: &[], examples: "  bundle keygen" },
    Screen { command: &["serve"], options: &[], examples: "  bundle serve app.tar.zst" },
];

/// Options that every screen leaves out or shows as they are.
const GENERAL: [&str; 2] = ["help", "version"];

/// Which help the command line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Help {
    /// One screen: all options under one heading.
    Short,
    /// Everything, in sections.
    Whole,
}

/// The same command line, whose `-h` shows one screen.
pub(super) fn with_screens(command: Command, help: Help) -> Command {
    let command = command.mut_arg("color", |color| color.hide_short_help(true));
    let add = |command, screen: &Screen| with_screen(command, screen.command, (screen, help));
    SCREENS.iter().fold(command, add)
}

fn with_screen(command: Command, path: &[&'static str], screen: (&Screen, Help)) -> Command {
    match path {
        [] => shortened(command, screen),
        [name, below @ ..] => {
            command.mut_subcommand(name, |inner| with_screen(inner, below, screen))
        }
    }
}

fn shortened(command: Command, (screen, help): (&Screen, Help)) -> Command {
    let long = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let examples = format!("{}\n--help lists all options.", screen.examples);
    let long = if long.is_empty() { screen.examples.to_owned() } else { long };
    let command = command.after_help(examples).after_long_help(long);
    if screen.options.is_empty() {
        return command;
    }
    command.mut_args(|argument| {
        let shown = screen.options.iter().find(|(id, _)| argument.get_id() == *id);
        match shown {
            Some((_, words)) => {
                let whole = argument.get_help().cloned().unwrap_or_default();
                let argument = argument.long_help(whole).help(*words);
                if help == Help::Short { argument.help_heading(None::<&str>) } else { argument }
            }
            None if argument.is_positional() || GENERAL.contains(&argument.get_id().as_str()) => {
                argument
            }
            None => argument.hide_short_help(true),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    /// The command of a screen, with its `-h`.
    fn command(path: &[&str], help: Help) -> Command {
        let mut command = with_screens(crate::cli::Arguments::command(), help);
        command.build();
        path.iter().fold(command, |command, name| {
            command.find_subcommand(name).expect("a command").clone()
        })
    }

    #[test]
    fn short_help_fits_a_screen_and_names_options_that_exist() {
        for screen in &SCREENS {
            let mut short = command(screen.command, Help::Short).term_width(80);
            for (id, words) in screen.options {
                let argument = short.get_arguments().find(|argument| argument.get_id() == *id);
                assert!(argument.is_some(), "{:?}: {id}", screen.command);
                assert!(words.chars().count() <= 42, "{words}");
            }
            let text = short.render_help().to_string();
            assert!(text.lines().count() <= 24, "{:?}: {text}", screen.command);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
    }

    #[test]
    fn long_help_has_every_option_with_its_whole_text() {
        for screen in &SCREENS {
            let mut whole = command(screen.command, Help::Whole);
            let text = whole.render_long_help().to_string();
            for argument in whole.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let Some(long) = argument.get_long() else { continue };
                assert!(text.contains(&format!("--{long}")), "{:?}: {long}", screen.command);
            }
            for (id, words) in screen.options {
                let argument = whole.get_arguments().find(|one| one.get_id() == *id);
                let long = argument.and_then(|one| one.get_long_help()).expect("whole").to_string();
                assert!(long.len() >= words.len(), "{id}: {long}");
            }
        }
    }
}
