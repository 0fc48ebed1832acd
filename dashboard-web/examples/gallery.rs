//! Writes every page in each of its states, with its static files, to a folder.
//!
//! `cargo run -p aiworklab-dashboard-web --example gallery -- FOLDER`, then open
//! `FOLDER/index.html`. The addresses of static files are made relative, so that
//! the pages are whole when opened from disk.

#[path = "../tests/invented/mod.rs"]
mod invented;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("say which folder")?;
    fs::create_dir_all(folder.join("assets"))?;
    for name in dashboard_web::asset_names() {
        let href = dashboard_web::asset_href(name);
        let asset = dashboard_web::asset(&href).ok_or("a static file has no content")?;
        fs::write(folder.join(href.trim_start_matches('/')), asset.bytes)?;
    }
    let mut index = String::from("<!DOCTYPE html>\n<html lang=\"en\"><title>Gallery</title><ul>\n");
    for page in invented::all_pages()? {
        let html = page.html.replace("\"/assets/", "\"assets/");
        fs::write(folder.join(format!("{}.html", page.name)), html)?;
        writeln!(index, "<li><a href=\"{0}.html\">{0}</a></li>", page.name)?;
    }
    index.push_str("</ul></html>\n");
    fs::write(folder.join("index.html"), index)?;
    println!("{}", folder.join("index.html").display());
    Ok(())
}
