use clap::ValueEnum;
use serde::Serialize;

use crate::question::Kind;

/// How questions travel to the service and answers back. Each form has a [`crate::target::Target`] of its own; another form
/// is another variant here and there, and a row of its own in every report.
#[derive(ValueEnum, Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// One call a question, and a signature each way.
    Unary,
    /// One call a question; verdicts are below signed roots.
    UnaryRoots,
    /// All questions over one stream a connection, and a signature each way.
    Stream,
    /// The same; verdicts are below signed roots.
    StreamRoots,
    /// The same; requests, too, are signed many at a time, after 20 ms of gathering on the client's side.
    BatchRoots,
}

/// What is measured: a kind of question in a form.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    pub(crate) kind: Kind,
    pub(crate) form: Form,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::UnaryRoots => "unary, roots",
            Self::Stream => "stream",
            Self::StreamRoots => "stream, roots",
            Self::BatchRoots => "batches, roots",
        }
    }
}

impl Call {
    /// What a row of a report is called.
    pub(crate) fn label(self) -> String {
        format!("{}, {}", self.kind.name(), self.form.name())
    }
}
