//! What only the names of a request can tell: a path to a prototype, a privilege in somebody's own form, whether a
//! parameter is where a redirect goes.
//!
//! Values are judged one by one; these judgements need their keys and neighbours. They run beside the engine, in
//! [`crate::inspect()`], and carry stamps like any signature.

use bartizan_api::attack_type::AttackType;
use bartizan_request::{Element, Point, PointPath, Role, StepRef};

use crate::engine::StampInfo;

/// A privilege among the fields of a form about a person.
pub(crate) const PRIVILEGE: StampInfo =
    StampInfo { stamp: 17001, attack_type: AttackType::MassAssignment, subtype: "mass_assignment_privilege" };
/// `constructor` above `prototype`, each harmless alone.
pub(crate) const PROTOTYPE_CHAIN: StampInfo =
    StampInfo { stamp: 3404, attack_type: AttackType::Rce, subtype: "rce_node" };
/// The signature that counts only in parameters that say where to go next.
pub(crate) const REDIRECT_ONLY: u32 = 7003;

/// The signatures of a system's path.
pub(crate) const SYSTEM_PATHS: [u32; 2] = [5006, 5010];
/// The signature of a program's path.
pub(crate) const PROGRAM_PATH: u32 = 3003;

/// The signature of a climb within a path.
pub(crate) const CLIMB: u32 = 5003;

/// The signature of an operator of a document database.
pub(crate) const OPERATOR: u32 = 8001;

/// Stamps of this file.
pub(crate) static STAMPS: [StampInfo; 2] = [PROTOTYPE_CHAIN, PRIVILEGE];

/// Whether the point is inside a body that is no form, as services send it to each other. What a decoder brought to light
/// was not meant to be read by who took the body.
pub(crate) fn is_body(point: &PointPath<'_>) -> bool {
    let is_form =
        |path: &PointPath<'_>| matches!(path.last().element(), Element::FormUrlencoded | Element::Multipart);
    point.root_element() == Element::Post && !point.ancestors().any(is_form) && !is_decoded(point)
}

/// Whether the value was hidden in another one.
fn is_decoded(point: &PointPath<'_>) -> bool {
    point.ancestors().any(|path| {
        let element = path.last().element();
        matches!(element, Element::Base64 | Element::Hex | Element::Jwt | Element::HtmlJs)
            || element.name().starts_with("viewstate")
    })
}

/// Whether the point is in a document of XML.
fn is_xml(point: &PointPath<'_>) -> bool {
    point.ancestors().any(|path| path.last().element() == Element::Xml)
}

/// Whether a name is one for persons, secrets or what opens an account.
fn is_personal(name: &str) -> bool {
    const PERSONAL: [&str; 23] = [
        "pass", "pwd", "psw", "token", "secret", "user", "uname", "uid", "login", "mail", "phone", "ssn",
        "auth", "otp", "pin", "code", "key", "hash", "admin", "role", "account", "session", "cred",
    ];
    let name = name.to_ascii_lowercase();
    PERSONAL.iter().any(|part| name.contains(part))
}

/// Whether a name continues `constructor` to `prototype`.
pub(crate) fn is_prototype_chain(point: &PointPath<'_>, name: &[u8]) -> bool {
    name == b"prototype" && point.ancestors().any(|path| key(path.last()) == Some("constructor"))
}

/// Whether the parameter says where to go: by its own name, not by that of a container.
pub(crate) fn is_redirect(point: &PointPath<'_>) -> bool {
    const PARTS: [&str; 7] = ["redir", "return", "next", "goto", "dest", "continue", "forward"];
    let Some(name) = point.ancestors().find_map(|path| key(path.last())) else { return false };
    let name = name.to_ascii_lowercase();
    name == "to" || name == "r" || name == "u" || PARTS.iter().any(|part| name.contains(part))
}

