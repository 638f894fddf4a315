//! Cuts a key into lower-case words: snake, kebab, camel, dotted, spaced, and the usual run-together spellings.

use crate::text;
use foldhash::fast::RandomState;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Keys longer than this say nothing: they are data, not names.
pub(super) const MAX_KEY: usize = 64;

/// The words of a key. Digits are dropped (`phone2`, `id64`), except that nothing else is lost.
pub(super) fn words(key: &str) -> Vec<String> {
    let mut cut = Vec::new();
    let mut word = String::new();
    let mut chars = key.chars().peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        let upper_starts = c.is_uppercase()
            && (last.is_lowercase()
                || (last.is_uppercase() && chars.peek().is_some_and(|n| n.is_lowercase())));
        if (!is_letter(c) || upper_starts) && !word.is_empty() {
            cut.push(std::mem::take(&mut word));
        }
        if is_letter(c) {
            word.extend(c.to_lowercase());
        }
        last = c;
    }
    if !word.is_empty() {
        cut.push(word);
    }
    join_brands(&mut cut);
    let mut out = Vec::with_capacity(cut.len() + 2);
    for word in cut {
        match parts(&word) {
            Some(list) => out.extend(list.split(' ').map(str::to_owned)),
            None => out.push(word),
        }
    }
    out
}

/// A letter, or a mark that belongs to one in the scripts that have such marks.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() || !c.is_ascii() && !c.is_numeric() && text::is_wide_word(c)
}

/// Joins names that are written with a capital inside: `bKash`, `WhatsApp`, `bDay`.
fn join_brands(words: &mut Vec<String>) {
    const BRANDS: [(&str, &str); 7] = [
        ("b", "kash"),
        ("b", "day"),
        ("whats", "app"),
        ("play", "station"),
        ("you", "tube"),
        ("tik", "tok"),
        ("face", "book"),
    ];
    let mut at = 1;
    while let (Some(first), Some(second)) = (words.get(at - 1), words.get(at)) {
        if BRANDS.iter().any(|(a, b)| first == a && second == b) {
            let joined = format!("{first}{second}");
            words.splice(at - 1..=at, [joined]);
        }
        at += 1;
    }
}

/// Whether `word` is one of the words of `list`. Lists are short and every key is looked up once, so they are not sorted.
pub(crate) fn among(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|w| w == word)
}

/// The words of a list that many words of texts are looked up in, and not only those of keys.
pub(crate) type WordSet = LazyLock<HashSet<&'static str, RandomState>>;

/// The set of the words of `list`.
pub(crate) fn word_set(list: &'static str) -> HashSet<&'static str, RandomState> {
    list.split_ascii_whitespace().collect()
}

/// Run-together spellings, taken apart.
fn parts(word: &str) -> Option<&'static str> {
    let word = match word {
        "addresses" | "address" | "sms" | "dms" | "pass" => return None,
        _ => word.strip_suffix('s').unwrap_or(word),
    };
    TOGETHER
        .lines()
        .map(str::trim)
        .filter_map(|row| row.split_once(": "))
        .find(|(key, _)| *key == word)
        .map(|(_, w)| w)
}

