//! `aiworklab sync` and `what-leaves`: the protocol's session over mutual TLS, and the bytes of its next
//! push without sending them.
//!
//! Every step of the session is one transaction. A sync that breaks off loses nothing: the next one
//! reads off the rows what is left to do.

use crate::error::{Error, Result};
use crate::home::Home;
use crate::net::{self, Http};
use crate::pack::{self, Fetched};
use crate::renew;
use crate::store::{self, Contact, Enrolment, Store, Txn};
use crate::words;
use crate::world::World;
use kernel::catalogue::Catalogue;
use kernel::ids::InstanceId;
use kernel::sync::client::{self, Aside, Local, Session, Step, Why};
use kernel::sync::{Head, Rows};
use kernel::wire::v1::{self, Heard, Here, PullReply, PushReply, Refusal};
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;

/// What a sync moved.
#[derive(Debug, Default)]
pub struct Moved {
    /// Deltas that were given.
    pub given: u64,
    /// Deltas that came.
    pub taken: u64,
    /// Requests.
    pub requests: u64,
    /// What became of the appliance's items; that they did not come fails no sync.
    pub items: Option<Result<Fetched>>,
    /// What became of the next certificate, if one was due: its end, in seconds. That it did not
    /// come fails no sync while the one in use holds.
    pub renewed: Option<Result<i64>>,
    /// Whether another machine uses this device's certificate too, as far as the appliance knows.
    pub shared: bool,
}

/// Syncs until both sides hold the same, then fetches the appliance's items.
///
/// # Errors
/// [`Error::NotEnrolled`]; [`Error::Refused`] with what to do; [`Error::Connect`].
pub fn sync<'a, 'w>(
    world: &'a dyn World,
    home: &'a Home,
    store: &'a mut Store,
    explain: Option<&'a mut (dyn Write + 'w)>,
) -> Result<Moved> {
    let enrolment = store
        .read(|txn| txn.enrolment())?
        .ok_or(Error::NotEnrolled)?;
    let root = root(home)?;
    let mut run = Run {
        world,
        home,
        store,
        http: http(world, home, &root)?,
        root,
        enrolment,
        explain,
        moved: Moved::default(),
    };
    net::converse(async move {
        run.renew_if_due().await?;
        if let Err(error) = run.until_equal().await {
            // By the appliance's clock the certificate is over, by this machine's it is not.
            let over = matches!(&error, Error::Refused { code, .. } if code == OVER);
            if !over || run.moved.renewed.is_some() {
                return Err(error);
            }
            run.renew().await?;
            run.until_equal().await?;
        }
        run.here().await?;
        run.items().await?;
        Ok(run.moved)
    })
}

/// The appliance's code for a certificate that has ended.
const OVER: &str = "H419";

fn http(world: &dyn World, home: &Home, root: &CertificateDer<'static>) -> Result<Http> {
    let identity = net::identity::load(world, home)?;
    Http::new(net::trusting(root.clone(), Some(identity))?)
}

/// What a sync did beside moving deltas, to be printed after it; nothing, if there is nothing to tell.
pub fn told(moved: &Moved) -> String {
    let mut text = match &moved.renewed {
        None => String::new(),
        Some(Ok(until)) => format!(
            "This device's certificate was renewed, until {}.\n",
            words::day(*until)
        ),
        Some(Err(error)) => format!(
            "This device's certificate was not renewed yet ({}: {error}); the next sync asks again.\n",
            error.code()
        ),
    };
    if moved.shared {
        text.push_str(
            "Another machine uses this device's certificate too. Both go on; decide on your own page at the \
             appliance, or run `aiworklab enrol` here for a key of this machine's own.\n",
        );
    }
    text
}

struct Run<'a, 'w> {
    world: &'a dyn World,
    home: &'a Home,
    root: CertificateDer<'static>,
    store: &'a mut Store,
    http: Http,
    enrolment: Enrolment,
    explain: Option<&'a mut (dyn Write + 'w)>,
    moved: Moved,
}

impl Run<'_, '_> {
    /// Asks for the next certificate, if two thirds of the life of the one in use are over. While
    /// that one holds, it does not matter whether another one comes today.
    async fn renew_if_due(&mut self) -> Result<()> {
        let Some(used) = net::identity::leaf(self.home) else {
            return Ok(());
        };
        let now = self.world.now();
        if self.enrolment.not_after != used.to {
            // A renewal that was cut off between the certificate and the store.
            self.note_end(used.to)?;
        }
        if now < used.renew_at() {
            self.say(&format!(
                "certificate  until {}, renewed from {} on",
                words::day(used.to),
                words::day(used.renew_at())
            ))?;
            return Ok(());
        }
        match self.renew().await {
            Err(error) if now <= used.to => {
                self.moved.renewed = Some(Err(error));
                Ok(())
            }
            done => done,
        }
    }

