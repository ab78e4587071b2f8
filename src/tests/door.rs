//! AWS that enforces: ministack decides who may do what, and moto, which asks for nothing, does what
//! ministack lacks. How they are joined stands in `door.py`.
//!
//! Every request is signed and every signature is checked; the only ones who may do all are the root
//! users of the accounts, as whom the tests make what they need.

use std::sync::OnceLock;

use crate::emulator::{Emulator, Recipe};
use crate::moto::Moto;

/// The version that `door.py` patches; another one may have other insides.
const MINISTACK: Recipe = Recipe {
    name: "ministack",
    requirement: "ministack==1.5.33",
    overlay: include_str!("door.py"),
};

/// The two servers.
pub struct Door {
    server: Emulator,
    moto: Moto,
}

impl Door {
    /// The door of this test binary, started at the first call.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Door> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        // That snapshots take their time is shown elsewhere.
        let moto = Moto::with(&[("PENDING_LOOKS", "0")]);
        let server = Emulator::start(&MINISTACK, &[("MOTO_URL", &moto.url())]);
        let ready = server.request("GET", "/_ministack/health", &[], "");
        assert_eq!(ready.status, 200, "ministack is not ready: {}", ready.body);
        Self { server, moto }
    }

    /// Where it listens: what goes into `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What is behind it, for what only AWS itself can do there.
    pub fn behind(&self) -> &Moto {
        &self.moto
    }
}
