//! IP lists: allow, deny, gray (`spec/node.md` section 2.4).
//!
//! An index is built once per change and shared read-only; a lookup costs one hash probe per distinct prefix
//! length on that list (usually one to five), or one per thing that is known of the source, whatever the number of
//! entries, and allocates nothing. Expiry is evaluated at lookup, so lists stay right while the cloud is away.
//! [`cost`] measures it.

use std::collections::HashMap;
use std::net::IpAddr;

use bartizan_api::AttackType;
use bartizan_api::node::{ListEntry, ListName};
use ipnet::IpNet;
use smallvec::SmallVec;

use crate::sources::{Source, SourceKind};

/// The lists in force.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    allow: Index,
    deny: Index,
    gray: Index,
    /// Entries that name countries, data centres and anonymisers.
    sources: HashMap<SourceKey, SmallVec<[Listing; 1]>>,
    /// Entries that this node cannot evaluate.
    pub(crate) ignored: usize,
}

/// A list, a kind of source and its code in upper case.
type SourceKey = (ListName, SourceKind, Code);
/// Codes are short: `DE`, `US-CA`, `PLUSSERVER`.
type Code = SmallVec<[u8; 16]>;

/// What a list says about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    apps: Option<Box<[i64]>>,
    expires_at: i64,
    /// Type of the events that the entry causes.
    pub(crate) attack_type: Option<AttackType>,
}

#[derive(Debug, Default)]
struct Index {
    v4: Family<u32>,
    v6: Family<u128>,
}

#[derive(Debug)]
struct Family<Bits> {
    /// Prefix lengths in use, longest first.
    lengths: SmallVec<[u8; 8]>,
    entries: HashMap<(u8, Bits), SmallVec<[Listing; 1]>>,
}

impl<Bits> Default for Family<Bits> {
    fn default() -> Family<Bits> {
        Family { lengths: SmallVec::new(), entries: HashMap::new() }
    }
}

impl<Bits: Copy + Eq + std::hash::Hash> Family<Bits> {
    fn insert(&mut self, length: u8, bits: Bits, listing: Listing) {
        if let Err(at) = self.lengths.binary_search_by(|known| length.cmp(known)) {
            self.lengths.insert(at, length);
        }
        self.entries.entry((length, bits)).or_default().push(listing);
    }

    fn find(&self, mask: impl Fn(u8) -> Bits, application: i64, now: i64) -> Option<&Listing> {
        self.lengths.iter().find_map(|&length| {
            let candidates = self.entries.get(&(length, mask(length)))?;
            candidates.iter().find(|listing| listing.holds(application, now))
        })
    }
}

impl Listing {
    fn holds(&self, application: i64, now: i64) -> bool {
        self.expires_at > now && self.apps.as_ref().is_none_or(|apps| apps.contains(&application))
    }
}

fn mask_v4(bits: u32, length: u8) -> u32 {
    bits & u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0)
}

fn mask_v6(bits: u128, length: u8) -> u128 {
    bits & u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0)
}

impl Index {
    fn insert(&mut self, net: IpNet, listing: Listing) {
        match net {
            IpNet::V4(net) => {
                let length = net.prefix_len();
                self.v4.insert(length, mask_v4(net.addr().to_bits(), length), listing);
            }
            IpNet::V6(net) => {
                let length = net.prefix_len();
                self.v6.insert(length, mask_v6(net.addr().to_bits(), length), listing);
            }
        }
    }

    fn find(&self, ip: IpAddr, application: i64, now: i64) -> Option<&Listing> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.v4.find(|length| mask_v4(ip.to_bits(), length), application, now),
            IpAddr::V6(ip) => self.v6.find(|length| mask_v6(ip.to_bits(), length), application, now),
        }
    }
}

