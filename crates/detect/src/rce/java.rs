//! Java: JNDI look-ups, expression languages, classes that reach the operating system.
//!
//! Benign look-alikes: stack traces and source code (documents), package names in prose, `${name}` templates.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Rce,
    signatures: &[
        Signature {
            stamp: 3301,
            subtype: "rce_log4shell",
            gate: &["${", "$%7b", "jndi", "&dollar;", "&lcub;", "\\u0024", "%24{"],
            needs: "",
            test: Test::Pattern(
                r"\$(?:\{|&lcub;|&#0*123;|%7b|\\u007b)[^}]{0,40}\bj(?:\$?\{[^}]*\}|[^\w]?)*n(?:\$?\{[^}]*\}|[^\w]?)*d(?:\$?\{[^}]*\}|[^\w]?)*(?:i|\xc4\xb1)|jndi[\s]*:[\s]*(?:ldaps?|rmi|dns|iiop|nis|nds|corba|https?|\$)|\$\{(?:(?:lower|upper|env|sys|date|main|ctx|bundle|java|marker|base64|docker|k8s|kubernetes|log4j|spring|sd|event|web):[^}]{0,60}|:{1,2}-?[^}]{0,10})\}?[^{]{0,20}\$?\{?|(?:\$|&dollar;|&#36;|\\u0024|\\x24|\\44)(?:\{|&lcub;|&lbrace;|&#123;|\\u007b|\\x7b|\\173)[^}]{0,80}(?:jndi|ctx:|\$)|(?:\$\{[^}]{0,24}){2,}:-?[a-z]",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 3302,
            subtype: "rce_log4shell",
            gate: &["jndi"],
            needs: "",
            test: Test::Pattern(r"\$\{[^}]{0,24}jndi[\s]*:"),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 3310,
            subtype: "rce_java",
            gate: &[
                "org.omg",
                "java.",
                "javax.",
                "runtime",
                "processbuilder",
                "ognl",
                "xwork",
                "com.sun.",
                "org.apache.",
                "com.opensymphony",
                "groovy.",
                "org.springframework",
                "jdk.",
                "sun.",
                "freemarker.",
                "bsh.",
                "clojure.",
                "ysoserial",
                "javassist",
                "springframework",
                "classloader",
                "class.module",
                "class['",
                "memberaccess",
                "#context",
                "getclass",
                "forname",
                "@java",
                "scriptengine",
                ".execute()",
            ],
            needs: ".(@#['",
            test: Test::Checked(
                r"\bjava(?:x)?\.(?:lang|io|util|net|nio|rmi|beans|security|script|naming|el|management|sql|faces|servlet)\.\w+|\bjava\.(?:\w{1,40}\.)?(?:runtime|processbuilder|lang\b|io\b)|\.execute\(\)\.text\b|^[\x22'][^\x22']{1,80}[\x22']\.execute\(\)|\b(?:com\.(?:opensymphony|sun\.(?:org|rowset|jndi|syndication)|alibaba\.fastjson|mchange|ibatis|atomikos)|org\.(?:apache\.(?:struts|commons\b|xalan|xbean|velocity|tomcat\.(?:util|dbcp)|catalina|wicket|shiro|ibatis|el|myfaces|synapse)|omg\.corba|springframework|codehaus\.groovy|hibernate\.(?:engine|tuple)|jboss\.(?:interceptor|util|weld|resteasy)|python\.core|mozilla\.javascript|yaml\.snakeyaml|aspectj)|jdk\.(?:nashorn|internal)|sun\.(?:reflect|misc|rmi)|groovy\.(?:lang|util)|freemarker\.template|bsh\.interpreter|clojure\.(?:core|lang)|javassist\.)[\w.$]*|\bysoserial\b|[#@(]_?memberaccess|#context\b|xwork2?\.|@ognl|(?:^|[^\w])class(?:\.|\[['\x22])(?:module|classloader|protectiondomain)|\.getclass\(\)|\.forname[\s]*\(|getruntime[\s]*\(|\bruntime[\s]*\.[\s]*(?:getruntime|exec)|new[\s]+processbuilder",
                |context, span| !names_an_exception(context, span) && !only_imports(context.value),
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3311,
            subtype: "rce_java",
            gate: &[
                "runtime",
                "processbuilder",
                "unmarshaller",
                "base64data",
                "xmldecoder",
                "objectinputstream",
            ],
            needs: "",
            test: Test::Pattern(
                r"\b(?:runtime|processbuilder)\b.{0,80}?(?:clonetransformer|forclosure|instantiatefactory|instantiatetransformer|invokertransformer|prototypeclonefactory|prototypeserializationfactory|whileclosure|getproperty|filewriter|xmldecoder|evil|\.exec\b|\.start\(|getruntime)|\b(?:unmarshaller|base64data|xmldecoder)\b.{0,40}?(?:java|\b)(?:clonetransformer|\.|$)|java\.runtime\b|\bprocessbuilder[\s]*(?:$|=|\()|\bruntime[\s]*\(",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3312,
            subtype: "rce_java",
            gate: &[
                "clonetransformer",
                "forclosure",
                "instantiatefactory",
                "instantiatetransformer",
                "invokertransformer",
                "prototypeclonefactory",
                "prototypeserializationfactory",
                "whileclosure",
                "chainedtransformer",
                "constanttransformer",
                "templatesimpl",
                "jdbcrowsetimpl",
                "beancomparator",
                "badattributevalue",
                "annotationinvocationhandler",
            ],
            needs: "",
            test: Test::Pattern(
                r"(?:clonetransformer|forclosure|instantiatefactory|instantiatetransformer|invokertransformer|prototypeclonefactory|prototypeserializationfactory|whileclosure|chainedtransformer|constanttransformer|templatesimpl|jdbcrowsetimpl|badattributevalueexp|annotationinvocationhandler)",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 3313,
            subtype: "rce_java",
            gate: &["runtime", "processbuilder", "#_memberaccess", "@java.lang", "t(java"],
            needs: "",
            test: Test::Pattern(
                r"(?:\$|%|#|\*)\{[^}]{0,400}(?:getruntime|processbuilder|@java\.lang|forname|#_memberaccess|#context|new[\s]+java|t\(java|t[\s]*\([\s]*['\x22]?[\s]*java)|\bt\([\s]*java\.lang\.\w+\)\.|#_memberaccess[\s]*(?:=|\[)|@java\.lang\.runtime@",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 3314,
            subtype: "rce_expression_language",
            gate: &["${", "%{", "#{", "*{", "@{"],
            needs: "",
            test: Test::Pattern(
                r"(?:[%$#]|(?:^|[^*])\*)\{[\s]*\(?[\s]*(?:#|new[\s]|t[\s]*\(|'|\x22|\d+[\s]*[*+/-][\s]*\d+[\s]*\}|class\b|request\b|session\b|applicationscope|pagecontext|facescontext|param\b|header\b|cookie\b|system\b|runtime\b|this\.|@|\(|script:|dns:|url:|env:|sys:|java:|main:|file:)|\{\$\{[\s]*[@!]?\w+[\s]*\(",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
    ],
};

/// `java.lang.NullPointerException: …` is what logs and tickets say.
fn names_an_exception(context: &Context<'_>, span: &Range<usize>) -> bool {
    let name = context.after(span.start);
    let end = name
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'$' | b'_')))
        .unwrap_or(name.len());
    let name = name.get(..end).unwrap_or(name);
    name.ends_with(b"Exception") || name.ends_with(b"Error")
}

/// The head of a source file: lines that name a package or import classes, which run nothing by themselves. Or the group of
/// a dependency.
fn only_imports(value: &[u8]) -> bool {
    let name = |text: &[u8]| {
        text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'*' | b' '))
    };
    let import = |line: &[u8]| {
        let line = line.trim_ascii();
        let named = [&b"import static "[..], b"import ", b"package "]
            .iter()
            .find_map(|word| line.strip_prefix(*word));
        line.is_empty() || named.and_then(|rest| rest.strip_suffix(b";")).is_some_and(name)
    };
    let group = value
        .strip_prefix(b"org.springframework")
        .is_some_and(|rest| rest.iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'-')));
    group || value.split(|b| *b == b'\n').all(import)
}