/// Whether the field is a command, an environment or a path of a container in a deployment manifest, whose reader runs it
/// by design.
pub(crate) fn runs_by_design(point: &PointPath<'_>) -> bool {
    const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];
    let decoder = |path: &&PointPath<'_>| matches!(path.last(), StepRef::Simple(_));
    let mut keys = point.ancestors().skip_while(decoder).map(|path| path.last()).filter_map(key);
    match [keys.next(), keys.next(), keys.next()] {
        [Some("command" | "args"), Some("exec"), _] | [Some("path"), Some("hostPath"), _] => true,
        [Some("mountPath"), Some("volumeMounts"), Some(list)]
        | [Some("value"), Some("env"), Some(list)]
        | [Some("command" | "args" | "workingDir"), Some(list), _] => CONTAINERS.contains(&list),
        _ => false,
    }
}

/// Whether the value is the path of a program, as events of a system name it, or of what its services keep: logs, data,
/// certificates, settings of web servers. The files that attackers are after are not among them.
pub(crate) fn is_service_path(value: &[u8]) -> bool {
    const FOLDERS: [&[u8]; 14] = [
        b"/var/log/",
        b"/var/lib/",
        b"/var/www/",
        b"/var/run/",
        b"/usr/",
        b"/opt/",
        b"/etc/nginx/",
        b"/etc/ssl/",
        b"/etc/apache2/",
        b"/etc/httpd/",
        b"/etc/kubernetes/",
        b"/etc/docker/",
        b"/sys/fs/",
        b"/sys/class/",
    ];
    const PROGRAMS: [&[u8]; 3] = [b".exe", b".dll", b".sys"];
    const CREDENTIALS: [&[u8]; 6] = [b"/secrets/", b"/private/", b".key", b"htpasswd", b"shadow", b"token"];
    let is_program = PROGRAMS.iter().any(|ending| value.ends_with(ending));
    // `/etc/enrichment/lookup.csv`: the data of a service in a folder of its own. Settings there hold credentials.
    let is_data =
        value.strip_prefix(b"/etc/").is_some_and(|path| path.contains(&b'/')) && value.ends_with(b".csv");
    (is_program || is_data || FOLDERS.iter().any(|folder| value.starts_with(folder)))
        && value.iter().all(|b| b.is_ascii_graphic())
        && memchr::memmem::find(value, b"..").is_none()
        && !CREDENTIALS.iter().any(|part| memchr::memmem::find(value, part).is_some())
        && !(value.starts_with(b"/etc/kubernetes/") && value.ends_with(b".conf"))
}

/// Whether the field is named as one for files, folders or programs, of services that are told about them: agents, log
/// shippers, deployments. A system's path is no surprise there; in a field of any other name it is.
pub(crate) fn names_a_path(point: &PointPath<'_>) -> bool {
    const PARTS: [&str; 19] = [
        "path",
        "file",
        "dir",
        "folder",
        "mount",
        "log",
        "target",
        "source",
        "src",
        "dest",
        "root",
        "volume",
        "home",
        "conf",
        "command",
        "interpreter",
        "executable",
        "binary",
        "shell",
    ];
    let Some(name) = point.ancestors().find_map(|path| key(path.last())) else { return true };
    let name = name.to_ascii_lowercase();
    name == "name" || PARTS.iter().any(|part| name.contains(part))
}

/// Whether the name is an order to change a profile, as services that count what people do take it:
/// `{"user_properties": {"$set": {…}}}`. Only a body of such a service has them, and only under these names.
pub(crate) fn updates_a_profile(point: &PointPath<'_>, name: &[u8]) -> bool {
    const ORDERS: [&[u8]; 4] = [b"$set", b"$unset", b"$push", b"$inc"];
    const PROFILES: [&str; 2] = ["user_properties", "group_properties"];
    let parent = point.ancestors().find_map(|path| key(path.last()));
    ORDERS.contains(&name) && is_body(point) && parent.is_some_and(|parent| PROFILES.contains(&parent))
}

