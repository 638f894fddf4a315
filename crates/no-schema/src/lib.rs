//! A derive of `JsonSchema` that does nothing. Schemas are written by `crates/schemas` and are files from then on; a program
//! that reads and writes the types does without the code that describes them, which is a twentieth of it.

use proc_macro::TokenStream;

/// Takes the attributes of `schemars::JsonSchema`, and implements nothing.
#[proc_macro_derive(JsonSchema, attributes(schemars))]
pub fn json_schema(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
