//! The rest of a request's body, read and thrown away when a reply came before its end.
//!
//! A refusal is known before the body is read. If the body is then dropped, HTTP/2 resets the
//! stream, and some clients (curl among them) report the reset instead of the refusal. So what is
//! left is read, up to a limit, and nobody looks at it.

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// Most that is read and thrown away, in bytes: twice what any refused push of ours may be.
const MOST: usize = 2 * 1024 * 1024;
/// Longest that it may take.
const LONGEST: Duration = Duration::from_secs(5);

/// A body that can be taken back.
#[derive(Clone)]
pub struct Rest(Arc<Mutex<Body>>);

impl Rest {
    /// Splits a body: one end for the handler, one to read what it leaves.
    pub fn split(body: Body) -> (Body, Self) {
        let rest = Self(Arc::new(Mutex::new(body)));
        (Body::new(rest.clone()), rest)
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is left.
    pub async fn drain(self) {
        let mut body = std::mem::take(&mut *self.lock());
        let read = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
                if bytes > MOST {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(LONGEST, read).await;
    }
}

impl HttpBody for Rest {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_handler_leaves_is_read_to_its_end() {
        let (body, rest) = Rest::split(Body::from("left"));
        drop(body);
        let kept = rest.clone();
        rest.drain().await;
        assert!(kept.is_end_stream());
    }

    #[tokio::test]
    async fn a_handler_reads_the_whole_body() {
        let (body, _rest) = Rest::split(Body::from("all of it"));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "all of it");
    }
}
