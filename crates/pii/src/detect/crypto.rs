//! Wallets: Bitcoin, Tron and Ethereum addresses whose check sum holds; not transactions, contracts or commit ids.

use super::keccak::keccak256;
use super::{Keyed, Kind, View};
use crate::category::Category;
use crate::hits::Hits;
use crate::keys::{Says, Words, among};
use crate::text;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// The address of a contract, which is nobody's.
const CONTRACT: u8 = 1;

pub(crate) static KIND: Kind = Kind {
    order: 16,
    key: |words| {
        if words.any("contract") && words.last != "id"
            || words.any("token") && matches!(words.last, "address" | "contract")
        {
            return Some(CONTRACT);
        }
        is_key(words).then_some(0)
    },
    own_digits: |_| true,
    judge,
    cover: Some(cover),
    mask: |value| format!("{}***", value.get(..3).unwrap_or("")),
    ..Kind::NONE
};

/// Keys of wallets on a chain; mobile wallets are phones.
fn is_key(words: &Words<'_>) -> bool {
    const CHAINS: &str = "btc bitcoin eth ethereum tron trx usdt usdc erc trc bep bnb bsc polygon matic ltc crypto wallet metamask evm arbitrum base optimism";
    let Words { last, prev, .. } = *words;
    let mobile =
        words.any("bkash nagad rocket upay mobile number no phone mfs balance id type name currency");
    let chain = words.any(CHAINS);
    !mobile
        && (matches!(last, "wallet" | "walletaddress" | "btcaddress" | "ethaddress")
            || chain
                && matches!(
                    last,
                    "address" | "addr" | "account" | "recipient" | "to" | "from" | "payout" | "key"
                )
            || words.len() == 1 && matches!(last, "btc" | "eth" | "metamask" | "trx" | "usdt")
            || matches!(
                (prev, last),
                ("withdraw" | "payout" | "withdrawal" | "deposit", "to" | "address" | "wallet")
            )
            || prev == "wallet" && among("addr eth btc tron public", last))
}

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    let value = keyed.value.trim();
    let hex = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")).unwrap_or("");
    let plain = hex.len() == 40
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
        && !(hex.bytes().any(|b| b.is_ascii_lowercase()) && hex.bytes().any(|b| b.is_ascii_uppercase()))
        && hex.bytes().any(|b| b != b'0');
    if keyed.grade == 0 && plain {
        hits.keyed(Category::CryptoWallet, Some(value));
    }
}

/// Every address whose check sum holds.
fn cover(view: &View<'_>, hits: &mut Hits, covered: &mut Vec<Range<usize>>) {
    let text = view.text;
    if text.len() < 26 || view.digits == 0 || view.context.says == Says::Of(Category::CryptoWallet, CONTRACT)
    {
        return;
    }
    text::runs(
        text.as_bytes(),
        26,
        |b| b.is_ascii_alphanumeric(),
        |start, end| {
            if end - start > 90 {
                return;
            }
            let run = text.get(start..end).unwrap_or("");
            hits.worked(run.len());
            if is_wallet(run) && text::is_unjoined(text, start, end) && !is_contract(text, start) {
                hits.shape(Category::CryptoWallet, run);
                covered.push(start..end);
            }
        },
    );
}

/// The words before it, or the path of an explorer, say that it is a contract or a transaction.
fn is_contract(text: &str, start: usize) -> bool {
    let left = text::left_of(text, start, 32).to_ascii_lowercase();
    let word = left.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    ["contract", "contract address", "token", "/token", "/tx", "contract at", "contract is"]
        .iter()
        .any(|w| word.ends_with(w))
        || left.contains("contract")
}

/// An address of one of the chains.
fn is_wallet(run: &str) -> bool {
    match run.as_bytes() {
        [b'0', b'x', hex @ ..] => hex.len() == 40 && has_mixed_case_sum(run.get(2..).unwrap_or("")),
        [b'1' | b'3', ..] if run.len() <= 35 => {
            base58_payload(run).is_some_and(|p| matches!(p.first(), Some(0 | 5)))
        }
        [b'T', ..] if run.len() == 34 => base58_payload(run).is_some_and(|p| p.first() == Some(&0x41)),
        [b'b' | b'B', b'c' | b'C', b'1', ..] => is_bech32(run),
        _ => false,
    }
}

/// Upper case where the hash of the lower-case letters has a high digit (EIP-55).
fn has_mixed_case_sum(hex: &str) -> bool {
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) || !hex.bytes().any(|b| b.is_ascii_uppercase()) {
        return false;
    }
    let hash = keccak256(hex.to_ascii_lowercase().as_bytes());
    hex.bytes().enumerate().all(|(i, b)| {
        let nibble = hash.get(i / 2).map_or(0, |h| if i % 2 == 0 { h >> 4 } else { h & 15 });
        b.is_ascii_digit() || b.is_ascii_uppercase() == (nibble >= 8)
    })
}

/// The 21 bytes of a base58 text whose last four are the check sum.
fn base58_payload(run: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut number = [0u8; 25];
    for b in run.bytes() {
        let mut carry = ALPHABET.iter().position(|a| *a == b)?;
        for slot in number.iter_mut().rev() {
            carry += usize::from(*slot) * 58;
            *slot = u8::try_from(carry % 256).ok()?;
            carry /= 256;
        }
        if carry != 0 {
            return None;
        }
    }
    let (payload, sum) = number.split_at(21);
    let hash = Sha256::digest(Sha256::digest(payload));
    (hash.get(..4) == Some(sum)).then(|| payload.to_vec())
}

/// The check sum of a segregated witness address (BIP 173, BIP 350).
fn is_bech32(run: &str) -> bool {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let lower = run.to_ascii_lowercase();
    let mixed = lower != run && run.to_ascii_uppercase() != run;
    let step = |sum: u32, value: u32| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ value;
        [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
            .iter()
            .enumerate()
            .fold(next, |s, (i, g): (usize, &u32)| if top >> i & 1 == 1 { s ^ g } else { s })
    };
    // The human-readable part `bc`, taken apart.
    let mut sum = [3, 3, 0, 2, 3].into_iter().fold(1, step);
    for b in lower.bytes().skip(3) {
        let Some(value) = ALPHABET.iter().position(|a| *a == b) else { return false };
        sum = step(sum, u32::try_from(value).unwrap_or(0));
    }
    !mixed && (14..=87).contains(&lower.len()) && matches!(sum, 1 | 0x2bc8_30a3)
}
