//! A server on loopback that answers as it is told, and keeps what it was sent.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// One answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status, headers, body.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Says that more comes than does, and closes.
    Cut(Vec<u8>),
    /// A body that goes on for so many bytes.
    Flood(usize),
    /// Takes the request and says nothing until the other end is gone.
    Hang,
}

impl Reply {
    pub fn json(status: u16, value: &Value) -> Self {
        Self::Whole(status, Vec::new(), value.to_string().into_bytes())
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Sent {
    pub head: String,
    pub body: Vec<u8>,
}

/// The server; it ends with the list of its answers, or when it is dropped.
pub struct Double {
    pub url: String,
    sent: Arc<Mutex<Vec<Sent>>>,
    thread: Option<JoinHandle<()>>,
    address: std::net::SocketAddr,
    closed: Arc<Mutex<bool>>,
}

impl Double {
    pub fn new(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let closed: Arc<Mutex<bool>> = Arc::default();
        let (keep, ended) = (Arc::clone(&sent), Arc::clone(&closed));
        let thread = std::thread::spawn(move || {
            let mut replies = replies.into_iter();
            for stream in listener.incoming() {
                if *ended.lock().unwrap() {
                    return;
                }
                let Ok(mut stream) = stream else { return };
                let Some(request) = read(&mut stream) else {
                    continue;
                };
                keep.lock().unwrap().push(request);
                let Some(reply) = replies.next() else { return };
                answer(&mut stream, reply);
            }
        });
        Self {
            url: format!("http://{address}"),
            sent,
            thread: Some(thread),
            address,
            closed,
        }
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        *self.closed.lock().unwrap() = true;
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Sent> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let n = stream.read(&mut chunk).ok()?;
        if n == 0 {
            return None;
        }
        bytes.extend_from_slice(&chunk[..n]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        if bytes.len() >= end + 4 + length {
            let body = bytes[end + 4..end + 4 + length].to_vec();
            return Some(Sent { head, body });
        }
    }
}

fn answer(stream: &mut TcpStream, reply: Reply) {
    // The other end may be gone; then there is nobody to tell.
    let _ = match reply {
        Reply::Whole(status, headers, body) => {
            let mut head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n",
                body.len()
            );
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            stream
                .write_all(format!("{head}\r\n").as_bytes())
                .and_then(|()| stream.write_all(&body))
        }
        Reply::Cut(body) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                body.len() + 100
            );
            stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&body))
        }
        Reply::Flood(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            let mut done = stream.write_all(head.as_bytes());
            let chunk = [b' '; 65_536];
            let mut left = bytes;
            while done.is_ok() && left > 0 {
                let n = left.min(chunk.len());
                done = stream.write_all(&chunk[..n]);
                left -= n;
            }
            done
        }
        Reply::Hang => stream.read(&mut [0; 1]).map(|_| ()),
    };
}
