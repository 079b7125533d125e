//! The page as a browser shows it.

use std::io::Write;

use super::TO;
use super::browser::Browser;
use crate::fixture::Desk;

/// The elements with text of their own whose colours are too close, by WCAG.
const CONTRAST: &str = r#"(() => {
  const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const bad = new Set();
  let looked = 0;
  for (const e of document.querySelectorAll("body *")) {
    if (["SCRIPT", "STYLE", "TITLE", "title"].includes(e.tagName)) continue;
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (e.closest("details:not([open]) > :not(summary)")) continue;
    const style = getComputedStyle(e);
    const front = rgb(e.namespaceURI.includes("svg") ? style.fill : style.color);
    const [a, b] = [light(front), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    looked += 1;
    if (ratio < 4.5) bad.add(`${e.tagName}.${e.getAttribute("class")} ${ratio.toFixed(2)} ${front} on ${behind(e)}`);
  }
  return { looked, bad: [...bad] };
})()"#;

#[test]
fn the_page_works_in_a_browser() {
    let Some(mut browser) = Browser::start() else {
        // Past the harness, which keeps what passing tests print.
        let _ = writeln!(std::io::stderr(), "not run: the_page_works_in_a_browser: chromium is not installed");
        return;
    };
    let desk = Desk::computed();
    std::fs::remove_dir_all(desk.path("published")).expect("a directory");
    assert_eq!(desk.run(&["report", "-q", "--out", "report.html"], &TO).code, 0);
    let path = desk.path("report.html");
    for scheme in ["light", "dark"] {
        for width in [1200, 390] {
            browser.open(&path, width, scheme);
            assert_eq!(browser.complaints(), Vec::<String>::new(), "{scheme} {width}");
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert!(wide.as_u64() <= Some(width.into()), "{scheme} {width}: {wide}");
            let contrast = browser.evaluate(CONTRAST);
            assert!(contrast["looked"].as_u64() > Some(300), "{contrast}");
            assert_eq!(contrast["bad"], serde_json::json!([]), "{scheme} {width}");
        }
    }
    let text = browser.evaluate("document.body.innerText").as_str().expect("text").to_owned();
    for word in ["TDZA", "PSZA", "PCF", "PDC", "MLFS", "2023", "partial", "Is it complete?", "Handoff"] {
        assert!(text.contains(word), "{word}");
    }
    // Pictures and regions have names.
    let unnamed = "[...document.querySelectorAll('[role=img],[role=region],nav')].filter(e => !e.getAttribute('aria-label')).length";
    assert_eq!(browser.evaluate(unnamed), 0);
    filter_and_sort(&mut browser);
}

/// The table of coverage is filtered by words and sorted by a column, with the keyboard as well.
fn filter_and_sort(browser: &mut Browser) {
    let shown = |browser: &mut Browser, text: &str| {
        browser.evaluate(&format!(
            "(() => {{ const input = document.querySelector('input[data-table=coverage-t]'); input.value = {text:?}; \
             input.dispatchEvent(new Event('input')); \
             return [...document.querySelectorAll('#coverage-t tbody tr')].filter(row => !row.hidden).map(row => row.cells[1].textContent); }})()"
        ))
    };
    assert_eq!(shown(browser, "2023 pcf"), serde_json::json!(["PCF"]));
    assert_eq!(shown(browser, "nothing like that"), serde_json::json!([]));
    let all = shown(browser, "");
    assert_eq!(all.as_array().map(Vec::len), Some(5), "{all}");
    let rows = "[...document.querySelectorAll('#coverage-t tbody tr')].map(row => +row.cells[10].textContent.replace(/,/g, ''))";
    for (order, is) in [("ascending", true), ("descending", false)] {
        let said = browser.evaluate(
            "(() => { const head = document.querySelectorAll('#coverage-t thead th')[10]; const button = head.querySelector('button'); \
             button.focus(); button.click(); return [document.activeElement === button, head.getAttribute('aria-sort')]; })()",
        );
        assert_eq!(said, serde_json::json!([true, order]));
        let rows = browser.evaluate(rows);
        let rows: Vec<u64> = rows.as_array().expect("rows").iter().filter_map(serde_json::Value::as_u64).collect();
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        assert_eq!(rows == sorted, is, "{rows:?}");
    }
}
