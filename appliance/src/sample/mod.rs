//! Putting the sample organisation in, the way a real one comes: people, approved devices, pushes
//! through the sync API's own router. Only the dates of first syncs are set, since half a year
//! cannot be waited for, and only a store that `init --sample` made takes them.

pub mod plan;

use crate::app::App;
use crate::http::error::chain;
use crate::http::router::{Port, router};
use crate::http::tls::Peer;
use crate::jobs::last_monday;
use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use kernel::catalogue::Catalogue;
use kernel::delta::{Delta, Fields};
use kernel::ids::{DAY, DeviceId, PersonId, StreamId, SubjectId};
use kernel::wire::v1::{self, MAX_DELTAS, Push, PushReply, Verdict};
use org_store::{Act, Action, Actor, Chore, Role, enrolment, person, snapshot, subject};
use plan::Engineer;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

/// Why the sample could not be put in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] org_store::Error),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] crate::edges::NoEntropy),
    /// The store is a real one.
    #[error("this store is a real one, and invented people do not go into it")]
    NotSample,
    /// It was put in already.
    #[error("the sample organisation is in already")]
    Loaded,
    /// The sync API said no.
    #[error("the sync API answered {status}: {body}")]
    Push {
        /// Its status.
        status: StatusCode,
        /// Its words.
        body: String,
    },
    /// A body could not be written or read.
    #[error("a request could not be made")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Entropy(_) => "D008",
            Self::NotSample => "S011",
            Self::Loaded => "D015",
            Self::Push { .. } => "D016",
            Self::Body(_) => "D017",
        }
    }
}

/// What was put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// Engineers, beside the visitor.
    pub engineers: usize,
    /// Their laptops.
    pub devices: usize,
    /// Deltas that the sync API took.
    pub deltas: usize,
    /// Weekly snapshots made.
    pub snapshots: usize,
    /// The visitor's address, for a sign-in link.
    pub visitor: String,
}

/// The address of the engineer whom a visitor can be.
#[must_use]
pub fn visitor() -> String {
    plan::email(plan::VISITOR)
}

/// Puts it in.
///
/// # Errors
/// [`Error::NotSample`], [`Error::Loaded`], and whatever fails on the way; what is in by then stays.
pub async fn load(app: &App, seed: u64) -> Result<Loaded, Error> {
    if !app.identity().sample {
        return Err(Error::NotSample);
    }
    let visitor = visitor();
    let email = visitor.clone();
    if app
        .store()
        .read(move |txn| person::by_email(txn, &email))
        .await?
        .is_some()
    {
        return Err(Error::Loaded);
    }
    let now = app.now();
    let today = now.div_euclid(DAY) * DAY;
    let engineers = plan::draw(Catalogue::builtin(), seed, today);
    let mut loader = Loader {
        app,
        api: router(app, Port::Devices),
        // Another stream of the same dice: ids are not part of what the engineers did.
        dice: ChaCha8Rng::seed_from_u64(seed ^ 0x5eed),
        now,
    };
    let (mut devices, mut deltas) = (0, 0);
    for engineer in &engineers {
        devices += engineer.laptops.len();
        deltas += loader.engineer(engineer).await?;
    }
    loader.person(plan::VISITOR, &visitor).await?;
    let first = engineers
        .iter()
        .map(|engineer| engineer.first_day)
        .min()
        .unwrap_or_default();
    // When the laptops were last seen lies in memory until then.
    app.store().flush_tally(now).await?;
    let snapshots = loader.snapshots(first).await?;
    Ok(Loaded {
        engineers: engineers.len(),
        devices,
        deltas,
        snapshots,
        visitor,
    })
}

struct Loader<'a> {
    app: &'a App,
    api: Router,
    dice: ChaCha8Rng,
    now: i64,
}

