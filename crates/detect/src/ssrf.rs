//! Server-side request forgery: URLs of the inside, of cloud metadata, in spellings that only evasion uses.
//!
//! A public URL in a parameter is normal API traffic and never counts. `localhost` counts as a URL of an argument,
//! not in text, and with a port above 1023 not at all: developers send `http://localhost:3000` as redirect address.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Ssrf,
    signatures: &[
        Signature {
            stamp: 19001,
            subtype: "ssrf_metadata",
            gate: &[
                "169.254",
                "metadata",
                "100.100.100.200",
                "192.0.0.192",
                "fd00:ec2",
                "169%2e254",
                "rancher-metadata",
                "169\u{3002}254",
                "instance-data",
                "computemetadata",
                "latest/",
                "opc/v",
                "runtime/invocation",
                "${aws_",
            ],
            needs: "",
            test: Test::Pattern(
                r"169\.254\.(?:169\.25[34]|170\.2|170\.23)[:/]|//169\.254\.\d|//100\.100\.100\.200|//192\.0\.0\.192|metadata\.(?:google|goog|azure|packet|oraclecloud|tencentyun|platformequinix)(?:\.internal|\.net|\.com)?\b|rancher-metadata|\[fd00:ec2::254\]|instance-data/|(?:^|//[^\s/]{1,80}|[=?&])/?(?:computemetadata/v1|latest/(?:meta-data|user-data|dynamic/instance)|opc/v[12]/instance)|/2018-06-01/runtime/invocation|//\$\{aws_\w+\}",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 19002,
            subtype: "ssrf_internal",
            gate: &[
                "://", ":%2f", "http:", "https:", "ftp:", "url:", "//127", "//local", "//[", "//0", "\\\\",
                "//169.", "&@", "rebind",
            ],
            needs: "",
            test: Test::Pattern(
                r"(?:^|[\s=:'\x22(,@])(?:url:)?(?:https?|ftps?|sftp|wss?|imaps?|pop3s?|smtps?|ldaps?|rtm?s?p|tftp|telnet|ssh2?|smb|gopher|dict|file|irc):/{0,3}(?:[^/\s@]{0,64}@)?(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|0\.0\.0\.0|localhost(?:\.localdomain|\d\.localdomain\d?|6)?\.?|[\w.-]{0,64}(?:localtest\.me|nip\.io|xip\.io|sslip\.io|lvh\.me|vcap\.me)|127\.1|127\.0\.1|0)(?::(?:\d{1,3}|3306|5432|6379|9200|11211|27017|2375|2379|10250|8500)\b|/|$|\?|#)|[a-z]+://(?:[^/\s@]{0,64}@)?(?:0x[0-9a-f]{2,8}(?:\.(?:0x)?[0-9a-f]{1,8}){0,3}|0\d{2,11}(?:\.(?:0x[0-9a-f]{1,8}|\d{1,8})){0,3}|\d{8,10}|\d{1,3}\.\d{4,8}|\d{1,3}\.\d{1,3}\.\d{3,6}|(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|0\d+)){1,3})(?:[:/?#]|$)|://\[(?:::|[0-9a-f]{1,2}::|0{1,4}::|0{1,4}:0{1,4}:|::ffff|fe80|fd|fc|dead|[0-9a-f:]*:ffff:)|:\[::ffff|//\[::|(?:https?|ftp|imap|rtmp)://[^\s/]{0,12}(?:\xe2\x91|\xe2\x93|\xe3\x80\x82|\xef\xbc\x8e)|https?:/?(?:0x[0-9a-f]{8,}|0\d{3,}\.|\d{8,10}$)|https?://0x[0-9a-f]{9,16}(?:/|$)|^https?://(?:\\\w){3}|^(?://|\\\\)(?:127\.\d|localhost|169\.254\.|0\.0\.0\.0)|[a-z\d]{2,6}://[^\s/]{0,12}(?:\xe2\x91|\xe2\x92|\xe2\x93)|(?:https?|ftp)://[^\r\n]{0,80}?[@#][\s@]*(?:127\.\d|169\.254|localhost)|^https?://(?:127\.\d+\.\d+\.\d+|localhost|169\.254\.\d+\.\d+)(?:%\d\d|[\x00-\x20@\\#])|^https?://[^\s/]{1,40}[\s]+&@|^(?:https?://)?make-[\w.-]+-rebind-[\w.-]+|^https?://[\w.-]{0,64}\.(?:nip\.io|xip\.io|sslip\.io|rbndr\.us|1u\.ms):\d{2,5}(?:/|$)|^https?://127\.0\.0\.1\.[a-z]|^https?://(?:localhost|127\.0\.0\.1):\d{2,5}/(?:actuator|admin|env\b|console|metrics|debug|manager|server-status|jolokia|heapdump|containers|v1/(?:agent|kv)|_cat|_cluster|api/v1/(?:pods|namespaces|secrets))",
            ),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
        Signature {
            stamp: 19003,
            subtype: "ssrf_scheme",
            gate: &[
                "gopher:",
                "dict:",
                "ldap",
                "tftp:",
                "sftp:",
                "jar:",
                "netdoc:",
                "file:",
                "smb:",
                "unix:",
                "rmi:",
                "\\\\",
                "local_file:",
            ],
            needs: "",
            test: Test::Pattern(
                r"(?:^|[\s=:'\x22(])(?:gopher|dict|tftp|netdoc|jar:\w{2,6}|rmi|ldapi|ldaps?|smb)://[^\s/]{1,}|(?:^|[\s=:'\x22(])file:(?:/{3}|//[\w.-]*[/\\])\S|^(?:url:)?(?:local_)?file://\w|(?:http\+)?unix:(?://)?[\w/.%-]+\.sock",
            ),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
        Signature {
            stamp: 19004,
            subtype: "ssrf_internal",
            gate: &[
                "ip6-l",
                "ipv6-l",
                "localdomain",
                "containers.internal",
                "localtest.me",
                "lvh.me",
                "vcap.me",
                "localhost",
                "host.docker.internal",
                "docker.internal",
                "kubernetes.default",
                ".cluster.local",
                "ip6-localhost",
                "localdomain",
            ],
            needs: "",
            test: Test::Pattern(
                r"^(?:\w{1,12}=)?(?:https?:)?/{0,2}(?:localhost\d?(?:\.localdomain\d?)?|ip(?:v?6)-(?:localhost|loopback)|(?:host|gateway|kubernetes)\.(?:docker|containers)\.internal|localtest\.me|lvh\.me|vcap\.me|kubernetes\.default(?:\.svc(?:\.cluster\.local)?)?)(?::(?:\d{1,3}|3306|5432|6379|9200|2375|10250))?(?:/|$|\?)|(?:host|gateway)\.docker\.internal|https?://[\w.-]+\.svc\.cluster\.local\b",
            ),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
        Signature {
            stamp: 19005,
            subtype: "ssrf_remote_file",
            gate: &["http", "ftp", "mosconfig_absolute_path", "_basedir", "appserv_root", "file?"],
            needs: "",
            test: Test::Pattern(
                r"^(?:https?|ftps?|file)\?$|^(?:url:)?(?:https?|ftps?|file)://\S+\.(?:txt|php|sh|pl|asp|jsp|dat|gif)\?+$|\b(?:mosconfig_absolute_path|_conf\[path\]|_server\[document_root\]|gallery_basedir|path\[docroot\]|appserv_root|config\[root_dir\])",
            ),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
        Signature {
            stamp: 19006,
            subtype: "ssrf_remote_file",
            gate: &["http:", "https:", "ftp:", "ftps:", "sftp:"],
            needs: "",
            test: Test::Pattern(
                r"^(?:https?|ftps?)://(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?::\d+)?(?:/\S*)?$|^(?:https?|ftps?)://\[?[0-9a-f]{1,4}:[0-9a-f:]{3,}\]?(?::\d+)?/\S*\.(?:php|txt|sh|aspx?|jsp|pl|cgi)$|^sftp://[\w.-]+(?::\d+)?/?\S*$|[?&=]url=sftp://|^(?:https?|ftps?)://[^\s?#]+/(?:c99|r57|b374k|wso|shell|webshell|cmd|backdoor)\w{0,8}\.(?:php\d?|txt|aspx?|jsp|gif)\b|^https?://[^\s?#]+\?\w+=(?:https?|ftp)(?:://|:%2f%2f)[^\s&]+\.(?:txt|php)(?:%00|\x00|\?|$)",
            ),
            trust: Trust::Tight,
            places: Places::Query,
        },
        Signature {
            stamp: 19007,
            subtype: "ssrf_internal",
            gate: &["//10.", "//192.168.", "//172.1", "//172.2", "//172.3"],
            needs: "",
            test: Test::Pattern(
                r"^(?:https?|ftp)://(?:[^/\s@]{0,64}@)?(?:10\.\d{1,3}\.\d{1,3}\.\d{1,3}|192\.168\.\d{1,3}\.\d{1,3}|172\.(?:1[6-9]|2\d|3[01])\.\d{1,3}\.\d{1,3})(?::\d{1,5})?(?:[/?#]\S*)?$",
            ),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
        Signature {
            stamp: 19008,
            subtype: "ssrf_remote_file",
            gate: &["http", "ftp"],
            needs: "",
            test: Test::Pattern(r"^(?:https?|ftps?)://\S+\?+$"),
            trust: Trust::Tight,
            places: Places::Query,
        },
        // In a long text only at its beginning or end: words on one side are padding, on both they are documentation.
        Signature {
            stamp: 19009,
            subtype: "ssrf_metadata",
            gate: &["//169.254.169.254", "//metadata.google", "//100.100.100.200", "//[fd00:ec2"],
            needs: "",
            test: Test::Checked(
                r"^[\s]*https?://(?:169\.254\.169\.254|metadata\.google(?:\.internal)?|100\.100\.100\.200|\[fd00:ec2::254\])(?:[:/?#]|[\s])|(?:^|[\s])https?://(?:169\.254\.169\.254|metadata\.google(?:\.internal)?|100\.100\.100\.200|\[fd00:ec2::254\])(?:[:/?#]\S*)?[\s]*$",
                |context, _| context.value.len() > PADDED,
            ),
            trust: Trust::Any,
            places: Places::Arguments,
        },
        // A host behind an at sign in the name of a parameter, and the path behind it that the front end is to route to.
        Signature {
            stamp: 19010,
            subtype: "ssrf_routing",
            gate: &["/mapi", "/owa", "/ecp", "/ews", "/oab", "/powershell", "/rpc", "autodiscover"],
            needs: "@",
            test: Test::Checked(
                r"^[\w.+-]{0,64}@[\w.-]{1,64}/(?:mapi|owa|ecp|ews|oab|powershell|rpc|autodiscover)\b|autodiscover\.json(?:\?|%3f)[^&\s]{0,64}@",
                |context, span| span.start > 0 || context.place.is_name() || !context.value.contains(&b' '),
            ),
            trust: Trust::Tight,
            places: Places::Arguments,
        },
    ],
};

/// Longer values are documents whatever is in them.
const PADDED: usize = 1500;
