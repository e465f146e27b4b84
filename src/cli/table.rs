//! Rows in columns, a row for each image.

use super::colour::{Tone, painted};
use super::output::{Output, say};
use std::io::IsTerminal as _;

/// Spaces between columns.
const GAP: usize = 2;
/// Narrowest first column of a terminal: names that are cut further say nothing.
const NARROWEST: usize = 24;
/// The column that a narrow terminal does without: a name and a verdict say more.
const DROPPED: &str = "DIGEST";

/// Rows of cells. The first column is a name, the last one a verdict with its tone; the others are short.
pub(super) struct Table {
    header: Vec<&'static str>,
    rows: Vec<(Vec<String>, Tone)>,
}

impl Table {
    /// A table without rows. `header` names the columns.
    pub(super) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// One more row, as many cells as the header has. Cells are safe for a terminal.
    pub(super) fn row(&mut self, cells: Vec<String>, tone: Tone) {
        self.rows.push((cells, tone));
    }

    /// Adds all rows to `out`. On a terminal, names are shortened in the middle to what its width leaves for them.
    pub(super) fn add_to(&self, out: &mut Output) {
        if !self.rows.is_empty() {
            self.lines(width()).iter().for_each(|line| say!(out, "{line}"));
        }
    }

    /// The lines of the table, without trailing spaces. A terminal that is too narrow for all columns shows none of
    /// [`DROPPED`].
    fn lines(&self, width: Option<usize>) -> Vec<String> {
        let widths = self.widths();
        let others: usize = widths[1..].iter().map(|width| width + GAP).sum();
        let is_narrow = width.is_some_and(|width| width < others + NARROWEST);
        match self.header.iter().position(|word| is_narrow && *word == DROPPED) {
            Some(column) => self.without(column).lines(width),
            None => self.fitted(width, widths, others),
        }
    }

    /// The same table without one column.
    fn without(&self, column: usize) -> Self {
        let mut table = Self { header: self.header.clone(), rows: self.rows.clone() };
        table.header.remove(column);
        table.rows.iter_mut().for_each(|(cells, _)| drop(cells.remove(column)));
        table
    }

    /// The width of each column.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.header.iter().map(|word| word.len()).collect();
        for (cells, _) in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }

    fn fitted(&self, width: Option<usize>, mut widths: Vec<usize>, others: usize) -> Vec<String> {
        if let Some(width) = width {
            widths[0] = widths[0].min(width.saturating_sub(others).max(NARROWEST));
        }
        let header = self.header.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let mut lines = vec![line(&header, Tone::Plain, &widths)];
        lines.extend(self.rows.iter().map(|(cells, tone)| line(cells, *tone, &widths)));
        lines
    }
}

/// Columns of the terminal on standard output; nothing where that is not one.
fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

fn line(cells: &[String], tone: Tone, widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let cell = if column == 0 { shortened(cell, *width) } else { cell.clone() };
        if column + 1 == cells.len() {
            line.push_str(&painted(&cell, tone));
        } else {
            line.push_str(&format!("{cell:<width$}{:GAP$}", ""));
        }
    }
    line.trim_end().to_owned()
}

/// A name of at most so many characters: its end tells images apart, its beginning says whose they are.
fn shortened(name: &str, width: usize) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= width {
        return name.to_owned();
    }
    let kept = width.saturating_sub(1);
    let start = kept / 3;
    let end = characters.len() - (kept - start);
    characters[..start].iter().chain(&['…']).chain(&characters[end..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["IMAGE", "DIGEST", "VERDICT"]);
        let row =
            |name: &str, verdict: &str| vec![name.into(), "0123456789ab".into(), verdict.into()];
        table.row(row("quay.io/org/app:1", "signed by release.pub"), Tone::Plain);
        table.row(
            row("registry.redhat.io/organisation/of/many/paths/app:1.2.3", "unsigned"),
            Tone::Plain,
        );
        table
    }

    #[test]
    fn columns_are_aligned_and_names_whole_in_a_file() {
        assert_eq!(
            table().lines(None),
            [
                "IMAGE                                                    DIGEST        VERDICT",
                "quay.io/org/app:1                                        0123456789ab  signed by release.pub",
                "registry.redhat.io/organisation/of/many/paths/app:1.2.3  0123456789ab  unsigned",
            ]
        );
    }

    #[test]
    fn names_are_shortened_to_what_a_terminal_leaves_for_them() {
        let lines = table().lines(Some(80));
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        assert!(lines[1].starts_with("quay.io/org/app:1  "), "{lines:#?}");
        assert!(
            lines[2].starts_with("registry.redha…tion/of/many/paths/app:1.2.3  "),
            "{lines:#?}"
        );
        // Never to nothing; digests go first.
        let lines = table().lines(Some(10));
        assert_eq!(lines[2], "registr…/paths/app:1.2.3  unsigned", "{lines:#?}");
        assert_eq!(lines[0], "IMAGE                     VERDICT");
    }
}
