//! What was promised and what came of it, as a table.

use std::fmt;

use super::crowd::Kind;
use super::meter::Meter;
use super::questions::Question;
use super::tally::Tally;
use crate::table::Table;

/// Of ten thousand strangers' fingers a policy lets one through; among a thousand questions one yes too many is no
/// broken promise, among fewer it is.
const QUESTIONS_PER_FALSE_YES: usize = 1000;

/// The table of one performance.
pub(crate) struct Sheet {
    title: String,
    lines: Vec<Line>,
}

/// One figure, and what was promised about it.
struct Line {
    what: String,
    figure: String,
    promise: Option<Promise>,
}

struct Promise {
    text: String,
    kept: bool,
}

impl Sheet {
    /// The table of a tally; what is promised depends on who took part.
    pub(crate) fn new(kind: Kind, title: String, tally: &Tally) -> Self {
        let mut lines = newcomers(kind, tally);
        lines.extend(second_captures(kind, tally));
        lines.extend(index(kind, tally));
        lines.extend(questions(kind, tally));
        lines.push(Line::plain("answers verified offline", tally.verified.to_string()));
        let problems = usize::try_from(tally.problems).unwrap_or(usize::MAX);
        lines.push(Line::at_most("table rows that disagree", problems, 0, tally.verified));
        lines.push(Line::plain("enrolments a second", speed(&tally.enrolments)));
        lines.push(Line::plain("verdicts a second", speed(&tally.verdicts)));
        Self { title, lines }
    }

    /// Whether every promise of the table was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.lines.iter().filter_map(|line| line.promise.as_ref()).all(|promise| promise.kept)
    }
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[&self.title, "figure", "promised", ""]);
        for line in &self.lines {
            let (promise, kept) = match &line.promise {
                Some(promise) => (promise.text.as_str(), if promise.kept { "kept" } else { "BROKEN" }),
                None => ("", ""),
            };
            table.row([line.what.as_str(), &line.figure, promise, kept]);
        }
        table.fmt(f)
    }
}

impl Line {
    fn plain(what: &str, figure: String) -> Self {
        Self { what: what.to_owned(), figure, promise: None }
    }

    /// A count of some `of` that must not be above a limit.
    fn at_most(what: &str, count: usize, limit: usize, of: usize) -> Self {
        let text = if limit == 0 { "none".to_owned() } else { format!("at most {limit}") };
        Self {
            what: what.to_owned(),
            figure: if limit == 0 { count.to_string() } else { share(count, of) },
            promise: Some(Promise { text, kept: count <= limit }),
        }
    }

    /// A count of some `of` that must be at least so many per cent of them.
    fn at_least_percent(what: &str, count: usize, percent: usize, of: usize) -> Self {
        let text = if percent == 100 { "all".to_owned() } else { format!("at least {percent} %") };
        Self {
            what: what.to_owned(),
            figure: share(count, of),
            promise: Some(Promise { text, kept: 100 * count >= percent * of }),
        }
    }
}

fn newcomers(kind: Kind, tally: &Tally) -> Vec<Line> {
    let mut lines = vec![Line::plain("people enrolled", format!("{} of {}", tally.enrolled, tally.people))];
    if tally.new_refused > 0 {
        lines.push(Line::plain("  captures that cannot be used", tally.new_refused.to_string()));
    }
    lines.push(Line::at_most("  false duplicates", tally.false_duplicates, 0, tally.people));
    // Ten fingers leave no doubt; a single bad one leaves some.
    let limit = if kind == Kind::Fingers { tally.people * 5 / 100 } else { 0 };
    let mut doubtful = Line::at_most("  sent to adjudication", tally.new_adjudicated, limit, tally.people);
    if let Some(promise) = doubtful.promise.as_mut().filter(|_| limit > 0) {
        promise.text = "at most 5 %".to_owned();
    }
    lines.push(doubtful);
    lines
}

fn second_captures(kind: Kind, tally: &Tally) -> Vec<Line> {
    let second = tally.second();
    let (caught, together) = if kind == Kind::Fingers { (88, 91) } else { (100, 100) };
    let mut lines = vec![Line::plain("second captures", second.to_string())];
    if tally.refused > 0 {
        lines.push(Line::plain("  captures that cannot be used", tally.refused.to_string()));
    }
    lines.push(Line::at_least_percent("  called duplicate", tally.caught, caught, second));
    let with_adjudication = tally.caught + tally.adjudicated;
    lines.push(Line::at_least_percent("  or sent to adjudication", with_adjudication, together, second));
    lines.push(Line::plain("  missed, given another number", tally.missed.to_string()));
    lines
}

/// Three of 280 may be lost, and as many of any other number of captures.
fn index(kind: Kind, tally: &Tally) -> Vec<Line> {
    let Some(index) = tally.index else { return Vec::new() };
    let limit = if kind == Kind::Fingers { (3 * tally.second()).div_ceil(280) } else { 0 };
    let mut lines = vec![
        Line::plain("accepted by exhaustive matching", share(index.accepted, tally.second())),
        Line::at_most("  lost by the index", index.lost, limit, index.accepted),
    ];
    if let Some(padded) = &tally.padded {
        let what = format!("  lost among {} strangers ({} offered)", padded.strangers, padded.offered);
        lines.push(Line::at_most(&what, padded.loss.lost, limit, padded.loss.accepted));
    }
    lines
}

