//! Server-side template injection: expressions of template engines that compute or reach into objects.
//!
//! Templates with plain names are data in many APIs (`Hello {{name}}`, `${order.id}`, Liquid and Handlebars mail
//! templates); only arithmetic probes and object internals are attacks.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Ssti,
    signatures: &[
        Signature {
            stamp: 27001,
            subtype: "ssti_probe",
            gate: &[
                "{$smarty", "{{", "${", "#{", "<%=", "@(", "*{", "{%", "{1", "{2", "{3", "{4", "{5", "{6",
                "{7", "{8", "{9", "#set", "[[${", "<%", "[=", "{@", "~{", "{=",
            ],
            needs: "",
            test: Test::Pattern(
                r"(?:\{\{|\$\{\{?|#\{|\*\{|@\(|\[\[\$\{|\{@|\{=)[\s]*\(?[\s]*(?:\d{1,9}|'\d{1,9}'|\x22\d{1,9}\x22)[\s]*[*+/-]{1,2}[\s]*(?:\d{1,9}|'\d{1,9}'|\x22\d{1,9}\x22)[\s]*\)?[\s]*[})\]]|<%=?[\s]*\d{1,9}[\s]*[*+/-][\s]*\d{1,9}[\s]*%>|\[=[\s]*\d+[\s]*\*[\s]*\d+\]|\{%-?[\s]*\d{1,9}[\s]*[*+-][\s]*\d{1,9}[\s]*-?%\}|^\{[\s]*\d{1,9}[\s]*\*[\s]*\d{1,9}[\s]*\}$|\$\{\{<%|\{\$smarty\b|\{\{[\s]*\d{1,9}[\s]*\|[\s]*\w{1,24}[\s]*:[\s]*\d|\{\{=[\s]*_\.|\$\{\w{1,24}\|\d{1,9}[\s]*[*+/-][\s]*\d{1,9}\}",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 27002,
            subtype: "ssti_object",
            gate: &["{{", "${", "#{", "{%", "<%", "[[", "{php", "{system", "{self"],
            needs: "",
            test: Test::Pattern(
                r"(?:\{\{|\{%|\$\{|#\{|<%|\[\[)[^}%\]]{0,200}(?:__class__|__mro__|__subclasses__|__globals__|__builtins__|__init__|\bself\._|\bconfig\.(?:items|from_|__|secret)|\brequest\.(?:application|environ|__|args|cookies|values)|\b_self\.env|registerundefinedfiltercallback|getfilter|\bcycler\.|\bjoiner\.|\bnamespace\.|lipsum|url_for\.|get_flashed_messages|freemarker\.template|\?new\(|getruntime|forname|getclass|java\.lang|\bclass\.(?:forname|inspect)|\$class\.|system\(|\bexec\(|\bpopen\b|\|[\s]*(?:filter|map|reduce|sort)\([\s]*['\x22](?:system|exec|passthru)|constructor|\bapp\.request|\bdump\(app|settings\.secret|php\b|file_excerpt|\bfile\.(?:open|read)|\bdir\.|\bio\.|%x|\|[\s]*attr\(|get_admin_log|\.get_username\b|root\.process|\|[\s]*system\b|phpinfo|\$smarty|\bglobal\.process|\brequire\(|#with|#ognl|@\w+(?:\.\w+)+@)|(?:\{\{|\{%).{0,200}?\|[\s]*(?:map|filter|sort|reduce)[\s]*\([\s]*['\x22](?:system|exec|passthru|shell_exec|popen|call_user_func|ini_set|ob_start|assert|file_put_contents)",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 27003,
            subtype: "ssti_statement",
            gate: &[
                "{%",
                "#set(",
                "#set (",
                "<#assign",
                "<%",
                "{{config",
                "{{ cycler",
                "{{cycler",
                "{{ lipsum",
                "{{lipsum",
                "{{ joiner",
                "{{joiner",
                "{{ url_for",
                "{{url_for",
                "{{namespace",
                "{{settings",
                "{{ settings",
                "{{ request",
                "{{ app",
                "{{app",
                "{% debug",
                "{%debug",
                "#foreach",
                "{{ .system",
                "{{.system",
                "{{ printf",
                "{{printf",
                "{{print ",
                "{{ print ",
                "{{println",
                "currentdomain",
                "root.process",
                "$out.",
                "{{self",
                "{{request",
                "{{'",
                "{{\"",
                "{{[",
                "{{(",
                "{php}",
                "{{ config",
                "{{ self",
                "{{ '",
                "{{ \"",
                "{{=",
                "${class",
                "<#",
                "{{ [",
                "{{ (",
                "{var ",
                "#include(",
                "#parse(",
                "#evaluate(",
                "$smarty.",
                "_self.",
                "+{",
                "$\\a{",
            ],
            needs: "",
            test: Test::Checked(
                r"#set[\s]*\([\s]*\$\w+[\s]*=|<#(?:assign|list|include)\b[^>]{0,100}|\{\{-?[\s]*(?:config|self|request|settings|app|_self|debug|_context|cycler|joiner|lipsum|namespace|url_for|get_flashed_messages)[\s]*(?:\}\}|\.|\[|\|)|\{\{=?[\s]*(?:'[^']{0,40}'|\x22[^\x22]{0,40}\x22|\[\]|\(\)|\[[^\]]{0,24}\]|\([^)]{0,24}\))[\s]*(?:[.|*+\[\]]|\}\})|\{%[\s]*debug[\s]*%\}|#foreach[\s]*\([\s]*\$\w+[\s]+in[\s]|\{\{[\s]*\.(?:system|exec|cmd)\b|\{\{[\s]*print(?:f|ln)?[\s]+\x22|@\(?appdomain\.currentdomain|\broot\.process\b|<%=?[\s]*(?:system|exec|`|file|dir|io|self|7|eval|require|%x|response|request|runtime|out\.|\d|import|(?:if|for|while)\b)|\{%-?[\s]*(?:if|elsif|elif)[\s]+(?:true|false|not[\s]+[\d('\x22]|\d+[\s]*[=<>*%])|\{var[\s]+\$\w+[\s]*=|#(?:include|parse|evaluate)\([\s]*[$\x22']|\$smarty\.\w|\b_self\.(?:gettemplatename|env)\b|['\x22][\s]*\+[\s]*\{[^{}\n]{1,200}\}[\s]*\+[\s]*['\x22]|\$\\+a\{\d+[\s]*\*",
                |context, span| !lists_options(context, span),
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        // In any text: the product of two numbers, and ways to the inside of an engine.
        Signature {
            stamp: 27005,
            subtype: "ssti_object",
            gate: &["{{", "<%=", "(lookup ", "$class.inspect"],
            needs: "",
            test: Test::Checked(
                r"\{\{[\s]*\(?\d{1,9}[\s]*\*[\s]*'?\d{1,9}'?[\s]*\)?[\s]*\}\}|<%=[\s]*\d{1,9}[\s]*\*[\s]*\d{1,9}[\s]*%>|\{\{[^{}]{0,80}(?:__globals__|__subclasses__|__mro__|\blipsum\.|\bcycler\.)|\(lookup[\s]+string\.sub[\s]+\x22constructor|\$class\.inspect\([\x22']java\.",
                // Documentation of templates shows them in code.
                |context, span| !context.is_in_code(span.start),
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 27004,
            subtype: "ssti_statement",
            gate: &["{%", "{{"],
            needs: "",
            test: Test::Checked(
                r"\{%-?[\s]*(?:if|for|set|include|import|extends|print|debug|exec|with|from|macro|raw|block|endif|endfor)\b.{0,200}(?:%\}|$)|^[\s]*\{\{[^{}|<>]{1,80}\([^{}<>]{0,60}\)[\s]*\}\}",
                |context, _| !is_plain_template(context.value),
            ),
            trust: Trust::Tight,
            places: Places::Query,
        },
    ],
};

/// A hole in a template that says what may stand there: `{{[-q|--quiet]}}`, `{{ [true | false] }}`.
fn lists_options(context: &Context<'_>, span: &Range<usize>) -> bool {
    let inner = context.after(span.start).strip_prefix(b"{{").map(<[u8]>::trim_ascii_start);
    let Some(inner) = inner.and_then(|inner| inner.strip_prefix(b"[")) else { return false };
    let Some(end) = memchr::memchr(b']', inner) else { return false };
    let (options, rest) = inner.split_at(end);
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b' ' | b'|' | b'.');
    rest.get(1..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"}}"))
        && options.iter().any(u8::is_ascii_alphabetic)
        && options.iter().all(word)
}

/// Conditions and loops over plain names, closed as they should be: `{% if user %}Hi {{ user.name }}{% endif %}`.
fn is_plain_template(value: &[u8]) -> bool {
    let plain = |b: &u8| !matches!(b, b'(' | b'*' | b'[' | b'\'' | b'"' | b'|' | b'=' | b'+' | b'<' | b'>');
    memchr::memmem::find(value, b"{% end").is_some()
        && memchr::memmem::find(value, b"__").is_none()
        && value.iter().all(plain)
}
