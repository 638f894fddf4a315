//! Values of every new category survive each carrier and encoding, masked ones and names alone never leak.

use super::coats::{COATS, cover};
use crate::{Category, Engine, Memo, Policy, Request};
use proptest::prelude::*;
use serde_json::json;

/// A request without headers.
const BARE: Request<'_> = Request { headers: &[], target: "/", body: b"", own_headers: &[], own_places: &[] };

/// A value of each category that a key decides about, and the key.
const VALUES: [(Category, &str, &str); 14] = [
    (Category::Email, "email", "fox@example.org"),
    (Category::Username, "username", "harbour_fox"),
    (Category::IpAddress, "client_ip", "203.0.113.9"),
    (Category::Phone, "mobile", "+8801712345678"),
    (Category::Card, "card_number", "4111 1111 1111 1111"),
    (Category::Name, "full_name", "Ines Duarte"),
    (Category::Token, "api_key", "Zq8hT2kLmN4pQr6sUv0w"),
    (Category::Iban, "iban", "DE89370400440532013000"),
    (Category::GovId, "national_id", "1840068549499"),
    (Category::PostalAddress, "home_address", "14 Cedar Grove Flat 2 Lahore"),
    (Category::BirthDate, "dob", "1998-03-12"),
    (Category::DeviceId, "mac_address", "0a:1b:2c:3d:4e:5f"),
    (Category::BankAccount, "vpa", "rahim.k@okaxis"),
    (Category::CryptoWallet, "wallet", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
];

/// One way in which a key and a value travel in a text.
type Carrier = (&'static str, fn(&str, &str) -> String);

const CARRIERS: [Carrier; 19] = [
    ("JSON", |k, v| json!({"n": 1, k: v}).to_string()),
    ("JSON lines", |k, v| format!("{{\"n\": 1}}\n{}", json!({k: v}))),
    ("CSV", |k, v| format!("id,{k}\n7,\"{v}\"")),
    ("TSV", |k, v| format!("id\t{k}\n7\t{v}")),
    ("semicolons", |k, v| format!("id;{k}\n7;{v}")),
    ("Markdown table", |k, v| format!("| id | {k} |\n|---|---|\n| 7 | {v} |")),
    ("HTML table", |k, v| {
        format!("<table><tr><th>id</th><th>{k}</th></tr><tr><td>7</td><td>{v}</td></tr></table>")
    }),
    ("logfmt", |k, v| format!("level=info id=7 {k}=\"{v}\" ok=true")),
    ("property file", |k, v| format!("PORT=80\n{}={v}", k.to_uppercase())),
    ("lines", |k, v| format!("id: 7\n{k}: {v}\nok: yes")),
    ("YAML", |k, v| format!("row:\n  id: 7\n  {k}: \"{v}\"")),
    ("XML elements", |k, v| format!("<row><id>7</id><{k}>{v}</{k}></row>")),
    ("XML attributes", |k, v| format!("<row id=\"7\" {k}=\"{v}\"/>")),
    ("SQL", |k, v| format!("INSERT INTO t (id, {k}) VALUES (7, '{v}');")),
    ("form", |k, v| format!("id=7&{k}={}", v.replace('+', "%2B").replace(' ', "+"))),
    ("multipart", |k, v| format!("--b\r\nContent-Disposition: form-data; name=\"{k}\"\r\n\r\n{v}\r\n--b--")),
    ("GraphQL", |k, v| format!("mutation {{ save(input: {{id: 7, {k}: \"{v}\"}}) {{ id }} }}")),
    ("form fields", |k, v| format!("<form><input name=\"{k}\" value=\"{v}\"></form>")),
    ("HTTP message", |k, v| format!("POST /x HTTP/1.1\r\nHost: a.example\r\n\r\n{}", json!({k: v}))),
];

fn engine() -> Engine {
    Engine::new(&Policy::default(), &[], b"").unwrap()
}

#[test]
fn each_value_is_found_in_each_carrier_and_only_there() {
    let engine = engine();
    for (name, carrier) in CARRIERS {
        for (category, key, value) in VALUES {
            let text = carrier(key, value);
            let found: Vec<Category> = engine.scan_text(&text).findings.iter().map(|f| f.category).collect();
            assert_eq!(found, [category], "{name}: {text}");
            // The same value under the key of something else, and no value at all.
            let empty = carrier(key, "");
            assert!(engine.scan_text(&empty).is_clean(), "{name}: {empty}");
            for hidden in ["[REDACTED]", "********"] {
                let masked = carrier(key, hidden);
                assert!(engine.scan_text(&masked).is_clean(), "{name}: {masked}");
            }
        }
        let venue = carrier("venue_address", "12 Station Road York");
        assert!(engine.scan_text(&venue).is_clean(), "{name}: {venue}");
        let order = carrier("order_id", "01712345678");
        assert!(engine.scan_text(&order).is_clean(), "{name}: {order}");
        let version = carrier("app_version", "1.20.3.4");
        assert!(engine.scan_text(&version).is_clean(), "{name}: {version}");
    }
}

#[test]
fn account_and_code_belong_together_in_each_carrier_of_rows() {
    let engine = engine();
    let rows = [
        "account_no,ifsc\n50100123456789,HDFC0001234",
        "account_no=50100123456789&ifsc=HDFC0001234",
        "<r><account_no>50100123456789</account_no><ifsc>HDFC0001234</ifsc></r>",
        "account_no: 50100123456789\nifsc: HDFC0001234",
        "INSERT INTO t (account_no, ifsc) VALUES ('50100123456789', 'HDFC0001234')",
        "{account_no: \"50100123456789\", ifsc: \"HDFC0001234\"}",
        "level=info account_no=50100123456789 ifsc=HDFC0001234",
    ];
    for row in rows {
        assert_eq!(engine.scan_text(row).count(Category::BankAccount), 1, "{row}");
        let alone = row.replace("50100123456789", "");
        assert!(engine.scan_text(&alone).is_clean(), "{alone}");
    }
}

#[test]
fn bodies_are_read_in_any_width_and_packed() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    let engine = engine();
    let request = |body: &[u8]| engine.scan_request(&Request { body, ..BARE }, &Memo::default());
    let text = "{\"dob\": \"১২ মার্চ ১৯৯৮\", \"note\": \"all is well\"}";
    let units = || text.encode_utf16();
    let with = |mark: &[u8], bytes: Vec<u8>| [mark, &bytes].concat();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    let four: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(text.as_bytes()).unwrap();
    let bodies = [
        with(&[0xff, 0xfe], little.clone()),
        with(&[0xfe, 0xff], big.clone()),
        little,
        big,
        with(&[0xff, 0xfe, 0, 0], four),
        gzip.finish().unwrap(),
        with(&[0xef, 0xbb, 0xbf], text.as_bytes().to_vec()),
    ];
    for body in bodies {
        let scan = request(&body);
        assert_eq!(scan.count(Category::BirthDate), 1, "{body:?}");
        assert!(scan.unread.is_empty(), "{body:?}");
    }
    let noise: Vec<u8> = (0..400u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let scan = request(&noise);
    assert!(scan.findings.is_empty() && !scan.unread.is_empty() && !scan.is_clean());
    assert!(request(b"plain text").is_clean());
}

#[test]
fn a_bomb_is_not_read_to_its_end_and_says_so() {
    use base64::Engine as _;
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(&vec![b'a'; 8 << 20]).unwrap();
    let packed = zlib.finish().unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(&packed);
    let scan = engine().scan_payload(&json!({"blob": text}), &[]);
    assert_eq!(scan.unread.first().map(|u| u.place.as_str()), Some("/blob"));
    assert!(scan.bytes_examined < 64 << 20, "{}", scan.bytes_examined);
    let request = Request { body: &packed, ..BARE };
    assert!(!engine().scan_request(&request, &Memo::default()).is_clean());
}

#[test]
fn each_category_is_switched_off_in_one_line() {
    for (category, key, value) in VALUES {
        let policy = Policy::from_value(Some(&json!({"disabled": [category]}))).unwrap();
        let engine = Engine::new(&policy, &[], b"").unwrap();
        assert!(engine.scan_payload(&json!({key: value}), &[]).is_clean(), "{category}");
    }
}

#[test]
fn an_explanation_says_what_decided() {
    let engine = engine();
    let said = |place: &str, value: &str, category: Category| -> Vec<bool> {
        let all = engine.explain(place, value);
        all.reasons.iter().filter(|r| r.category == category).map(|r| r.speaks_for).collect()
    };
    assert_eq!(said("/user/address", "14 Cedar Grove, Lahore", Category::PostalAddress), [true]);
    assert!(!said("/venue/address", "14 Cedar Grove, Lahore", Category::PostalAddress).contains(&true));
    assert!(said("/venue/address", "14 Cedar Grove, Lahore", Category::PostalAddress).contains(&false));
    assert_eq!(said("X-Device-Mac", "0a:1b:2c:3d:4e:5f", Category::DeviceId), [true]);
    let inside = engine.explain("/blob", "cmFoaW1AZ21haWwuY29t");
    assert_eq!(inside.undone, ["base64"]);
    assert_eq!(inside.scan.count(Category::Email), 1);
    assert_eq!(engine.explain("/dob", "[hidden]").key, "birth_date");
}

#[test]
fn encodings_on_each_other_are_undone_one_by_one() {
    let engine = engine();
    let mail = "/unsubscribe?n=1&amp;row=id%2Cdob%0A7%2C%221998-03-12%22".to_owned();
    let list = "%22rows%22%3A%20%5B%22id%26%2344%3Bdob%26%2310%3B7%26%2344%3B1998-03-12%22%5D";
    for text in [mail, format!("%7B{list}%7D")] {
        assert_eq!(engine.scan_text(&text).count(Category::BirthDate), 1, "{text}");
    }
    // The bytes of gzip as zlib writes them: an escaped `/` early in its base64.
    let packed = "H4sIAAAAAAAAA7NJyy%2FKtbPJzCsoLVHIS8xNtVXKzU%2FKzElVUihLzCkFcrUtLAwMzQ2NjE1MzcwtlOxs9MFaANzuwLE5AAAA";
    for escaped in [packed.to_owned(), packed.replace("%2F", "&#47;"), packed.replace("%2F", "\\/")] {
        let scan = engine.scan_text(&escaped);
        assert_eq!((scan.count(Category::Phone), scan.unread.len()), (1, 0), "{escaped}");
        let damaged = escaped.trim_end_matches("E5AAAA");
        assert!(!engine.scan_text(damaged).unread.is_empty(), "{damaged}");
    }
}

#[test]
fn a_value_in_quotes_is_read_whole() {
    let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
    let hash = |text: &str| -> Vec<String> {
        engine.scan_text(text).findings.into_iter().map(|f| f.value_sha256).collect()
    };
    let found = |text: &str, key: &str, value: &str| {
        assert_eq!(hash(text), hash(&json!({key: value}).to_string()), "{text}");
    };
    let name = |text: &str, value: &str| found(text, "full_name", value);
    // Line ends in cells (RFC 4180 section 2).
    for end in ["\n", "\r\n"] {
        let row = format!("id,full_name,n{end}7,\"Ines{end}Duarte\",5{end}8,\"\",9{end}");
        name(&row, &format!("Ines{end}Duarte"));
        let row = format!("id;home_address{end}7;\"14 Cedar Grove{end}Flat 2, \"\"Lahore\"\"\"");
        found(&row, "home_address", &format!("14 Cedar Grove{end}Flat 2, \"Lahore\""));
    }
    // A quote that nothing closes hides no other row.
    name("id,full_name\n7,\"\n8,Ines Duarte\n9,x", "Ines Duarte");
    for (written, value) in [
        (r#""Ines \"Foxy\" Duarte""#, "Ines \"Foxy\" Duarte"),
        (r#""Ines\tDuarte""#, "Ines\tDuarte"),
        (r#""Ines\x20D\u0075art\U00000065" # hers"#, "Ines Duarte"),
        ("'Ines O''Duarte'", "Ines O'Duarte"),
    ] {
        name(&format!("row:\n  id: 7\n  full_name: {written}\n"), value);
    }
    let row =
        |value: &str| format!("INSERT INTO t (id, full_name, n) VALUES (7, '{value}', 'x'), (8, '', '')");
    name(&row("Ines O''Duarte"), "Ines O'Duarte");
    name(&row(r"Ines O\'Duarte"), "Ines O'Duarte");
    name(r"INSERT INTO t (path, full_name) VALUES ('C:\', 'Ines Duarte')", "Ines Duarte");
    name(r#"save(input: {id: 7, full_name: "Ines \"Foxy\" Duarte"})"#, "Ines \"Foxy\" Duarte");
}

#[test]
fn a_plus_in_base64_is_no_blank() {
    let engine = engine();
    // gzip of `username=harbour_fox&n=103`.
    let packed = "H4sIAAAAAAACAystTi3KS8xNtc1ILErKLy2KT8uvUMuzNTQwBgD+/Zz0GgAAAA==";
    let escaped = packed.replace('/', "%2F").replace('=', "%3D");
    for packed in [packed, &escaped] {
        let form = format!("id=7&blob={packed}&note=a+b");
        for text in [&form, &format!("see /x?{form} for more"), &format!("/x?{form}#top")] {
            let scan = engine.scan_text(text);
            assert_eq!((scan.count(Category::Username), scan.unread.len()), (1, 0), "{text}");
        }
        let headers = [("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        for (headers, target, body) in [(&headers[..], "/", &*form), (&[], &*format!("/x?{form}"), "")] {
            let request = Request { headers, target, body: body.as_bytes(), ..BARE };
            let scan = engine.scan_request(&request, &Memo::default());
            assert_eq!((scan.count(Category::Username), scan.unread.len()), (1, 0), "{target} {body}");
        }
    }
    let blanks = "full_name=Ines+Francisca+Duarte&n=1";
    assert_eq!(engine.scan_text(blanks).count(Category::Name), 1);
}

/// What is found in each text is the one category, or nothing.
fn each_is(table: &[(Option<Category>, &[&str])]) {
    let engine = engine();
    for (expected, texts) in table {
        for text in *texts {
            let found: Vec<Category> = engine.scan_text(text).findings.iter().map(|f| f.category).collect();
            assert_eq!(found, Vec::from_iter(*expected), "{text}");
        }
    }
}

#[test]
fn the_name_of_a_field_opens_objects() {
    let input = |name: &str, value: &str| format!("<form><input name=\"{name}\" value=\"{value}\"></form>");
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--")
    };
    let fields =
        [("user[name]", "Ines Duarte"), ("venue[address]", "14 Cedar Grove"), ("team[name]", "Hawks")];
    let [own, of_venue, of_team] = fields.map(|(name, value)| [input(name, value), part(name, value)]);
    let clean: Vec<&str> = of_venue.iter().chain(&of_team).map(String::as_str).collect();
    each_is(&[
        (Some(Category::Name), &own.each_ref().map(String::as_str)),
        (
            Some(Category::Name),
            &[
                "user[name]=Ines+Duarte&k=1",
                "see /x?user%5Bname%5D=Ines+Duarte&k=1 for more",
                "players[0][name]=Ines+Duarte&k=1",
                "players[][name]=Ines+Duarte&k=1",
                "players[0].name=Ines+Duarte&k=1",
                "players_attributes[0][name]=Ines+Duarte&team[name]=Hawks",
            ],
        ),
        (
            Some(Category::Geo),
            &[
                "driver[lat]=51.507351&driver[lng]=-0.127758&k=1",
                "driver[lat]=51.507351&venue[name]=Hall&n=2&driver[lng]=-0.127758",
            ],
        ),
        (Some(Category::BankAccount), &["a[account_no]=50100123456789&n=1&a[ifsc]=HDFC0001234"]),
        (Some(Category::BirthDate), &["user[dob][year]=1998&user[dob][month]=3&n=1&user[dob][day]=12"]),
        (Some(Category::Username), &["usernames[]=harbour_fox&k=1", "user[login]=harbour_fox&k=1"]),
        (None, &clean),
        (
            None,
            &[
                "venue[address]=14+Cedar+Grove&k=1",
                "see /x?venue[address]=14+Cedar+Grove&k=1 for more",
                "order[venue][address]=14+Cedar+Grove&k=1",
                "venue[address]=14+Cedar+Grove",
                "team[name]=Hawks&k=1",
                "venue[lat]=51.507351&venue[lng]=-0.127758",
                "driver[lat]=51.507351&venue[lng]=-0.127758",
                "page[number]=3&filter[name]=Hawks",
                "user[username]=&user[email]=",
            ],
        ),
    ]);
}

#[test]
fn a_table_has_names_that_are_no_plain_words() {
    each_is(&[
        (
            Some(Category::Username),
            &[
                "| # | Username |\n|---|---|\n| 1 | harbour_fox |",
                "| | Username |\n|--|--|\n|1|harbour_fox|",
                "| **Username** | Won? |\n|:--|--:|\n| harbour_fox | 4 |",
                "| username |\n|---|\n| harbour_fox |",
                "| username | 2025 | 2026 |\n|---|---|---|\n| harbour_fox | 3 | 4 |",
                "+----+-------------+\n| id | username    |\n+----+-------------+\n|  1 | harbour_fox |\n+----+-------------+",
                " # | username\n---+-------------\n 1 | harbour_fox\n(1 row)",
                ",username,pts\n0,harbour_fox,4\n",
                "\"\",\"username\"\n\"1\",\"harbour_fox\"",
                "id,username,win %\n1,harbour_fox,40%\n",
                "#;username;price €\n1;harbour_fox;3",
                "username\t+/-\nharbour_fox\t3",
                "username,2fa\nharbour_fox,on",
            ],
        ),
        (Some(Category::PostalAddress), &["id,address,n\r\n1,\"House 12,\r\nRoad 7, Uttara\",3\r\n"]),
        // What is said in two lines with commas in them stays whole.
        (Some(Category::Geo), &["Running late, 50% there\nI am at 51.507351, -0.127758"]),
        (Some(Category::PostalAddress), &["Hi team, don't worry\nMy address is 14 Cedar Grove, Lahore"]),
        (
            None,
            &[
                "| # | Version |\n|---|---|\n| 1 | 1.2.3.4 |",
                "id,app version,win %\n1,1.2.3.4,40%\n",
                "| # | Team |\n|---|---|\n| 1 | Hawks |",
                "| # | Username |\n|---|---|\n| 1 | |",
                "| venue address | % |\n|---|---|\n| 14 Cedar Grove | 3 |",
                ",team_name,pts\n0,Hawks,4\n",
                "login, 50% off\nThanks, everyone",
                "Login, username & password?\nYes, please",
                "username | must be unique!\npassword | at least 12",
                "user - x\n--- + ---\nlogin",
            ],
        ),
    ]);
}

#[test]
fn elements_of_xml_may_be_called_as_those_of_html() {
    each_is(&[
        (
            Some(Category::Username),
            &[
                "<data><username><![CDATA[harbour_fox]]></username></data>",
                "<table name=\"users\"><column name=\"username\">harbour_fox</column></table>",
                "<form><section><login>harbour_fox</login></section></form>",
            ],
        ),
        (
            Some(Category::Name),
            &[
                "<object><output><customer><name>Ines Duarte</name></customer></output></object>",
                "<data>\n<fullName><![CDATA[Ines Duarte]]></fullName>\n</data>",
            ],
        ),
        (
            Some(Category::PostalAddress),
            &[
                "<customer><address>14 Cedar Grove, Lahore</address></customer>",
                "<data><address>14 Cedar Grove, Lahore</address></data>",
                "<div class=\"card\"><address>14 Cedar Grove, Lahore</address></div>",
            ],
        ),
        (
            None,
            &[
                "<venue><address>14 Cedar Grove, Lahore</address></venue>",
                "saved <venue><id>4</id><address>14 Cedar Grove, Lahore</address></venue> in 3 ms",
                "<data><venue id='3'><address>14 Cedar Grove, Lahore</address></venue></data>",
                "<object><title>Build 1.2.3.4</title><version>1.2.3.4</version></object>",
                "<map><name>Ascent</name></map>",
                "<data><username><![CDATA[]]></username></data>",
                // HTML, whatever else stands in it.
                "<main class='x'><h1>Login</h1><p>Choose your <b>username</b></p><br></main>",
                "<body><header class='top'><my-nav></my-nav></header><p>Hello</p><hr/></body>",
                "<form><label for=\"username\">Username</label><input name=\"username\"></form>",
                "<table><tr><th>Username</th><th>Points</th></tr></table>",
            ],
        ),
    ]);
}

#[test]
fn yaml_has_values_of_several_lines_lists_tags_and_anchors() {
    each_is(&[
        (
            Some(Category::Name),
            &[
                "first_name: |\n  Ines\nx: 1",
                "player_names:\n  - Ines Duarte\n  - Bo\nx: 1",
                "user: &u\n  name: Ines Duarte\n  id: 3",
                "players:\n- id: 4\n  name: >-\n    Ines\n    Duarte\n  n: 3",
            ],
        ),
        (
            Some(Category::Username),
            &[
                "username: >\n  harbour_fox\nx: 1",
                "username: |2-  # hers\n   harbour_fox\nx: 1",
                "username: &u !!str 'harbour_fox'\nx: 2",
                "usernames:\n- harbour_fox\n- bo_li\n- k_d\n- a_e\nx: 1",
                "payload: |\n  {\"username\": \"harbour_fox\"}\nx: 2",
                "rows: |\n  id,username\n  1,harbour_fox\nx: 2",
            ],
        ),
        (Some(Category::Phone), &["phones:\n  - 0221 4710\n", "phones:\n  - '0221 4710' # hers\nx: 2"]),
        (Some(Category::BirthDate), &["dob: !!str 1991-02-14\nx: 2", "dob: &d 1991-02-14\nx: 2"]),
        (
            Some(Category::PostalAddress),
            &[
                "address: >-\n  14 Cedar Grove,\n  Lahore\nid: 3\n",
                "user:\n  address: |\n    14 Cedar Grove\n    Lahore\n  id: 3",
            ],
        ),
        (
            Some(Category::Geo),
            &[
                "driver:\n  lat: 51.507351\n  lng: -0.127758",
                "driver:\n  coordinates:\n    - 51.507351\n    - -0.127758\n",
            ],
        ),
        (Some(Category::Token), &["password: &Hj82kLq0z\nx: 1", "password: |-\n  Hj82kLq0z\nx: 1"]),
        (
            None,
            &[
                "Notes:\n  - call Ines\n  - pay",
                "Usernames:\n  - must be unique\n  - Short",
                "usernames:\n  - must be unique\n  - at most 20 letters\nx: 1",
                "venue:\n  address: |\n    14 Cedar Grove\n  id: 3",
                "venue: &v\n  address: 14 Cedar Grove\n  id: 3",
                "venue:\n  addresses:\n    - 14 Cedar Grove\n  id: 3",
                "note: |\n  Round 3 begins\nx: 1",
                "team_names:\n  - Hawks\n  - Lions\nx: 1\n",
                "versions:\n  - 1.2.3.4\n  - 1.2.3.5\nx: 1",
                "version: !!str 1.2.3.4\nx: 1",
                "order_ids:\n  - 01712345678\nx: 1",
                "username: |\nx: 1",
                "username: !!null\nx: 1",
                "usernames: []\nx: 1",
                "usernames:\n  - '***'\n  - ~\nx: 1",
                "a: 1\nb: 2\n- harbour_fox\n- bo",
            ],
        ),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_labelled_value_is_found_in_every_carrier_and_encoding(
        value in 0..VALUES.len(), carrier in 0..CARRIERS.len(),
        coats in proptest::collection::vec(proptest::sample::select(&COATS[..]), 0..=3),
    ) {
        let (category, key, value) = VALUES[value];
        let mut text = (CARRIERS[carrier].1)(key, value);
        for coat in &coats {
            text = cover(*coat, &text);
        }
        let scan = engine().scan_payload(&json!({"data": {"note": text}}), &[]);
        prop_assert!(scan.findings.iter().any(|f| f.category == category && f.place == "/data/note"), "{} {coats:?} {text}", CARRIERS[carrier].0);
        prop_assert!(scan.unread.is_empty());
    }

    #[test]
    fn a_clean_text_stays_clean_in_every_encoding(
        carrier in 0..CARRIERS.len(),
        coats in proptest::collection::vec(proptest::sample::select(&COATS[..]), 0..=3),
    ) {
        let mut text = (CARRIERS[carrier].1)("status", "late and pending");
        for coat in &coats {
            text = cover(*coat, &text);
        }
        let scan = engine().scan_payload(&json!({"data": {"note": text}}), &[]);
        prop_assert!(scan.is_clean(), "{coats:?} {text} {:?}", scan.findings);
    }
}
