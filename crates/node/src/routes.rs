//! From host and path to the settings of a request (`spec/node.md` section 2.8).
//!
//! Compiled once from the configuration; looked up per request without allocation unless the path holds
//! percent signs, dots or doubled slashes and has to be normalised first. The upstream always gets the original bytes.

use std::collections::{BTreeMap, HashMap};

use bartizan_request::ParserSet;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use smallvec::SmallVec;

use crate::config::{Config, Fallback, Mode, ModeAllowOverride, Parsers, PathRoute};
use crate::paths;

/// Index of an upstream pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamId(pub(crate) usize);

/// The settings of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) mode_allow_override: ModeAllowOverride,
    pub(crate) application: i64,
    /// Number of the application among those of the node, for its counters.
    pub(crate) app_slot: usize,
    pub(crate) upstream: Option<UpstreamId>,
    pub(crate) on_inspection_error: Fallback,
    /// Parsers that are not tried.
    pub(crate) disabled_parsers: ParserSet,
}

/// The compiled routes.
#[derive(Debug)]
pub(crate) struct Routes {
    root: Settings,
    /// In the order of the file; the first that matches a name holds for it.
    hosts: Vec<Host>,
    /// Hosts without wildcards, by their names in lower case.
    names: HashMap<Box<[u8]>, usize>,
    /// The patterns of the others.
    globs: RegexSet,
    /// Their indexes.
    glob_hosts: Vec<usize>,
}

#[derive(Debug)]
struct Host {
    settings: Settings,
    exact: BTreeMap<Vec<u8>, Settings>,
    /// Longest first.
    strong_prefixes: Vec<(Vec<u8>, Settings)>,
    regexes: Vec<(Regex, Settings)>,
    /// Longest first.
    prefixes: Vec<(Vec<u8>, Settings)>,
}

/// A pattern that does not compile.
#[derive(Debug)]
pub(crate) struct RouteError {
    pub(crate) key: String,
    pub(crate) message: String,
}

impl RouteError {
    fn of(key: &str, error: &regex::Error) -> RouteError {
        RouteError { key: key.to_owned(), message: error.to_string().replace('\n', " ") }
    }
}

/// What a level of the file says; `None` inherits.
struct Refinement<'a> {
    mode: Option<Mode>,
    mode_allow_override: Option<ModeAllowOverride>,
    application: Option<i64>,
    upstream: Option<&'a String>,
    on_inspection_error: Option<Fallback>,
    parsers: Option<&'a Parsers>,
}

impl Settings {
    fn refine(&self, by: &Refinement<'_>, upstreams: &[&String]) -> Settings {
        let upstream = by.upstream.and_then(|name| upstreams.iter().position(|known| *known == name));
        Settings {
            mode: by.mode.unwrap_or(self.mode),
            mode_allow_override: by.mode_allow_override.unwrap_or(self.mode_allow_override),
            application: by.application.unwrap_or(self.application),
            app_slot: self.app_slot,
            upstream: upstream.map(UpstreamId).or(self.upstream),
            on_inspection_error: by.on_inspection_error.unwrap_or(self.on_inspection_error),
            disabled_parsers: by.parsers.map_or(self.disabled_parsers, Parsers::set),
        }
    }
}

impl Routes {
    pub(crate) fn compile(config: &Config) -> Result<Routes, RouteError> {
        let upstreams: Vec<&String> = config.upstream.keys().collect();
        let base = Settings {
            mode: Mode::Monitoring,
            mode_allow_override: ModeAllowOverride::On,
            application: -1,
            app_slot: 0,
            // One pool needs no name.
            upstream: (upstreams.len() == 1).then_some(UpstreamId(0)),
            on_inspection_error: Fallback::Pass,
            disabled_parsers: config.parsers.set(),
        };
        let route = &config.route;
        let root = base.refine(
            &Refinement {
                mode: route.mode,
                mode_allow_override: route.mode_allow_override,
                application: route.application,
                upstream: route.upstream.as_ref(),
                on_inspection_error: route.on_inspection_error,
                parsers: route.parsers.as_ref(),
            },
            &upstreams,
        );
        let mut hosts = Vec::with_capacity(route.hosts.len());
        let (mut names, mut patterns, mut glob_hosts) = (HashMap::new(), Vec::new(), Vec::new());
        for (index, host) in route.hosts.iter().enumerate() {
            let settings = root.refine(
                &Refinement {
                    mode: host.mode,
                    mode_allow_override: host.mode_allow_override,
                    application: host.application,
                    upstream: host.upstream.as_ref(),
                    on_inspection_error: host.on_inspection_error,
                    parsers: host.parsers.as_ref(),
                },
                &upstreams,
            );
            let key = format!("route.hosts.{index}");
            if host.host.contains(['*', '?', '[']) {
                let pattern = glob_pattern(&host.host);
                // By itself first, so that a mistake is found where it is.
                regex(&pattern, true, &format!("{key}.host"))?;
                patterns.push(pattern);
                glob_hosts.push(index);
            } else {
                names.entry(host.host.to_ascii_lowercase().into_bytes().into()).or_insert(index);
            }
            hosts.push(Host::compile(settings, &host.paths, &upstreams, &key)?);
        }
        let globs = RegexSetBuilder::new(patterns).case_insensitive(true).unicode(false).build();
        let globs = globs.map_err(|error| RouteError::of("route.hosts", &error))?;
        Ok(Routes { root, hosts, names, globs, glob_hosts })
    }