    async fn renew(&mut self) -> Result<()> {
        let Some(used) = net::identity::leaf(self.home) else {
            return Ok(());
        };
        let ends = if self.world.now() > used.to {
            "ended"
        } else {
            "ends"
        };
        self.say(&format!(
            "renew  POST /v1/devices/renew: this device's certificate {ends} on {}; a new key is made \
             here, and its public half is sent in a signing request",
            words::day(used.to)
        ))?;
        self.moved.requests += 1;
        let devices = self.enrolment.devices.clone();
        let renewed = renew::renew(
            self.world, self.home, &self.http, &devices, &self.root, &used,
        )
        .await;
        let until = match renewed {
            Ok(until) => until,
            Err(error) => {
                self.say(&format!("       not renewed ({}): {error}", error.code()))?;
                return Err(error);
            }
        };
        self.say(&format!("       renewed, until {}", words::day(until)))?;
        self.http = http(self.world, self.home, &self.root)?;
        self.note_end(until)?;
        self.moved.renewed = Some(Ok(until));
        Ok(())
    }

    /// Notes when the certificate in use ends, for `status` and `doctor`.
    fn note_end(&mut self, until: i64) -> Result<()> {
        self.enrolment.not_after = until;
        let enrolment = self.enrolment.clone();
        self.store.write(|txn| txn.set_enrolment(&enrolment))
    }

    /// Says which copy of the folder this is, so that a certificate which two machines use is noticed.
    async fn here(&mut self) -> Result<()> {
        let Some(id) = store::instance(self.home).ok() else {
            return Ok(());
        };
        let url = format!("{}/v1/devices/here", self.enrolment.devices);
        let here = net::written(&Here {
            v: v1::VERSION,
            instance: spoken(&id),
        });
        self.say(&format!("here   {}", String::from_utf8_lossy(&here)))?;
        self.moved.requests += 1;
        let reply = self.http.post(&url, here).await?;
        if reply.status == 404 {
            // An appliance of before: it does not look.
            return Ok(());
        }
        let heard: Heard = reply.shape()?;
        self.moved.shared = heard.shared;
        if heard.shared {
            self.say("       another machine uses this certificate too")?;
        }
        Ok(())
    }

    /// Fetches a newer pack, if there is one.
    async fn items(&mut self) -> Result<()> {
        let kept = self.store.read(|txn| txn.pack())?;
        self.say(&format!("items  GET {}", pack::request(kept.as_ref())))?;
        let source = pack::Source {
            http: &self.http,
            devices: &self.enrolment.devices,
            root: &self.root,
        };
        let fetched = pack::fetch(self.world, self.store, &source).await;
        self.moved.requests += 1;
        self.say(&match &fetched {
            Ok(Fetched::Taken(kept)) => format!("       {} came", kept.version),
            Ok(Fetched::Same) => "       the newest are here".to_owned(),
            Ok(Fetched::NoneYet) => "       the appliance has made none yet".to_owned(),
            Ok(Fetched::NotMade) => "       this appliance makes none".to_owned(),
            Err(error) => format!("       not taken ({})", error.code()),
        })?;
        self.moved.items = Some(fetched);
        Ok(())
    }

    async fn until_equal(&mut self) -> Result<()> {
        let catalogue = Catalogue::builtin().version();
        let mut session = Session::new(catalogue);
        loop {
            match self.store.write(|txn| session.next(txn))? {
                Step::Done => {
                    self.complete()?;
                    return Ok(());
                }
                Step::GaveUp => return Err(Error::GaveUp),
                Step::Pull(pull) => {
                    let url = format!("{}/v1/sync/pull", self.enrolment.devices);
                    self.say(&format!(
                        "pull   {} known",
                        words::count(pull.have.len() as u64, "stream")
                    ))?;
                    let reply: PullReply = self.send(&url, net::written(&pull)).await?.shape()?;
                    self.check_store(&reply.store)?;
                    self.moved.taken += reply.deltas.len() as u64;
                    let more = if reply.more { ", more to come" } else { "" };
                    let came = words::count(reply.deltas.len() as u64, "delta");
                    self.say(&format!("       {came} came{more}"))?;
                    let clock = self.world.now();
                    self.store.write(|txn| {
                        txn.set_contact(&contact(clock, &reply))?;
                        txn.clear_server_heads()?;
                        for (stream, status) in &reply.streams {
                            let head = Head {
                                head: status.head,
                                sum: status.sum,
                            };
                            txn.set_server_head(*stream, head)?;
                        }
                        session.pulled(txn, clock, reply)?;
                        for retract in txn.retracts()? {
                            txn.obey(&retract)?;
                        }
                        Ok(())
                    })?;
                }
                Step::Push(push) => {
                    let url = format!("{}/v1/sync/push", self.enrolment.devices);
                    let body = net::written(&push);
                    let given = words::count(push.deltas.len() as u64, "delta");
                    self.say(&format!(
                        "push   {given}, {}: {}",
                        words::exactly(body.len()),
                        String::from_utf8_lossy(&body)
                    ))?;
                    let reply = self.send(&url, body).await?;
                    if reply.status == 409 {
                        let refusal = reply.error().map_or(Refusal::Other, |error| error.error);
                        self.say(&format!(
                            "       the server says {refusal:?}: reading what it has"
                        ))?;
                        if !matches!(refusal, Refusal::Fork | Refusal::Gap | Refusal::Clock) {
                            return Err(reply.refusal());
                        }
                        session.refused(&push, refusal);
                        continue;
                    }
                    let reply: PushReply = reply.shape()?;
                    self.check_store(&reply.store)?;
                    for result in &reply.results {
                        self.say(&format!("       {} {:?}", result.i, result.r))?;
                    }
                    self.moved.given += reply.results.len() as u64;
                    self.store.write(|txn| {
                        let head = Head {
                            head: reply.head,
                            sum: reply.sum,
                        };
                        txn.set_server_head(push.stream, head)?;
                        session.pushed(txn, &push, &reply)
                    })?;
                }
            }
        }
    }

