//! What went out over a stream, until it is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The requests that are out and unanswered, by correlation.
pub(crate) struct Waiting<T>(Arc<Mutex<Out<T>>>);

pub(crate) struct Out<T> {
    requests: BTreeMap<u64, T>,
    next: u64,
    /// Nothing is taken in any more: whoever is inside has been reported.
    pub(crate) closed: bool,
}

impl<T> Waiting<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Out { requests: BTreeMap::new(), next: 0, closed: false })))
    }

    pub(crate) fn answered(&self, correlation: u64) -> Option<T> {
        self.out().requests.remove(&correlation)
    }

    /// Takes nothing more in, and gives back whatever is unanswered.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut out = self.out();
        out.closed = true;
        std::mem::take(&mut out.requests).into_values().collect()
    }

    pub(crate) fn out(&self) -> MutexGuard<'_, Out<T>> {
        // The map is whole after every statement that touches it, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Out<T> {
    /// Remembers a request, and gives it its correlation: one more than the last one's.
    pub(crate) fn remember(&mut self, request: T) -> u64 {
        let correlation = self.next;
        self.next += 1;
        self.requests.insert(correlation, request);
        correlation
    }
}

impl<T> Clone for Waiting<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
