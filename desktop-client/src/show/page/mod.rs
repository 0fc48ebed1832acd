//! The page of a check: served by this machine to itself, on 127.0.0.1 and a port that happens to be free.
//!
//! | request | needs | answer |
//! |---|---|---|
//! | `GET /` | nothing | the shell: a script, no data |
//! | `GET /assets/…` | nothing | sheet, icon, script |
//! | `GET /check` | a key | the check |
//! | `POST /answer` | a key, the page's own origin | what the answer changed |
//!
//! [`guard`] stands before all of them. The key comes in the fragment of the address, which no browser
//! sends and no log holds; the script takes it out of the address bar and sends it as a header.
//!
//! Invariant: without a key nothing is told, not even whether a check waits. The answer goes through
//! [`quiz::settle`] like one in a terminal, and the appliance is not in the path.

mod alone;
mod door;
mod guard;
mod parts;
#[cfg(test)]
mod tests;

pub use alone::{alone, opener};
pub use door::Door;

use super::Error;
use crate::error::Result;
use crate::home::Home;
use crate::quiz::{self, plain};
use crate::settings::Settings;
use crate::store::{Outcome, Store};
use crate::world::World;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use dashboard_web::pages::{CheckMessage, CheckShell};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use std::net::{Ipv4Addr, TcpListener as Std};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Makes the world that a request is answered in.
pub type Worlds = Arc<dyn Fn() -> Box<dyn World> + Send + Sync>;

/// How long the head of a request may take.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How often the settings are looked at for whether the page is on.
const LOOKS_AGAIN: Duration = Duration::from_secs(20);
/// How long a connection may last; it serves one request.
const CONNECTION_WITHIN: Duration = Duration::from_secs(30);
/// How long those that are under way may take when the page is closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// Connections at once. A browser opens six.
const CONNECTIONS: usize = 24;
/// The longest answer, in bytes.
const ANSWER_MAX: usize = 256;
/// The longest head of a request, in bytes.
const HEAD_MAX: usize = 16 * 1024;

#[derive(Clone)]
struct Page {
    worlds: Worlds,
    home: Home,
    door: Door,
}

/// Serves the page until `stop` becomes true, as long as the settings leave it on: while they do not,
/// no port is listened on.
///
/// # Errors
/// [`Error::Listen`] if nothing can be listened on.
pub async fn serve(
    worlds: Worlds,
    home: Home,
    door: Door,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let is_on = {
        let home = home.clone();
        let worlds = worlds.clone();
        move || Settings::load(&*worlds(), &home).page()
    };
    while !*stop.borrow() {
        if is_on() {
            let (close, closed) = watch::channel(false);
            let serving = serve_whatever_is_set(worlds.clone(), home.clone(), door.clone(), closed);
            let watching = async {
                while !*stop.borrow() && is_on() {
                    pause(&mut stop).await;
                }
                close.send_replace(true);
            };
            let (served, ()) = tokio::join!(serving, watching);
            served?;
        } else {
            pause(&mut stop).await;
        }
    }
    Ok(())
}

/// Waits until the settings are looked at again, or until it is to end.
async fn pause(stop: &mut watch::Receiver<bool>) {
    let _ = tokio::time::timeout(LOOKS_AGAIN, stopped(stop)).await;
}

/// Serves the page until `stop` becomes true, on a port that the door is told.
async fn serve_whatever_is_set(
    worlds: Worlds,
    home: Home,
    door: Door,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|source| Error::Listen { source })?;
    let port = listener
        .local_addr()
        .map_err(|source| Error::Listen { source })?
        .port();
    let page = Page {
        worlds,
        home,
        door: door.clone(),
    };
    let router = router(page, port);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    door.stands_at(Some(port));
    loop {
        let stream = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Gone before it was taken, or no file handle is left: neither lasts.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        while connections.try_join_next().is_some() {}
        // Whoever comes when all places are taken is hung up on.
        if let Ok(place) = room.clone().try_acquire_owned() {
            let router = router.clone();
            connections.spawn(async move {
                one(stream, router).await;
                drop(place);
            });
        }
    }
    door.stands_at(None);
    let _ = tokio::time::timeout(CLOSED_WITHIN, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    Ok(())
}

