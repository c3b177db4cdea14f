//! OpenMetrics text, read as a scraper would.

/// One scrape.
pub struct Metrics {
    samples: Vec<Sample>,
    pub text: String,
}

pub struct Sample {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub value: f64,
}

impl Sample {
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Metrics {
    pub fn parse(text: String) -> Self {
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .map(|line| parse_sample(line).unwrap_or_else(|| panic!("not a sample: {line}")))
            .collect();
        Self { samples, text }
    }

    /// All samples of `name`, with or without the prefix, that carry the labels given.
    pub fn samples<'a>(&'a self, name: &str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Sample> {
        let name = full_name(name);
        self.samples.iter().filter(move |sample| {
            sample.name == name && labels.iter().all(|(key, value)| sample.label(key) == Some(*value))
        })
    }

    /// Their sum; 0 where there is none, as for a reason that never occurred.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum: f64 = self.samples(name, labels).map(|sample| sample.value).sum();
        sum.round() as u64
    }

    pub fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.samples(name, labels).next().is_some()
    }

    /// Whether a family of that name is announced, even where no sample of it exists yet.
    pub fn announces(&self, name: &str) -> bool {
        let name = full_name(name);
        let family = name.strip_suffix("_total").unwrap_or(&name);
        let family = family.strip_suffix("_info").unwrap_or(family);
        self.text.lines().any(|line| {
            line.strip_prefix("# TYPE ")
                .and_then(|rest| rest.split_whitespace().next())
                .is_some_and(|announced| announced == family || announced == name)
        })
    }
}

fn full_name(name: &str) -> String {
    if name.starts_with("ringswitch_") { name.to_owned() } else { format!("ringswitch_{name}") }
}

fn parse_sample(line: &str) -> Option<Sample> {
    // An exemplar follows ` # `; no label of ours holds that.
    let line = line.split(" # ").next()?;
    let (name, rest) = match line.find('{') {
        Some(brace) => (&line[..brace], &line[brace + 1..]),
        None => {
            let (name, value) = line.split_once(' ')?;
            return Some(Sample { name: name.to_owned(), labels: Vec::new(), value: number(value)? });
        }
    };
    let (labels, value) = parse_labels(rest)?;
    Some(Sample { name: name.to_owned(), labels, value: number(value)? })
}

fn number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// Labels up to the closing brace, and what is behind it.
fn parse_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (key, quoted) = rest.split_once("=\"")?;
        let end = closing_quote(quoted)?;
        labels.push((key.to_owned(), quoted[..end].replace("\\\"", "\"")));
        rest = &quoted[end + 1..];
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (position, character) in text.char_indices() {
        match character {
            '"' if !escaped => return Some(position),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}
