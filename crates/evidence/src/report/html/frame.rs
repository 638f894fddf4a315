//! The frame of every page: head, style, and what the page may load.

use super::sections::class;
use super::style::STYLE;
use crate::gate::Verdict;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Scripts, images, fonts, connections: none; the style stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A whole page.
pub(in crate::report) fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="referrer" content="no-referrer";
                title { "smoke: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { h1 { (title) } (body) }
        }
    };
    page.into_string()
}

/// The verdict in a box, with what to make of it.
pub(in crate::report) fn verdict(verdict: Verdict, recommendation: &str, about_staging: bool) -> Markup {
    html! {
        div class={ "verdict " (class(verdict)) } {
            strong { (verdict.word().to_uppercase()) }
            p { (recommendation) }
            @if !about_staging { p { "This run was against the embedded stand-in. It is never evidence about staging." } }
        }
    }
}
