//! Tests of key classes: every spelling, and the keys that only sound like it.

use super::{Role, Says, classify};
use crate::Category;
use crate::detect::{card, ip, name, username};

fn of(key: &str) -> Says {
    classify(key).says
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn keys_of_each_category_are_recognised_in_any_spelling() {
    let table: [(Says, &[&str]); 10] = [
        (
            username::NAME,
            &[
                "username",
                "user_name",
                "userName",
                "login",
                "handle",
                "nick",
                "nickname",
                "screen_name",
                "preferred_username",
                "loginName",
                "owner_username",
                "winnerUsername",
                "usernames",
                "X-Username",
                "Remote-User",
                "X-Forwarded-User",
                "X-Auth-Request-User",
                "discord_username",
                "nicknames",
            ],
        ),
        (
            Says::Of(Category::Phone, 0),
            &[
                "phone",
                "phone_number",
                "mobile",
                "cell",
                "msisdn",
                "whatsapp",
                "contact_no",
                "sms_to",
                "bkash_number",
                "nagad_number",
                "rocket_account",
                "sender_number",
                "payer_msisdn",
                "phones",
                "phoneNumbers",
                "X-Phone",
                "payer_account_number",
                "contactPhone",
                "tel",
                "mobile_numbers",
                "phone2",
                "phone_e164",
            ],
        ),
        (
            name::PERSON,
            &[
                "full_name",
                "real_name",
                "legal_name",
                "first_name",
                "lastName",
                "given_name",
                "family_name",
                "player_name",
                "captain_name",
                "payerName",
                "recipient_name",
                "account_holder",
                "cardholder_name",
                "cardholder",
                "name_on_card",
                "surname",
                "X-Player-Name",
                "account_holder_name",
                "coach_full_name",
                "player_names",
                "user_display_name",
            ],
        ),
        (
            Says::Of(Category::AccountId, 0),
            &[
                "steam_id",
                "steamId64",
                "steamid",
                "riot_id",
                "riot_puuid",
                "puuid",
                "psn_id",
                "xbox_gamertag",
                "gamertag",
                "battletag",
                "battle_tag",
                "epic_account_id",
                "ea_id",
                "pubg_id",
                "mlbb_id",
                "codm_uid",
                "free_fire_uid",
                "discord_id",
                "discord_tag",
                "discord_user_id",
                "ign",
                "in_game_name",
                "inGameName",
                "player_steam_id",
                "steam_ids",
                "captain_ign",
                "call_of_duty_mobile_id",
                "mobile_legends_id",
            ],
        ),
        (
            Says::Of(Category::Token, 0),
            &[
                "secret",
                "api_key",
                "apiKey",
                "access_token",
                "refreshToken",
                "id_token",
                "csrf_token",
                "csrfmiddlewaretoken",
                "private_key",
                "X-Api-Key",
                "X-Auth-Token",
                "client_secret",
                "token",
                "session_token",
                "webhook_secret",
                "aws_secret_access_key",
                "X-CSRF-Token",
                "jwt",
            ],
        ),
        (Says::Of(Category::Token, 4), &["sessionid"]),
        (Says::Of(Category::Token, 1), &["password", "new_password", "db_pass", "passwd", "userPassword"]),
        (
            Says::Of(Category::GovId, 0),
            &[
                "nid",
                "ssn",
                "national_id",
                "nid_number",
                "passport_no",
                "passportNumber",
                "social_security_number",
                "voter_id",
                "birth_certificate_no",
                "passport",
            ],
        ),
        (
            ip::IP,
            &[
                "ip",
                "ip_address",
                "client_ip",
                "remoteIp",
                "ipv4",
                "ips",
                "remote_addr",
                "X-Forwarded-For",
                "Forwarded",
                "X-Real-IP",
                "CF-Connecting-IP",
                "last_login_ip",
                "clientIPAddress",
            ],
        ),
        (card::CARD, &["card_number", "cardNumber", "credit_card", "card_no", "cc_number", "card"]),
    ];
    for (says, keys) in table {
        for key in keys {
            assert_eq!(if of(key) == username::USER { username::NAME } else { of(key) }, says, "{key}");
        }
    }
}

#[test]
fn keys_that_only_sound_like_it_are_not() {
    for key in [
        "handler",
        "login_url",
        "login_method",
        "login_count",
        "username_style",
        "handle_prefix",
        "email_template",
        "username_policy_version",
        "email_sent",
        "ip_allowlist_enabled",
        "ip_version",
        "token_type",
        "token_count",
        "password_policy",
        "secret_version",
        "next_page_token",
        "card_brand",
        "tournament_name",
        "team_name",
        "game_name",
        "venue_name",
        "map_name",
        "sponsor_name",
        "organizer_name",
        "file_name",
        "queue_name",
        "hostname",
        "game_id",
        "steam_app_id",
        "discord_guild_id",
        "discord_channel_id",
        "discord_message_id",
        "steam_linked",
        "match_id",
        "phone_verified",
        "idempotency_key",
        "public_key",
        "last_login",
        "filename",
        "event_name",
        "password_changed_at",
        "token_expires_at",
        "mobile_count",
        "sms_sent",
        "name_style",
        "guild_id",
        "channel_id",
        "team_display_name",
        "company_legal_name",
        "riot_match_id",
        "steam_group_id",
        "league_id",
        "user_id",
        "player_id",
    ] {
        assert!(
            matches!(
                of(key),
                Says::Nothing | Says::Opaque | Says::Id | Says::Version | Says::Host | Says::Part
            ),
            "{key}: {:?}",
            of(key)
        );
    }
}

#[test]
fn digits_under_identifiers_and_measures_are_opaque() {
    for key in [
        "payment_ref_id",
        "match_ids",
        "orderId",
        "invoice_number",
        "ticket_no",
        "created_at",
        "barcode",
        "ean",
    ] {
        assert_eq!(of(key), Says::Opaque, "{key}");
    }
    for key in ["app_version", "build", "patch", "firmware", "sdk_version", "clientVersion"] {
        assert_eq!(of(key), Says::Version, "{key}");
    }
    for key in ["user_agent", "userAgent", "ua", "User-Agent"] {
        assert_eq!(of(key), Says::UserAgent, "{key}");
    }
}

#[test]
fn containers_have_roles() {
    for key in ["user", "players", "captain", "reporter", "participants", "created_by"] {
        assert_eq!(classify(key).role, Role::Person, "{key}");
    }
    for key in ["tournament", "team", "game", "venue", "organization", "home_team"] {
        assert_eq!(classify(key).role, Role::Thing, "{key}");
    }
    assert_eq!(classify("profile").role, Role::Wrapper);
    assert_eq!(classify("0").role, Role::Wrapper);
}
