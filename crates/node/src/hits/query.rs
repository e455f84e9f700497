//! Parameters of a query in its text, found as inspection finds them: names are decoded, `+` is a space, and a `;` may
//! separate too.

use std::borrow::Cow;

use super::MASK;

/// Masks parameters by name in the query of a target; whether a masked one is part of another one's value.
pub(super) fn mask(uri: &mut String, wanted: &impl Fn(&str) -> bool) -> bool {
    let Some((path, query)) = uri.split_once('?') else { return false };
    let (mut masked, mut mixed) = (String::with_capacity(uri.len()), false);
    masked.push_str(path);
    for (index, piece) in query.split('&').enumerate() {
        masked.push(if index == 0 { '?' } else { '&' });
        match masked_piece(piece, wanted) {
            Some(piece_masked) => {
                masked.push_str(&piece_masked);
                mixed |= piece.contains(';');
            }
            None => masked.push_str(piece),
        }
    }
    *uri = masked;
    mixed
}

/// What stands between two `&`, with its value masked if it or a part of it has a wanted name.
pub(super) fn masked_piece(piece: &str, wanted: &impl Fn(&str) -> bool) -> Option<String> {
    let fields = || piece.split(';').filter(|field| field.contains('='));
    if !fields().any(|field| is_wanted(name_of(field), wanted)) {
        return None;
    }
    let key = piece.split(['=', ';']).next().unwrap_or_default();
    Some(format!("{key}={MASK}"))
}

fn name_of(field: &str) -> &str {
    field.split('=').next().unwrap_or_default()
}

/// `name[x]` and `name[]` are values below the same parameter; a name that is no text may be any.
fn is_wanted(name: &str, wanted: &impl Fn(&str) -> bool) -> bool {
    let spaced: Cow<'_, str> = if name.contains('+') { name.replace('+', " ").into() } else { name.into() };
    match percent_encoding::percent_decode_str(&spaced).decode_utf8() {
        Ok(name) => wanted(&name) || name.split_once('[').is_some_and(|(base, _)| wanted(base)),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_however_their_names_are_written() {
        for (uri, wanted, mixed) in [
            ("/a?card+no=4111&b=1", "/a?card+no=********&b=1", false),
            ("/a?card%20no=4111", "/a?card%20no=********", false),
            ("/a?b=1;card+no=4111&c=2", "/a?b=********&c=2", true),
            ("/a?card no[x]=4111;b=2", "/a?card no[x]=********", true),
            ("/a?card%ff=1&b=card+no", "/a?card%ff=********&b=card+no", false),
            ("/a?b=card+no", "/a?b=card+no", false),
            ("/a", "/a", false),
        ] {
            let mut masked = uri.to_owned();
            assert_eq!(mask(&mut masked, &|name| name == "card no"), mixed, "{uri}");
            assert_eq!(masked, wanted);
        }
    }
}
