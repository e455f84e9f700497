//! Unix shell: a command where an argument was expected.
//!
//! Evidence is a command word in command position (at the start, after a separator, inside a substitution) with
//! something that makes it a command and no word of a sentence: an option, a path, another separator. Values are
//! also scanned with shell quoting removed (`c'a't`, `w$@hoami`, `${IFS}`), see `view`.
//!
//! Benign look-alikes: `time warner`, `ping pong tables`, `find x for y`, `tar is a dark liquid`, shell scripts and
//! README files (documents), `A & B; more`, user agents with semicolons, prices such as `$5`.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::{Context, Shape};
use crate::signature::{Detector, Places, Signature, Test, Trust};

/// Programs whose name alone in command position means that a command is run.
macro_rules! rare {
    () => {
        r"(?:whoami|ifconfig|netstat|sysinfo|nslookup|wget|curl|uname|lsb_release|ncat|netcat|socat|telnet|tcpdump|traceroute|bash|zsh|ksh|csh|tcsh|dash|busybox|chmod|chown|chroot|crontab|useradd|adduser|usermod|passwd|sudo|killall|pkill|pgrep|nohup|lsof|hexdump|xxd|base64|base32|openssl|ssh-keygen|sshpass|scp|rsync|tftp|lastlog|strace|gdb|python[\d.]*|perl[\d.]*|ruby|php[\d.]*|lua|nodejs|pip[\d.]*|apt-get|aptitude|dpkg|yum|systemctl|iptables|mkfifo|mknod|printenv|hostid|getent|dmesg|lsmod|lscpu|lspci|lsblk|ansible(?:-\w+)?|terraform|kubectl|docker|chef-\w+|cscli|cpulimit|ldconfig|zstdcat|zcat|bzcat|xzcat|nproc|uptime|sysctl|setarch|timedatectl|readlink|realpath|xargs|awk|gawk|mawk|sed|gcc[\d.]*|g\+\+|c89|c99|cobc|ghc|tclsh|wish|vim|vimdiff|rvim|gimp|emacs|ftp|sftp|finger|arp|ipconfig|tasklist|systeminfo|rmdir|mkdir|fdisk|mount|umount|debugfs|unshare|nsenter|rlwrap|byebug|irb|jjs|jrunscript|gtester|capsh|setfacl|getfacl|dash|ash|pdksh|fish|rbash|tmux|screen|ps2pdf|shutdown|poweroff|reboot)"
    };
}
/// Programs that are also words; they need an argument of a command behind them.
macro_rules! wordy {
    () => {
        concat!("(?:", acting!(), "|", naming!(), ")")
    };
}
/// Those that nobody calls a field.
macro_rules! acting {
    () => {
        r"cat|ls|ps|sh|echo|ping|dig|egrep|fgrep|grep|tac|tee|touch|cp|mv|rm|ln|kill|unset|exec|eval|tar|unzip|gzip|gunzip|nc|cd|su|vi|nano|pico|printf|whereis|dd|sleep|rpm|ssh|md5sum|sha1sum|cksum|chsh|chfn|rmt|aria2c|sendmail|pwd|df|du|uniq"
    };
}
/// Those that are names of fields, too.
macro_rules! naming {
    () => {
        r"id|host|find|head|tail|less|more|nl|od|rev|cut|sort|env|set|source|time|timeout|nice|zip|w|who|last|at|ed|ex|file|stat|date|test|read|route|ip|dir|type|which|locate|man|make|git|node|java|go|split|paste|join|diff|strings|watch|wall|write|mail|service|alias|bg|fg|jobs|history|hostname|groups|top|free|cmp|expr|seq|fold|expand|apt|snap|gem|npm|yarn|pip|ss|sum|basename|dirname|flock|fmt|look|bc|dc|arch|ab|as|cc|nm|ld|ar"
    };
}
/// What makes the word before it a command: an option, a path, a variable, a redirection, a separator or the end.
macro_rules! argument {
    () => {
        r"(?:[\s+]+(?:-{1,2}[a-z0-9]|[\w.~*?\[\]{}$-]*/[\w.*?~$-]|\$[\w{(]|[~.]{1,2}(?:$|/)|\*|\x22|'|[\w*-]{1,40}\.[a-z]{1,5}\b|\d{1,3}\.\d{1,3}\.|[<>|&;]|https?:|localhost|\\|\{|`|/(?:$|[\s;|&])|-?(?:aux|axu|ef|[cxt]z?v?f)\b|\d+(?:$|[\s;|&]))|[\s]*(?:$|[;|&<>`)\n]|\|\||&&)|\$\{?ifs|\{|%20|,)"
    };
}

