//! The alphabet of points: every element of the public type table, with its name, arity and number.
//!
//! Names and arities are the wire contract: the flat form of a point can be split back into steps only
//! because each element's arity is fixed here. `X_all` and `X_name` are *norms*: patterns over every
//! value, or every key, of `X`. The walk itself emits base elements and `X_name`; `X_all` only occurs in
//! rules.

/// How many items an element takes in the flat form of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Stands alone, like `post`.
    Simple,
    /// Followed by a string key, like `header`.
    Keyed,
    /// Followed by an integer index, like `path`.
    Indexed,
}

/// What an element is in relation to the type table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// An element of the type table with its public number.
    Base(u8),
    /// Every value of an element.
    All(Element),
    /// Every key name of an element.
    Name(Element),
}

macro_rules! elements {
    ($($variant:ident $name:literal $arity:ident $norm:ident($arg:tt),)*) => {
        /// One element of a point, such as `get` or `json_doc`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Element {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Element {
            /// All elements, base elements first.
            pub const ALL: &'static [Element] = &[$(Element::$variant,)*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Element::$variant => $name,)* }
            }

            /// How many items of the flat form the element takes.
            pub const fn arity(self) -> Arity {
                match self { $(Element::$variant => Arity::$arity,)* }
            }

            /// Base element or pattern over one.
            pub const fn norm(self) -> Norm {
                match self { $(Element::$variant => elements!(@norm $norm $arg),)* }
            }

            /// Finds an element by its wire name.
            pub fn from_name(name: &str) -> Option<Element> {
                match name { $($name => Some(Element::$variant),)* _ => None }
            }
        }
    };
    (@norm Base $id:tt) => { Norm::Base($id) };
    (@norm All $base:tt) => { Norm::All(Element::$base) };
    (@norm Name $base:tt) => { Norm::Name(Element::$base) };
}

impl Element {
    /// The number in the public type table; norms have none.
    pub const fn id(self) -> Option<u8> {
        match self.norm() {
            Norm::Base(id) => Some(id),
            Norm::All(_) | Norm::Name(_) => None,
        }
    }

    /// The element that selects the key names of this one (`get` → `get_name`).
    pub fn name_norm(self) -> Option<Element> {
        Element::ALL.iter().copied().find(|e| e.norm() == Norm::Name(self))
    }

    /// A representative of the elements that address the same thing: `json_obj` and `xml_tag` are
    /// `hash`, `json_array` and `xml_tag_array` are `array`.
    pub const fn canonical(self) -> Element {
        match self {
            Element::JsonObj | Element::XmlTag => Element::Hash,
            Element::JsonArray | Element::XmlTagArray => Element::Array,
            Element::JsonObjAll | Element::XmlTagAll => Element::HashAll,
            Element::JsonObjName | Element::XmlTagName => Element::HashName,
            Element::JsonArrayAll | Element::XmlTagArrayAll => Element::ArrayAll,
            other => other,
        }
    }
}

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

