//! Texts that betray something wherever they stand in an answer.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use bartizan_api::attack_type::AttackType;

use super::{Attempt, secrets};

/// What a sign is a sign of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Command,
    /// An address with a password.
    Connection,
    /// An error that the program shows on a page that may have worked, in the words of its interpreter.
    Crash,
    LdapError,
    Listing,
    Metadata,
    NosqlError,
    Secret,
    Settings,
    Source,
    SqlError,
    /// A key of a service.
    Token,
    Trace,
    UnixFile,
    WindowsFile,
}

impl Family {
    /// Whether the sign is what an attempt was after.
    pub(super) fn proves(self, attempt: &Attempt<'_>) -> bool {
        use AttackType::{Ldapi, Nosqli, Ptrav, Rce, Sqli, Ssrf, Ssti, Xxe};
        let wanted: &[AttackType] = match self {
            Family::UnixFile | Family::WindowsFile => &[Ptrav, Xxe, Ssrf, Rce],
            Family::Command | Family::Settings => &[Rce, Ssti],
            Family::Metadata => &[Ssrf, Xxe],
            Family::SqlError => &[Sqli],
            Family::NosqlError => &[Nosqli],
            Family::LdapError => &[Ldapi],
            Family::Connection | Family::Secret | Family::Source | Family::Token => &[Ptrav, Xxe],
            Family::Crash | Family::Listing | Family::Trace => &[],
        };
        wanted.contains(&attempt.attack_type)
    }

    /// Whether it is something that its owner may be shown.
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Family::Connection | Family::Secret | Family::Token)
    }

    /// Whether the application shows the same to anybody when it is in trouble.
    pub(super) fn is_error(self) -> bool {
        matches!(self, Family::SqlError | Family::NosqlError | Family::LdapError)
    }

    /// What leaks, as a word.
    pub(super) fn class(self) -> &'static str {
        match self {
            Family::Command => "command_output",
            Family::Connection => "connection_string",
            Family::Crash | Family::Trace => "stack_trace",
            Family::LdapError => "ldap_error",
            Family::Listing => "listing",
            Family::Metadata => "metadata",
            Family::NosqlError => "nosql_error",
            Family::Secret => "secret",
            Family::Settings => "settings",
            Family::Source => "source_code",
            Family::SqlError => "sql_error",
            Family::Token => "access_token",
            Family::UnixFile | Family::WindowsFile => "system_file",
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Family::Command => "The answer holds the output of a system command.",
            Family::Crash | Family::Trace => "The answer shows where the program failed.",
            Family::LdapError => "The answer holds an error of the directory service.",
            Family::Listing => "The server lists the files of a folder.",
            Family::Metadata => "The answer holds data of an internal service.",
            Family::NosqlError => "The answer holds an error of the document database.",
            Family::Connection => "The answer holds the password of a database or another service.",
            Family::Secret => "The answer holds a secret.",
            Family::Token => "The answer holds a key that other services accept.",
            Family::Settings => "The answer shows how the server is set up.",
            Family::Source => "The answer holds source code or files of a repository.",
            Family::SqlError => "The answer holds an error of the database.",
            Family::UnixFile | Family::WindowsFile => "The answer holds a file of the operating system.",
        }
    }
}

/// One sign.
#[derive(Debug)]
pub(super) struct Sign {
    pub(super) needle: &'static [u8],
    pub(super) family: Family,
    pub(super) name: &'static str,
    /// Looks at what surrounds the needle.
    check: fn(&[u8], &Range<usize>) -> bool,
}

/// A sign that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) sign: &'static Sign,
    pub(super) span: Range<usize>,
}

fn always(_: &[u8], _: &Range<usize>) -> bool {
    true
}

/// At the start of a line.
fn at_line_start(body: &[u8], span: &Range<usize>) -> bool {
    span.start == 0
        || matches!(body.get(span.start - 1), Some(b'\n' | b'>' | b'"' | b'\'' | b' '))
        || body.get(..span.start).is_some_and(|before| before.ends_with(b"\\n"))
}

