//! How text shows a command without running it: code of markdown, tables, titles.

use crate::place::Place;
use crate::shape::Context;

/// A fenced block of a body that shows an ordinary command, none that loads or runs something. Blocks of more than three
/// lines are documents anyway.
pub(super) fn is_shown_block(context: &Context<'_>) -> bool {
    /// Languages in which a semicolon and a quote say nothing about a shell.
    const PROGRAMS: [&[u8]; 16] = [
        b"c",
        b"cpp",
        b"css",
        b"dart",
        b"go",
        b"java",
        b"javascript",
        b"js",
        b"json",
        b"jsx",
        b"kotlin",
        b"rust",
        b"swift",
        b"ts",
        b"tsx",
        b"typescript",
    ];
    let text = context.value.trim_ascii();
    // The name of the language, which may be that of a program, is no command.
    let shown = text.get(3..).unwrap_or_default();
    let language = shown.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let (language, shown) = shown.split_at(language);
    let is_shell = !PROGRAMS.contains(&language);
    text.starts_with(b"```")
        && context.is_fenced_block()
        && is_ordinary(shown)
        && !(is_shell && shown.iter().any(|b| matches!(b, b';' | b'\'')))
}

/// A code span that is the whole value of a body and shows an ordinary command: `kubectl logs {{pod}}`.
pub(super) fn is_shown_span(context: &Context<'_>) -> bool {
    let inner = context.value.trim_ascii().strip_prefix(b"`").and_then(|text| text.strip_suffix(b"`"));
    let Some(inner) = inner else { return false };
    let program = inner.iter().take_while(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_')).count();
    matches!(context.place, Place::BodyValue | Place::FileContent)
        && inner.len() <= LONGEST_SPAN
        && program >= 2
        && inner.get(program) == Some(&b' ')
        && (has_holes(inner) || is_ordinary_line(inner))
}

/// Whether a command is the pattern of one: it has holes that a reader fills (`{{path/to/file}}`), and nothing that a shell
/// would load or run without them.
fn has_holes(shown: &[u8]) -> bool {
    let is_hole = |part: &[u8]| {
        let name = memchr::memmem::find(part, b"}}").and_then(|end| part.get(..end)).unwrap_or_default();
        !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b" _-./|[]:,*@=".contains(b))
    };
    let holes = memchr::memmem::find_iter(shown, b"{{");
    let mut holes = holes.map(|at| shown.get(at + 2..).unwrap_or_default()).peekable();
    let redirects = memchr::memchr2_iter(b'<', b'>', shown);
    let mut targets = redirects.map(|at| shown.get(at + 1..).unwrap_or_default().trim_ascii_start());
    holes.peek().is_some()
        && holes.all(is_hole)
        && targets.all(|target| target.starts_with(b"{{") || target.starts_with(b">"))
        && !splits_words(shown)
        && is_harmless_line(shown)
}

fn is_ordinary_line(inner: &[u8]) -> bool {
    !inner.iter().any(|b| matches!(b, b'\'' | b'<' | b'>')) && !splits_words(inner) && is_harmless_line(inner)
}

/// Whether the line of a code span names no program that loads, sends, changes or runs something, and no host.
fn is_harmless_line(line: &[u8]) -> bool {
    if line.iter().any(|b| matches!(b, b'`' | b';' | b'$' | b'\\' | b'\n' | b'\r')) || !is_free_of_signs(line)
    {
        return false;
    }
    // Nothing in a hole stands alone, unless a bar or comma makes words of it.
    let mut outside = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = memchr::memmem::find(rest, b"{{") {
        let (before, hole) = rest.split_at(open);
        let end = memchr::memmem::find(hole, b"}}").map_or(hole.len(), |end| end + 2);
        let (hole, after) = hole.split_at(end);
        outside.extend_from_slice(before);
        outside.extend_from_slice(if hole.iter().any(|b| matches!(b, b'|' | b',')) { hole } else { b"{}" });
        rest = after;
    }
    outside.extend_from_slice(rest);
    let mut words = outside.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty()).peekable();
    let mut parts = outside.split(|b| b.is_ascii_whitespace() || b"/|&\"'(){}[],=:!".contains(b)).peekable();
    // `kubectl logs` reads, and no other order of that program is shown.
    if words.peek() == Some(&&b"kubectl"[..]) {
        words.next();
        if words.next() != Some(b"logs") {
            return false;
        }
        parts.next();
    }
    !outside.split(|b| b.is_ascii_whitespace()).any(names_a_host) && !parts.any(is_program_that_acts)
}

