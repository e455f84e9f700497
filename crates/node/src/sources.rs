//! What is known of a client address: country, data centre, anonymiser (`spec/node.md` sections 2.4 and 5).
//!
//! Databases in the `MaxMind` format, named in the configuration, are read whole into memory at the start and asked only
//! when a list has an entry that needs them, or for the events of an attack. Three kinds of record are understood, in
//! any number of files: countries (`GeoIP2`, `GeoLite2`, and the flat `country_code` of free databases), autonomous
//! systems (for data centres), and anonymisers (Tor exits, proxies, VPNs, hosting). A file that cannot be read is an
//! error of the configuration; an address that is in no file has no source.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::Reader;
use serde::Deserialize;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub(crate) struct SourceError {
    path: PathBuf,
    #[source]
    source: maxminddb::MaxMindDbError,
}

/// The databases of a node; empty without configuration.
#[derive(Default)]
pub(crate) struct Sources {
    databases: Vec<Reader<Vec<u8>>>,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sources({} databases)", self.databases.len())
    }
}

/// What is known of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    /// ISO 3166 alpha-2, upper case.
    pub(crate) country: Option<String>,
    /// ISO 3166-2 code of the subdivision without the country, upper case.
    pub(crate) region: Option<String>,
    /// A code of the list of data centres, such as `aws`.
    pub(crate) datacenter: Option<&'static str>,
    /// Codes of the list of proxy types: `TOR`, `VPN`, `PUB`, `WEB`, `DCH`.
    pub(crate) proxies: Vec<&'static str>,
}

impl Source {
    /// What list entries other than addresses call this source: kinds and codes, these in up to three parts. A data
    /// centre is one of the kind "proxy" (`DCH`), too.
    pub(crate) fn codes(&self) -> impl Iterator<Item = (SourceKind, [&str; 3])> {
        let country = self.country.as_deref().map(|country| (SourceKind::Country, [country, "", ""]));
        let region = self.country.as_deref().zip(self.region.as_deref());
        let region = region.map(|(country, region)| (SourceKind::Country, [country, "-", region]));
        let datacenter = self.datacenter.map(|code| (SourceKind::Datacenter, [code, "", ""]));
        let hosted = self.datacenter.map(|_| (SourceKind::Proxy, ["DCH", "", ""]));
        let proxies = self.proxies.iter().map(|code| (SourceKind::Proxy, [*code, "", ""]));
        [country, region, datacenter].into_iter().flatten().chain(proxies).chain(hosted)
    }
}

/// Kinds of list entry that name sources instead of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SourceKind {
    Country,
    Datacenter,
    Proxy,
}

/// The fields that databases of the three kinds have; each file has some of them.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    country: Option<Coded<'a>>,
    #[serde(borrow, default)]
    country_code: Option<&'a str>,
    #[serde(borrow, default)]
    subdivisions: Vec<Coded<'a>>,
    #[serde(borrow, default)]
    autonomous_system_organization: Option<&'a str>,
    #[serde(default)]
    is_anonymous_vpn: bool,
    #[serde(default)]
    is_hosting_provider: bool,
    #[serde(default)]
    is_public_proxy: bool,
    #[serde(default)]
    is_residential_proxy: bool,
    #[serde(default)]
    is_tor_exit_node: bool,
}

#[derive(Deserialize)]
struct Coded<'a> {
    #[serde(borrow, default)]
    iso_code: Option<&'a str>,
}

impl Sources {
    /// Reads the databases.
    ///
    /// # Errors
    /// The first file that is missing or no such database.
    pub(crate) fn open<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<Sources, SourceError> {
        let open = |path: &Path| {
            Reader::open_readfile(path).map_err(|source| SourceError { path: path.to_owned(), source })
        };
        Ok(Sources { databases: paths.into_iter().map(open).collect::<Result<_, _>>()? })
    }

