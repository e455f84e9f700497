//! Private data of people in an answer: payment cards, bank accounts, national ids.
//!
//! What a person may see of themselves is no leak, and digits are mostly something else. So each kind has to pass
//! its own check digits and to be written as people write it or to stand next to its name, and only a full card
//! number is told of when there is one: of the others it takes more than one person has. Where most numbers of a
//! form fail the check, those that pass do so by chance. Evidence is masked.

use std::collections::BTreeSet;

use super::Proof;

const MEANING: &str = "The answer holds private data of people.";
/// Bytes before a number in which its name is looked for.
const NEAR: usize = 48;
/// Most values of a kind that are told apart: enough for each threshold.
const MAX_VALUES: usize = 64;
/// Values that are shown, masked.
const SHOWN: usize = 3;

/// Different values from which on a kind is a leak.
const MIN_CARDS: usize = 1;
const MIN_IDS: usize = 2;
const MIN_ACCOUNTS: usize = 3;
/// Most bytes between a name and its number, such as `": "`.
const BETWEEN: usize = 8;

/// Numbers of test cards, which documentation shows.
const TEST_CARDS: [&str; 12] = [
    "4111111111111111",
    "4012888888881881",
    "4242424242424242",
    "4000056655665556",
    "4222222222222",
    "5555555555554444",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "3530111333300000",
    "30569309025904",
];
/// Lengths of account numbers by country (ISO 13616).
const ACCOUNTS: [(&str, usize); 40] = [
    ("AE", 23),
    ("AT", 20),
    ("BE", 16),
    ("BG", 22),
    ("BR", 29),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FR", 27),
    ("GB", 22),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IS", 26),
    ("IT", 27),
    ("KZ", 20),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("TR", 26),
];

/// Different values of one kind.
#[derive(Default)]
struct Values {
    found: BTreeSet<String>,
    passed: usize,
    failed: usize,
}

impl Values {
    fn note(&mut self, value: String) {
        self.passed += 1;
        if self.found.len() < MAX_VALUES {
            self.found.insert(value);
        }
    }

    /// Notes a value of the same form that fails the check.
    fn miss(&mut self) {
        self.failed += 1;
    }

    /// Whether those that pass do so by more than chance.
    fn is_sound(&self) -> bool {
        self.passed >= self.failed
    }

    fn proof(
        &self,
        least: usize,
        class: &'static str,
        sign: &'static str,
        mask: fn(&str) -> String,
    ) -> Option<Proof> {
        let shown: Vec<String> = self.found.iter().take(SHOWN).map(|value| mask(value)).collect();
        let count = self.found.len();
        let more = if count == MAX_VALUES { " or more" } else { "" };
        (count >= least && self.is_sound()).then(|| Proof {
            vuln_type: "infoleak",
            sign_class: class,
            attempt: None,
            sign,
            meaning: MEANING,
            span: None,
            text: format!("{count}{more}, such as {}", shown.join(", ")),
            needs_baseline: false,
        })
    }
}

/// What was found in an answer.
#[derive(Default)]
struct Found {
    cards: Values,
    ids: Values,
    /// Resident ids of China.
    residents: Values,
    accounts: Values,
}

impl Found {
    /// Notes what a number from here on is.
    fn note_number(&mut self, body: &[u8], at: usize) {
        if let Some((digits, is_grouped)) = number(body, at)
            && (is_grouped || is_card_name(before(body, at)))
        {
            if is_card(&digits) {
                self.cards.note(digits);
            } else if !luhn(&digits) {
                self.cards.miss();
            }
        }
        if let Some(id) = national_id(body, at) {
            self.ids.note(id);
        }
        match whole(body, at, 18).filter(|text| has_resident_form(text)) {
            Some(text) if is_resident_id(text) => self.residents.note(text.to_owned()),
            Some(_) => self.residents.miss(),
            None => {}
        }
    }

    /// Notes what a word that begins with a letter is.
    fn note_word(&mut self, body: &[u8], at: usize, end: usize) {
        if let Some(account) = account(body, at) {
            self.accounts.note(account);
        } else if let Some(code) = body.get(at..end).and_then(fiscal_code) {
            self.ids.note(code);
        }
    }

    /// A proof of each kind, the worst first.
    fn proofs(mut self) -> impl Iterator<Item = Proof> {
        if self.residents.is_sound() {
            for id in self.residents.found {
                self.ids.note(id);
            }
        }
        let cards = self.cards.proof(MIN_CARDS, "card_number", "A payment card number", card_mask);
        let ids = self.ids.proof(MIN_IDS, "national_id", "National ids of people", tail_mask);
        let accounts = self.accounts.proof(MIN_ACCOUNTS, "bank_account", "Bank accounts", tail_mask);
        [cards, ids, accounts].into_iter().flatten()
    }
}

