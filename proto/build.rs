//! Compiles the wire contract: no external compiler to install.
//!
//! The descriptor set keeps the comments (source info), because server reflection shows them and a test walks them.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// The contract, in the order in which files import each other.
const FILES: [&str; 10] = [
    "plinth/envelope/v1/envelope.proto",
    "plinth/envelope/v1/header.proto",
    "plinth/envelope/v1/batch.proto",
    "plinth/person/v1/person.proto",
    "plinth/enrolment/v1/enrolment.proto",
    "plinth/authentication/v1/authentication.proto",
    "plinth/resident/v1/resident.proto",
    "plinth/registry/v1/registry.proto",
    "plinth/register/v1/register.proto",
    "plinth/evidence/v1/evidence.proto",
];

/// Messages that hold a number, a name, a template, a code, a secret, a token or a whole payload: `src/redacted.rs` writes
/// their `Debug`.
const REDACTED: [&str; 28] = [
    ".plinth.envelope.v1.Envelope",
    ".plinth.envelope.v1.BatchSigned",
    ".plinth.person.v1.FingerSample",
    ".plinth.person.v1.IrisSample",
    ".plinth.person.v1.FaceSample",
    ".plinth.person.v1.Demographics",
    ".plinth.person.v1.Address",
    ".plinth.enrolment.v1.EnrolmentStatement",
    ".plinth.authentication.v1.DemographicClaim",
    ".plinth.authentication.v1.DeliveredCode",
    ".plinth.authentication.v1.OneTimeCode",
    ".plinth.authentication.v1.AuthenticationRequest",
    ".plinth.authentication.v1.AuthenticationStatement",
    ".plinth.authentication.v1.RequestBatch",
    ".plinth.authentication.v1.StatementLeaf",
    ".plinth.authentication.v1.OtpRequest",
    ".plinth.authentication.v1.Consent",
    ".plinth.authentication.v1.PersonRequest",
    ".plinth.authentication.v1.PersonStatement",
    ".plinth.authentication.v1.PersonAttributes",
    ".plinth.resident.v1.ResidentRequest",
    ".plinth.resident.v1.VirtualNumber",
    ".plinth.resident.v1.Totp",
    ".plinth.resident.v1.HistoryEntry",
    ".plinth.resident.v1.ResidentStatement",
    ".plinth.registry.v1.CaseVerdict",
    ".plinth.registry.v1.CaseDecision",
    ".plinth.register.v1.RegisterRecord",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true).include_imports(true).open_files(FILES)?;

    let descriptors = PathBuf::from(std::env::var("OUT_DIR")?).join("plinth.descriptors.bin");
    fs::write(descriptors, compiler.encode_file_descriptor_set())?;

    tonic_prost_build::configure().skip_debug(REDACTED).compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
