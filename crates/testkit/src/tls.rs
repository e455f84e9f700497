//! A certificate authority of one test and a certificate of it for loopback.

use std::{path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// An authority that nobody else trusts.
pub struct Authority {
    /// Its certificate as PEM.
    pub pem: String,
    /// The same in a file, which goes with this value.
    pub file: PathBuf,
    acceptor: TlsAcceptor,
    _folder: TempDir,
}

impl Authority {
    /// A new authority with a server certificate for `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn new() -> Authority {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = ca.self_signed(&ca_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server = CertificateParams::new(names).unwrap();
        let certificate = server.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, &pem).unwrap();
        Authority { pem, file, acceptor: TlsAcceptor::from(Arc::new(config)), _folder: folder }
    }

    /// What accepts TLS with the server certificate.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}
