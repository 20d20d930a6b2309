//! The courier with an outbox in memory and senders that do as they are told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::clock::ManualClock;
use crate::delivery::SendError;
use crate::delivery::trial::{START, delivery, email, sms, tells};

/// An outbox in memory, which outlives a courier as a store outlives a process.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Rows>>);

#[derive(Default)]
struct Rows {
    rows: BTreeMap<u64, Delivery>,
    last: u64,
    /// How many removals fail before one succeeds.
    stuck: usize,
}

impl Shelf {
    fn add(&self, delivery: Delivery) -> u64 {
        let mut shelf = self.0.lock().unwrap();
        shelf.last += 1;
        let row = shelf.last;
        let mut id = [0; 16];
        id[8..].copy_from_slice(&row.to_be_bytes());
        shelf.rows.insert(row, Delivery { id, ..delivery });
        row
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().rows.len()
    }
}

impl Outbox for Shelf {
    fn due(&self, after: u64, limit: usize) -> Result<Vec<(u64, Delivery)>, OutboxError> {
        let shelf = self.0.lock().unwrap();
        Ok(shelf.rows.range(after + 1..).take(limit).map(|(row, it)| (*row, it.clone())).collect())
    }

    async fn done(&self, row: u64) -> Result<(), OutboxError> {
        let mut shelf = self.0.lock().unwrap();
        if shelf.stuck > 0 {
            shelf.stuck -= 1;
            return Err(OutboxError("overloaded".to_owned()));
        }
        shelf.rows.remove(&row);
        Ok(())
    }
}

/// A sender that does as it is told and keeps the ids that it was given.
struct Puppet {
    sent: Mutex<Vec<[u8; 16]>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    takes: Duration,
    answer: fn(usize) -> Result<(), SendError>,
}

impl Puppet {
    fn new(takes: Duration, answer: fn(usize) -> Result<(), SendError>) -> Arc<Self> {
        let (at_once, most_at_once) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { sent: Mutex::default(), at_once, most_at_once, takes, answer })
    }

    fn willing() -> Arc<Self> {
        Self::new(Duration::ZERO, |_| Ok(()))
    }

    fn sent(&self) -> Vec<[u8; 16]> {
        self.sent.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl Sender for Puppet {
    async fn send(&self, delivery: &Delivery) -> Result<(), SendError> {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let attempt = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(delivery.id);
            sent.len()
        };
        tokio::time::sleep(self.takes).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        (self.answer)(attempt)
    }
}

/// A courier at work.
struct Work {
    shelf: Shelf,
    clock: Arc<ManualClock>,
    wake: Arc<Notify>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Work {
    fn start(shelf: &Shelf, sms: &Arc<Puppet>, email: &Arc<Puppet>) -> Self {
        let pace = Pace {
            first: Duration::from_millis(5),
            longest: Duration::from_millis(20),
            look: Duration::from_secs(600),
            grace: Duration::from_millis(50),
        };
        let (sms, email): (Arc<dyn Sender>, Arc<dyn Sender>) = (sms.clone(), email.clone());
        let courier = Courier { routes: Routes { sms: Some(sms), email: Some(email) }, pace };
        let (clock, wake) = (Arc::new(ManualClock::at(START)), Arc::new(Notify::new()));
        let stop = CancellationToken::new();
        let dial: Arc<ManualClock> = Arc::clone(&clock);
        let running = tokio::spawn(courier.run(shelf.clone(), Arc::clone(&wake), dial, stop.clone()));
        Self { shelf: shelf.clone(), clock, wake, stop, running }
    }

    fn add(&self, delivery: Delivery) -> u64 {
        let row = self.shelf.add(delivery);
        self.wake.notify_one();
        row
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(2), self.running).await.unwrap().unwrap();
    }
}

async fn until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.expect("it never came true");
}

fn numbered(ids: &[[u8; 16]]) -> Vec<u8> {
    let mut rows: Vec<u8> = ids.iter().map(|id| id[15]).collect();
    rows.sort_unstable();
    rows
}

