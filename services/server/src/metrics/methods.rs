//! The methods that there are, and how often each was called, with which result, and for how long.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;

use super::Labels;

/// gRPC's codes by their numbers, under the names that its specification gives them.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The methods whose time is counted by party, too.
const AUTHENTICATIONS: [&str; 2] = [
    "plinth.authentication.v1.AuthenticationService/Authenticate",
    "plinth.authentication.v1.AuthenticationService/AuthenticateMany",
];

/// Every method of the service's own descriptors. A path that is none of them is the method `unknown`: whoever calls what
/// does not exist must not make the page grow.
pub(super) struct Methods {
    /// By the path that a call arrives with.
    known: HashMap<String, Arc<Method>>,
    unknown: Arc<Method>,
}

/// One method, and what is counted of it.
pub(crate) struct Method {
    /// Package, service and method, as gRPC writes them without the first slash.
    pub(crate) name: String,
    /// Whether one call carries any number of requests: each is timed where it is answered, and the call is not.
    many: bool,
    /// Whether each party's own requests are timed.
    pub(super) by_party: bool,
    calls: Results,
    messages: Results,
    seconds: Histogram,
}

/// Counters of one method by result. Each is made when its code is first met, so that the page holds only what happened.
struct Results {
    counters: [OnceLock<Counter>; CODES.len()],
    family: Family<Labels, Counter>,
}

type Timings = Family<Labels, Histogram, fn() -> Histogram>;

impl Methods {
    /// Every method at nought, on the page of `registry`.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let calls = Family::<Labels, Counter>::default();
        let messages = Family::<Labels, Counter>::default();
        // From half a millisecond to four seconds, doubling.
        let seconds: Timings =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(5e-4, 2.0, 14)));
        registry.register("calls", "Calls that ended, by method and gRPC code", calls.clone());
        registry.register(
            "stream_messages",
            "Requests of streams that were answered, by method and gRPC code",
            messages.clone(),
        );
        registry.register(
            "call_seconds",
            "Time of a call, or of one request of a stream, by method",
            seconds.clone(),
        );
        let make = |name: String, many: bool| {
            Arc::new(Method {
                by_party: AUTHENTICATIONS.contains(&name.as_str()),
                seconds: seconds.get_or_create_owned(&vec![("method", Cow::Owned(name.clone()))]),
                calls: Results::new(&calls),
                messages: Results::new(&messages),
                name,
                many,
            })
        };
        let known = described().map(|(name, many)| (format!("/{name}"), make(name, many))).collect();
        Self { known, unknown: make("unknown".to_owned(), false) }
    }

    /// The method of a request's path.
    pub(super) fn at(&self, path: &str) -> &Arc<Method> {
        self.known.get(path).unwrap_or(&self.unknown)
    }
}

/// The name of every method that either listener serves, and whether its requests come as a stream.
fn described() -> impl Iterator<Item = (String, bool)> {
    let sets = [
        plinth_proto::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ];
    // What is compiled in can be read; were it not so, every method would be unknown, and a test says so.
    let files = sets.into_iter().flat_map(|set| FileDescriptorSet::decode(set).unwrap_or_default().file);
    files.flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let prefix = format!("{package}.{}", service.name());
            let methods = service.method.into_iter();
            methods
                .map(move |method| (format!("{prefix}/{}", method.name()), method.client_streaming()))
                .collect::<Vec<_>>()
        })
    })
}

impl Method {
    /// A call ended with this code, so long after it began.
    pub(super) fn called(&self, code: Code, elapsed: Duration) {
        self.calls.count(&self.name, code);
        if !self.many {
            self.seconds.observe(elapsed.as_secs_f64());
        }
    }

    /// One request of a stream was answered.
    pub(super) fn message(&self, code: Code, elapsed: Duration) {
        self.messages.count(&self.name, code);
        self.seconds.observe(elapsed.as_secs_f64());
    }
}

impl Results {
    fn new(family: &Family<Labels, Counter>) -> Self {
        Self { counters: [const { OnceLock::new() }; CODES.len()], family: family.clone() }
    }