/// Whether the name is an operator of a query, in a container that documented services take for queries in this language
/// (Parse, Strapi, `CouchDB`, Feathers, data APIs): `where={"score":{"$gte":1000}}`, `filters[id][$in][0]=3`,
/// `{"selector":{"year":{"$gt":2010}}}`. Who sends such a container is understood by it, so the operator breaks out of
/// nothing. What opens an account or runs a script is an attack there as well: comparisons of whatever is named for persons
/// and secrets, and every other operator.
pub(crate) fn queries_by_design(point: &PointPath<'_>, name: &[u8]) -> bool {
    const CONTAINERS: [&str; 5] = ["where", "filter", "filters", "selector", "pipeline"];
    const OPERATORS: [&[u8]; 15] = [
        b"$lt", b"$lte", b"$gt", b"$gte", b"$eq", b"$ne", b"$in", b"$nin", b"$or", b"$and", b"$exists",
        b"$sort", b"$limit", b"$skip", b"$select",
    ];
    const STAGES: [&[u8]; 5] = [b"$match", b"$group", b"$project", b"$sort", b"$unwind"];
    // Cookies, header fields, uploads and what is encoded are no place for queries.
    let is_query = matches!(point.root_element(), Element::Get | Element::GetName);
    let is_upload = point.ancestors().any(|path| path.last().element() == Element::Multipart);
    if !(is_query || point.root_element() == Element::Post) || is_upload || is_decoded(point) {
        return false;
    }
    let keys: Vec<&str> = point.ancestors().map(|path| path.last()).filter_map(key).collect();
    // The order of a list or its length selects nothing: `?$sort[createdAt]=-1`.
    if keys.is_empty() {
        let is_query = matches!(point.first(), StepRef::Simple(Element::GetName));
        return is_query && matches!(name, b"$sort" | b"$limit" | b"$skip");
    }
    let Some(container) = keys.iter().rposition(|key| CONTAINERS.contains(key)) else { return false };
    let inner = keys.get(..container).unwrap_or_default();
    // Above the container, too: `password[filter][$ne]=1` compares a password.
    if keys.iter().any(|key| is_personal(key)) {
        return false;
    }
    if keys.get(container) == Some(&"pipeline") && inner.is_empty() {
        return STAGES.contains(&name);
    }
    OPERATORS.contains(&name)
}

/// Whether a value answers an operator as queries do: there is something to compare with. Against nothing everything holds,
/// which is what an injection is after.
pub(crate) fn answers_operator(point: &PointPath<'_>, value: &[u8], operator: &[u8]) -> bool {
    let is_under = point.ancestors().find_map(|path| key(path.last())).map(str::as_bytes) == Some(operator);
    if names_members(operator) && is_secret_member(value) {
        return false;
    }
    is_under && !value.is_empty() && value != b"null" && value != b"undefined"
}

/// Whether names of members follow the operator.
pub(crate) fn names_members(operator: &[u8]) -> bool {
    operator == b"$sort"
}

/// Whether a value is the name of a member whose order tells a secret.
pub(crate) fn is_secret_member(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(is_personal)
}

/// Whether the point is within what an operator asks for.
pub(crate) fn is_below(point: &PointPath<'_>, operator: &[u8]) -> bool {
    point.ancestors().any(|path| key(path.last()).map(str::as_bytes) == Some(operator))
}

/// Whether the field is named as one for filters of a directory, of services that are configured with them.
pub(crate) fn takes_filter(point: &PointPath<'_>) -> bool {
    let name = point.ancestors().find_map(|path| key(path.last()));
    is_body(point) && !is_xml(point) && name.is_some_and(|name| name.to_ascii_lowercase().ends_with("filter"))
}

/// Whether a value is a filter of a directory from its first parenthesis to the one that closes it. None that compares
/// credentials: nobody configures that, and it tells them letter by letter.
pub(crate) fn is_whole_filter(value: &[u8]) -> bool {
    const CREDENTIALS: [&[u8]; 5] = [b"pass", b"pwd", b"secret", b"credential", b"private"];
    let value = value.trim_ascii();
    let lower = value.to_ascii_lowercase();
    if CREDENTIALS.iter().any(|word| memchr::memmem::find(&lower, word).is_some()) {
        return false;
    }
    if value.first() != Some(&b'(') || value.iter().any(|b| !b.is_ascii_graphic() && *b != b' ') {
        return false;
    }
    let mut open = 0_usize;
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            return at + 1 == value.len();
        }
    }
    false
}

