//! Why a certificate, a request or a key was refused.

/// Why the CA refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A signing request of more bytes than any honest one has.
    #[error("the signing request has {found} bytes, at most {max} are read")]
    TooLong {
        /// Its length.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// Not a certificate, a request, or a list of revocations.
    #[error("this is not {what}")]
    Unreadable {
        /// What it was to be.
        what: &'static str,
    },
    /// Whoever asks does not hold the key.
    #[error("the signing request is not signed by the key that it names")]
    RequestSignature,
    /// A key of a kind that is not taken.
    #[error("the key is none of ECDSA P-256, ECDSA P-384, Ed25519")]
    KeyKind,
    /// A certificate and a key that do not belong together.
    #[error("the private key is not that of the certificate")]
    KeyMismatch,
    /// Not a certificate that may sign what it is to sign.
    #[error("the certificate is not that of {what}")]
    NotThatCa {
        /// Whose it was to be.
        what: &'static str,
    },
    /// A name that no certificate may hold.
    #[error("{name:?} is neither a host name nor an IP address")]
    Name {
        /// The name.
        name: String,
    },
    /// A server's certificate without any name.
    #[error("a server's certificate needs at least one name")]
    NoName,
    /// The issuer ends too soon, or has not begun.
    #[error("the issuing certificate is not valid at this time: check the clock, or renew the CA")]
    IssuerTime,
    /// A time that no certificate can hold.
    #[error("the time {at} cannot be written in a certificate")]
    Time {
        /// Seconds UTC.
        at: i64,
    },
    /// Not the certificate of one of our devices.
    #[error("the certificate is not that of a device: {why}")]
    NotADevice {
        /// What is wrong.
        why: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// Key bytes that cannot be used.
    #[error("the private key is damaged")]
    Key,
    /// Writing or signing failed.
    #[error("could not {doing}")]
    Sign {
        /// What was being made.
        doing: &'static str,
        /// The library's word.
        source: rcgen::Error,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "P001",
            Self::Unreadable { .. } => "P002",
            Self::RequestSignature => "P003",
            Self::KeyKind => "P004",
            Self::KeyMismatch => "P005",
            Self::NotThatCa { .. } => "P006",
            Self::Name { .. } => "P007",
            Self::NoName => "P008",
            Self::IssuerTime => "P009",
            Self::Time { .. } => "P010",
            Self::NotADevice { .. } => "P011",
            Self::Random => "P012",
            Self::Key => "P013",
            Self::Sign { .. } => "P014",
        }
    }
}
