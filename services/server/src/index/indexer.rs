//! The two threads that keep the index: one takes in newcomers, the other builds segments.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use plinth_biometrics::cylinder::FingerFeatures;
use plinth_identity::id::Sequence;
use plinth_storage::{IndexManifest, Reader, Segment, StoreError};
use tracing::{error, info};

use super::build::{Sources, kept};
use super::young::Young;
use super::{Generation, Hashed, Index, VERSION, end, first_manifest, read_in};
use crate::registrar::{Clerk, Note};

/// Somebody who has entered the gallery.
pub(crate) struct Arrival {
    pub(crate) sequence: Sequence,
    pub(crate) fingers: Arc<Vec<FingerFeatures>>,
    /// Their postings, if they were made already.
    pub(crate) hashed: Option<Hashed>,
}

/// Why the builder stopped before its work was done.
enum Halt {
    /// The service ends.
    Ended,
    Store(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// So few newest people are read in no time, and make no segment of their own when nobody comes any more.
const FEWEST: u32 = 512;
/// How long to wait for what happens at once.
const MOMENT: Duration = Duration::from_millis(5);

/// What the builder is woken for.
enum Order {
    /// There may be enough newest people for a segment.
    Look,
    /// An index of another generation is wanted.
    Renew,
    /// Nobody comes any more: whoever is in memory goes into a segment, and then somebody waits no longer.
    Finish(Sender<()>),
}

/// Both threads. Dropping it ends them and waits for that: whatever was not finished is built anew by the next service.
pub(crate) struct Indexer {
    arrivals: Option<Sender<Vec<Arrival>>>,
    threads: Vec<JoinHandle<()>>,
}

/// Asks the builder for an index of another generation.
#[derive(Clone)]
pub(crate) struct Foreman(Sender<Order>);

impl Foreman {
    /// Wakes the builder; it reads from the store what is to be built.
    pub(crate) fn renew(&self) {
        drop(self.0.send(Order::Renew));
    }

    /// Has a segment made of the newest people, so that no start has to read them. Blocks until it is; whoever enters the
    /// gallery meanwhile may or may not be in it.
    pub(crate) fn finish(&self) {
        let (done, wait) = channel();
        drop(self.0.send(Order::Finish(done)));
        // An error means that the builder has ended, which leaves nothing to wait for.
        _ = wait.recv();
    }
}

impl Indexer {
    /// Starts both threads.
    pub(crate) fn start(
        index: &Arc<Index>,
        reader: &Reader,
        clerk: Clerk,
        most: u32,
    ) -> std::io::Result<(Self, Foreman)> {
        let (arrivals, arrived) = channel();
        let (orders, ordered) = channel();
        let (feeding, look) = (Arc::clone(index), orders.clone());
        let feeder = std::thread::Builder::new()
            .name("index-newest".into())
            .spawn(move || feed(&feeding, &arrived, &look, most))?;
        let builder = Builder { index: Arc::clone(index), reader: reader.clone(), clerk, most: most.max(1) };
        // A build that the last service did not finish goes on.
        drop(orders.send(Order::Renew));
        drop(orders.send(Order::Look));
        let builder =
            std::thread::Builder::new().name("index-builder".into()).spawn(move || builder.run(&ordered))?;
        Ok((Self { arrivals: Some(arrivals), threads: vec![feeder, builder] }, Foreman(orders)))
    }

    /// Hands over people who are durable now, in the order of their sequence numbers.
    pub(crate) fn arrived(&self, people: Vec<Arrival>) {
        if let Some(arrivals) = &self.arrivals {
            drop(arrivals.send(people));
        }
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.arrivals = None;
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn feed(index: &Index, arrived: &Receiver<Vec<Arrival>>, builder: &Sender<Order>, most: u32) {
    while let Ok(people) = arrived.recv() {
        index.arrive(people);
        if index.newest() >= most {
            drop(builder.send(Order::Look));
        }
    }
}

struct Builder {
    index: Arc<Index>,
    reader: Reader,
    clerk: Clerk,
    /// A segment is made when there are so many newest people.
    most: u32,
}

impl Builder {
    fn run(self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let done = match order {
                Order::Look => self.settle(self.most),
                Order::Renew => self.renew(),
                Order::Finish(_done) => {
                    self.wait_for_newest();
                    self.settle(FEWEST)
                }
            };
            match done {
                Ok(()) => {}
                Err(Halt::Ended) => return,
                // Searches go on over what there is; the next service reads everything from the feature rows again.
                Err(Halt::Store(error)) => error!(%error, "the index could not be brought up to date"),
            }
        }
    }

    /// Waits until whoever is durable is within reach of searches: they are handed over a moment later.
    fn wait_for_newest(&self) {
        while self.index.until() < self.reader.head().next_sequence && !self.clerk.has_ended() {
            std::thread::sleep(MOMENT);
        }
    }

    /// Makes a segment of the newest people, if there are `enough`, and of the segments before them that are not much larger.
    fn settle(&self, enough: u32) -> Result<(), Halt> {
        if self.index.newest() < enough && self.index.settled().frozen.is_none() {
            return Ok(());
        }
        // What an earlier failure has left frozen is built first.
        let frozen = self.index.settled().frozen.clone().unwrap_or_else(|| self.index.freeze());
        let settled = self.index.settled();
        let segments = &settled.manifest.segments;
        let sizes: Vec<u64> = segments.iter().map(|segment| segment.people).collect();
        let stay = kept(&sizes, u64::from(frozen.people()));
        let taken = segments.get(stay).map_or_else(|| frozen.from(), |segment| segment.from);
        let dead = self.dead(taken, frozen.until())?;
        let view = settled.view.as_deref();
        let sources = Sources { segments: &segments[stay..], view, young: Some(&frozen), dead: &dead };
        let manifest = self.built(&settled.manifest, stay, &sources)?;
        // An index that is being built beside this one may still hold them.
        let buried = if self.reader.building_manifest()?.is_some() { HashSet::new() } else { dead };
        self.commit(Box::new(move |staged| {
            staged.put_index_manifest(&manifest);
            buried.iter().for_each(|gone| staged.clear_tombstone(*gone));
            Ok(())
        }))?;
        self.index.adopt()?;
        // What this has replaced goes when the last search of it has ended.
        drop(settled);
        Ok(self.reader.sweep_segments()?)
    }

    /// Whoever of a range has left the gallery.
    fn dead(&self, from: Sequence, until: Sequence) -> Result<HashSet<Sequence>, StoreError> {
        const AT_ONCE: usize = 4_096;
        let (mut dead, mut next) = (HashSet::new(), from);
        loop {
            let some = self.reader.tombstones(next, AT_ONCE)?;
            let last = some.last().copied();
            dead.extend(some.iter().filter(|gone| **gone < until));
            match last {
                Some(last) if some.len() == AT_ONCE && last < until => next = last.next(),
                _ => return Ok(dead),
            }
        }
    }

    /// The manifest with everything from segment `stay` on replaced by a new segment of the sources.
    fn built(&self, old: &IndexManifest, stay: usize, sources: &Sources<'_>) -> Result<IndexManifest, Halt> {
        let mut manifest = old.clone();
        let id = self.next_segment()?;
        let segment = sources.build(&self.reader, id, &|| self.clerk.has_ended())?.ok_or(Halt::Ended)?;
        let Segment { people, postings, bytes, .. } = segment;
        info!(people, postings, bytes, "a segment of the index is built");
        manifest.segments.truncate(stay);
        manifest.segments.push(segment);
        manifest.next_segment = id.saturating_add(1);
        Ok(manifest)
    }

    /// An id that no segment ever had: both manifests take theirs from one series.
    fn next_segment(&self) -> Result<u32, StoreError> {
        let building = self.reader.building_manifest()?.map_or(0, |manifest| manifest.next_segment);
        Ok(self.index.settled().manifest.next_segment.max(building).max(1))
    }

    /// Goes on with the index of another generation, until it takes the place of this one. Every segment that is finished
    /// on the way is kept when the service ends.
    fn renew(&self) -> Result<(), Halt> {
        let Some(mut building) = self.reader.building_manifest()? else { return Ok(()) };
        if building.version != VERSION {
            // Begun by a program with another algorithm: what it built is of no use to this one.
            building = IndexManifest {
                epoch: building.epoch,
                next_segment: building.next_segment,
                ..first_manifest()
            };
        }
        let generation = Generation::of(&self.reader, &building);
        loop {
            if self.clerk.has_ended() {
                return Err(Halt::Ended);
            }
            let (begun, head) = (end(&building), self.reader.head().next_sequence);
            if head.get().saturating_sub(begun.get()) < u64::from(self.most) {
                break;
            }
            let mut young = Young::new(begun);
            let until = Sequence::new(begun.get().saturating_add(u64::from(self.most)));
            read_in(&self.reader, &generation, &mut young, until)?;
            let sizes: Vec<u64> = building.segments.iter().map(|segment| segment.people).collect();
            let stay = kept(&sizes, u64::from(young.people()));
            let view = self.reader.building_index()?;
            let dead = self.dead(begun, young.until())?;
            let segments = &building.segments[stay..];
            let sources = Sources { segments, view: view.as_ref(), young: Some(&young), dead: &dead };
            let grown = self.built(&building, stay, &sources)?;
            building = grown;
            let progress = building.clone();
            self.commit(Box::new(move |staged| {
                staged.put_building_manifest(&progress);
                Ok(())
            }))?;
            drop(view);
            self.reader.sweep_segments()?;
            info!(people = end(&building).get() - 1, of = head.get() - 1, "the new index grows");
        }
        self.commit(Box::new(move |staged| {
            staged.put_index_manifest(&building);
            staged.remove_building_manifest();
            Ok(())
        }))?;
        self.index.renew()?;
        info!("the new index has taken the place of the old one");
        Ok(self.reader.sweep_segments()?)
    }

    fn commit(&self, note: Note) -> Result<(), Halt> {
        self.clerk.note(note).map_err(|_| Halt::Ended)
    }
}
