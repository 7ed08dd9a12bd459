//! Reading a filter: whatever is wrong is named with its place.

use super::condition::{Block, Comparison, Condition, Scalar, Scalars, Test};
use super::error::FilterError;
use crate::model::json_cursor::{JsonCursor, NoJson};
use crate::model::localized::{Localized, localized};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::sync::Arc;

/// The longest filter, in bytes as written without white space.
pub(super) const MAX_BYTES: usize = 4096;
/// The longest text that is looked at, in bytes.
const MAX_WRITTEN_BYTES: usize = 4 * MAX_BYTES;
/// How many objects of a filter can stand one within the other.
pub(super) const MAX_DEPTH: usize = 8;
/// The most conditions: values, and operators but `$or`, `$and` and `$not`.
pub(super) const MAX_CONDITIONS: usize = 64;

/// The most characters of a name that an error shows.
const MAX_SHOWN_CHARS: usize = 60;

const OPERATORS: &str = "$eq, $neq, $in, $nin, $gt, $gte, $lt, $lte, $exist, $startsWith, $endsWith, $or, $and, $not";

/// The text without white space, and what it says.
pub(super) fn parse(text: &str) -> Result<(String, Block), FilterError> {
    let whole = |problem| FilterError { path: String::new(), line: 1, column: 1, problem };
    if text.len() > MAX_WRITTEN_BYTES {
        return Err(whole(too_long()));
    }
    if let Err(error) = serde_json::from_str::<&RawValue>(text) {
        let problem = localized!("the filter is no JSON here", "o filtro não é JSON neste ponto");
        let (line, bytes) = (error.line().max(1), error.column().saturating_sub(1));
        let before = text.split('\n').nth(line - 1).unwrap_or_default().char_indices();
        let column = before.take_while(|(at, _)| *at < bytes).count() + 1;
        return Err(FilterError { path: String::new(), line, column, problem });
    }
    let compact = without_space(text);
    if compact.len() > MAX_BYTES {
        return Err(whole(too_long()));
    }
    let mut parser = Parser { text, cursor: JsonCursor::new(text), path: Vec::new(), conditions: 0 };
    let block = parser.top().map_err(|fault| parser.locate(fault))?;
    Ok((compact, block))
}

fn too_long() -> Localized {
    localized!("the filter must have at most {MAX_BYTES} bytes", "o filtro pode ter no máximo {MAX_BYTES} bytes")
}

/// JSON without the white space between its tokens.
fn without_space(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let is_kept = |c: &char| {
        if in_string {
            in_string = escaped || *c != '"';
            escaped = !escaped && *c == '\\';
            return true;
        }
        in_string = *c == '"';
        !c.is_ascii_whitespace()
    };
    json.chars().filter(is_kept).collect()
}

/// A problem, and the byte it is at where that isn't where the parser stands.
struct Fault {
    at: Option<usize>,
    problem: Localized,
}

impl From<Localized> for Fault {
    fn from(problem: Localized) -> Self {
        Self { at: None, problem }
    }
}

/// The text was found to be JSON before.
impl From<NoJson> for Fault {
    fn from(_: NoJson) -> Self {
        localized!("is no JSON", "não é JSON").into()
    }
}

struct Parser<'a> {
    text: &'a str,
    cursor: JsonCursor<'a>,
    path: Vec<String>,
    conditions: usize,
}

