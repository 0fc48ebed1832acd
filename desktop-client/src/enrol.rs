//! `aiworklab enrol`: from an address and a fingerprint to a certificate for this device.
//!
//! The key is made here and never leaves. The appliance gets a name for this machine and a signing
//! request; a signed-in person approves the code that both show.

use crate::error::{Error, Result};
use crate::home::{Home, write_whole};
use crate::net::{self, Fingerprint, FirstContact, Http, Identity};
use crate::store::{Enrolment, Store};
use crate::world::World;
use kernel::wire::v1::{self, EnrolPoll, EnrolStart, EnrolStarted, EnrolState, WellKnown};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Write;
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest name of a machine, in characters.
const NAME_CHARS: usize = 64;
/// Shortest and longest time between two polls, in seconds, whatever the appliance says.
const POLL_S: std::ops::RangeInclusive<u32> = 1..=30;
/// The longest wait for an approval, in seconds, whatever the appliance says.
const WAIT_S: u32 = 3600;

/// What was typed.
#[derive(Debug)]
pub struct Wish<'a> {
    /// The people's address.
    pub address: &'a str,
    /// The root's fingerprint.
    pub fingerprint: &'a str,
    /// A name for this machine.
    pub name: Option<&'a str>,
    /// Whether the graph goes to this appliance if it was another's: the one before is no more.
    pub take_graph_along: bool,
}

struct Approved {
    chain: String,
    root: CertificateDer<'static>,
    devices: String,
    not_after: i64,
}

/// Enrols this machine.
///
/// # Errors
/// [`Error::OtherRoot`] if the appliance is not the one that was named; [`Error::EnrolledElsewhere`]
/// if this graph belongs to another store; [`Error::Enrolment`] if nobody approved in time.
pub fn enrol(
    world: &dyn World,
    home: &Home,
    store: &mut Store,
    wish: &Wish<'_>,
    out: &mut dyn Write,
) -> Result<()> {
    let expected: Fingerprint = wish.fingerprint.parse()?;
    let address = net::address(wish.address)?;
    let host = net::host(&address);
    let people = address.as_str().trim_end_matches('/').to_owned();
    let name = name_of(world, wish.name);
    let key = KeyPair::generate().map_err(certificate("make this device's key"))?;
    let key_pem = Zeroizing::new(key.serialize_pem());
    let before = store.read(|txn| txn.enrolment())?;

    let contact = FirstContact::new(expected);
    let http = Http::new(contact.config()?)?;
    let (known, approved) = net::converse(async {
        let known: WellKnown = http
            .get(&format!("{people}/.well-known/aiworklab"))
            .await
            .map_err(|error| contact.explain(&host, error))?
            .shape()?;
        if !known.wire.contains(&v1::VERSION) {
            let why = format!(
                "it speaks versions {:?}, this program {}",
                known.wire,
                v1::VERSION
            );
            return Err(Error::Reply {
                url: people.clone(),
                why,
            });
        }
        if let Some(before) =
            before.filter(|before| before.store != known.store && !wish.take_graph_along)
        {
            return Err(Error::EnrolledElsewhere {
                people: before.people,
            });
        }
        let approved = ask(&http, &people, &name, &key, out).await?;
        Ok((known, approved))
    })?;

    let root = contact.root().ok_or(Error::Enrolment {
        why: "the appliance showed no root",
    })?;
    if approved.root != root {
        return Err(Error::OtherRoot {
            host,
            expected: expected.to_string(),
            found: Fingerprint::of(&approved.root).to_string(),
        });
    }
    // Root, chain and our own key fit together, or nothing is kept.
    let chain = net::of_pem(approved.chain.as_bytes())?;
    let device_key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|error| certificate("read this device's key")(error))?;
    net::trusting(
        root.clone(),
        Some(Identity {
            chain,
            key: device_key,
        }),
    )?;
    net::address(&approved.devices)?;

    home.ensure()?;
    let path = home.root();
    let text = pem("CERTIFICATE", root.as_ref());
    write_whole(&path, 0o644, text.as_bytes()).map_err(|source| Error::File {
        doing: "write",
        path,
        source,
    })?;
    net::identity::keep(world, home, &key_pem, &approved.chain)?;
    let enrolment = Enrolment {
        people,
        devices: approved.devices.trim_end_matches('/').to_owned(),
        store: known.store,
        name,
        root: expected.hex(),
        not_after: approved.not_after,
    };
    store.write(|txn| {
        let elsewhere = txn
            .enrolment()?
            .is_some_and(|before| before.store != enrolment.store);
        if elsewhere {
            // What the one before held says nothing of this one, which gets all of it.
            txn.clear_server_heads()?;
            txn.drop_contact()?;
        }
        txn.set_enrolment(&enrolment)
    })?;
    writeln!(
        out,
        "\nThis machine is enrolled as \"{}\" until {}.\n\
         `aiworklab what-leaves` shows what a sync sends, byte for byte; `aiworklab sync` sends it.",
        enrolment.name,
        crate::words::day(enrolment.not_after)
    )
    .map_err(|source| Error::Output { source })
}

