//! Items made ahead, for all concepts at once: which of them a device asks from, nobody learns.

use crate::app::App;
use crate::http::error::ApiError;
use crate::http::extract::QueryFields;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use kernel::ids::is_hex;

/// The one field that a query may have: the version that the device holds.
const HAVE: &str = "have";
/// Hexadecimal digits of a version (`kernel::items::Pack::version_of`).
const DIGITS: usize = 32;
/// After which a pack is there, as a rule.
const RETRY_S: u32 = 5;

/// `GET /v1/items?have=VERSION`: the newest pack, signed; 204 if the device has it.
///
/// # Errors
/// 400 for a query that is none, 503 while no pack was made yet.
pub async fn newest(
    State(app): State<App>,
    QueryFields(query): QueryFields,
) -> Result<Response, ApiError> {
    let have = query.only(HAVE)?;
    if have.is_some_and(|have| !is_hex(have, DIGITS)) {
        return Err(ApiError::bad_request(
            "`have` has to be a version as this address gave it: 32 hexadecimal digits.",
        ));
    }
    let shelf = &app.model().shelf;
    let Some(newest) = shelf.newest() else {
        shelf.ask();
        let mut error = ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "L040",
            "No items were made yet.",
            "They are being made; ask again in a moment.",
        );
        error.retry_after_s = Some(RETRY_S);
        return Err(error);
    };
    if have == Some(newest.version.as_str()) {
        let mut reply = Response::new(Body::empty());
        *reply.status_mut() = StatusCode::NO_CONTENT;
        return Ok(reply);
    }
    let mut reply = Response::new(Body::from(newest.body.clone()));
    let json = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use crate::http::tls::Peer;
    use crate::model::maker;
    use crate::testing::{Reply, Scratch};
    use kernel::wire::v1::SignedPack;
    use org_store::Role;
    use tokio::sync::watch;

    async fn ask(scratch: &Scratch, peer: Peer, query: &str) -> Reply {
        let path = format!("/v1/items{query}");
        scratch.devices("GET", &path, peer, "").await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_device_that_asks_in_vain_wakes_the_maker_and_gets_a_pack_soon() {
        let scratch = Scratch::new(false);
        let browser = scratch.browser(Role::Member).await;
        let device = Peer::Device(scratch.device(&browser).await);
        let reply = ask(&scratch, device, "").await;
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert!(reply.body.contains("L040"), "{}", reply.body);
        assert_eq!(reply.headers["retry-after"], "5");

        let (stop, stopped) = watch::channel(false);
        let job = tokio::spawn(maker::run(scratch.app.clone(), stopped));
        let reply = loop {
            let reply = ask(&scratch, device, "").await;
            if reply.status == 200 {
                break reply;
            }
            tokio::task::yield_now().await;
        };
        let pack: SignedPack = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(pack.certificates.len(), 2);
        let same = ask(&scratch, device, &format!("?have={}", pack.version)).await;
        assert_eq!((same.status.as_u16(), same.body.as_str()), (204, ""));
        let older = ask(&scratch, device, &format!("?have={}", "0".repeat(32))).await;
        assert_eq!(older.body, reply.body);
        assert!(!reply.headers.contains_key("content-encoding"));
        stop.send_replace(true);
        job.await.unwrap();
    }

    #[tokio::test]
    async fn a_query_that_could_tell_more_than_a_version_is_refused() {
        let scratch = Scratch::new(false);
        let browser = scratch.browser(Role::Member).await;
        let device = Peer::Device(scratch.device(&browser).await);
        let version = "a".repeat(32);
        for query in [
            "?concept=git-rebase".to_owned(),
            format!("?have={version}&concept=git-rebase"),
            format!("?have={version}&have={version}"),
            format!("?have={}", "A".repeat(32)),
            "?have=git-rebase".to_owned(),
            "?have=".to_owned(),
        ] {
            let reply = ask(&scratch, device, &query).await;
            assert_eq!(reply.status, 400, "{query}: {}", reply.body);
            assert!(!reply.body.contains("git-rebase"), "{}", reply.body);
        }
    }
}
