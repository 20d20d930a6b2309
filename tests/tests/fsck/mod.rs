//! What `plinth fsck` looks at, for a store that nobody serves.

use plinth_server::config::ServeConfig;
use plinth_storage::{Counts, StoreOptions};
use rand::RngExt as _;
use rand::rngs::StdRng;

/// Holds every table of a stopped service against every other, and counts the rows.
pub(crate) fn must_be_clean(config: &ServeConfig) -> Counts {
    let mut rng = rand::make_rng::<StdRng>();
    let root_key = plinth_server::read_root_key(&config.root_key).unwrap();
    let nonces = Box::new(move || rng.random());
    let (reader, _writer) =
        plinth_storage::open(&config.data, &root_key, &StoreOptions::default(), nonces).unwrap();
    let report = plinth_storage::check(&reader, &mut |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    report.counts
}