/// `c""at`, `"c"at`: quotes inside a word.
fn splits_words(line: &[u8]) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'"' | b'\'');
    line.windows(3).any(|w| matches!(w, [a, b'"' | b'\'', b] if is_inner(*a) && is_inner(*b)))
}

/// `u@h.example`, `h.example:`, `host:/path`, `host::module`, `ftp://host`.
fn names_a_host(word: &[u8]) -> bool {
    let at = memchr::memchr(b'@', word).is_some_and(|at| at > 0);
    let colon = memchr::memchr(b':', word).is_some_and(|colon| {
        let (host, rest) = word.split_at(colon);
        host.contains(&b'.') || matches!(rest, [_] | [_, b'/' | b'.' | b'~' | b':', ..])
    });
    at || colon
}

/// Whether the word is a program of attacks, an interpreter, or one that moves data or runs other programs.
fn is_program_that_acts(word: &[u8]) -> bool {
    const PROGRAMS: [&[u8]; 94] = [
        b"apt",
        b"aria2c",
        b"at",
        b"awk",
        b"aws",
        b"axel",
        b"batch",
        b"bun",
        b"bunx",
        b"cc",
        b"chroot",
        b"clang",
        b"cpulimit",
        b"crontab",
        b"csh",
        b"deno",
        b"doas",
        b"docker",
        b"ed",
        b"emacs",
        b"expect",
        b"fetch",
        b"fish",
        b"gawk",
        b"gcc",
        b"gdb",
        b"git",
        b"groovy",
        b"ionice",
        b"irb",
        b"java",
        b"jrunscript",
        b"jshell",
        b"julia",
        b"kubectl",
        b"lftp",
        b"ln",
        b"lua",
        b"luajit",
        b"lynx",
        b"mawk",
        b"mkfifo",
        b"mount",
        b"mysql",
        b"mysqldump",
        b"nawk",
        b"ncftp",
        b"netcat",
        b"nice",
        b"nmap",
        b"node",
        b"nodejs",
        b"nohup",
        b"nsenter",
        b"openssl",
        b"osascript",
        b"passwd",
        b"php",
        b"pkill",
        b"podman",
        b"powershell",
        b"psql",
        b"pwsh",
        b"pypy",
        b"rclone",
        b"rsync",
        b"ruby",
        b"scp",
        b"screen",
        b"setsid",
        b"sftp",
        b"shred",
        b"smbclient",
        b"source",
        b"sqlite",
        b"ssh",
        b"strace",
        b"su",
        b"sudo",
        b"systemctl",
        b"tar",
        b"tclsh",
        b"tcsh",
        b"tee",
        b"tftp",
        b"timeout",
        b"tmux",
        b"truncate",
        b"useradd",
        b"vi",
        b"vim",
        b"wish",
        b"xargs",
        b"zip",
    ];
    let word = word.split(|b| *b == b'.').next().unwrap_or_default();
    let version = word.iter().rev().take_while(|b| b.is_ascii_digit() || matches!(b, b'-' | b'_')).count();
    let name = word.get(..word.len() - version).unwrap_or_default().to_ascii_lowercase();
    let word = word.to_ascii_lowercase();
    [name, word].iter().any(|name| PROGRAMS.contains(&name.as_slice()) || is_runner(name))
}

/// Longer ones are no command that a page shows.
const LONGEST_SPAN: usize = 300;

