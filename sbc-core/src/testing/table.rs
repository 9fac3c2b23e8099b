//! A state machine's table as data, held to the table in its module doc.

/// The table of a machine: every state meets every input, apart from what cannot be.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// As it is noted.
    pub machine: &'static str,
    /// States, as noted and as its doc names them.
    pub states: &'static [&'static str],
    /// Inputs, as noted.
    pub inputs: &'static [&'static str],
    /// What cannot be.
    pub never: &'static [Never],
    /// The text of the file whose module doc has the table.
    pub source: &'static str,
    /// What the doc says in other words: each stands for so many states or inputs; for none, where
    /// it is a mere circumstance.
    pub words: &'static [(&'static str, &'static [&'static str])],
}

/// Inputs that cannot come in these states.
#[derive(Clone, Copy, Debug)]
pub struct Never {
    /// The states.
    pub states: &'static [&'static str],
    /// The inputs.
    pub inputs: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

impl Table {
    /// The pairs of state and input that can occur.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let table = *self;
        self.states.iter().flat_map(move |state| {
            let inputs = table.inputs.iter().map(move |input| (*state, *input));
            inputs.filter(move |(state, input)| !table.is_never(state, input))
        })
    }

    /// Whether a pair can occur.
    #[must_use]
    pub fn has(&self, state: &str, input: &str) -> bool {
        self.states.contains(&state) && self.inputs.contains(&input) && !self.is_never(state, input)
    }

    fn is_never(&self, state: &str, input: &str) -> bool {
        let mut groups = self.never.iter();
        groups.any(|never| never.states.contains(&state) && never.inputs.contains(&input))
    }

    /// Where this and the table in the module doc do not say the same: a state or an input that
    /// only one of them names.
    #[must_use]
    pub fn drift(&self) -> Vec<String> {
        let mut drift = Vec::new();
        let rows = self.doc_rows();
        let (mut states, mut inputs) = (Vec::new(), Vec::new());
        for (state, input) in &rows {
            self.read(state, self.states, &mut states, &mut drift);
            self.read(input, self.inputs, &mut inputs, &mut drift);
        }
        let known = [(self.states, &states), (self.inputs, &inputs)];
        for (named, read) in known {
            let unread = named.iter().filter(|name| !read.contains(name));
            drift.extend(unread.map(|name| format!("the doc does not name {name}")));
        }
        for never in self.never {
            let named = |all: &[&str], some: &[&str]| some.iter().all(|name| all.contains(name));
            if !named(self.states, never.states) || !named(self.inputs, never.inputs) {
                drift.push(format!("{never:?} names what is not there"));
            }
        }
        drift
    }

    /// State and input of each row of the first table of the module doc.
    fn doc_rows(&self) -> Vec<(&'static str, &'static str)> {
        let lines = self
            .source
            .lines()
            .map_while(|line| line.strip_prefix("//!"));
        let table = lines
            .map(str::trim)
            .skip_while(|line| !line.starts_with('|'));
        let rows = table.take_while(|line| line.starts_with('|')).skip(2);
        rows.filter_map(|row| {
            let mut cells = row.split('|').skip(1).map(str::trim);
            Some((cells.next()?, cells.next()?))
        })
        .collect()
    }

    /// Reads a cell of the doc: a name, other words for one, or several of either.
    fn read(
        &self,
        cell: &'static str,
        names: &[&'static str],
        read: &mut Vec<&'static str>,
        drift: &mut Vec<String>,
    ) {
        let whole = |text: &str| {
            let word = self.words.iter().find(|(word, _)| *word == text);
            let name = names.iter().find(|name| **name == text);
            word.map(|(_, names)| names.to_vec())
                .or_else(|| name.map(|name| vec![*name]))
        };
        if let Some(found) = whole(cell) {
            return read.extend(found);
        }
        for part in cell.split([',', ';']).map(str::trim) {
            match whole(part) {
                Some(found) => read.extend(found),
                None => drift.push(format!("{}: the doc says {part}", self.machine)),
            }
        }
    }
}
