//! What an operator can set about delivery, and what each setting is refused for.

use std::net::IpAddr;
use std::path::PathBuf;

use lettre::message::Mailbox;
use plinth_identity::authentication::Channel;
use serde::Deserialize;
use ureq::http::Uri;

/// How one-time codes reach people. E-mail goes by SMTP if that is set, else by the webhook; SMS goes by the webhook. What
/// neither serves goes to a developer's sink (`print`, `directory`) if one is set, and is not available otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliverySettings {
    /// For developers only: codes are printed to standard error.
    pub print: bool,
    /// For sandboxes only: each message is written to a file of this folder, named after its destination.
    pub directory: Option<PathBuf>,
    /// The relay that takes e-mail.
    pub smtp: Option<SmtpSettings>,
    /// The gateway that takes SMS, and e-mail if there is no relay.
    pub webhook: Option<WebhookSettings>,
}

/// An SMTP relay (RFC 5321, submission by RFC 6409).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// Its port: usually 587 for `starttls`, 465 for `tls`.
    pub port: u16,
    /// The sender that people see, for example `Plinth <codes@id.example>`.
    pub from: String,
    /// Who we are to the relay, if it wants to know. Needs `password_file`.
    #[serde(default)]
    pub user: Option<String>,
    /// The file that holds the password, on one line. Needs `user`.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// PEM certificates of the authorities that may vouch for the relay, instead of those that browsers trust.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// How a connection to a relay is protected. Codes and passwords never cross a network in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// TLS after a STARTTLS command (RFC 3207); a relay that does not offer it gets nothing.
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// None at all: only to this machine.
    None,
}

/// A gateway that takes messages as signed JSON by HTTP POST, after the Standard Webhooks specification.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where messages are posted: https, or http to this machine.
    pub url: String,
    /// PEM certificates of the authorities that may vouch for the gateway, instead of those that browsers trust.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

impl DeliverySettings {
    /// Refuses settings that would be unsafe or that cannot work.
    ///
    /// # Errors
    /// A sentence that begins with the setting at fault and says what to do.
    pub fn check(&self) -> Result<(), String> {
        if let Some(smtp) = &self.smtp {
            smtp.check().map_err(|text| format!("smtp.{text}"))?;
        }
        if let Some(webhook) = &self.webhook {
            webhook.uri().map_err(|text| format!("webhook.{text}"))?;
        }
        Ok(())
    }

    /// Whether codes can be sent over a channel. A request for one that is not served is refused.
    #[must_use]
    pub fn serves(&self, channel: Channel) -> bool {
        let any = self.webhook.is_some() || self.print || self.directory.is_some();
        match channel {
            Channel::Sms => any,
            Channel::Email => any || self.smtp.is_some(),
        }
    }
}

impl SmtpSettings {
    fn check(&self) -> Result<(), String> {
        let complaint = |text: &str| Err(text.to_owned());
        if self.host.trim().is_empty() || self.host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return complaint("host: must be the name or address of the relay");
        }
        if self.port == 0 {
            return complaint("port: must not be 0; 587 is usual for starttls, 465 for tls");
        }
        self.sender()?;
        if self.tls == Tls::None && !is_this_machine(&self.host) {
            return complaint(
                "tls: \"none\" is allowed only where host is this machine; use \"starttls\" or \"tls\"",
            );
        }
        if self.tls == Tls::None && self.ca_file.is_some() {
            return complaint("ca_file: has no meaning without TLS");
        }
        match (&self.user, &self.password_file) {
            (Some(_), Some(_)) | (None, None) => Ok(()),
            (Some(_), None) => complaint("password_file: is needed beside user"),
            (None, Some(_)) => complaint("user: is needed beside password_file"),
        }
    }

    /// The parsed sender.
    pub(super) fn sender(&self) -> Result<Mailbox, String> {
        let broken = self.from.chars().any(char::is_control);
        let sender = self.from.parse::<Mailbox>().ok().filter(|_| !broken);
        sender.ok_or_else(|| "from: must be a sender such as \"Plinth <codes@id.example>\"".to_owned())
    }
}

impl WebhookSettings {
    /// The parsed address.
    pub(super) fn uri(&self) -> Result<Uri, String> {
        let complaint = |text: &str| Err(text.to_owned());
        let Ok(uri) = self.url.parse::<Uri>() else {
            return complaint("url: must be an address such as https://sms.example/codes");
        };
        let (Some(authority), Some(host)) = (uri.authority(), uri.host()) else {
            return complaint("url: must name a host, as in https://sms.example/codes");
        };
        if authority.as_str().contains('@') {
            return complaint("url: must hold no user or password; the gateway knows us by the signature");
        }
        match uri.scheme_str() {
            Some("https") => Ok(uri),
            Some("http") if is_this_machine(host) => Ok(uri),
            Some("http") => complaint("url: http is allowed only to this machine; use https"),
            _ => complaint("url: must begin with https://"),
        }
    }
}