impl Lists {
    /// Builds the index.
    pub(crate) fn build<'a>(entries: impl Iterator<Item = &'a ListEntry>) -> Lists {
        let mut lists = Lists::default();
        for entry in entries {
            let listing = Listing {
                apps: entry.apps.as_deref().map(Box::from),
                expires_at: entry.expires_at.unwrap_or(i64::MAX),
                attack_type: entry.attack_type,
            };
            if let Some(kind) = source_kind(&entry.kind) {
                let key = (entry.list, kind, code(&[&entry.value]));
                lists.sources.entry(key).or_default().push(listing);
                continue;
            }
            let Some(net) = parse_net(entry) else {
                lists.ignored += 1;
                continue;
            };
            match entry.list {
                ListName::Allow => lists.allow.insert(net, listing),
                ListName::Deny => lists.deny.insert(net, listing),
                ListName::Gray => lists.gray.insert(net, listing),
            }
        }
        lists
    }

    /// Whether there is nothing to look up.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
            && [&self.allow, &self.deny, &self.gray]
                .iter()
                .all(|i| i.v4.lengths.is_empty() && i.v6.lengths.is_empty())
    }

    /// Whether a look-up has to know where a client is.
    pub(crate) fn name_sources(&self) -> bool {
        !self.sources.is_empty()
    }

    /// The live entry of a list for a source, with the word for its kind in block reasons.
    pub(crate) fn find_source(
        &self,
        list: ListName,
        source: &Source,
        application: i64,
        now: i64,
    ) -> Option<(&Listing, &'static str)> {
        source.codes().find_map(|(kind, parts)| {
            let candidates = self.sources.get(&(list, kind, code(&parts)))?;
            let listing = candidates.iter().find(|listing| listing.holds(application, now))?;
            let word = match kind {
                SourceKind::Country => "country",
                SourceKind::Datacenter => "datacenter",
                SourceKind::Proxy if parts == ["TOR", "", ""] => "tor",
                SourceKind::Proxy => "proxy",
            };
            Some((listing, word))
        })
    }

    /// The live entry of a list for an address; `now` is Unix seconds.
    pub(crate) fn find(&self, list: ListName, ip: IpAddr, application: i64, now: i64) -> Option<&Listing> {
        let index = match list {
            ListName::Allow => &self.allow,
            ListName::Deny => &self.deny,
            ListName::Gray => &self.gray,
        };
        index.find(ip, application, now)
    }
}

/// A code, joined from its parts, in upper case.
fn code(parts: &[&str]) -> Code {
    parts.iter().flat_map(|part| part.bytes()).map(|byte| byte.to_ascii_uppercase()).collect()
}

/// The kind of source that an entry names, by the words of both list APIs.
fn source_kind(kind: &str) -> Option<SourceKind> {
    Some(match kind {
        "country" | "location" => SourceKind::Country,
        "datacenter" => SourceKind::Datacenter,
        "proxy" | "proxy_type" => SourceKind::Proxy,
        _ => return None,
    })
}

fn parse_net(entry: &ListEntry) -> Option<IpNet> {
    if !matches!(entry.kind.as_str(), "ip" | "subnet" | "ip_range") {
        return None;
    }
    let net =
        entry.value.parse::<IpNet>().ok().or_else(|| entry.value.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(match net {
        // An IPv4 address in IPv6 clothes is looked up as IPv4.
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
            Some(v4) => ipnet::Ipv4Net::new(v4, v6.prefix_len() - 96).map_or(net, IpNet::V4),
            None => net,
        },
        net => net,
    })
}