    /// Numbers the applications: those that are known keep their number, others are appended.
    pub(crate) fn number_applications(&mut self, known: &mut Vec<i64>) {
        let mut number = |settings: &mut Settings| {
            let at = known.iter().position(|application| *application == settings.application);
            settings.app_slot = at.unwrap_or_else(|| {
                known.push(settings.application);
                known.len() - 1
            });
        };
        number(&mut self.root);
        for host in &mut self.hosts {
            number(&mut host.settings);
            host.exact.values_mut().for_each(&mut number);
            host.strong_prefixes.iter_mut().for_each(|(_, settings)| number(settings));
            host.regexes.iter_mut().for_each(|(_, settings)| number(settings));
            host.prefixes.iter_mut().for_each(|(_, settings)| number(settings));
        }
    }

    /// The routes of a host; `name` without port, in any case.
    pub(crate) fn of_host(&self, name: &[u8]) -> HostRoutes<'_> {
        let mut lower: SmallVec<[u8; 64]> = SmallVec::from_slice(name);
        lower.make_ascii_lowercase();
        let exact = self.names.get(&*lower).copied();
        let glob = self.globs.matches(name).iter().next().and_then(|at| self.glob_hosts.get(at)).copied();
        let first = exact.into_iter().chain(glob).min();
        HostRoutes { root: &self.root, host: first.and_then(|at| self.hosts.get(at)) }
    }
}

/// The routes of one host.
#[derive(Clone, Copy)]
pub(crate) struct HostRoutes<'r> {
    root: &'r Settings,
    host: Option<&'r Host>,
}

impl<'r> HostRoutes<'r> {
    /// Settings of a request. Where its path may be read in several ways, they are not laxer than any of those about a
    /// failed inspection and about parsers; about the mode see [`crate::pipeline::admit`].
    pub(crate) fn find(self, path: &[u8]) -> Settings {
        let Some(host) = self.host else { return *self.root };
        let mut settings = *host.find(&paths::normalised(path));
        let readings = paths::readings(path);
        for read in readings.iter().filter(|_| readings.len() > 1).map(|path| self.find_read(path)) {
            if read.on_inspection_error == Fallback::Block {
                settings.on_inspection_error = Fallback::Block;
            }
            settings.disabled_parsers = settings.disabled_parsers.intersection(read.disabled_parsers);
        }
        settings
    }

    /// Settings of a request whose path some server reads like this.
    pub(crate) fn find_read(self, path: &[u8]) -> &'r Settings {
        self.host.map_or(self.root, |host| host.find(&paths::decoded(path)))
    }
}

impl Host {
    fn compile(
        settings: Settings,
        paths: &[PathRoute],
        upstreams: &[&String],
        key: &str,
    ) -> Result<Host, RouteError> {
        let mut host = Host {
            settings,
            exact: BTreeMap::new(),
            strong_prefixes: Vec::new(),
            regexes: Vec::new(),
            prefixes: Vec::new(),
        };
        for (index, path) in paths.iter().enumerate() {
            let settings = host.settings.refine(
                &Refinement {
                    mode: path.mode,
                    mode_allow_override: path.mode_allow_override,
                    application: path.application,
                    upstream: path.upstream.as_ref(),
                    on_inspection_error: path.on_inspection_error,
                    parsers: path.parsers.as_ref(),
                },
                upstreams,
            );
            let key = format!("{key}.paths.{index}.path");
            let text = path.path.as_str();
            if let Some(exact) = text.strip_prefix('=') {
                host.exact.insert(exact.trim_start().as_bytes().to_vec(), settings);
            } else if let Some(prefix) = text.strip_prefix("^~") {
                host.strong_prefixes.push((prefix.trim_start().as_bytes().to_vec(), settings));
            } else if let Some(pattern) = text.strip_prefix("~*") {
                host.regexes.push((regex(pattern.trim_start(), true, &key)?, settings));
            } else if let Some(pattern) = text.strip_prefix('~') {
                host.regexes.push((regex(pattern.trim_start(), false, &key)?, settings));
            } else {
                host.prefixes.push((text.as_bytes().to_vec(), settings));
            }
        }
        let longest_first =
            |list: &mut Vec<(Vec<u8>, Settings)>| list.sort_by_key(|(p, _)| std::cmp::Reverse(p.len()));
        longest_first(&mut host.strong_prefixes);
        longest_first(&mut host.prefixes);
        Ok(host)
    }

