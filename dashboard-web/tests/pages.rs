//! What holds for every page in every state, and what single pages must say.

mod invented;

use std::fs;
use std::path::Path;

use dashboard_web::pages::overview::Overview;
use invented::{EVIL, all_pages};

/// The text of a page: what is between tags.
fn text(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn page(name: &str) -> String {
    all_pages()
        .expect("every page can be made")
        .into_iter()
        .find(|p| p.name == name)
        .unwrap_or_else(|| panic!("there is a page {name}"))
        .html
}

/// Every value of this attribute.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let needle = format!(" {name}=\"");
    html.split(needle.as_str())
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[test]
fn every_page_is_written_out_for_eyes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard-pages");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    for page in all_pages().expect("every page can be made") {
        fs::write(folder.join(format!("{}.html", page.name)), page.html).expect("is written");
    }
}

#[test]
fn no_page_has_inline_style_or_script() {
    for page in all_pages().expect("every page can be made") {
        let lower = page.html.to_lowercase();
        for forbidden in [
            "<script",
            "<style",
            " style=",
            "javascript:",
            "<iframe",
            "<object",
            "<base",
            "@import",
        ] {
            assert!(!lower.contains(forbidden), "{}: {forbidden}", page.name);
        }
        for tag in lower.split('<').filter_map(|t| t.split('>').next()) {
            let handler = tag.split_whitespace().skip(1).any(|word| {
                word.strip_prefix("on").is_some_and(|rest| {
                    rest.split_once('=')
                        .is_some_and(|(event, _)| event.chars().all(char::is_alphabetic))
                })
            });
            assert!(!handler, "{}: <{tag}>", page.name);
        }
    }
}

#[test]
fn no_page_loads_anything_from_elsewhere() {
    for page in all_pages().expect("every page can be made") {
        for href in attributes(&page.html, "href")
            .into_iter()
            .chain(attributes(&page.html, "action"))
        {
            // The one address of another origin is that of the sample store, given by the caller.
            let own = href.starts_with('/') && !href.starts_with("//")
                || href.starts_with('#')
                || href == "https://127.0.0.1:8445/";
            assert!(own, "{}: {href}", page.name);
        }
        for src in attributes(&page.html, "src") {
            assert!(src.starts_with("/assets/"), "{}: {src}", page.name);
        }
        assert!(!page.html.contains("url("), "{}", page.name);
    }
}

#[test]
fn a_device_that_calls_itself_a_script_stays_text() {
    for name in [
        "me-evil",
        "enrol-evil",
        "admin-devices",
        "admin-people",
        "confirm-revoke-step-up",
    ] {
        let html = page(name);
        assert!(!html.contains("<script"), "{name}");
        assert!(!html.contains("<img"), "{name}");
        assert!(
            html.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
            "{name}: it is shown, escaped"
        );
        assert!(!html.contains(EVIL), "{name}");
    }
}

#[test]
fn an_id_cannot_lead_a_form_elsewhere() {
    assert!(page("admin-devices").contains("href=\"/admin/devices/9a%2F..%2Fx/revoke\""));
}

#[test]
fn every_page_has_one_heading_landmarks_and_a_title() {
    for page in all_pages().expect("every page can be made") {
        let count = |needle: &str| page.html.matches(needle).count();
        assert_eq!(count("<h1"), 1, "{}", page.name);
        assert_eq!(count("<main "), 1, "{}", page.name);
        assert_eq!(count("<header>"), 1, "{}", page.name);
        assert_eq!(count("<footer "), 1, "{}", page.name);
        assert!(
            page.html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"),
            "{}",
            page.name
        );
        assert!(page.html.contains(" – aiworklab</title>"), "{}", page.name);
        assert!(page.html.contains("Request 7f3a-91c2"), "{}", page.name);
    }
}

#[test]
fn every_id_is_there_once_and_every_label_finds_its_field() {
    for page in all_pages().expect("every page can be made") {
        let mut ids = attributes(&page.html, "id");
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}: an id twice", page.name);
        for attribute in ["for", "aria-labelledby", "aria-describedby"] {
            for target in attributes(&page.html, attribute)
                .iter()
                .flat_map(|v| v.split(' '))
            {
                assert!(ids.contains(&target), "{}: {attribute}={target}", page.name);
            }
        }
    }
}

