//! E-mail by SMTP.

use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls as Protection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Code;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use plinth_identity::otp::{Delivery, Destination};
use zeroize::Zeroizing;

use super::{SendError, Sender, SmtpSettings, Tls, authorities, message, not_certificates, read};
use crate::ServeError;

/// How long a relay may take over one message, from the connection to its last word.
const PATIENCE: Duration = Duration::from_secs(20);

/// The subject says nothing that is not the same for everyone: it stands on locked screens and in logs of relays.
const SUBJECT: &str = "Your one-time code";

/// A relay. A connection is made for each message: codes are few, and an idle connection is one more thing to go stale.
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    patience: Duration,
}

impl Smtp {
    /// The relay of the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// [`ServeError`] if a file cannot be read or the settings do not fit.
    pub(super) fn open(settings: &SmtpSettings) -> Result<Self, ServeError> {
        let from = settings.sender().map_err(|text| ServeError::Config(format!("delivery: smtp.{text}")))?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(protection(settings)?)
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(PATIENCE));
        if let (Some(user), Some(path)) = (&settings.user, &settings.password_file) {
            builder = builder.credentials(Credentials::new(user.clone(), password(path)?));
        }
        Ok(Self { transport: builder.build(), from, patience: PATIENCE })
    }

    /// The envelope and the bytes of a message. No header holds anything from outside but the destination, parsed, so
    /// nothing can be injected into one.
    fn compose(&self, delivery: &Delivery) -> Result<(Envelope, Zeroizing<Vec<u8>>), SendError> {
        let Some(Destination::Email(email)) = &delivery.to else {
            return Err(SendError::permanent("this destination is not an e-mail address"));
        };
        let to: Address = email
            .as_str()
            .parse()
            .map_err(|_| SendError::permanent("the address is not one that SMTP can carry"))?;
        let asked_at = Duration::from_millis(message::asked_at(delivery).millis());
        let date = SystemTime::UNIX_EPOCH.checked_add(asked_at).unwrap_or(SystemTime::UNIX_EPOCH);
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(SUBJECT)
            .date(date)
            // The same for every attempt: whoever gets the message twice can tell.
            .message_id(Some(format!("<{}@{}>", message::id(delivery), self.from.email.domain())))
            // No out-of-office replies (RFC 3834).
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(message::letter(delivery).to_string())
            .map_err(|_| SendError::permanent("the message cannot be written as e-mail"))?;
        Ok((mail.envelope().clone(), Zeroizing::new(mail.formatted())))
    }
}

#[tonic::async_trait]
impl Sender for Smtp {
    async fn send(&self, delivery: &Delivery) -> Result<(), SendError> {
        let (envelope, bytes) = self.compose(delivery)?;
        match tokio::time::timeout(self.patience, self.transport.send_raw(&envelope, &bytes)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(SendError::temporary("the relay did not answer in time")),
        }
    }
}

/// What a failure means for the message. The relay's own words are dropped: they usually quote the address.
fn classify(error: &lettre::transport::smtp::Error) -> SendError {
    match error.status() {
        // The relay does not like us, not the message: that is for the operator to mend.
        Some(code) if concerns_us(code) => {
            SendError::temporary(format!("the relay does not let us in: {code}"))
        }
        Some(code) if error.is_permanent() => {
            SendError::permanent(format!("the relay refused the message: {code}"))
        }
        Some(code) => SendError::temporary(format!("the relay put the message off: {code}")),
        None if error.is_tls() => SendError::temporary("no TLS connection to the relay"),
        None if error.is_timeout() => SendError::temporary("the relay did not answer in time"),
        None if error.is_client() => SendError::temporary(
            "the relay does not offer what this needs (STARTTLS, AUTH, SMTPUTF8 or 8BITMIME)",
        ),
        None if error.is_response() => SendError::temporary("the relay's answer is not SMTP"),
        None => SendError::temporary("no connection to the relay"),
    }
}

/// Replies about authentication and encryption (RFC 4954, section 6).
fn concerns_us(code: Code) -> bool {
    matches!(u16::from(code), 530 | 534 | 535 | 538)
}

fn protection(settings: &SmtpSettings) -> Result<Protection, ServeError> {
    let parameters = || {
        let mut builder = TlsParameters::builder(settings.host.clone());
        if let Some(path) = &settings.ca_file {
            builder = builder.certificate_store(CertificateStore::None);
            for authority in authorities(path)? {
                let authority = Certificate::from_der(authority.der().to_vec());
                builder = builder.add_root_certificate(authority.map_err(|_| not_certificates(path))?);
            }
        }
        builder.build().map_err(|_| ServeError::Config("delivery: smtp.host: TLS cannot name it".to_owned()))
    };
    Ok(match settings.tls {
        Tls::Starttls => Protection::Required(parameters()?),
        Tls::Tls => Protection::Wrapper(parameters()?),
        Tls::None => Protection::None,
    })
}

