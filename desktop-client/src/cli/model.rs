//! `aiworklab model` as it is typed: the engineer's own model.

use super::{lines, say};
use crate::agent;
use crate::error::Result;
use crate::home::Home;
use crate::keys::{Keys, Name};
use crate::own_model::{
    self, CALLS, CALLS_A_DAY, Config, Error, MADE, Made, Patience, Provider, Question, REFUSED,
    Request,
};
use crate::quiz;
use crate::store::Store;
use crate::words::{count, time};
use crate::world::World;
use clap::{Args, Subcommand};
use kernel::ids::DAY;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;
use url::Url;
use zeroize::Zeroizing;

/// Longest key that is read, in bytes.
const MOST_KEY_BYTES: u64 = 8 * 1024;

#[derive(Debug, Args)]
pub(super) struct Model {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Set your own model. Lines of yours in which a concept was met are then sent to it.
    Use(Use),
    /// Show which model is set, what it was asked and what became of it.
    Show {
        #[arg(long)]
        json: bool,
    },
    /// Take the model away, its key, and everything that it made.
    Off {
        #[arg(long)]
        json: bool,
    },
    /// Ask the model once about lines that are not yours; say how long it took and what came back.
    Test {
        #[arg(long)]
        json: bool,
    },
    /// Print the exact bytes of the next request, and send nothing.
    #[command(name = "what-is-sent")]
    IsSent {
        /// Of the next request about this concept.
        concept: Option<String>,
        /// The body alone.
        #[arg(long)]
        json: bool,
    },
    /// Ask the model now, about a line in which this concept was met.
    Make {
        /// The concept's slug; the one that would be asked next, if left out.
        concept: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Use {
    /// Whose model: a service, a server of your own, or a file.
    provider: Provider,
    /// The model's name, as the provider calls it; a file says its own.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Base address, if it is not the provider's own.
    #[arg(long)]
    url: Option<Url>,
    /// The GGUF file.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Send a key to a server that usually takes none (Ollama, this machine).
    #[arg(long, conflicts_with = "no_key")]
    key: bool,
    /// Send none.
    #[arg(long)]
    no_key: bool,
    /// Ask for the key again. It is typed unseen, or read from standard input; never an argument.
    #[arg(long, conflicts_with = "no_key")]
    new_key: bool,
    /// Allow an address without TLS beyond this machine.
    #[arg(long)]
    allow_http: bool,
    /// Most calls a day.
    #[arg(long, value_name = "N", default_value_t = CALLS_A_DAY)]
    calls_a_day: u32,
    /// Say what would be set, and set nothing.
    #[arg(long)]
    dry_run: bool,
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) fn run(world: &dyn World, home: &Home, wish: Model, out: &mut dyn Write) -> Result<()> {
    match wish.what {
        What::Use(wish) => set(world, home, &wish, out),
        What::Show { json } => show(world, home, json, out),
        What::Off { json } => off(world, home, json, out),
        What::Test { json } => test(world, home, json, out),
        What::IsSent { concept, json } => what_is_sent(world, home, concept, json, out),
        What::Make { concept, json } => make(world, home, concept, json, out),
    }
}

fn wanted_config(wish: &Use) -> Result<Config> {
    let refused = |text: &str, why: &str| Error::Wish {
        text: text.to_owned(),
        why: why.to_owned(),
    };
    if wish.provider == Provider::Gguf {
        let file = wish
            .file
            .as_deref()
            .ok_or_else(|| refused("gguf", "a local model takes --file PATH"))?;
        let file = std::path::absolute(file).map_err(|source| crate::error::Error::File {
            doing: "find",
            path: file.to_owned(),
            source,
        })?;
        let (sha256, name) = own_model::judged_file(&file)?;
        let config = Config {
            provider: Provider::Gguf,
            model: wish.model.clone().unwrap_or(name),
            url: wish.url.clone(),
            file: Some(file),
            sha256: Some(sha256),
            keyed: false,
            allow_http: false,
            calls_a_day: wish.calls_a_day,
        };
        config.sound()?;
        return Ok(config);
    }
    let model = wish
        .model
        .clone()
        .ok_or_else(|| refused(wish.provider.name(), "it takes --model NAME"))?;
    let url = match (&wish.url, wish.provider.url()) {
        (Some(url), _) => Some(url.clone()),
        (None, Some(text)) => Url::parse(text).ok(),
        (None, None) => None,
    };
    let mut config = Config {
        provider: wish.provider,
        model,
        url,
        file: wish.file.clone(),
        sha256: None,
        keyed: false,
        allow_http: wish.allow_http,
        calls_a_day: wish.calls_a_day,
    };
    config.keyed = !wish.no_key
        && (wish.key
            || wish.new_key
            || wish.provider == Provider::Anthropic
            || (wish.provider == Provider::Openai && config.leaves()));
    config.sound()?;
    Ok(config)
}

fn set(world: &dyn World, home: &Home, wish: &Use, out: &mut dyn Write) -> Result<()> {
    let config = wanted_config(wish)?;
    own_model::permitted(world, &config)?;
    if !wish.dry_run {
        if let Some(name) = config.key_name() {
            let keys = Keys::of(world, home)?;
            let name = Name::Provider(name);
            if wish.new_key || keys.get(&name)?.is_none() {
                let key = read_key(&config.place())?;
                keys.set(&name, &key)?;
            }
        }
        let mut store = Store::open(world, home)?;
        // What another model made is not this one's; what it was asked may be asked again.
        store.write(|txn| txn.drop_own())?;
        config.write(home)?;
    }
    if wish.json {
        let mut value = as_json(world, &config);
        value["set"] = json!(!wish.dry_run);
        return say(out, &lines(&value));
    }
    let mut text = if wish.dry_run {
        format!("Would be set: {} at {}.\n", config.model, config.place())
    } else {
        format!("Set: {} at {}.\n", config.model, config.place())
    };
    text.push_str(&terms(world, &config));
    say(out, &text)
}

/// What setting it means, in a few lines.
fn terms(world: &dyn World, config: &Config) -> String {
    let mut text = if config.leaves() {
        format!(
            "Lines of your code in which a concept was met, at most 8 at a time, will be sent to {}.\n",
            config.place()
        )
    } else {
        "Lines of your code in which a concept was met are given to it; they do not leave this machine for it.\n"
            .to_owned()
    };
    text.push_str(
        "No path, no file name and no name of a repository is; lines that look like secrets are left out.\n",
    );
    if let Some(proxy) = proxy(world, config) {
        let _ = writeln!(text, "It goes through the proxy {proxy} (HTTPS_PROXY).");
    }
    let _ = writeln!(
        text,
        "At most {} a day. See before anything goes: aiworklab model what-is-sent",
        count(u64::from(config.calls_a_day), "call")
    );
    text
}

fn proxy(world: &dyn World, config: &Config) -> Option<String> {
    let url = config.url.as_ref()?;
    own_model::proxy(world, url).map(|proxy| own_model::proxy_told(&proxy))
}

fn key_of(world: &dyn World, home: &Home, name: String) -> Result<Option<Zeroizing<Vec<u8>>>> {
    Ok(Keys::of(world, home)?.get(&Name::Provider(name))?)
}

/// A key, typed unseen, or the first line of standard input.
fn read_key(place: &str) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |source| crate::error::Error::from(Error::KeyInput { source });
    let stdin = io::stdin();
    let text = if stdin.is_terminal() {
        let prompt = format!("Key for {place} (it is not shown): ");
        Zeroizing::new(rpassword::prompt_password(prompt).map_err(failed)?)
    } else {
        let mut line = Zeroizing::new(String::new());
        stdin
            .lock()
            .take(MOST_KEY_BYTES)
            .read_line(&mut line)
            .map_err(failed)?;
        line
    };
    let key = text.trim();
    if key.is_empty()
        || key.len() as u64 >= MOST_KEY_BYTES
        || key.chars().any(|c| !c.is_ascii_graphic())
    {
        let why = "it is empty, too long, or holds what no key holds";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, why)));
    }
    Ok(Zeroizing::new(key.as_bytes().to_vec()))
}

