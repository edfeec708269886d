//! Templates that want the stack, the memory or the time of the process: each ends soon, on a stack a quarter of a
//! thread's, and holds no more text than the budget.

use super::*;
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// A quarter of what tokio's threads have.
const STACK: usize = 512 * 1024;
/// Bytes a rendering may hold at once: the budget, the output, and what the engine makes of a format while it is at it.
const MEMORY: usize = 8 * 1024 * 1024;

thread_local! {
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Counts what this thread holds.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(grown: usize, shrunk: usize) {
    // A thread that ends frees after its locals are gone.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        let now = now.saturating_add(grown).saturating_sub(shrunk);
        held.set((now, most.max(now)));
    });
}

#[allow(unsafe_code)] // an allocator that counts and leaves the work to the system's
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn sample() -> Variables {
    let entry = |n: usize| (format!("key{n}"), "v".repeat(limits::VALUE));
    Variables {
        name: "podinfo".into(),
        interval: "1m".into(),
        variables: (0..limits::PROPERTIES).map(entry).collect(),
        ..Variables::default()
    }
}

/// The result, and the most memory it took.
fn on_a_small_stack(source: String) -> (Result<String, RenderError>, usize) {
    let work = move || {
        let variables = sample();
        let (before, _) = HELD.get();
        HELD.set((before, before));
        let result = render(&source, &variables);
        (result, HELD.get().1 - before)
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work);
    thread.unwrap().join().unwrap()
}

fn refused(source: &str) -> String {
    let (result, held) = on_a_small_stack(source.to_owned());
    assert!(held < MEMORY, "{held} bytes for {}", short(source));
    result.map(|text| text.len()).expect_err(&short(source)).to_string()
}

#[test]
fn chains_never_reach_the_parser() {
    for word in ["if", "with"] {
        let chain = format!(
            "{{{{{word} name}}}}a{}{{{{end}}}}",
            format!("{{{{else {word} name}}}}a").repeat(30_000)
        );
        assert!(refused(&chain).contains("longer than 8192 bytes"));
        let short = format!(
            "{{{{{word} .}}}}{}{{{{end}}}}",
            format!("{{{{else {word} .}}}}").repeat(400)
        );
        assert!(refused(&short).contains("more than 50 times \"else\""));
    }
}

#[test]
fn nesting_as_deep_as_a_source_can_be_fits_a_small_stack() {
    let nested = |open: &str, middle: &str, close: &str, times: usize| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    for times in [40, 90, 99, 100, 101, 400, 4000] {
        let parentheses = format!("{{{{ {} }}}}", nested("(", "1", ")", times));
        let calls = format!("{{{{ {} }}}}", nested("print (", "1", ")", times));
        let sources = [
            parentheses,
            calls,
            nested("{{if 1}}", "x", "{{end}}", times),
            nested("{{if 0}}{{else}}", "x", "{{end}}", times.min(50)),
            nested(
                "{{with 1}}{{range 1}}",
                "{{((((((.))))))}}",
                "{{end}}{{end}}",
                times / 2,
            ),
            nested("{{range 1}}", "x", "{{end}}", times),
            nested("{{if and (", "1", ") 1}}{{end}}", times),
            nested("{{block \"a\" .}}", "x", "{{end}}", times),
            nested("{{define \"a\"}}", "x", "{{end}}", times),
            format!(
                "{{{{if {}}}}}{}{{{{end}}}}",
                nested("not (", "1", ")", times.min(90)),
                "{{else if 1}}".repeat(50)
            ),
            nested("{{- ", "/* ", " */ -}}", times),
            "{{".repeat(times),
            "(".repeat(times),
        ];
        for source in sources {
            let (result, held) = on_a_small_stack(source.clone());
            assert!(held < MEMORY, "{held} bytes for {}: {result:?}", short(&source));
        }
    }
}

#[test]
fn values_that_double_end_at_the_limit_of_a_value() {
    let doubling = format!(
        "{{{{ $x := \"0123456789abcdef\" }}}}{}",
        "{{ $x = print $x $x }}".repeat(24)
    );
    assert!(refused(&doubling).contains("longer than 65536 bytes"));
    let dotted = format!("{{{{ with \"0123456789abcdef\" }}}}{}{{{{ end }}}}", nested_with(24));
    assert!(refused(&dotted).contains("longer than 65536 bytes"));
    let long = "{{ $x := printf \"%60000d\" 1 }}".to_owned();
    for more in [
        "{{ $a := print $x $x }}",
        "{{ html $x }}{{ js $x }}",
        "{{ $b := printf \"%[1]s%[1]s%[1]q\" $x }}",
    ] {
        refused(&format!("{long}{more}"));
    }
}