#[tokio::test]
async fn every_channel_gets_its_messages_and_their_rows_are_removed() {
    let (shelf, sms_way, mail_way) = (Shelf::default(), Puppet::willing(), Puppet::willing());
    shelf.add(sms("A")); // Was there before the courier came.
    let work = Work::start(&shelf, &sms_way, &mail_way);
    work.add(email("A"));
    work.add(sms("A"));
    until(|| shelf.len() == 0).await;
    assert_eq!((numbered(&sms_way.sent()), numbered(&mail_way.sent())), (vec![1, 3], vec![2]));
    work.stop().await;
}

#[tokio::test]
async fn a_message_to_nobody_leaves_the_outbox_and_is_sent_by_nobody() {
    let (shelf, way) = (Shelf::default(), Puppet::willing());
    let work = Work::start(&shelf, &way, &way);
    work.add(delivery(None, "A"));
    until(|| shelf.len() == 0).await;
    assert!(way.sent().is_empty());
    work.stop().await;
}

#[tokio::test]
async fn a_backlog_of_many_pages_is_delivered_once_each_by_at_most_sixteen_at_once() {
    let way = Puppet::new(Duration::from_millis(1), |_| Ok(()));
    let shelf = Shelf::default();
    for _ in 0..PAGE * 3 + 5 {
        shelf.add(sms("A"));
    }
    let work = Work::start(&shelf, &way, &Puppet::willing());
    until(|| shelf.len() == 0).await;
    let mut sent = way.sent();
    sent.sort_unstable();
    sent.dedup();
    assert_eq!((sent.len(), way.sent().len()), (PAGE * 3 + 5, PAGE * 3 + 5));
    assert_eq!(way.most_at_once.load(Ordering::SeqCst), ATTEMPTS);
    work.stop().await;
}

