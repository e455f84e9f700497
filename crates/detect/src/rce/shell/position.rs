//! Whether a match stands where a shell would run it: behind a separator, in a substitution, at the beginning.

use std::ops::Range;

use crate::rce::shell::shown::{
    is_between_bars, is_markdown_code, is_ordinary, is_shown_block, is_shown_span, is_table_row,
    names_a_media_type, names_a_title,
};
use crate::shape::{Context, Shape};

/// A separator in command position: not an HTML entity (`&amp; cat`), not a user agent's comment, not a
/// sentence that goes on after a semicolon.
pub(super) fn separated(context: &Context<'_>, span: &Range<usize>) -> bool {
    let Some(&separator) = context.value.get(span.start) else { return false };
    let before = context.before(span.start);
    let matched = context.value.get(span.clone()).unwrap_or_default();
    if separator == b';' && (ends_with_entity(before) || begins_a_remark(context, span.start)) {
        return false;
    }
    if separator == b'&' && (before.contains(&b'?') || before.contains(&b'=')) && matched.contains(&b'=') {
        return false;
    }
    if separator == b'&' && is_query(context, before) {
        return false;
    }
    // `50 % off & more`: the end of a title.
    if separator == b'&' && before.ends_with(b" ") && context.after(span.start).trim_ascii() == b"& more" {
        return false;
    }
    if separator == b'$' && is_told_to_run(context, before) {
        return false;
    }
    // The line that opens a block; a command that documentation shows in one is no attack, closed or not.
    if let Some(shown) = matched.strip_prefix(b"```") {
        let language = shown.iter().take_while(|b| !matches!(b, b'\r' | b'\n')).count();
        return !is_ordinary(context.after(span.start + 3 + language));
    }
    // The second backquote ends a substitution; what follows it is no command.
    let closes = memchr::memchr_iter(b'`', before).count() % 2 == 1;
    if separator == b'`' && (closes || before.ends_with(b"``") || is_markdown_code(context.value)) {
        return false;
    }
    if is_shown_block(context) || is_shown_span(context) {
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

/// `VERSION=$(curl …)`, `sh -c "$(curl …)"` in a sentence: what documentation tells people to run.
fn is_told_to_run(context: &Context<'_>, before: &[u8]) -> bool {
    let name = before.strip_suffix(b"=").unwrap_or_default();
    let letters = name.iter().rev().take_while(|b| b.is_ascii_uppercase() || **b == b'_').count();
    let is_assigned =
        letters > 1 && name.len().checked_sub(letters + 1).is_some_and(|at| name.get(at) == Some(&b' '));
    let runs = [&b" sh -c \""[..], b"`sh -c \"", b" bash -c \"", b"`bash -c \""];
    context.shape() == Shape::Prose && (is_assigned || runs.iter().any(|end| before.ends_with(end)))
}

/// Whether a command is none that documentation shows: not in a code span of a text, not on a line that is a command from
/// its beginning (`sudo useradd bob; tail /etc/passwd`).
pub(super) fn breaks_into_text(context: &Context<'_>, span: &Range<usize>) -> bool {
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

/// Whether a command of a document follows what is neither a command nor program text: the beginning of the value, or words on
/// its line. Pages of commands and scripts write them in code, on lines of their own and behind other commands.
pub(super) fn breaks_into_words(context: &Context<'_>, span: &Range<usize>) -> bool {
    // A substitution is written into sentences, too, as the value of a variable or an argument.
    let is_substitution = context.after(span.start).starts_with(b"$(");
    if context.shape() != Shape::Document && (!is_substitution || is_markdown_code(context.value)) {
        return !is_markdown_code(context.value);
    }
    let before = context.before(span.start);
    if before.trim_ascii().is_empty() {
        return true;
    }
    let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let (lines, line) = before.split_at(start);
    // The line of a list, of a prompt, of a script: `- run: npm ci; curl …`, `$ cd x; wget …`.
    let is_indented = start > 0 && (line.starts_with(b"  ") || line.starts_with(b"\t"));
    let goes_on = matches!(lines.trim_ascii_end().last(), Some(b'\\' | b'|' | b'&' | b'{'));
    if is_indented || context.is_in_code(span.start) {
        return false;
    }
    if line.trim_ascii().is_empty() {
        return !goes_on;
    }
    // Comments are words, too.
    let text = String::from_utf8_lossy(line).replace("/*", "").replace("*/", "");
    let word = |c: char| c.is_alphanumeric() || !c.is_ascii() || " .,!?'\"_-#".contains(c);
    let is_option = |word: &str| word.starts_with('-') && word.contains(|c: char| c.is_ascii_alphabetic());
    let first = text.split_whitespace().next().unwrap_or_default();
    text.chars().all(word)
        && !SHELL_WORDS.contains(&first)
        && !text.split(' ').any(is_option)
        && !begins_with_a_command(line)
}

/// Programs and words of the shell with which lines of scripts begin.
const SHELL_WORDS: [&str; 48] = [
    "-", "RUN", "apk", "bash", "brew", "bundle", "cargo", "cmake", "composer", "conda", "curl", "dnf", "do",
    "done", "else", "eval", "export", "false", "fi", "for", "gem", "git", "go", "gunzip", "if", "make", "mv",
    "nohup", "npm", "npx", "pip", "pip3", "pnpm", "python", "python3", "rm", "set", "sh", "sleep", "source",
    "tar", "then", "true", "unzip", "wget", "while", "yarn", "yum",
];

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

/// `;; read`, on a line of its own in text of several lines: the remark of a Lisp.
fn begins_a_remark(context: &Context<'_>, at: usize) -> bool {
    let line = context.before(at).rsplit(|b| *b == b'\n').next().unwrap_or_default();
    context.value.contains(&b'\n')
        && line.iter().all(|b| *b == b';')
        && (context.after(at).starts_with(b";; ") || !line.is_empty() && context.after(at).starts_with(b"; "))
}

/// A function that is defined in order to be run at once: one that calls itself twice, or a definition that a server
/// reads from its environment and that something follows. Program text defines functions all day.
pub(super) fn defines_to_run(context: &Context<'_>, span: &Range<usize>) -> bool {
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
pub(super) fn is_scheduled(before: &[u8]) -> bool {
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

fn sentence_follows(context: &Context<'_>, span: &Range<usize>) -> bool {
    let tail = context.after(span.end);
    let words = tail.iter().take(120).filter(|b| **b == b' ').count();
    words >= 3 && !tail.iter().take(120).any(|b| matches!(b, b'/' | b'|' | b'>' | b'$'))
}

/// A value that begins with a command word is a command line unless it reads like a title or a sentence.
pub(super) fn is_command_line(context: &Context<'_>, span: &Range<usize>) -> bool {
    let value = context.value;
    let first = value.get(span.start).copied().unwrap_or_default();
    // `More/less`, `Time: …`: titles begin with a capital letter; commands do not.
    if first.is_ascii_uppercase() && value.get(span.start + 1).is_some_and(u8::is_ascii_lowercase) {
        return false;
    }
    !value.contains(&b'<') || memchr::memmem::find(value, b"<<").is_some() || !value.contains(&b'>')
}

/// Substitutions that are not templates of other languages: `$(document)`, `${name}` in text, markdown code.
pub(super) fn is_substitution(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default();
    if memchr::memchr(b'`', matched).is_some() {
        return !is_markdown_code(context.value) && !is_shown_span(context) && backquoted_command(matched);
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
            || calls_make(inner)
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

/// A function of make, none of whose names is a program: `$(call run,$1)`.
fn calls_make(inner: &[u8]) -> bool {
    const FUNCTIONS: [&[u8]; 14] = [
        b"addprefix",
        b"addsuffix",
        b"call",
        b"filter",
        b"filter-out",
        b"firstword",
        b"foreach",
        b"lastword",
        b"notdir",
        b"patsubst",
        b"subst",
        b"wildcard",
        b"word",
        b"words",
    ];
    inner.split(|b| *b == b' ').next().is_some_and(|name| FUNCTIONS.contains(&name)) && inner.contains(&b',')
        || inner.starts_with(b"wildcard ")
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