#[test]
fn every_post_carries_the_token() {
    for page in all_pages().expect("every page can be made") {
        for form in page
            .html
            .split("<form")
            .skip(1)
            .filter_map(|f| f.split("</form>").next())
        {
            if form.contains("method=\"post\"") {
                assert!(
                    form.contains("type=\"hidden\" name=\"csrf\""),
                    "{}",
                    page.name
                );
            } else {
                assert!(form.contains("method=\"get\""), "{}: no method", page.name);
            }
        }
    }
}

#[test]
fn the_way_to_a_provider_is_a_link_and_never_a_form() {
    for name in ["signin", "confirm-revoke-step-up"] {
        let html = page(name);
        assert!(html.contains(" href=\"/oidc/entra/start"), "{name}");
        assert!(!html.contains("action=\"/oidc"), "{name}");
    }
}

#[test]
fn a_sample_store_says_so_on_every_page_and_a_real_one_on_none() {
    for page in all_pages().expect("every page can be made") {
        let marked = page.html.contains("Sample organisation: invented people");
        assert_eq!(
            marked,
            matches!(page.name, "overview-first" | "me-empty"),
            "{}",
            page.name
        );
    }
}

#[test]
fn a_degraded_sandbox_is_told_to_administrators_on_every_page_and_to_nobody_else() {
    let told = |role| {
        let mut shell = invented::shell();
        shell.degraded = true;
        if let Some(person) = &mut shell.person {
            person.role = role;
        }
        let page = dashboard_web::pages::concepts::ConceptsPage {
            shell,
            snapshot: None,
            rows: Vec::new(),
        };
        let html = page.render().expect("a page can be made");
        html.contains("runs without Landlock")
    };
    assert!(told(dashboard_web::Role::Admin));
    assert!(!told(dashboard_web::Role::Member));
    assert!(!page("admin").contains("runs without Landlock"));
}

#[test]
fn a_withheld_row_has_no_number_and_no_chart() {
    let html = page("overview");
    let row = html
        .split("<tr")
        .find(|r| r.contains("pg-leader-election</code>"))
        .expect("the concept that few have shown has a row");
    assert!(row.contains("<strong>Withheld.</strong> Fewer than five"));
    assert!(!row.contains("<svg"), "no chart");
    assert!(!text(row).contains('%'), "no figure: {}", text(row));
}

#[test]
fn an_all_or_none_value_is_said_only_as_a_bound() {
    let html = page("concepts");
    let row = html
        .split("<tr")
        .find(|r| r.contains("sql-joins</code>"))
        .expect("has a row");
    assert!(text(row).contains("90% or more"));
    assert!(!row.contains("96."), "the exact value stands nowhere");
}

/// Each value behind a bound is 96.x%, 99.6, 90.6, 3.6 or 6.1: none of them, as a number with a
/// percent sign, as a place in a chart or as a decimal, may be found.
#[test]
fn what_lies_behind_a_bound_stands_nowhere() {
    for name in ["concept-bound", "overview-bounds"] {
        let html = page(name);
        for secret in [
            "96%", "96.", "=\"96", "97%", "97.", "99.6", "90.6", "91%", "3.6", "4%", "6.1", "6%",
            "95%",
        ] {
            let shown = html
                .split(secret)
                .next()
                .map(|before| before.len())
                .filter(|at| *at < html.len());
            // Strokes of squares and coordinates of the frame have their own numbers.
            let own = shown.is_some_and(|at| {
                let tag = html[..at].rfind('<').map_or("", |from| &html[from..at]);
                tag.starts_with("<path") || tag.starts_with("<symbol") || tag.starts_with("<rect")
            });
            assert!(
                shown.is_none() || own,
                "{name}: {secret} in …{}",
                shown.map_or("", |at| &html[at.saturating_sub(80)..at + 6])
            );
        }
    }
    let words = text(&page("concept-bound"));
    assert!(words.contains("Steady at 90% or more"), "{words}");
    assert!(words.contains(
        "Retention of Ownership after 30 days: 90% or more on 22 June, 90% or more on 16 November."
    ));
    let html = page("concept-bound");
    let chart = html
        .split("<svg class=\"chart\"")
        .nth(1)
        .and_then(|rest| rest.split("<figcaption").next())
        .expect("has a chart");
    assert!(!chart.contains("class=\"dot"), "no dot");
    assert!(!chart.contains("class=\"line\""), "no line");
    assert!(chart.contains("class=\"area\""), "a band");
}