#[tokio::test]
async fn a_crash_between_sending_and_removing_sends_again_under_the_same_id() {
    let (shelf, way) = (Shelf::default(), Puppet::willing());
    shelf.0.lock().unwrap().stuck = usize::MAX; // Nothing can be recorded.
    let first = Work::start(&shelf, &way, &way);
    first.add(email("A"));
    until(|| way.sent().len() == 1).await;
    first.running.abort();
    assert!(first.running.await.unwrap_err().is_cancelled());
    assert_eq!(shelf.len(), 1);
    shelf.0.lock().unwrap().stuck = 0;
    let second = Work::start(&shelf, &way, &way);
    until(|| shelf.len() == 0).await;
    let sent = way.sent();
    assert_eq!((sent.len(), sent[0]), (2, sent[1]));
    second.stop().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_removed_yet_is_not_sent_again_meanwhile() {
    let (shelf, way) = (Shelf::default(), Puppet::willing());
    shelf.0.lock().unwrap().stuck = 3;
    let work = Work::start(&shelf, &way, &way);
    work.add(email("A"));
    until(|| shelf.len() == 0).await;
    assert_eq!(way.sent().len(), 1);
    work.stop().await;
}

#[tokio::test]
async fn what_fails_for_now_is_tried_again_and_what_is_refused_is_not() {
    let flaky = Puppet::new(Duration::ZERO, |attempt| match attempt {
        1..=3 => Err(SendError::temporary("busy")),
        _ => Ok(()),
    });
    let strict = Puppet::new(Duration::ZERO, |_| Err(SendError::permanent("no")));
    let shelf = Shelf::default();
    let work = Work::start(&shelf, &flaky, &strict);
    work.add(sms("A"));
    work.add(email("A"));
    until(|| shelf.len() == 0).await;
    assert_eq!((flaky.sent().len(), strict.sent().len()), (4, 1));
    work.stop().await;
}

#[tokio::test]
async fn a_code_that_has_become_useless_is_dropped() {
    let busy = Puppet::new(Duration::ZERO, |_| Err(SendError::temporary("busy")));
    let shelf = Shelf::default();
    let work = Work::start(&shelf, &busy, &busy);
    work.add(sms("A"));
    until(|| busy.sent().len() > 2).await;
    assert_eq!(shelf.len(), 1);
    work.clock.advance(600_000);
    until(|| shelf.len() == 0).await;
    work.stop().await;
}

#[tokio::test]
async fn a_stuck_gateway_does_not_hold_up_the_other_channel() {
    let (stuck, way) = (Puppet::new(Duration::from_secs(600), |_| Ok(())), Puppet::willing());
    let shelf = Shelf::default();
    let work = Work::start(&shelf, &stuck, &way);
    for _ in 0..PAGE * 2 {
        work.add(sms("A"));
    }
    work.add(email("A"));
    until(|| shelf.len() == PAGE * 2).await;
    assert_eq!((stuck.sent().len(), way.sent().len()), (ATTEMPTS, 1));
    work.stop().await; // Within two seconds, with sixteen attempts stuck.
}

#[tokio::test]
async fn one_bad_address_does_not_hold_up_the_others() {
    let way = Puppet::new(Duration::ZERO, |_| Ok(()));
    let picky =
        Puppet::new(
            Duration::ZERO,
            |attempt| {
                if attempt == 1 { Err(SendError::temporary("busy")) } else { Ok(()) }
            },
        );
    let shelf = Shelf::default();
    for _ in 0..40 {
        shelf.add(email("A"));
    }
    let work = Work::start(&shelf, &way, &picky);
    until(|| shelf.len() == 0).await;
    assert_eq!(picky.sent().len(), 41);
    work.stop().await;
}

#[tokio::test]
async fn an_attempt_that_panics_is_made_again_after_a_restart_and_costs_no_hand() {
    let fragile = Puppet::new(Duration::ZERO, |attempt| {
        assert!(attempt > ATTEMPTS, "an attempt that was told to fail badly");
        Ok(())
    });
    let shelf = Shelf::default();
    for _ in 0..ATTEMPTS + 4 {
        shelf.add(sms("A"));
    }
    let work = Work::start(&shelf, &fragile, &Puppet::willing());
    until(|| shelf.len() == ATTEMPTS).await;
    work.stop().await;
    let work = Work::start(&shelf, &fragile, &Puppet::willing());
    until(|| shelf.len() == 0).await;
    work.stop().await;
}

#[tokio::test]
async fn a_channel_that_is_not_configured_any_more_does_not_fill_the_outbox() {
    let shelf = Shelf::default();
    let row = shelf.add(sms("A"));
    let courier = Courier { routes: Routes::default(), pace: Pace::USUAL };
    let (stop, clock) = (CancellationToken::new(), Arc::new(ManualClock::at(START)));
    let running = tokio::spawn(courier.run(shelf.clone(), Arc::new(Notify::new()), clock, stop.clone()));
    until(|| shelf.len() == 0).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(row, 1);
}

#[test]
fn waits_double_up_to_a_minute_and_differ_from_row_to_row() {
    let seconds = |failures, row| Pace::USUAL.wait(failures, row).as_secs_f64();
    for (failures, shortest) in [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (u32::MAX, 60.0)] {
        for row in 1..100 {
            assert!((shortest..shortest * 1.5).contains(&seconds(failures, row)), "{failures} {row}");
        }
    }
    assert!((1..100).any(|row| seconds(1, row) > 1.25) && (1..100).any(|row| seconds(1, row) < 1.25));
}

#[test]
fn nothing_personal_is_in_what_is_printed_for_developers() {
    for delivery in [sms("A"), email("A")] {
        assert!(!tells(&format!("{delivery:?} {:?}", delivery.to)), "{delivery:?}");
    }
    let error = SendError::permanent("no");
    assert_eq!(format!("{error} {:?}", OutboxError("x".to_owned())), "no OutboxError(\"x\")");
}
