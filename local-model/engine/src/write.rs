//! llama.cpp writes: what the engineer's own model says of the engineer's own lines.
//!
//! It always takes the likeliest token that the grammar allows: the same question gets the same answer.
//! What is asked is put into the form that the model was trained with; only that form may hold control
//! tokens. What looks like one in the engineer's lines is spelt out, and ends nothing.

use crate::llama::{Llama, native};
use crate::{EngineError, logs};
use llama_cpp_2::model::LlamaChatMessage;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use local_model::{TOKENS_AT_ONCE, Writing};

/// Stands for the texts while the form is made; no form has it.
const SYSTEM: &str = "[[the-system-text]]";
const USER: &str = "[[the-user-text]]";
/// The form of a model whose file has none.
const BARE: &str = "[[the-system-text]]\n\n[[the-user-text]]\n\n";

impl Llama {
    /// What the model writes when it is asked this.
    ///
    /// # Errors
    /// [`EngineError::TooLarge`] if question and answer are more than the context holds, or what the
    /// engine failed at. The next job is not affected.
    pub fn write(&mut self, writing: &Writing) -> Result<String, EngineError> {
        let written = self.written(writing);
        self.forget();
        written
    }

    fn written(&mut self, writing: &Writing) -> Result<String, EngineError> {
        self.forget();
        let asked = self.asked(writing)?;
        let begin = asked.len();
        let most = usize::try_from(writing.tokens).unwrap_or(usize::MAX);
        let is = begin.saturating_add(most);
        if begin == 0 || is > self.limit {
            return Err(EngineError::TooLarge {
                what: "a question with its answer",
                is,
                limit: self.limit,
            });
        }
        let grammar = LlamaSampler::grammar(self.model, &writing.grammar, "root")
            .map_err(native("read the grammar"))?;
        let mut sampler = LlamaSampler::chain_simple([grammar, LlamaSampler::greedy()]);
        self.hold(asked)?;
        let batch = usize::try_from(TOKENS_AT_ONCE).unwrap_or(1);
        let mut row = i32::try_from((begin - 1) % batch).unwrap_or(0);
        let mut tokens = Vec::new();
        for at in begin..is {
            let token = sampler.sample(&self.context, row);
            if self.model.vocab().is_eog(token) {
                break;
            }
            tokens.push(token);
            self.batch.clear();
            self.put(token, at, 0, true)?;
            self.compute()?;
            row = 0;
        }
        let mut bytes = Vec::new();
        self.model
            .vocab()
            .detokenize_into(&tokens, &mut bytes, true, false);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn asked(&self, writing: &Writing) -> Result<Vec<LlamaToken>, EngineError> {
        let form = self.form()?;
        let vocab = self.model.vocab();
        let mut tokens = Vec::new();
        let mut rest = form.as_str();
        while !rest.is_empty() {
            let next = [(SYSTEM, &writing.system), (USER, &writing.user)]
                .into_iter()
                .filter_map(|(mark, text)| Some((rest.find(mark)?, mark, text)))
                .min_by_key(|(at, ..)| *at);
            let Some((at, mark, text)) = next else {
                tokens.extend(vocab.tokenize(rest.as_bytes(), false, true));
                break;
            };
            tokens.extend(vocab.tokenize(&rest.as_bytes()[..at], false, true));
            tokens.extend(self.tokens(text));
            rest = &rest[at + mark.len()..];
        }
        let begins = vocab.bos();
        if vocab.should_add_bos() && begins.0 >= 0 && tokens.first() != Some(&begins) {
            tokens.insert(0, begins);
        }
        Ok(tokens)
    }

    /// The form that the model was trained with, as far as llama.cpp knows it.
    fn form(&self) -> Result<String, EngineError> {
        let Ok(template) = self.model.chat_template(None) else {
            return Ok(BARE.to_owned());
        };
        let message = |role: &str, text: &str| {
            LlamaChatMessage::new(role.to_owned(), text.to_owned())
                .map_err(native("make a message"))
        };
        let messages = [message("system", SYSTEM)?, message("user", USER)?];
        match self.model.apply_chat_template(&template, &messages, true) {
            Ok(form) if form.contains(SYSTEM) && form.contains(USER) => Ok(form),
            // A form that llama.cpp does not know, or one that has no place for instructions.
            Ok(_) | Err(_) => {
                logs::last();
                Ok(BARE.to_owned())
            }
        }
    }
}