/// At the very start of the answer.
fn at_start(body: &[u8], span: &Range<usize>) -> bool {
    body.get(..span.start).is_some_and(|before| before.trim_ascii().is_empty())
}

/// `uid=0(root) gid=`, or without a name where the account has none.
fn is_identity(body: &[u8], span: &Range<usize>) -> bool {
    let rest = body.get(span.end..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = rest.get(digits..).unwrap_or_default();
    let after = after.get(..48).unwrap_or(after);
    let name =
        after.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"()_-.\\@+$".contains(byte)).count();
    digits > 0 && after.get(name..).is_some_and(|after| after.starts_with(b" gid="))
}

/// `total 12` and then a line of `ls -l`.
fn is_listing(body: &[u8], span: &Range<usize>) -> bool {
    let rest = body.get(span.end..).unwrap_or_default();
    let rest = rest.get(..32).unwrap_or(rest);
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0
        && rest.get(digits..).is_some_and(|after| after.starts_with(b"\ndrwx") || after.starts_with(b"\n-rw"))
}

/// Followed by a value.
fn has_value(body: &[u8], span: &Range<usize>) -> bool {
    let rest = body.get(span.end..).unwrap_or_default();
    let value = rest.iter().take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'<').count();
    value >= 4
}

/// `.rb:12:in`, and then the name of a method in quotes.
fn is_ruby_frame(body: &[u8], span: &Range<usize>) -> bool {
    let rest = body.get(span.end..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let method = rest.get(digits..).and_then(|rest| rest.strip_prefix(b":in "));
    // Pages write the quotes as entities.
    digits > 0 && method.is_some_and(|method| matches!(method.first(), Some(b'`' | b'\'' | b'&')))
}

/// `Linux web01 5.10.0-21-amd64 #1 SMP`.
fn is_kernel(body: &[u8], span: &Range<usize>) -> bool {
    let rest = body.get(span.end..).unwrap_or_default();
    let line = rest.get(..160).unwrap_or(rest).split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(1);
    let is_version = words.next().is_some_and(|version| {
        version.first().is_some_and(u8::is_ascii_digit) && version.contains(&b'.') && version.len() >= 5
    });
    let is_build = |word: &[u8]| word.first() == Some(&b'#') && word.get(1).is_some_and(u8::is_ascii_digit);
    is_version && words.take(2).any(is_build)
}

/// `Linux version 5.10.0-21-amd64 (debian-kernel@lists.debian.org) (gcc-10`, as `/proc/version` has it.
fn is_kernel_file(body: &[u8], span: &Range<usize>) -> bool {
    let rest = body.get(span.end..).unwrap_or_default();
    let line = rest.get(..160).unwrap_or(rest).split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let version = words.next().unwrap_or_default();
    let builder = words.next().unwrap_or_default();
    version.first().is_some_and(u8::is_ascii_digit) && builder.starts_with(b"(") && builder.contains(&b'@')
}

/// A section with a setting in the line behind it.
fn is_section(body: &[u8], span: &Range<usize>) -> bool {
    let rest = body.get(span.end..).unwrap_or_default().trim_ascii_start();
    let line = rest.get(..80).unwrap_or(rest).split(|byte| *byte == b'\n').next().unwrap_or_default();
    let name = line.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    at_line_start(body, span) && name > 0 && line.get(name) == Some(&b'=')
}

/// `PATH=/usr/bin` between NULs, as `/proc/self/environ` has it.
fn is_environment(body: &[u8], span: &Range<usize>) -> bool {
    let is_begun = span.start == 0 || body.get(span.start - 1) == Some(&0);
    let rest = body.get(span.end..).unwrap_or_default();
    let rest = rest.get(..1024).unwrap_or(rest);
    let end = rest.iter().position(|byte| *byte == 0);
    is_begun && end.is_some_and(|end| rest.get(end + 1).is_none_or(u8::is_ascii_uppercase))
}

/// The title, and the version behind it.
fn is_settings_page(body: &[u8], span: &Range<usize>) -> bool {
    let before = body.get(span.start.saturating_sub(32)..span.start).unwrap_or_default();
    let title = memchr::memmem::rfind(before, b"<title>").and_then(|at| before.get(at + 7..));
    let is_own = title.is_some_and(|title| title.is_empty() || title.starts_with(b"PHP "));
    let rest = body.get(span.end..).unwrap_or_default();
    let version = memchr::memmem::find(rest, b"PHP Version ").and_then(|at| rest.get(at + 12));
    is_own && version.is_some_and(u8::is_ascii_digit)
}

/// What PHP writes into the page: where it happened, or the calls that led there.
fn is_php_error(body: &[u8], span: &Range<usize>) -> bool {
    let rest = body.get(span.end..).unwrap_or_default();
    let rest = rest.get(..8192).unwrap_or(rest);
    let holds = |text: &[u8]| memchr::memmem::find(rest, text).is_some();
    let line = memchr::memmem::find(rest, b" on line <b>").and_then(|at| rest.get(at + 12));
    line.is_some_and(u8::is_ascii_digit)
        || rest.trim_ascii_start().starts_with(b"Uncaught ") && holds(b"Stack trace:") && holds(b"#0 ")
}

use secrets::{is_environment_file, is_key, is_key_block, is_password, is_token};

macro_rules! signs {
    ($($family:ident $name:literal $check:ident [$($needle:literal),* $(,)?];)*) => {
        static SIGNS: &[Sign] = &[$($(
            Sign { needle: $needle, family: Family::$family, name: $name, check: $check },
        )*)*];
    };
}

signs! {
    UnixFile "The password file of a Unix system" at_line_start [
        b"root:x:0:0:", b"root:*:0:0:", b"daemon:x:1:1:", b"nobody:x:65534:"];
    UnixFile "The shadow file of a Unix system" at_line_start [b"root:$6$", b"root:$y$", b"root:$1$"];
    UnixFile "The version of the kernel" is_kernel_file [b"Linux version "];
    UnixFile "The names of hosts of a Unix system" at_line_start [b"127.0.0.1\tlocalhost\n", b"127.0.0.1 localhost\n",
        b"127.0.0.1\tlocalhost "];
    UnixFile "The environment of a process" is_environment [b"PATH=/"];
    WindowsFile "The start-up file of a Windows system" is_section [b"[boot loader]"];
    WindowsFile "The start-up file of a Windows system" at_line_start [b"; for 16-bit app support"];
    Command "The identity of the server's account" is_identity [b"uid="];
    Command "A folder listing of the server" is_listing [b"total "];
    Command "The output of a Windows command" always [
        b"Volume Serial Number is ", b"Windows IP Configuration", b"Microsoft Windows [Version "];
    Command "The name and version of the system" is_kernel [b"Linux "];
    Settings "The page of phpinfo" is_settings_page [b"phpinfo()</title>"];
    Metadata "The metadata of a cloud machine" always [
        b"ami-launch-index", b"instance-id\ninstance-type", b"\"AccessKeyId\" : \"", b"\"accountId\" : \"",
        b"\"serviceAccounts\":{\"", b"\"azEnvironment\"", b"public-keys/\nreservation-id"];
    Metadata "The metadata of a cloud machine" at_line_start [b"service-accounts/\n", b"computeMetadata/\n"];
    Metadata "The greeting of an internal service" always [
        b"SSH-2.0-OpenSSH", b"redis_version:", b"-ERR wrong number of arguments for 'get' command",
        b"STAT pid ", b"\"cluster_name\" : \"", b"-ERR unknown command"];
    SqlError "An error of MySQL" always [
        b"You have an error in your SQL syntax", b"mysql_fetch_", b"mysqli_sql_exception", b"MySQLSyntaxErrorException",
        b"com.mysql.jdbc.exceptions", b"Unknown column '", b"MySqlClient."];
    SqlError "An error of PostgreSQL" always [
        b"PG::SyntaxError", b"org.postgresql.util.PSQLException", b"unterminated quoted string at or near",
        b"syntax error at or near \"", b"invalid input syntax for type ", b"invalid input syntax for integer",
        b"Warning: pg_query()", b"psycopg2.errors.", b"psycopg2.ProgrammingError", b"pq: syntax error"];
    SqlError "An error of SQL Server" always [
        b"Unclosed quotation mark after the character string", b"Microsoft OLE DB Provider for SQL Server",
        b"Incorrect syntax near ", b"System.Data.SqlClient.SqlException", b"[SQL Server]", b"SqlException (0x"];
    SqlError "An error of Oracle" always [
        b"ORA-00933", b"ORA-01756", b"ORA-00921", b"ORA-00936", b"ORA-01789", b"ORA-01790",
        b"quoted string not properly terminated", b"oracle.jdbc."];
    SqlError "An error of SQLite" always [
        b"sqlite3.OperationalError", b"SQLite3::SQLException", b"SQLITE_ERROR", b"SQLiteException",
        b"unrecognized token: \"", b"near \"'\": syntax error", b"near \"union\": syntax error"];
    SqlError "An error of a database driver" always [
        b"SQLSTATE[", b"java.sql.SQLException", b"java.sql.SQLSyntaxErrorException", b"DB2 SQL error",
        b"DB2 SQL Error: SQLCODE=", b"org.h2.jdbc.Jdbc", b"org.hibernate.exception.SQLGrammarException",
        b"DB::Exception: Syntax error",
        b"SequelizeDatabaseError", b"ODBC SQL ", b"[Microsoft][ODBC"];
    NosqlError "An error of MongoDB" always [
        b"MongoError", b"MongoServerError", b"MongoDB.Driver.", b"com.mongodb.", b"unknown operator: $",
        b"unknown top level operator: $", b"CastError: Cast to "];
    LdapError "An error of the directory service" always [
        b"javax.naming.directory", b"javax.naming.NameNotFoundException", b"LDAPException", b"Invalid DN syntax",
        b"supplied argument is not a valid ldap", b"ldap_search(): ", b"Bad search filter", b"Protocol error occurred"];
    Trace "A stack trace of Python" always [b"Traceback (most recent call last)", b"Werkzeug Debugger"];
    Trace "A stack trace of Java" always [b"\tat java.", b"\tat org.", b"\tat com.", b"Exception in thread \"",
        b"\tat javax.", b"\tat jakarta.", b"java.lang.NullPointerException"];
    Crash "An error of PHP in the page" is_php_error [b"<b>Fatal error</b>:", b"<b>Parse error</b>:",
        b"<b>Warning</b>:", b"<b>Notice</b>:", b"<b>Deprecated</b>:"];
    Trace "A stack trace of PHP" always [b"PHP Fatal error:", b"Fatal error: Uncaught ", b"<b>Fatal error</b>:",
        b"<b>Warning</b>: ", b"Stack trace:\n#0 "];
    Trace "A stack trace of .NET" always [b"   at System.", b"System.NullReferenceException",
        b"Server Error in '/' Application"];
    Trace "A stack trace of Node.js" always [b"    at Module._compile (", b"    at Object.<anonymous> (",
        b"    at Layer.handle [as handle_request]", b"    at process.processTicksAndRejections ("];
    Trace "A stack trace of Go or Rust" always [b"goroutine 1 [running]:", b"runtime error: index out of range",
        b"panicked at src/"];
    Trace "A stack trace of Ruby" always [b"ActionController::", b"ActiveRecord::StatementInvalid"];
    Trace "A stack trace of Ruby" is_ruby_frame [b".rb:"];
    Trace "A debugging page" always [b"seeing this error because you have <code>DEBUG = True</code>",
        b"Whoops! There was an error.", b"Symfony Exception"];
    Secret "A private key" is_key_block [b"-----BEGIN RSA PRIVATE KEY-----", b"-----BEGIN PRIVATE KEY-----",
        b"-----BEGIN EC PRIVATE KEY-----", b"-----BEGIN OPENSSH PRIVATE KEY-----",
        b"-----BEGIN DSA PRIVATE KEY-----", b"-----BEGIN ENCRYPTED PRIVATE KEY-----"];
    Secret "A password in a configuration" is_password [b"DB_PASSWORD=", b"MYSQL_ROOT_PASSWORD=", b"SECRET_KEY_BASE="];
    Secret "A password in a configuration" has_value [b"APP_KEY=base64:"];
    Secret "The secret key of a cloud account" is_key [b"aws_secret_access_key", b"AWS_SECRET_ACCESS_KEY",
        b"aws_secret_key", b"awsSecretAccessKey", b"secretAccessKey", b"SecretAccessKey", b"AKIA", b"ASIA"];
    Secret "The password of a database in source code" is_password [b"define('DB_PASSWORD'", b"define( 'DB_PASSWORD'"];
    Secret "A file of environment variables" is_environment_file [b"PASSWORD=", b"PASSWD=", b"SECRET=", b"TOKEN=", b"KEY="];
    Token "A token of GitHub" is_token [b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"];
    Token "A token of GitLab" is_token [b"glpat-"];
    Token "A token of npm" is_token [b"npm_"];
    Token "A secret key of Stripe" is_token [b"sk_live_", b"rk_live_"];
    Token "A token of Slack" is_token [b"xoxb-", b"xoxp-", b"xoxa-", b"xoxr-", b"xoxs-", b"hooks.slack.com/services/"];
    Token "A key of SendGrid" is_token [b"SG."];
    Token "A secret of Google" is_token [b"GOCSPX-"];
    Token "A token of DigitalOcean" is_token [b"dop_v1_"];
    Token "A key of a language model" is_token [b"sk-proj-", b"sk-svcacct-", b"sk-ant-"];
    Connection "An address with a password" is_password [b"jdbc:", b"postgres://", b"postgresql://", b"mysql://",
        b"mongodb://", b"mongodb+srv://", b"redis://", b"rediss://", b"amqp://", b"amqps://"];
    Source "The descriptor of a Java web application" always [b"<web-app xmlns=", b"<web-app version="];
    Source "A file of a Git repository" always [b"repositoryformatversion = "];
    Source "Source code of PHP" at_start [b"<?php"];
    Listing "A folder listing" always [b"<title>Index of /", b"<title>Directory listing for /",
        b"<h1>Directory Listing For /"];
}

/// All signs in one automaton.
#[derive(Debug)]
pub(super) struct SignSet {
    automaton: Option<AhoCorasick>,
}

impl SignSet {
    pub(super) fn new() -> SignSet {
        let needles = SIGNS.iter().map(|sign| sign.needle);
        // A table that does not build is a bug that the tests show; a node without it still works.
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(needles).ok();
        SignSet { automaton }
    }

    /// The first place of each family that counts.
    pub(super) fn find(&self, body: &[u8], counts: impl Fn(&Found) -> bool) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        let Some(automaton) = &self.automaton else { return found };
        for matched in automaton.find_overlapping_iter(body) {
            let Some(sign) = SIGNS.get(matched.pattern().as_usize()) else { continue };
            let span = matched.start()..matched.end();
            if found.iter().all(|known| known.sign.family != sign.family) && (sign.check)(body, &span) {
                found.extend(Some(Found { sign, span }).filter(&counts));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_builds() {
        assert!(SignSet::new().automaton.is_some());
    }
}
