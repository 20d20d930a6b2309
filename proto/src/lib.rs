//! The wire contract of Plinth, and the only door between wire and domain.
//!
//! The `.proto` files under `plinth/<area>/v1` are the contract; the modules named after the areas are generated from
//! them. [`convert`] parses wire messages into domain types once, naming the field at fault, and encodes domain types
//! into the exact bytes that are signed. [`status`] is the one place where reasons become gRPC statuses and come back.

pub mod convert;
mod generated;
mod redacted;
pub mod status;

pub use generated::{authentication, enrolment, envelope, evidence, person, register, registry, resident};

/// The compiled contract with its comments: a serialized `google.protobuf.FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plinth.descriptors.bin"));
