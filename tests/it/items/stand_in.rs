//! Stands before the devices' port with the appliance's own certificate: passes syncs on, and answers
//! requests for items as a test wants.

use appliance::authority::Authority;
use appliance::http::tls;
use harness::Device;
use key_vault::Vault;
use rustls::{ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

/// Unix seconds, about: when the data directory was made.
pub fn about_now(data: &Path) -> i64 {
    let made = std::fs::metadata(data.join("root.pem")).and_then(|file| file.modified());
    let since = made.expect("it has a root").duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("seconds")
}

/// What a request for items is answered with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What the appliance itself answers.
    Passed,
    /// This.
    Reply(u16, Vec<u8>),
    /// This, but the connection ends before its end.
    CutOff(Vec<u8>),
}

#[derive(Default)]
struct State {
    answer: Option<Answer>,
    as_whom: Option<Arc<Device>>,
    heads: Vec<String>,
}

/// One that runs until it is dropped.
pub struct StandIn {
    address: SocketAddr,
    listener: Option<TcpListener>,
    state: Arc<Mutex<State>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StandIn {
    /// Takes a free port; nobody is answered yet.
    pub fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        Self {
            address: listener.local_addr().expect("an address"),
            listener: Some(listener),
            state: Arc::default(),
        }
    }

    /// How it is reached.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Begins to answer, as the appliance of this data directory.
    pub fn start(&mut self, data: &Path) {
        let mut vault = Vault::open(data).expect("the vault opens");
        let authority = Authority::open(data, &vault).expect("the authority opens");
        let pem = std::fs::read_to_string(data.join("server.pem")).expect("a certificate");
        let names = pem.lines().filter_map(|line| line.strip_prefix("# name "));
        let names: Vec<String> = names.map(str::to_owned).collect();
        let (server, is_new) = authority
            .server(data, &mut vault, &names, about_now(data))
            .expect("the server has a certificate");
        assert!(!is_new, "it is the server's own");
        let config = tls::devices(server.chain, server.key, authority.trusted());
        let mut config = rustls::ServerConfig::clone(&config.expect("a configuration"));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let listener = self.listener.take().expect("it starts once");
        let state = self.state.clone();
        std::thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let (config, state) = (config.clone(), state.clone());
                // Whatever breaks ends this connection, which the client then complains of.
                std::thread::spawn(move || {
                    let tls = ServerConnection::new(config).expect("a connection");
                    let _ = serve(StreamOwned::new(tls, tcp), &state);
                });
            }
        });
    }

    /// Passes syncs on as this device.
    pub fn pass_as(&self, device: Device) {
        lock(&self.state).as_whom = Some(Arc::new(device));
    }

    /// Answers requests for items so from now on.
    pub fn answer(&self, answer: Answer) {
        lock(&self.state).answer = Some(answer);
    }

    /// Heads of the requests for items so far, with what followed them; they are forgotten.
    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).heads)
    }
}

fn serve(
    mut stream: StreamOwned<ServerConnection, TcpStream>,
    state: &Mutex<State>,
) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("a head is text");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().expect("a length"))
        });
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body)?;
        let mut line = head.split_whitespace();
        let (method, path) = (line.next().unwrap_or(""), line.next().unwrap_or(""));
        let (answer, device) = {
            let mut state = lock(state);
            if path.starts_with("/v1/items") {
                let seen = format!("{head}{}", String::from_utf8_lossy(&body));
                state.heads.push(seen);
                (
                    state.answer.clone().unwrap_or(Answer::Passed),
                    state.as_whom.clone(),
                )
            } else {
                (Answer::Passed, state.as_whom.clone())
            }
        };
        let (status, bytes, cut) = match answer {
            Answer::Reply(status, bytes) => (status, bytes, false),
            Answer::CutOff(bytes) => (200, bytes, true),
            Answer::Passed => {
                let device = device.expect("somebody to pass on as");
                let page = device.json(method, path, body);
                (page.status.as_u16(), page.body.into_bytes(), false)
            }
        };
        let length = match status {
            204 => String::new(),
            _ => format!("content-length: {}\r\n", bytes.len()),
        };
        let told =
            format!("HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\n{length}\r\n");
        stream.write_all(told.as_bytes())?;
        if cut {
            stream.write_all(&bytes[..bytes.len() / 2])?;
            stream.flush()?;
            return stream.sock.shutdown(Shutdown::Both);
        }
        stream.write_all(&bytes)?;
        stream.flush()?;
    }
}
