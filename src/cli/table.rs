//! Aligned columns on a terminal of any width.

use std::fmt::Write;

/// How a column's text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    Left,
    Right,
}

/// Between two columns.
const GAP: &str = "  ";

/// The table's text. Where a row is wider than `width`, columns go from the right: the first ones
/// say what a row is about, the whole is in `--json`.
pub fn table(head: &[(&str, Align)], rows: &[Vec<String>], width: usize) -> String {
    let widths: Vec<usize> = (0..head.len()).map(|at| column_width(head[at].0, rows, at)).collect();
    let shown = columns_shown(&widths, width);
    let mut text = String::new();
    let titles: Vec<String> = head.iter().map(|(title, _)| (*title).to_owned()).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate().take(shown) {
            let pad = " ".repeat(widths[at] - cell.chars().count());
            let gap = if at == 0 { "" } else { GAP };
            match head[at].1 {
                Align::Left => _ = write!(line, "{gap}{cell}{pad}"),
                Align::Right => _ = write!(line, "{gap}{pad}{cell}"),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn column_width(title: &str, rows: &[Vec<String>], at: usize) -> usize {
    let cells = rows.iter().map(|row| row[at].chars().count());
    cells.chain([title.chars().count()]).max().unwrap_or(0)
}

/// As many columns as fit, and at least two: a name and what it is about.
fn columns_shown(widths: &[usize], width: usize) -> usize {
    let mut used = 0;
    let mut fits = |column: &usize| {
        used += column + if used == 0 { 0 } else { GAP.len() };
        used <= width
    };
    widths.iter().take_while(|column| fits(column)).count().max(2).min(widths.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[(&str, Align)] = &[("line", Align::Left), ("state", Align::Left), ("frames", Align::Right)];

    fn rows() -> Vec<Vec<String>> {
        [["issuer-in", "up", "12"], ["b", "listening", "3456789"]].map(|row| row.map(str::to_owned).to_vec()).to_vec()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let text = "line       state       frames\nissuer-in  up              12\nb          listening  3456789\n";
        assert_eq!(table(HEAD, &rows(), 80), text);
    }

    #[test]
    fn a_narrow_terminal_loses_columns_from_the_right() {
        let text = "line       state\nissuer-in  up\nb          listening\n";
        assert_eq!(table(HEAD, &rows(), 28), text);
        assert_eq!(table(HEAD, &rows(), 1), text, "two are always there");
    }

    #[test]
    fn no_rows_leave_the_head() {
        assert_eq!(table(HEAD, &[], 80), "line  state  frames\n");
    }
}