impl Loader<'_> {
    async fn engineer(&mut self, engineer: &Engineer) -> Result<usize, Error> {
        let person = self.person(&engineer.name, &engineer.email).await?;
        let mut taken = 0;
        for (laptop, number) in engineer.laptops.iter().zip(1..) {
            let name = format!("{}-laptop-{number}", first_name(&engineer.name));
            let device = self.device(person, &name).await?;
            let stream = StreamId::new(self.dice.random());
            taken += self.push_all(device, stream, laptop).await?;
            let (first_day, act) = (engineer.first_day, self.act(Action::LoadSample));
            let set = move |txn: &mut org_store::WriteTxn<'_>| {
                let subject = subject::of_device(txn, device)?;
                subject::set_first_sync(txn, subject, first_day)
            };
            self.app.store().write(act, set).await?;
        }
        Ok(taken)
    }

    async fn person(&mut self, name: &str, email: &str) -> Result<PersonId, Error> {
        let fresh = person::Fresh {
            person: PersonId::from_bytes(self.dice.random()),
            actor: self.dice.random(),
        };
        let (name, email, act) = (
            name.to_owned(),
            email.to_owned(),
            self.act(Action::LoadSample),
        );
        let make = move |txn: &mut org_store::WriteTxn<'_>| {
            person::create_local(txn, &name, Some(&email), Role::Member, fresh)
        };
        Ok(self.app.store().write(act, make).await?.person)
    }

    const fn act(&self, action: Action) -> Act {
        Act::new(Actor::Console, action, self.now)
    }

    /// Enrols a laptop: asked for and approved as every other, but without a key, since nobody is
    /// ever going to use it.
    async fn device(&mut self, person: PersonId, name: &str) -> Result<DeviceId, Error> {
        let now = self.now;
        let code_hash: [u8; 32] = self.dice.random();
        let new = enrolment::NewEnrolment {
            poll_hash: Sha256::digest(self.dice.random::<[u8; 32]>()).into(),
            code_hash,
            name: name.to_owned(),
            platform: None,
            csr: "sample: no key".to_owned(),
            address: "the sample organisation".to_owned(),
            now,
            expires: now + 600,
        };
        let start = move |txn: &mut org_store::WriteTxn<'_>| enrolment::start(txn, &new);
        self.app.store().chore(Chore::StartEnrolment, start).await?;
        let device = DeviceId::from_bytes(self.dice.random());
        let approval = enrolment::Approval {
            code_hash,
            device,
            serial: self.dice.random::<[u8; 16]>().to_vec(),
            not_after: now + 90 * DAY,
            fresh_subject: SubjectId::from_bytes(self.dice.random()),
            reply: "{\"status\":\"expired\"}".to_owned(),
            collect_until: now,
        };
        let actor = Actor::Person {
            person,
            confirmed_at: Some(now),
        };
        let act = Act::new(actor, Action::ApproveDevice, now);
        self.app
            .store()
            .write(act, move |txn| enrolment::approve(txn, &approval))
            .await?;
        Ok(device)
    }

    async fn push_all(
        &self,
        device: DeviceId,
        stream: StreamId,
        deltas: &[Delta],
    ) -> Result<usize, Error> {
        let mut taken = 0;
        for (part, number) in deltas.chunks(MAX_DELTAS).zip(0_u64..) {
            let base = number * MAX_DELTAS as u64 + 1;
            let push = Push {
                v: v1::VERSION,
                stream,
                base,
                catalogue: Catalogue::builtin().version(),
                deltas: part
                    .iter()
                    .zip(base..)
                    .map(|(delta, i)| v1::Delta::new(i, Fields::of_place(&held(delta))))
                    .collect(),
            };
            let reply = self.push(device, &push).await?;
            taken += reply
                .results
                .iter()
                .filter(|result| result.r == Verdict::Ok)
                .count();
        }
        Ok(taken)
    }

    /// One request through the router that devices reach, with the identity that the TLS layer
    /// would have read from a certificate.
    async fn push(&self, device: DeviceId, push: &Push) -> Result<PushReply, Error> {
        let body = serde_json::to_vec(push).map_err(|error| Error::Body(error.into()))?;
        let request = Request::post("/v1/sync/push")
            .header(header::CONTENT_TYPE, "application/json")
            .extension(Peer::Device(device))
            .body(Body::from(body))
            .map_err(|error| Error::Body(error.into()))?;
        let response = match self.api.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status();
        let bytes = response.into_body().collect().await;
        let bytes = bytes.map_err(|error| Error::Body(error.into()))?.to_bytes();
        match status {
            StatusCode::OK => {
                serde_json::from_slice(&bytes).map_err(|error| Error::Body(error.into()))
            }
            status => Err(Error::Push {
                status,
                body: String::from_utf8_lossy(&bytes).into_owned(),
            }),
        }
    }

    /// The snapshots of all Mondays since the first day, as they would have been made.
    async fn snapshots(&self, first_day: i64) -> Result<usize, Error> {
        let last = last_monday(self.app.sync_now());
        let newest = self
            .app
            .store()
            .read(|txn| snapshot::newest(txn, 1))
            .await?;
        let after = newest.first().map_or(i64::MIN, |newest| newest.as_of.day());
        let mut made = 0;
        let mut monday = last_monday(first_day * DAY) + 21;
        while monday <= last {
            if monday > after {
                let figures = crate::rules::figures(self.app.config().k);
                self.app
                    .store()
                    .make_snapshot(self.act(Action::MakeSnapshot), monday, figures)
                    .await?;
                made += 1;
            }
            monday += 7;
        }
        Ok(made)
    }
}