#[test]
fn a_bound_that_stays_a_bound_is_no_change() {
    let words = text(&page("overview-bounds"));
    assert!(
        words.contains("No retention moved by five points"),
        "{words}"
    );
    assert!(words.contains("Movement none"), "{words}");
    assert!(!words.contains("rose from") && !words.contains("fell from"));
}

#[test]
fn the_overview_says_first_where_the_organisation_is_thin() {
    let words = text(&page("overview"));
    assert!(words.contains("Larkfield Instruments is thinnest in PostgreSQL and Rust: four concepts there need attention most."), "{words}");
    assert!(words.contains("138 engineers are counted."));
    assert!(words.contains("Isolation levels . Two of the concepts most in need rest on it"));
    assert!(words.contains("Pinning is now known by six people, so its figure is shown."));
    assert!(words.contains("Isolation levels fell from 66% to 58%."));
}

#[test]
fn under_ten_counted_people_no_figure_is_shown() {
    for name in ["overview-too-few", "overview-empty"] {
        let html = page(name);
        assert!(!html.contains("class=\"figures"), "{name}");
        assert!(!html.contains("<table"), "{name}");
    }
    let words = text(&page("overview-too-few"));
    assert!(words.contains("Not enough people yet. Seven of the ten that are needed count."));
    assert!(words.contains(
        "The first figures can come on Monday 14 December, if ten people count by then."
    ));
    assert!(words.contains("See the sample organisation"));
    let is_few = |page: &dashboard_web::pages::overview::OverviewPage| {
        matches!(page.content, Overview::TooFew(_))
    };
    assert!(is_few(&dashboard_web::pages::overview::OverviewPage {
        shell: invented::shell(),
        content: Overview::TooFew(dashboard_web::pages::overview::TooFew {
            counted: 1,
            snapshot: None,
            first_figures: None,
            met: Vec::new(),
            sample: None,
            enrol_command: None,
        }),
    }));
}

#[test]
fn my_page_shows_rows_as_stored_and_offers_no_answer() {
    let words = text(&page("me"));
    assert!(
        words.contains("You know six concepts, and one has slipped."),
        "{words}"
    );
    assert!(
        words.contains(
            "213 http-etag-concurrency check pass choice4 demonstrated→retained 1795453200"
        )
    );
    assert!(words.contains("209 gone"));
    assert!(words.contains("208 * retract 1767268800"));
    assert!(words.contains("joined each time these pages are opened"));
    assert!(words.contains("not shown twice yet"));
    assert!(!words.contains("Answer"));
    assert!(!words.contains("09:12"), "no time of day beside a sync");
}

#[test]
fn a_year_of_rows_is_folded_away() {
    let html = page("me-long");
    let words = text(&html);
    assert!(words.contains("The newest ten of 1,204, as stored and in words."));
    assert!(words.contains("190 of the 1,194 before these"));
    let open = html.split("<details class=\"eq\"><summary>190 of").next();
    let in_sight = open.map_or(0, |open| open.matches("stream <code>").count());
    assert_eq!(in_sight, 10);
}

#[test]
fn the_second_bar_of_ones_own_page_leads_only_to_what_is_there() {
    for name in ["me", "me-empty", "me-start", "me-long"] {
        let html = page(name);
        let ids = attributes(&html, "id");
        for href in attributes(&html, "href") {
            if let Some(part) = href.strip_prefix("/me#") {
                assert!(ids.contains(&part), "{name}: {href}");
            }
        }
    }
}

#[test]
fn without_a_device_what_is_held_can_be_seen_exported_and_deleted() {
    let html = page("me-start");
    let words = text(&html);
    assert!(words.contains("E-mail tamsin.orrel@larkfield.example"));
    assert!(words.contains("Once a laptop is enrolled you can leave the figures"));
    assert!(html.contains("href=\"/me/export\""));
    assert!(html.contains("href=\"/me/erase\""));
    assert!(text(&page("confirm-erase-account")).contains("Your account is removed"));
}

#[test]
fn a_command_is_never_broken_inside_a_word() {
    let css = dashboard_web::asset(&dashboard_web::asset_href("style.css")).expect("is there");
    let css = std::str::from_utf8(css.bytes).expect("is text");
    assert!(css.contains(".code li { white-space:pre;"));
    assert!(!css.contains("pre-wrap"));
}