/// Whether a command that a text shows is none of those that attacks are made of: nothing that loads, runs, waits or looks
/// at the system.
pub(super) fn is_ordinary(shown: &[u8]) -> bool {
    let mut words = shown.split(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'|' | b'&' | b'"' | b'('));
    is_free_of_signs(shown) && !words.any(is_runner)
}

/// Whether a command has none of the paths and signs that attacks have.
fn is_free_of_signs(shown: &[u8]) -> bool {
    const ATTACKS: [&[u8]; 12] = [
        b"/etc/", b"/dev/", b"/proc/", b"/tmp/", b"whoami", b"base64", b"${", b"$(", b"$@", b"http", b"| sh",
        b"|sh",
    ];
    !ATTACKS.iter().any(|word| memchr::memmem::find(shown, word).is_some())
}

/// Whether the word is a program that attacks run.
fn is_runner(word: &[u8]) -> bool {
    const RUNNERS: [&[u8]; 62] = [
        b"arp",
        b"ash",
        b"awk",
        b"bash",
        b"busybox",
        b"cat",
        b"chmod",
        b"chown",
        b"cmd",
        b"cp",
        b"curl",
        b"dash",
        b"dd",
        b"df",
        b"dig",
        b"dir",
        b"echo",
        b"env",
        b"eval",
        b"exec",
        b"find",
        b"ftp",
        b"head",
        b"host",
        b"hostname",
        b"id",
        b"ifconfig",
        b"ipconfig",
        b"kill",
        b"ksh",
        b"last",
        b"less",
        b"ls",
        b"mail",
        b"more",
        b"mv",
        b"nc",
        b"ncat",
        b"netstat",
        b"nslookup",
        b"od",
        b"ping",
        b"printenv",
        b"printf",
        b"ps",
        b"pwd",
        b"reboot",
        b"rm",
        b"sed",
        b"set",
        b"sh",
        b"shutdown",
        b"sleep",
        b"socat",
        b"tail",
        b"telnet",
        b"touch",
        b"uname",
        b"users",
        b"wget",
        b"xxd",
        b"zsh",
    ];
    let word = word.strip_suffix(b"\\").unwrap_or(word);
    RUNNERS.binary_search(&word).is_ok() || word.starts_with(b"python") || word.starts_with(b"perl")
}

/// Whether a text ends in a type and a subtype.
pub(super) fn names_a_media_type(text: &[u8]) -> bool {
    let last = text.rsplit(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'+' | b'.'))).next();
    let mut parts = last.unwrap_or_default().split(|b| *b == b'/');
    let word = |part: Option<&[u8]>| part.is_some_and(|p| p.first().is_some_and(u8::is_ascii_lowercase));
    word(parts.next()) && word(parts.next()) && parts.next().is_none()
}

/// `Learn it | Python Tutorial`: a name with a capital letter and a word behind it. No program is called that.
pub(super) fn names_a_title(text: &[u8]) -> bool {
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
pub(super) fn is_table_row(value: &[u8]) -> bool {
    let row = value.trim_ascii();
    row.starts_with(b"|")
        && row.ends_with(b"|")
        && row.contains(&b' ')
        && memchr::memchr_iter(b'|', row).count() >= 3
}

/// `(|id| id.set(1))`, `each do |id|`, `O(|W| + |T|)`: the parameters of a closure or block, or a size in a formula.
pub(super) fn is_between_bars(context: &Context<'_>, at: usize) -> bool {
    let before = context.before(at);
    let is_block = before.ends_with(b" do ") || before.ends_with(b" { ");
    let opens = before.last().is_some_and(|b| matches!(b, b'(' | b'`' | b'=' | b','));
    let inner = context.after(at + 1);
    let name =
        inner.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b',' | b' ')).count();
    let after = inner.get(name + 1);
    inner.get(name) == Some(&b'|')
        && (opens && after.is_some_and(|b| matches!(b, b' ' | b')'))
            || is_block && after.is_none_or(|b| matches!(b, b' ' | b'\n' | b'\r')))
}

/// Backquotes in running text are code spans: several words around, or several spans.
pub(super) fn is_markdown_code(value: &[u8]) -> bool {
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
