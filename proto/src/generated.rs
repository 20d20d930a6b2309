//! Code generated from the contract, one module an area and version.

/// Defines the module of one area from its generated file.
macro_rules! area {
    ($area:ident, $package:literal, $doc:literal) => {
        #[doc = $doc]
        pub mod $area {
            /// Version 1.
            #[allow(
                missing_docs,
                unreachable_pub,
                unused_qualifications,
                clippy::all,
                clippy::unwrap_used,
                clippy::cast_possible_truncation,
                clippy::cast_lossless,
                clippy::large_futures,
                clippy::redundant_clone,
                clippy::or_fun_call,
                clippy::manual_let_else,
                clippy::use_self,
                clippy::allow_attributes_without_reason,
                clippy::disallowed_methods,
                reason = "generated code; its comments are checked in the contract itself"
            )]
            pub mod v1 {
                tonic::include_proto!($package);
            }
        }
    };
}

area!(envelope, "plinth.envelope.v1", "Signed bytes, and the headers of signed bodies.");
area!(person, "plinth.person.v1", "Fingers and demographic attributes.");
area!(enrolment, "plinth.enrolment.v1", "Enrolment by agencies.");
area!(authentication, "plinth.authentication.v1", "Authentication for relying parties.");
area!(resident, "plinth.resident.v1", "What people do with their own number.");
area!(registry, "plinth.registry.v1", "Parties and cases, for administrators.");
area!(register, "plinth.register.v1", "Registers as files.");
area!(evidence, "plinth.evidence.v1", "What everyone needs to check statements.");