fn as_json(world: &dyn World, config: &Config) -> Value {
    json!({
        "provider": config.provider.name(),
        "model": config.model,
        "url": config.url.as_ref().map(Url::as_str),
        "file": config.file,
        "sha256": config.sha256,
        "leaves_this_machine": config.leaves(),
        "proxy": proxy(world, config),
        "key": config.keyed,
        "calls_a_day": config.calls_a_day,
    })
}

fn show(world: &dyn World, home: &Home, as_value: bool, out: &mut dyn Write) -> Result<()> {
    let config = Config::read(home)?;
    let Some(config) = config else {
        let text = "No model of your own is set; checks come from the catalogue.\n";
        let text = if as_value {
            lines(&json!({ "set": false }))
        } else {
            text.to_owned()
        };
        return say(out, &text);
    };
    let policy = own_model::permitted(world, &config).err();
    let key = match config.key_name() {
        None => "none is sent".to_owned(),
        Some(name) => {
            let found = key_of(world, home, name);
            match found {
                Ok(Some(_)) => "kept where your keys are kept".to_owned(),
                Ok(None) => "missing".to_owned(),
                Err(error) => format!("cannot be read: {error}"),
            }
        }
    };
    let now = world.now();
    let mut store = Store::open(world, home)?;
    let (today, month, held, trouble) = store.read(|txn| {
        Ok((
            txn.own_counts(world.midnight(now))?,
            txn.own_counts(now - 30 * DAY)?,
            txn.own_items_held()?,
            txn.own_trouble()?,
        ))
    })?;
    let of = |what: &str| month.get(what).copied().unwrap_or(0);
    let refused: Vec<(&str, u64)> = month
        .iter()
        .filter_map(|(what, n)| Some((what.strip_prefix(REFUSED)?, *n)))
        .collect();
    let calls_today = today.get(CALLS).copied().unwrap_or(0);
    if as_value {
        let mut value = as_json(world, &config);
        value["set"] = json!(true);
        value["key_is"] = json!(key);
        value["policy"] = json!(policy.as_ref().map(ToString::to_string));
        value["calls_today"] = json!(calls_today);
        value["days_30"] = json!({
            "calls": of(CALLS), "made": of(MADE),
            "refused": refused.iter().map(|(why, n)| ((*why).to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
        });
        value["items"] = json!({ "waiting": held.0, "asked": held.1 });
        value["trouble"] = json!(trouble.as_ref().map(|t| json!({
            "at": t.at, "code": t.code, "text": t.text, "again_after": t.until,
        })));
        return say(out, &lines(&value));
    }
    let mut text = format!("model     {} at {}\n", config.model, config.place());
    if let Some(file) = &config.file {
        let _ = writeln!(text, "file      {}", file.display());
    }
    if let Some(proxy) = proxy(world, &config) {
        let _ = writeln!(text, "proxy     {proxy}");
    }
    let _ = writeln!(text, "key       {key}");
    if let Some(policy) = &policy {
        let _ = writeln!(text, "policy    OFF: {policy}");
    }
    let _ = writeln!(
        text,
        "today     {} of {}",
        calls_today,
        count(u64::from(config.calls_a_day), "call")
    );
    let _ = writeln!(
        text,
        "30 days   {}, {} made, {} refused",
        count(of(CALLS), "call"),
        count(of(MADE), "item"),
        refused.iter().map(|(_, n)| n).sum::<u64>()
    );
    for (why, n) in &refused {
        let _ = writeln!(text, "          refused {n}: {why}");
    }
    let _ = writeln!(
        text,
        "items     {} waiting, {} asked; each goes with its line, after 7 days",
        held.0, held.1
    );
    if let Some(trouble) = &trouble {
        let at = time(trouble.at, world.utc_offset_s(trouble.at));
        let _ = writeln!(text, "trouble   {at}: {} {}", trouble.code, trouble.text);
    }
    say(out, &text)
}

fn off(world: &dyn World, home: &Home, as_value: bool, out: &mut dyn Write) -> Result<()> {
    // Settings that cannot be read can be taken away all the same.
    let name = Config::read(home).ok().flatten().and_then(|c| c.key_name());
    let was = Config::remove(home)?;
    if let Some(name) = name {
        Keys::of(world, home)?.delete(&Name::Provider(name))?;
    }
    let mut store = Store::open(world, home)?;
    store.write(|txn| txn.drop_own())?;
    if as_value {
        return say(out, &lines(&json!({ "set": false, "was": was })));
    }
    say(
        out,
        if was {
            "Off. Its key and all that it made are deleted; checks come from the catalogue.\n"
        } else {
            "No model of your own was set.\n"
        },
    )
}

fn in_force(world: &dyn World, home: &Home) -> Result<Config> {
    Ok(own_model::in_force(world, home)?.ok_or(Error::Off)?)
}

fn test(world: &dyn World, home: &Home, as_value: bool, out: &mut dyn Write) -> Result<()> {
    let config = in_force(world, home)?;
    let question = Question::sample(agent::seed(world)?)?;
    let now = world.now();
    let mut store = Store::open(world, home)?;
    store.write(|txn| txn.own_count(now, CALLS, 1))?;
    let begun = crate::edges::Stopwatch::start();
    let said = own_model::asked(world, home, &config, &question, Patience::default())?;
    let ms = begun.elapsed().as_millis();
    store.write(|txn| txn.set_own_trouble(None))?;
    let judged = own_model::judged(&config, &question, &said);
    let refused = judged.as_ref().err();
    if as_value {
        let value = json!({
            "model": config.model, "at": config.place(), "ms": ms,
            "choice": said.choice, "said": said.said, "refused": refused,
        });
        return say(out, &lines(&value));
    }
    let mut text = format!(
        "{} at {} answered in {ms} ms, about lines that are not yours.\nIt chose {} of {} and wrote: {}\n",
        config.model,
        config.place(),
        said.choice,
        question.offers.len(),
        crate::words::plain(&said.said)
    );
    match refused {
        None => text.push_str("That would be shown.\n"),
        Some(why) => {
            let _ = writeln!(
                text,
                "That would not be shown: {why}. The catalogue's own check would be."
            );
        }
    }
    say(out, &text)
}

fn what_is_sent(
    world: &dyn World,
    home: &Home,
    wanted: Option<String>,
    as_value: bool,
    out: &mut dyn Write,
) -> Result<()> {
    // Shown also where the policy says no: it is then what would be sent.
    let config = Config::read(home)?.ok_or(Error::Off)?;
    let wanted = wanted.as_deref().map(quiz::askable).transpose()?;
    let mut store = Store::open(world, home)?;
    agent::run(world, home, &mut store)?;
    let question =
        store.write(|txn| own_model::next_question(world, txn, &config, wanted.as_ref()))??;
    let request = Request::new(&config, &question);
    if as_value {
        let body = request.map_or_else(
            || format!("{}\n\n{}", question.system, question.user).into_bytes(),
            |request| request.body,
        );
        return out
            .write_all(&body)
            .map_err(|source| crate::error::Error::Output { source });
    }
    let mut text = match &request {
        Some(request) => {
            let mut text = format!("POST {}\n", request.url);
            for (name, value) in &request.headers {
                let _ = writeln!(text, "{name}: {value}");
            }
            if let Some((name, before)) = request.key {
                let _ = writeln!(text, "{name}: {before}(your key)");
            }
            let _ = writeln!(text, "\n{}\n", String::from_utf8_lossy(&request.body));
            let _ = writeln!(
                text,
                "{} of body, about {}; to {}.",
                count(request.body.len() as u64, "byte"),
                question.concept,
                config.place()
            );
            if let Some(proxy) = proxy(world, &config) {
                let _ = writeln!(
                    text,
                    "Through the proxy {proxy}, which sees the host's name and no more."
                );
            }
            text
        }
        None => format!(
            "{}\n\n{}\n\nGiven to the model in its sandbox; nothing leaves this machine.\n",
            question.system, question.user
        ),
    };
    if question.left_out > 0 {
        let _ = writeln!(
            text,
            "Left out: {} beside it that looks like a secret.",
            count(question.left_out as u64, "line")
        );
    }
    text.push_str("Nothing was sent.\n");
    say(out, &text)
}

fn make(
    world: &dyn World,
    home: &Home,
    wanted: Option<String>,
    as_value: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let config = in_force(world, home)?;
    let wanted = wanted.as_deref().map(quiz::askable).transpose()?;
    let mut store = Store::open(world, home)?;
    agent::run(world, home, &mut store)?;
    let made = own_model::one(
        world,
        home,
        &mut store,
        &config,
        wanted.as_ref(),
        Patience::default(),
    )?;
    let (value, text) = match made {
        Made::Item(item) => (
            json!({ "made": item }),
            format!(
                "Made: a check on {}. It is asked when one on it is due, or now: aiworklab quiz --concept {}\n\n{}\n",
                item.concept, item.concept, item.stem
            ),
        ),
        Made::Refused(why) => (
            json!({ "made": null, "refused": why }),
            format!(
                "Asked, and what it wrote is not shown: {why}. The catalogue's own check stands.\n"
            ),
        ),
        Made::Nothing(why) => (
            json!({ "made": null, "nothing": why }),
            format!("Not asked: {why}.\n"),
        ),
    };
    say(out, &if as_value { lines(&value) } else { text })
}
