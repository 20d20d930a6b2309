//! Tables for people: plain, aligned, readable in a log file.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Table as Grid};

/// A table that is printed as a whole.
pub(crate) struct Table(Grid);

impl Table {
    /// An empty table with these headings; none leaves the heading out.
    pub(crate) fn new(headings: &[&str]) -> Self {
        let mut grid = Grid::new();
        grid.load_style(NOTHING);
        if !headings.is_empty() {
            grid.set_header(headings.iter().map(|heading| heading.to_uppercase()));
        }
        Self(grid)
    }

    /// Adds a row. Cells that hold a number stand to the right.
    pub(crate) fn row<C: ToString>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.0.add_row(cells.into_iter().map(|cell| {
            let text = printable(&cell.to_string());
            let side = if is_number(&text) { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(text).set_alignment(side)
        }));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.lines() {
            // Each cell has a space on either side; a table without borders begins at the margin all the same.
            writeln!(f, "{}", line.strip_prefix(' ').unwrap_or(&line).trim_end())?;
        }
        Ok(())
    }
}

/// Names come from outside: what could steer a terminal is shown as a replacement mark.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter })
        .collect()
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|letter| letter.is_ascii_digit() || " .,%".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_words_to_the_left() {
        let mut table = Table::new(&["what", "count"]);
        table.row(["enrolled", "7"]);
        table.row(["duplicates", "1200"]);
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].ends_with("    7"), "{text}");
        assert!(lines[2].ends_with(" 1200"), "{text}");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let mut table = Table::new(&[]);
        table.row(["\u{1b}[2Jgone"]);
        assert!(!table.to_string().contains('\u{1b}'));
    }
}