    /// Whether anything can be known.
    pub(crate) fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// What the databases say of an address, the first that knows a fact first.
    pub(crate) fn of(&self, ip: IpAddr) -> Source {
        let mut found = Source::default();
        for database in &self.databases {
            // An address family that the database does not have, or a damaged record: not known.
            let Ok(result) = database.lookup(ip.to_canonical()) else { continue };
            if let Ok(Some(record)) = result.decode::<Record<'_>>() {
                found.add(&record);
            }
        }
        found
    }
}

impl Source {
    fn add(&mut self, record: &Record<'_>) {
        let country = record.country.as_ref().and_then(|country| country.iso_code).or(record.country_code);
        if self.country.is_none() {
            self.country = country.filter(|code| !code.is_empty()).map(str::to_ascii_uppercase);
            let region = record.subdivisions.first().and_then(|region| region.iso_code);
            self.region = region.map(str::to_ascii_uppercase);
        }
        if self.datacenter.is_none() {
            self.datacenter = record.autonomous_system_organization.and_then(datacenter);
        }
        let flags = [
            (record.is_tor_exit_node, "TOR"),
            (record.is_anonymous_vpn, "VPN"),
            (record.is_public_proxy, "PUB"),
            (record.is_residential_proxy, "WEB"),
            (record.is_hosting_provider, "DCH"),
        ];
        for (_, code) in flags.into_iter().filter(|(set, _)| *set) {
            if !self.proxies.contains(&code) {
                self.proxies.push(code);
            }
        }
    }
}

/// The data centre that an organisation's name belongs to, by the codes of `spec/rules.md` section 6.4.
fn datacenter(organisation: &str) -> Option<&'static str> {
    const NAMES: &[(&str, &str)] = &[
        ("alibaba", "alibaba"),
        ("alicloud", "alibaba"),
        ("amazon", "aws"),
        ("microsoft", "azure"),
        ("digitalocean", "docean"),
        ("google", "gce"),
        ("hetzner", "hetzner"),
        ("huawei", "huawei"),
        ("softlayer", "ibm"),
        ("ibm", "ibm"),
        ("linode", "linode"),
        ("akamai connected cloud", "linode"),
        ("oracle", "oracle"),
        ("ovh", "ovh"),
        ("plusserver", "plusserver"),
        ("rackspace", "rackspace"),
        ("tencent", "tencent"),
    ];
    let name = organisation.to_ascii_lowercase();
    let starts_word = |at: usize| {
        at.checked_sub(1)
            .and_then(|before| name.as_bytes().get(before))
            .is_none_or(|b| !b.is_ascii_alphanumeric())
    };
    NAMES
        .iter()
        .find(|(part, _)| name.match_indices(part).any(|(at, _)| starts_word(at)))
        .map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisations_are_data_centres_by_whole_words() {
        assert_eq!(datacenter("AMAZON-02"), Some("aws"));
        assert_eq!(datacenter("Hetzner Online GmbH"), Some("hetzner"));
        assert_eq!(datacenter("OVH SAS"), Some("ovh"));
        assert_eq!(datacenter("Caribmedia Telecom"), None);
        assert_eq!(datacenter("Deutsche Telekom AG"), None);
    }

    #[test]
    fn a_source_has_codes_of_countries_regions_centres_and_proxies() {
        let source = Source {
            country: Some("US".into()),
            region: Some("CA".into()),
            datacenter: Some("aws"),
            proxies: vec!["TOR"],
        };
        let codes: Vec<(SourceKind, String)> =
            source.codes().map(|(kind, parts)| (kind, parts.concat())).collect();
        let expected = [
            (SourceKind::Country, "US"),
            (SourceKind::Country, "US-CA"),
            (SourceKind::Datacenter, "aws"),
            (SourceKind::Proxy, "TOR"),
            (SourceKind::Proxy, "DCH"),
        ];
        assert_eq!(codes, expected.map(|(kind, code)| (kind, code.to_owned())));
        assert_eq!(Source::default().codes().count(), 0);
    }

    #[test]
    fn a_missing_database_is_named() {
        let fault = Sources::open([Path::new("/nonexistent/countries.mmdb")]).unwrap_err().to_string();
        assert!(fault.contains("/nonexistent/countries.mmdb"), "{fault}");
    }
}
