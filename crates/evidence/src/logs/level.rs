//! How bad a line is by its level, as the logging libraries of the world write it.

/// Whether a line is an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Level {
    /// ERROR or above.
    Severe,
    /// Below ERROR.
    Mild,
    /// The line names none, or none that is known: it may be an error.
    #[default]
    Unknown,
}

/// Names of levels from ERROR on: Python's, syslog's, Java's, the letters of klog, and what logrus, log15, zerolog and Serilog make of
/// them where each takes as many columns.
const SEVERE: [&str; 20] = [
    "ERROR",
    "CRITICAL",
    "FATAL",
    "ERR",
    "CRIT",
    "ALERT",
    "EMERG",
    "EMERGENCY",
    "PANIC",
    "DPANIC",
    "SEVERE",
    "ERRO",
    "EROR",
    "FATA",
    "FTL",
    "PANI",
    "PNC",
    "E",
    "F",
    "C",
];
/// Names of levels below it.
const MILD: [&str; 29] = [
    "INFO",
    "WARNING",
    "DEBUG",
    "WARN",
    "NOTICE",
    "TRACE",
    "INFORMATION",
    "INFORMATIONAL",
    "VERBOSE",
    "SUCCESS",
    "DEFAULT",
    "CONFIG",
    "FINE",
    "FINER",
    "FINEST",
    "NOTSET",
    "INF",
    "WRN",
    "DBG",
    "DBUG",
    "DEBU",
    "TRC",
    "TRAC",
    "TRCE",
    "VRB",
    "I",
    "W",
    "D",
    "T",
];

/// Names of levels that are words of every day as well, and say nothing at the beginning of a line.
const AMBIGUOUS: [&str; 5] = ["DEFAULT", "CONFIG", "FINE", "FINER", "FINEST"];

/// Whether a word names a level by itself, in any case: no letter alone, and no word that lines begin with otherwise.
pub(super) fn names_level(word: &str) -> bool {
    let is = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
    word.len() > 2 && (is(&SEVERE) || is(&MILD)) && !is(&AMBIGUOUS)
}

/// Where a level is a word, and a number something else: Datadog's `status` is that of a response elsewhere.
pub(super) const WORDS: [&str; 2] = ["status", "priority"];
/// Keys of Python's numbers.
const PYTHON: [&str; 2] = ["levelno", "level_number"];
/// Keys of OpenTelemetry's numbers.
const OTEL: [&str; 3] = ["severity_number", "SeverityNumber", "severityNumber"];

impl Level {
    pub(super) fn of(word: &str) -> Self {
        let word = word.trim();
        let is = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name));
        match word.parse() {
            Ok(number) => Self::of_number("", number),
            Err(_) if is(&MILD) => Self::Mild,
            Err(_) if is(&SEVERE) => Self::Severe,
            Err(_) => Self::Unknown,
        }
    }

    /// Of the word at a key; `None` where it is a number of something else.
    pub(super) fn of_word(key: &str, word: &str) -> Option<Self> {
        let is_other = WORDS.contains(&key) && word.parse::<f64>().is_ok();
        (!is_other).then(|| Self::of(word))
    }

    /// Of a number. Python (`levelno`) has 40 for ERROR and 30 for WARNING; bunyan and pino 50 for error and 40 for warn; syslog
    /// and GELF count down, 3 being an error and 4 a warning; OpenTelemetry has 17 for ERROR; Cloud Logging (`severity`) 500, and 400 for
    /// WARNING. What one calls an error and another does not is unknown.
    pub(super) fn of_number(key: &str, number: i64) -> Self {
        match number {
            _ if WORDS.contains(&key) => Self::Unknown,
            17.. if OTEL.contains(&key) => Self::Severe,
            1.. if OTEL.contains(&key) => Self::Mild,
            _ if OTEL.contains(&key) => Self::Unknown,
            100..500 if key == "severity" => Self::Mild,
            100..400 => Self::Mild,
            40..50 if PYTHON.contains(&key) => Self::Severe,
            0..=3 if !PYTHON.contains(&key) => Self::Severe,
            50.. => Self::Severe,
            4..=7 | 10..40 => Self::Mild,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_of_many_libraries() {
        for word in ["ERROR", "error", " Critical ", "err", "eror", "FTL", "E", "panic", "50", "60"] {
            assert_eq!(Level::of(word), Level::Severe, "{word}");
        }
        for word in ["INFO", "warning", "Notice", "W", "dbug", "WRN", "success", "30", "20"] {
            assert_eq!(Level::of(word), Level::Mild, "{word}");
        }
        for word in ["", "loud", "40", "8", "-1"] {
            assert_eq!(Level::of(word), Level::Unknown, "{word}");
        }
        assert_eq!(Level::of_number("levelno", 40), Level::Severe);
        assert_eq!(Level::of_number("level_number", 40), Level::Severe);
        assert_eq!(Level::of_number("levelno", 0), Level::Unknown);
        assert_eq!(
            (Level::of_number("level", 3), Level::of_number("level", 4)),
            (Level::Severe, Level::Mild)
        );
    }
}
