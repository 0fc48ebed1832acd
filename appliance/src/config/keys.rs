//! Every configuration key there is: one table.
//!
//! From it come the check for unknown keys, the names of the environment variables, the defaults,
//! `config show` and the commented file that `init` writes. A key that is not here does not exist.

/// What a key's value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text of one line, so many characters at most.
    Text(usize),
    /// An IP address and a port: `127.0.0.1:8443`, `[::1]:8443`.
    Listen,
    /// Host names and IP addresses.
    Hosts,
    /// Words without commas.
    Words,
    /// An `https` address without a path.
    Origin,
    /// An `https` address.
    Url,
    /// A file, relative to the data directory unless absolute.
    File,
    /// A folder, likewise.
    Folder,
    /// A SHA-256 of 64 lower-case hexadecimal digits.
    Digest,
    /// A whole number between the two, both included.
    Integer(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// What the value has to be, for people.
    #[must_use]
    pub fn wants(self) -> String {
        match self {
            Self::Text(max) => format!("text of one line, at most {max} characters"),
            Self::Listen => "an IP address and a port, such as 127.0.0.1:8443".to_owned(),
            Self::Hosts => "a list of host names or IP addresses".to_owned(),
            Self::Words => "a list of words".to_owned(),
            Self::Origin => "an address such as https://skills.example:8443".to_owned(),
            Self::Url => "an address that begins with https://".to_owned(),
            Self::File => "the path of a file".to_owned(),
            Self::Folder => "the path of a folder".to_owned(),
            Self::Digest => "a SHA-256: 64 lower-case hexadecimal digits".to_owned(),
            Self::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// Whether the value is a list.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Hosts | Self::Words)
    }
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `listen`; `oidc.*` stands for each identity provider's own section.
    pub section: &'static str,
    /// `people`.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Its value where nothing is said, as an environment variable would spell it. Empty: none.
    pub default: &'static str,
    /// What it does, for people.
    pub help: &'static str,
}

/// The section that is repeated by name: `[oidc.entra]`.
pub const PROVIDERS: &str = "oidc";
/// How [`Key::section`] names it.
pub const PROVIDER: &str = "oidc.*";

const fn key(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Key {
    Key {
        section,
        name,
        kind,
        default,
        help,
    }
}

/// All of them, in the order in which the file shows them.
pub const KEYS: &[Key] = &[
    key(
        "organisation",
        "name",
        Kind::Text(120),
        "Your organisation",
        "The name on every page.",
    ),
    key(
        "listen",
        "people",
        Kind::Listen,
        "127.0.0.1:8443",
        "Where browsers and enrolments arrive. 0.0.0.0:8443 or [::]:8443 for all interfaces.",
    ),
    key(
        "listen",
        "devices",
        Kind::Listen,
        "127.0.0.1:8444",
        "Where enrolled devices sync, with their certificates.",
    ),
    key(
        "public",
        "names",
        Kind::Hosts,
        "",
        "Names and addresses in the server's certificate, beside localhost, 127.0.0.1 and ::1. The first is the one that people are shown.",
    ),
    key(
        "public",
        "people_url",
        Kind::Origin,
        "",
        "How browsers reach the people's port, where a balancer or another port stands in front. Left out: the first name and the port.",
    ),
    key(
        "public",
        "devices_url",
        Kind::Origin,
        "",
        "How devices reach theirs. A balancer has to pass TCP through: TLS ends here.",
    ),
    key(
        "log",
        "format",
        Kind::Choice(&["text", "json"]),
        "text",
        "Shape of the log on stderr.",
    ),
    key(
        "log",
        "level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        "info",
        "How much of it.",
    ),
    key(
        "store",
        "path",
        Kind::File,
        "store.db",
        "The encrypted database.",
    ),
    key(
        "store",
        "ledger",
        Kind::File,
        "ledger.jsonl",
        "The ledger of what must survive a restore.",
    ),
    key(
        "sign_in",
        "session_hours",
        Kind::Integer(1, 24),
        "10",
        "How long a browser stays signed in.",
    ),
    key(
        "sign_in",
        "step_up_minutes",
        Kind::Integer(1, 5),
        "5",
        "How fresh a sign-in has to be for a change by an administrator.",
    ),
    key(
        "sync",
        "poll_s",
        Kind::Integer(60, 86_400),
        "3600",
        "How often devices come by themselves.",
    ),
    key(
        "figures",
        "k",
        Kind::Integer(5, 1_000),
        "5",
        "The smallest group that a figure may be about. It can be raised, never lowered below 5.",
    ),
    key(
        "limits",
        "connections",
        Kind::Integer(8, 65_536),
        "1024",
        "Open connections, for each of the two ports.",
    ),
    key(
        "limits",
        "header_s",
        Kind::Integer(1, 120),
        "10",
        "Seconds for a TLS handshake, and for the head of a request.",
    ),
    key(
        "limits",
        "request_s",
        Kind::Integer(1, 600),
        "30",
        "Seconds for a whole request.",
    ),
    key(
        "limits",
        "shutdown_s",
        Kind::Integer(1, 600),
        "10",
        "Seconds that requests in flight get at the end.",
    ),
    key(
        "model",
        "file",
        Kind::File,
        "",
        "The language model (GGUF), by convention below models/. Left out: checks are drawn without a model, and nothing else changes.",
    ),
    key(
        "model",
        "sha256",
        Kind::Digest,
        "",
        "Its digest. The file is not opened if its own is another.",
    ),
    key(
        "model",
        "sentences",
        Kind::Folder,
        "",
        "The folder of the sentence model (model.safetensors and tokenizer.json of all-MiniLM-L6-v2), which tells near-duplicates apart. Left out: none are looked for.",
    ),
    key(
        "model",
        "threads",
        Kind::Integer(1, 256),
        "",
        "Threads of the model. Left out: one less than there are cores, at least one; it falls behind when it has to share a core.",
    ),
    key(
        "model",
        "memory_mb",
        Kind::Integer(64, 1_048_576),
        "1500",
        "Memory that the model's process may take beside its mapped files, in MB of 1,000,000 bytes.",
    ),
    key(
        "model",
        "start_s",
        Kind::Integer(1, 3_600),
        "60",
        "Seconds within which it has to be ready.",
    ),
    key(
        "model",
        "job_s",
        Kind::Integer(1, 3_600),
        "60",
        "Seconds for one job; a process that takes longer is ended and started anew.",
    ),
    key(
        "model",
        "sandbox",
        Kind::Choice(&["required", "allow-degraded"]),
        "required",
        "What happens on a kernel without Landlock: the model is not started, or it runs with the rest of the sandbox and every page says so to administrators. The filter of system calls and the absence of a network are never waived.",
    ),
    key(
        PROVIDER,
        "name",
        Kind::Text(60),
        "",
        "The name on the button.",
    ),
    key(
        PROVIDER,
        "issuer",
        Kind::Url,
        "",
        "The issuer, exactly as the provider states it.",
    ),
    key(
        PROVIDER,
        "client_id",
        Kind::Text(255),
        "",
        "Our name there.",
    ),
    key(
        PROVIDER,
        "client_secret_file",
        Kind::File,
        "",
        "The file that holds the client's secret. Left out: a public client, with PKCE alone.",
    ),
    key(
        PROVIDER,
        "client_auth",
        Kind::Choice(&["basic", "post"]),
        "basic",
        "How the secret is sent to the token endpoint.",
    ),
    key(
        PROVIDER,
        "ca_file",
        Kind::File,
        "",
        "The PEM file with the authority that issued the provider's certificate.",
    ),
    key(
        PROVIDER,
        "scopes",
        Kind::Words,
        "openid,profile,email",
        "What is asked for.",
    ),
    key(
        PROVIDER,
        "roles_claim",
        Kind::Text(120),
        "roles",
        "The claim of the ID token that carries roles or groups.",
    ),
    key(
        PROVIDER,
        "admin_values",
        Kind::Words,
        "",
        "Its values that make an administrator.",
    ),
    key(
        PROVIDER,
        "lead_values",
        Kind::Words,
        "",
        "Its values that make a lead.",
    ),
    key(
        PROVIDER,
        "extra_audiences",
        Kind::Words,
        "",
        "Further audiences to accept in its tokens, beside ours.",
    ),
    key(
        PROVIDER,
        "also_hosts",
        Kind::Words,
        "",
        "Hosts beside the issuer's that its own addresses may lie on: host or host:port.",
    ),
    key(
        PROVIDER,
        "hosted_domain",
        Kind::Text(253),
        "",
        "Google Workspace: the domain that people have to belong to.",
    ),
    key(
        PROVIDER,
        "tls_floor",
        Kind::Choice(&["1.3", "1.2-aead"]),
        "1.3",
        "The oldest TLS that is spoken with it; the older one is shown on the security page.",
    ),
    key(
        PROVIDER,
        "acr_values",
        Kind::Words,
        "",
        "For confirming a change: the token has to show one of these classes (acr).",
    ),
    key(
        PROVIDER,
        "auth_context",
        Kind::Text(64),
        "",
        "For confirming a change at Entra ID: the authentication context, such as c1.",
    ),
];

/// The key of this section and name.
#[must_use]
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter()
        .find(|key| key.section == section && key.name == name)
}

/// The sections, in order, `oidc.*` among them.
#[must_use]
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
    sections.dedup();
    sections
}

/// The one of `known` that `word` was most likely meant to be, if any is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters to add, drop, change or swap (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        assert_eq!(nearest("peple", ["people", "devices"]), Some("people"));
        assert_eq!(nearest("poeple", ["people", "devices"]), Some("people"));
        assert_eq!(nearest("colour", ["people", "devices"]), None);
    }

    #[test]
    fn no_key_stands_twice_and_sections_are_not_torn() {
        let mut names: Vec<_> = KEYS.iter().map(|k| (k.section, k.name)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
        let mut sections = sections();
        sections.sort_unstable();
        let all = sections.len();
        sections.dedup();
        assert_eq!(sections.len(), all);
    }
}
