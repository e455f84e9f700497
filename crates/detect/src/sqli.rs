//! SQL injection: fragments that only make sense when they continue somebody else's statement.
//!
//! Three kinds of evidence. Structure that no search text has (a quote that closes nothing, followed by an
//! operator and a comparison; `union select` with a select list; a second statement after a quote). Functions
//! and objects that only an attacker or a database tool names. And the reference grammar (libinjection) for short
//! values, as a second opinion. Whole statements, as code and migrations contain them, are documents and prove nothing.
//!
//! Benign look-alikes: `O'Reilly`, `rock and roll`, `1 or 2 items`, `select a plan from the list`,
//! `project = "X" AND status = "Open"`, `OData` and search-engine filters, ORM code.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

/// A comparison operator.
macro_rules! cmp {
    () => {
        r"(?:[=<>]|!=|\bi?like\b|\bin\b|\bbetween\b|\bis\b|\br?like\b|\bregexp\b|\bglob\b|\bsounds\b|\bmatch\b)"
    };
}
/// An operator that joins a condition.
macro_rules! join {
    () => {
        r"(?:\bx?or\b|\band\b|\|\||&&|\bnot\b|\bhaving\b|\bwhere\b)"
    };
}

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[
        Signature {
            stamp: 2001,
            subtype: "sqli_union_based",
            gate: &["union"],
            needs: "",
            test: Test::Checked(
                r"\bunion[^\w]{0,3}{o}(?:(?:all|distinct|distinctrow){g}|\(){0,3}{o}\(*select\b[^\w]{0,3}{o}(?:[(*@$'`\x22\d\-~]|null\b|concat|char\(|group_concat|version|user|database|current|distinct|\w+{o}(?:,|\(|{g}from\b|--|#|/\*))",
                continues_a_statement,
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 2002,
            subtype: "sqli_union_based",
            gate: &["union"],
            needs: "",
            test: Test::Pattern(
                r"(?:['\x22`)\d\x00]|^|=){o}(?:;|-)?{o}union{o}(?:all|distinct)?{o}\(*{o}select(?:\b|from)|/\*!\d{0,6}{o}(?:union|select)\b|union[^\w\s]{1,20}(?:all[^\w\s]{1,20})?select|\bunion{g}(?:all{g})?select{g}(?:\d+|null|@@\w+|\w+\(\)|'[^']{0,24}')(?:{o},{o}(?:\d+|null|@@\w+|\w+\(\)|'[^']{0,24}')){0,40}{o}(?:--|#|/\*)",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2003,
            subtype: "sqli_union_based",
            gate: &["union", "xunionselectfrom"],
            needs: "",
            test: Test::Pattern(
                r"\bunion{g}(?:all{g})?select\b|unionselect|['\x22]{o}\)*{o}union\b{o}(?:all\b|select|\()|^union[^\w\s]?select",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2010,
            subtype: "sqli_boolean",
            gate: &["'", "\"", "`"],
            needs: "",
            test: Test::Checked(
                concat!(
                    r"['\x22`]{o}\)*{o}",
                    join!(),
                    r"{o}(?:not\b{o}|!|~|-|\(){0,3}{o}(?:['\x22`]?[\w@$.%-]*['\x22`]?|\w+\([^()]{0,40}\)){o}\)*{o}",
                    cmp!()
                ),
                |context, span| context.quote_breaks_out(span.start),
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2011,
            subtype: "sqli_boolean",
            gate: &["=", "<", ">", " like", "/like", " rlike", "+like"],
            needs: "",
            test: Test::Pattern(
                r"(?:\b(?:x?or|and|having)\b{o}|\|\||&&){o}(?:not\b{o}|!|\(){0,3}{o}(?:\d{1,12}[)]{0,3}{o}(?:=|<>|!=|<=>|\blike\b|\brlike\b){o}\(*(?:['\x22]?\w{0,24}['\x22]?)|(?:'[^']{0,24}'|\x22[^\x22]{0,24}\x22)[)]{0,3}{o}(?:=|<>|!=|<=>|\blike\b|\brlike\b){o}\(*['\x22\d]|(?:\d{1,12}){o}[<>]{o}\d{1,12}\b)",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2014,
            subtype: "sqli_boolean",
            gate: &["=", "<", ">", "!", "||(", "&&(", " is not", "or true"],
            needs: "",
            test: Test::Pattern(
                r"^(?:\w{1,12}=|[\w/.]{1,24}{g}|[;/])?{o}(?:x?or|and|\|\||&&){o}\(*{o}[\w.@]+{o}(?:[!=<>]{1,3}){o}\(*{o}(?:['\x22(]|\d)|^(?:\w{1,12}=)?(?:\|\||&&)\(|^{o}(?:x?or){g}\d+{o}[<>!]|^\d+{o}(?:=|!=|<=>|<>){o}\d+$|^\d+{g}is{g}not{g}\d+$|^\d+or\d+{o}=|^{o}x?or{g}\w{1,12}{o}=+{o}\w{1,12}{o}(?:--|#|;|$)|\b(?:or|and){g}[a-z]{o}={o}[a-z]{o}(?:--|#|;|$)|^{o}or{g}true{o}(?:--|#|;)|['\x22]{o}\)*{g}?x?or{g}\w+!$|^{o}(?:x?or|and){o}['\x22\d][\w]*['\x22]?{o}[<>=?]|^{o}(?:x?or|and){o}'[^']*'(?:::\w+)?{o}[?<>=@#-]",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2012,
            subtype: "sqli_boolean",
            gate: &["=", "true", "1--", "1#", "1 --", "1;", "1/*", "or 1", "and 1"],
            needs: "",
            test: Test::Pattern(
                r"(?:\d|['\x22)]){o}\)*{g}(?:x?or|and){g}\(*(?:(?:\d{1,12}(?:[*+/-]\d{1,6}){0,3}){o}=+{o}\(*\d{1,12}\b|'(\w{0,12})'{o}={o}'\w{0,12}|(?:true|1){o}(?:--|#|;|/\*|$))",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2013,
            subtype: "sqli_boolean",
            gate: &["'", "\"", "`"],
            needs: "",
            test: Test::Checked(
                concat!(
                    r"['\x22`]{o}\)*{o}(?:",
                    r"(?:\bx?or\b|\band\b|\|\||&&){o}(?:['\x22`(!~-]\S|\d+(?:e\d|x[\da-f]|[^\w\x27\x22]|$)|(?:not|exists|true|false|null|like|sleep|select|if|case|ascii|substr\w*|length|ord|likely|unlikely)\b|\w+{o}(?:\(|--|#|;|$|=|<|>))",
                    r"|(?:\bdiv\b|\bmod\b|\blike\b|\bglob\b|\bcollate\b|\bis\b|\bin\b|\bregexp\b|\brlike\b|\bsounds\b|\bbetween\b|\bhaving\b|\bgroup{g}by\b|\border{g}by\b|\blimit\b|\bprocedure\b|\binto\b|\bwhere\b|\bcase\b|\bas\b){o}[\w'\x22`(@-]",
                    r"|(?:not{o}null|is{g}null){o}(?:--|#|;|$)|alter{g}\w|and{g}\w+{o}!{o}(?:all|any){o}\(",
                    r"|(?:[=<>|&^+*/%-]|!=|\|\||<>){1,3}{o}[\w(@]{1,24}{o}(?:--|#|/\*|\(|;)",
                    r"|(?:[=<>]|!=|<>|\^|\|){o}['\x22`]",
                    r"|\|\|{o}\w+\.\w+(?:\.\w+)?{o}\(",
                    r")"
                ),
                |context, span| context.quote_breaks_out(span.start) && !looks_quoted(context.value),
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2015,
            subtype: "sqli_boolean",
            gate: &["'", "\"", "`"],
            needs: "",
            test: Test::Checked(
                r"['\x22`]{o}\)*{o}(?:\bx?or\b|\band\b|\|\||&&){o}(?:not{g})?\(*{o}(?:select|exists|ascii|substr|substring|length|ord|mid|if|sleep|char|sqlite_\w+|likely|unlikely|likelihood|case|extractvalue|updatexml|pg_sleep|benchmark|\w+_\w+){o}\(",
                |context, span| context.quote_breaks_out(span.start),
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2016,
            subtype: "sqli_select",
            gate: &["like", "case", "having", "::", "alter", "create", "select"],
            needs: "",
            test: Test::Pattern(
                r"\){o}like{o}\(|(?:^|\(){o}case{g}when\b[^;]{0,60}[=<>(\d'\x22][^;]{0,60}\bthen\b|\bgroup{g}by\b[^;]{1,80}\bhaving\b{g}\S|^\w{1,32}(?:\([^()]{0,40}\))?::(?:int|text|bigint|jsonb?|bool|varchar|numeric)\b|\b(?:alter|create|drop){g}table{g}[`\x22\[]|\bcreate{g}function{g}\w+{o}\(|\bselect{g}if{o}\(",
            ),
            trust: Trust::Prose,
            places: Places::Names,
        },
        Signature {
            stamp: 2017,
            subtype: "sqli_boolean",
            gate: &["\u{2019}", "\u{2018}", "\u{2032}", "\u{201d}", "\u{2033}"],
            needs: "=",
            test: Test::Pattern(
                r"(?:^|[)\d]|'|\xe2\x80[\x98\x99\x9d\xb2\xb3]){o}\)*{o}(?:x?or|and){g}\(*(?:'|\x22|\xe2\x80[\x98\x99\x9c\x9d\xb2\xb3])?\w{1,12}(?:'|\x22|\xe2\x80[\x98\x99\x9c\x9d\xb2\xb3])?{o}=",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2020,
            subtype: "sqli_stacked",
            gate: &[
                "drop", "delete", "insert", "update", "alter", "create", "truncate", "exec", "declare",
                "select", "waitfor", "shutdown", "merge", "set", "call", "copy", "grant", "handler",
            ],
            needs: ";",
            test: Test::Pattern(
                r"(?:^|['\x22)`\d\w]){o}\)*{o};{o}(?:drop{g}(?:table|database|schema|view|user|index|procedure|function|column)\b|delete{g}from\b|insert{g}into\b|update{g}\w+{g}set\b|alter{g}(?:table|database|user|login)\b|create{g}(?:table|user|login|function|or{g}replace|alias|extension)\b|truncate{g}table\b|exec(?:ute)?{g}(?:xp_|sp_|master|immediate|\(|@|')|exec(?:ute)?{o}[(@']|declare{g}@|select{g}(?:\*|pg_|sleep|@@|case|\(|count|if|load|dbms|utl|version|user|null|\d|\w+{g}from|[\w,.]{1,40}{g}from)|select{o}\(|waitfor{g}(?:delay|time)\b|shutdown\b|merge{g}into\b|set{g}@|call{g}\w+\(|copy{g}\w+{g}(?:from|to)\b|grant{g}\w+{g}(?:on|to)\b|handler{g}\w+{g}open|begin{g}(?:declare|dbms))",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2021,
            subtype: "sqli_stacked",
            gate: &[
                "set @", "drop", "delete", "insert", "update", "alter", "create", "truncate", "exec",
                "merge", "replace", "load", "backup", "grant", "values", "desc", "optimize", "set ",
            ],
            needs: " +/",
            test: Test::Pattern(
                r"(?:^|[;=(/'\x22]){o}(?:drop{g}(?:table|database|schema|view|user|procedure|function|column|index){g}(?:if{g}exists|\w*[_.]\w+|[`\x22\[]\w+|\w+{o}(?:;|--|#|/\*|cascade))|delete{g}from{g}(?:\w*[_.`]\w+|\w+{o}(?:;|--|#|where))|insert{g}(?:ignore{g})?into{g}[\w.`\x22\[]+{o}(?:\(|values|select)|update{g}[\w.`]+{g}set{g}[\w.`]+{o}=|alter{g}(?:table|database|user){g}\w+|create{g}(?:temporary{g})?(?:(?:table|function|procedure){g}[\w`.\x22]+{o}\(|(?:table|view){g}[\w`.\x22]+{g}as\b|procedure{g}[\w`.\x22]+{g}(?:as|is)\b|trigger{g}[\w`.\x22]+{g}(?:before|after|instead|on)\b|database{g}[\w`\x22]+{o}(?:;|--|#|$)|user{g}[\w`.\x22'@%]+{g}(?:identified|with{g}password|password|for{g}login)\b)|truncate{g}table\b|exec(?:ute)?{g}(?:xp_\w*|sp_\w*|master\.)|\d{g}exec{g}(?:sp|xp)_|[;=(/\x27\x22]{o}create{g}(?:table|view|function|procedure){g}\w|exec(?:ute)?{o}\({o}[@']|;{o}update{g}\w+$|;?{o}set{g}@\w+|execute{g}immediate\b|merge{o}[^a-z]{0,16}using{o}\(|load{g}data{g}(?:local{g})?infile|backup{g}database|values{o}\({o}['\d]|replace{g}into{g}\w+)",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2030,
            subtype: "sqli_time_based",
            gate: &[
                "sleep",
                "benchmark",
                "waitfor",
                "dbms_",
                "randomblob",
                "generate_series",
                "get_lock",
                "receive_message",
            ],
            needs: "('",
            test: Test::Pattern(
                r"pg_sleep(?:_for|_until)?{o}\(|benchmark{o}\({o}[\d.e]+{o},|waitfor{g}(?:delay|time){g}?{o}['\x22@\d]|dbms_(?:pipe\.receive_message|lock\.sleep|session\.sleep){o}\(|randomblob{o}\({o}\d{5,}|(?:['\x22)=,(+*|-]|\band\b|\bor\b|\bselect\b|\bthen\b|\bxor\b){o}\(*{o}sleep{o}\({o}[\d.('-]+[^)]{0,20}\)|get_lock{o}\([^)]{1,40},{o}\d",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2031,
            subtype: "sqli_time_based",
            gate: &["sleep", "benchmark", "waitfor"],
            needs: "",
            test: Test::Pattern(
                r"(?:^|[^\w.:]){o}sleep{o}\({o}[\d'\x22@(]|^{o}sleep{o}\(|\bbenchmark{o}\({o}(?:\d|[(@'\x22])",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2040,
            subtype: "sqli_error_based",
            gate: &[
                "extractvalue",
                "updatexml",
                "xmltype",
                "gtid_sub",
                "floor",
                "exp(",
                "procedure",
                "ctxsys",
                "utl_inaddr",
                "geometrycollection",
                "polygon",
                "multipoint",
                "linestring",
                "json_keys",
                "ordsys",
                "dbms_xmlgen",
                "xmlagg",
                "to_number",
                "convert",
            ],
            needs: "(.",
            test: Test::Pattern(
                r"\b(?:extractvalue|updatexml|gtid_subset|gtid_subtract|xmltype){o}\({o}[^)]|floor{o}\({o}rand{o}\(|\bexp{o}\({o}~|procedure{g}analyse{o}\(|ctxsys\.|utl_inaddr\.|ordsys\.|dbms_xmlgen\.|\b(?:geometrycollection|multipoint|polygon|multipolygon|linestring){o}\({o}\({o}select|convert{o}\({o}int{o},{o}\(?{o}(?:select|@@|db_name|user)",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2050,
            subtype: "sqli_schema",
            gate: &[
                "information_schema",
                "pg_catalog",
                "pg_shadow",
                "pg_user",
                "sysobjects",
                "syscolumns",
                "sqlite_master",
                "sqlite_schema",
                "sqlite_temp",
                "sqlite_compileoption",
                "all_tables",
                "all_tab_columns",
                "user_tables",
                "mysql.user",
                "mysql.innodb",
                "sys.objects",
                "sys.databases",
                "master..",
                "master.dbo",
                "xp_",
                "sp_",
                "@@",
                "schema_name",
                "db_name",
                "msdb",
                "tempdb",
                "northwind",
                "msysaccess",
                "msysobjects",
                "v$version",
                "sys.dual",
                "user_tab_col",
                "pg_stat_",
                "pg_read_file",
                "pg_ls_dir",
                "openrowset",
                "opendatasource",
                "openquery",
                "sysmaster",
                "syscat.",
                "rdb$",
            ],
            needs: "",
            test: Test::Pattern(
                r"\b(?:from|join|into|update|select|exists)\b[^;]{0,80}\b(?:information_schema|pg_catalog\.|pg_shadow|pg_user|sysobjects|syscolumns|sqlite_master|sqlite_schema|all_tables|all_tab_columns|user_tables|user_tab_columns|mysql\.(?:user|innodb)|sys\.(?:objects|databases|tables|user)|master\.\.|msysaccessobjects|msysobjects|v\$version|sysmaster|syscat\.|rdb\$)|\bxp_(?:cmdshell|dirtree|fileexist|regread|regwrite|availablemedia|enumdsn|servicecontrol|subdirs|loginconfig|makecab|ntsec\w*|terminate_process)\b|\bsp_(?:oacreate|oamethod|executesql|password|configure|makewebtask|addextendedproc|execute|sqlexec|prepare|addlogin)\b|@@(?:version|hostname|datadir|basedir|servername|global|session|language|spid|microsoftversion|tmpdir|secure_file_priv|version_compile_os)\b|\bpg_(?:read_file|ls_dir|read_binary_file|file_settings)\b|open(?:rowset|datasource|query){o}\(",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2051,
            subtype: "sqli_schema",
            gate: &[
                "xp_",
                "sp_",
                "information_schema",
                "pg_catalog",
                "pg_shadow",
                "sysobjects",
                "syscolumns",
                "sqlite_",
                "all_tables",
                "db_name",
                "schema_name",
                "msdb",
                "tempdb",
                "northwind",
                "msys",
                "mysql.",
                "database_principal",
                "is_srvrolemember",
                "sql_longvarchar",
                "current_user",
                "user_tables",
                "sysusers",
                "openrowset",
                "openquery",
                "sqloledb",
                "msdasql",
                "varchar",
                "nvarchar",
                "sp_password",
                "table_name",
                "xp_enumdsn",
            ],
            needs: "",
            test: Test::Pattern(
                r"\b(?:xp_(?:cmdshell|dirtree|regread|regwrite|fileexist|enumdsn|makecab|availablemedia|loginconfig|ntsec\w*|terminate_process\w*)|sp_(?:password|executesql|oacreate|oamethod|makewebtask|addlogin)|information_schema|pg_(?:catalog|shadow|toast)|sys(?:objects|columns|users|databases)|sqlite_(?:master|temp_master|version|compileoption\w*|source_id)|all_(?:tables|tab_columns)|(?:db|database|schema)_name{o}\(|msdb|tempdb|northwind|msys(?:accessobjects|accessxml|accessstorage|objects|queries|relationships|aces|columns)|mysql\.(?:db|user|host)|database_principals|is_srvrolemember|openrowset|openquery|openxml|sqloledb|user_(?:tables|tab_columns|objects|users|constraints|password|group))\b|'msdasql'|'sqloledb'|\b(?:db|database|schema)_name{o}\(",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2060,
            subtype: "sqli_file",
            gate: &[
                "outfile",
                "dumpfile",
                "load_file",
                "utl_http",
                "utl_file",
                "infile",
                "lo_import",
                "lo_export",
                "copy",
                "load_extension",
                "writefile",
                "readfile",
                "fileio",
            ],
            needs: "",
            test: Test::Pattern(
                r"\binto{g}(?:outfile|dumpfile)\b|\bload_file{o}\({o}['\x22(0c]|\butl_(?:http|file|smtp|tcp)\.|\blo_(?:import|export){o}\(|\bcopy\b[^;]{1,60}\b(?:from|to){g}program\b|load_extension{o}\({o}['\x22]|load{g}data{g}(?:local{g})?infile",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2070,
            subtype: "sqli_comment",
            gate: &["';", "\";", "`;", "' ;", "--", "#", "/*", ";\u{0}", "%00"],
            needs: "",
            test: Test::Checked(
                r"['\x22`][)]{0,3}{o}(?:;{o})?(?:--(?:[\s+-]|$|%)|--\w{0,12}$|#[^'\x22]{0,12}$|/\*|;\x00|;?%00)|\w['\x22`];[\s]*$",
                |context, span| {
                    quote_in(context, span).is_some_and(|at| context.quote_breaks_out(at))
                        && context.before(span.start).len() < 200
                        && context.after(span.end).len() < 200
                        && !context.before(span.start).contains(&b'<')
                        && !context.after(span.start).starts_with(b"\" ---")
                },
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2071,
            subtype: "sqli_comment",
            gate: &["/**/", "/*!", "/*+", "%23", "--", "#"],
            needs: "",
            test: Test::Pattern(
                r"\w/\*\*+/\w+/\*\*+/|\w/\*[^*/]{0,24}\*+/(?:select|union|or|and|from|where|table|insert|update|delete|op|\(|\d)|(?:\bselect|\bunion|\bor|\band|\bfrom|\bwhere|\bin|\blike|\bnot){o}/\*[^*/]{0,24}\*+/|/\*!\d{5}|\d[)]{0,3}{o}(?:or|and){o}/\*|\b(?:drop|delete|truncate){g}[\w ]{1,32};?{o}--|\d{o};{o}--|\d[)]?{g}--{o}-?$",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2080,
            subtype: "sqli_probe",
            gate: &["order", "group", "having", "limit", "between", "case", "distinct"],
            needs: " +/",
            test: Test::Pattern(
                r"['\x22)\d]{o}\)*{g}order{g}by{g}\d{1,3}\b|^{o}order{g}by{g}\d{1,3}{o}(?:--|#|/\*|,|;|$)|['\x22)\d]{o}\)*{o}(?:having|group{g}by){g}(?:\d{1,3}{o}=|\w+\.\w+{g}having)|\bhaving{g}\d{1,9}{o}[=<>]|['\x22)\d]{o}\)*{g}limit{g}\d+{o}(?:,|offset|--|#|into)|\blimit{g}\d+{g}into{g}@|\bcase{g}when\b.{1,60}\bthen\b.{1,60}\b(?:else|end)\b|\)?{g}when{g}\d+{g}then\b|['\x22)\d]{g}between{g}\d+{g}and{g}\d+",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2081,
            subtype: "sqli_select",
            gate: &["select", "from"],
            needs: " +/",
            test: Test::Checked(
                r"\(+{o}select\b{o}[\w*('\x22@`-][^;]{0,120}\bfrom\b|\(+{o}select{g}(?:sleep|\*|case|count|concat|user|version|database|null|load_file|pg_|@@|\d|char|hex|group_concat|extractvalue|updatexml|if|substr|ascii|length|utl_|password|table_name|column_name)|(?:[=(,'\x22|+-]|\b(?:or|and|in|not|exists|except|minus|intersect|as)\b){o}\(*{o}select\b{o}[\w*('\x22@`.-]{1,40}.{0,40}\bfrom\b|^{o}select\b{o}.{0,8}\b(?:version|user|database|current_user|current_database|session_user|current_schema|sysibm|sleep|load_file|group_concat|concat|char|chr|count|extractvalue|benchmark|pg_\w+)\b|^{o}select{o}@@\w|^{o}select\b.{1,40}\bfrom{g}(?:sysibm|dual|v\$)|\bselect{g}(?:\*|[\w`.\x22]+(?:{o},{o}[\w`.\x22*]+)*){g}from{g}[\w`\x22.]+{o}(?:where\b|--|#|;|limit\b|order{g}by|group{g}by|union|$)|\bexcept{g}select\b|^['\x22`]{o};?{o}select\b|['\x22`)]{o}as{g}?['\x22`]?\w+['\x22`]?{g}from\b|\b\w+{g}as{o}['\x22`][\w ]*['\x22`]?{g}from\b|\bfrom{o}\({o}select\b",
                |context, span| !asks_in_a_link(context, span),
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2090,
            subtype: "sqli_function",
            gate: &[
                ".e(",
                ".e.",
                "ascii\u{1}",
                "substr\u{1}",
                "substring",
                "mid\u{1}",
                "char\u{1}",
                "chr\u{1}",
                "concat",
                "hex\u{1}",
                "unhex",
                "length\u{1}",
                "ord\u{1}",
                "bin\u{1}",
                "instr",
                "cast\u{1}",
                "convert",
                "if\u{1}",
                "ifnull",
                "nullif",
                "elt\u{1}",
                "version\u{1}",
                "user\u{1}",
                "database\u{1}",
                "md5",
                "sha1",
                "compress",
                "load_file",
                "make_set",
                "strcmp",
                "coalesce",
                "current_user",
                "group_concat",
                "cos(",
                "pow(",
                "rtrim",
                "ltrim",
                "nvl\u{1}",
                "decode\u{1}",
                "to_char",
                "rawtohex",
                "sqlite_",
                "now(",
                "div(",
                "json_",
                "::",
                "quote(",
                "likely",
                "unlikely",
                "row_count",
            ],
            needs: "(:",
            test: Test::Pattern(
                r"\b(?:ascii|ord|hex|bin|length|char_length){o}\({o}(?:substr(?:ing)?|mid|left|right|lower|upper|\(select|select|cast|char|user|database|version|current_user|password){o}\(?|\b(?:substr(?:ing)?|mid|left|right){o}\({o}(?:\(?select|user|database|version|@@|current_user|password|(?:table|column|schema)_name)|\b(?:group_concat|make_set|elt|strcmp|load_file|unhex|row_count|found_rows|current_user|session_user|system_user|rawtohex|nvl2?|bit_count|ifnull|isnull|nullif|quote_literal|to_base64|from_base64){o}\(|\b(?:concat|concat_ws|char|chr){o}\({o}(?:0x[0-9a-f]{2,}|\d{2,3}(?:{o},{o}\d{2,3})+|\d{2,3}\){o}(?:\|\||\+|,)|char|\(?select|user|version|database|@@)|(?:[,=(+|\x27\x22<>]|\b(?:and|or|select|union|from|by|like){g}){o}(?:user|version|database|schema|sysdate){o}\({o}\)|^{o}(?:user|version|database|schema|sysdate){o}\({o}\){o}(?:$|[=<>,|+;#-])|['\x22\d)]::(?:int|text|bigint|jsonb?|bool|varchar|numeric)|\)::(?:int|text|bigint|jsonb?|bool)|\b(?:if|iif){o}\({o}(?:\d+{o}[=<>]|(?:now|user|substr|ascii|length|ord|mid){o}\(|\(?select|1\b)|\bcast{o}\({o}[^)]{1,60}{g}as{g}(?:int|char|varchar|nvarchar|signed|unsigned|numeric|text)|\b(?:un)?likely{o}\(|\b\d\.e(?:\(|\.\w)|\bnow{o}\({o}\){o}[=<>]",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2092,
            subtype: "sqli_function",
            gate: &["("],
            needs: "",
            test: Test::Code(ends_in_a_call),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 2093,
            subtype: "sqli_function",
            gate: &[
                "lo_get",
                "lo_put",
                "lo_create",
                "lo_unlink",
                "find_in_set",
                "div(",
                "div ",
                "declare",
                ".e.",
                ".e(",
            ],
            needs: "(@.",
            test: Test::Pattern(
                r"\blo_(?:get|put|create|unlink){o}\(|\bfind_in_set{o}\(|\bdiv{o}\(|\bdeclare{g}@|\b\d\.e(?:\(|\.\w)",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 2091,
            subtype: "sqli_json",
            gate: &[
                "' ?",
                "}'",
                "]'",
                "::json",
                "?|",
                "?&",
                "@>",
                "<@",
                "#>",
                "->>",
                "->",
                "json_extract",
                "json_each",
                "json_array",
                "array[",
            ],
            needs: "",
            test: Test::Pattern(
                r"['\x22]{o}(?:::jsonb?)?{o}(?:@>|<@|\?\|?|\?&|#>>?|->>?|@@|@\?|[<>]){o}(?:'|array\[|\x22)|::jsonb?{o}[<>=?@#-]|\b(?:or|and)\b{o}\(?{o}json_\w+{o}\(",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2099,
            subtype: "sqli_grammar",
            gate: &["'", "\"", "`", "--", "/*", "#", "@@", "||", " or ", " and "],
            needs: "",
            test: Test::Code(grammar),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2082,
            subtype: "sqli_select",
            gate: &["select", "case"],
            needs: "",
            test: Test::Checked(
                r"(?:[=<>,|+*/(-]|\b(?:or|and|in|not|exists|except|minus|intersect|then|else|when|union|by)\b|\d|['\x22]\)*){o}\(+{o}select\b{o}[\w*('\x22@`].{0,160}?\b(?:from|case|where)\b|\b(?:or|and|xor|having|where|by)\b{o}\(*{o}case{g}when\b.{1,80}\bthen\b|['\x22)\d]{o}\)*{o},{o}\(+{o}(?:select|case|cast){o}[\s(*]",
                |context, _| !is_own_statement(context.value) && !is_log_line(context.value),
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2083,
            subtype: "sqli_time_based",
            gate: &[
                "user_lock",
                "sleepeachrow",
                "fuzzbits",
                "json_keys((",
                "bit_shift(",
                "raise_error(",
                "regexp_substring",
                "crypt_key",
            ],
            needs: "",
            test: Test::Pattern(
                r"\b(?:user_lock\.sleep|sleepeachrow|fuzzbits|raise_error|regexp_substring){o}\(|json_keys{o}\({o}\(|bit_shift{o}\({o}cast",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
    ],
};

/// Where the first quote of a match is.
fn quote_in(context: &Context<'_>, span: &Range<usize>) -> Option<usize> {
    let matched = context.value.get(span.clone())?;
    Some(span.start + matched.iter().position(|b| matches!(b, b'\'' | b'"' | b'`'))?)
}

/// `union select` inside a statement that the value itself began is a query, as code and migrations hold; what
/// follows anything else continues a statement of the application's.
fn continues_a_statement(context: &Context<'_>, span: &Range<usize>) -> bool {
    let head = context.before(span.start);
    let lower = head.get(head.len().saturating_sub(2000)..).unwrap_or(head).to_ascii_lowercase();
    let Some(select) = memchr::memmem::rfind(&lower, b"select") else { return true };
    let between = lower.get(select..).unwrap_or_default();
    // A statement of one's own: select … from …, with no quote left open and no comment before the union.
    let open_quote = memchr::memchr_iter(b'\'', between).count() % 2 == 1;
    memchr::memmem::find(between, b"from").is_none()
        || open_quote
        || memchr::memmem::find(between, b"/*").is_some()
}

/// A whole statement or query expression of its own, as people post and as reporting tools send it: it breaks out of
/// nothing.
pub(crate) fn is_own_statement(value: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 10] = [
        b"select ",
        b"with ",
        b"insert ",
        b"update ",
        b"delete ",
        b"create ",
        b"explain ",
        b"merge ",
        b"(select ",
        b"--",
    ];
    let head: Vec<u8> = value.trim_ascii_start().iter().take(8).map(u8::to_ascii_lowercase).collect();
    BEGINNINGS.iter().any(|word| head.starts_with(word))
        && memchr::memmem::find(value, b"--").is_none()
        && memchr::memmem::find(value, b"/*").is_none()
}

/// JSON, attribute lists and search expressions pair their quotes: a value that begins and ends with quotes of
/// one kind, or that is one quoted list, breaks out of nothing.
fn looks_quoted(value: &[u8]) -> bool {
    let trimmed = value.trim_ascii();
    let string = matches!(trimmed, [b'"', inner @ .., b'"'] if !inner.contains(&b'"'));
    string || matches!((trimmed.first(), trimmed.last()), (Some(b'{' | b'['), Some(b'}' | b']')))
}

/// Functions of SQL dialects, sorted; a value that breaks off right after the parenthesis of one is a fragment.
const FUNCTIONS: &[&str] = &[
    "abs",
    "acos",
    "ascii",
    "asin",
    "atan",
    "avg",
    "benchmark",
    "bin",
    "cast",
    "ceil",
    "char",
    "chr",
    "coalesce",
    "compress",
    "concat",
    "concat_ws",
    "conv",
    "convert",
    "cos",
    "cot",
    "count",
    "crc32",
    "curdate",
    "database",
    "date",
    "day",
    "decode",
    "default",
    "degrees",
    "div",
    "elt",
    "encode",
    "encrypt",
    "exp",
    "extractvalue",
    "field",
    "find_in_set",
    "floor",
    "format",
    "get_lock",
    "greatest",
    "group_concat",
    "hex",
    "hour",
    "if",
    "ifnull",
    "in",
    "insert",
    "instr",
    "last_insert_id",
    "lcase",
    "least",
    "left",
    "length",
    "ln",
    "load_file",
    "locate",
    "log",
    "lower",
    "lpad",
    "ltrim",
    "make_set",
    "max",
    "md5",
    "mid",
    "min",
    "minute",
    "mod",
    "month",
    "name_const",
    "now",
    "nullif",
    "ord",
    "password",
    "pi",
    "position",
    "pow",
    "power",
    "quarter",
    "quote",
    "radians",
    "rand",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row_count",
    "rpad",
    "rtrim",
    "schema",
    "sha",
    "sha1",
    "sign",
    "sin",
    "sleep",
    "soundex",
    "space",
    "sqrt",
    "strcmp",
    "substr",
    "substring",
    "sum",
    "sysdate",
    "tan",
    "time",
    "trim",
    "truncate",
    "ucase",
    "uncompress",
    "unhex",
    "updatexml",
    "upper",
    "user",
    "uuid",
    "values",
    "version",
    "week",
    "xmltype",
    "year",
];

/// The value ends in the open parenthesis of a function, perhaps with operators between name and parenthesis.
fn ends_in_a_call(context: &Context<'_>) -> Option<Range<usize>> {
    let head = context.value.trim_ascii_end().strip_suffix(b"(")?;
    let operators = head.iter().rev().take(8).take_while(|b| !b.is_ascii_alphanumeric()).count();
    let head = head.get(..head.len() - operators)?;
    let name = head.iter().rev().take(20).take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    let start = head.len() - name;
    let name = head.get(start..)?.to_ascii_lowercase();
    let method = start.checked_sub(1).and_then(|at| head.get(at)) == Some(&b'.');
    let known = FUNCTIONS.binary_search_by(|known| known.as_bytes().cmp(&name)).is_ok();
    (known && !method).then_some(start..context.value.len())
}

/// Longest value given to the reference grammar; longer text holds its fragments near a quote, which the
/// signatures above see.
const GRAMMAR_MAX: usize = 512;

/// The second opinion of the reference grammar, for short values that hold something beyond words.
fn grammar(context: &Context<'_>) -> Option<Range<usize>> {
    let value = context.value;
    if value.len() > GRAMMAR_MAX || !value.is_ascii() && !value.contains(&b'\'') {
        return None;
    }
    // Signs alone continue nothing unless they comment out the rest.
    let silent = !value.iter().any(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'#' | b'*'));
    let quotes = value.iter().filter(|b| matches!(b, b'\'' | b'"' | b'`')).count();
    if silent && quotes < 2 || value.len() < 3 {
        return None;
    }
    if context.place.is_header() && !value.iter().any(|b| matches!(b, b'\'' | b'"')) {
        return None;
    }
    // One word without quotes, comparison or call has no clause to continue: passwords, globs, tags.
    let one_word =
        !value.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'\'' | b'"' | b'`' | b'=' | b'('));
    if one_word && value.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let code: [&[u8]; 3] = [b"===", b"=> ", b") {"];
    if !holds_sql_marks(value) || code.iter().any(|mark| memchr::memmem::find(value, mark).is_some()) {
        return None;
    }
    let dashed = memchr::memmem::find(value, b" -- ").is_some()
        && !value.iter().any(|b| matches!(b, b'\'' | b'"' | b'`' | b'=' | b'('));
    if dashed
        && value.first().is_none_or(|b| *b != b'-' && *b != b'\'')
        && memchr::memchr_iter(b' ', value).count() >= 3
    {
        return None;
    }
    // A search of logs pipes its result on: `source=a/* | where status >= 500`.
    let piped = memchr::memmem::find(value, b" | ").is_some()
        && !value.iter().any(|b| matches!(b, b'\'' | b'"' | b'`' | b'('));
    if piped || strings_are_own(context) && !names_sql(value) {
        return None;
    }
    let result = libinjectionrs::detect_sqli(value);
    if !result.is_injection() {
        return None;
    }
    let fingerprint = result.fingerprint?;
    believable(fingerprint.as_str(), value).then_some(0..value.len())
}

/// A link to a search for words: `https://example.com/search?q=select+*+from+wines`. The words come without the signs
/// that continue somebody's statement.
fn asks_in_a_link(context: &Context<'_>, span: &Range<usize>) -> bool {
    let link = memchr::memmem::find(context.before(span.start), b"://").is_some();
    link && !context.value.iter().any(|b| matches!(b, b'\'' | b'"' | b'(' | b';' | b'|'))
        && memchr::memmem::find(context.value, b"--").is_none()
}

/// A line of a log begins with the time; what an application reports about a statement is quoted in it.
fn is_log_line(value: &[u8]) -> bool {
    let head = value.get(..19).unwrap_or_default();
    let digits = head.iter().filter(|b| b.is_ascii_digit()).count();
    digits >= 12 && head.iter().filter(|b| matches!(b, b':' | b'-' | b'/')).count() >= 4
}

/// Every string in the value is opened and closed by it, as in a line of program text or a quoted option: quotes come
/// in pairs, and the first of each kind follows a blank or a delimiter.
fn strings_are_own(context: &Context<'_>) -> bool {
    let value = context.value;
    let mut any = false;
    for quote in [b'\'', b'"', b'`'] {
        let Some(first) = memchr::memchr(quote, value) else { continue };
        any = true;
        let before = first.checked_sub(1).and_then(|at| value.get(at));
        let opens = before.is_some_and(|b| {
            matches!(b, b' ' | b'(' | b'[' | b'{' | b',' | b'=' | b':' | b'<' | b'>' | b'+')
        });
        if !opens || memchr::memchr_iter(quote, value).count() % 2 == 1 {
            return false;
        }
    }
    any
}

/// Whether a word of the language stands in the value.
fn names_sql(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 24] = [
        b"and", b"between", b"case", b"delete", b"drop", b"exec", b"exists", b"from", b"having", b"insert",
        b"like", b"limit", b"null", b"or", b"order", b"regexp", b"rlike", b"select", b"sleep", b"union",
        b"update", b"where", b"xor", b"waitfor",
    ];
    let lower = value.to_ascii_lowercase();
    memchr::memmem::find(&lower, b"--").is_some()
        || memchr::memmem::find(&lower, b"/*").is_some()
        || lower.split(|b| !b.is_ascii_alphanumeric() && *b != b'_').any(|word| WORDS.contains(&word))
}

/// Quotes inside words are apostrophes; a value without any other mark has nothing for the grammar to continue.
fn holds_sql_marks(value: &[u8]) -> bool {
    let marks = value
        .iter()
        .any(|b| matches!(b, b'"' | b'`' | b'#' | b'=' | b'(' | b'|' | b'&' | b'@' | b'<' | b'>'));
    marks
        || memchr::memmem::find(value, b"--").is_some()
        || memchr::memmem::find(value, b"/*").is_some()
        || value.first().is_some_and(u8::is_ascii_digit)
        || value.windows(2).any(|w| matches!(w, [a, b'\''] if !a.is_ascii_alphabetic()))
        || value.windows(2).any(|w| matches!(w, [b'\'', b] if !b.is_ascii_alphabetic()))
        || value.first() == Some(&b'\'')
}

/// Fingerprints that ordinary text produces are not believed without a sign of SQL in the value.
fn believable(fingerprint: &str, value: &[u8]) -> bool {
    let strong = |b: &u8| matches!(b, b'\'' | b'"' | b'`' | b'#' | b';');
    let marks: [&[u8]; 3] = [b"--", b"/*", b"@@"];
    let has_strong = value.iter().any(strong)
        || marks.iter().any(|mark| memchr::memmem::find(value, mark).is_some())
        || value.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-' || *b == b')');
    // Words and operators only: `s&s`, `n&1`, … come from prose with an ampersand or an apostrophe.
    let has_core = fingerprint
        .bytes()
        .any(|b| matches!(b, b'U' | b'E' | b'c' | b'f' | b'B' | b'X' | b';' | b'k' | b'o'));
    let mixed =
        fingerprint.contains('&') && fingerprint.bytes().any(|b| matches!(b, b's' | b'1' | b'o' | b'('));
    has_strong && (has_core || mixed)
}