/// Whether the value is a relative path of sources in a member that names sources, as builds are configured:
/// `{"include": ["../src/**/*.ts"]}`, `{"import": "../../components/Button"}`.
pub(crate) fn imports_a_source(point: &PointPath<'_>, value: &[u8]) -> bool {
    const MEMBERS: [&str; 6] = ["import", "imports", "include", "exclude", "extends", "references"];
    const ENDINGS: [&[u8]; 14] = [
        b".ts", b".tsx", b".js", b".jsx", b".mjs", b".cjs", b".vue", b".svelte", b".css", b".scss",
        b".proto", b".md", b".html", b".svg",
    ];
    const SECRETS: [&[u8]; 8] =
        [b"secret", b"passw", b"credential", b".env", b"key", b"token", b"private", b"auth"];
    let name = point.ancestors().find_map(|path| key(path.last()));
    let lower = value.to_ascii_lowercase();
    let is_secret = SECRETS.iter().any(|word| memchr::memmem::find(&lower, word).is_some());
    if is_secret || is_xml(point) || !is_body(point) || !name.is_some_and(|name| MEMBERS.contains(&name)) {
        return false;
    }
    let mut rest = value;
    let mut climbs = 0;
    while let Some(below) = rest.strip_prefix(b"../") {
        (rest, climbs) = (below, climbs + 1);
    }
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'*' | b'.' | b'@');
    let file = rest.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let is_source = ENDINGS.iter().any(|ending| file.ends_with(ending))
        // A component: `Button`.
        || name == Some("import") && file.first().is_some_and(u8::is_ascii_uppercase) && !file.contains(&b'.');
    (1..=2).contains(&climbs)
        && is_source
        && rest.iter().all(is_name)
        && memchr::memmem::find(rest, b"..").is_none()
        && !rest.starts_with(b".")
        && memchr::memmem::find(rest, b"/.").is_none()
        && !rest.starts_with(b"/")
}

/// Whether the field says what a framework calls or makes: the method that a form means, a function and its arguments, a
/// class.
pub(crate) fn says_what_to_call(point: &PointPath<'_>) -> bool {
    // `vars[0]`
    let is_number = |name: &&str| name.bytes().all(|b| b.is_ascii_digit());
    let name = point.ancestors().filter_map(|path| key(path.last())).find(|name| !is_number(name));
    matches!(name, Some("_method" | "function" | "vars" | "filter" | "class" | "__class"))
}

/// Whether a command builds or tests a package, as its description lists them: `{"scripts": {"build": "tsc && rm -rf dist"}}`.
/// What loads something or looks at the system is none of them.
pub(crate) fn builds_a_package(point: &PointPath<'_>, value: &[u8]) -> bool {
    const ACTS: [&[u8]; 14] = [
        b"$(", b"`", b"/etc/", b"/dev/", b"http", b"base64", b"${", b"curl", b"wget", b"nc ", b"whoami",
        b"<(", b"eval", b"../..",
    ];
    let mut keys = point.ancestors().map(|path| path.last()).filter_map(key);
    let is_listed = keys.next().is_some() && keys.next() == Some("scripts");
    is_listed && is_body(point) && !ACTS.iter().any(|word| memchr::memmem::find(value, word).is_some())
}

/// Whether the name of a resource says that it answers statements: `GET /services/data/v60.0/query?q=SELECT+Id+FROM+Account`.
pub(crate) fn answers_statements(resource: &[u8]) -> bool {
    matches!(resource, b"query" | b"queryAll" | b"fql")
}

/// Whether the parameter holds the statement that such a resource is asked.
pub(crate) fn asks_a_statement(point: &PointPath<'_>) -> bool {
    matches!(point.last(), StepRef::Keyed(Element::Get | Element::FormUrlencoded, "q" | "query"))
}

/// Whether the field is named as one for statements, of services that query data with them.
pub(crate) fn takes_sql(point: &PointPath<'_>) -> bool {
    matches!(point.last(), StepRef::Keyed(_, "sql" | "ksql" | "statement"))
}

fn key(step: StepRef<'_>) -> Option<&str> {
    match step {
        StepRef::Keyed(_, key) => Some(key),
        StepRef::Simple(_) | StepRef::Indexed(..) => None,
    }
}

