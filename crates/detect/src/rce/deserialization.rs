//! Serialized objects of languages that run code while reading them.
//!
//! Benign look-alikes: base64 that happens to begin alike is compared with the header bytes of the format, not
//! with a word; PHP arrays of scalars are data, only objects count.

use bartizan_api::attack_type::AttackType;

use crate::signature::{Detector, Places, Signature, Test, Trust};

/// The stamp of the header of a `BinaryFormatter` stream.
pub(crate) const DOTNET_STREAM: u32 = 3509;

/// Types of .NET by which a stream runs something while it is read, and those that hold another stream.
const DANGEROUS_TYPES: [&[u8]; 24] = [
    b"DelegateSerializationHolder",
    b"System.Diagnostics.Process",
    b"ObjectDataProvider",
    b"TypeConfuseDelegate",
    b"SortedSet",
    b"ComparisonComparer",
    b"ActivitySurrogate",
    b"ActivityBind",
    b"WindowsIdentity",
    b"WindowsPrincipal",
    b"ClaimsIdentity",
    b"ClaimsPrincipal",
    b"RolePrincipal",
    b"SessionSecurityToken",
    b"SessionViewState",
    b"TextFormattingRunProperties",
    b"XamlReader",
    b"LosFormatter",
    b"BinaryFormatter",
    b"AxHost",
    b"PSObject",
    b"ToolboxItemContainer",
    b"AssemblyInstaller",
    b"ResourceSet",
];

/// Whether a `BinaryFormatter` stream holds types that run something.
pub(crate) fn makes_a_process(stream: &[u8]) -> bool {
    DANGEROUS_TYPES.iter().any(|name| memchr::memmem::find(stream, name).is_some())
}

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Rce,
    signatures: &[
        Signature {
            stamp: 3501,
            subtype: "rce_java_deser",
            gate: &["\u{0}\u{5}", "ro0ab", "kztaau", "cs7qaf", "aced0005"],
            needs: "",
            test: Test::Pattern(r"\xac\xed\x00\x05|\brO0AB|\bKztAAU|\bCs7QAF|aced0005"),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 3502,
            subtype: "rce_php_deser",
            gate: &["o:", "c:"],
            needs: "",
            test: Test::Pattern(
                r#"(?:^|[;{}\s='"])[oc]:\+?\d{1,4}:\\?["'][\w\\]{1,80}\\?["']:\+?\d{1,4}:\{"#,
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 3503,
            subtype: "rce_python_deser",
            gate: &[
                "cos\n",
                "cposix\n",
                "csubprocess\n",
                "c__builtin__\n",
                "!!python",
                "gasvg",
                "y29zcnlzdgvt",
                "cbuiltins\n",
                "cnt\n",
                "ccommands\n",
                "\u{5}posix",
                "\u{2}nt",
                "\u{2}os",
                "\u{8}builtins",
                "\u{a}subprocess",
            ],
            needs: "",
            test: Test::Pattern(
                r"\bc(?:os|posix|nt|subprocess|__builtin__|builtins|commands)\n(?:system|popen|exec|eval|Popen|call)|\x8c(?:\x05posix|\x02nt|\x02os|\x08builtins|\x0asubprocess)\x94?\x8c.(?:system|popen|exec|eval|call|check_output|run|getattr)|!!python/(?:object|name|module)",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 3504,
            subtype: "rce_dotnet_deser",
            gate: &[
                "aaeaaad/////",
                "objectdataprovider",
                "system.windows.data",
                "$type",
                "system.diagnostics",
                "typeconfusedelegate",
                "windowsidentity",
                "system.data.services.internal",
                "system.windows.markup",
            ],
            needs: "",
            test: Test::Pattern(
                r"AAEAAAD/////|\bobjectdataprovider\b|system\.windows\.data\.|\$type[\x22']?[\s]*:[\s]*[\x22']system\.|system\.diagnostics\.process\b|typeconfusedelegate|system\.data\.services\.internal\.expandedwrapper|system\.windows\.markup\.xamlreader|system\.(?:management\.automation|configuration\.install|web\.ui\.objectstateformatter)",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 3505,
            subtype: "rce_java_deser",
            gate: &[
                "@type",
                "rmi://",
                "ldap://",
                "!!javax",
                "!!com.sun",
                "<java ",
                "java.beans.xmldecoder",
                "dynamic-proxy",
            ],
            needs: "",
            test: Test::Pattern(
                r"@type[\x22']?[\s]*:[\s]*[\x22'](?:com\.sun|java\.|javax\.|org\.|\[)|!!(?:javax|com\.sun|java)\.[\w.]+|<java[^>]{0,60}class[\s]*=[\s]*[\x22']java\.beans|<dynamic-proxy>|<java\.lang\.processbuilder",
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 3506,
            subtype: "rce_node_deser",
            gate: &["_$$nd_func$$_"],
            needs: "",
            test: Test::Pattern(r"_\$\$nd_func\$\$_"),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 3507,
            subtype: "rce_ruby_deser",
            gate: &["!ruby/", "bahv"],
            needs: "",
            test: Test::Pattern(
                r"!ruby/(?:object|hash|struct|regexp|class|module|array|exception|string)\b|^BAh[vbio]\w",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 3508,
            subtype: "rce_python_deser",
            gate: &["gasv", "gawv", "gajj", "ganj", "(dp", "(i", "cos\n"],
            needs: "",
            test: Test::Pattern(
                r"^gA(?:SV|WV|Jj|Nj)[\w+/]{12,}|^\(dp\d+\n|^\(i(?:os|posix|subprocess)\n(?:system|popen)",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        // The header of a `BinaryFormatter` stream, whatever holds it.
        Signature {
            stamp: DOTNET_STREAM,
            subtype: "rce_dotnet_deser",
            gate: &["\u{0}\u{1}\u{0}\u{0}\u{0}"],
            needs: "",
            test: Test::Pattern(r"\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00"),
            trust: Trust::Any,
            places: Places::All,
        },
    ],
};
