//! The domain of Plinth: numbers, people, parties, requests, decisions, statements and the keys that protect
//! them.
//!
//! Everything here is a pure function of its arguments. There is no I/O, no clock and no global generator:
//! the time is a [`Timestamp`] that the caller passes in, randomness is a [`rand_core::CryptoRng`], keys come
//! as a [`KeyRing`] and the people to compare with come as values.
//!
//! Values that exist are valid. What comes from outside is parsed once, into types whose fields cannot be set
//! apart, and a [`FieldViolation`] names the field that was wrong.

pub mod application;
pub mod attempts;
pub mod authentication;
pub mod batch;
pub mod capture;
pub mod case;
pub mod codec;
pub mod demographics;
pub mod dsse;
pub mod evidence;
pub mod examples;
pub mod field;
pub mod fingers;
pub mod gallery;
pub mod history;
pub mod id;
pub mod identity_record;
pub mod keys;
pub mod merkle;
pub mod number;
pub mod otp;
pub mod party;
pub mod policy;
pub mod reason;
pub mod register;
pub mod request;
pub mod sealing;
pub mod statement;
pub mod time;
pub mod virtual_number;

pub use application::{Application, FingerSample, Fingers};
pub use attempts::{AttemptPolicy, Attempts, DayCounts, DuplicateCounts};
pub use authentication::{
    AuthenticationRequest, Channel, ChannelSet, CodeFinding, Consent, Decision, Findings, FingerFinding,
    OtpRequest, PersonRequest, ResidentAction, ResidentRequest, Subject, Verdict,
};
pub use capture::{CaptureAdvice, CaptureLight, CaptureQuery, CaptureReport, CheckedFinger};
pub use case::{Case, CaseCandidate, CaseDecision, CaseState, EnrolmentRef};
pub use codec::DecodeError;
pub use demographics::{
    Address, AddressClaim, AddressFields, AddressLine, AddressText, BirthClaim, ClaimMatch, DateOfBirth,
    DemographicClaim, Demographics, Email, Gender, MatchValue, Name, NameClaim, Phone, Strategy,
};
pub use dsse::{Envelope, EnvelopeError, KeyError, KeyId, PublicKey, SigningKey, Verified, payload_type};
pub use evidence::{CodeClaim, Evidence, IrisEye};
pub use field::FieldViolation;
pub use gallery::{FeatureRow, GalleryEntry, Holder};
pub use history::{HistoryEntry, HistoryEvent};
pub use id::{
    CaseId, DeploymentId, IdError, LogPosition, Nonce, PartyId, RelyingPartyToken, RequestDigest, RequestId,
    Sequence,
};
pub use identity_record::{IdentityRecord, LifecycleStatus, Locks};
pub use keys::{KeyRing, Place, RootKey, SealError};
pub use number::{Identifier, IdentityNumber, NumberError};
pub use otp::{Delivery, Destination, OtpCode, OtpRow, TotpSecret};
pub use party::{
    Attribute, AttributeSet, Factor, FactorSet, Party, PartyKind, PartyStatus, Quotas, ReasonView,
    RelyingPartyPolicy, TokenKind,
};
pub use policy::{AuthenticationPolicy, DeduplicationPolicy, EnrolmentDecision, MatchRates};
pub use reason::{Reason, Who};
pub use register::{ExternalId, PartDigest, RegisterManifest, RegisterPart, RegisterRecord};
pub use request::{Freshness, RequestHeader};
pub use sealing::{EncryptionKey, SealedAttributes, SealingError};
pub use statement::{
    AuthenticationStatement, EnrolmentOutcome, EnrolmentStatement, OtpStatement, PersonStatement,
    RegistryChange, RegistryStatement, ResidentOutcome, ResidentStatement, ServiceInfo, ServiceLimits,
    StatementHeader,
};
pub use time::Timestamp;
pub use virtual_number::{VirtualNumber, VirtualNumberKind, VirtualNumberRow, VirtualNumberState};
