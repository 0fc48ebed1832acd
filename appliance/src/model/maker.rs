//! The job that measures the model and makes packs of items.
//!
//! The model is measured once for its digest, this release and this catalogue; the result lies in
//! `model.json`. A pack is made anew when catalogue, release, model, its measurement or the signer
//! changed, and every Monday with another draw, so that engineers meet fresh questions. The draw
//! follows from the store and the Monday alone: whoever makes the pack again in the same week gets
//! the same bytes, and no device fetches it twice.
//!
//! Until a model is ready, and whenever there is none, a pack without ranking is made, within
//! seconds. While a model is down, a pack that it ranked stays until its week is over.
//!
//! Invariant: what is on the shelf is only ever replaced by a newer whole one.

use super::patient::Patient;
use super::shelf::{self, Made};
use super::{LocalModel, Trouble, Work, identity};
use crate::app::App;
use crate::data_dir;
use crate::http::error::chain;
use crate::jobs::last_monday;
use kernel::catalogue::Catalogue;
use local_model::{
    About, LabelledSet, NoModel, Qualified, RankError, Reason, Recipe, State, make_pack, qualify,
};
use pki::PackSigner;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Items of one concept in a pack: a week has fewer checks than that, and the next has another draw.
pub const PER_CONCEPT: usize = 12;
/// Nobody waits for a pack in the first seconds; whoever does, wakes the job.
const FIRST: Duration = Duration::from_secs(2);
/// Between two looks.
const PERIOD: Duration = Duration::from_secs(60);

/// Runs until `stop` becomes true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut states = app.model().host().subscribe();
    let mut wait = FIRST;
    let mut supervised = true;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.model().shelf.asked() => {}
            changed = states.changed(), if supervised => supervised = changed.is_ok(),
            _ = stop.wait_for(|stop| *stop) => return,
        }
        wait = PERIOD;
        let mut stopped = stop.clone();
        let result = tokio::select! {
            result = round(&app, &stop) => result,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        app.model().set_work(Work::Idle);
        told(&app, result.err());
    }
}

/// Logs a change from well to ill and back; what stays as it was is not said twice.
fn told(app: &App, trouble: Option<Trouble>) {
    match (app.model().trouble(), &trouble) {
        (None, Some(Trouble { code, cause })) => {
            tracing::error!(code, cause, "items could not be made; the last ones stay");
        }
        (Some(_), None) => tracing::info!("items can be made again"),
        _ => {}
    }
    app.model().set_trouble(trouble);
}

/// Looks once whether something is to be made, and makes it.
async fn round(app: &App, stop: &watch::Receiver<bool>) -> Result<(), Trouble> {
    let model = app.model();
    let signer = signer(app).await?;
    if model.shelf.newest().is_none() {
        read_shelf(app, &signer).await;
    }
    let plain = wanted(app, &signer, None);
    let state = model.host().state();
    let State::Ready { about, .. } = state else {
        let as_configured = !model.is_configured();
        if as_configured {
            model.set_qualified(None);
        } else if model.qualified().is_none() {
            model.set_qualified(remembered(app));
        }
        let fits = |kept: &Made| *kept == plain || (!as_configured && plain.is_same_draw(kept));
        if model
            .shelf
            .newest()
            .is_some_and(|kept| fits(&kept.about.made))
        {
            return Ok(());
        }
        return make(app, stop, &signer, plain, None).await;
    };
    let measured = match measured(app, &about) {
        Some(measured) => measured,
        None => {
            // Measuring takes minutes: nobody is to be without items for so long.
            if !has(model, |kept| plain.is_same_draw(kept)) {
                make(app, stop, &signer, plain.clone(), None).await?;
            }
            measure(app, &about).await?
        }
    };
    let ranked = wanted(app, &signer, Some(&measured));
    if has(model, |kept| *kept == ranked) {
        return Ok(());
    }
    let made = make(app, stop, &signer, ranked, Some(&measured)).await;
    if made.is_err() && !has(model, |kept| plain.is_same_draw(kept)) {
        make(app, stop, &signer, plain, None).await?;
    }
    made
}

fn has(model: &LocalModel, fits: impl Fn(&Made) -> bool) -> bool {
    model
        .shelf
        .newest()
        .is_some_and(|kept| fits(&kept.about.made))
}

impl Made {
    /// Whether the other was made of the same, but for the model's part.
    fn is_same_draw(&self, other: &Self) -> bool {
        let without = |made: &Self| Self {
            measured: None,
            ..made.clone()
        };
        without(self) == without(other)
    }
}

/// What a pack would be made of now.
fn wanted(app: &App, signer: &PackSigner, measured: Option<&Qualified>) -> Made {
    Made {
        program: crate::cli::VERSION.to_owned(),
        catalogue: Catalogue::builtin().version(),
        monday: last_monday(app.now()),
        measured: measured.map(|measured| measured.key.clone()),
        signer: pki::fingerprint(signer.certificate()),
    }
}