/// The kinds of private data in an answer, which may be cut off.
pub(super) fn leaked(body: &[u8], is_cut: bool) -> impl Iterator<Item = Proof> {
    let body = if is_cut { uncut(body) } else { body };
    let mut found = Found::default();
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let end = at + word(body, at).max(1);
        if byte.is_ascii_digit() {
            found.note_number(body, at);
        } else if byte.is_ascii_alphabetic() {
            found.note_word(body, at, end);
        }
        at = end;
    }
    found.proofs()
}

/// The text without what may be the first part of a longer number.
fn uncut(body: &[u8]) -> &[u8] {
    split_end(body, |byte| byte.is_ascii_alphanumeric() || b" -./_".contains(&byte)).0
}

/// Splits off what is wanted at the end of a text.
fn split_end(text: &[u8], is_wanted: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let length = text.iter().rev().take_while(|byte| is_wanted(**byte)).count();
    text.split_at(text.len() - length)
}

/// The text right before a place.
fn before(body: &[u8], at: usize) -> &[u8] {
    body.get(at.saturating_sub(NEAR)..at).unwrap_or_default()
}

/// Names of card numbers, in lower case, without `_` and `-`.
const CARD_NAMES: [&str; 13] = [
    "card",
    "cardno",
    "cardnum",
    "cardnumber",
    "ccno",
    "ccnum",
    "ccnumber",
    "creditcard",
    "creditcardno",
    "creditcardnumber",
    "debitcard",
    "pan",
    "primaryaccountnumber",
];

/// Whether a text ends in the whole name of a card number, as `"cardNumber": "` does and `"cardId": "` does not.
fn is_card_name(text: &[u8]) -> bool {
    let (text, between) = split_end(text, |byte| b" \t\"'\\:=".contains(&byte));
    if between.len() > BETWEEN {
        return false;
    }
    // `<card>` names what follows, `<td class=card>` does not.
    let (text, is_element) = text.strip_suffix(b">").map_or((text, false), |rest| (rest, true));
    let (text, name) = split_end(text, |byte| byte.is_ascii_alphanumeric() || b" _-".contains(&byte));
    let name = String::from_utf8_lossy(name).to_ascii_lowercase().replace(['_', '-'], "");
    let is_known = |name: &str| CARD_NAMES.contains(&name);
    if is_element {
        return text.ends_with(b"<") && is_known(&name);
    }
    let mut words = name.rsplit(' ');
    let last = words.next().unwrap_or_default();
    // `card number` are two words.
    is_known(last) || words.next().is_some_and(|first| is_known(&format!("{first}{last}")))
}

