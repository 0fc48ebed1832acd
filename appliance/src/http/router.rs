//! Every route of both ports, in one list.
//!
//! A line says which port answers, who may, what it leaves in the audit log and how large a body
//! may be; the guard (`http::auth`) enforces it before a handler runs. Tests walk [`ROUTES`]: each
//! has to refuse whoever is less than its line says, and each that writes has to be audited.

use super::{api, auth, layers, pages};
use crate::app::App;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{self, MethodRouter};
use tower_http::catch_panic::CatchPanicLayer;

/// Which listener answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Browsers and enrolments.
    People,
    /// Enrolled devices.
    Devices,
    /// Both.
    Both,
}

impl Port {
    /// For the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Devices => "devices",
            Self::Both => "both",
        }
    }

    fn serves(self, route: Self) -> bool {
        route == Self::Both || route == self
    }
}

/// Who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Anybody. A `POST` from a browser still has to come from a page of ours.
    Open,
    /// Anybody, from a program: no cookie is looked at, so no other site can act through a browser.
    Program,
    /// Whoever is signed in.
    Member,
    /// The same, having signed in or confirmed within the last minutes.
    MemberFresh,
    /// An administrator.
    Admin,
    /// An administrator who signed in or confirmed within the last minutes.
    AdminFresh,
    /// An enrolled device that was not revoked.
    Device,
    /// The same, also one whose certificate ended at most `RENEWABLE_DAYS` ago.
    DeviceLate,
}

/// One line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET`.
    pub method: &'static str,
    /// As the router has it: `/concepts/{slug}`.
    pub path: &'static str,
    /// Which listener.
    pub port: Port,
    /// Who may.
    pub auth: Auth,
    /// What the audit log says after it, in words of `org_store::Action`; empty for what changes
    /// nothing of a person's or the organisation's (syncs are counted by the day, for the site).
    pub audit: &'static [&'static str],
    /// Largest body, in bytes.
    pub body: usize,
}

/// No body is expected.
const NONE: usize = 0;
/// A form.
const FORM: usize = 16 * 1024;
/// An enrolment: a certificate request and a name.
const ENROL: usize = 16 * 1024;
/// A sync, as sent.
const SYNC: usize = kernel::wire::v1::MAX_BODY_BYTES;

macro_rules! routes {
    ($($method:ident $path:literal $port:ident $auth:ident [$($audit:literal),*] $body:ident => $handler:path;)*) => {
        /// All of them.
        pub const ROUTES: &[Route] = &[$(Route {
            method: method_name(stringify!($method)),
            path: $path,
            port: Port::$port,
            auth: Auth::$auth,
            audit: &[$($audit),*],
            body: $body,
        }),*];

        fn mount(app: &App, port: Port) -> Router<App> {
            let mut router = Router::new();
            let mut at = 0..ROUTES.len();
            $(
                if let Some(route) = at.next().map(|at| &ROUTES[at])
                    && port.serves(route.port)
                {
                    let handler: MethodRouter<App> = routing::$method($handler);
                    let guard = from_fn_with_state((app.clone(), route), auth::guard);
                    router = router.route($path, handler.route_layer(guard));
                }
            )*
            router
        }
    };
}

const fn method_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        b"get" => "GET",
        b"post" => "POST",
        b"put" => "PUT",
        b"delete" => "DELETE",
        _ => panic!("a method that the list does not know"),
    }
}