/// The first line of the password file.
fn password(path: &std::path::Path) -> Result<String, ServeError> {
    let bytes = Zeroizing::new(read(path)?);
    let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.lines().next());
    text.filter(|line| !line.is_empty()).map(str::to_owned).ok_or_else(|| {
        ServeError::Config("delivery: smtp.password_file: must hold the password on one line".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use data_encoding::BASE64;
    use plinth_identity::demographics::Email;
    use tempfile::TempDir;

    use super::*;
    use crate::delivery::peers::{Certified, Manners, Relay};
    use crate::delivery::trial::{ADDRESS, CODE, delivery, email, sms, tells};

    fn settings(port: u16) -> SmtpSettings {
        SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port,
            from: "Plinth <codes@id.example>".to_owned(),
            user: None,
            password_file: None,
            tls: Tls::None,
            ca_file: None,
        }
    }

    fn to_relay(relay: &Relay) -> Smtp {
        Smtp::open(&settings(relay.port)).unwrap()
    }

    fn protected(relay: &Relay, tls: Tls, ca_file: &Path) -> Smtp {
        let settings = SmtpSettings { tls, ca_file: Some(ca_file.to_owned()), ..settings(relay.port) };
        Smtp::open(&settings).unwrap()
    }

    #[tokio::test]
    async fn a_relay_gets_exactly_the_message() {
        let relay = Relay::open(Manners::default()).await;
        to_relay(&relay).send(&email("Bank of Examples")).await.unwrap();
        let [mail] = &relay.mails()[..] else { panic!("one message") };
        assert_eq!(mail.from, "MAIL FROM:<codes@id.example>");
        assert_eq!(mail.to, [format!("RCPT TO:<{ADDRESS}>")]);
        assert_eq!(
            mail.data,
            format!(
                "From: Plinth <codes@id.example>\n\
                 To: {ADDRESS}\n\
                 Subject: Your one-time code\n\
                 Date: Thu, 01 Jan 2026 00:00:00 +0000\n\
                 Message-ID: <0102030405060708090a0b0c0d0e0f10@id.example>\n\
                 Auto-Submitted: auto-generated\n\
                 Content-Type: text/plain; charset=utf-8\n\
                 Content-Transfer-Encoding: 7bit\n\
                 \n\
                 Bank of Examples\n\
                 asks for your one-time code. It is:\n\
                 \n    {CODE}\n\n\
                 It can be used once, within 10 minutes of being asked for:\n\
                 until 00:10 UTC on 2026-01-01.\n\
                 \n\
                 Nobody should ever ask you for this code, neither in a call nor in a\n\
                 message. Whoever does is trying to act in your name. Enter it yourself,\n\
                 and only where you asked for it.\n\
                 \n\
                 If you did not ask for it, you need not do anything: without the code\n\
                 nothing happens.\n"
            )
        );
    }

    #[tokio::test]
    async fn a_repetition_is_the_same_message_byte_for_byte() {
        let relay = Relay::open(Manners::default()).await;
        for _ in 0..2 {
            // A new sender each time, as after a restart.
            to_relay(&relay).send(&email("Bank of Examples")).await.unwrap();
        }
        let mails = relay.mails();
        assert_eq!((mails.len(), &mails[0]), (2, &mails[1]));
    }

    #[tokio::test]
    async fn a_name_can_inject_neither_a_header_nor_an_end_of_message() {
        let relay = Relay::open(Manners::default()).await;
        let smtp = to_relay(&relay);
        for name in [
            "Bank\r\nBcc: thief@mail.example\r\n\r\nhello",
            "Bank\r\n.\r\nMAIL FROM:<thief@mail.example>",
            ".",
        ] {
            smtp.send(&email(name)).await.unwrap();
        }
        let mails = relay.mails();
        assert_eq!(mails.len(), 3);
        for mail in mails {
            let (header, body) = mail.data.split_once("\n\n").unwrap();
            assert_eq!(header.lines().count(), 8, "{header}");
            assert!(!header.contains("thief") && !header.contains("Bcc"), "{header}");
            assert_eq!(mail.to.len(), 1);
            assert!(body.contains(CODE) && body.contains("Nobody should ever ask"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_name_in_any_script_arrives() {
        let relay = Relay::open(Manners::default()).await;
        to_relay(&relay).send(&email("उदाहरण बैंक")).await.unwrap();
        let mail = relay.mails().pop().unwrap();
        assert!(mail.data.is_ascii());
        let (header, body) = mail.data.split_once("\n\n").unwrap();
        let text = if header.contains("base64") {
            BASE64.decode(body.replace('\n', "").as_bytes()).unwrap()
        } else {
            assert!(header.contains("quoted-printable"), "{header}");
            unquoted(body)
        };
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("उदाहरण बैंक\r\n") || text.starts_with("उदाहरण बैंक\n"), "{text}");
        assert!(text.contains(CODE));
    }

    /// Quoted-printable of RFC 2045, section 6.7.
    fn unquoted(text: &str) -> Vec<u8> {
        let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
        while let Some((first, tail)) = rest.split_first() {
            rest = match (first, tail) {
                (b'=', [b'\n', tail @ ..]) => tail,
                (b'=', [high, low, tail @ ..]) => {
                    let digits = [*high, *low];
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                    tail
                }
                _ => {
                    bytes.push(*first);
                    tail
                }
            };
        }
        bytes
    }

    #[tokio::test]
    async fn both_kinds_of_tls_protect_message_and_password() {
        let folder = TempDir::new().unwrap();
        let certified = Certified::new(folder.path());
        let password_file = folder.path().join("password");
        std::fs::write(&password_file, "open sesame\n").unwrap();
        for (tls, manners) in
            [(Tls::Starttls, Manners::starttls(&certified)), (Tls::Tls, Manners::tls(&certified))]
        {
            let relay = Relay::open(manners).await;
            let settings = SmtpSettings {
                tls,
                ca_file: Some(certified.ca_file.clone()),
                user: Some("plinth".to_owned()),
                password_file: Some(password_file.clone()),
                ..settings(relay.port)
            };
            Smtp::open(&settings).unwrap().send(&email("A")).await.unwrap();
            let [mail] = &relay.mails()[..] else { panic!("one message") };
            assert!(mail.encrypted);
            let login = format!("PLAIN {}", BASE64.encode(b"\0plinth\0open sesame"));
            assert_eq!(mail.login.as_deref(), Some(&*login));
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_to_a_relay_that_does_not_protect_it_or_is_not_the_one() {
        let folder = TempDir::new().unwrap();
        let (certified, stranger) = (Certified::new(folder.path()), TempDir::new().unwrap());
        let other = Certified::new(stranger.path());
        for (manners, tls) in [
            (Manners::default(), Tls::Starttls),
            (Manners::starttls(&certified), Tls::Starttls),
            (Manners::tls(&certified), Tls::Tls),
        ] {
            let relay = Relay::open(manners).await;
            let refused = protected(&relay, tls, &other.ca_file).send(&email("A")).await.unwrap_err();
            assert!(!refused.permanent, "{refused}");
            assert!(relay.mails().is_empty());
        }
    }

    #[tokio::test]
    async fn what_a_relay_refuses_for_good_is_told_from_what_may_pass_later() {
        for (rcpt, permanent) in [
            ("550 5.1.1 <mira.example@mail.example> no such person", true),
            ("553 not an address", true),
            ("450 4.2.1 mira.example is busy", false),
            ("451 try later", false),
        ] {
            let relay = Relay::open(Manners { rcpt: Some(rcpt), ..Manners::default() }).await;
            let refused = to_relay(&relay).send(&email("A")).await.unwrap_err();
            assert_eq!(refused.permanent, permanent, "{rcpt}: {refused}");
            assert!(!tells(&format!("{refused} {refused:?}")), "{refused:?}");
            assert!(relay.mails().is_empty());
        }
    }

    #[tokio::test]
    async fn a_wrong_password_is_the_operators_fault_and_not_the_messages() {
        let folder = TempDir::new().unwrap();
        let password_file = folder.path().join("password");
        std::fs::write(&password_file, "open sesame").unwrap();
        let relay = Relay::open(Manners { auth: Some("535 5.7.8 no"), ..Manners::default() }).await;
        let settings = SmtpSettings {
            user: Some("plinth".to_owned()),
            password_file: Some(password_file),
            ..settings(relay.port)
        };
        let refused = Smtp::open(&settings).unwrap().send(&email("A")).await.unwrap_err();
        assert!(!refused.permanent && refused.text.contains("535"), "{refused}");
    }

    #[tokio::test]
    async fn a_relay_that_is_away_or_silent_is_tried_again() {
        let silent = Relay::open(Manners { silent: true, ..Manners::default() }).await;
        let mut smtp = to_relay(&silent);
        smtp.patience = Duration::from_millis(50);
        assert!(!smtp.send(&email("A")).await.unwrap_err().permanent);
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let smtp = Smtp::open(&settings(closed)).unwrap();
        assert!(!smtp.send(&email("A")).await.unwrap_err().permanent);
    }

    #[tokio::test]
    async fn only_an_e_mail_address_is_mailed_to() {
        let relay = Relay::open(Manners::default()).await;
        assert!(to_relay(&relay).send(&sms("A")).await.unwrap_err().permanent);
        let odd = Email::parse("a<b>@mail.example");
        if let Ok(odd) = odd {
            let to = Some(Destination::Email(odd));
            assert!(to_relay(&relay).send(&delivery(to, "A")).await.unwrap_err().permanent);
        }
        assert!(relay.mails().is_empty());
    }

    #[test]
    fn files_that_hold_something_else_are_refused_at_the_start() {
        let folder = TempDir::new().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        let missing = folder.path().join("missing");
        for (password_file, ca_file) in
            [(Some(&empty), None), (Some(&missing), None), (None, Some(&missing)), (None, Some(&empty))]
        {
            let settings = SmtpSettings {
                tls: Tls::Starttls,
                user: password_file.map(|_| "plinth".to_owned()),
                password_file: password_file.cloned(),
                ca_file: ca_file.cloned(),
                ..settings(25)
            };
            assert!(Smtp::open(&settings).is_err(), "{settings:?}");
        }
    }
}
