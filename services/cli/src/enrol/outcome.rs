//! What became of one application, and of all of them.

use plinth_identity::statement::{EnrolmentOutcome, EnrolmentStatement};
use serde::Serialize;

use crate::table::Table;

/// One line of the report.
#[derive(Serialize)]
pub(crate) struct Outcome {
    /// The application's file name.
    pub(crate) application: String,
    /// What happened.
    pub(crate) outcome: Kind,
    /// The number, if one was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<String>,
    /// The case, if administrators have to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) case: Option<u64>,
    /// The id of the request; its files in the report directory have the application's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decided_at: Option<String>,
    /// Where the decision stands in the service's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log_position: Option<u64>,
    /// Whether it had been answered before this run.
    pub(crate) before: bool,
    /// What is wrong, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// What can happen to an application.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A new person, with a number.
    Issued,
    /// Somebody who is enrolled already.
    Duplicate,
    /// Administrators have to decide.
    Pending,
    /// Administrators decided that no number is issued.
    Refused,
    /// The service does not take the application as it is.
    Rejected,
    /// The file or its records cannot be read.
    Unreadable,
    /// No answer yet.
    Unanswered,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Issued,
        Self::Duplicate,
        Self::Pending,
        Self::Refused,
        Self::Rejected,
        Self::Unreadable,
        Self::Unanswered,
    ];

    fn meaning(self) -> &'static str {
        match self {
            Self::Issued => "issued a number",
            Self::Duplicate => "duplicate: enrolled already",
            Self::Pending => "pending: administrators decide",
            Self::Refused => "refused by administrators",
            Self::Rejected => "rejected: to be corrected",
            Self::Unreadable => "unreadable: to be corrected",
            Self::Unanswered => "not answered",
        }
    }
}

impl Outcome {
    /// The outcome that the service stated.
    pub(crate) fn stated(application: String, statement: &EnrolmentStatement, before: bool) -> Self {
        let (outcome, number, case) = match &statement.outcome {
            EnrolmentOutcome::Issued { number } => (Kind::Issued, Some(number.reveal()), None),
            EnrolmentOutcome::Duplicate => (Kind::Duplicate, None, None),
            EnrolmentOutcome::Pending { case } => (Kind::Pending, None, Some(case.get())),
            EnrolmentOutcome::Refused => (Kind::Refused, None, None),
        };
        Self {
            application,
            outcome,
            number,
            case,
            request_id: Some(statement.request_id.to_string()),
            decided_at: Some(statement.header.decided_at.to_string()),
            log_position: Some(statement.header.log_position.get()),
            before,
            problem: None,
        }
    }

    /// An application that was not decided.
    pub(crate) fn problem(application: String, outcome: Kind, problem: String) -> Self {
        Self {
            application,
            outcome,
            number: None,
            case: None,
            request_id: None,
            decided_at: None,
            log_position: None,
            before: false,
            problem: Some(problem),
        }
    }
}

/// How many of each.
pub(crate) struct Summary {
    rows: Vec<(Kind, usize, usize)>,
    /// Those that must be sent again as they are.
    pub(crate) unanswered: usize,
    /// Those whose file must be corrected first.
    pub(crate) to_correct: usize,
}

impl Summary {
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let row = |kind| {
            let of_kind = || outcomes.iter().filter(move |outcome| outcome.outcome == kind);
            (kind, of_kind().count(), of_kind().filter(|outcome| outcome.before).count())
        };
        let rows = Kind::ALL.map(row);
        let count =
            |kind| rows.iter().filter(|(of, ..)| *of == kind).map(|(_, people, _)| people).sum::<usize>();
        Self {
            unanswered: count(Kind::Unanswered),
            to_correct: count(Kind::Rejected) + count(Kind::Unreadable),
            rows: rows.to_vec(),
        }
    }

    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new(&["outcome", "people", "of them before"]);
        for (kind, people, before) in self.rows.iter().filter(|(_, people, _)| *people > 0) {
            table.row([kind.meaning().to_owned(), people.to_string(), before.to_string()]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_report_says_what_is_known_and_nothing_else() {
        let line = Outcome::problem("ada.json".into(), Kind::Unanswered, "the service is down".into());
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"application":"ada.json","outcome":"unanswered","before":false,"problem":"the service is down"}"#
        );
    }

    #[test]
    fn a_summary_tells_what_is_left_to_do() {
        let of = |kind| Outcome::problem(String::new(), kind, String::new());
        let summary =
            Summary::of(&[of(Kind::Unanswered), of(Kind::Rejected), of(Kind::Unreadable), of(Kind::Issued)]);
        assert_eq!((summary.unanswered, summary.to_correct), (1, 2));
    }
}