fn questions(kind: Kind, tally: &Tally) -> Vec<Line> {
    let mut lines = Vec::new();
    for (question, heard) in &tally.heard {
        let asked = heard.asked();
        lines.push(match question {
            // A single bad finger is often not recognised: that is reported, and nothing is promised.
            Question::OwnFingers if kind == Kind::Fingers => {
                Line::plain("yes to their own finger", share(heard.right, asked))
            }
            Question::OwnFingers => {
                Line::at_least_percent("yes to their own fingers", heard.right, 100, asked)
            }
            Question::OwnAttributes => Line::at_least_percent(
                "yes to their own name, date of birth, gender",
                heard.right,
                100,
                asked,
            ),
            Question::StrangersFingers => Line::at_most(
                &format!("wrong yes to somebody else's fingers, of {asked}"),
                heard.wrong,
                if kind == Kind::Fingers { asked / QUESTIONS_PER_FALSE_YES } else { 0 },
                asked,
            ),
            Question::StrangersAttributes => Line::at_most(
                &format!("wrong yes to somebody else's name, of {asked}"),
                heard.wrong,
                0,
                asked,
            ),
        });
    }
    lines
}

fn speed(meter: &Meter) -> String {
    format!(
        "{:.0} (p50 {:.1} ms, p99 {:.1} ms)",
        meter.rate(),
        meter.milliseconds(0.5),
        meter.milliseconds(0.99)
    )
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for the eye")]
fn share(count: usize, of: usize) -> String {
    format!("{count} of {of} ({:.1} %)", 100.0 * count as f64 / of.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::questions::Heard;
    use crate::demo::tally::IndexLoss;

    /// The figures that 40 fingers of 8 impressions just keep their promises with.
    fn barely() -> Tally {
        let mut tally = Tally::new(40).unwrap();
        (tally.enrolled, tally.new_adjudicated) = (40, 2);
        (tally.caught, tally.adjudicated, tally.missed) = (247, 8, 25);
        tally.index = Some(IndexLoss { accepted: 258, lost: 3 });
        tally.heard.insert(Question::OwnFingers, Heard { right: 30, wrong: 10, refused: 0 });
        tally.heard.insert(Question::StrangersFingers, Heard { right: 40, wrong: 0, refused: 0 });
        tally
    }

    fn kept(kind: Kind, change: impl FnOnce(&mut Tally)) -> bool {
        let mut tally = barely();
        change(&mut tally);
        Sheet::new(kind, "title".to_owned(), &tally).is_kept()
    }

    #[test]
    fn figures_at_the_limits_keep_the_promises_of_single_fingers() {
        assert!(kept(Kind::Fingers, |_| ()));
    }

    #[test]
    fn each_figure_beyond_its_limit_breaks_a_promise() {
        assert!(!kept(Kind::Fingers, |tally| tally.false_duplicates = 1));
        assert!(!kept(Kind::Fingers, |tally| tally.new_adjudicated = 3));
        assert!(!kept(Kind::Fingers, |tally| (tally.caught, tally.adjudicated) = (246, 9)));
        assert!(!kept(Kind::Fingers, |tally| (tally.adjudicated, tally.missed) = (7, 26)));
        assert!(!kept(Kind::Fingers, |tally| tally.index = Some(IndexLoss { accepted: 258, lost: 4 })));
        assert!(!kept(Kind::Fingers, |tally| tally.problems = 1));
        assert!(!kept(Kind::Fingers, |tally| {
            tally.heard.insert(Question::StrangersFingers, Heard { right: 39, wrong: 1, refused: 0 });
        }));
    }

    #[test]
    fn of_ten_fingers_everything_is_promised() {
        assert!(!kept(Kind::Sets, |_| ()));
        let all = |tally: &mut Tally| {
            (tally.new_adjudicated, tally.caught, tally.adjudicated, tally.missed) = (0, 28, 0, 0);
            tally.index = Some(IndexLoss { accepted: 28, lost: 0 });
            tally.heard.insert(Question::OwnFingers, Heard { right: 4, wrong: 0, refused: 0 });
        };
        assert!(kept(Kind::Sets, all));
        assert!(!kept(Kind::Sets, |tally| {
            all(tally);
            (tally.caught, tally.adjudicated) = (27, 1);
        }));
    }

    #[test]
    fn the_table_names_the_promise_that_is_broken() {
        let mut tally = barely();
        tally.false_duplicates = 1;
        let text = Sheet::new(Kind::Fingers, "title".to_owned(), &tally).to_string();
        assert!(
            text.lines().any(|line| line.contains("false duplicates") && line.ends_with("BROKEN")),
            "{text}"
        );
    }
}
