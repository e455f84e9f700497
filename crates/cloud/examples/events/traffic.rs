//! Synthetic hits: campaigns of attacks on tenants of skewed size. The same seed always makes the same hits.

use std::fmt::Write as _;

/// Tenants; the first has 29 % of the hits, the next one a little less, and so on.
pub(crate) const TENANTS: usize = 20;
/// Days that the hits are spread over.
pub(crate) const DAYS: i64 = 30;

const KINDS: [&str; 8] = ["sqli", "xss", "rce", "ptrav", "scanner", "ssrf", "nosqli", "crlf"];
/// Attacks of a tenant that go on at the same time.
const CAMPAIGNS: usize = 24;
/// On average a campaign ends after so many hits.
const CAMPAIGN_HITS: u64 = 40;

/// A small generator of pseudo-random numbers (`SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below `count`, small numbers far more often.
    fn skewed(&mut self, count: u64) -> u64 {
        ((self.unit().powi(3) * count as f64) as u64).min(count - 1)
    }
}

/// What one attack has in common.
#[derive(Clone)]
struct Campaign {
    kind: &'static str,
    host: u64,
    path: (u64, u64),
    field: u64,
    network: u64,
}

impl Campaign {
    fn new(random: &mut Random) -> Campaign {
        Campaign {
            kind: KINDS[random.skewed(KINDS.len() as u64) as usize],
            host: random.skewed(40),
            path: (random.skewed(60), random.skewed(300)),
            field: random.skewed(500),
            network: random.skewed(800),
        }
    }
}

/// The hits of all tenants, in the order of time.
pub(crate) struct Traffic {
    random: Random,
    campaigns: Vec<Vec<Campaign>>,
    start_ms: i64,
    span_ms: i64,
    all: i64,
    made: i64,
}

impl Traffic {
    /// So many hits, evenly over [`DAYS`] days from `start_ms` on.
    pub(crate) fn new(all: i64, start_ms: i64) -> Traffic {
        let mut random = Random(7);
        let campaigns =
            (0..TENANTS).map(|_| (0..CAMPAIGNS).map(|_| Campaign::new(&mut random)).collect()).collect();
        Traffic { random, campaigns, start_ms, span_ms: DAYS * 86_400_000, all, made: 0 }
    }

    /// Time of the hit that comes next, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.start_ms + self.span_ms / self.all.max(1) * self.made
    }

    /// Writes the next hit into the batch of its tenant, and says which tenant that is.
    pub(crate) fn next(&mut self, batches: &mut [String]) -> Option<usize> {
        if self.made == self.all {
            return None;
        }
        let (number, ts_ms) = (self.made, self.now_ms());
        self.made += 1;
        let random = &mut self.random;
        let tenant = (random.unit().powf(2.42) * TENANTS as f64) as usize;
        let place = random.skewed(CAMPAIGNS as u64) as usize;
        if random.next().is_multiple_of(CAMPAIGN_HITS) {
            self.campaigns[tenant][place] = Campaign::new(random);
        }
        // One of twenty belongs to no campaign.
        let campaign = if random.next().is_multiple_of(20) {
            Campaign::new(random)
        } else {
            self.campaigns[tenant][place].clone()
        };
        let batch = &mut batches[tenant];
        if !batch.is_empty() {
            batch.push(',');
        }
        write_hit(batch, random, &campaign, number, ts_ms).unwrap();
        Some(tenant)
    }
}

/// A hit that is told from the others by its request; numbers of its own are far above theirs.
pub(crate) fn marked_hit(number: i64, request: &str, ts_ms: i64) -> String {
    let mut random = Random(number.unsigned_abs());
    let campaign = Campaign::new(&mut random);
    let mut hit = String::new();
    write_hit(&mut hit, &mut random, &campaign, 1_000_000_000_000 + number, ts_ms).unwrap();
    let known = hit.find(r#""request_id":""#).map(|at| at + 14).unwrap();
    hit.replace_range(known..known + 32, request);
    hit
}

fn write_hit(
    out: &mut String,
    random: &mut Random,
    campaign: &Campaign,
    number: i64,
    ts_ms: i64,
) -> std::fmt::Result {
    let Campaign { kind, host, path: (section, item), field, network } = campaign;
    // Identities as nodes make them: time first.
    let request = ts_ms << 16 | i64::from(random.next() as u16);
    let ip = format!("10.{}.{}.{}", network / 250, network % 250, random.skewed(30));
    // Four of five payloads are repeated by many tools, one is of its own.
    let value = if random.next().is_multiple_of(5) {
        format!("<script src=//{:x}.example/{:x}></script>", random.next(), random.next() % 1000)
    } else {
        format!("{kind}' OR {}=1 UNION SELECT password FROM users-- ", random.skewed(20_000))
    };
    let status = [403, 200, 404, 500][random.skewed(4) as usize];
    let block = if status == 403 { "blocked" } else { "monitored" };
    let known = if random.next().is_multiple_of(50) { "\"CVE-2017-9841\"" } else { "\"generic\"" };
    let (size, time, port) = (random.skewed(100_000), random.skewed(3000), 1024 + random.next() % 60_000);
    let agent = random.skewed(50);
    write!(
        out,
        concat!(
            r#"{{"kind":"hit","event_id":"e{:019}","request_id":"{:016x}{:016x}","ts_ms":{},"node_uuid":"","#,
            r#""application":{},"ruleset_version":3,"attack_type":"{}","attack_subtype":"{}_generic","#,
            r#""point":["post","json_doc","hash","f{}"],"parameter":"POST_JSON_DOC_HASH_f{}_value","value":"{}","#,
            r#""stamps":[{},1201],"regex":[],"experimental":false,"known_attack":[{}],"ip":"{}","#,
            r#""remote_port":{},"domain":"api{}.example.com","path":"/v1/{}/{}","method":"POST","#,
            r#""proto":"HTTP/1.1","scheme":"https","api_protocol":"rest","auth_protocol":["bearer"],"#,
            r#""statuscode":{},"response_time":{},"response_size":{},"request_size":900,"block_status":"{}","#,
            r#""block_reason":"mode","ip_blocked":false,"mode":"block","aggregated_count":1,"raw":{{"#,
            r#""remote_addr":"{}","remote_port":"{}","server_addr":"10.0.0.1","server_port":"443","#,
            r#""method":"POST","proto":"HTTP/1.1","uri":"/v1/{}/{}?page=2","headers":{{"#,
            r#""HOST":["api{}.example.com"],"USER-AGENT":["Mozilla/5.0 (X11; Linux x86_64) scanner/{}"],"#,
            r#""CONTENT-TYPE":["application/json"],"ACCEPT":["*/*"],"AUTHORIZATION":["***"]}},"#,
            r#""body":"{{\"f{}\":\"{}\"}}"}},"context":{{"country":"DE"}}}}"#
        ),
        number,
        request,
        random.next(),
        ts_ms,
        host % 8 + 1,
        kind,
        kind,
        field,
        field,
        value,
        field % 900,
        known,
        ip,
        port,
        host,
        section,
        item,
        status,
        time,
        size,
        block,
        ip,
        port,
        section,
        item,
        host,
        agent,
        field,
        value
    )
}