/// Resolves when the value becomes true, or nobody can make it so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves one connection, which is one request. What goes wrong is the other side's to notice.
async fn one(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let _ = tokio::time::timeout(CONNECTION_WITHIN, connection).await;
}

/// Whether the loopback address can be listened on.
///
/// # Errors
/// Whatever the system says.
pub fn can_listen() -> std::io::Result<()> {
    Std::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)
}

fn router(page: Page, port: u16) -> Router {
    Router::new()
        .route("/", get(shell))
        .route("/assets/{file}", get(asset))
        .route("/check", get(check))
        .route("/answer", post(answer))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(page)
        .layer(DefaultBodyLimit::max(ANSWER_MAX))
        .layer(from_fn_with_state(port, guard::guard))
}

async fn shell() -> Response {
    let shell = CheckShell {
        version: env!("CARGO_PKG_VERSION").into(),
    };
    html(StatusCode::OK, shell.render())
}

async fn asset(Path(file): Path<String>) -> Response {
    match dashboard_web::local_asset(&file) {
        Some(asset) => ([(CONTENT_TYPE, asset.content_type)], asset.bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /check`: the check that the key opens.
async fn check(State(page): State<Page>, headers: HeaderMap) -> Response {
    page.answered(headers, None).await
}

/// What the page sends: the check's number, and 1 to 9, `n`, `l` or `d`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    ask: i64,
    answer: String,
}

/// `POST /answer`: settles the check that the key opens.
async fn answer(State(page): State<Page>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(given) => page.answered(headers, Some(given)).await,
        Err(_) => said(StatusCode::BAD_REQUEST, &parts::no_answer()),
    }
}

impl Page {
    /// The store is read and written where it may take its time.
    async fn answered(self, headers: HeaderMap, given: Option<Given>) -> Response {
        let settles = given.is_some();
        let worked = tokio::task::spawn_blocking(move || {
            let world = (self.worlds)();
            let key = guard::only(&headers, &guard::KEY).unwrap_or_default();
            let Some(ask) = self.door.opens(key, world.now()) else {
                return said(StatusCode::FORBIDDEN, &parts::no_key());
            };
            if given.as_ref().is_some_and(|given| given.ask != ask) {
                return said(StatusCode::BAD_REQUEST, &parts::no_answer());
            }
            match self.worked(&*world, ask, given.as_ref()) {
                Ok(response) => {
                    if settles && response.status() == StatusCode::OK {
                        self.door.answered(ask);
                    }
                    response
                }
                Err(error) => said(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &parts::failed(error.code(), &error.to_string()),
                ),
            }
        });
        worked
            .await
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    fn worked(&self, world: &dyn World, number: i64, given: Option<&Given>) -> Result<Response> {
        let mut store = Store::open(world, &self.home)?;
        store.write(|txn| {
            let Some(ask) = txn
                .ask(number)?
                .filter(|ask| ask.outcome == Outcome::Waiting)
            else {
                return Ok(said(StatusCode::GONE, &parts::over()));
            };
            let check = quiz::shown(txn, ask)?;
            let Some(given) = given else {
                return Ok(html(StatusCode::OK, parts::asked(&check).render()));
            };
            let Ok(answer) = plain::answer(&given.answer, check.ask.item.options.len()) else {
                return Ok(said(StatusCode::BAD_REQUEST, &parts::no_answer()));
            };
            let settled = quiz::settle(world, txn, &check.ask, answer)?;
            // Made before it is written: an answer that could not be shown is not taken.
            let part = parts::answered(&check, &settled)
                .render()
                .map_err(|source| Error::Render { source })?;
            Ok(html(StatusCode::OK, Ok(part)))
        })
    }
}

fn html(status: StatusCode, made: Result<String, dashboard_web::Error>) -> Response {
    match made {
        Ok(text) => (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn said(status: StatusCode, message: &CheckMessage) -> Response {
    html(status, message.render())
}