fn nested_with(times: usize) -> String {
    format!("{}{}", "{{ with print . . }}".repeat(times), "{{ end }}".repeat(times))
}

#[test]
fn many_values_together_end_at_the_budget() {
    let many: String = (0..200)
        .map(|n| format!("{{{{ $v{n} := printf \"%50000d\" 1 }}}}"))
        .collect();
    assert!(refused(&many).contains("too much text"));
    let looped = "{{ $x := printf \"%60000d\" 1 }}{{ range 9999 }}{{ if eq $x $x }}{{ end }}{{ end }}";
    assert!(refused(looped).contains("too much text"));
}

#[test]
fn formats_pay_for_their_width_before_they_work() {
    for format in [
        "%2000000d".repeat(20),
        "%*d".repeat(40),
        "%.65535f".repeat(40),
        "%[1]65535s".repeat(300),
        "%65535.65535d".repeat(300),
    ] {
        refused(&format!("{{{{ printf {format:?} 65535 1 }}}}"));
        refused(&format!(
            "{{{{ $f := {format:?} }}}}{{{{ range 9999 }}}}{{{{ printf $f 65535 1 }}}}{{{{ end }}}}"
        ));
    }
}

#[test]
fn loops_within_loops_are_bounded_by_their_bodies() {
    let range = "{{ range variables }}";
    for (open, body) in [
        ("{{ range 9999 }}", ""),
        (range, ""),
        (range, "{{ $x := . }}"),
        (range, "{{ if eq . . }}{{ end }}"),
    ] {
        let nested = format!("{}{}{}", open.repeat(9), body.repeat(200), "{{ end }}".repeat(9));
        refused(&nested);
    }
}

#[test]
fn one_rendering_takes_no_more_steps_than_the_table_says() {
    let steps = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    for body in [1, 10, 100, 500] {
        let seen = steps.clone();
        seen.store(0, std::sync::atomic::Ordering::Relaxed);
        let source = format!("{{{{range 999999999}}}}{}{{{{end}}}}", "{{tick}}".repeat(body));
        let parsed = parse(&source, &["tick"]).unwrap();
        let template = parsed.template().func("tick", move |_| {
            seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(text(""))
        });
        assert!(template.execute_to_string(&Value::Nil).is_err());
        let taken = steps.load(std::sync::atomic::Ordering::Relaxed);
        assert!((1..=limits::TEMPLATE_STEPS).contains(&taken), "{taken} steps of {body}");
    }
}

#[test]
fn what_people_write_is_far_from_every_limit() {
    let query = "{{ range $k, $v := variables }}{{ if eq $k \"key1\" }}{{ printf \"%.10s\" $v }}{{ else }}{{ len $v }}{{ end }},{{ end }}";
    let (result, held) = on_a_small_stack(query.to_owned());
    assert!(
        result.is_ok_and(|text| text.len() > 300) && held < 1024 * 1024,
        "{held}"
    );
}

/// Pieces that hostile templates are made of.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "if",
        "else",
        "else if",
        "with",
        "range",
        "end",
        "define",
        "block",
        "template",
        "break",
        "continue",
        "$x",
        ":=",
        "=",
        "|",
        "(",
        ")",
        ".",
        ".a",
        "print",
        "printf",
        "println",
        "html",
        "js",
        "urlquery",
        "index",
        "slice",
        "len",
        "and",
        "or",
        "not",
        "eq",
        "lt",
        "call",
        "variables",
        "variables.key1",
        "name",
        "\"%99999d\"",
        "\"%*d\"",
        "\"%[9]s\"",
        "`raw {{ `",
        "/*",
        "*/",
        "'a'",
        "'\\''",
        "9999",
        "-1",
        "1e308",
        "0x1p-2",
        "nil",
        "true",
        " ",
        "\n",
        "\u{0}",
        "é",
        ",",
    ];
    prop_oneof![
        4 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{0,8}",
        1 => (proptest::sample::select(words.to_vec()), 1usize..60).prop_map(|(word, times)| word.repeat(times)),
        2 => Just("{{ $x = print $x $x }}".to_owned()),
        2 => Just("{{ range variables }}".to_owned()),
        2 => Just("{{ end }}".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn no_text_costs_more_than_the_limits(pieces in proptest::collection::vec(piece(), 0..200)) {
        let source = format!("{{{{ $x := name }}}}{}", pieces.concat());
        let (result, held) = on_a_small_stack(source);
        prop_assert!(held < MEMORY, "{} bytes", held);
        prop_assert!(result.map_or(0, |text| text.len()) <= limits::TEMPLATE_OUTPUT);
    }
}
