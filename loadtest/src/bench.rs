use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::bare::verify_and_sign_us;
use crate::call::Call;
use crate::durable::Durable;
use crate::echo::{Echoing, Work};
use crate::enrolment::{Enrolled, enrol};
use crate::load::{Event, Load, Phase, drive};
use crate::measurement::{Latency, Measurement, Tally};
use crate::parties::Parties;
use crate::people::{People, Stored};
use crate::process::cpu_time;
use crate::question::{Question, ask};
use crate::report::Floor;
use crate::service::{Premises, Service};
use crate::setting::Setting;
use crate::share::Share;
use crate::target::Target;

/// A service, parties that it knows, and people to ask it about: what every load needs.
pub(crate) struct Bench {
    parties: Parties,
    people: People,
    pub(crate) enrolled: Enrolled,
    /// Of the service, where it is known.
    process_id: Option<u32>,
    pub(crate) connections: u32,
    pub(crate) in_flight: u32,
    seed: u64,
    /// Loads so far: each has arrivals and questions of its own.
    loads: AtomicU64,
}

/// Where a service is reached.
pub(crate) struct Address<'a> {
    pub(crate) url: &'a str,
    pub(crate) admin_url: &'a str,
    pub(crate) admin_id: &'a str,
    pub(crate) admin_key: &'a Path,
    pub(crate) process_id: Option<u32>,
}

/// What holds unless the command line says otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Defaults {
    pub(crate) connections: u32,
    pub(crate) in_flight: u32,
}

impl Defaults {
    /// As many connections as a handful of relying parties have.
    pub(crate) const ORDINARY: Self = Self { connections: 4, in_flight: 2_048 };
    /// More requests at once than a service takes in hand (1,024), so that it is the service that turns them away.
    pub(crate) const CROWD: Self = Self { connections: 16, in_flight: 4_096 };
}

/// What a load came to.
pub(crate) struct Loaded {
    pub(crate) tally: Tally,
    pub(crate) latency: Latency,
    /// Answers a second, from the beginning to the last one.
    pub(crate) achieved_per_second: f64,
    /// CPU of the service, in all.
    pub(crate) server_cpu: Option<Duration>,
    /// CPU of this program while it sent and verified; what it signed before is not in it.
    pub(crate) client_cpu: Duration,
    pub(crate) seconds: f64,
}

/// The messages of one call, to make a floor of the same sizes.
pub(crate) struct Sample {
    pub(crate) request_bytes: usize,
    pub(crate) answer_bytes: usize,
    answer_payload_bytes: usize,
    verify_and_sign_idle_us: f64,
}

/// Sets a service up, with whoever is to be in its store.
pub(crate) async fn furnish(
    premises: &Premises,
    setting: &Setting,
    defaults: Defaults,
) -> anyhow::Result<(Service, Bench)> {
    let (rooms, seed) = (premises.clone(), setting.seed);
    let (service, stored) = tokio::task::spawn_blocking(move || Service::set_up(&rooms, seed)).await??;
    let key = service.administrator_key();
    let address = Address {
        url: &service.url,
        admin_url: &service.admin_url,
        admin_id: "admin-1",
        admin_key: &key,
        process_id: Some(service.process_id()),
    };
    let bench = Bench::at(&address, setting, defaults, stored).await?;
    Ok((service, bench))
}

impl Bench {
    /// Registers parties with a service that runs, and enrols people.
    pub(crate) async fn at(
        address: &Address<'_>,
        setting: &Setting,
        defaults: Defaults,
        stored: Option<Stored>,
    ) -> anyhow::Result<Self> {
        let connections = setting.connections.unwrap_or(defaults.connections);
        let administrator = (address.admin_id, address.admin_key);
        let parties = Parties::register(address.url, address.admin_url, administrator, connections).await?;
        eprintln!("enrolling {} people", setting.people);
        // Behind whoever is in the store: nobody is there twice.
        let first = u64::try_from(stored.as_ref().map_or(0, Stored::count))?;
        let (people, enrolled) = enrol(&parties.agency, setting, first).await?;
        Ok(Self {
            parties,
            people: People::new(people, stored),
            enrolled,
            process_id: address.process_id,
            connections,
            in_flight: setting.in_flight.unwrap_or(defaults.in_flight),
            seed: setting.seed,
            loads: AtomicU64::new(0),
        })
    }

    /// A load of one rate.
    pub(crate) fn steady(&self, rate: u32, seconds: u32) -> Load {
        self.phases(vec![Phase { rate, seconds }])
    }

    /// A load of several rates, one after the other.
    pub(crate) fn phases(&self, phases: Vec<Phase>) -> Load {
        // Were they all alike, the same people would be asked about wrongly each time, until they were locked.
        let load = self.loads.fetch_add(1, Ordering::Relaxed);
        Load { phases, in_flight: self.in_flight, seed: self.seed.wrapping_add(load << 8) }
    }

    /// How many people a call may be about.
    pub(crate) fn people(&self, call: Call) -> usize {
        self.people.count(call.kind)
    }

