//! Keys whose values are identifiers, measures or versions: digits under them are no phone and no card.

use super::words::among;
/// The last word of keys that hold opaque identifiers, digests, times, amounts and other measures.
pub(super) fn is_measure(last: &str) -> bool {
    among(
        "id uuid guid uid ulid oid pk ref reference hash digest sha md etag checksum crc signature sig \
nonce fingerprint commit rev slug seq sequence offset cursor trace span snowflake at ts time \
timestamp epoch ms date expiry expires iat exp nbf ttl duration latency uptime created updated \
count total sum amount price fee balance cost prize pot purse score point rank rating elo mmr xp \
size byte bytes length limit port lat lng lon latitude longitude coordinate coords geo barcode \
ean gtin upc isbn issn sku order invoice ticket parcel serial imei iccid tracking shipment awb \
txn trx transaction receipt voucher coupon batch lot revision seed hex key mac reading odometer",
        last,
    )
}

/// Words that make `…_number`, `…_no` and `…_code` the number of a thing.
pub(super) fn is_thing_numbered(word: &str) -> bool {
    among(
        "order invoice ticket parcel tracking serial batch lot reference ref case match round booking \
receipt transaction txn trx voucher shipment consignment part model item product build version \
bar claim policy job seat table room queue sequence seq confirmation registration line row page \
issue qr sku",
        word,
    )
}

/// Words that make a four-part number a version or a reference into a document.
pub(super) fn is_version(word: &str) -> bool {
    among(
        "version versions ver build builds patch patches firmware fw release hotfix semver revision sdk \
changelog oid rule rules section clause chapter article paragraph driver engine update bios \
kernel appver upgrade",
        word,
    )
}

/// Words that make `…_no`, `…_id` and `…_notes` a version or a reference into a document.
pub(super) fn is_versioned(word: &str) -> bool {
    among(
        "rule section clause article paragraph chapter patch version build release hotfix firmware rulebook bylaw",
        word,
    )
}

/// Words that say what a value is about rather than whose it is: dropped from the end of a key.
pub(super) fn is_modifier(word: &str) -> bool {
    among(
        "old new current previous prev original raw value val str string plain plaintext normalized \
normalised list array all primary secondary alt alternate alternative backup before after e \
local intl international formatted full confirm confirmation again lower canonical \
en bn b v",
        word,
    )
}
