use super::*;

fn links() -> Links<'static> {
    Links {
        slugs: ["index", "errors", "install"].into(),
    }
}

fn page(slug: &str, markdown: &str) -> Rendered {
    render(slug, "Label", markdown, &links())
}

#[test]
fn html_in_a_source_is_shown_and_never_obeyed() {
    let page = page(
        "index",
        "# T\n\nA <b onclick=x>word</b>.\n\n<script>alert(1)</script>\n\n<!-- for editors -->\n\n[x](javascript:alert(1)) `<i>`\n",
    );
    for tag in ["<b", "<script", "<i>", "javascript:alert(1)\"", "href"] {
        assert!(!page.html.contains(tag), "{tag}: {}", page.html);
    }
    assert!(page.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.html.contains("for editors"), "{}", page.html);
}

#[test]
fn a_link_leads_to_our_page_or_becomes_words() {
    let page = page(
        "index",
        "[a](errors.md#S003) [b](install.md) [c](#here) [d](../../kernel/src/lib.rs) [e](https://elsewhere.example/x)",
    );
    assert_eq!(
        page.html.trim(),
        "<p><a href=\"/docs/errors#S003\">a</a> <a href=\"/docs/install\">b</a> <a href=\"#here\">c</a> \
         d (<code>kernel/src/lib.rs</code>) e (<code>https://elsewhere.example/x</code>)</p>"
    );
}

#[test]
fn headings_keep_their_ids_and_two_of_a_name_differ() {
    let page = page(
        "index",
        "# T\n\nFirst.\n\n## Ids **[fixed]**\n\n## Pull: `GET /x`\n\n## Main\n\n## Again\n\n### Again\n\n## Mine {#own}\n",
    );
    let ids: Vec<_> = page.headings.iter().map(|h| h.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "ids-fixed",
            "pull-get-x",
            "main-1",
            "again",
            "again-1",
            "own"
        ]
    );
    assert_eq!(page.title, "T");
    assert_eq!(page.lede, "First.");
    assert!(!page.html.contains("First."));
}

#[test]
fn a_row_of_a_code_or_a_key_is_a_place_of_its_own() {
    let errors = page(
        "errors",
        "# E\n\n## S: store\n\n| code | so | what to do |\n|---|---|---|\n| `S003` | No. | Update. |\n\nAfter.\n",
    );
    assert!(errors.anchors.contains("S003"));
    assert!(
        errors.html.contains(
            "<tr id=\"S003\"><th scope=\"row\"><code>S003</code></th><td data-h=\"so:\">No.</td><td data-h=\"what to do:\">Update.</td></tr>"
        ),
        "{}",
        errors.html
    );
    let keys = page(
        "configuration",
        "# C\n\n## [listen]\n\n| key | what |\n|---|---|\n| `people` | Where. |\n",
    );
    assert!(keys.anchors.contains("listen.people"), "{:?}", keys.anchors);
    let other = page("index", "# O\n\n| code |\n|---|\n| `S003` |\n");
    assert!(!other.anchors.contains("S003"));
    let after = errors.chunks.iter().find(|chunk| chunk.anchor == "s-store");
    assert_eq!(after.map(|chunk| chunk.text.trim()), Some("After."));
}

#[test]
fn a_block_of_code_keeps_its_promise_and_its_lines() {
    let page = page("index", "```sh run\na < b\nc\n```\n\n    indented\n");
    assert!(page.html.contains("<code>a &lt; b\nc</code></pre>"));
    assert_eq!(page.fences[0].info, "sh run");
    assert_eq!(page.fences[1].info, "");
}

#[test]
fn an_image_that_is_not_there_is_a_problem() {
    let page = page("index", "![A picture](images/none.png)");
    assert_eq!(page.problems, ["the image images/none.png is not there"]);
    assert!(!page.html.contains("<img"));
}

#[test]
fn a_png_says_its_size() {
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x05\0\0\0\x03\x84";
    assert_eq!(png_size(head), Some((1280, 900)));
    assert_eq!(png_size(b"GIF89a"), None);
}

#[test]
fn an_svg_says_its_size() {
    let head = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"330\">\n<rect width=\"9\"/>";
    assert_eq!(svg_size(head), Some((760, 330)));
    assert_eq!(
        svg_size(b"<svg viewBox=\"0 0 9 9\"><rect width=\"9\" height=\"9\"/></svg>"),
        None
    );
    assert_eq!(svg_size(b"\xff<svg"), None);
}
