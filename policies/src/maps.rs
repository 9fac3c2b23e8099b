//! Maps: what templates look up, `${map.areas[to.user]}`.

use crate::limits;
use crate::schema::{Names, Pattern, Spanned};
use crate::template::{Template, Values};
use minijinja::value::{Object, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// From one text to another.
#[derive(Debug)]
pub(crate) enum Map {
    /// Of the key itself.
    Table(HashMap<Box<str>, Arc<str>>),
    /// The first expression that is found in the key, and what it makes of it.
    Regex(Vec<(Pattern, Template)>),
}

impl Map {
    /// What it says of a key; nothing for one that it does not have.
    pub(crate) fn look_up(&self, key: &str) -> Option<Arc<str>> {
        match self {
            Self::Table(entries) => entries.get(key).cloned(),
            Self::Regex(rules) => rules.iter().find_map(|(pattern, with)| {
                let groups = &pattern.regex().captures(key)?;
                let made = with.render_from(&Values {
                    lookup: &|_| None,
                    groups: Some(groups),
                });
                made.ok().map(Into::into)
            }),
        }
    }
}

impl Object for Map {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if key.is_undefined() || key.is_none() {
            return None;
        }
        let found = match key.as_str() {
            Some(key) => self.look_up(key),
            None => self.look_up(&key.to_string()),
        };
        found.map(Value::from)
    }
}

/// The maps of a configuration, by name.
#[derive(Debug, Default)]
pub(crate) struct Maps(Names<Arc<Map>>);

impl Maps {
    pub(crate) fn new(maps: Names<Arc<Map>>) -> Self {
        Self(maps)
    }

    /// A map; one that could not be read is empty, its error is on record.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Map>> {
        let broken = || Arc::new(Map::Regex(Vec::new()));
        let found = self.0.get(name).cloned();
        found.or_else(|| self.0.is_declared(name).then(broken))
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    /// Those that no template holds.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &Spanned<String>> {
        let maps = self.0.iter();
        maps.filter_map(|(name, map)| (Arc::strong_count(map) == 1).then_some(name))
    }
}

/// Reads `key,value` lines. Blank ones and those that begin with `#` are left out; the error names
/// its line, from 1.
pub(crate) fn read_table(text: &str) -> Result<HashMap<Box<str>, Arc<str>>, (usize, String)> {
    let mut table = HashMap::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once(',') else {
            return Err((n + 1, format!("`{line}` is not a key and a value")));
        };
        let key = key.trim();
        if value.contains('\0') {
            return Err((n + 1, "the value holds NUL".to_owned()));
        }
        if table.len() == limits::MAP_ENTRIES {
            return Err((n + 1, format!("more than {} keys", limits::MAP_ENTRIES)));
        }
        if table.insert(key.into(), value.trim().into()).is_some() {
            return Err((n + 1, format!("duplicate key `{key}`")));
        }
    }
    Ok(table)
}