/// Length of the letters and digits from here on.
fn word(body: &[u8], at: usize) -> usize {
    body.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

/// The digits of a number from here on, alone or in groups of at least three with one space or dash between them, and
/// whether it is grouped as on cards; none where it is part of something longer.
fn number(body: &[u8], at: usize) -> Option<(String, bool)> {
    let joined = |place: usize| matches!(body.get(place), Some(b'.' | b'-' | b'_' | b'/' | b'%' | b'#'));
    let is_later_group =
        at > 1 && matches!(body.get(at - 1), Some(b' ')) && body.get(at - 2).is_some_and(u8::is_ascii_digit);
    if is_later_group || at > 0 && joined(at - 1) {
        return None;
    }
    let (mut digits, mut place) = (String::new(), at);
    let mut groups: Vec<usize> = Vec::new();
    let mut dividers: Vec<u8> = Vec::new();
    loop {
        let group = body.get(place..).unwrap_or_default();
        let length = group.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length > 19 || group.get(length).is_some_and(u8::is_ascii_alphabetic) {
            return None;
        }
        digits.extend(group.iter().take(length).map(|byte| char::from(*byte)));
        groups.push(length);
        place += length;
        let goes_on = length >= 3
            && matches!(body.get(place), Some(b' ' | b'-'))
            && body.get(place + 1).is_some_and(u8::is_ascii_digit);
        if digits.len() > 19 {
            return None;
        }
        if !goes_on {
            break;
        }
        dividers.extend(body.get(place));
        place += 1;
    }
    // A full stop may end a sentence.
    let ends = !joined(place)
        || body.get(place) == Some(&b'.') && !body.get(place + 1).is_some_and(u8::is_ascii_alphanumeric);
    let is_grouped = matches!(groups.as_slice(), [4, 4, 4, 4] | [4, 6, 5])
        && dividers.iter().all(|divider| Some(divider) == dividers.first());
    (digits.len() >= 13 && ends).then_some((digits, is_grouped))
}

fn is_card(digits: &str) -> bool {
    let first = |count: usize| digits.get(..count).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let known = match digits.len() {
        13 | 19 => first(1) == 4,
        14 => matches!(first(2), 36 | 38) || matches!(first(3), 300..=305),
        15 => matches!(first(2), 34 | 37),
        16 => {
            first(1) == 4
                || matches!(first(2), 51..=55 | 65)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011)
        }
        _ => false,
    };
    let repeats = digits.bytes().skip(6).all(|digit| digits.as_bytes().get(6) == Some(&digit));
    known && !repeats && !TEST_CARDS.contains(&digits) && luhn(digits)
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            match (place % 2, digit) {
                (0, digit) => digit,
                (_, digit) if digit > 4 => digit * 2 - 9,
                (_, digit) => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// An account number, whole or in groups of four.
fn account(body: &[u8], at: usize) -> Option<String> {
    let head = body.get(at..at + 4)?;
    let [a, b, c, d] = head else { return None };
    if !(a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit()) {
        return None;
    }
    let country = std::str::from_utf8(head.get(..2)?).ok()?;
    let (_, length) = ACCOUNTS.iter().find(|(known, _)| *known == country)?;
    let mut text = String::with_capacity(*length);
    let mut place = at;
    while text.len() < *length {
        match body.get(place)? {
            b' ' if text.len().is_multiple_of(4) => {}
            byte if byte.is_ascii_uppercase() || byte.is_ascii_digit() => text.push(char::from(*byte)),
            _ => return None,
        }
        place += 1;
    }
    let ends = !body.get(place).is_some_and(u8::is_ascii_alphanumeric);
    (ends && remainder_97(&text) == 1).then_some(text)
}

fn remainder_97(account: &str) -> u32 {
    let (head, rest) = account.split_at(4);
    rest.bytes().chain(head.bytes()).fold(0, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}

/// A number by which a state knows a person: of the United States next to its name, of Brazil as it is written there.
fn national_id(body: &[u8], at: usize) -> Option<String> {
    let is_named = || {
        let text = before(body, at).to_ascii_lowercase();
        [&b"ssn"[..], b"social security", b"social_security"]
            .iter()
            .any(|name| memchr::memmem::find(&text, name).is_some())
    };
    whole(body, at, 11)
        .filter(|text| is_social_security(text) && is_named())
        .or_else(|| whole(body, at, 14).filter(|text| is_cpf(text)))
        .map(str::to_owned)
}

/// So many bytes from here on, unless they are part of something longer.
fn whole(body: &[u8], at: usize, length: usize) -> Option<&str> {
    let joined = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'_');
    if at > 0 && body.get(at - 1).is_some_and(joined) {
        return None;
    }
    let text = body.get(at..at + length)?;
    let after = |place: usize| body.get(place).copied().unwrap_or(b' ');
    // A full stop may end a sentence.
    let goes_on = joined(&after(at + length))
        && (after(at + length) != b'.' || after(at + length + 1).is_ascii_alphanumeric());
    if goes_on { None } else { std::str::from_utf8(text).ok() }
}

/// Whether a text has this form: `0` is a digit, everything else itself.
fn has_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

fn is_social_security(text: &str) -> bool {
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    has_form(text, "000-00-0000")
        && !matches!(part(0..3), "000" | "666" | "123")
        && !part(0..1).starts_with('9')
        && part(4..6) != "00"
        && part(7..11) != "0000"
}

fn is_cpf(text: &str) -> bool {
    if !has_form(text, "000.000.000-00") {
        return false;
    }
    let digits: Vec<u32> =
        text.bytes().filter(u8::is_ascii_digit).map(|byte| u32::from(byte - b'0')).collect();
    let check = |count: u32| {
        let sum: u32 = digits.iter().zip((2..=count + 1).rev()).map(|(digit, weight)| digit * weight).sum();
        (sum * 10 % 11) % 10
    };
    let (Some(first), Some(second)) = (digits.get(9), digits.get(10)) else { return false };
    let repeats = digits.iter().all(|digit| digits.first() == Some(digit));
    !repeats && *first == check(9) && *second == check(10)
}

/// Whether a text is written like a resident id of China: province, place, date of birth, number, check character.
fn has_resident_form(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|text| text.parse::<u32>().ok());
    let (Some(province), Some(year)) = (number(0..2), number(6..10)) else { return false };
    let (Some(month), Some(day)) = (number(10..12), number(12..14)) else { return false };
    let is_province =
        matches!(province, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81 | 82);
    let is_date = (1900..=2030).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let mut bytes = text.bytes().rev();
    let is_check = bytes.next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'X');
    text.len() == 18 && is_province && is_date && is_check && bytes.all(|byte| byte.is_ascii_digit())
}

