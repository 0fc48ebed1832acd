//! `aiworklab sync` and `what-leaves`: the protocol's session over mutual TLS, and the bytes of its next
//! push without sending them.
//!
//! Every step of the session is one transaction. A sync that breaks off loses nothing: the next one
//! reads off the rows what is left to do.

use crate::error::{Error, Result};
use crate::home::Home;
use crate::net::{self, Http, Identity};
use crate::pack::{self, Fetched};
use crate::store::{Contact, Enrolment, Store, Txn};
use crate::words;
use crate::world::World;
use kernel::catalogue::Catalogue;
use kernel::sync::client::{self, Aside, Local, Session, Step, Why};
use kernel::sync::{Head, Rows};
use kernel::wire::v1::{self, PullReply, PushReply, Refusal};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use std::fs;
use std::io::Write;
use zeroize::Zeroizing;

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
}

/// Syncs until both sides hold the same, then fetches the appliance's items.
///
/// # Errors
/// [`Error::NotEnrolled`]; [`Error::Refused`] with what to do; [`Error::Connect`].
pub fn sync<'a, 'w>(
    world: &'a dyn World,
    home: &Home,
    store: &'a mut Store,
    explain: Option<&'a mut (dyn Write + 'w)>,
) -> Result<Moved> {
    let enrolment = store
        .read(|txn| txn.enrolment())?
        .ok_or(Error::NotEnrolled)?;
    if world.now() > enrolment.not_after {
        return Err(Error::CertificateOver {
            day: words::day(enrolment.not_after),
        });
    }
    let root = root(home)?;
    let http = Http::new(net::trusting(root.clone(), Some(identity(home)?))?)?;
    let mut run = Run {
        world,
        store,
        http,
        enrolment,
        explain,
        moved: Moved::default(),
    };
    net::converse(async move {
        run.until_equal().await?;
        run.items(&root).await?;
        Ok(run.moved)
    })
}

struct Run<'a, 'w> {
    world: &'a dyn World,
    store: &'a mut Store,
    http: Http,
    enrolment: Enrolment,
    explain: Option<&'a mut (dyn Write + 'w)>,
    moved: Moved,
}

impl Run<'_, '_> {
    /// Fetches a newer pack, if there is one.
    async fn items(&mut self, root: &rustls_pki_types::CertificateDer<'_>) -> Result<()> {
        let kept = self.store.read(|txn| txn.pack())?;
        self.say(&format!("items  GET {}", pack::request(kept.as_ref())))?;
        let source = pack::Source {
            http: &self.http,
            devices: &self.enrolment.devices,
            root,
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

fn root(home: &Home) -> Result<rustls_pki_types::CertificateDer<'static>> {
    let path = home.root();
    let text = fs::read(&path).map_err(|source| Error::File {
        doing: "read",
        path,
        source,
    })?;
    Ok(net::of_pem(&text)?.swap_remove(0))
}

fn identity(home: &Home) -> Result<Identity> {
    let read = |path: std::path::PathBuf| {
        fs::read(&path).map_err(|source| Error::File {
            doing: "read",
            path,
            source,
        })
    };
    let chain = net::of_pem(&read(home.device_chain())?)?;
    let key = Zeroizing::new(read(home.device_key())?);
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| Error::Certificate {
        doing: "read this device's key",
        source: error.to_string().into(),
    })?;
    Ok(Identity { chain, key })
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