async fn ask(
    http: &Http,
    people: &str,
    name: &str,
    key: &KeyPair,
    out: &mut dyn Write,
) -> Result<Approved> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let csr = params
        .serialize_request(key)
        .and_then(|request| request.pem())
        .map_err(certificate("make a signing request"))?;
    let start = EnrolStart {
        v: v1::VERSION,
        name: name.to_owned(),
        csr,
    };
    let started: EnrolStarted = http
        .post_shape(&format!("{people}/v1/enrol/start"), &start)
        .await?
        .shape()?;
    let told = |source| Error::Output { source };
    writeln!(
        out,
        "Code       {}\nApprove    {}\n\nSign in there, compare the code, and approve \"{name}\". \
         Waiting for up to {} minutes; Ctrl-C gives up.",
        crate::words::plain(&started.code),
        crate::words::plain(&started.verify_url),
        started.expires_s.div_ceil(60)
    )
    .and_then(|()| out.flush())
    .map_err(told)?;
    let every = started.interval_s.clamp(*POLL_S.start(), *POLL_S.end());
    let mut left = started.expires_s.min(WAIT_S);
    let poll = EnrolPoll {
        v: v1::VERSION,
        poll: started.poll,
    };
    loop {
        tokio::time::sleep(Duration::from_secs(every.into())).await;
        let state = match http
            .post_shape(&format!("{people}/v1/enrol/poll"), &poll)
            .await
        {
            Ok(reply) if matches!(reply.status, 429 | 503) => EnrolState::Pending,
            Ok(reply) => reply.shape()?,
            // A network that was away for a moment does not end the wait.
            Err(Error::Connect { .. }) if left > every => EnrolState::Pending,
            Err(error) => return Err(error),
        };
        match state {
            EnrolState::Approved {
                certificate,
                ca,
                devices,
                not_after,
            } => {
                let root = net::of_pem(ca.as_bytes())?.swap_remove(0);
                return Ok(Approved {
                    chain: certificate,
                    root,
                    devices,
                    not_after,
                });
            }
            EnrolState::Refused => {
                return Err(Error::Enrolment {
                    why: "it was refused",
                });
            }
            EnrolState::Expired => {
                return Err(Error::Enrolment {
                    why: "the code is too old",
                });
            }
            EnrolState::Pending if left <= every => {
                return Err(Error::Enrolment {
                    why: "nobody approved it in time",
                });
            }
            EnrolState::Pending => left -= every,
        }
    }
}

/// What this machine will be called, without what a terminal would obey.
fn name_of(world: &dyn World, wished: Option<&str>) -> String {
    let name = wished
        .map(str::to_owned)
        .or_else(|| world.host_name())
        .unwrap_or_default();
    let kept: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS)
        .collect();
    let kept = kept.trim();
    if kept.is_empty() {
        "laptop".to_owned()
    } else {
        kept.to_owned()
    }
}

fn certificate<E: std::error::Error + Send + Sync + 'static>(
    doing: &'static str,
) -> impl Fn(E) -> Error {
    move |source| Error::Certificate {
        doing,
        source: Box::new(source),
    }
}

/// PEM of RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::still::Still;

    #[test]
    fn a_machines_name_is_a_line_of_plain_text() {
        let world = Still::default();
        assert_eq!(name_of(&world, None), "laptop");
        assert_eq!(
            name_of(&world, Some(" ada's\u{1b}[31m box\n")),
            "ada's[31m box"
        );
        assert_eq!(name_of(&world, Some("\n")), "laptop");
        assert_eq!(name_of(&world, Some(&"x".repeat(100))).len(), 64);
    }
}