/// Programs whose names mean nothing else in any language, so that any argument, or none, will do.
macro_rules! unmistakable {
    () => {
        r"(?:whoami|ifconfig|nslookup|lsb_release|zstdcat|bzcat|xzcat|gunzip|unxz|bsdtar|visudo|cscli|ansible(?:-\w+)|chef-(?:\w+)|mkfifo|aa-(?:disable|enforce|exec)|apt-get|ssh-(?:keygen|copy-id|keyscan)|pipx[\s]+install|printenv|lastlog(?:in)?|sysctl|ldconfig|setfacl|capsh|tcpdump|chgrp|rlwrap|uconv|htop|rmt-(?:tar|dump)|ps2pdf|nohup[\s]+\w+|strace[\s]+\w+|time[\s]+(?:sh|bash|ifconfig|bsdtar)|perf[\s]+--\w+|env[\s]+--\w+|chef[\s]+report|ansible[\s]+all|python\d(?:\.\d+)?[\s]+\w+(?:\.py)?$|python[\s]+\w+\.py$)"
    };
}

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Rce,
    signatures: &[
        Signature {
            stamp: 3001,
            subtype: "rce_shell",
            gate: &[";", "|", "&", "`", "$(", "\n", "\r", "<(", "%0a", ">("],
            needs: "",
            test: Test::Checked(
                concat!(
                    r"(?:;|\||&|`|\$\(|[\r\n]|<\(|>\(|%0[ad])[\s\x00+(){@!'\x22]*(?:\.[\s+]+)?(?:(?:sudo|nohup|time|env|exec|busybox|command|eval|xargs|timeout[\s]+\d+)[\s+]+(?:-\S+[\s]+)?)?(?:/?(?:usr/|local/|s?bin/){1,4})?",
                    r"(?:",
                    rare!(),
                    r"(?:[\s+]+[^\s=]|[\s]*(?:$|[;|&<>`)\x22'\n])|\$\{?ifs|\{|<)|",
                    wordy!(),
                    argument!(),
                    r"|dd[\s+]+(?:if|of)=|at[\s+]+\d{1,2}:\d\d)"
                ),
                separated,
            ),
            trust: Trust::Prose,
            places: Places::Names,
        },
        Signature {
            stamp: 3002,
            subtype: "rce_shell",
            gate: &[
                "wget\u{1}",
                "curl\u{1}",
                "bash\u{1}",
                "sh\u{1}",
                "cat\u{1}",
                "ls\u{1}",
                "id\u{1}",
                "whoami",
                "uname\u{1}",
                "ping\u{1}",
                "nslookup",
                "nc\u{1}",
                "python",
                "perl",
                "echo\u{1}",
                "sleep\u{1}",
                "chmod\u{1}",
                "rm\u{1}",
                "ifconfig",
                "find\u{1}",
                "tar\u{1}",
                "ansible",
                "chef",
                "dig\u{1}",
                "php",
                "ruby",
                "zstdcat",
                "time\u{1}",
                "nohup",
                "env\u{1}",
                "sudo\u{1}",
                "flock",
                "lastlog",
                "tftp\u{1}",
                "ssh\u{1}",
                "telnet",
                "socat",
                "ncat",
                "netcat",
                "awk\u{1}",
                "sed\u{1}",
                "head\u{1}",
                "tail\u{1}",
                "cscli",
                "cpulimit",
                "vim\u{1}",
                "busybox",
                "gcc\u{1}",
                "crontab",
                "openssl",
                "shutdown",
                "kubectl",
                "passwd",
                "useradd",
                "adduser",
                "netstat",
                "traceroute",
                "ps\u{1}",
                "set\u{1}",
                "printf\u{1}",
                "base64",
                "tcsh\u{1}",
                "ksh\u{1}",
                "zsh\u{1}",
                "dash\u{1}",
                "csh\u{1}",
            ],
            needs: " +$<|;&{\t",
            test: Test::Checked(
                concat!(
                    r"^[\s'\x22(={@!]*(?:(?:sudo|nohup|time|env|exec|busybox|command|eval|timeout[\s+]+\d+)[\s+]+(?:-\S+[\s+]+)?)?(?:/?(?:usr/|local/|s?bin/){1,4})?",
                    r"(?:",
                    rare!(),
                    r"(?:[\s+]+(?:-{1,2}[a-z]|[\w.~*$-]*/|\$|\x22|'|https?:|[\w-]+\.[a-z]{2,6}\b|\d+\.\d|[<>|;&])|\$\{?ifs|[\s]*[|;<>&])|",
                    wordy!(),
                    r"(?:[\s+]+(?:-{1,2}[a-z]|\d{1,3}(?:\.\d{1,3}){3}(?:$|[\s;|&])|(?:[\w.~*$-]*/)[\w.*?~$-]|\$[\w{(]|\x22?[^\s\x22a-z]*[;|<>]|\S*[;|]\S|<)|\$\{?ifs|<<<|[\s]*(?:\|\||&&|[;|<>]))",
                    r")"
                ),
                is_command_line,
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3011,
            subtype: "rce_shell",
            gate: &[
                "chef ",
                "pip",
                "whoami",
                "ifconfig",
                "nslookup",
                "lsb_release",
                "zstdcat",
                "bzcat",
                "xzcat",
                "gunzip",
                "unxz",
                "bsdtar",
                "visudo",
                "cscli",
                "ansible",
                "chef-",
                "mkfifo",
                "aa-",
                "apt-get",
                "ssh-",
                "pipx",
                "printenv",
                "lastlog",
                "sysctl",
                "ldconfig",
                "setfacl",
                "capsh",
                "tcpdump",
                "chgrp",
                "rlwrap",
                "uconv",
                "htop",
                "rmt-",
                "ps2pdf",
                "nohup",
                "strace",
                "time ",
                "perf --",
                "env --",
                "python",
                "trap ",
                "column ",
                "bridge ",
                "which ",
                "dir ",
                "dir+",
                "fold ",
                "busybox",
                "openssl",
                "-exec",
            ],
            needs: "",
            test: Test::Pattern(concat!(
                r"(?:^|[;|&`({=][\s]*)(?:['\x22\\]{0,2}|['\x22][\s]+)(?:/?(?:usr/|local/|s?bin/){1,4})?",
                unmistakable!(),
                r"(?:[\s'\x22;|&`)}]|$)|\bopenssl[\s]+s_(?:client|server)[\s]|\bbusybox[\s]+(?:nc|sh|ash|wget|telnetd|httpd|tftp)\b|^[\s'\x22;|&]*find[\s]+[\w./~-]+[\s].{0,60}-exec(?:dir)?[\s]+(?:/|(?:id|sh|bash|whoami|nc|curl|wget|python\d?|perl)\b)|(?:^|[;|&]|[\r\n])[\s'\x22]*which[\s+]+(?:nc|ncat|netcat|gcc|perl|python\d?|wget|curl|php|ruby|bash|java)[\s]*$|[;|&\n$][\s+]*dir[\s+]+(?:[a-z]:|/)|[;|&][\s]*(?:trap[\s]+['\x22]|(?:column|bridge|fold)[\s]+(?:-\w[\s]+)?\w+$)"
            )),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 3003,
            subtype: "rce_shell",
            gate: &[
                "bin/",
                "/bin/",
                "/dev/tcp",
                "/dev/udp",
                "/inet/tcp",
                "/inet/udp",
                "bin/sh",
                "bin/bash",
                "/sbin/",
                "bin%2f",
                "bin\\",
                "/bi",
                "/ca?",
                "/???",
            ],
            needs: "",
            test: Test::Checked(
                r"/(?:dev|inet)/(?:tcp|udp)/|(?:^|[\s;|&=(`'\x22!:,{<>\n+])(?:/(?:usr/)?(?:local/)?s?bin|usr/(?:local/)?s?bin)/+(?:[a-z\d?*\[\]._-]{1,24})(?:[\s+;|&<>'\x22`)\n,$]|$)|/(?:b[?*]n|[?*]{3}|\[[a-z-]{1,8}\]in|b\[[a-z-]\]n|bi\[[a-z-]\])/[a-z?*\[\]-]{2,16}",
                |context, span| {
                    !is_scheduled(context.before(span.start + 1))
                        && memchr::memmem::find(context.value, b"```").is_none()
                },
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3004,
            subtype: "rce_shell",
            gate: &[
                "/dev/tcp/",
                "/bin/sh",
                "/bin/bash",
                "mkfifo",
                "nc -e",
                "ncat -e",
                "|sh",
                "| sh",
                "|bash",
                "| bash",
                "-i >&",
                "wget http",
                "curl http",
            ],
            needs: "",
            test: Test::Pattern(
                r"(?:bash|sh)[\s]+-i[\s]*(?:>&|<&|[\d]?>)[\s]*/dev/(?:tcp|udp)/|mkfifo[\s]+/tmp/\w+[\s]*;|\bnc(?:at)?[\s]+(?:-\w+[\s]+)*-[a-z]*e[\s]+/bin/|(?:^|[;|&`])[\s]*(?:wget|curl)[\s]+[^;|&\n]{4,200}(?:\||;|&&)[\s]*(?:sudo[\s]+)?(?:ba|z|da|k)?sh\b",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 3005,
            subtype: "rce_shell",
            gate: &["() {", "(){", "( ) {", "()\t{", "() \t{", "()+{", ":|:", ":(){"],
            needs: "",
            test: Test::Checked(
                r"^[\s'\x22]*\(\s*\)[\s+]*\{|\([\s]*\)[\s+]*\{[\s+]*(?::|_|[a-z]);[\s+]*\}[\s+]*;|:\(\)[\s]*\{[\s]*:[\s]*\||[\w.]+\(\)[\s+]*\{[\s+]*[\w.:]+(?:\(\))?[\s+]*[|&][\s+]*[\w.:]+(?:\(\))?[\s+]*[;&]",
                defines_to_run,
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 3006,
            subtype: "rce_shell",
            gate: &["$[", "$(", "`", "<(", ">(", "${", "$((", "$'"],
            needs: "",
            test: Test::Checked(
                r"\$\([\s]*[a-z/{$'\x22<][^)]{0,200}\)?|^[^`]{0,80}`[\s]*[\w./$-]+(?:[\s]+[^`]{1,120})?`|(?:^|[\s;|&])[<>]\([\s]*\w+|\$\(\(|\$\[|\$\{(?:ifs|path|home|shell|pwd|lang|\w+:\d|\w+//|@|!|#|\w+[%#]|\w+:[-+=?\d])|\$'\\(?:x|\d)",
                is_substitution,
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3007,
            subtype: "rce_shell",
            gate: &[
                "cat ",
                "cat\t",
                "cat+",
                "less ",
                "head ",
                "tail ",
                "more ",
                "tac ",
                "nl ",
                "cat<",
                "cat${ifs}",
                "cat$ifs",
                "type ",
                "cp ",
                "grep ",
            ],
            needs: "",
            test: Test::Pattern(
                r"\b(?:cat|less|head|tail|more|tac|nl|od|strings|base64|cp|grep|xxd|rev)(?:[\s+<]+|\$\{?ifs\}?(?:\$\d)?)(?:-\S+[\s]+){0,3}(?:\S{0,24}[\s])?(?:[./]*(?:\.\./)*)/?(?:etc/(?:passwd|shadow|hosts|issue|group|crontab)|proc/(?:self|version)|root/|home/\w+/\.|var/log/)",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        // In any text: a separator or a substitution, and the accounts of the system.
        Signature {
            stamp: 3014,
            subtype: "rce_shell",
            gate: &["/etc/passwd", "/etc/shadow"],
            needs: ";|&`$",
            test: Test::Checked(
                r"(?:[;|&`]|\$\()[\s]*(?:/bin/)?(?:cat|head|tail|less|more|tac|nl|od|xxd)[\s]+(?:-\w+[\s]+)?/etc/(?:passwd|shadow)\b",
                breaks_into_text,
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 3008,
            subtype: "rce_shell",
            gate: &[
                "<<<", "alias", "${ifs}", "$ifs", "{", "\\", "$@", "$u", "~", "!-", "!!", "$*", "[", "?",
                "*", "<()", ">()", ";$", "; $", "kill ", "$shell", "$home",
            ],
            needs: "/{$~!<>=\\'\"",
            test: Test::Pattern(concat!(
                r"\$\{?ifs\}?|<<<[\s]*[\x22'$\w{]|\balias[\s]+(?:[+-]\w+\+?[\s]+)?['\x22]?[\w.-]+['\x22]?=['\x22]?[^\s=]|^\{,?(?:[\w$\x22@\\/'\x22.{-]+(?:,[^,{}\x22:]{0,40}){0,7},[^,{}\x22:]{0,40}[^\w\s,{}\x22:][^,{}\x22:]{0,40}(?:,[^,{}\x22:]{1,40}){0,7}|(?:[\w/$@\\.-]*[^\w,{}\s:][\w$\x22@\\/'\x22.{-]*|(?:",
                rare!(),
                "|",
                acting!(),
                r"|head|tail))(?:,[^,{}\x22:]{1,40}){1,8})\}|[\s;|&=`]\{,?[\w$@\\/.-]+,[^{}:]{1,60}\}$|^\{,[^\s{}:]{1,80}\}$|^\{\w+,\}$|^[a-z]\{[a-z,]{1,8}\}|^~[+-]\d*$|^~\d+$|^!-?\d+(?:!-?\d+)?$|^!!$|^!-\d!-\d|/[a-z?*]{1,8}[?*\[][a-z?*\]]{0,6}/?[a-z?*\[\]]*[\s]+/|/(?:e?t?c?[?\[][a-z?*\]\[-]*|[etc]{1,2}\*[a-z?*]*|\*[etc]{1,2})/(?:[a-z?*\[\]-]*[?*\[])?|(?:\b\w+=[^\s;&|=]{1,40}(?:;|&&)[\s]*){1,4}\$?\{?\w*\$\w|/etc/[\w?*]*\[[^\]]{1,8}\][\w?*]*|/e[?*]{1,2}c?/|\bcu?\[?r\]?l?\b[\s]|^\w+=\w*\[\w\]\w*;\$|^\$shell\b|[\w][<>]\(\)\w{1,8}[\s]+[\d.]|\bkill[\s]+[\x22\x27]?-[\x22\x27]+\d",
            )),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3009,
            subtype: "rce_shell",
            gate: &["\\", ";", "|", "&", "\n", "`", "$("],
            needs: "",
            test: Test::Checked(
                r"(?:^[\s]*;|^\\|;[\s]*`|[\w.)'\x22][\s]*(?:;|\|\|?|&&?|[\r\n])|^[\s]*(?:\|\|?|&&?|[\r\n]))[\s+]*(?:/\S*/)?(?:id|ls|ps|pwd|w|who|set|env|dir|whoami|uname|hostname|ver|lastlog|last|top|df|reboot|shutdown|ifconfig|ipconfig|netstat|uptime|history|users|groups|date|whoami|printenv|exit|halt|export|sh|bash|dmesg|jobs|cal|cat|sleep[\s+]+[\d.]+s?|ping[\s+]+.{1,60})[\s]*(?:$|[;|&#`\n])",
                separated,
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 3010,
            subtype: "rce_shell",
            gate: &["$"],
            needs: "",
            test: Test::Pattern(
                r"(?:^|[;|&\n])[\s]*\$\w{1,8}[\s]+(?:/|-\w|wget|curl|cat\b|ls\b|ping|nc\b|\w+\.\w{2,4}\b)|;[\s]*\$\w{1,8}[\s]+(?:cat|wget|curl|ls)|\b\w{1,12}=\w{1,24}(?:&&|;)[\s]*\$\w+[\s]|\w+\$[@*!-]\w*[\s]|\$\w+[\s]+(?:wget|curl|cat|ls|id)\b",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3012,
            subtype: "rce_argument",
            gate: &[
                "proxycommand",
                "upload-pack",
                "receive-pack",
                "use-askpass",
                "-exec",
                "--output-document",
                "checkpoint-action",
                "to-command",
                "-oq",
                "oqueuedirectory",
                "--post-file",
                "--rsh",
                "core.sshcommand",
                "core.pager",
                " -x/",
            ],
            needs: "",
            test: Test::Pattern(
                r"^[\s'\x22]*-{1,2}(?:o[\s]?proxycommand=|upload-pack[=\s]|receive-pack[=\s]|use-askpass=|exec[=\s]\S|output-document=|checkpoint-action=|to-command=|post-file=|rsh=|config=core\.)|checkpoint-action=exec|-oproxycommand=\S|\s-o?q(?:ueuedirectory)?[=/]\S*\s.{0,20}-x/|@[\w.-]+\s+-x/\S+|core\.(?:sshcommand|pager)=\S",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 3013,
            subtype: "rce_sqlite",
            gate: &[
                ".shell",
                ". shell",
                ". system",
                ".system",
                ".databases",
                ".sh ",
                ".sh\\",
                ".import",
                ".\\\"shell",
                ".\\'shell",
            ],
            needs: ";\n\\",
            test: Test::Pattern(
                r"(?:^|;|\n|\\n)[\s\\n]*\.[\s\\\x22']*(?:sh(?:ell)?|system|databases|import|load|dump|output|read|tables|schema)\b[\s\\]*(?:$|\S)",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
    ],
};

/// A separator in command position: not an HTML entity (`&amp; cat`), not a user agent's comment, not a
/// sentence that goes on after a semicolon.
fn separated(context: &Context<'_>, span: &Range<usize>) -> bool {
    let Some(&separator) = context.value.get(span.start) else { return false };
    let before = context.before(span.start);
    let matched = context.value.get(span.clone()).unwrap_or_default();
    if separator == b';' && ends_with_entity(before) {
        return false;
    }
    if separator == b'&' && (before.contains(&b'?') || before.contains(&b'=')) && matched.contains(&b'=') {
        return false;
    }
    if separator == b'&' && is_query(context, before) {
        return false;
    }
    // The second backquote ends a substitution; what follows it is no command.
    let closes = memchr::memchr_iter(b'`', before).count() % 2 == 1;
    if separator == b'`' && (closes || before.ends_with(b"``") || is_markdown_code(context.value)) {
        return false;
    }
    if is_shown_block(context) {
        return false;
    }
    // `image/png;base64`: a parameter of a media type.
    if separator == b';' && matched.starts_with(b";base64") && names_a_media_type(before) {
        return false;
    }
    if matches!(separator, b'|' | b'`' | b'\n') && context.has_table_rule() {
        return false;
    }
    if separator == b'|' && (is_table_row(context.value) || is_between_bars(context, span.start)) {
        return false;
    }
    if is_scheduled(before) || names_a_title(context.after(span.start + 1)) {
        return false;
    }
    // Prose after a line break or semicolon: require more than one word of text that looks like a command.
    !(matches!(separator, b'\n' | b'\r') && before.contains(&b' ') && sentence_follows(context, span))
}

/// Whether a command is none that documentation shows: not in a code span of a text, not on a line that is a command from
/// its beginning (`sudo useradd bob; tail /etc/passwd`).
fn breaks_into_text(context: &Context<'_>, span: &Range<usize>) -> bool {
    const WORDS_OF_A_TEXT: usize = 4;
    if context.after(span.start).starts_with(b"`") {
        let outside = context.value.split(|b| *b == b'`').step_by(2);
        let words =
            outside.flat_map(|part| part.split(u8::is_ascii_whitespace)).filter(|word| word.len() > 1);
        return !context.is_in_code(span.start + 1) && words.count() < WORDS_OF_A_TEXT;
    }
    if context.after(span.start).starts_with(b"$(") || context.shape() != Shape::Document {
        return true;
    }
    let before = context.before(span.start);
    let line = before.rsplit(|b| matches!(b, b'\n' | b'`')).next().unwrap_or_default();
    !begins_with_a_command(line)
}

/// Whether a line begins with a program that manages a system, behind a prompt or not.
fn begins_with_a_command(line: &[u8]) -> bool {
    const PROGRAMS: [&[u8]; 22] = [
        b"adduser",
        b"apt",
        b"apt-get",
        b"cat",
        b"cd",
        b"chmod",
        b"chown",
        b"cp",
        b"docker",
        b"echo",
        b"getent",
        b"grep",
        b"groupadd",
        b"kubectl",
        b"ls",
        b"mkdir",
        b"passwd",
        b"ssh",
        b"su",
        b"sudo",
        b"useradd",
        b"usermod",
    ];
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"$ ").or_else(|| line.strip_prefix(b"# ")).unwrap_or(line);
    let program = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    PROGRAMS.contains(&program)
}

/// A fenced block of a body that names its language and shows an ordinary command, none that loads or runs something.
/// Blocks of more than three lines are documents anyway.
fn is_shown_block(context: &Context<'_>) -> bool {
    const ATTACKS: [&[u8]; 12] = [
        b"/etc/", b"/dev/", b"/proc/", b"/tmp/", b"whoami", b"base64", b"${", b"$(", b"$@", b"http", b"| sh",
        b"|sh",
    ];
    const RUNNERS: [&[u8]; 12] = [
        b"ash", b"bash", b"curl", b"dash", b"ksh", b"nc", b"ncat", b"perl", b"python", b"sh", b"wget", b"zsh",
    ];
    let text = context.value.trim_ascii();
    // The name of the language, which may be that of a program, is no command.
    let shown = text.get(3..).unwrap_or_default().trim_ascii_start();
    let language = shown.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let shown = shown.get(language..).unwrap_or_default();
    let mut words = shown.split(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'|' | b'&' | b'"'));
    text.starts_with(b"```")
        && text.get(3).is_some_and(u8::is_ascii_alphabetic)
        && context.is_fenced_block()
        && !ATTACKS.iter().any(|word| memchr::memmem::find(text, word).is_some())
        && !words.any(|word| {
            RUNNERS.contains(&word.trim_ascii_end())
                || word.starts_with(b"python")
                || word.starts_with(b"perl")
        })
        && !text.iter().any(|b| matches!(b, b';' | b'\''))
}

/// Whether a text ends in a type and a subtype.
fn names_a_media_type(text: &[u8]) -> bool {
    let last = text.rsplit(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'+' | b'.'))).next();
    let mut parts = last.unwrap_or_default().split(|b| *b == b'/');
    let word = |part: Option<&[u8]>| part.is_some_and(|p| p.first().is_some_and(u8::is_ascii_lowercase));
    word(parts.next()) && word(parts.next()) && parts.next().is_none()
}

/// `Learn it | Python Tutorial`: a name with a capital letter and a word behind it. No program is called that.
fn names_a_title(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let name = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let is_name = matches!(text, [a, b, ..] if a.is_ascii_uppercase() && b.is_ascii_lowercase());
    let Some((b' ', rest)) = text.get(name..).and_then(<[u8]>::split_first).map(|(b, rest)| (*b, rest))
    else {
        return false;
    };
    let word = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let end = rest.get(word).copied().unwrap_or(b' ');
    is_name && word > 0 && matches!(end, b' ' | b',' | b')' | b']' | b'!' | b'?' | b':' | b'|' | b'\n')
}

/// A row of a table has cells between bars on all sides.
fn is_table_row(value: &[u8]) -> bool {
    let row = value.trim_ascii();
    row.starts_with(b"|")
        && row.ends_with(b"|")
        && row.contains(&b' ')
        && memchr::memchr_iter(b'|', row).count() >= 3
}

/// `(|id| id.set(1))`, `O(|W| + |T|)`: the parameters of a closure, or a size in a formula.
fn is_between_bars(context: &Context<'_>, at: usize) -> bool {
    let opens = context.before(at).last().is_some_and(|b| matches!(b, b'(' | b'`' | b'=' | b','));
    let inner = context.after(at + 1);
    let name =
        inner.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b',' | b' ')).count();
    opens && inner.get(name) == Some(&b'|') && inner.get(name + 1).is_some_and(|b| matches!(b, b' ' | b')'))
}

/// A function that is defined in order to be run at once: one that calls itself twice, or a definition that a server
/// reads from its environment and that something follows. Program text defines functions all day.
fn defines_to_run(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default();
    let Some(open) = memchr::memchr(b'{', matched) else { return false };
    let name = matched.split(|b| *b == b'(').next().unwrap_or_default().trim_ascii();
    let body = matched.get(open + 1..).unwrap_or_default();
    let body = body.trim_ascii_start().strip_prefix(b"+").unwrap_or(body.trim_ascii_start());
    if name.is_empty() || name == b"'" || name == b"\"" || name == b":" {
        return context.shape() != Shape::Document
            || context.after(span.start + open + 1).trim_ascii_start().starts_with(b":");
    }
    body.starts_with(name)
}

/// A line of the log of a scheduler quotes its command whole.
fn is_scheduled(before: &[u8]) -> bool {
    memchr::memmem::find(before, b" CMD (").is_some() || memchr::memmem::find(before, b" COMMAND=").is_some()
}

/// A link or a form body: `a=1&id=2` holds parameters, not background commands.
fn is_query(context: &Context<'_>, before: &[u8]) -> bool {
    let next_is_assignment =
        context.after(before.len() + 1).iter().take(24).position(|b| *b == b'=').is_some();
    (before.contains(&b'=') || before.contains(&b'?')) && next_is_assignment
}

fn ends_with_entity(before: &[u8]) -> bool {
    let tail = before.get(before.len().saturating_sub(10)..).unwrap_or(before);
    let Some(at) = memchr::memrchr(b'&', tail) else { return false };
    let name = tail.get(at + 1..).unwrap_or_default();
    name.len() >= 2 && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'#')
}

/// Backquotes in running text are code spans: several words around, or several spans.
fn is_markdown_code(value: &[u8]) -> bool {
    // The marks of a fenced block are no spans.
    let unfenced: Vec<u8>;
    let value = if memchr::memmem::find(value, b"```").is_some() {
        unfenced = String::from_utf8_lossy(value).replace("```", "").into_bytes();
        &unfenced
    } else {
        value
    };
    let outside: usize = value
        .split(|b| *b == b'`')
        .step_by(2)
        .map(|part| part.split(|b| *b == b' ').filter(|w| w.len() > 1).count())
        .sum();
    // The end of a sentence: `git pull --rebase`.
    if value.ends_with(b"`.") || value.ends_with(b"`).") {
        return has_separate_spans(value);
    }
    // Scripts without blanks.
    let wide = value.split(|b| *b == b'`').step_by(2).flatten().filter(|b| !b.is_ascii()).count();
    if wide >= 12 {
        return true;
    }
    let list_item = matches!(
        value,
        [b'-' | b'*' | b'|' | b'>' | b'#', b' ', ..]
            | [b'#', b'#', ..]
            | [b'0'..=b'9', b'.' | b')', b' ', ..]
    );
    outside >= 4 || (list_item || outside >= 2) && has_separate_spans(value)
}

/// Whether every code span stands apart, as words do.
fn has_separate_spans(value: &[u8]) -> bool {
    let parts: Vec<&[u8]> = value.split(|b| *b == b'`').collect();
    let last = parts.len().saturating_sub(1);
    parts.len() >= 3
        && parts.len() % 2 == 1
        && parts.iter().step_by(2).enumerate().all(|(n, text)| {
            let opens = 2 * n == last
                || text.is_empty() && n == 0
                || text.ends_with(b" ")
                || text.ends_with(b"(")
                || text.ends_with(b"[");
            let closes = n == 0
                || text.is_empty()
                || text.first().is_some_and(|b| {
                    matches!(b, b' ' | b'.' | b',' | b')' | b']' | b':' | b';' | b'?' | b'!' | b'|' | b'\n')
                });
            opens && closes
        })
}

fn sentence_follows(context: &Context<'_>, span: &Range<usize>) -> bool {
    let tail = context.after(span.end);
    let words = tail.iter().take(120).filter(|b| **b == b' ').count();
    words >= 3 && !tail.iter().take(120).any(|b| matches!(b, b'/' | b'|' | b'>' | b'$'))
}

/// A value that begins with a command word is a command line unless it reads like a title or a sentence.
fn is_command_line(context: &Context<'_>, span: &Range<usize>) -> bool {
    let value = context.value;
    let first = value.get(span.start).copied().unwrap_or_default();
    // `More/less`, `Time: …`: titles begin with a capital letter; commands do not.
    if first.is_ascii_uppercase() && value.get(span.start + 1).is_some_and(u8::is_ascii_lowercase) {
        return false;
    }
    !value.contains(&b'<') || memchr::memmem::find(value, b"<<").is_some() || !value.contains(&b'>')
}

/// Substitutions that are not templates of other languages: `$(document)`, `${name}` in text, markdown code.
fn is_substitution(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default();
    if memchr::memchr(b'`', matched).is_some() {
        return !is_markdown_code(context.value) && backquoted_command(matched);
    }
    if matched.starts_with(b"$(") {
        let inner = matched.get(2..).unwrap_or_default();
        // jQuery: $(document), $('#id'), $(this); a shell runs none of these.
        return !(inner.starts_with(b"document")
            || inner.starts_with(b"this")
            || inner.starts_with(b"window")
            || inner.starts_with(b"function")
            // Macros of Rust and make: `$($x:ty),*`, `$(and $b:block)?`.
            || inner.starts_with(b"$") && !inner.starts_with(b"${")
            || matches_fragments(inner)
            // References of deployment manifests and build files: `$(IMAGE_TAG)`.
            || is_reference(inner)
            || inner.starts_with(b"'")
            || inner.starts_with(b"\""));
    }
    true
}

/// Whether a variable is declared as a fragment of program text: `$b:block`.
fn matches_fragments(inner: &[u8]) -> bool {
    const FRAGMENTS: [&[u8]; 10] =
        [b":block", b":expr", b":ident", b":item", b":literal", b":pat", b":path", b":tt", b":ty", b":vis"];
    inner.contains(&b'$') && FRAGMENTS.iter().any(|fragment| memchr::memmem::find(inner, fragment).is_some())
}

/// A name in capitals and the closing parenthesis; no program is called that.
fn is_reference(inner: &[u8]) -> bool {
    let name = inner.split(|b| *b == b')').next().unwrap_or_default();
    name.len() >= 2 && name.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

/// `profit = 0`, `break 'label;`: what documentation of program text quotes.
fn is_program_text(span: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"break ", b"const ", b"fn ", b"impl ", b"let ", b"pub ", b"return ", b"static ", b"struct ", b"use ",
    ];
    WORDS.iter().any(|word| span.starts_with(word))
        || memchr::memmem::find(span, b" = ").is_some()
        || memchr::memmem::find(span, b"::").is_some()
}

/// A path to what can be run, rather than a route, a network or a file of a project: `/bin/id`, `./x.sh`, `/tmp/x`.
fn names_a_program(span: &[u8]) -> bool {
    const FOLDERS: [&[u8]; 8] = [b"bin/", b"sbin/", b"/tmp/", b"./", b"/etc/", b"/proc/", b"/dev/", b"/var/"];
    FOLDERS.iter().any(|folder| memchr::memmem::find(span, folder).is_some())
        || span.iter().any(|b| matches!(b, b'?' | b'*' | b'$' | b'<' | b'>' | b'|' | b';'))
            && span.contains(&b'/')
}

fn backquoted_command(matched: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'`', matched) else { return false };
    let inner = matched.get(open + 1..).unwrap_or_default();
    // `POST _search`: a request of a manual, and no program has a capital letter.
    if inner.first().is_some_and(u8::is_ascii_uppercase) || is_program_text(inner) {
        return false;
    }
    let span = inner.split(|b| *b == b'`').next().unwrap_or_default();
    // `$ git checkout main` shows a prompt, `201 Created` a status.
    if span.starts_with(b"$ ") || span.first().is_some_and(u8::is_ascii_digit) && span.contains(&b' ') {
        return false;
    }
    inner.contains(&b' ') && (span.contains(&b' ') || names_a_program(span))
        || names_a_program(span)
        || inner.len() < 16 && inner.starts_with(b"id")
        || inner.starts_with(b"whoami")
        || inner.starts_with(b"ls")
        || inner.starts_with(b"uname")
}