routes! {
    get "/.well-known/aiworklab" Both Program [] NONE => api::about::well_known;
    get "/healthz" Both Program [] NONE => api::about::healthz;
    get "/readyz" Both Program [] NONE => api::about::readyz;

    post "/v1/sync/push" Devices Device [] SYNC => api::sync::push;
    post "/v1/sync/pull" Devices Device [] SYNC => api::sync::pull;
    put "/v1/me/aggregate" Devices Device ["graph.aggregate"] FORM => api::me::set_aggregate;
    get "/v1/me/export" Devices Device ["graph.export"] NONE => api::me::export;
    delete "/v1/me" Devices Device ["graph.erase"] NONE => api::me::erase;
    get "/v1/catalogue" Devices Device [] NONE => api::about::catalogue;
    get "/v1/items" Devices Device [] NONE => api::items::newest;
    post "/v1/devices/renew" Devices DeviceLate ["device.renew"] ENROL => api::devices::renew;
    post "/v1/devices/here" Devices Device [] FORM => api::devices::here;

    post "/v1/enrol/start" People Program [] ENROL => api::enrol::start;
    post "/v1/enrol/poll" People Program [] ENROL => api::enrol::poll;

    get "/assets/{file}" People Open [] NONE => pages::assets::file;
    get "/root.pem" People Open [] NONE => pages::assets::root;
    get "/docs" People Open [] NONE => pages::docs::first;
    get "/docs/search" People Open [] NONE => pages::docs::search;
    get "/docs/{page}" People Open [] NONE => pages::docs::page;
    get "/signin" People Open [] NONE => pages::signin::show;
    post "/signout" People Member ["session.end"] FORM => pages::signin::sign_out;
    get "/link/{token}" People Open [] NONE => pages::link::show;
    post "/link/{token}" People Open ["session.begin"] FORM => pages::link::open;
    get "/oidc/{provider}/start" People Open [] NONE => pages::oidc::start;
    get "/oidc/{provider}/callback" People Open ["session.begin", "session.confirm"] NONE => pages::oidc::callback;

    get "/" People Member [] NONE => pages::figures::overview;
    get "/concepts" People Member [] NONE => pages::figures::concepts;
    get "/concepts/{slug}" People Member [] NONE => pages::figures::concept;

    get "/me" People Member ["graph.view"] NONE => pages::me::show;
    get "/me/export" People Member ["graph.export"] NONE => pages::me::export;
    post "/me/aggregate" People Member ["graph.aggregate"] FORM => pages::me::set_aggregate;
    get "/me/erase" People Member [] NONE => pages::me::ask_erase;
    post "/me/erase" People MemberFresh ["graph.erase"] FORM => pages::me::erase;
    get "/me/devices/{id}/revoke" People Member [] NONE => pages::me::ask_revoke;
    post "/me/devices/{id}/revoke" People Member ["device.revoke-own"] FORM => pages::me::revoke;
    get "/me/devices/{id}/shared" People Member [] NONE => pages::shared::ask;
    post "/me/devices/{id}/shared" People Member ["device.keep-shared"] FORM => pages::shared::keep;
    get "/enrol" People Member [] NONE => pages::enrol::show;
    post "/enrol" People Member ["device.approve", "device.refuse"] FORM => pages::enrol::decide;

    get "/admin" People Admin [] NONE => pages::admin::health;
    get "/admin/people" People Admin [] NONE => pages::admin::people;
    get "/admin/devices" People Admin [] NONE => pages::admin::devices;
    get "/admin/audit" People Admin [] NONE => pages::admin::audit;
    get "/admin/devices/{id}/revoke" People Admin [] NONE => pages::admin::ask_revoke;
    post "/admin/devices/{id}/revoke" People AdminFresh ["device.revoke"] FORM => pages::admin::revoke;
    get "/admin/people/{id}/disable" People Admin [] NONE => pages::admin::ask_disable;
    post "/admin/people/{id}/disable" People AdminFresh ["person.disable"] FORM => pages::admin::disable;
    get "/admin/people/{id}/enable" People Admin [] NONE => pages::admin::ask_enable;
    post "/admin/people/{id}/enable" People AdminFresh ["person.enable"] FORM => pages::admin::enable;
}

/// The router of one port.
pub fn router(app: &App, port: Port) -> Router {
    mount(app, port)
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state((app.clone(), port), layers::outermost))
        .with_state(app.clone())
}