/// Run-together spellings and their words.
const TOGETHER: &str = "
    username: user name
    usernam: user name
    uname: user name
    userlogin: user login
    userhandle: user handle
    fullname: full name
    realname: real name
    legalname: legal name
    firstname: first name
    fname: first name
    lastname: last name
    lname: last name
    middlename: middle name
    givenname: given name
    familyname: family name
    displayname: display name
    playername: player name
    captainname: captain name
    coachname: coach name
    payername: payer name
    recipientname: recipient name
    sendername: sender name
    customername: customer name
    contactname: contact name
    screenname: screen name
    loginname: login name
    preferredusername: preferred user name
    summonername: summoner name
    teamname: team name
    accountholder: account holder
    accountname: account name
    accountnumber: account number
    phonenumber: phone number
    phonenum: phone number
    phoneno: phone number
    mobilenumber: mobile number
    mobileno: mobile number
    mobilephone: mobile phone
    cellphone: cell phone
    homephone: home phone
    workphone: work phone
    telno: tel number
    smsto: sms to
    contactno: contact number
    contactnumber: contact number
    whatsappnumber: whatsapp number
    bkashnumber: bkash number
    nagadnumber: nagad number
    cardnumber: card number
    cardno: card number
    cardnum: card number
    creditcard: credit card
    debitcard: debit card
    ccnumber: cc number
    ccnum: cc number
    steamid: steam id
    riotid: riot id
    riotpuuid: riot puuid
    psnid: psn id
    eaid: ea id
    epicid: epic id
    pubgid: pubg id
    mlbbid: mlbb id
    codmid: codm id
    codmuid: codm uid
    freefireid: freefire uid
    freefireuid: freefire uid
    discordid: discord id
    discordtag: discord tag
    xboxid: xbox id
    gamertag: gamer tag
    battletag: battle tag
    ingamename: in game name
    ingameid: in game id
    userid: user id
    accountid: account id
    gameid: game id
    apikey: api key
    secretkey: secret key
    privatekey: private key
    accesskey: access key
    authkey: auth key
    accesstoken: access token
    refreshtoken: refresh token
    idtoken: id token
    authtoken: auth token
    csrftoken: csrf token
    csrfmiddlewaretoken: csrf token
    xsrftoken: csrf token
    sessiontoken: session token
    clientsecret: client secret
    ipaddress: ip address
    ipaddr: ip address
    remoteip: remote ip
    clientip: client ip
    remoteaddr: remote addr
    useragent: user agent
    nationalid: national id
    passportno: passport number
    passportnumber: passport number
    nidnumber: nid number
    nidno: nid number
";

/// The singular of a plural in keys; other words unchanged.
pub(crate) fn singular(word: &str) -> &str {
    if matches!(
        word,
        "sms" | "address" | "pass" | "gps" | "dns" | "os" | "status" | "series" | "canvas" | "cus"
    ) {
        return word;
    }
    if word.ends_with("ies")
        && let Some(one) = in_y(word)
    {
        return one;
    }
    let hissing =
        ["ches", "shes", "xes", "sses", "oes", "uses", "ases"].iter().any(|end| word.ends_with(end));
    if hissing
        && !among(
            "caches niches axes shoes causes houses uses cases bases phases purchases databases \
releases leases increases decreases",
            word,
        )
    {
        return word.strip_suffix("es").unwrap_or(word);
    }
    word.strip_suffix('s').filter(|w| w.len() > 1 && !w.ends_with('s')).unwrap_or(word)
}

/// The word in `y` that a plural in `ies` comes from.
fn in_y(plural: &str) -> Option<&'static str> {
    let stem = plural.strip_suffix("ies")?;
    "category company country city trophy lobby university currency party entry identity body copy story policy \
property activity ability history reply query beneficiary inventory directory repository library penalty royalty \
family community facility territory delivery agency authority nationality secretary deputy factory gallery quality \
quantity"
        .split_ascii_whitespace()
        .find(|word| word.strip_suffix('y') == Some(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_come_to_the_same_words() {
        for key in [
            "payer_phone_number",
            "payerPhoneNumber",
            "PayerPhoneNumber",
            "payer-phone-number",
            "payer.phonenumber",
            "PAYER_PHONE_NUMBER",
            "payer phone number",
        ] {
            assert_eq!(words(key), ["payer", "phone", "number"], "{key}");
        }
        assert_eq!(words("clientIPAddress"), ["client", "ip", "address"]);
        assert_eq!(words("steamID64"), ["steam", "id"]);
        assert_eq!(words("usernames"), ["user", "name"]);
        assert_eq!(words("ipv4"), ["ipv"]);
        assert_eq!(words("X-bKash-Number"), ["x", "bkash", "number"]);
        assert_eq!(words("whats_app"), ["whatsapp"]);
    }

    #[test]
    fn plurals_have_a_singular() {
        for (many, one) in [
            ("users", "user"),
            ("matches", "match"),
            ("coaches", "coach"),
            ("hashes", "hash"),
            ("classes", "class"),
            ("boxes", "box"),
            ("heroes", "hero"),
            ("hotfixes", "hotfix"),
            ("addresses", "address"),
            ("aliases", "alias"),
            ("statuses", "status"),
            ("bonuses", "bonus"),
            ("series", "series"),
            ("caches", "cache"),
            ("releases", "release"),
            ("prizes", "prize"),
            ("cookies", "cookie"),
            ("companies", "company"),
            ("identities", "identity"),
            ("guest", "guest"),
            ("class", "class"),
        ] {
            assert_eq!(singular(many), one, "{many}");
        }
    }
}