    fn count(&self, method: &str, code: Code) {
        let index = usize::try_from(i32::from(code)).unwrap_or_default();
        let (Some(counter), Some(name)) = (self.counters.get(index), CODES.get(index)) else { return };
        let made = || {
            let labels = vec![("method", Cow::Owned(method.to_owned())), ("code", Cow::Borrowed(*name))];
            self.family.get_or_create_owned(&labels)
        };
        counter.get_or_init(made).inc();
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn page(registry: &Registry) -> String {
        let mut page = String::new();
        encode(&mut page, registry).unwrap();
        page
    }

    #[test]
    fn calls_are_counted_by_method_and_code_and_timed_by_method() {
        let mut registry = Registry::default();
        let methods = Methods::new(&mut registry);
        let method = methods.at("/plinth.evidence.v1.EvidenceService/GetServiceInfo");
        method.called(Code::Ok, Duration::from_millis(3));
        method.called(Code::Unavailable, Duration::from_millis(3));
        let page = page(&registry);
        for line in [
            "calls_total{method=\"plinth.evidence.v1.EvidenceService/GetServiceInfo\",code=\"OK\"} 1",
            "calls_total{method=\"plinth.evidence.v1.EvidenceService/GetServiceInfo\",code=\"UNAVAILABLE\"} 1",
            "call_seconds_count{method=\"plinth.evidence.v1.EvidenceService/GetServiceInfo\"} 2",
            "call_seconds_bucket{le=\"0.002\",method=\"plinth.evidence.v1.EvidenceService/GetServiceInfo\"} 0",
            "call_seconds_bucket{le=\"0.004\",method=\"plinth.evidence.v1.EvidenceService/GetServiceInfo\"} 2",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn what_does_not_exist_is_one_method_however_it_is_called() {
        let mut registry = Registry::default();
        let methods = Methods::new(&mut registry);
        let before = page(&registry).lines().count();
        for path in ["/", "", "/plinth.evidence.v1.EvidenceService/Nothing", "/a/b", "*"] {
            assert_eq!(methods.at(path).name, "unknown");
            methods.at(path).called(Code::Unimplemented, Duration::ZERO);
        }
        let page = page(&registry);
        assert!(page.contains("calls_total{method=\"unknown\",code=\"UNIMPLEMENTED\"} 5\n"), "{page}");
        // The counter, and what names its family.
        assert_eq!(page.lines().count(), before + 3, "{page}");
    }

    #[test]
    fn a_stream_is_counted_once_and_its_requests_are_timed_one_by_one() {
        let mut registry = Registry::default();
        let methods = Methods::new(&mut registry);
        let method = methods.at("/plinth.enrolment.v1.EnrolmentService/EnrolMany");
        method.called(Code::Ok, Duration::ZERO);
        method.message(Code::Ok, Duration::from_millis(3));
        method.message(Code::InvalidArgument, Duration::from_millis(3));
        let page = page(&registry);
        let labels = "method=\"plinth.enrolment.v1.EnrolmentService/EnrolMany\"";
        for line in [
            format!("calls_total{{{labels},code=\"OK\"}} 1"),
            format!("stream_messages_total{{{labels},code=\"OK\"}} 1"),
            format!("stream_messages_total{{{labels},code=\"INVALID_ARGUMENT\"}} 1"),
            format!("call_seconds_count{{{labels}}} 2"),
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn every_service_is_known_and_codes_have_their_names() {
        let methods = Methods::new(&mut Registry::default());
        for path in [
            "/plinth.enrolment.v1.EnrolmentService/Enrol",
            "/plinth.authentication.v1.AuthenticationService/Authenticate",
            "/plinth.resident.v1.ResidentService/SetLocks",
            "/plinth.registry.v1.RegistryService/DecideCase",
            "/grpc.health.v1.Health/Check",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            assert_eq!(format!("/{}", methods.at(path).name), path);
        }
        for name in AUTHENTICATIONS {
            assert!(methods.at(&format!("/{name}")).by_party, "{name}");
        }
        for (code, name) in
            [(Code::Ok, "OK"), (Code::Aborted, "ABORTED"), (Code::Unauthenticated, "UNAUTHENTICATED")]
        {
            assert_eq!(CODES.get(usize::try_from(i32::from(code)).unwrap()), Some(&name));
        }
    }
}
