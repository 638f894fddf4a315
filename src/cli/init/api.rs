//! What `smoke init` knows of an API, as the lines of a scenario.

use super::quoted;

/// What ties webhooks to flows as long as nothing better is known.
const REFERENCE: &str = "reference";

/// What is known of an API.
#[derive(Debug, Default)]
pub(super) struct Api {
    /// The path of the step, with a template for each of its parameters.
    pub path: Option<String>,
    /// The status that its response has.
    pub status: Option<u16>,
    /// The event of its webhook.
    pub event: Option<String>,
    /// The columns that the path takes.
    pub path_columns: Vec<Column>,
    /// What the JSON body must have; `None` where no document says it.
    pub fields: Option<Vec<Field>>,
    /// Where a webhook has the value of a column: a JSON pointer, and the column's name.
    pub tie: Option<(String, String)>,
}

/// A column of the data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
}

/// What values a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Whole,
    /// A number, `true` or `false`: as the cell says.
    Cell,
}

/// A member of the JSON body.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Its name in the body.
    pub name: String,
    /// Where its value comes from; `None` for an object or a list, which somebody has to fill in.
    pub column: Option<Column>,
    /// What it is until then.
    pub empty: &'static str,
}

impl Column {
    /// What stands for its value.
    fn template(&self) -> String {
        match self.kind {
            Kind::Text => format!("{{{{ {} | text }}}}", self.name),
            Kind::Whole => format!("{{{{ {} | int }}}}", self.name),
            Kind::Cell => format!("{{{{ {} }}}}", self.name),
        }
    }

    /// Its cell in the row with this number, from 1.
    fn cell(&self, row: u32) -> String {
        match self.kind {
            Kind::Text => format!("first-{row}"),
            Kind::Whole | Kind::Cell => row.to_string(),
        }
    }
}

impl Api {
    /// The path of the step; of a scenario `tickets` it is `/tickets` until somebody writes another.
    pub fn path_for(&self, name: &str) -> String {
        self.path.clone().unwrap_or_else(|| format!("/{name}"))
    }

    /// The line of the event that the step waits for: `ticket.created`.
    pub fn event_line(&self, name: &str) -> String {
        let one = name.strip_suffix('s').filter(|one| !one.is_empty() && !one.ends_with('s'));
        let event = self.event.clone().unwrap_or_else(|| format!("{}.created", one.unwrap_or(name)));
        // In double quotes, JSON is YAML: what a document calls its events may be anything.
        format!("event: {}\n        ", quoted(&event))
    }

    /// The remark about what is made up.
    pub fn remark(&self, names_events: bool) -> String {
        let made_up = match (self.path.is_none(), names_events && self.event.is_none()) {
            (true, true) => "The path and the event are",
            (true, false) => "The path is",
            (false, true) => "The event is",
            (false, false) => return String::new(),
        };
        format!("# {made_up} made up from the name: replace what your API and its sender call otherwise.\n")
    }

    /// The body of the step's request.
    pub fn body(&self) -> String {
        let Some(fields) = &self.fields else {
            return format!("      json: {{ {REFERENCE}: \"{{{{ {REFERENCE} }}}}\" }}\n");
        };
        if fields.is_empty() {
            return "      json: {}\n".to_owned();
        }
        let line = |field: &Field| {
            let value = field.column.as_ref().map_or(field.empty.to_owned(), |c| quoted(&c.template()));
            format!("        {}: {value}\n", quoted(&field.name))
        };
        format!("      json:\n{}", fields.iter().map(line).collect::<String>())
    }

    /// What a webhook has in common with the row of its flow.
    pub fn tie(&self) -> String {
        let (pointer, column) = match &self.tie {
            Some((pointer, column)) => (quoted(pointer), column.as_str()),
            None => ("/data/reference".to_owned(), REFERENCE),
        };
        format!("{{ {pointer}: \"{{{{ {column} }}}}\" }}")
    }

    /// The column whose value names a flow.
    pub fn subject(&self) -> &str {
        self.tie.as_ref().map_or(REFERENCE, |(_, column)| column)
    }

    /// The columns of the data file.
    pub fn columns(&self) -> Vec<String> {
        self.all().into_iter().map(|column| column.name).collect()
    }

    /// The data file: two rows.
    pub fn rows(&self) -> String {
        let row = |n: u32| self.all().iter().map(|column| column.cell(n)).collect::<Vec<_>>().join(",");
        format!("{}\n{}\n{}\n", self.columns().join(","), row(1), row(2))
    }

    fn all(&self) -> Vec<Column> {
        let reference = Column { name: REFERENCE.to_owned(), kind: Kind::Text };
        let of_body = self.fields.iter().flatten().filter_map(|field| field.column.clone());
        let known = self.path_columns.iter().cloned().chain(of_body);
        let mut all: Vec<Column> = Vec::new();
        for column in self.tie.is_none().then_some(reference).into_iter().chain(known) {
            if all.iter().all(|other| other.name != column.name) {
                all.push(column);
            }
        }
        all
    }
}
