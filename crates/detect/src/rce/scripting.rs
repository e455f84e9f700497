//! Node.js, Python, Ruby and Perl: evaluated code in a short value.
//!
//! Benign look-alikes: source code (documents), prose naming `process.env`, GraphQL `@include`.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::place::Place;
use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Rce,
    signatures: &[
        Signature {
            stamp: 3401,
            subtype: "rce_node",
            gate: &[
                "__js_function",
                "require",
                "child_process",
                "process.",
                "module.",
                "console.",
                "global.",
                "_$$nd_func",
                "string.fromcharcode",
                "this.constructor",
                "mainmodule",
                "function",
                "eval",
                "proxy",
                "object.",
                "reflect",
                "resolved_model",
                "process[",
                "console[",
            ],
            needs: "([.=_",
            test: Test::Checked(
                r"\bchild_process\b|\brequire[\s]*(?:\([\s]*[\x22'`](?:child_process|fs|os|net|http|vm|util|process|node:)|\[|\.main\b|\([\s]*[\x22'`][^.\x22'`])|\bprocess\[\w|\bprocess[\s]*(?:\.|\[[\x22'`])[\s]*(?:mainmodule|binding|exit\b(?:[^.\w]|$)|env\b|kill|argv|cwd|open|dlopen|constructor|abort|chdir)|\bmodule[\s]*(?:\.|\[)[\s\x22'`]*(?:exports|constructor|children)[\s\x22'`\]]*(?:=|\.|\[)|\bglobal[\s]*\.[\s]*process|_\$\$nd_func\$\$_|__js_function|^function[\s]*\([^()]*\)[\s]*\{|\bconsole[\s]*(?:\.|\[[\s\x22'`]*)(?:debug|error|info|log|trace|warn|dir)[\s\x22'`\]]*(?:\.call)?[\s]*(?:\(|\[)|this[\s]*(?:\.|\[)[\s\x22'`]*constructor|\bmainmodule\b|(?:spawn|exec|fork|execfile)(?:sync)?[\s]*\([\s]*[\x22'`]|resolved_model",
                |context, span| {
                    !is_module_source(context.value) && !is_fenced(context, span) && !only_logs(context, span)
                },
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3402,
            subtype: "rce_node",
            gate: &["__proto__", "constructor", "prototype"],
            needs: "",
            test: Test::Pattern(
                r"__proto__|\bconstructor[\s]*(?:\.|\]?\[)[\s\x22'`]*prototype|\bprototype[\s]*(?:\.|\[)[\s\x22'`]*(?:__defin|constructor|polluted|isadmin)|^constructor$|object\.(?:prototype|assign|defineproperty)[\s]*[.(]",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3403,
            subtype: "rce_node",
            gate: &["while", "for("],
            needs: "(",
            test: Test::Pattern(
                r"\bwhile[\s]*\([\s\(!+-]*(?:true|false|this|infinity|string|object|undefined|null|nan|\d+|\x22\x22|''|``|\[\]|\{\}|new[\s]+date|[\x22'`][^)]{0,12}[\x22'`])[\s\)]*\)?|for[\s]*\([\s]*;[\s]*;[\s]*\)",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 3410,
            subtype: "rce_python",
            gate: &[
                "__import__",
                "os.system",
                "os.popen",
                "subprocess",
                "__class__",
                "__globals__",
                "__builtins__",
                "__subclasses__",
                "exec(",
                "eval(",
                "compile(",
                "import os",
                "pty.spawn",
                "commands.getoutput",
                "importlib",
                "open(",
                "popen(",
            ],
            needs: "(._ ",
            test: Test::Checked(
                r"__import__[\s]*\(|\bos[\s]*\.[\s]*(?:system|popen|exec[lv]?p?e?|spawn\w*|remove|environ)\b|\bsubprocess[\s]*\.[\s]*(?:popen|call|run|check_\w+|getoutput)|__(?:globals|builtins|subclasses|mro|bases?)__|\.popen[\s]*\([\s]*[\x22']|\b(?:request|config|self|session|app|g)\.__class__|(?:['\x22)\]}%]|attr\([\s]*['\x22]|\|[\s]*)\.?__class__|__class__['\x22\]]*\)?\.?\[?\(?['\x22]?__(?:init|dict|getattribute|name)__?['\x22]?[\].)]{0,2}\.?\[?__|__init__['\x22\]]*[.\[]['\x22]?__|\bimport[\s]+(?:os|subprocess|socket|pty)[\s]*(?:[;,\n%]|as\b)|\bpty\.spawn|commands\.getoutput|importlib\.import_module|\b(?:exec|eval|compile)[\s]*\([\s]*[\x22'(\w]|\bopen[\s]*\([\s]*[\x22'](?:/?(?:etc|proc|flag|\.\.)|\|)",
                |context, span| !calls_a_method(context, span),
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 3411,
            subtype: "rce_python",
            gate: &["__subclasses__", "__globals__", "__import__", "__builtins__"],
            needs: "",
            test: Test::Pattern(
                r"__class__.{0,80}__(?:mro|base|bases|subclasses)__|__globals__.{0,60}(?:os|popen|builtins)|__import__[\s]*\([\s]*['\x22]os['\x22][\s]*\)[\s]*\.[\s]*(?:system|popen)",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 3420,
            subtype: "rce_ruby",
            gate: &[
                "kernel",
                "process.",
                "io.popen",
                "%x",
                "open3",
                "instance_eval",
                "class_eval",
                "constantize",
                "erb.new",
                "send(",
                "yaml.load",
                "marshal",
                "object.const",
                "file.read",
                "file.open",
                "dir.",
                "system(",
                "system.shell",
                "system.cmd",
            ],
            needs: "(._%:`",
            test: Test::Pattern(
                r"\bkernel[\s]*\.[\s]*(?:system|exec|exit|open|eval|spawn|fork|send|\x60)|\bprocess[\s]*\.[\s]*(?:spawn|exec|daemon|fork|kill|clock_gettime|getpgid)\b|\bio[\s]*\.[\s]*(?:popen|sysopen|read|binread)\b|%x[\[({<|/'][^\])}>]{1,60}[\])}>|/']|\bopen3\.(?:capture|popen|pipeline)\w*|\bsystem\.(?:shell|cmd)[\s]*\(|\.(?:instance|class|module)_eval\b|\.constantize\b|\.safe_constantize|erb\.new[\s]*\(|\.send[\s]*\([\s]*:?[\x22']?(?:system|eval|exec)|object\.const_get|marshal\.load|\bfile[\s]*\.[\s]*(?:read|open|write|readlines|delete|chmod)[\s]*\(|\bdir[\s]*\.[\s]*(?:glob|entries|children|pwd|foreach)\b",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 3430,
            subtype: "rce_perl",
            gate: &["@{", "@ {", "@{["],
            needs: "",
            test: Test::Pattern(r"@\{[\s]*\[[^\]]{1,120}\]?[^}]{0,60}\}|@\{[\s]*\[[\s]*\w+"),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 3440,
            subtype: "rce_spreadsheet",
            gate: &[
                "|'",
                "| '",
                "dde(",
                "\"&",
                "webservice",
                "importxml",
                "importdata",
                "importhtml",
                "importfeed",
            ],
            needs: "",
            test: Test::Pattern(
                r"^[\s'\x22]*[=+@-].{0,80}?(?:cmd|powershell|mshta|rundll32|msexcel|calc|\w{1,12})[\s]*\|[\s]*'[^']{1,120}'![\x22'\s]*[a-z\d]|\bdde[\s]*\([\s]*\x22|^[\s'\x22]*[=+@-][\s]*(?:hyperlink|webservice|importxml|importdata|importhtml|importfeed|image)[\s]*\(.{0,24}https?://[^\x22]{0,120}\x22[\s]*&|^[\s\x27\x22]*[=+@-][\s]*(?:webservice|importxml|importdata|importhtml|importfeed)[\s]*\([\s]*(?:\w{1,16}\([\s]*)?\x22https?://",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 3442,
            subtype: "rce_latex",
            gate: &[
                "\\write18",
                "\\newread",
                "\\newwrite",
                "\\openin",
                "\\openout",
                "\\lstinputlisting",
                "\\verbatiminput",
                "\\input",
                "\\include",
                "\\read",
            ],
            needs: "",
            test: Test::Pattern(
                r"\\(?:immediate[\s]*\\write18|write18[\s]*\{|(?:input|include)[\s]*(?:\{[\s]*[\x22']?)?(?:[/|~]|\.\./)|new(?:read|write)[\s]*\\|open(?:in|out)[\s]*(?:\\|\d)|read[\s]*(?:\\\w+|\d+)[\s]+to[\s]*\\|lstinputlisting[\s]*\{|verbatiminput[\s]*\{)",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 3441,
            subtype: "rce_coldfusion",
            gate: &["<cf"],
            needs: "",
            test: Test::Pattern(
                r"<cf(?:execute|file|invoke|include|query|script|output|object|http|directory|registry)\b",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
    ],
};

/// A line of program text that somebody posts: it begins as modules do and reaches for nothing of the system.
fn is_module_source(value: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 16] = [
        b"module.exports",
        b"if (process.env.NODE_ENV",
        b"process.env.NODE_ENV",
        b"exports.",
        b"const ",
        b"let ",
        b"var ",
        b"import ",
        b"export ",
        b"'use strict'",
        b"\"use strict\"",
        b"//",
        b"/*",
        b"async function ",
        b"function ",
        b"#!",
    ];
    let text = value.trim_ascii_start();
    BEGINNINGS.iter().any(|word| text.starts_with(word))
        && !text.starts_with(b"function(")
        && !reaches_system(value)
}

/// Whether program text starts programs, evaluates text or reads files.
fn reaches_system(value: &[u8]) -> bool {
    const SYSTEM: [&[u8]; 12] = [
        b"child_process",
        b"mainModule",
        b"process.b",
        b"process[",
        b"/etc/",
        b"readFile",
        b"exec(",
        b"spawn",
        b"eval(",
        b"__proto__",
        b"constructor",
        b"readdir",
    ];
    SYSTEM.iter().any(|word| memchr::memmem::find(value, word).is_some())
}

/// Program text in a body that prints: an attack prints what it is after.
fn only_logs(context: &Context<'_>, span: &Range<usize>) -> bool {
    const SECRETS: [&[u8]; 7] = [b"require", b"import(", b"global", b"process", b"this.", b"flag", b"secret"];
    let value = context.value;
    matches!(context.place, Place::BodyValue | Place::FileContent)
        && context.after(span.start).starts_with(b"console.")
        && value.len() > 24
        && !reaches_system(value)
        && !SECRETS.iter().any(|word| memchr::memmem::find(value, word).is_some())
        && !matches!(value.first(), Some(b'\'' | b'"' | b';' | b')' | b'}' | b'`'))
}

/// Whether a match stands in the fenced block that a text of a body begins with: a line that opens it, lines of code, and
/// a line that closes it.
fn is_fenced(context: &Context<'_>, span: &Range<usize>) -> bool {
    let value = context.value;
    if !matches!(context.place, Place::BodyValue | Place::FileContent) || !value.starts_with(b"```") {
        return false;
    }
    let Some(line) = memchr::memchr(b'\n', value) else { return false };
    let opens = value.get(3..line).is_some_and(|info| {
        info.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'#' | b' ' | b'\r'))
    });
    let end = value.get(line..).and_then(|code| memchr::memmem::find(code, b"\n```")).map(|end| line + end);
    opens && end.is_some_and(|end| line < span.start && span.end <= end) && !reaches_system(value)
}

/// `re.exec(text)`, `re.compile(pattern)`: the method of an object, given a name and no program.
fn calls_a_method(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default();
    let is_method = [&b"exec"[..], b"compile"].iter().any(|name| matched.starts_with(name));
    let is_quoted = matched.last().is_some_and(|b| matches!(b, b'\'' | b'"'));
    is_method && !is_quoted && context.before(span.start).ends_with(b".")
}