/// Watches the arguments of a request for a privilege that does not belong there.
///
/// Registration and profile forms are short and name a person; a flag such as `is_admin` among such fields is an
/// attempt to be stored along with them. Long documents (exports, event payloads, replies of other systems) carry
/// the same flags honestly, so watching ends after [`Privileges::MAX_ARGUMENTS`] values.
#[derive(Default)]
pub(crate) struct Privileges {
    arguments: usize,
    person: bool,
    password: bool,
    found: Option<Found>,
}

struct Found {
    point: Point,
    value: String,
    needs_password: bool,
}

impl Privileges {
    /// Values and names of query and body beyond which a request is no form.
    const MAX_ARGUMENTS: usize = 28;

    /// Looks at one value of the walk.
    pub(crate) fn note(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) {
        if self.arguments > Self::MAX_ARGUMENTS {
            return;
        }
        let StepRef::Keyed(element, name) = point.last() else { return };
        // Lists of people are exports.
        if point.ancestors().any(|path| matches!(path.last(), StepRef::Indexed(Element::Array, _))) {
            return;
        }
        if role == Role::Name
            || !matches!(element, Element::Get | Element::FormUrlencoded | Element::Hash | Element::Multipart)
        {
            return;
        }
        self.arguments += 1;
        match Kind::of(name) {
            Kind::Person => self.person = true,
            Kind::Password => self.password = true,
            Kind::Flag { needs_password } if matches!(value, b"true" | b"1" | b"True" | b"yes" | b"on") => {
                self.keep(point, value, needs_password);
            }
            Kind::Role if is_privileged_role(value) => self.keep(point, value, true),
            Kind::Flag { .. } | Kind::Role | Kind::Other => {}
        }
    }

    fn keep(&mut self, point: &PointPath<'_>, value: &[u8], needs_password: bool) {
        if self.found.as_ref().is_none_or(|found| found.needs_password && !needs_password) {
            let value = String::from_utf8_lossy(value).into_owned();
            self.found = Some(Found { point: point.to_point(), value, needs_password });
        }
    }

    /// The point and value of the privilege, when the whole request turned out to be such a form.
    pub(crate) fn verdict(self) -> Option<(Point, String)> {
        let found = self.found?;
        let is_form = self.arguments <= Self::MAX_ARGUMENTS
            && if found.needs_password { self.password } else { self.person || self.password };
        is_form.then_some((found.point, found.value))
    }
}

enum Kind {
    Person,
    Password,
    Flag { needs_password: bool },
    Role,
    Other,
}

impl Kind {
    fn of(name: &str) -> Kind {
        if name.len() < 4 || name.len() > 20 {
            return Kind::Other;
        }
        let mut folded = [0u8; 20];
        let mut length = 0;
        let letters = name.bytes().filter(|b| !matches!(b, b'_' | b'-'));
        for (slot, byte) in folded.iter_mut().zip(letters) {
            *slot = byte.to_ascii_lowercase();
            length += 1;
        }
        match std::str::from_utf8(folded.get(..length).unwrap_or_default()).unwrap_or_default() {
            "username" | "email" | "login" | "firstname" | "lastname" | "displayname" | "fullname"
            | "phone" => Kind::Person,
            "password" | "passwd" | "newpassword" | "passwordconfirmation" => Kind::Password,
            "isadmin" | "issuperuser" | "isstaff" | "isroot" | "isadministrator" | "superuser"
            | "isowner" | "superadmin" | "issuperadmin" => Kind::Flag { needs_password: false },
            "admin" | "administrator" | "staff" | "root" => Kind::Flag { needs_password: true },
            "role" | "userrole" | "usertype" | "accounttype" | "group" | "accesslevel" | "privilege" => {
                Kind::Role
            }
            _ => Kind::Other,
        }
    }
}

fn is_privileged_role(value: &[u8]) -> bool {
    matches!(
        value.to_ascii_lowercase().as_slice(),
        b"admin" | b"administrator" | b"root" | b"superuser" | b"superadmin" | b"super_admin" | b"owner"
    )
}

#[cfg(test)]
mod tests {
    use bartizan_request::{Limits, RequestParts};

    use crate::{Engine, NoPolicy, inspect};