/// Whether a host of the settings can only be this machine.
fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay() -> SmtpSettings {
        SmtpSettings {
            host: "mail.example".to_owned(),
            port: 587,
            from: "Plinth <codes@id.example>".to_owned(),
            user: None,
            password_file: None,
            tls: Tls::Starttls,
            ca_file: None,
        }
    }

    fn with_relay(change: impl FnOnce(&mut SmtpSettings)) -> Result<(), String> {
        let mut smtp = relay();
        change(&mut smtp);
        DeliverySettings { smtp: Some(smtp), ..DeliverySettings::default() }.check()
    }

    fn with_url(url: &str) -> Result<(), String> {
        let webhook = WebhookSettings { url: url.to_owned(), ca_file: None };
        DeliverySettings { webhook: Some(webhook), ..DeliverySettings::default() }.check()
    }

    #[test]
    fn no_setting_at_all_is_fine_and_serves_no_channel() {
        let nothing: DeliverySettings = serde_json::from_str("{}").unwrap();
        assert_eq!(nothing.check(), Ok(()));
        assert!(Channel::ALL.into_iter().all(|channel| !nothing.serves(channel)));
    }

    #[test]
    fn a_relay_is_given_by_host_port_and_sender_and_speaks_starttls() {
        let text = r#"{ "smtp": { "host": "mail.example", "port": 587, "from": "codes@id.example" } }"#;
        let settings: DeliverySettings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.check(), Ok(()));
        assert_eq!(settings.smtp.unwrap().tls, Tls::Starttls);
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        for text in [
            r#"{ "pirnt": true }"#,
            r#"{ "webhook": { "url": "https://sms.example/", "secret": "x" } }"#,
            r#"{ "smtp": { "host": "h", "port": 1, "from": "a@b.example", "tls": "sometimes" } }"#,
        ] {
            assert!(serde_json::from_str::<DeliverySettings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_protected_may_go_to_this_machine_only() {
        for (host, allowed) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("localhost", true),
            ("mail.example", false),
            ("10.0.0.1", false),
            ("localhost.example", false),
        ] {
            let checked = with_relay(|smtp| (smtp.host, smtp.tls) = (host.to_owned(), Tls::None));
            assert_eq!(checked.is_ok(), allowed, "{host}");
        }
        for (url, allowed) in [
            ("https://sms.example/codes", true),
            ("http://127.0.0.1:8080/codes", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("http://sms.example/codes", false),
            ("http://127.0.0.1.example/", false),
            ("ftp://127.0.0.1/", false),
        ] {
            assert_eq!(with_url(url).is_ok(), allowed, "{url}");
        }
    }

    #[test]
    fn a_complaint_begins_with_the_setting_at_fault() {
        let cases: [(Result<(), String>, &str); 9] = [
            (with_relay(|smtp| smtp.host = String::new()), "smtp.host:"),
            (with_relay(|smtp| smtp.port = 0), "smtp.port:"),
            (with_relay(|smtp| smtp.from = "nobody".to_owned()), "smtp.from:"),
            (with_relay(|smtp| smtp.from = "Plinth\r\nBcc: <a@b.example>".to_owned()), "smtp.from:"),
            (with_relay(|smtp| smtp.user = Some("u".to_owned())), "smtp.password_file:"),
            (with_relay(|smtp| smtp.password_file = Some("p".into())), "smtp.user:"),
            (with_url("not an address"), "webhook.url:"),
            (with_url("https:///codes"), "webhook.url:"),
            (with_url("https://user:secret@sms.example/"), "webhook.url:"),
        ];
        for (checked, start) in cases {
            let text = checked.unwrap_err();
            assert!(text.starts_with(start), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn channels_are_those_that_somebody_serves() {
        let webhook = Some(WebhookSettings { url: "https://sms.example/".to_owned(), ca_file: None });
        let nothing = DeliverySettings::default();
        for (settings, sms, email) in [
            (DeliverySettings { smtp: Some(relay()), ..nothing.clone() }, false, true),
            (DeliverySettings { webhook, ..nothing.clone() }, true, true),
            (DeliverySettings { print: true, ..nothing.clone() }, true, true),
            (DeliverySettings { directory: Some("codes".into()), ..nothing }, true, true),
        ] {
            assert_eq!((settings.serves(Channel::Sms), settings.serves(Channel::Email)), (sms, email));
        }
    }
}