/// Whether the check character of a text with this form is right.
fn is_resident_id(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = text.bytes().zip(WEIGHTS).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
    let wanted = usize::try_from(sum % 11).ok().and_then(|place| b"10X98765432".get(place));
    text.as_bytes().get(17) == wanted
}

/// The tax code of a person in Italy, with its check character.
fn fiscal_code(word: &[u8]) -> Option<String> {
    const FORM: &[u8] = b"AAAAAA00A00A000A";
    /// Values of 0 to 9, then of A to Z, at odd places.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let fits = word.len() == FORM.len()
        && word.iter().zip(FORM).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            _ => byte.is_ascii_uppercase(),
        });
    if !fits {
        return None;
    }
    let value = |byte: u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let sum: u32 = word
        .iter()
        .take(15)
        .enumerate()
        .map(|(place, byte)| {
            let value = value(*byte);
            if place % 2 == 1 {
                return value;
            }
            usize::try_from(value).ok().and_then(|value| ODD.get(value)).copied().unwrap_or_default()
        })
        .sum();
    let check = word.last().map(|byte| value(*byte));
    (check == Some(sum % 26)).then(|| String::from_utf8_lossy(word).into_owned())
}

/// The issuer and the last four digits, as receipts show them.
fn card_mask(card: &str) -> String {
    let end = card.len().saturating_sub(4);
    let hidden = "*".repeat(end.saturating_sub(6));
    format!("{}{hidden}{}", card.get(..6).unwrap_or_default(), card.get(end..).unwrap_or_default())
}