/// The draw of this store and this Monday.
#[must_use]
pub fn seed(store: kernel::ids::StoreId, monday: i64) -> u64 {
    let mut hash = Sha256::new();
    hash.update(b"aiworklab items draw 1\0");
    hash.update(store.as_bytes());
    hash.update(monday.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    digest[..8]
        .iter()
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}

async fn signer(app: &App) -> Result<Arc<PackSigner>, Trouble> {
    let of = app.clone();
    let signer = blocking(move || of.pack_signer()).await?;
    let signer = signer.map_err(|error| Trouble {
        code: error.code().to_owned(),
        cause: chain(&error),
    })?;
    app.note(|watch| watch.signer = Some(signer.validity()));
    Ok(Arc::new(signer))
}

async fn read_shelf(app: &App, signer: &Arc<PackSigner>) {
    let (of, signer) = (app.clone(), signer.clone());
    let read = blocking(move || {
        let dir = &of.config().data_dir;
        shelf::read(dir, &signer, of.authority().issuing())
    });
    if let Ok(Some(kept)) = read.await {
        app.model().shelf.put(kept);
    }
}

/// Makes a pack, signs it, writes it down and puts it on the shelf.
async fn make(
    app: &App,
    stop: &watch::Receiver<bool>,
    signer: &Arc<PackSigner>,
    made: Made,
    measured: Option<&Arc<Qualified>>,
) -> Result<(), Trouble> {
    let ranked = measured.is_some();
    let askable = Catalogue::builtin().iter().filter(|it| it.is_askable());
    app.model().set_work(Work::Making {
        done: 0,
        of: askable.count(),
    });
    let (of, signer, measured) = (app.clone(), signer.clone(), measured.cloned());
    let mut stop = stop.clone();
    let handle = tokio::runtime::Handle::current();
    // Putting items together is work for the processor: not on a thread that serves requests.
    let kept = blocking(move || {
        let model = of.model();
        let recipe = Recipe {
            qualified: measured.as_deref(),
            seed: seed(of.identity().store, made.monday),
            per_concept: PER_CONCEPT,
        };
        let progress = |at: local_model::Progress| {
            model.set_work(Work::Making {
                done: at.done,
                of: at.of,
            });
        };
        let catalogue = Catalogue::builtin();
        let work = async {
            match measured {
                Some(_) => {
                    let host = Patient::new(model.host(), of.edges().clock.clone());
                    make_pack(catalogue, &host, recipe, progress).await
                }
                None => make_pack(catalogue, &NoModel, recipe, progress).await,
            }
        };
        let pack = handle.block_on(async {
            tokio::select! {
                made = work => made.map(Some),
                _ = stop.wait_for(|stop| *stop) => Ok(None),
            }
        });
        let Some(pack) = pack.map_err(|error| ranking(&error))? else {
            return Ok(None);
        };
        let dir = &of.config().data_dir;
        let at = of.now();
        let issuing = of.authority().issuing();
        let kept = shelf::keep(dir, &pack.pack, (made, at), &signer, issuing);
        kept.map(Some).map_err(|error| Trouble {
            code: error.code().to_owned(),
            cause: chain(&error),
        })
    });
    let Some(kept) = kept.await?? else {
        return Ok(());
    };
    tracing::info!(
        items = kept.about.items,
        concepts = kept.about.concepts,
        chosen = kept.about.chosen,
        ranked,
        version = kept.version,
        "made a pack of items"
    );
    app.model().shelf.put(kept);
    Ok(())
}

/// `model.json`.
#[derive(Serialize, Deserialize)]
struct Remembered {
    program: String,
    measured: Qualified,
}

/// What was measured for this very model, release and catalogue, if it was.
fn measured(app: &App, about: &About) -> Option<Arc<Qualified>> {
    let identity = identity(about, Catalogue::builtin().version())?;
    let known = app.model().qualified().or_else(|| remembered(app));
    let known = known.filter(|known| known.is_for(&identity));
    app.model().set_qualified(known.clone());
    known
}

/// What was measured for the configured file, whether or not it runs now.
fn remembered(app: &App) -> Option<Arc<Qualified>> {
    let (_, digest) = app.config().model.file.as_ref()?;
    remembered_in(&app.config().data_dir)
        .filter(|measured| measured.identity.sha256 == *digest)
        .map(Arc::new)
}

/// What this directory remembers of a measurement by this release and for this catalogue.
#[must_use]
pub fn remembered_in(dir: &Path) -> Option<Qualified> {
    let bytes = std::fs::read(dir.join(data_dir::QUALIFIED)).ok()?;
    let found: Remembered = serde_json::from_slice(&bytes).ok()?;
    let fits = found.program == crate::cli::VERSION
        && found.measured.identity.catalogue == Catalogue::builtin().version();
    fits.then_some(found.measured)
}

/// Measures it, and remembers what came out.
async fn measure(app: &App, about: &About) -> Result<Arc<Qualified>, Trouble> {
    let model = app.model();
    let Some(identity) = identity(about, Catalogue::builtin().version()) else {
        return Err(down(&Reason::NotConfigured));
    };
    tracing::info!(
        name = identity.name,
        "measuring whether the model chooses better than a random draw"
    );
    let progress = |done, of| model.set_work(Work::Measuring { done, of });
    let host = Patient::new(model.host(), app.edges().clock.clone());
    let measured = measure_with(&host, identity, app.now(), progress).await?;
    tracing::info!(tier = ?measured.tier, "{}", measured.summary());
    let measured = Arc::new(measured);
    let remembered = Remembered {
        program: crate::cli::VERSION.to_owned(),
        measured: Qualified::clone(&measured),
    };
    let path = app.config().data_dir.join(data_dir::QUALIFIED);
    let bytes = serde_json::to_vec_pretty(&remembered).unwrap_or_default();
    let written = blocking(move || data_dir::write_private(&path, &bytes)).await?;
    written.map_err(|error| Trouble {
        code: error.code().to_owned(),
        cause: chain(&error),
    })?;
    model.set_qualified(Some(measured.clone()));
    Ok(measured)
}

/// Measures this model.
///
/// # Errors
/// With its code and causes.
pub async fn measure_with(
    host: &Patient,
    identity: local_model::Identity,
    now: i64,
    progress: impl FnMut(usize, usize) + Send,
) -> Result<Qualified, Trouble> {
    let labels = LabelledSet::builtin(Catalogue::builtin()).map_err(|error| ranking(&error))?;
    let measured = qualify(host, &labels, identity, now, progress).await;
    measured.map_err(|error| ranking(&error))
}

fn ranking(error: &RankError) -> Trouble {
    Trouble {
        code: error.code().to_owned(),
        cause: chain(error),
    }
}

fn down(reason: &Reason) -> Trouble {
    Trouble {
        code: reason.code().to_owned(),
        cause: reason.to_string(),
    }
}

/// On a thread for work that does not wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        let code = "L044";
        Trouble {
            code: code.to_owned(),
            cause: error.to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use kernel::ids::{DAY, StoreId};

    /// A maker that runs beside an appliance, until it is told to stop.
    struct Maker {
        stop: watch::Sender<bool>,
        job: tokio::task::JoinHandle<()>,
    }

    impl Maker {
        fn start(app: &App) -> Self {
            let (stop, stopped) = watch::channel(false);
            app.model().shelf.ask();
            let job = tokio::spawn(run(app.clone(), stopped));
            Self { stop, job }
        }

        async fn stop(self) {
            self.stop.send_replace(true);
            self.job.await.unwrap();
        }
    }

    async fn made(app: &App) -> Arc<shelf::Kept> {
        loop {
            if let Some(kept) = app.model().shelf.newest() {
                return kept;
            }
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_draw_belongs_to_a_store_and_a_week() {
        let stores = [1, 2].map(|n| StoreId::from_bytes([n; 16]));
        assert_eq!(seed(stores[0], 4), seed(stores[0], 4));
        assert_ne!(seed(stores[0], 4), seed(stores[0], 11));
        assert_ne!(seed(stores[0], 4), seed(stores[1], 4));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_a_model_a_pack_is_made_and_found_again_after_a_start() {
        let scratch = Scratch::new(false);
        let maker = Maker::start(&scratch.app);
        let kept = made(&scratch.app).await;
        maker.stop().await;
        assert_eq!((&kept.about.model, kept.about.chosen), (&None, 0));
        let askable = Catalogue::builtin().iter().filter(|it| it.is_askable());
        assert_eq!(kept.about.concepts, askable.count());

        // Another process, the same week: what lies there is served, not made anew.
        let signer = Arc::new(scratch.app.pack_signer().unwrap());
        let again = shelf::read(
            &scratch.app.config().data_dir,
            &signer,
            scratch.app.authority().issuing(),
        );
        assert_eq!(again.as_ref(), Some(&*kept));
        assert_eq!(wanted(&scratch.app, &signer, None), kept.about.made);
        // The next week has another draw.
        scratch.clock.pass(7 * DAY);
        let next = wanted(&scratch.app, &signer, None);
        assert!(!next.is_same_draw(&kept.about.made));
        assert_eq!(next.monday, kept.about.made.monday + 7);
    }

    #[test]
    fn a_ranked_pack_stays_while_its_model_is_down() {
        let plain = Made {
            program: "1".to_owned(),
            catalogue: 1,
            monday: 4,
            measured: None,
            signer: "s".to_owned(),
        };
        let ranked = Made {
            measured: Some("k".to_owned()),
            ..plain.clone()
        };
        assert!(plain.is_same_draw(&ranked) && ranked != plain);
        let later = Made {
            monday: 11,
            ..plain.clone()
        };
        assert!(!later.is_same_draw(&ranked));
    }
}
