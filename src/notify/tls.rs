//! The one place that chooses the cryptography of our outgoing TLS.

/// Makes `ring` the process's TLS cryptography. It may be called again: the first choice stands.
pub fn install_tls() {
    // The error only says that a provider is there already, which is what we want.
    drop(rustls::crypto::ring::default_provider().install_default());
}
