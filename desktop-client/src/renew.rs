//! The next certificate of this device, asked for by `sync` once two thirds of the last one's life
//! are over, or after its end.
//!
//! Each attempt makes a key of its own. An answer that is lost costs a certificate that nobody has the
//! key of; the one in use stays as it is, and the next sync asks again.
//!
//! Invariant: what is kept is a certificate of this device, for the key that was made here, under the
//! root that was pinned at the enrolment.

use crate::error::{Error, Result, Told};
use crate::home::Home;
use crate::net::identity::{self, Leaf};
use crate::net::{self, Http, Identity};
use crate::words;
use crate::world::World;
use kernel::wire::v1::{self, Renew, Renewed};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

/// Why another appliance, or this one, cannot be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The root is another one.
    #[error(
        "{host} is not the appliance that this machine is enrolled at: its certificate does not come from the root that was pinned then"
    )]
    OtherAppliance {
        /// Where.
        host: String,
        /// What TLS says.
        source: rustls::Error,
    },
    /// The certificate does not hold at this time.
    #[error("the certificate of {host} does not hold at this machine's time")]
    Time {
        /// Where.
        host: String,
        /// What TLS says.
        source: rustls::Error,
    },
    /// The certificate is for other names.
    #[error("the certificate of {host} is for other names than this one")]
    Name {
        /// Where.
        host: String,
        /// What TLS says.
        source: rustls::Error,
    },
    /// The answer is no certificate for this device and key.
    #[error("the appliance's answer is no certificate for this device: {why}")]
    Unfit {
        /// What is wrong.
        why: String,
    },
    /// The appliance knows no renewal.
    #[error(
        "the appliance, of an older release, cannot renew this device's certificate, which holds until {day}"
    )]
    NotOffered {
        /// The last day.
        day: String,
    },
}

impl Told for Refused {
    fn code(&self) -> &'static str {
        match self {
            Self::OtherAppliance { .. } => "C120",
            Self::Time { .. } => "C121",
            Self::Name { .. } => "C122",
            Self::Unfit { .. } => "C123",
            Self::NotOffered { .. } => "C124",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::OtherAppliance { .. } => {
                "Nothing was sent. Ask whoever runs the appliance, by another way than this network, whether it \
                 was set up anew, and for its fingerprint. If it was: `aiworklab enrol URL --ca-fingerprint \
                 sha256:… --take-graph-along`, and the new one gets all that you recorded. If not, somebody may \
                 stand between."
                    .into()
            }
            Self::Time { .. } => {
                "Nothing was sent. Set this machine's clock, and sync again; if the clock is right, tell your \
                 administrator that the appliance's own certificate is over."
                    .into()
            }
            Self::Name { .. } => {
                "Nothing was sent. Ask your administrator by which name the appliance is reached, and enrol at \
                 that one; the graph stays."
                    .into()
            }
            Self::Unfit { .. } => {
                "None of it was taken; the certificate in use stays. Sync again; if it stays so, tell your \
                 administrator."
                    .into()
            }
            Self::NotOffered { .. } => {
                "Sync on; when it has ended, run `aiworklab enrol` again with the same address. Nothing is lost.".into()
            }
        }
    }
}

/// What the certificate of a server that was met is wrong for, if that ended the connection.
pub fn refused(host: &str, error: &(dyn std::error::Error + 'static)) -> Option<Refused> {
    use rustls::CertificateError as Wrong;
    let source = tls_error(error)?;
    let host = host.to_owned();
    let rustls::Error::InvalidCertificate(wrong) = &source else {
        return None;
    };
    Some(match wrong {
        Wrong::Expired
        | Wrong::ExpiredContext { .. }
        | Wrong::NotValidYet
        | Wrong::NotValidYetContext { .. } => Refused::Time { host, source },
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            Refused::Name { host, source }
        }
        _ => Refused::OtherAppliance { host, source },
    })
}

/// What TLS said, somewhere behind this error.
fn tls_error(error: &(dyn std::error::Error + 'static)) -> Option<rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found.clone());
        }
        // An input/output error passes over what it was made of.
        if let Some(inner) = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            && let Some(found) = tls_error(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Asks for the next certificate and puts it in the place of the one in use. Returns its end, in
/// seconds.
///
/// # Errors
/// [`Error::Refused`] by the appliance, [`Refused`] by this program, [`Error::Connect`]. The pair in
/// use stays then.
pub async fn renew(
    world: &dyn World,
    home: &Home,
    http: &Http,
    devices: &str,
    root: &CertificateDer<'static>,
    used: &Leaf,
) -> Result<i64> {
    let failed = |doing: &'static str| {
        move |error: rcgen::Error| Error::Certificate {
            doing,
            source: error.into(),
        }
    };
    let key = KeyPair::generate().map_err(failed("make this device's next key"))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let csr = params
        .serialize_request(&key)
        .and_then(|request| request.pem())
        .map_err(failed("make a signing request"))?;
    let wish = Renew {
        v: v1::VERSION,
        csr,
    };
    let reply = http
        .post_shape(&format!("{devices}/v1/devices/renew"), &wish)
        .await?;
    if reply.status == 404 {
        let day = words::day(used.to);
        return Err(if world.now() > used.to {
            Error::CertificateOver { day }
        } else {
            Refused::NotOffered { day }.into()
        });
    }
    let made: Renewed = reply.shape()?;
    let pem = Zeroizing::new(key.serialize_pem());
    let leaf = fitting(&made.certificate, &key, &pem, root, used)?;
    identity::keep(world, home, &pem, &made.certificate)?;
    Ok(leaf.to)
}

/// The answer's leaf, if it is for this device and this key, and can be used under this root.
fn fitting(
    chain: &str,
    key: &KeyPair,
    pem: &str,
    root: &CertificateDer<'static>,
    used: &Leaf,
) -> Result<Leaf> {
    let unfit = |why: String| Refused::Unfit { why };
    let chain = net::of_pem(chain.as_bytes()).map_err(|error| unfit(error.to_string()))?;
    let leaf = Leaf::of(&chain).map_err(|error| unfit(error.to_string()))?;
    if leaf.device != used.device {
        return Err(unfit("it names another device".into()).into());
    }
    if !leaf.fits(key) {
        return Err(unfit("it is for another key".into()).into());
    }
    if leaf.to < used.to {
        return Err(unfit("it ends before the one in use".into()).into());
    }
    // At its end, which this machine's clock has no say in.
    net::under(root, &chain, leaf.to).map_err(|error| unfit(error.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| unfit(error.to_string()))?;
    net::trusting(root.clone(), Some(Identity { chain, key }))
        .map_err(|error| unfit(error.to_string()))?;
    Ok(leaf)
}