impl Parser<'_> {
    fn locate(&self, fault: Fault) -> FilterError {
        let at = fault.at.unwrap_or_else(|| self.cursor.at()).min(self.text.len());
        let before = self.text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        FilterError {
            path: self.path.join("."),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem: fault.problem,
        }
    }

    fn top(&mut self) -> Result<Block, Fault> {
        if self.cursor.peek()? != b'{' {
            return Err(localized!(
                "the filter must be an object of fields of the resource, such as {{\"payment\": {{\"method\": \
                 \"PIX\"}}}}",
                "o filtro deve ser um objeto com campos do recurso, como {{\"payment\": {{\"method\": \"PIX\"}}}}"
            )
            .into());
        }
        self.object(1, true)
    }

    /// What stands behind a name, `$not`, or in the list of `$or` or `$and`. `depth` is that of an object here, and
    /// `top` whether it is about the resource as a whole.
    fn block(&mut self, depth: usize, top: bool) -> Result<Block, Fault> {
        match self.cursor.peek()? {
            b'{' => self.object(depth, top),
            _ if top => Err(localized!("must be an object of fields", "deve ser um objeto com campos").into()),
            b'[' => Err(localized!(
                "can't be compared with a list: write {{\"$in\": […]}} for any of several values",
                "não se compara com uma lista: use {{\"$in\": […]}} para um de vários valores"
            )
            .into()),
            _ => {
                let scalar = self.scalar()?;
                self.count()?;
                Ok(Block(vec![Condition::Is(Test::Equal(scalar))]))
            }
        }
    }

    fn object(&mut self, depth: usize, top: bool) -> Result<Block, Fault> {
        if depth > MAX_DEPTH {
            return Err(localized!(
                "is nested too deeply: at most {MAX_DEPTH} objects can stand one within the other",
                "está aninhado demais: no máximo {MAX_DEPTH} objetos um dentro do outro"
            )
            .into());
        }
        let opening = self.cursor.at();
        self.cursor.expect(b'{')?;
        let (mut conditions, mut names, mut is_of_value) = (Vec::new(), HashSet::new(), None);
        loop {
            let before = self.cursor.at();
            let Some(written) = self.cursor.name()? else {
                break;
            };
            let Some(name) = written.read(MAX_WRITTEN_BYTES) else {
                return Err(Fault { at: Some(before), problem: half_a_character() });
            };
            self.cursor.peek()?;
            self.path.push(name.chars().take(MAX_SHOWN_CHARS).collect());
            if !names.insert(name.clone()) {
                return Err(localized!("is given twice", "aparece duas vezes").into());
            }
            // `$or`, `$and` and `$not` go with both.
            let is_combining = matches!(&*name, "$or" | "$and" | "$not");
            if !top && !is_combining && *is_of_value.get_or_insert(name.starts_with('$')) != name.starts_with('$') {
                return Err(localized!(
                    "stands beside an operator or a field that can't be met with it: a value that is compared has no \
                     fields of its own; use {{\"$or\": […]}} for one or the other",
                    "está ao lado de um operador ou campo com que não combina: um valor comparado não tem campos; use \
                     {{\"$or\": […]}} para um ou outro"
                )
                .into());
            }
            conditions.push(if name.starts_with('$') {
                self.operator(&name, depth, top)?
            } else {
                Condition::Member(name.into(), self.block(depth + 1, false)?)
            });
            self.path.pop();
        }
        if conditions.is_empty() {
            let problem = if depth == 1 {
                localized!(
                    "the filter is empty: name a field, or leave the filter out to be sent every event",
                    "o filtro está vazio: indique um campo, ou deixe o filtro de fora para receber todo evento"
                )
            } else {
                localized!(
                    "is empty: {{\"$exist\": true}} asks whether there is such a field",
                    "está vazio: {{\"$exist\": true}} pergunta se o campo existe"
                )
            };
            return Err(Fault { at: Some(opening), problem });
        }
        Ok(Block(conditions))
    }

    fn operator(&mut self, name: &str, depth: usize, top: bool) -> Result<Condition, Fault> {
        match name {
            "$or" => return Ok(Condition::Any(self.blocks(depth + 1, top)?)),
            "$and" => return Ok(Condition::All(self.blocks(depth + 1, top)?)),
            "$not" => return Ok(Condition::Not(self.block(depth + 1, top)?)),
            _ => {}
        }
        if top {
            return Err(if OPERATORS.split(", ").any(|operator| operator == name) {
                localized!(
                    "stands at the top, where the whole resource is: name a field first, as in {{\"total_cents\": \
                     {{\"{name}\": …}}}}",
                    "está no topo, onde fica o recurso inteiro: indique antes um campo, como em {{\"total_cents\": \
                     {{\"{name}\": …}}}}"
                )
            } else {
                unknown_operator()
            }
            .into());
        }
        self.count()?;
        Ok(match name {
            "$eq" => Condition::Is(Test::Equal(self.scalar()?)),
            "$neq" => Condition::IsNot(Test::Equal(self.scalar()?)),
            "$in" => Condition::Is(Test::In(self.scalars()?)),
            "$nin" => Condition::IsNot(Test::In(self.scalars()?)),
            "$gt" => self.comparison(Comparison::Greater)?,
            "$gte" => self.comparison(Comparison::GreaterOrEqual)?,
            "$lt" => self.comparison(Comparison::Less)?,
            "$lte" => self.comparison(Comparison::LessOrEqual)?,
            "$startsWith" => Condition::Is(Test::StartsWith(self.text()?)),
            "$endsWith" => Condition::Is(Test::EndsWith(self.text()?)),
            "$exist" => {
                let must = || localized!("must be true or false", "deve ser true ou false");
                self.scalar_that(|scalar| if let Scalar::Bool(wanted) = scalar { Some(wanted) } else { None }, must)
                    .map(Condition::Exists)?
            }
            _ => return Err(unknown_operator().into()),
        })
    }

    fn comparison(&mut self, comparison: Comparison) -> Result<Condition, Fault> {
        let must = || localized!("must be a number or a text", "deve ser um número ou um texto");
        let is_ordered = |scalar: &Scalar| matches!(scalar, Scalar::Number(_) | Scalar::Text(_));
        let bound = self.scalar_that(|scalar| Some(scalar).filter(is_ordered), must)?;
        Ok(Condition::Is(Test::Compare(comparison, bound)))
    }

    fn text(&mut self) -> Result<Arc<str>, Fault> {
        let must = || localized!("must be a text that isn't empty", "deve ser um texto não vazio");
        let text = |scalar| if let Scalar::Text(text) = scalar { Some(text) } else { None };
        self.scalar_that(|scalar| text(scalar).filter(|text| !text.is_empty()), must)
    }

    fn blocks(&mut self, depth: usize, top: bool) -> Result<Vec<Block>, Fault> {
        let mut blocks = Vec::new();
        self.list(|parser| {
            blocks.push(parser.block(depth, top)?);
            Ok(())
        })?;
        Ok(blocks)
    }

    fn scalars(&mut self) -> Result<Arc<Scalars>, Fault> {
        let mut scalars = Vec::new();
        self.list(|parser| {
            scalars.push(parser.scalar()?);
            Ok(())
        })?;
        Ok(Arc::new(Scalars::of(scalars)))
    }

    /// A list that isn't empty.
    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        let must = || localized!("must be a list that isn't empty", "deve ser uma lista não vazia");
        let at = self.cursor.at();
        if self.cursor.peek()? != b'[' {
            return Err(must().into());
        }
        self.cursor.pass();
        if self.cursor.peek()? == b']' {
            return Err(Fault { at: Some(at), problem: must() });
        }
        for index in 0_usize.. {
            self.path.push(index.to_string());
            self.cursor.peek()?;
            item(self)?;
            self.path.pop();
            if self.cursor.peek()? == b']' {
                break;
            }
            self.cursor.expect(b',')?;
        }
        self.cursor.pass();
        Ok(())
    }

    /// What `take` makes of the scalar here, which must be one that it takes.
    fn scalar_that<T>(
        &mut self,
        take: impl FnOnce(Scalar) -> Option<T>,
        must: impl FnOnce() -> Localized,
    ) -> Result<T, Fault> {
        let at = self.cursor.at();
        take(self.scalar()?).ok_or_else(|| Fault { at: Some(at), problem: must() })
    }

    fn scalar(&mut self) -> Result<Scalar, Fault> {
        Ok(match self.cursor.peek()? {
            b'{' | b'[' => {
                return Err(localized!(
                    "must be a text, a number, true, false or null",
                    "deve ser um texto, um número, true, false ou null"
                )
                .into());
            }
            b'"' => {
                let at = self.cursor.at();
                let text = self.cursor.string()?.read(MAX_WRITTEN_BYTES);
                Scalar::Text(text.ok_or_else(|| Fault { at: Some(at), problem: half_a_character() })?.into())
            }
            _ => match self.cursor.word()? {
                "null" => Scalar::Null,
                "true" => Scalar::Bool(true),
                "false" => Scalar::Bool(false),
                digits => Scalar::Number(digits.into()),
            },
        })
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(localized!(
                "is one condition too many: a filter has at most {MAX_CONDITIONS}",
                "é uma condição a mais: um filtro tem no máximo {MAX_CONDITIONS}"
            )
            .into());
        }
        Ok(())
    }
}

fn unknown_operator() -> Localized {
    localized!("is no operator; there are {OPERATORS}", "não é um operador; existem {OPERATORS}")
}

fn half_a_character() -> Localized {
    localized!("has half of a character (\\ud800 to \\udfff alone)", "tem meio caractere (\\ud800 a \\udfff sozinho)")
}