    fn find(&self, path: &[u8]) -> &Settings {
        let by_prefix =
            |list: &'_ [(Vec<u8>, Settings)]| list.iter().position(|(prefix, _)| path.starts_with(prefix));
        if let Some(settings) = self.exact.get(path) {
            return settings;
        }
        if let Some((_, settings)) =
            by_prefix(&self.strong_prefixes).and_then(|i| self.strong_prefixes.get(i))
        {
            return settings;
        }
        if let Some((_, settings)) = self.regexes.iter().find(|(regex, _)| regex.is_match(path)) {
            return settings;
        }
        by_prefix(&self.prefixes)
            .and_then(|i| self.prefixes.get(i))
            .map_or(&self.settings, |(_, settings)| settings)
    }
}

fn regex(pattern: &str, ignore_case: bool, key: &str) -> Result<Regex, RouteError> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .unicode(false)
        .build()
        .map_err(|error| RouteError::of(key, &error))
}

/// `*.shop.example` as an anchored regular expression; character classes keep their meaning.
fn glob_pattern(glob: &str) -> String {
    let mut pattern = String::from("^");
    let mut in_class = false;
    for c in glob.chars() {
        match c {
            '[' => {
                in_class = true;
                pattern.push('[');
            }
            ']' if in_class => {
                in_class = false;
                pattern.push(']');
            }
            '*' if !in_class => pattern.push_str(".*"),
            '?' if !in_class => pattern.push('.'),
            c if in_class || c.is_ascii_alphanumeric() => pattern.push(c),
            c => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push('$');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(text: &str) -> Routes {
        Routes::compile(&toml::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn path_precedence_is_exact_strong_prefix_regex_prefix() {
        let routes = routes(
            r#"
            [[route.hosts]]
            host = "*.shop.example"
            application = 1
            paths = [
                { path = "/api", application = 2 },
                { path = "/api/v2", application = 3 },
                { path = "~\\.json$", application = 4 },
                { path = "^~/api/v2/raw", application = 5 },
                { path = "=/api/v2/raw/login", application = 6 },
            ]
            "#,
        );
        let application =
            |host: &str, path: &str| routes.of_host(host.as_bytes()).find(path.as_bytes()).application;
        assert_eq!(application("other.example", "/api"), -1);
        assert_eq!(application("A.SHOP.example", "/"), 1);
        assert_eq!(application("a.shop.example", "/api/x"), 2);
        assert_eq!(application("a.shop.example", "/api/v2/x"), 3);
        assert_eq!(application("a.shop.example", "/api/v2/x.json"), 4);
        assert_eq!(application("a.shop.example", "/api/v2/raw/x.json"), 5);
        assert_eq!(application("a.shop.example", "/api/v2/raw/login"), 6);
        assert_eq!(application("a.shop.example", "/x/..//%61pi/v2/./x"), 3);
    }

    #[test]
    fn first_host_of_the_file_that_matches_holds() {
        let hosts = |names: &[&str]| {
            let host = |(name, application): (&&str, i32)| {
                format!("[[route.hosts]]\nhost = \"{name}\"\napplication = {application}\n")
            };
            routes(&names.iter().zip(1..).map(host).collect::<String>())
        };
        let application =
            |routes: &Routes, host: &str| routes.of_host(host.as_bytes()).find(b"/").application;
        let by_name = hosts(&["a.test", "*.test", "A.test", "b.test"]);
        for (host, wanted) in [("A.TEST", 1), ("b.test", 2), ("c.test", 2), ("c.other", -1), ("", -1)] {
            assert_eq!(application(&by_name, host), wanted, "{host}");
        }
        let by_glob = hosts(&["?.test", "*.test", "a.test"]);
        assert_eq!((application(&by_glob, "a.test"), application(&by_glob, "aa.test")), (1, 2));
    }

    #[test]
    fn host_glob_covers_the_whole_name() {
        let routes = routes("[[route.hosts]]\nhost = \"shop-[a-c].example\"\nmode = \"block\"\n");
        assert_eq!(routes.of_host(b"shop-b.example").find(b"/").mode, Mode::Block);
        assert_eq!(routes.of_host(b"shop-d.example").find(b"/").mode, Mode::Monitoring);
        assert_eq!(routes.of_host(b"xshop-a.example").find(b"/").mode, Mode::Monitoring);
        assert_eq!(routes.of_host(b"shop-axexample").find(b"/").mode, Mode::Monitoring);
    }
}
