//! The addresses that pages link to and forms post to.
//!
//! The appliance's router serves exactly these; a page never builds one by hand.

/// The overview.
pub const OVERVIEW: &str = "/";
/// All published concepts.
pub const CONCEPTS: &str = "/concepts";
/// The reader's own graph.
pub const ME: &str = "/me";
/// `GET`: everything held about the reader, as a file.
pub const ME_EXPORT: &str = "/me/export";
/// `POST choice=in|out`: counted in the figures or not.
pub const ME_AGGREGATE: &str = "/me/aggregate";
/// `GET`: the confirmation; `POST`: erase.
pub const ME_ERASE: &str = "/me/erase";
/// `GET`: type a device's code; `GET ?code=`: what it asks; `POST`: approve or refuse.
pub const ENROL: &str = "/enrol";
/// Administration: health.
pub const ADMIN: &str = "/admin";
/// Administration: accounts.
pub const ADMIN_PEOPLE: &str = "/admin/people";
/// Administration: devices.
pub const ADMIN_DEVICES: &str = "/admin/devices";
/// Administration: the audit log.
pub const ADMIN_AUDIT: &str = "/admin/audit";
/// The page that leads to an identity provider.
pub const SIGN_IN: &str = "/signin";
/// `POST`: end the session.
pub const SIGN_OUT: &str = "/signout";
/// The manual's first page; the others lie below it.
pub const MANUAL: &str = "/docs";
/// `GET ?q=`: looks something up in the manual.
pub const MANUAL_SEARCH: &str = "/docs/search";
/// What is stored about whom.
pub const STORED: &str = "/docs/what-is-stored";
/// Under which the static files lie.
pub const ASSETS: &str = "/assets/";

/// A concept's page.
pub fn concept(slug: &str) -> String {
    format!("{CONCEPTS}/{}", encode(slug))
}

/// A page of the manual.
pub fn manual(page: &str) -> String {
    match page {
        crate::manual::FIRST => MANUAL.to_owned(),
        page => format!("{MANUAL}/{}", encode(page)),
    }
}

/// What the manual says of an error code.
pub fn error_code(code: &str) -> String {
    format!("{MANUAL}/errors#{}", encode(code))
}

/// The confirmation before one of the reader's own devices is revoked, and its `POST`.
pub fn my_device_revoke(device: &str) -> String {
    format!("/me/devices/{}/revoke", encode(device))
}

/// The confirmation that two machines rightly share one of the reader's certificates, and its `POST`.
pub fn my_device_shared(device: &str) -> String {
    format!("/me/devices/{}/shared", encode(device))
}

/// The confirmation before any device is revoked, and its `POST`.
pub fn device_revoke(device: &str) -> String {
    format!("{ADMIN_DEVICES}/{}/revoke", encode(device))
}

/// The confirmation before an account is disabled or enabled, and its `POST`.
pub fn person_state(person: &str, enable: bool) -> String {
    format!(
        "{ADMIN_PEOPLE}/{}/{}",
        encode(person),
        if enable { "enable" } else { "disable" }
    )
}

/// A one-time link: `GET` shows a button, `POST` uses it up.
pub fn link(token: &str) -> String {
    format!("/link/{}", encode(token))
}

/// The beginning of a sign-in at one provider, by its key in the configuration.
pub fn sign_in_with(provider: &str) -> String {
    format!("/oidc/{}/start", encode(provider))
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_plain_name_cannot_change_the_path() {
        assert_eq!(concept("pg-advisory-locks"), "/concepts/pg-advisory-locks");
        assert_eq!(concept("../me?x=\"é"), "/concepts/..%2Fme%3Fx%3D%22%C3%A9");
    }
}