    fn types(target: &str, kind: &str, body: &str) -> Vec<&'static str> {
        let headers: [(&[u8], &[u8]); 1] = [(b"Content-Type", kind.as_bytes())];
        let parts = RequestParts {
            method: "POST",
            target: target.as_bytes(),
            headers: &headers,
            body: body.as_bytes(),
            body_truncated: false,
        };
        let found = inspect(&Engine::new(), &parts, &Limits::default(), &mut NoPolicy).detections;
        found.iter().map(|d| d.attack_type.code()).collect()
    }

    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn a_privilege_in_a_personal_form_is_mass_assignment() {
        assert_eq!(types("/users", JSON, r#"{"username":"a","isAdmin":true}"#), ["mass_assignment"]);
        assert_eq!(
            types("/users", JSON, r#"{"user":{"email":"a@example.com","is_superuser":1}}"#),
            ["mass_assignment"]
        );
        assert_eq!(
            types("/register", FORM, "email=a%40example.com&password=x&role=admin"),
            ["mass_assignment"]
        );
        assert_eq!(types("/register", FORM, "user[email]=a&user[is_admin]=true"), ["mass_assignment"]);
    }

    #[test]
    fn privileges_elsewhere_are_the_business_of_the_application() {
        for body in [
            r#"{"is_admin":true}"#,
            r#"{"email":"a@example.com","role":"admin"}"#,
            r#"{"username":"a","is_admin":false}"#,
            r#"{"permissions":{"admin":true,"push":true},"login":"a"}"#,
        ] {
            assert_eq!(types("/users", JSON, body), Vec::<&str>::new(), "{body}");
        }
        let fields: Vec<String> = (0..40).map(|n| format!("\"f{n}\":{n}")).collect();
        let export = format!("{{\"email\":\"a\",\"is_admin\":true,{}}}", fields.join(","));
        assert_eq!(types("/users", JSON, &export), Vec::<&str>::new());
    }

    #[test]
    fn a_path_through_the_constructor_reaches_the_prototype() {
        assert!(types("/a", JSON, r#"{"constructor":{"prototype":{"x":1}}}"#).contains(&"rce"));
        assert!(types("/a", FORM, "constructor[prototype][x]=1").contains(&"rce"));
        assert_eq!(
            types("/a", JSON, r#"{"constructor":{"constructorId":"x"},"prototype":1}"#),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn a_foreign_host_counts_where_a_redirect_goes() {
        assert!(types("/login?next=//evil.example/a", FORM, "").contains(&"redir"));
        assert_eq!(types("/img?src=//cdn.example.com/a.png", FORM, ""), Vec::<&str>::new());
    }

    #[test]
    fn operators_of_documented_query_languages_break_out_of_nothing() {
        for target in [
            r#"/parse/classes/GameScore?where={"score":{"$in":[1,3,5]}}"#,
            r#"/parse/classes/GameScore?where={"playerName":{"$ne":"Michael"}}"#,
            "/articles?filters[id][$in][0]=3&filters[id][$in][1]=6",
            "/articles?filters[$or][0][date][$eq]=2020-01-01",
            "/messages?$sort[createdAt]=-1",
            "/messages?$sort[createdAt]=-1&$sort[title]=1",
        ] {
            assert_eq!(types(target, FORM, ""), Vec::<&str>::new(), "{target}");
        }
        for body in [
            r#"{"selector":{"year":{"$gt":2010}}}"#,
            r#"{"filter":{"qty":{"$lt":30},"status":{"$in":["A","D"]}}}"#,
            r#"{"pipeline":[{"$match":{"status":"A"}},{"$group":{"_id":"$item"}}]}"#,
        ] {
            assert_eq!(types("/a", JSON, body), Vec::<&str>::new(), "{body}");
        }
    }

    #[test]
    fn operators_that_open_accounts_or_run_scripts_are_attacks_there_too() {
        for target in [
            "/login?user[$ne]=a&password[$ne]=b",
            "/a?filter[password][$ne]=x",
            "/a?where[user][role][$ne]=x",
            r#"/a?where={"username":{"$gt":""}}"#,
            r#"/a?where={"$where":"sleep(1)"}"#,
            r#"/a?filter={"name":{"$regex":"^a"}}"#,
            "/a?x[$ne]=1",
            "/a?filter[x][$ne]=",
            "/a?filter[x][$gt]=&y=1",
            r#"/a?filter={"a":{"$ne":null}}"#,
            r#"/a?filter={"a":{"$gt":""}}"#,
            r#"/a?filter={"a":{"$gt":{}}}"#,
            "/a?x[where]=1&y[$gt]=",
            "/a?password[filter][$ne]=1",
            "/a?filter[uname][$ne]=1",
            "/a?filter[psw][$gt]=1",
            "/a?filter[code][$ne]=1",
            "/a?$sort[password]=1",
            "/a?$sort[createdAt]=1&$sort[password]=1",
            "/a?$where=1",
        ] {
            assert!(types(target, FORM, "").contains(&"nosqli"), "{target}");
        }
        for body in [
            r#"{"username":"a","password":{"$gt":""}}"#,
            r#"{"pipeline":[{"$function":{"body":"x"}}]}"#,
            r#"{"pipeline":[{"$lookup":{"from":"users"}}]}"#,
            r#"{"filter":{"x":{"$function":"y"}}}"#,
            r#"{"password":{"filter":{"$ne":1}}}"#,
            r#"{"pipeline":[{"$match":{"x":1}},{"$out":"users"}]}"#,
            r#"{"pipeline":[{"$match":{"x":1}},{"$merge":{"into":"users"}}]}"#,
            r#"{"pipeline":[{"$unionWith":"users"}]}"#,
            r#"{"pipeline":[{"$graphLookup":{"from":"users"}}]}"#,
            r#"{"pipeline":[{"$sort":{"a":1,"password":1}}]}"#,
            r#"{"update":{"$where":"1"}}"#,
        ] {
            assert!(types("/a", JSON, body).contains(&"nosqli"), "{body}");
        }
    }

    #[test]
    fn operators_elsewhere_than_in_query_and_body_are_attacks() {
        let multipart =
            "--b\r\nContent-Disposition: form-data; name=\"filter[x][$ne]\"\r\n\r\n1\r\n--b--\r\n";
        assert!(types("/a", "multipart/form-data; boundary=b", multipart).contains(&"nosqli"));
        // {"filter":{"x":{"$ne":1}}}
        assert!(types("/a?q=eyJmaWx0ZXIiOnsieCI6eyIkbmUiOjF9fX0=", JSON, "").contains(&"nosqli"));
        let headers: [(&[u8], &[u8]); 1] = [(b"Cookie", br#"q={"filter":{"x":{"$ne":1}}}"#)];
        let parts = RequestParts {
            method: "GET",
            target: b"/a",
            headers: &headers,
            body: b"",
            body_truncated: false,
        };
        let found = inspect(&Engine::new(), &parts, &Limits::default(), &mut NoPolicy).detections;
        assert!(found.iter().any(|found| found.attack_type.code() == "nosqli"), "{found:?}");
    }

    #[test]
    fn a_whole_filter_in_a_field_for_filters_is_configuration() {
        for body in [
            r#"{"filter":"(&(objectClass=user)(sAMAccountName=jdoe))"}"#,
            r#"{"user_filter":"(|(cn=a*)(mail=b@c.d))"}"#,
        ] {
            assert_eq!(types("/a", JSON, body), Vec::<&str>::new(), "{body}");
        }
        for body in [
            r#"{"filter":"*)(uid=*))(|(uid=*"}"#,
            r#"{"filter":"(a=b))(|(uid=*)"}"#,
            r#"{"filter":"(uid=a)(|(uid=*))"}"#,
            r#"{"name":"(|(uid=*)(cn=a*))"}"#,
            r#"{"filter":"(&(uid=admin)(!(&(1=0)(userPassword=q*))))"}"#,
            // (|(uid=*)(cn=a*))
            r#"{"filter":"KHwodWlkPSopKGNuPWEqKSk="}"#,
        ] {
            assert!(types("/a", JSON, body).contains(&"ldapi"), "{body}");
        }
        for name in ["name=\"filter\"", "name=\"filter\"; filename=\"a.txt\""] {
            let field = format!(
                "--b\r\nContent-Disposition: form-data; {name}\r\n\r\n(|(uid=*)(cn=a*))\r\n--b--\r\n"
            );
            assert!(types("/a", "multipart/form-data; boundary=b", &field).contains(&"ldapi"), "{name}");
        }
        let document = "<?xml version=\"1.0\"?><a><filter>(|(uid=*)(cn=a*))</filter></a>";
        assert!(types("/a", "application/xml", document).contains(&"ldapi"));
        assert!(types("/a?filter=(|(cn=a*)(mail=*))", FORM, "").contains(&"ldapi"));
    }

    #[test]
    fn sources_of_a_build_are_imported_from_beside() {
        for body in [r#"{"include":["../src/**/*.ts"]}"#, r#"{"import":"../../components/Button"}"#] {
            assert_eq!(types("/a", JSON, body), Vec::<&str>::new(), "{body}");
        }
        for body in [
            r#"{"include":"../../etc/passwd"}"#,
            r#"{"import":"../../../../x/a.ts"}"#,
            r#"{"import":"../.env"}"#,
            r#"{"extends":"../../config/secrets.js"}"#,
            r#"{"extends":"../../../config/base.js"}"#,
            r#"{"import":"../a/../../b.ts"}"#,
            r#"{"include":"../config.php"}"#,
            r#"{"import":"../a\u0000.ts"}"#,
        ] {
            assert!(types("/a", JSON, body).contains(&"ptrav"), "{body}");
        }
        assert!(types("/a?include=../src/a.ts", FORM, "").contains(&"ptrav"));
    }

    #[test]
    fn a_constructor_is_no_method_of_a_form() {
        let body = "_method=__construct&filter[]=system&method=get";
        assert!(types("/index.php?s=captcha", FORM, body).contains(&"rce"));
        assert_eq!(types("/search", FORM, "q=__construct"), Vec::<&str>::new());
    }

    #[test]
    fn functions_and_classes_count_where_they_are_called() {
        for target in [
            r"/?s=/Index/\think\app/invokefunction&function=call_user_func_array&vars[0]=x",
            "/?s=/index/invokefunction&function=call_user_func_array",
            "/?vars[0]=call_user_func",
            r"/?s=index/think\request/input",
            "/?mail[%23post_render][]=exec",
            "/?destination=user?q[%2523post_render][]=exec",
        ] {
            assert!(types(target, FORM, "").contains(&"rce"), "{target}");
        }
        for body in [
            r#"{"as session":{"__class":"GuzzleHttp\\Psr7\\FnStream","x":1}}"#,
            r#"{"as session":{"__construct()":[{"close":null}]}}"#,
        ] {
            assert!(types("/a", JSON, body).contains(&"rce"), "{body}");
        }
        for body in [
            r#"{"q":"call_user_func","r":"__construct()","s":"GuzzleHttp\\Psr7\\FnStream","t":"call_user_func_array"}"#,
            r#"{"/functions/{id}/invokeFunction":1}"#,
            r##"{"a":"C:\\think\\docs\\readme.txt","b":"Acme\\Think\\Model\\User","c":"#pre_render"}"##,
        ] {
            assert_eq!(types("/a", JSON, body), Vec::<&str>::new(), "{body}");
        }
        assert_eq!(types("/search?q=%23pre_render", FORM, ""), Vec::<&str>::new());
    }

    #[test]
    fn a_system_path_is_expected_where_a_field_is_named_for_paths() {
        assert!(types("/a", JSON, r#"{"id":"/var/log/auth.log"}"#).contains(&"ptrav"));
        assert!(types("/a", FORM, "file=/var/log/auth.log").contains(&"ptrav"));
        assert!(types("/a", JSON, r#"{"q":"/usr/bin/python3"}"#).contains(&"rce"));
        for body in [
            r#"{"log_file":"/var/log/auth.log"}"#,
            r#"{"mounts":[{"target":"/var/lib/data"}]}"#,
            r#"{"invocation_command":"/usr/local/bin/python3"}"#,
        ] {
            assert_eq!(types("/a", JSON, body), Vec::<&str>::new(), "{body}");
        }
        assert!(types("/a", JSON, r#"{"log_file":"/etc/passwd"}"#).contains(&"ptrav"));
    }
}