elements! {
    Base64 "base64" Simple Base(0),
    Multipart "multipart" Keyed Base(1),
    Json "json" Keyed Base(2),
    Hash "hash" Keyed Base(3),
    Array "array" Indexed Base(4),
    Pollution "pollution" Simple Base(5),
    Cookie "cookie" Keyed Base(6),
    FormUrlencoded "form_urlencoded" Keyed Base(7),
    Gzip "gzip" Simple Base(8),
    Xml "xml" Simple Base(9),
    XmlAttr "xml_attr" Keyed Base(10),
    XmlPi "xml_pi" Indexed Base(11),
    XmlDtdEntity "xml_dtd_entity" Indexed Base(12),
    XmlDtd "xml_dtd" Simple Base(13),
    XmlTag "xml_tag" Keyed Base(14),
    XmlTagArray "xml_tag_array" Indexed Base(15),
    XmlComment "xml_comment" Indexed Base(17),
    Header "header" Keyed Base(18),
    File "file" Simple Base(19),
    Percent "percent" Simple Base(20),
    ContentDisp "content_disp" Keyed Base(21),
    JsonDoc "json_doc" Simple Base(22),
    JsonObj "json_obj" Keyed Base(23),
    JsonArray "json_array" Indexed Base(24),
    Viewstate "viewstate" Simple Base(25),
    ViewstateArray "viewstate_array" Indexed Base(26),
    ViewstatePair "viewstate_pair" Indexed Base(27),
    ViewstateTriplet "viewstate_triplet" Indexed Base(28),
    ViewstateDict "viewstate_dict" Keyed Base(29),
    ViewstateDictKey "viewstate_dict_key" Simple Base(30),
    ViewstateDictValue "viewstate_dict_value" Simple Base(31),
    ViewstateSparseArray "viewstate_sparse_array" Keyed Base(32),
    HtmlJs "htmljs" Simple Base(33),
    Uri "uri" Simple Base(34),
    Get "get" Keyed Base(35),
    Post "post" Simple Base(36),
    ActionName "action_name" Simple Base(37),
    ActionExt "action_ext" Simple Base(38),
    Path "path" Indexed Base(39),
    Route "route" Simple Base(40),
    Grpc "grpc" Indexed Base(46),
    Protobuf "protobuf" Keyed Base(47),
    ProtobufInt32 "protobuf_int32" Simple Base(48),
    ProtobufInt64 "protobuf_int64" Simple Base(49),
    ProtobufVarint "protobuf_varint" Simple Base(50),
    Jwt "jwt" Keyed Base(51),
    RemoteAddr "remote_addr" Simple Base(52),
    ResponseHeader "response_header" Keyed Base(53),
    ResponseBody "response_body" Simple Base(54),
    Gql "gql" Simple Base(55),
    GqlQuery "gql_query" Keyed Base(56),
    GqlMutation "gql_mutation" Keyed Base(57),
    GqlSubscription "gql_subscription" Keyed Base(58),
    GqlAlias "gql_alias" Simple Base(59),
    GqlArg "gql_arg" Simple Base(60),
    GqlDir "gql_dir" Keyed Base(61),
    GqlSpread "gql_spread" Keyed Base(62),
    GqlFragment "gql_fragment" Keyed Base(63),
    GqlType "gql_type" Keyed Base(64),
    GqlInline "gql_inline" Simple Base(65),
    GqlVar "gql_var" Keyed Base(66),
    Hex "hex" Simple Base(67),
    MultipartAll "multipart_all" Simple All(Multipart),
    JsonAll "json_all" Simple All(Json),
    HashAll "hash_all" Simple All(Hash),
    ArrayAll "array_all" Simple All(Array),
    CookieAll "cookie_all" Simple All(Cookie),
    FormUrlencodedAll "form_urlencoded_all" Simple All(FormUrlencoded),
    XmlAttrAll "xml_attr_all" Simple All(XmlAttr),
    XmlPiAll "xml_pi_all" Simple All(XmlPi),
    XmlDtdEntityAll "xml_dtd_entity_all" Simple All(XmlDtdEntity),
    XmlTagAll "xml_tag_all" Simple All(XmlTag),
    XmlTagArrayAll "xml_tag_array_all" Simple All(XmlTagArray),
    XmlCommentAll "xml_comment_all" Simple All(XmlComment),
    HeaderAll "header_all" Simple All(Header),
    ContentDispAll "content_disp_all" Simple All(ContentDisp),
    JsonObjAll "json_obj_all" Simple All(JsonObj),
    JsonArrayAll "json_array_all" Simple All(JsonArray),
    ViewstateArrayAll "viewstate_array_all" Simple All(ViewstateArray),
    ViewstatePairAll "viewstate_pair_all" Simple All(ViewstatePair),
    ViewstateTripletAll "viewstate_triplet_all" Simple All(ViewstateTriplet),
    ViewstateDictAll "viewstate_dict_all" Simple All(ViewstateDict),
    ViewstateSparseArrayAll "viewstate_sparse_array_all" Simple All(ViewstateSparseArray),
    GetAll "get_all" Simple All(Get),
    PathAll "path_all" Simple All(Path),
    GrpcAll "grpc_all" Simple All(Grpc),
    ProtobufAll "protobuf_all" Simple All(Protobuf),
    JwtAll "jwt_all" Simple All(Jwt),
    ResponseHeaderAll "response_header_all" Simple All(ResponseHeader),
    GqlQueryAll "gql_query_all" Simple All(GqlQuery),
    GqlMutationAll "gql_mutation_all" Simple All(GqlMutation),
    GqlSubscriptionAll "gql_subscription_all" Simple All(GqlSubscription),
    GqlDirAll "gql_dir_all" Simple All(GqlDir),
    GqlSpreadAll "gql_spread_all" Simple All(GqlSpread),
    GqlFragmentAll "gql_fragment_all" Simple All(GqlFragment),
    GqlTypeAll "gql_type_all" Simple All(GqlType),
    GqlVarAll "gql_var_all" Simple All(GqlVar),
    MultipartName "multipart_name" Simple Name(Multipart),
    JsonName "json_name" Simple Name(Json),
    HashName "hash_name" Simple Name(Hash),
    CookieName "cookie_name" Simple Name(Cookie),
    FormUrlencodedName "form_urlencoded_name" Simple Name(FormUrlencoded),
    XmlAttrName "xml_attr_name" Simple Name(XmlAttr),
    XmlTagName "xml_tag_name" Simple Name(XmlTag),
    HeaderName "header_name" Simple Name(Header),
    ContentDispName "content_disp_name" Simple Name(ContentDisp),
    JsonObjName "json_obj_name" Simple Name(JsonObj),
    ViewstateDictName "viewstate_dict_name" Simple Name(ViewstateDict),
    ViewstateSparseArrayName "viewstate_sparse_array_name" Simple Name(ViewstateSparseArray),
    GetName "get_name" Simple Name(Get),
    ProtobufName "protobuf_name" Simple Name(Protobuf),
    JwtName "jwt_name" Simple Name(Jwt),
    ResponseHeaderName "response_header_name" Simple Name(ResponseHeader),
    GqlQueryName "gql_query_name" Simple Name(GqlQuery),
    GqlMutationName "gql_mutation_name" Simple Name(GqlMutation),
    GqlSubscriptionName "gql_subscription_name" Simple Name(GqlSubscription),
    GqlDirName "gql_dir_name" Simple Name(GqlDir),
    GqlSpreadName "gql_spread_name" Simple Name(GqlSpread),
    GqlFragmentName "gql_fragment_name" Simple Name(GqlFragment),
    GqlTypeName "gql_type_name" Simple Name(GqlType),
    GqlVarName "gql_var_name" Simple Name(GqlVar),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for &element in Element::ALL {
            assert_eq!(Element::from_name(element.name()), Some(element));
        }
        assert_eq!(Element::from_name("nothing"), None);
    }

    #[test]
    fn public_numbers_are_those_of_the_type_table() {
        assert_eq!(Element::Base64.id(), Some(0));
        assert_eq!(Element::JsonDoc.id(), Some(22));
        assert_eq!(Element::GqlVar.id(), Some(66));
        assert_eq!(Element::Hex.id(), Some(67));
        assert_eq!(Element::GetAll.id(), None);
    }

    #[test]
    fn norms_name_their_base() {
        assert_eq!(Element::GetAll.norm(), Norm::All(Element::Get));
        assert_eq!(Element::Get.name_norm(), Some(Element::GetName));
        assert_eq!(Element::Post.name_norm(), None);
    }
}