#[cfg(test)]
mod cost;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(id: i64, list: ListName, value: &str) -> ListEntry {
        ListEntry {
            id,
            list,
            kind: "ip".into(),
            value: value.into(),
            apps: None,
            attack_type: None,
            expires_at: None,
        }
    }

    fn denied(lists: &Lists, ip: &str, application: i64, now: i64) -> bool {
        lists.find(ListName::Deny, ip.parse().unwrap(), application, now).is_some()
    }

    #[test]
    fn addresses_subnets_and_both_families_are_found() {
        let lists = Lists::build(
            [
                entry(1, ListName::Deny, "192.0.2.1"),
                entry(2, ListName::Deny, "10.0.0.0/12"),
                entry(3, ListName::Deny, "2001:db8::/32"),
                entry(4, ListName::Allow, "198.51.100.0/24"),
            ]
            .iter(),
        );
        for (ip, expected) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("192.0.2.2", false),
            ("10.15.255.255", true),
            ("10.16.0.0", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("198.51.100.4", false),
        ] {
            assert_eq!(denied(&lists, ip, -1, 0), expected, "{ip}");
        }
    }

    #[test]
    fn applications_and_expiry_narrow_an_entry() {
        let mut scoped = entry(1, ListName::Deny, "192.0.2.1");
        scoped.apps = Some(vec![3, 4]);
        scoped.expires_at = Some(100);
        let lists = Lists::build([scoped].iter());
        assert!(denied(&lists, "192.0.2.1", 3, 99));
        assert!(!denied(&lists, "192.0.2.1", 5, 99));
        assert!(!denied(&lists, "192.0.2.1", 3, 100));
    }

    #[test]
    fn expired_narrow_entry_does_not_hide_a_wide_live_one() {
        let mut narrow = entry(1, ListName::Deny, "192.0.2.1");
        narrow.expires_at = Some(5);
        let lists = Lists::build([narrow, entry(2, ListName::Deny, "192.0.0.0/16")].iter());
        assert!(denied(&lists, "192.0.2.1", -1, 50));
    }

    #[test]
    fn entries_of_unknown_kinds_are_counted_not_fatal() {
        let mut future = entry(1, ListName::Deny, "FR");
        future.kind = "planet".into();
        assert_eq!(Lists::build([future, entry(2, ListName::Deny, "nonsense")].iter()).ignored, 2);
    }

    #[test]
    fn sources_are_found_by_list_application_and_time() {
        let mut country = entry(1, ListName::Deny, "FR");
        country.kind = "country".into();
        country.apps = Some(vec![3]);
        let mut tor = entry(2, ListName::Gray, "TOR");
        tor.kind = "proxy".into();
        tor.expires_at = Some(100);
        let lists = Lists::build([country, tor].iter());
        let source = Source { country: Some("FR".into()), proxies: vec!["TOR"], ..Source::default() };
        let word =
            |list, application, now| lists.find_source(list, &source, application, now).map(|(_, word)| word);
        assert!(!lists.is_empty() && lists.name_sources());
        assert_eq!(word(ListName::Deny, 3, 0), Some("country"));
        assert_eq!(word(ListName::Deny, 4, 0), None);
        assert_eq!(word(ListName::Gray, 4, 99), Some("tor"));
        assert_eq!(word(ListName::Gray, 4, 100), None);
        let mut region = entry(3, ListName::Allow, "us-ca");
        region.kind = "location".into();
        let lists = Lists::build([region].iter());
        for (country, region, found) in
            [("US", Some("CA"), true), ("US", Some("NY"), false), ("US", None, false)]
        {
            let region = region.map(str::to_owned);
            let source = Source { country: Some(country.into()), region, ..Source::default() };
            assert_eq!(lists.find_source(ListName::Allow, &source, 0, 0).is_some(), found);
        }
    }

    proptest! {
        #[test]
        fn lookup_agrees_with_containment(
            nets in prop::collection::vec((any::<[u8; 4]>(), 0u8..=32), 0..40),
            ip in any::<[u8; 4]>(),
        ) {
            let nets: Vec<IpNet> = nets.into_iter()
                .map(|(addr, length)| IpNet::new(IpAddr::from(addr), length).unwrap()).collect();
            let entries: Vec<ListEntry> = nets.iter().map(|net| entry(1, ListName::Deny, &net.to_string())).collect();
            let lists = Lists::build(entries.iter());
            let ip = IpAddr::from(ip);
            prop_assert_eq!(
                lists.find(ListName::Deny, ip, -1, 0).is_some(),
                nets.iter().any(|net| net.contains(&ip))
            );
        }
    }
}