    async fn send(&mut self, url: &str, body: Vec<u8>) -> Result<net::Reply> {
        self.moved.requests += 1;
        let reply = self.http.post(url, body).await?;
        if matches!(reply.status, 200 | 409) {
            Ok(reply)
        } else {
            Err(reply.refusal())
        }
    }

    /// Evidence goes to the store that this graph was enrolled at, and to no other.
    fn check_store(&self, found: &kernel::ids::StoreId) -> Result<()> {
        if *found == self.enrolment.store {
            return Ok(());
        }
        Err(Error::EnrolledElsewhere {
            people: self.enrolment.people.clone(),
        })
    }

    fn complete(&mut self) -> Result<()> {
        self.store.clear_log()?;
        let aside = self.store.write(|txn| {
            if let Some(mut contact) = txn.contact()? {
                contact.complete = true;
                txn.set_contact(&contact)?;
            }
            txn.aside()
        })?;
        for aside in &aside {
            self.say(&explained(aside))?;
        }
        Ok(())
    }

    fn say(&mut self, line: &str) -> Result<()> {
        match self.explain.as_deref_mut() {
            Some(out) => writeln!(out, "{line}").map_err(|source| Error::Output { source }),
            None => Ok(()),
        }
    }
}

/// A delta that was set aside, in words.
pub fn explained(aside: &Aside) -> String {
    let what = serde_json::Value::Object(aside.delta.to_object());
    match &aside.why {
        Why::Deferred { catalogue } => format!(
            "aside  {what} waits until the appliance has catalogue {catalogue}; it counts here meanwhile"
        ),
        Why::Rejected(code) => {
            let code = code
                .map(|code| format!("{code:?}").to_lowercase())
                .unwrap_or_default();
            format!("aside  {what} was refused for good ({code}); it does not count")
        }
    }
}

fn contact(clock: i64, reply: &PullReply) -> Contact {
    Contact {
        at: clock,
        store: reply.store,
        generation: reply.generation,
        catalogue: reply.catalogue,
        complete: false,
    }
}

/// As the id of a copy is told: a hash, so that what lies in the folder is nowhere else.
fn spoken(id: &[u8; 16]) -> InstanceId {
    let hash = Sha256::new()
        .chain_update(b"aiworklab here\0")
        .chain_update(id)
        .finalize();
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash) {
        *to = from;
    }
    InstanceId::from_bytes(short)
}

fn root(home: &Home) -> Result<CertificateDer<'static>> {
    let path = home.root();
    let text = fs::read(&path).map_err(|source| Error::File {
        doing: "read",
        path,
        source,
    })?;
    Ok(net::of_pem(&text)?.swap_remove(0))
}

/// The next push as it would be sent now, if anything is to be sent: its bytes.
///
/// # Errors
/// The store's own.
pub fn next_push(txn: &mut Txn<'_>) -> Result<Option<Vec<u8>>> {
    let heads = txn.server_heads()?;
    let push = client::preview(txn, &heads, Catalogue::builtin().version())?;
    Ok(push.map(|push| net::written(&push)))
}

/// How many places the server lacks.
///
/// # Errors
/// The store's own.
pub fn unsent(txn: &mut Txn<'_>) -> Result<u64> {
    let server = txn.server_heads()?;
    let lacking = |(stream, head): (_, Head)| {
        head.head
            .saturating_sub(server.get(&stream).map_or(0, |head| head.head))
    };
    Ok(txn.streams()?.into_iter().map(lacking).sum())
}

/// The wire version spoken.
pub const WIRE: u16 = v1::VERSION;
