//! Where senders usually name their events.

/// In a body, as JSON pointers, most usual first.
pub(crate) const EVENTS: [&str; 10] = [
    "/type",
    "/event",
    "/event_type",
    "/eventType",
    "/topic",
    "/action",
    "/event/type",
    "/event-data/event",
    "/kind",
    "/name",
];

/// Whether a header's name says that it names the event.
pub(crate) fn names_event(header: &str) -> bool {
    let name = header.to_lowercase();
    (name.contains("event") || name.contains("topic")) && !name.contains("id")
}