    /// Sends one question, which measures the messages and wakes everything up.
    pub(crate) async fn sample(&self, call: Call) -> anyhow::Result<Sample> {
        let by = self.asker()?;
        let one = [Duration::ZERO];
        let question =
            ask(by, &self.people, call.kind, &one, self.seed.wrapping_add(1))?.pop().context("a question")?;
        let answer = by.authenticate(&question.request).await?;
        let answer_payload_bytes = answer.envelope.payload().len();
        Ok(Sample {
            request_bytes: question.request.to_bytes().len(),
            answer_bytes: answer.to_bytes().len(),
            answer_payload_bytes,
            verify_and_sign_idle_us: verify_and_sign_us(
                question.request.envelope(),
                &self.parties.relying_party_key,
                answer_payload_bytes,
            )?,
        })
    }

    /// Loads the service; every answer is verified.
    pub(crate) async fn load(&self, call: Call, load: &Load) -> anyhow::Result<Loaded> {
        self.watch(call, load, Share::ALL, |_| {}).await
    }

    /// Loads the service, verifies a share of the answers, and shows what becomes of each question.
    pub(crate) async fn watch(
        &self,
        call: Call,
        load: &Load,
        verify: Share,
        see: impl FnMut(&Event),
    ) -> anyhow::Result<Loaded> {
        self.drive(Target::of(call.form, &self.parties, verify), call, load, self.process_id, see).await
    }

    /// Loads an echo with messages of the same sizes, first one that does nothing, then one that also verifies and signs:
    /// what a call costs a server at this rate on this machine while the client is at work beside it.
    pub(crate) async fn floor(
        &self,
        call: Call,
        load: &Load,
        sample: &Sample,
        durable_write_us: Option<f64>,
    ) -> anyhow::Result<Floor> {
        let key = self.parties.relying_party_key;
        let (call_us, call_latency) = self.echo(call, load, sample, Work::Nothing).await?;
        let (call_and_crypto_us, call_and_crypto_latency) =
            self.echo(call, load, sample, Work::Crypto(&key)).await?;
        Ok(Floor {
            call_us,
            call_latency,
            call_and_crypto_us,
            call_and_crypto_latency,
            verify_and_sign_idle_us: sample.verify_and_sign_idle_us,
            durable_write_us,
        })
    }

    async fn echo(
        &self,
        call: Call,
        load: &Load,
        sample: &Sample,
        work: Work<'_>,
    ) -> anyhow::Result<(f64, Latency)> {
        let echo = Echoing::start(sample.answer_payload_bytes, work)?;
        let target = echo.connect(self.connections).await?;
        let loaded = self.drive(target, call, load, Some(echo.process_id()), |_| {}).await?;
        let Tally { echoed, errors, .. } = &loaded.tally;
        ensure!(*echoed > 0, "the echo answered nothing: {errors:?}");
        let cpu = loaded.server_cpu.context("the CPU time of the echo")?;
        Ok((each_us(cpu, *echoed), loaded.latency))
    }

    async fn drive(
        &self,
        target: Target,
        call: Call,
        load: &Load,
        process_id: Option<u32>,
        mut see: impl FnMut(&Event),
    ) -> anyhow::Result<Loaded> {
        let arrivals = load.arrivals();
        let questions: Vec<Question> = ask(self.asker()?, &self.people, call.kind, &arrivals, load.seed)?;
        let mut measurement = Measurement::new()?;
        let server = || process_id.map(cpu_time).transpose();
        let own = || cpu_time(std::process::id());
        let (server_before, own_before) = (server()?, own()?);
        let note = |event: Event| {
            measurement.note(&event.what);
            see(&event);
        };
        let elapsed = drive(Arc::new(target), questions, arrivals, load.in_flight, note).await?;
        let (server_after, own_after) = (server()?, own()?);
        let tally = measurement.tally().clone();
        if tally.answered() == 0 {
            bail!("no answer at all: {:?}", tally.errors);
        }
        let seconds = elapsed.as_secs_f64().max(f64::from(load.seconds()));
        Ok(Loaded {
            achieved_per_second: tally.answered() as f64 / seconds,
            latency: measurement.latency(),
            tally,
            server_cpu: server_before.zip(server_after).map(|(before, after)| after.saturating_sub(before)),
            client_cpu: own_after.saturating_sub(own_before),
            seconds,
        })
    }

    fn asker(&self) -> anyhow::Result<&plinth_client::RelyingParty> {
        self.parties.relying_parties.first().context("no connection")
    }
}

impl Loaded {
    /// CPU microseconds of the service a verdict.
    pub(crate) fn server_cpu_us(&self) -> Option<f64> {
        self.server_cpu.map(|cpu| each_us(cpu, self.tally.answered()))
    }

    /// CPU microseconds of this program a verdict.
    pub(crate) fn client_cpu_us(&self) -> f64 {
        each_us(self.client_cpu, self.tally.answered())
    }

    /// How many cores the service kept busy, and how many this program.
    pub(crate) fn cores(&self) -> (Option<f64>, f64) {
        let busy = |cpu: Duration| cpu.as_secs_f64() / self.seconds;
        (self.server_cpu.map(busy), busy(self.client_cpu))
    }
}

fn each_us(cpu: Duration, count: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// The floor of a durable write on the disk of a service that this program set up.
pub(crate) fn durable(premises: &Premises, service: &Service, seconds: u32) -> anyhow::Result<Durable> {
    let folder = service.folder.path("floor");
    std::fs::create_dir(&folder)?;
    eprintln!("measuring the floor of a durable write");
    Durable::measure(&premises.plinth, &folder, seconds)
}
