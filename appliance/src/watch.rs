//! What the jobs saw last, for the health page: kept in memory, found anew after a start.

use pki::Validity;

/// What the last verification of the audit log found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audit {
    /// Nobody looked since the start.
    #[default]
    NotYet,
    /// Unbroken through this entry, seen at this time.
    Good(u64, i64),
    /// It does not fit at this entry.
    Broken(u64),
}

/// What was seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch {
    /// The audit log.
    pub audit: Audit,
    /// The server's certificate.
    pub server: Option<Validity>,
    /// The certificate of what signs packs of items.
    pub signer: Option<Validity>,
    /// Jobs whose last run failed.
    pub failing_jobs: u32,
}
