//! For trials only: authentications one at a time on the caller's own thread, each timed from its envelope to its staged
//! commit. The fsync that follows is left out of the time: its jitter would hide everything else.
//!
//! The steps are those of the service, called in the same order; only the hand-over between threads is missing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plinth_identity::dsse::Envelope;
use plinth_proto::authentication::v1::AuthenticationRequest;
use plinth_proto::status;
use plinth_storage::Staged;
use tokio_util::sync::CancellationToken;

use crate::ServeError;
use crate::authentication::question;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::core::Core;
use crate::directory::Directory;
use crate::gate::{Admission, Admitted, Origin, admit};
use crate::index::Index;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::registrar::{Answer, Committer, Considered, Registrar};
use crate::verdict::Stand;

/// A service without listeners, whose every step the caller takes.
pub struct Trial {
    core: Core,
    committer: Committer,
    staged: Option<(Staged, Vec<Answer>)>,
}

/// One timed authentication.
#[derive(Debug, Clone, Copy)]
pub struct Timed {
    /// From the envelope to the staged commit.
    pub elapsed: Duration,
    /// Bytes of the statement.
    pub statement_bytes: usize,
}

impl Trial {
    /// Opens a deployment that nobody serves.
    ///
    /// # Errors
    /// As [`crate::start`].
    pub fn open(config: &ServeConfig, clock: Arc<dyn Clock>) -> Result<Self, ServeError> {
        let root = crate::read_root_key(&config.root_key)?;
        let options = plinth_storage::StoreOptions::default();
        let (reader, writer) = plinth_storage::open(&config.data, &root, &options, crate::nonce_source())?;
        let directory = Arc::new(Directory::load(&reader)?);
        let metrics = Arc::new(Metrics::new());
        let index = Arc::new(Index::open(&reader, config.index.cache_bytes())?);
        let (registrar, committer, _) = Registrar::appoint(
            writer,
            reader.clone(),
            Arc::clone(&directory),
            config,
            Arc::clone(&clock),
            Arc::clone(&metrics),
            Arc::clone(&index),
        );
        let stores = (reader, registrar, index);
        let core = Core::new(config, stores, directory, (clock, metrics), CancellationToken::new());
        Ok(Self { core, committer, staged: None })
    }

    /// Takes one signed authentication as far as its staged commit. Without a decoy an unknown number is answered at
    /// once: the control, which the trial must notice.
    ///
    /// # Errors
    /// The refusal, if it was not decided.
    pub fn time(&mut self, envelope: &Envelope, decoy: bool) -> Result<Timed, status::Refusal> {
        let (mut staged, mut answers) =
            self.staged.take().unwrap_or_else(|| (self.committer.writer.stage(), Vec::new()));
        let envelope = envelope.into();
        let stand = if decoy { Stand::Decoy } else { Stand::Nobody };
        let begun = instant();
        let decided = self.decide(&mut staged, Some(envelope), stand);
        let elapsed = begun.elapsed();
        let decided = decided.map(|answer| {
            let statement_bytes = answer.payload.len();
            answers.push(answer);
            Timed { elapsed, statement_bytes }
        });
        self.staged = Some((staged, answers));
        Ok(decided?)
    }

    fn decide(
        &mut self,
        staged: &mut Staged,
        envelope: crate::gate::Signed,
        stand: Stand,
    ) -> Result<Answer, Refusal> {
        let admitted = match admit::<AuthenticationRequest>(&self.core, Origin::default(), envelope)? {
            Admission::Decided(answer) => return Ok(answer),
            Admission::New(admitted) => *admitted,
        };
        let Admitted { party, body, ask, .. } = admitted;
        let proposal = Box::new(question(&party, body)?.compared(&self.core, stand)?);
        let now = self.core.now()?;
        match self.committer.sit(staged, &mut Vec::new(), now, ask, proposal)? {
            Considered::Answered(answer, _) => Ok(answer),
            Considered::Overtaken(_) => Err(Refusal::overloaded()),
        }
    }

    /// Makes what was staged durable.
    ///
    /// # Errors
    /// [`ServeError::Transport`] with what the store said.
    pub fn commit(&mut self) -> Result<(), ServeError> {
        if let Some((staged, answers)) = self.staged.take() {
            self.committer
                .writer
                .commit(staged, answers)
                .map_err(|error| ServeError::Transport(error.to_string()))?;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch for trials; no decision depends on it")]
fn instant() -> Instant {
    Instant::now()
}
