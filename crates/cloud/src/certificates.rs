//! The certificate of the API follows its files: a renewed one serves the next connection, without a restart.
//!
//! Both files must fit each other. While they do not, because one of the two is not written yet or because something is
//! wrong with them, the old certificate stays.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use axum_server::tls_rustls::RustlsConfig;

/// Time between two looks at the files.
const PERIOD: Duration = Duration::from_secs(2);

/// What changes when a file is written anew.
type Mark = Option<(SystemTime, u64)>;

/// Certificate and key, and the configuration that they are in.
pub(crate) struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    config: RustlsConfig,
    loaded: (Mark, Mark),
}

impl Certificates {
    /// Reads both files.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit.
    pub(crate) async fn load(certificate: &Path, key: &Path) -> std::io::Result<Certificates> {
        let loaded = (mark(certificate).await, mark(key).await);
        let config = RustlsConfig::from_pem_file(certificate, key).await?;
        Ok(Certificates { certificate: certificate.to_owned(), key: key.to_owned(), config, loaded })
    }

    /// For the server; it changes when the files do.
    pub(crate) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Watches for as long as the cloud runs.
    pub(crate) async fn watch(mut self) {
        let mut tick = tokio::time::interval(PERIOD);
        let mut refused = None;
        loop {
            tick.tick().await;
            // Marked before reading: what is written meanwhile is seen the next time.
            let found = (mark(&self.certificate).await, mark(&self.key).await);
            if found == self.loaded {
                continue;
            }
            match self.config.reload_from_pem_file(&self.certificate, &self.key).await {
                Ok(()) => {
                    self.loaded = found;
                    refused = None;
                    tracing::info!("the certificate of the API was read again");
                }
                // It is tried again: files may become readable without being written. That is said once.
                Err(error) => {
                    if refused.replace(found) != Some(found) {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the certificate of the API changed and cannot be used; the old one stays"
                        );
                    }
                }
            }
        }
    }
}

async fn mark(file: &Path) -> Mark {
    let data = tokio::fs::metadata(file).await.ok()?;
    Some((data.modified().ok()?, data.len()))
}
