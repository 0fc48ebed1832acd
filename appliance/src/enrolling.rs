//! Enrolment: a device asks, a person says yes, and the ledger knows of it before anybody is told.
//!
//! The person's yes makes device, route and link in one transaction; then the ledger's line is
//! written, sealed as a whole, since whose device came when, laid beside the order in which
//! subjects first appear, would name them. So is the line of a device's end, which would name the
//! subject whose stream ends then. If the ledger cannot be written the device is revoked
//! again and the person told that nothing was enrolled. Between the two a crash may fall; nobody
//! was answered then, and [`Enrolling::reconcile`] writes at the next start what the ledger lacks.

use crate::app::App;
use crate::keys::LinkKeys;
use identity::{SecretToken, TokenKind, UserCode};
use kernel::ids::{DeviceId, SubjectId};
use kernel::wire::v1::{EnrolStart, EnrolStarted, EnrolState, Renewed};
use key_vault::{Entry, HexBytes, Ledger, Reason, Revocation};
use org_store::{Act, Action, Actor, Chore, device, enrolment, meta};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long a code lives, in seconds.
const LIFE_S: i64 = identity::USER_CODE_LIFE_S;
/// How often a device asks whether it was approved, in seconds.
const INTERVAL_S: u32 = 2;

/// Why an enrolment was not begun or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] org_store::Error),
    /// The request is none.
    #[error("the certificate request cannot be used")]
    Request(#[source] crate::authority::Error),
    /// The certificate could not be made.
    #[error("no certificate could be made")]
    Authority(#[source] crate::authority::Error),
    /// The ledger.
    #[error("the ledger could not be written")]
    Ledger(#[source] key_vault::Error),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] crate::edges::NoEntropy),
    /// The wire's version.
    #[error("version {0} of the wire is not spoken here")]
    Version(u16),
    /// The device's name.
    #[error("a device's name has 1 to 64 characters, none of them a control character")]
    Name,
    /// No device waits with this code.
    #[error("no device waits with this code")]
    NoSuchCode,
    /// Too many wrong codes in this session.
    #[error("too many wrong codes were typed")]
    TooManyCodes,
    /// The reply could not be written.
    #[error("the reply could not be written")]
    Reply(#[source] serde_json::Error),
}

/// What enrolling needs for itself.
pub struct Enrolling {
    code_key: [u8; 32],
    link_keys: Arc<LinkKeys>,
    ledger: Mutex<Ledger>,
    /// Wrong codes by session; forgotten at the next start, as the codes then have run out.
    wrong: Mutex<BTreeMap<[u8; 32], u32>>,
}

/// A device that waits for its person's word.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// As the terminal shows it.
    pub code: String,
    /// What it calls itself.
    pub name: String,
    /// What it runs on, if it said so.
    pub platform: Option<String>,
    /// The address that asks.
    pub from: String,
    /// When it asked.
    pub started: i64,
    /// When the code runs out.
    pub expires: i64,
}

/// How a device's enrolment ended.
pub use key_vault::Reason as Ended;

impl Enrolling {
    /// With the key of codes, the holder of `k_link` and the ledger.
    #[must_use]
    pub fn new(code_key: [u8; 32], link_keys: Arc<LinkKeys>, ledger: Ledger) -> Self {
        Self {
            code_key,
            link_keys,
            ledger: Mutex::new(ledger),
            wrong: Mutex::default(),
        }
    }

    /// A device asks.
    ///
    /// # Errors
    /// [`Error::Version`], [`Error::Name`], [`Error::Request`], and the store's.
    pub async fn start(
        &self,
        app: &App,
        asked: &EnrolStart,
        from: Option<IpAddr>,
    ) -> Result<EnrolStarted, Error> {
        if asked.v != kernel::wire::v1::VERSION {
            return Err(Error::Version(asked.v));
        }
        let length = asked.name.chars().count();
        if !(1..=64).contains(&length)
            || asked.name.chars().any(char::is_control)
            || asked.name.trim().is_empty()
        {
            return Err(Error::Name);
        }
        app.authority()
            .check_request(&asked.csr)
            .map_err(Error::Request)?;
        let poll = SecretToken::from_bytes(app.random()?);
        let code = self.draw_code(app)?;
        let now = app.now();
        let new = enrolment::NewEnrolment {
            poll_hash: poll.hash(TokenKind::Poll),
            code_hash: code.hash(&self.code_key),
            name: asked.name.clone(),
            platform: None,
            csr: asked.csr.clone(),
            address: from.map_or_else(|| "an unknown address".to_owned(), |from| from.to_string()),
            now,
            expires: now + LIFE_S,
        };
        app.store()
            .chore(Chore::StartEnrolment, move |txn| {
                enrolment::start(txn, &new)
            })
            .await?;
        Ok(EnrolStarted {
            verify_url: format!(
                "{}{}?code={code}",
                app.addresses().people,
                dashboard_web::paths::ENROL
            ),
            code: code.to_string(),
            poll: poll.to_hex(),
            expires_s: u32::try_from(LIFE_S).unwrap_or(600),
            interval_s: INTERVAL_S,
        })
    }

    fn draw_code(&self, app: &App) -> Result<UserCode, Error> {
        // Randomness that fails must not become a code that can be guessed.
        let failed = std::sync::atomic::AtomicBool::new(false);
        let fill = |bytes: &mut [u8]| {
            if app.edges().entropy.fill(bytes).is_err() {
                failed.store(true, std::sync::atomic::Ordering::SeqCst);
                // Something that ends a drawing by rejection.
                bytes.fill(1);
            }
        };
        let code = UserCode::from_random(&fill);
        match failed.into_inner() {
            true => Err(crate::edges::NoEntropy.into()),
            false => Ok(code),
        }
    }

    /// A device asks what became of it; `None` for a poll that never was.
    ///
    /// # Errors
    /// The store's.
    pub async fn poll(&self, app: &App, poll: &str) -> Result<Option<EnrolState>, Error> {
        let Some(poll) = SecretToken::parse(poll) else {
            return Ok(None);
        };
        let (hash, now) = (poll.hash(TokenKind::Poll), app.now());
        let found = app
            .store()
            .read(move |txn| enrolment::poll(txn, &hash, now))
            .await?;
        Ok(match found {
            enrolment::Poll::Unknown => None,
            enrolment::Poll::Pending => Some(EnrolState::Pending),
            enrolment::Poll::Approved(reply) => {
                Some(serde_json::from_str(&reply).map_err(Error::Reply)?)
            }
            enrolment::Poll::Refused => Some(EnrolState::Refused),
            enrolment::Poll::Expired => Some(EnrolState::Expired),
        })
    }

    /// Which device waits with this code. A session that types too many wrong ones is done.
    ///
    /// # Errors
    /// [`Error::NoSuchCode`], [`Error::TooManyCodes`], and the store's.
    pub async fn waiting(
        &self,
        app: &App,
        session: &[u8; 32],
        typed: &str,
    ) -> Result<Waiting, Error> {
        if self.wrong().get(session).copied().unwrap_or(0) >= identity::MAX_WRONG_CODES {
            return Err(Error::TooManyCodes);
        }
        let found = match UserCode::parse(typed) {
            Err(_) => None,
            Ok(code) => {
                let (hash, now) = (code.hash(&self.code_key), app.now());
                let found = app
                    .store()
                    .read(move |txn| enrolment::by_code(txn, &hash, now))
                    .await?;
                found.filter(is_open).map(|found| (code, found))
            }
        };
        let Some((code, found)) = found else {
            *self.wrong().entry(*session).or_default() += 1;
            return Err(Error::NoSuchCode);
        };
        Ok(Waiting {
            code: code.to_string(),
            name: found.name,
            platform: found.platform,
            from: found.address,
            started: found.started,
            expires: found.expires,
        })
    }

    fn wrong(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], u32>> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() > 10_000 {
            wrong.clear();
        }
        wrong
    }

    /// The person says yes. Returns the device's name.
    ///
    /// # Errors
    /// Whatever failed; nothing is enrolled then.
    pub async fn approve(&self, app: &App, actor: Actor, code: &str) -> Result<String, Error> {
        let code = UserCode::parse(code).map_err(|_| Error::NoSuchCode)?;
        let (code_hash, now) = (code.hash(&self.code_key), app.now());
        let found = app
            .store()
            .read(move |txn| enrolment::by_code(txn, &code_hash, now))
            .await?;
        let found = found.filter(is_open).ok_or(Error::NoSuchCode)?;
        let device = DeviceId::from_bytes(app.random()?);
        let made = app
            .authority()
            .device(&found.csr, device, now)
            .map_err(Error::Authority)?;
        let reply = EnrolState::Approved {
            certificate: made.pem,
            ca: app.authority().root_pem(),
            devices: app.addresses().devices.clone(),
            not_after: made.not_after,
        };
        let approval = enrolment::Approval {
            code_hash,
            device,
            serial: made.serial.clone(),
            not_after: made.not_after,
            fresh_subject: SubjectId::from_bytes(app.random()?),
            reply: serde_json::to_string(&reply).map_err(Error::Reply)?,
            collect_until: now + LIFE_S,
        };
        let act = Act::new(actor, Action::ApproveDevice, now);
        let approved = app
            .store()
            .write(act, move |txn| enrolment::approve(txn, &approval))
            .await?;
        if let Err(error) = self.note_enrolment(app, &approved, now).await {
            self.take_back(app, actor, device, now).await;
            return Err(error);
        }
        Ok(approved.name)
    }

    /// A device's next certificate: for its new key, in its old name.
    ///
    /// Whether the device may is read in the transaction that notes the certificate, so that a
    /// revocation that was answered is never overtaken; a certificate that was made and not noted
    /// leaves this function nowhere. The one before stays good until its end: a reply that is lost
    /// locks nobody out. The ledger gets no line, since a restore forgets nothing that matters: a
    /// certificate names its device, and devices are what is revoked.
    ///
    /// # Errors
    /// [`Error::Request`], [`Error::Authority`], the store's ([`org_store::Error::Revoked`]).
    pub async fn renew(&self, app: &App, device: DeviceId, csr: &str) -> Result<Renewed, Error> {
        let now = app.now();
        app.authority().check_request(csr).map_err(Error::Request)?;
        let made = app
            .authority()
            .device(csr, device, now)
            .map_err(Error::Authority)?;
        let (serial, not_after) = (made.serial, made.not_after);
        let act = Act::new(Actor::Device(device), Action::RenewDevice, now);
        app.store()
            .write(act, move |txn| {
                device::renewed(txn, device, &serial, not_after)
            })
            .await?;
        Ok(Renewed {
            certificate: made.pem,
            not_after,
        })
    }

    async fn note_enrolment(
        &self,
        app: &App,
        approved: &enrolment::Approved,
        now: i64,
    ) -> Result<(), Error> {
        let mut plain = approved.device.as_bytes().to_vec();
        plain.extend_from_slice(approved.person.as_bytes());
        plain.extend_from_slice(&approved.link);
        let sealed = self
            .link_keys
            .seal_enrolment(&plain)
            .map_err(Error::Ledger)?;
        self.note(
            app,
            Entry::Enrol {
                sealed: HexBytes(sealed),
            },
            now,
        )
        .await
    }

    async fn take_back(&self, app: &App, actor: Actor, device: DeviceId, now: i64) {
        let act = Act::new(actor, Action::RevokeOwnDevice, now);
        let undone = app
            .store()
            .write(act, move |txn| device::revoke(txn, device))
            .await;
        if let Err(error) = undone {
            tracing::error!(
                code = error.code(),
                cause = crate::http::error::chain(&error),
                "a device that the ledger does not know could not be revoked again"
            );
        }
    }

    /// The person says no. Returns the device's name.
    ///
    /// # Errors
    /// [`Error::NoSuchCode`] and the store's.
    pub async fn refuse(&self, app: &App, actor: Actor, code: &str) -> Result<String, Error> {
        let code = UserCode::parse(code).map_err(|_| Error::NoSuchCode)?;
        let (code_hash, now) = (code.hash(&self.code_key), app.now());
        let found = app
            .store()
            .read(move |txn| enrolment::by_code(txn, &code_hash, now))
            .await?;
        let found = found.filter(is_open).ok_or(Error::NoSuchCode)?;
        let act = Act::new(actor, Action::RefuseDevice, now);
        app.store()
            .write(act, move |txn| enrolment::refuse(txn, &code_hash))
            .await?;
        Ok(found.name)
    }

    /// Ends a device's enrolment: `action` is [`Action::RevokeDevice`] or
    /// [`Action::RevokeOwnDevice`]. `false` if it had ended before.
    ///
    /// # Errors
    /// The store's (not found, not allowed, not fresh), [`Error::Ledger`].
    pub async fn revoke(
        &self,
        app: &App,
        act: Act,
        device: DeviceId,
        why: Reason,
    ) -> Result<bool, Error> {
        let revoked = app
            .store()
            .write(act, move |txn| device::revoke(txn, device))
            .await?;
        let found = app
            .store()
            .read(move |txn| device::get(txn, device))
            .await?;
        if let Some(found) = found {
            self.note_end(app, device, found.serial, why).await?;
        }
        Ok(revoked)
    }

    async fn note_end(
        &self,
        app: &App,
        device: DeviceId,
        serial: Vec<u8>,
        reason: Reason,
    ) -> Result<(), Error> {
        let ended = Revocation {
            device: *device.as_bytes(),
            serials: vec![HexBytes(serial)],
            reason,
        };
        let sealed = self.link_keys.seal_revocation(&ended);
        let sealed = HexBytes(sealed.map_err(Error::Ledger)?);
        self.note(app, Entry::Revoke { sealed }, app.now()).await
    }

    /// Writes what the store did and a crash kept from the ledger. Returns how many lines.
    ///
    /// # Errors
    /// The store's, [`Error::Ledger`].
    pub async fn reconcile(&self, app: &App) -> Result<usize, Error> {
        let mut ended = BTreeSet::new();
        for record in self.ledger().replay().map_err(Error::Ledger)? {
            if let Entry::Revoke { sealed } = record.entry() {
                let found = self.link_keys.open_revocation(&sealed.0);
                ended.insert(found.map_err(Error::Ledger)?.device);
            }
        }
        let mut written = 0;
        let mut page = org_store::Page::first(500);
        loop {
            let devices = app.store().read(move |txn| device::list(txn, page)).await?;
            let Some(next) = page.next(devices.len()) else {
                return Ok(written);
            };
            for found in devices {
                if found.revoked.is_some() && !ended.contains(found.device.as_bytes()) {
                    self.note_end(app, found.device, found.serial, Reason::Retired)
                        .await?;
                    written += 1;
                }
            }
            page = next;
        }
    }

    /// Writes a line of the ledger, and in the store where the ledger stands.
    ///
    /// # Errors
    /// [`Error::Ledger`], and the store's.
    pub async fn note(&self, app: &App, entry: Entry, now: i64) -> Result<(), Error> {
        let (n, hash) = {
            let mut ledger = self.ledger();
            ledger.append(entry, now).map_err(Error::Ledger)?;
            ledger.head()
        };
        app.store()
            .chore(Chore::Ledger, move |txn| meta::set_ledger(txn, n, &hash))
            .await?;
        Ok(())
    }

    /// The store's generation, as the ledger has it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.ledger().generation()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_open(found: &enrolment::Enrolment) -> bool {
    found.state == enrolment::EnrolmentState::Pending
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, Scratch};
    use org_store::Role;

    /// The ledger as it stands in its file.
    fn ledger(app: &App) -> String {
        let records = app.enrolling().ledger().replay().unwrap();
        serde_json::to_string(&records).unwrap()
    }

    #[tokio::test]
    async fn the_ledger_tells_of_a_revocation_neither_device_nor_day_and_knows_it_again() {
        let scratch = Scratch::new(false);
        let ada = scratch.browser(Role::Member).await;
        let device = scratch.device(&ada).await;
        let act = Act::new(Actor::Console, Action::RevokeDevice, NOW);
        let app = &scratch.app;
        let revoked = app.enrolling().revoke(app, act, device, Reason::Lost);
        assert!(revoked.await.unwrap());
        let text = ledger(app);
        assert!(text.contains("revoke") && !text.contains(&device.to_string()));
        assert!(!text.contains("lost"), "nor why");
        let line = app.enrolling().ledger().replay().unwrap().pop().unwrap();
        assert_eq!(line.on().to_string(), "2026-11-01");
        assert_eq!(app.enrolling().reconcile(app).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_revocation_that_a_crash_kept_from_the_ledger_is_written_at_the_next_start_and_once()
    {
        let scratch = Scratch::new(false);
        let ada = scratch.browser(Role::Member).await;
        let device = scratch.device(&ada).await;
        let act = Act::new(Actor::Console, Action::RevokeDevice, NOW);
        let app = &scratch.app;
        let done = app
            .store()
            .write(act, move |txn| device::revoke(txn, device));
        assert!(done.await.unwrap());
        assert!(!ledger(app).contains("revoke"));
        assert_eq!(app.enrolling().reconcile(app).await.unwrap(), 1);
        assert!(ledger(app).contains("revoke"));
        assert_eq!(app.enrolling().reconcile(app).await.unwrap(), 0);
    }
}
