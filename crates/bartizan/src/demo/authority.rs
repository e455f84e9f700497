//! A local certificate authority for `demo --tls`, kept in the data folder so that clients trust it once.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Files of the authority and the server certificate.
pub(super) struct Files {
    /// Certificate of the authority, for clients.
    pub(super) ca: PathBuf,
    /// Server certificate.
    pub(super) cert: PathBuf,
    /// Server key.
    pub(super) key: PathBuf,
}

/// The files of a data folder, made on first use.
pub(super) fn load_or_create(folder: &Path) -> io::Result<Files> {
    let folder = folder.join("tls");
    let files =
        Files { ca: folder.join("ca.pem"), cert: folder.join("server.pem"), key: folder.join("server.key") };
    if ![&files.ca, &files.cert, &files.key].iter().all(|path| path.exists()) {
        fs::create_dir_all(&folder)?;
        let (ca, cert, key) = make().map_err(io::Error::other)?;
        fs::write(&files.ca, ca)?;
        fs::write(&files.cert, cert)?;
        let mut out =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&files.key)?;
        io::Write::write_all(&mut out, key.as_bytes())?;
    }
    Ok(files)
}

/// PEM texts: authority, server certificate for loopback names, server key. The authority's key is not kept.
fn make() -> Result<(String, String, String), rcgen::Error> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    ca.distinguished_name.push(DnType::CommonName, "Bartizan demo authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let key = KeyPair::generate()?;
    let mut server =
        CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    server.use_authority_key_identifier_extension = true;
    let issuer = Issuer::new(ca, ca_key);
    let cert_pem = server.signed_by(&key, &issuer)?.pem();
    Ok((ca_pem, cert_pem, key.serialize_pem()))
}