fn tail_mask(value: &str) -> String {
    let end = value.len().saturating_sub(2);
    format!("{}{}", "*".repeat(end), value.get(end..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(body: &str) -> Option<&'static str> {
        leaked(body.as_bytes(), false).next().map(|proof| proof.sign)
    }

    #[test]
    fn private_data_are_found_and_masked() {
        for body in [
            r#"{"card":"4539578763621486"}"#,
            r#"{"cardNumber": 4539578763621486, "x": 1}"#,
            "Paid with 4539 5787 6362 1486.",
            "<td>4539-5787-6362-1486</td>",
            "Credit card: 379354508162306",
            "Number 3793 545081 62306, thanks",
            "card_number=4539578763621486&x=1",
            "Card No: 4539578763621486",
            "CARD NUMBER 4539578763621486",
            r#"{\"credit_card\": \"4539578763621486\"}"#,
            "pan: 4539578763621486",
            "<card-number>4539578763621486</card-number>",
        ] {
            assert_eq!(sign(body), Some("A payment card number"), "{body}");
        }
        let proof = leaked(br#"{"card":"4539578763621486"}"#, false).next().unwrap();
        assert_eq!((proof.text.as_str(), proof.span), ("1, such as 453957******1486", None));
        for body in [
            r#"[{"ssn":"536-90-4399"},{"ssn":"219-09-9998"}]"#,
            "CPF 529.982.247-25, CPF 111.444.777-35.",
            r#"["11010519491231002X","110101199003076536"]"#,
            "RSSMRA85T10A562S;VRDGPP13R10B293P",
        ] {
            assert_eq!(sign(body), Some("National ids of people"), "{body}");
        }
        let accounts = "DE89370400440532013000 GB82 WEST 1234 5698 7654 32, FR1420041010050500013M02606";
        assert_eq!(sign(accounts), Some("Bank accounts"));
    }

    #[test]
    fn what_only_looks_like_private_data_is_passed_by() {
        for body in [
            // No check digit, a test card, no such issuer, no name nearby.
            r#"{"card":"4539578763621487"}"#,
            r#"{"card":"4111111111111111"}"#,
            r#"{"card":"9539578763621480"}"#,
            r#"{"order":4539578763621486}"#,
            "id=4539578763621486&t=1700000000000",
            // No whole name of a card number.
            r#"{"cardId":4539578763621486}"#,
            r#"{"discard":4539578763621486}"#,
            r#"{"scorecard": "4539578763621486"}"#,
            r#"{"score_card": "4539578763621486"}"#,
            r#"<div class="card" data-id="4539578763621486">"#,
            r#"<div class="card">4539578763621486</div>"#,
            "<div class=card>4539578763621486</div>",
            "card            4539578763621486",
            r#"{"company":4539578763621486}"#,
            // Not grouped as cards are.
            "453 9578 7636 21486",
            "4539 5787-6362 1486",
            "45395787 63621486",
            "4539 5787 6362 1486 123",
            // Parts of longer things.
            r#"{"card":"img-4539578763621486"}"#,
            r#"{"card":"4539578763621486abc"}"#,
            "card 0.4539578763621486, card 45395787636214864539578763621486",
            "4539 5787 6362 1486 4539 5787",
            // What one person has.
            r#"{"ssn":"536-90-4399"}"#,
            "CPF 529.982.247-25",
            "Pay to DE89370400440532013000",
            // Other numbers of the same form.
            "call 536-90-4399 or 219-09-9998",
            r#"{"ssn":"000-12-3456","ssn2":"666-12-3456"}"#,
            "CPF 529.982.247-26 CPF 111.111.111-11",
            "ABCDEF01G02H345I ABCDEF01G02H345K ABCDEF01G02H345L",
            "DE00370400440532013000 GB00WEST12345698765432 FR0020041010050500013M02606",
            r#"["000105194912310024","160101199003076535"]"#,
            r#"["110105204912310026","110105189912310023"]"#,
            "",
        ] {
            assert_eq!(sign(body), None, "{body}");
        }
        // Pages of addresses are ordinary.
        let list: String = (0..50).map(|n| format!("user{n}@mail.example.com\n")).collect();
        assert_eq!(sign(&list), None);
    }

    #[test]
    fn what_ends_where_the_text_is_cut_off_is_not_whole() {
        for (body, ends) in [
            (r#"{"card":"4539578763621486"#, r#"""#),
            ("Paid with 4539 5787 6362 1486", ","),
            ("Paid with 4539 5787 6362 1486 ", "<"),
            ("Paid with 4539 5787 6362 1486 123", "\n4539 5787 6362 1486,"),
            ("CPF 529.982.247-25, CPF 111.444.777-35", ";"),
        ] {
            assert_eq!(leaked(body.as_bytes(), true).next(), None, "{body}");
            assert!(leaked(format!("{body}{ends}").as_bytes(), true).next().is_some(), "{body}{ends}");
        }
    }

    #[test]
    fn resident_ids_count_where_most_of_them_pass_the_check() {
        let wrong = |count: usize| r#","110101199003076537""#.repeat(count);
        let right = r#""11010519491231002X","110101199003076536""#;
        assert_eq!(sign(&format!("[{right}{}]", wrong(2))), Some("National ids of people"));
        assert_eq!(sign(&format!("[{right}{}]", wrong(3))), None);
        // They do not hide the ids of others.
        let others = "CPF 529.982.247-25, CPF 111.444.777-35.";
        assert_eq!(sign(&format!("[{right}{}] {others}", wrong(3))), Some("National ids of people"));
    }

    #[test]
    fn random_numbers_are_hardly_ever_private_data() {
        let mut seed = 7_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 8) % below
        };
        for _ in 0..20 {
            let rows: String = (0..500)
                .map(|_| {
                    let digits = 10_u64.pow(16);
                    let (id, card, key) = (next(digits), next(digits), next(digits));
                    let at = next(10_u64.pow(13));
                    let grouped = [next(10_000), next(10_000), next(10_000), next(10_000)];
                    let [a, b, c, d] = grouped.map(|group| format!("{group:04}"));
                    let born = format!("11010119{:02}0{}{:02}", next(100), 1 + next(9), 10 + next(18));
                    format!(
                        r#"{{"id":{id:016},"at":{at:013},"key":"{key:016X}","cardId":{card:016}}},
                        {a} {b} {c} {d}, {a}-{b}-{c}-{d}, {born}{:04}"#,
                        next(10_000)
                    )
                })
                .collect();
            assert_eq!(sign(&rows), None);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let with_check = |head: String| {
            (0..10).map(|check| format!("{head}{check}")).find(|card| is_card(card)).unwrap_or_default()
        };
        let many: String =
            (0..1000).map(|n| format!("card={}&", with_check(format!("4539{n:011}")))).collect();
        let proof = leaked(many.as_bytes(), false).next().unwrap();
        assert!(proof.text.starts_with("64 or more, such as 453900******"), "{}", proof.text);
        for filler in ["4 ", "4539 ", "DE89 ", "@", "a", "1", "card ", "card 4539578763621487 ", "="] {
            assert_eq!(sign(&filler.repeat(100_000)), None);
            assert_eq!(leaked(filler.repeat(100_000).as_bytes(), true).next(), None);
        }
    }
}
