//! Encodings that a sender may lay over a text.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::io::Write;
use unicode_normalization::UnicodeNormalization;

/// One encoding that a sender may lay over a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Coat {
    Percent,
    PercentAll,
    Entities,
    HexEntities,
    Escapes,
    Base64,
    Base64Bare,
    Base64Url,
    Base64UrlBare,
    Json,
    Nfd,
    Nfkd,
    Gzip,
    Zlib,
    Utf16,
    Utf16Big,
    Quoted,
    Words,
    Data,
}

pub(super) const COATS: [Coat; 19] = [
    Coat::Percent,
    Coat::PercentAll,
    Coat::Entities,
    Coat::HexEntities,
    Coat::Escapes,
    Coat::Base64,
    Coat::Base64Bare,
    Coat::Base64Url,
    Coat::Base64UrlBare,
    Coat::Json,
    Coat::Nfd,
    Coat::Nfkd,
    Coat::Gzip,
    Coat::Zlib,
    Coat::Utf16,
    Coat::Utf16Big,
    Coat::Quoted,
    Coat::Words,
    Coat::Data,
];

pub(super) fn cover(coat: Coat, text: &str) -> String {
    let each = |f: &dyn Fn(char) -> String| text.chars().map(f).collect::<String>();
    match coat {
        Coat::Percent => utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        Coat::PercentAll => text.bytes().map(|b| format!("%{b:02x}")).collect(),
        Coat::Entities => each(&|c| format!("&#{};", u32::from(c))),
        Coat::HexEntities => each(&|c| format!("&#X{:X};", u32::from(c))),
        Coat::Escapes => text.encode_utf16().map(|u| format!("\\u{u:04x}")).collect(),
        Coat::Base64 => STANDARD.encode(text),
        Coat::Base64Bare => STANDARD_NO_PAD.encode(text),
        Coat::Base64Url => URL_SAFE.encode(text),
        Coat::Base64UrlBare => URL_SAFE_NO_PAD.encode(text),
        Coat::Json => json!({"k": [text]}).to_string(),
        Coat::Nfd => text.nfd().collect(),
        Coat::Nfkd => text.nfkd().collect(),
        Coat::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            gzip.write_all(text.as_bytes()).unwrap();
            STANDARD.encode(gzip.finish().unwrap())
        }
        Coat::Zlib => {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            zlib.write_all(text.as_bytes()).unwrap();
            URL_SAFE_NO_PAD.encode(zlib.finish().unwrap())
        }
        Coat::Utf16 => STANDARD.encode(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        Coat::Utf16Big => {
            STANDARD.encode(text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>())
        }
        Coat::Quoted => quoted(text),
        Coat::Words => format!("=?utf-8?B?{}?=", STANDARD.encode(text)),
        Coat::Data => format!("data:text/plain;base64,{}", STANDARD.encode(text)),
    }
}

/// Quoted-printable with a soft line end every 60 bytes.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    let mut line = 0;
    for b in text.bytes() {
        let piece = match b {
            b'=' | 0x7f.. | 0..=8 | 11..=31 => format!("={b:02X}"),
            _ => char::from(b).to_string(),
        };
        if line + piece.len() > 60 {
            out.push_str("=\r\n");
            line = 0;
        }
        line = if b == b'\n' { 0 } else { line + piece.len() };
        out.push_str(&piece);
    }
    out
}
