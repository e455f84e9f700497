//! Countries, and what databases of addresses say where they know none.

/// Countries of ISO 3166-1 (alpha-2), and Kosovo's `XK`, which databases of addresses use.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV \
    BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES \
    ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE \
    IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY \
    MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU \
    NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM \
    SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE \
    VG VI VN VU WF WS XK YE YT ZA ZM ZW";
/// Codes of a source that is of no country: anonymous proxies (`A1`), satellites (`A2`), Asia and the Pacific (`AP`), Europe
/// (`EU`), elsewhere (`O1`), Tor (`T1`), unknown (`XX`).
const OTHERS: &str = "A1 A2 AP EU O1 T1 XX";

/// Whether a text is a country of ISO 3166-1 (alpha-2), or `XK`.
#[must_use]
pub fn is_country(code: &str) -> bool {
    COUNTRIES.split(' ').any(|country| country.eq_ignore_ascii_case(code))
}

/// Whether a text is where the source of a hit may be: a country, or what databases of addresses say instead.
#[must_use]
pub fn is_origin(code: &str) -> bool {
    origins().any(|origin| origin.eq_ignore_ascii_case(code))
}

/// Where the source of a hit may be.
pub fn origins() -> impl Iterator<Item = &'static str> {
    COUNTRIES.split(' ').chain(OTHERS.split(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_in_any_case_and_once() {
        assert!(is_country("de") && is_country("XK") && !is_country("EU") && !is_country("ZZ"));
        assert!(is_origin("eu") && is_origin("T1") && is_origin("NL") && !is_origin("ZZ") && !is_origin(""));
        let mut codes: Vec<&str> = origins().collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!((codes.len(), origins().count()), (257, 257));
        assert!(codes.iter().all(|code| code.len() == 2));
    }
}