fn held(delta: &Delta) -> kernel::delta::Place {
    kernel::delta::Place::Held(delta.clone())
}

fn first_name(name: &str) -> String {
    plan::email(name)
        .split('.')
        .next()
        .unwrap_or("sample")
        .to_owned()
}

impl From<Error> for crate::cli::failure::Failure {
    fn from(error: Error) -> Self {
        use crate::cli::failure::Exit;
        let (exit, fix) = match &error {
            Error::NotSample => (
                Exit::Refused,
                "make a sample beside it with `aiworklab-appliance init --sample --data-dir DIR`",
            ),
            Error::Loaded => (Exit::Refused, "nothing is to be done; nothing was changed"),
            _ => (
                Exit::Failed,
                "mend the cause; a sample that is half in is best made anew in another directory",
            ),
        };
        let failure = Self::new(exit, error.code(), error.to_string(), fix);
        match std::error::Error::source(&error) {
            Some(source) => failure.place(chain(source)),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[tokio::test]
    async fn the_sample_goes_in_through_the_sync_api_once_and_has_figures() {
        let scratch = Scratch::new(true);
        let loaded = load(&scratch.app, 1).await.unwrap();
        assert_eq!(loaded.engineers, plan::ENGINEERS);
        assert!(loaded.deltas > 1_000, "{loaded:?}");
        let newest = scratch
            .app
            .store()
            .read(|txn| snapshot::newest(txn, 1))
            .await
            .unwrap();
        let newest = newest.first().unwrap();
        assert!(
            (20..40).contains(&newest.counted),
            "some joined too late: {}",
            newest.counted
        );
        let few = newest
            .rows
            .iter()
            .filter(|row| matches!(row.says, kernel::aggregate::Published::Withheld(_)));
        assert!(few.count() >= 1, "{newest:?}");
        assert!(newest.rows.len() >= 10, "{newest:?}");
        assert!(matches!(load(&scratch.app, 1).await, Err(Error::Loaded)));
    }

    #[tokio::test]
    async fn a_real_store_takes_no_invented_people() {
        let scratch = Scratch::new(false);
        assert!(matches!(load(&scratch.app, 1).await, Err(Error::NotSample)));
    }
}
