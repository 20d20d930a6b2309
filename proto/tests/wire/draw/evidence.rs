//! What people present, and what relying parties ask about them.

use plinth_identity::authentication::{
    AuthenticationRequest, Channel, ChannelSet, Consent, OtpRequest, PersonRequest, Verdict,
};
use plinth_identity::demographics::{
    AddressClaim, AddressText, BirthClaim, DemographicClaim, MatchValue, NameClaim, Strategy,
};
use plinth_identity::evidence::{CodeClaim, Evidence};
use plinth_identity::id::{RelyingPartyToken, RequestId};
use plinth_identity::number::Identifier;
use plinth_identity::otp::OtpCode;
use plinth_identity::party::{Attribute, AttributeSet, Factor};
use plinth_identity::sealing::SealedAttributes;
use plinth_identity::statement::{AuthenticationStatement, OtpStatement, PersonStatement};

use super::Draw;

impl Draw {
    pub(crate) fn identifier(&mut self) -> Identifier {
        if self.flag() {
            Identifier::Number(self.number())
        } else {
            Identifier::Virtual(self.virtual_number())
        }
    }

    fn strategy(&mut self) -> Strategy {
        if self.flag() {
            Strategy::Exact
        } else {
            let percent = u32::try_from(1 + self.below(100)).unwrap();
            Strategy::Partial(MatchValue::new(percent).unwrap())
        }
    }

    pub(crate) fn claim(&mut self) -> DemographicClaim {
        let birth = match self.below(3) {
            0 => None,
            1 => Some(BirthClaim::Date(self.date_of_birth())),
            _ => Some(BirthClaim::Year(self.date_of_birth().year())),
        };
        let address = match self.below(3) {
            0 => None,
            1 => Some(AddressClaim::Structured(self.address())),
            _ => {
                let text = AddressText::parse(&format!("A{}", self.text(499, "b é漢9,"))).unwrap();
                Some(AddressClaim::Full { text, strategy: self.strategy() })
            }
        };
        DemographicClaim {
            name: self.flag().then(|| NameClaim { name: self.name(), strategy: self.strategy() }),
            birth,
            minimum_age: self.flag().then(|| u8::try_from(1 + self.below(150)).unwrap()),
            gender: self.flag().then(|| self.gender()),
            phone: self.flag().then(|| self.phone()),
            email: self.flag().then(|| self.email()),
            address,
        }
    }

    fn otp_code(&mut self) -> OtpCode {
        let digits: String = (0..6).map(|_| self.one_of(&['0', '1', '5', '9'])).collect();
        OtpCode::parse(&digits).unwrap()
    }

    fn code_claim(&mut self) -> CodeClaim {
        if self.flag() {
            CodeClaim::Totp(self.otp_code())
        } else {
            CodeClaim::Delivered { transaction: RequestId::from_bytes(self.bytes()), code: self.otp_code() }
        }
    }

    /// Fingers or a code are always among it if `strong`.
    pub(crate) fn evidence(&mut self, strong: bool) -> Evidence {
        let claim = self.claim();
        let code = self.flag().then(|| self.code_claim());
        let alone = code.is_none() && (strong || claim.factors().is_empty() || claim.is_weak());
        let fingers = (self.flag() || alone).then(|| self.fingers());
        let others = [fingers.as_ref().map(|_| Factor::Fingerprint), code.as_ref().map(|_| Factor::Otp)];
        let declared = claim.factors().iter().chain(others.into_iter().flatten()).collect();
        Evidence::new(claim, fingers, code, &[], 0, declared).unwrap()
    }

    pub(crate) fn authentication_request(&mut self) -> AuthenticationRequest {
        let evidence = self.evidence(false);
        AuthenticationRequest::new(self.header(), self.flag(), self.identifier(), evidence)
    }

    pub(crate) fn authentication_statement(&mut self) -> AuthenticationStatement {
        let (verdict, reason) = self.verdict();
        AuthenticationStatement {
            header: self.statement_header(),
            relying_party: self.party_id(),
            verdict,
            reason,
            token: self.token(verdict),
            buffered: self.flag(),
        }
    }

    pub(super) fn token(&mut self, verdict: Verdict) -> Option<RelyingPartyToken> {
        let given = verdict == Verdict::Yes && self.flag();
        given.then(|| RelyingPartyToken::from_bytes(self.bytes()))
    }

    pub(crate) fn otp_request(&mut self) -> OtpRequest {
        let channels = match self.below(3) {
            0 => ChannelSet::from(Channel::Sms),
            1 => ChannelSet::from(Channel::Email),
            _ => ChannelSet::ALL,
        };
        OtpRequest::new(self.header(), self.identifier(), channels)
    }

    pub(crate) fn otp_statement(&mut self) -> OtpStatement {
        OtpStatement {
            header: self.statement_header(),
            relying_party: self.party_id(),
            transaction: RequestId::from_bytes(self.bytes()),
            expires_at: self.time(),
        }
    }

    pub(crate) fn attributes(&mut self) -> AttributeSet {
        Attribute::ALL.into_iter().filter(|_| self.flag()).collect()
    }

    pub(crate) fn person_request(&mut self) -> PersonRequest {
        let header = self.header();
        let attributes = self.attributes().with(self.one_of(&Attribute::ALL));
        let consent =
            Consent::new(format!("I{}", self.text(999, " agree é漢\n")), header.issued_at()).unwrap();
        PersonRequest::new(header, self.identifier(), self.evidence(true), attributes, consent).unwrap()
    }

    pub(crate) fn person_statement(&mut self) -> PersonStatement {
        let (verdict, reason) = self.verdict();
        let yes = verdict == Verdict::Yes;
        PersonStatement {
            header: self.statement_header(),
            relying_party: self.party_id(),
            verdict,
            reason,
            token: self.token(verdict),
            attributes: if yes { self.attributes() } else { AttributeSet::EMPTY },
            sealed: yes.then(|| SealedAttributes {
                encapsulated: self.bytes(),
                ciphertext: (0..16 + self.below(400)).map(|_| self.byte()).collect(),
            }),
        }
    }
}