#[test]
fn a_breadcrumb_names_nothing_twice_and_ends_where_one_is() {
    let crumbs = |name: &str| {
        let html = page(name);
        let nav = html.split("<nav class=\"crumbs\"").nth(1);
        let nav = nav.and_then(|rest| rest.split("</nav>").next());
        text(&format!("<nav {}", nav.expect("has one")))
    };
    assert_eq!(
        crumbs("concept"),
        "Concepts PostgreSQL Concurrency in PostgreSQL PostgreSQL advisory locks"
    );
    assert_eq!(crumbs("concept-bound"), "Concepts Ownership");
}

#[test]
fn what_is_withheld_on_every_monday_is_said_once() {
    let html = page("concept-withheld-long");
    assert!(text(&html).contains("Withheld in all 24 snapshots so far."));
    assert!(!html.contains("<details class=\"eq\" open>"));
    assert!(html.contains("class=\"v w\">fewer than 5"));
}

#[test]
fn a_gap_too_narrow_for_words_is_explained_below() {
    let words = text(&page("concept-bound"));
    assert!(words.contains("Tinted weeks are withheld: fewer than five people had shown it."));
}

#[test]
fn a_sealed_act_is_an_hour_and_not_a_moment() {
    let words = text(&page("admin-audit"));
    assert!(
        words.contains("23 November, 08–09 UTC somebody, sealed"),
        "{words}"
    );
    assert!(words.contains("24 November, 09:40 UTC Jonas Veld"));
}

#[test]
fn a_value_that_stands_is_marked_and_explained_once() {
    let words = text(&page("concepts"));
    assert!(words.contains("As of 2 November"));
    assert_eq!(words.matches("so the value stands").count(), 1);
}

#[test]
fn a_stale_confirmation_leaves_no_button_that_acts() {
    let html = page("confirm-revoke-step-up");
    let main = html.split("<main").nth(1).expect("has a main part");
    assert!(!main.contains("<form"), "nothing can be posted");
    assert!(text(main).contains("Your last confirmation has run out."));
    assert!(page("confirm-revoke").contains("action=\"/admin/devices/9a/revoke\" method=\"post\""));
}

#[test]
fn a_refused_word_is_kept_and_said_at_the_field() {
    let html = page("confirm-erase-refused");
    assert!(html.contains("value=\"Delete\""));
    assert!(html.contains("aria-invalid=\"true\" aria-describedby=\"typedh\""));
    assert!(html.contains("role=\"alert\""));
}

#[test]
fn an_error_says_that_nothing_was_changed_and_gives_the_number() {
    let words = text(&page("broken"));
    assert!(words.contains("This page could not be made. Nothing was changed."));
    assert!(words.contains("7f3a-91c2 at 24 November, 09:41 UTC, code S014"));
}

#[test]
fn a_member_sees_no_way_into_the_administration() {
    assert!(!page("overview").contains("href=\"/admin"));
    assert!(page("admin").contains("href=\"/admin\""));
}

#[test]
fn a_concept_without_a_row_of_its_own_leads_to_its_parts() {
    let made_of_parts = page("concept-made-of-parts");
    assert!(made_of_parts.contains("has no figure of its own. Its parts have."));
    assert!(made_of_parts.contains("<dt>Its parts</dt>"));
    assert!(!made_of_parts.contains("too few people met it"));
    assert!(page("concept-left-out").contains("too few people met it"));
}

#[test]
fn an_error_leads_to_its_row_in_the_manual() {
    assert!(page("broken").contains("<a href=\"/docs/errors#S014\">S014</a>"));
    assert!(page("not-found").contains("href=\"/docs/errors#H404\""));
    for page in all_pages().expect("every page can be made") {
        let manual = page.html.contains("<a href=\"/docs\">Manual</a>");
        assert!(manual, "{}: the footer leads to the manual", page.name);
    }
}

#[test]
fn what_is_looked_up_is_said_back_as_text() {
    let html = page("docs-search-none");
    assert!(
        html.contains("&#60;script&#62;alert(1)"),
        "escaped, and shown"
    );
    assert!(!html.contains("<img"));
    let words = text(&page("docs-search-code"));
    assert!(words.contains("Errors: S003"), "{words}");
    assert!(page("docs-search-code").contains("<mark>S003</mark>"));
    assert!(text(&page("docs-search-some")).contains("No place has all of"));
    assert!(text(&page("docs-search-empty")).contains("What are you looking for?"));
}
