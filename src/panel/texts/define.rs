//! How a language is written down: texts with places, texts that count, and the macro that makes a table of them.

use std::fmt::Display;

/// A text with its places (`{}`) filled, in order.
pub(crate) fn fill(text: &str, with: &[&dyn Display]) -> String {
    let mut parts = text.split("{}");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for (nth, part) in parts.enumerate() {
        if let Some(value) = with.get(nth) {
            filled.push_str(&value.to_string());
        }
        filled.push_str(part);
    }
    filled
}

/// A text with a count in it: for one, and for any other number.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) one: &'static str,
    pub(crate) many: &'static str,
}

impl Counted {
    /// The text for this count, which `written` says as the language writes numbers; further places follow it.
    pub(crate) fn of(self, count: u64, written: &dyn Display, rest: &[&dyn Display]) -> String {
        let text = if count == 1 { self.one } else { self.many };
        fill(text, &[&[written], rest].concat())
    }
}

/// A text by its name: alone, or for one and for any other number.
#[cfg(test)]
pub(crate) type Named = (&'static str, &'static [&'static str]);

/// A table of one language: `name: "text";`, or `name: ["text for one", "text for any other number"];`. The first one,
/// marked by `struct`, says what there is; what another has more or less doesn't compile, and what no page shows is a
/// warning.
macro_rules! texts {
    (struct $table:ident as $language:ident; $($name:ident: $text:tt;)*) => {
        pub(crate) struct $table {
            $(pub(crate) $name: texts!(type $text),)*
        }
        texts! { $table as $language; $($name: $text;)* }
    };
    ($table:ident as $language:ident; $($name:ident: $text:tt;)*) => {
        pub(crate) static $language: $table = $table { $($name: texts!(value $text),)* };
        #[cfg(test)]
        pub(crate) const ALL: &[super::define::Named] = &[$((stringify!($name), texts!(all $text)),)*];
    };
    (type [$one:literal, $many:literal $(,)?]) => { super::define::Counted };
    (type $text:literal) => { &'static str };
    (value [$one:literal, $many:literal $(,)?]) => { super::define::Counted { one: $one, many: $many } };
    (value $text:literal) => { $text };
    (all [$one:literal, $many:literal $(,)?]) => { &[$one, $many] };
    (all $text:literal) => { &[$text] };
}
pub(super) use texts;

/// A small table with both languages side by side, English first: `name: "text", "texto";`, or each as for one and for
/// any other number.
macro_rules! paired_texts {
    ($table:ident; $($name:ident: $en:tt, $pt:tt;)*) => {
        /// One language.
        pub(crate) struct $table {
            $(pub(crate) $name: super::define::texts!(type $en),)*
        }

        impl $table {
            pub(crate) const fn of(lang: super::Lang) -> &'static Self {
                static EN: $table = $table { $($name: super::define::texts!(value $en),)* };
                static PT: $table = $table { $($name: super::define::texts!(value $pt),)* };
                match lang {
                    super::Lang::En => &EN,
                    super::Lang::Pt => &PT,
                }
            }
        }

        #[cfg(test)]
        pub(crate) const ALL: [&[super::define::Named]; 2] = [
            &[$((stringify!($name), super::define::texts!(all $pt)),)*],
            &[$((stringify!($name), super::define::texts!(all $en)),)*],
        ];
    };
}
pub(super) use paired_texts;
