//! Path traversal: climbing out of a folder, files that only an attacker asks for, stream wrappers.
//!
//! Benign look-alikes: relative imports (`import x from '../foo'`), ellipses (`wait... /`), links in markdown,
//! stack traces and logs that name system files, editors' tab stops written `..\`.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::place::Place;
use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

/// Files outside a web root that are asked for.
macro_rules! system_file {
    () => {
        r"(?:etc/+(?:\./|x/\.\./)*(?:passwd|shadow|group|hosts|hostname|issue|motd|crontab|fstab|sudoers|resolv\.conf|environment|profile|subuid|subgid|gshadow|services|ssh/|ssl/|nginx/|apache2?/|httpd/|mysql/|my\.cnf|php|cron\.|init\.d/|security/|redis|samba/|vsftpd|proftpd|exports|inetd|mtab|os-release|lsb-release|debian_version|redhat-release|kubernetes/|docker/|rc\.)|proc/+(?:self|version|cpuinfo|meminfo|net/|mounts|cmdline|sched_debug|interrupts|partitions|modules|\d+/(?:environ|cmdline|fd|maps|status))|sys/+(?:class|kernel|devices|fs)|var/+log/+\w|(?:var/+)?run/+secrets|var/+lib/+(?:mysql|php|docker)|var/+www/|var/+spool/cron|usr/+local/+(?:apache|etc|nginx|apps)|root/+\.|home/+[\w.-]+/+\.(?:ssh|bash|aws|config|kube|docker|gnupg|mysql_history|netrc|npmrc|profile|viminfo)|windows/+(?:win\.ini|system32|system\.ini|repair|php\.ini|debug|panther|explorer\.exe)|winnt/|boot\.ini|inetpub/|web-inf/|meta-inf/|system32/)"
    };
}

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Ptrav,
    signatures: &[
        Signature {
            stamp: 5001,
            subtype: "ptrav_dotdot",
            gate: &["../", "..\\", "..;/", "..%", ".%2e", "%2e", "..//", ".././", "....//", "0x2e"],
            needs: "",
            test: Test::Pattern(concat!(
                r"(?:(?:\.|%2e|%252e){2}[;\x00]?(?:/|\\|%2f|%5c|%252f|%255c)+(?:\.?(?:/|\\))*){1,}(?:(?:[\w.-]{1,40}(?:/|\\)){0,4})",
                system_file!()
            )),
            trust: Trust::Any,
            places: Places::Everywhere,
        },
        Signature {
            stamp: 5002,
            subtype: "ptrav_dotdot",
            gate: &["../", "..\\", "..;/", "..%2f", "..%5c", "%2e%2e", "....//"],
            needs: "",
            test: Test::Checked(
                r"(?:(?:\.{2,4}|%2e%2e|%2e\.|\.%2e)[;\x00]?(?:/|\\|%2f|%5c|%c0%af)+(?:\.(?:/|\\))*){3,}",
                |context, span| !is_link_target(context, span),
            ),
            trust: Trust::Prose,
            places: Places::Everywhere,
        },
        Signature {
            stamp: 5003,
            subtype: "ptrav_dotdot",
            gate: &["../", "..\\", "..;", "..%", "/..", "\\..", "%2e%2e"],
            needs: "",
            test: Test::Checked(
                r"(?:^|[/\\=:?&;%\x22'\x00 (]|file:|\.\.)(?:\.\.|%2e%2e)(?:[;\x00]|\.;)?(?:[/\\]|%2f|%5c|%c0%af|%252f)|[/\\](?:\.\.|%2e%2e)(?:$|[?#;&/\\])|\.\.;(?:/|\.|\\)|^\.\.[;\x00]",
                climbs,
            ),
            trust: Trust::Tight,
            places: Places::Everywhere,
        },
        Signature {
            stamp: 5004,
            subtype: "ptrav_encoded",
            gate: &[
                "%c0",
                "%e0%80",
                "%uff",
                "..2f",
                "..5c",
                "%uef",
                "%uf0",
                "%u005",
                "%u221",
                "%u002",
                "0x2e",
                "0x2f",
                "0x5c",
                "%%32",
                "%252e",
                "%25c0",
                "%c1",
                "%f0%80",
                "%bg%qf",
                "\u{c0}",
                "%32%65",
                ".%00",
                "%2e%2e%5c",
                "%25%32",
                "%2e.",
                ".%2e",
            ],
            needs: "",
            test: Test::Pattern(
                r"(?:\.|%2e|%252e|%c0%(?:2e|ae|6e)|%e0%(?:40|80)%ae|%u002e|%uff0e|0x2e|%%32%65|%25%32%65|%32%65|%f0%80%80%ae){2}(?:/|\\|%2f|%5c|%252f|%255c|%c0%(?:af|2f|5c|9v|qf)|%c1%(?:9c|1c|8s|pc|af)|%e0%80%af|%u221[56]|%u002f|%uff0f|0x2f|0x5c|%%32%66|%25%32%66|%32%66|%f0%80%80%af|%bg%qf)|(?:\.\.|%2e%2e)(?:%c0%(?:af|2f|5c|9v|qf)|%c1%(?:9c|1c|8s|pc|af)|%e0%80%af|%u(?:221[56]|efc8|f025|ff3c|00[25]f)|%uff0f|0x2f|0x5c|%%32%66|%25%32%66|%f0%80%80%af)|0x5c0x2e|0x2f0x2e|%c0%ae%c0%ae|\xc0\xae|\xc0\xaf|\xe0\x80\xaf|(?:%2e\.|\.%2e|%2e%2e)(?:/|\\|%2f|%5c)|(?:\.\.(?:2f|5c)){2,}|^\.\.(?:2f|5c)\w+(?:2f|5c)",
            ),
            trust: Trust::Tight,
            places: Places::Everywhere,
        },
        Signature {
            stamp: 5005,
            subtype: "ptrav_odd_dots",
            gate: &["..", "./", ".\\", "\\\\", "passwd", "win.ini", "boot.ini"],
            needs: "/\\%.",
            test: Test::Pattern(
                r"\.[\x80-\xff]{1,4}\.[\x80-\xff]{0,4}[/\\]|\.\.[\x80-\xff]{1,4}[/\\]|^[/\\]?(?:\.{3,4}[/\\]){2,}|^\.{3}/\./|(?:^|[^a-z\s])etc(?:%u\w{4}|%[\w%]{2}|0x\w\w|[^a-z0-9\s<>\x22']){1,12}passwd(?:$|[^\w\s])|\.\.(?:%u\w{4}|%[\w%]{2}|0x\w\w|[^a-z0-9\s<>\x22']){1,12}(?:win|boot)\.ini$|(?:\./\\/\.|\.\\/\\\.)|(?:%\\\.\.){2,}|^/?\\\\[\w:.-]{2,64}\\[a-z]\$(?:\\|$)",
            ),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
        // The same odd separator before and behind the folder of a system file, whatever a decoder makes of it.
        Signature {
            stamp: 5007,
            subtype: "ptrav_encoded",
            gate: &[
                "etc%",
                "etc0x",
                "etc\\",
                "etc?",
                "windows%",
                "windows0x",
                "winnt%",
                "winnt0x",
                "boot.ini",
            ],
            needs: "",
            test: Test::Checked(
                r"(?:etc|windows|winnt)[^\s<>]{1,24}?(?:passwd|shadow|issue|hosts|system32|win\.ini)|^[^\s<>]{4,}boot\.ini$",
                has_odd_separator,
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        // Segments that some servers leave out: a rule for `/admin` does not see `/.;/admin`.
        Signature {
            stamp: 5008,
            subtype: "ptrav_odd_dots",
            gate: &["/;/", "/.;/", "/..\t", "/..\r", "/..\n", "/..%0"],
            needs: "",
            test: Test::Pattern(r"/\.?;/|/\.\.(?:[\t\r\n]|%0[9ad])+/"),
            trust: Trust::Any,
            places: Places::Target,
        },
        Signature {
            stamp: 5010,
            subtype: "ptrav_absolute",
            gate: &[
                "sys/",
                ">/tmp",
                ".docker/",
                "etc/",
                "etc\\",
                "proc/",
                "var/",
                "root/.",
                "home/",
                "windows",
                "winnt",
                "boot.ini",
                "inetpub",
                "web-inf",
                "meta-inf",
                "system32",
                "usr/local",
                "etc%2f",
                "run/secrets",
            ],
            needs: "",
            test: Test::Checked(
                concat!(
                    r"(?:^|[/\\:=,\s'\x22(]|%2f|%5c)",
                    system_file!(),
                    r"|\\(?:windows|winnt)\\(?:system32|win\.ini|system\.ini|repair|debug|panther|temp|tasks|explorer)|>[\s]*/tmp/|/\.docker/secrets|/etc/(?:\w+/){0,3}\w+\.(?:conf|cfg|ini|cnf)\b|^\\+etc\\+(?:passwd|shadow|hosts)"
                ),
                names_one_file,
            ),
            trust: Trust::Tight,
            places: Places::Everywhere,
        },
        Signature {
            stamp: 5006,
            subtype: "ptrav_absolute",
            gate: &[
                "/etc/",
                "/var/",
                "/usr/",
                "/opt/",
                "/root/",
                "/proc/",
                "/log",
                "apache",
                ":\\",
                ":/",
                "program files",
                "$\\",
                "_log",
                ".log",
                "xampp",
                "programfiles",
                "lampp",
                "/.",
                "master.passwd",
                "inetpub",
            ],
            needs: "/\\",
            test: Test::Pattern(
                r"^/{0,3}(?:etc|proc|root|var/(?:log|adm|run|lib|cron|mail|spool|saf|lp|lock|apache2?|cpanel|mysql|db|nm2)|usr/(?:local|etc|lib|spool|pkgsrc|ports)|opt/(?:lampp|xampp|tomcat|apache2?|nginx))/[\w./@%\x00-]*$|^/(?:var/(?:log|adm)|etc)$|^[/\\]?(?:[\w .-]{1,24}[/\\]){0,5}(?:access|error)[._]log(?:\x00|%00)?[\s]*$|^/?[a-z]:[\\/]+(?:windows|winnt|program ?files|inetpub|apache\w*|xampp|wamp\w*|php\w*|mysql|system32|boot\.ini|users[\\/]+(?:public|default|administrator)|documents and settings|sysprep|unattend\w*|nginx|oracle)\b[^<>|\x22]*\.\w{2,4}[^\w]?$|^/?[a-z]:[\\/]+(?:inetpub|winnt|boot\.ini|system32|windows[\\/]system|program files[\\/](?:apache|xampp)|xampp|wamp)\b|^[/\\]program files[/\\][^<>|\x22]*\.(?:conf|log|ini|xml)\b|^[\\/](?:xampp|wamp\d*|inetpub)[\\/][^<>|\x22]*\.\w{2,4}$|^/\.(?:cshrc|shosts|rhosts|forward|logout|login|netrc|history|pass(?:wd)?)$|^/?master\.passwd$|^/?[a-z]:[\\/]+(?:[\w. -]{1,32}[\\/]+){0,5}(?:access|error)[._]log$|^/?[a-z]:[\\/]+(?:php\d?[\\/]+sessions|windows[\\/]+temp)[\\/]*$",
            ),
            trust: Trust::Tight,
            places: Places::ArgumentsAndFileNames,
        },
        Signature {
            stamp: 5011,
            subtype: "ptrav_sensitive_file",
            gate: &[
                ".env",
                ".git",
                ".svn",
                ".htaccess",
                ".htpasswd",
                ".ssh",
                "id_rsa",
                "id_dsa",
                "id_ed25519",
                ".aws",
                "wp-config",
                "web.config",
                ".bash",
                ".ds_store",
                ".npmrc",
                ".dockerenv",
                "dockerfile",
                ".kube",
                "credentials",
                ".sql",
                ".hg/",
                ".mysql_history",
                ".pgpass",
                ".netrc",
                ".pypirc",
                ".docker/",
                "server-status",
                "phpinfo.php",
                "authorized_keys",
                "known_hosts",
                "composer.lock",
                "package-lock",
                ".bak",
                ".zsh",
                "error.log",
                "access.log",
                "debug.log",
                ".vscode",
                ".idea",
                "appsettings.json",
                ".claude",
                ".cursor",
                ".codeium",
                ".windsurf",
                ".roo",
                ".aider",
                ".copilot",
                ".gemini",
                ".codex",
                ".continue",
                ".a0proj",
                "settings.local",
                "@fs/",
                ".env.",
                "config.php",
                "database.yml",
                "secrets.yml",
                "sftp-config",
                "localsettings.php",
                "settings.php",
                "configuration.php",
                ".terraform",
                "tfstate",
                ".gitlab-ci",
                ".travis",
                "parameters.yml",
                "wallet.dat",
                "shadow",
                "passwd",
                "web-inf",
                "__cline",
                ".cline",
                "mcp.json",
                "aider",
                ".htdigest",
                "node_modules",
                "vite",
                ".boto",
                ".s3cfg",
                ".rediscli",
                ".psql_history",
                ".sqlite",
                ".well-known/../",
            ],
            needs: "",
            test: Test::Pattern(
                r"(?:^|[/\\=?%]|%2f)(?:\.env(?:\.[\w.-]{1,24})?|\.git(?:/|\\|ignore|attributes|modules|config|-credentials)?[^\s]{0,64}|\.svn(?:/[^\s]{0,40})?|\.hg(?:/[^\s]{0,40})?|\.ht(?:access|passwd|digest|group)|\.ssh(?:/[^\s]{0,40})?|id_(?:rsa|dsa|ecdsa|ed25519)|\.aws(?:/[^\s]{0,40})?|wp-config[\w.~-]{0,24}|web\.config|\.bash(?:rc|_history|_profile|_logout)|\.zsh(?:rc|_history)|\.ds_store|\.npmrc|\.dockerenv|\.kube/config|\.docker/[^\s]{1,40}|\.mysql_history|\.psql_history|\.rediscli_history|\.sqlite_history|\.pgpass|\.my\.cnf|\.netrc|\.pypirc|\.boto|\.s3cfg|\.vscode/[^\s]{0,40}|\.idea/[^\s]{0,40}|\.terraform(?:/[^\s]{0,40})?|[\w.-]*\.tfstate(?:\.backup)?|authorized_keys|known_hosts|server-status|server-info|phpinfo\.php|localsettings\.php|sftp-config\.json|wallet\.dat|web-inf(?:/[^\s]{0,64})?|\.travis\.yml|\.gitlab-ci\.yml|appsettings(?:\.\w+)?\.json|(?:database|secrets|parameters)\.ya?ml)(?:$|[?#&;\s/\x00~])",
            ),
            trust: Trust::Tight,
            places: Places::Target,
        },
        Signature {
            stamp: 5012,
            subtype: "ptrav_sensitive_file",
            gate: &[
                ".zed",
                ".kiro",
                ".rovodev",
                ".plandex",
                ".fabric",
                ".n8n",
                ".junie",
                ".ai",
                ".trae",
                ".augment",
                "errors.log",
                ".claude",
                ".cursor",
                ".codeium",
                ".windsurf",
                ".roo",
                ".aider",
                ".gemini",
                ".codex",
                ".continue",
                ".a0proj",
                ".cline",
                ".copilot",
                "mcp.json",
                "error.log",
                "access.log",
                "debug.log",
                "install.log",
                ".sql",
                ".bak",
                ".old",
                "@fs/",
                "composer.",
                "dump.",
                "backup",
                "package-lock",
                "package.json",
                "yarn.lock",
                "gemfile",
                "pom.xml",
                "node_modules",
                "npm-debug",
                "dockerfile",
                "docker-compose",
                ".env",
                "config.",
                "phpmyadmin",
                "adminer",
                "settings.local",
                "credentials",
            ],
            needs: "",
            test: Test::Pattern(
                r"/\.(?:claude|cursor|codeium|windsurf|roo|aider[\w.]*|gemini|codex|continue|a0proj|cline|copilot|amazonq|kiro|junie|augment|trae|qwen|goose|opencode|zed|rovodev|plandex|fabric|n8n|ai)(?:rules|ignore)?(?:/[\w./-]*)?(?:$|[?#])|/(?:errors?|access|debug|install|npm-debug|php_errors|laravel)[\w-]*\.log(?:\.\d)?(?:$|[?#])|/[\w.-]*(?:backup|dump|database|db|site|www|users?|mysql|prod|data)[\w.-]*\.(?:sql|bak|old|sqlite3?|mdb|tar|tgz|gz|zip|rar|7z)(?:\.(?:gz|zip|bz2|xz))?(?:$|[?#])|/@fs/|/(?:composer\.(?:json|lock)|package-lock\.json|yarn\.lock|gemfile(?:\.lock)?|pom\.xml|dockerfile|docker-compose\.ya?ml|npm-shrinkwrap\.json)(?:$|[?#])|/(?:config|configuration|settings|connect|conf|db)\.(?:php|inc|ini|bak|old)[\w.~]{1,8}(?:$|[?#])|/node_modules/[\w@./-]*(?:package\.json|\.env)(?:$|[?#])",
            ),
            trust: Trust::Tight,
            places: Places::Target,
        },
        Signature {
            stamp: 5013,
            subtype: "ptrav_sensitive_file",
            gate: &[
                ".env",
                ".git/",
                ".htaccess",
                ".htpasswd",
                ".ssh",
                "id_rsa",
                "id_dsa",
                "id_ed25519",
                ".aws/",
                "wp-config",
                "web.config",
                ".bash",
                ".mysql_history",
                ".pgpass",
                ".netrc",
                ".kube/",
                ".sql",
                ".bak",
                "authorized_keys",
                "boot.ini",
                "win.ini",
                ".docker/",
                "localsettings.php",
                "php.ini",
                "httpd.conf",
                "nginx.conf",
                "sess_",
                "secrets",
                ".npmrc",
                "passwd",
                "shadow",
                ".log",
                "credentials",
                "my.cnf",
                "web.xml",
                "desktop.ini",
                "configuration.php",
                "config.php",
                "settings.php",
                "composer.json",
                "machine.config",
            ],
            needs: "",
            test: Test::Checked(
                r"^[^\s<>{}]{0,120}(?:^|[/\\=]|\.\.)(?:\.env(?:\.\w+)?|\.git/[\w./-]+|\.ht(?:access|passwd)|\.ssh(?:/[\w.]*)?|\.ssh/id_(?:rsa|dsa|ecdsa|ed25519)|\.aws/[\w.]*|wp-config(?:\.php)?[\w.~]*|web\.config|\.bash(?:rc|_history|_profile)|\.mysql_history|\.pgpass|\.netrc|\.kube/config|authorized_keys|boot\.ini|win\.ini|\.docker/config\.json|localsettings\.php|php\.ini|web-?inf.?web\.xml|c:windowswin\.ini|httpd\.conf|nginx\.conf|my\.cnf|machine\.config|\.npmrc)(?:%00|\x00)?[\w.]{0,8}$|^[\w./-]{0,60}(?:backup|dump|database|db|users?)[\w-]*\.sql(?:\.\w{2,4})?$|(?:^|[/\\])sess_[\w,-]{8,}$",
                |context, _| !is_migration(context),
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 5014,
            subtype: "ptrav_sensitive_file",
            gate: &[
                ".boto",
                "wp-config",
                "config.yml",
                "settings.",
                "sess_",
                ".htaccess",
                "web.config",
                ".env",
                "authorized_keys",
                "id_rsa",
                ".npmrc",
                "database.yml",
                "secrets.yml",
            ],
            needs: "",
            test: Test::Pattern(
                r"(?:^|[/\\])(?:\.boto|\.env|\.npmrc|\.htaccess|web\.config|wp-config[\w. -]*|config\.ya?ml|(?:local)?settings\.[\s]*php|database\.yml|secrets\.yml|authorized_keys|id_rsa|sess_[\w,-]{20,})[\s.]*$",
            ),
            trust: Trust::Tight,
            places: Places::FileNames,
        },
        Signature {
            stamp: 5020,
            subtype: "ptrav_wrapper",
            gate: &["://", ":/", "file:", "expect:", "phar:", "zip:"],
            needs: "",
            test: Test::Checked(
                r"(?:^|[\s=:'\x22(,;|])(?:php://(?:filter|input|stdin|stdout|output|memory|temp|fd)|phar://|zip://|zlib:/|compress\.(?:zlib|bzip2?)://|bzip2://|expect://|glob://|ogg://|rar://|ssh2(?:\.\w+)?://|data://text|jar:(?:file|https?):|netdoc:/|file:/{1,3}(?:etc|proc|var|root|home|usr|windows|[a-z]:|localhost|\w+/))|php://[a-z]",
                |context, _| !is_document_address(context),
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 5021,
            subtype: "ptrav_wrapper",
            gate: &["php://", "convert.iconv", "convert.base64"],
            needs: "",
            test: Test::Pattern(
                r"php://filter[/|].{0,60}(?:resource=|convert\.)|php://input\b|\bconvert\.(?:iconv\.[\w-]+[./][\w-]+|base64-(?:de|en)code)",
            ),
            trust: Trust::Any,
            places: Places::Everywhere,
        },
        Signature {
            stamp: 5030,
            subtype: "ptrav_null_byte",
            gate: &["\u{0}", "%00"],
            needs: "",
            test: Test::Pattern(r"^[\w./\\:~-]{1,160}(?:\x00|%00)(?:\.?\w{1,5})?$"),
            trust: Trust::Tight,
            places: Places::Query,
        },
        // A type that a server runs, and what file systems drop behind it.
        Signature {
            stamp: 5032,
            subtype: "ptrav_odd_extension",
            gate: &["%20%20%20", "   ", "....", "%00", "\u{0}"],
            needs: "",
            test: Test::Pattern(
                r"^\.?(?:php[s\d]?|phtml|pht|jsp[xfw]?|jsv|jsw|aspx?|asa|ashx|asmx|cer|cfml?|cgi|inc|lib|p[lm]|dbm|shtml)(?:(?:%20|[\x20]){3}(?:%20|[.\x20])*a?|\.{4,}|%00|\x00)$",
            ),
            trust: Trust::Tight,
            places: Places::ArgumentsAndFileNames,
        },
        Signature {
            stamp: 5031,
            subtype: "ptrav_stream",
            gate: &["::$data", ":$i30"],
            needs: "",
            test: Test::Pattern(r"::\$data\b|:\$i30:"),
            trust: Trust::Tight,
            places: Places::All,
        },
    ],
};

/// Whether the parts of a path to a system file are joined by what no path is written with: `etc%c0%9vissue` behind
/// `%c0%9v`. In front of a file of the root the value is nothing but such signs.
fn has_odd_separator(context: &Context<'_>, span: &Range<usize>) -> bool {
    const FOLDERS: [&[u8]; 3] = [b"windows", b"winnt", b"etc"];
    const FILES: [&[u8]; 6] = [b"system32", b"win.ini", b"passwd", b"shadow", b"issue", b"hosts"];
    let found = context.value.get(span.clone()).unwrap_or_default().to_ascii_lowercase();
    if let Some(lead) = found.strip_suffix(b"boot.ini") {
        // Two signs for dots and one for a slash, each of several bytes.
        let coded =
            lead.iter().filter(|b| matches!(b, b'%' | b'?' | b'\\' | 0x80..) || b.is_ascii_control()).count();
        let hex = lead.windows(2).filter(|w| *w == b"0x").count();
        let word = |w: &[u8]| w.iter().all(|b| b.is_ascii_lowercase() && !b.is_ascii_hexdigit());
        return coded + hex >= 3 && !lead.windows(3).any(word);
    }
    let folder = FOLDERS.iter().find_map(|name| found.strip_prefix(*name));
    let separator = folder.and_then(|rest| FILES.iter().find_map(|name| rest.strip_suffix(*name)));
    let Some(separator) = separator else { return false };
    // `etc/hosts`, `etc-hosts`, `etc hosts` are for other signatures, or words.
    let is_plain = separator.len() == 1
        && separator.iter().all(|b| matches!(b, b'/' | b'-' | b'_' | b'.' | b'+' | b','));
    let is_coded = separator.iter().any(|b| !b.is_ascii_alphanumeric()) || separator.starts_with(b"0x");
    let before = context.before(span.start);
    let joined = before
        .get(before.len().saturating_sub(separator.len())..)
        .is_some_and(|tail| tail.eq_ignore_ascii_case(separator));
    !is_plain && is_coded && joined
}

/// The target of a link in marked-up text, `[queue](../../../queue/)`: what a path of its own could not be.
fn is_link_target(context: &Context<'_>, span: &Range<usize>) -> bool {
    let climb = context.after(span.start);
    let lead = climb.iter().take(1).filter(|b| !matches!(b, b'.' | b'%')).count();
    let before = context.before(span.start + lead);
    let opens: [&[u8]; 3] = [b"](", b"](<", b"]: "];
    let path = climb.split(|b| matches!(b, b')' | b'>' | b' ' | b'\n')).next().unwrap_or_default();
    before.contains(&b'[')
        && opens.iter().any(|mark| before.ends_with(mark))
        && path
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-' | b'_' | b'#' | b'('))
}

/// The name of a file of statements in a body, without a folder: `create_users.sql`.
fn is_migration(context: &Context<'_>) -> bool {
    context.place == Place::BodyValue
        && context.value.ends_with(b".sql")
        && !context.value.iter().any(|b| matches!(b, b'/' | b'\\' | b'='))
}

/// A climb that starts a value or a path is an attack; the same as a module or a link inside text is not.
fn climbs(context: &Context<'_>, span: &Range<usize>) -> bool {
    let value = context.value;
    let text = context.before(span.end);
    let climbs = memchr::memmem::find_iter(value, b"..").count();
    if context.place == Place::BodyValue && is_relative_link(value)
        || memchr::memmem::find(value, b"://").is_some() && climbs < 2 && value.is_ascii()
    {
        return false;
    }
    // An inclusion of AsciiDoc: `include::../LICENSE.asc[]`.
    let inclusion = memchr::memmem::find(text, b"include::").is_some() && value.ends_with(b"[]");
    if is_link_target(context, span) || inclusion && climbs < 3 {
        return false;
    }
    // A climb that nothing follows, in front of words, is about paths: `../ meaning in path`.
    let about = context.after(span.end).starts_with(b" ") && !value.contains(&b'%');
    if about && memchr::memchr_iter(b' ', value).count() >= 2 {
        return false;
    }
    // `dir/../name`: one step down and up again leads nowhere.
    if climbs == 1 && context.place == Place::BodyValue && !value.starts_with(b".") && is_plain_descent(value)
    {
        return false;
    }
    let quoted = text.iter().any(|b| matches!(b, b'\'' | b'"' | b'`' | b'('));
    let code = quoted
        && [&b"import"[..], b"require", b"from ", b"src=", b"href=", b"include", b"]("]
            .iter()
            .any(|word| memchr::memmem::find(text, word).is_some());
    if code {
        return false;
    }
    // `../` once, followed by an ordinary relative name, is how editors, mail and command lines write paths in
    // the middle of text; require it near the start there.
    let blanks = memchr::memchr_iter(b' ', context.before(span.start)).count();
    blanks < 4 || memchr::memmem::find_iter(value, b"../").count() >= 3
}

/// A path with a name before its only climb and an ordinary name behind it.
fn is_plain_descent(value: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(value, b"/../") else { return false };
    let head = value.get(..at).unwrap_or_default();
    let named = head.iter().filter(|b| b.is_ascii_alphanumeric()).count() >= 2 && !head.contains(&b'=');
    let tail = value.get(at + 4..).unwrap_or_default();
    let ordinary = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-' | b'_' | b' ' | b'(' | b')') || *b >= 0x80
    };
    named && tail.first().is_some_and(u8::is_ascii_alphanumeric) && tail.iter().all(ordinary)
}

/// `file:///home/anna/app/main.rs`: how editors and language servers name the files of their user.
fn is_document_address(context: &Context<'_>) -> bool {
    const HOMES: [&[u8]; 4] =
        [b"file:///home/", b"file:///Users/", b"file:///workspace", b"file:///c:/Users/"];
    let value = context.value;
    context.place == Place::BodyValue
        && HOMES
            .iter()
            .any(|home| value.get(..home.len()).is_some_and(|head| head.eq_ignore_ascii_case(home)))
        && memchr::memmem::find(value, b"/.").is_none()
}

/// `../img/logo.png`: what documents and configurations in a body refer to, one or two levels up.
fn is_relative_link(value: &[u8]) -> bool {
    const KINDS: &[&[u8]] = &[
        b".png", b".jpg", b".jpeg", b".gif", b".svg", b".webp", b".css", b".js", b".mjs", b".ts", b".tsx",
        b".jsx", b".html", b".htm", b".md", b".rst", b".json", b".yaml", b".yml", b".vue", b".scss",
        b".less", b".pdf", b".proto",
    ];
    let path = value.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default();
    let climbs = memchr::memmem::find_iter(path, b"..").count();
    // Configuration is what a climb is after.
    const SECRETS: [&[u8]; 5] = [b"/config", b"secret", b"credential", b"settings", b"database"];
    if SECRETS.iter().any(|word| memchr::memmem::find(path, word).is_some()) {
        return false;
    }
    let plain =
        path.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'-' | b'_' | b'@'));
    climbs <= 2 && plain && KINDS.iter().any(|kind| path.ends_with(kind))
}

/// A system file named by a value is an attack when the value is about that file: nothing but the file, or a
/// command or parameter before it. A log line or a sentence is longer.
fn names_one_file(context: &Context<'_>, span: &Range<usize>) -> bool {
    // Events of operating systems carry the paths of programs.
    let program = [&b".exe"[..], b".dll", b".sys"].iter().any(|end| context.value.ends_with(end));
    if context.place == Place::BodyValue && program && !context.value.contains(&b' ') {
        return false;
    }
    let words_before = context.before(span.start).split(|b| *b == b' ').filter(|w| !w.is_empty()).count();
    let words_after = context.after(span.end).split(|b| *b == b' ').filter(|w| w.len() > 1).count();
    words_before <= 5 && words_after <= 4
}
