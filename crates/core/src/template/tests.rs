use super::*;

fn sample() -> Variables {
    Variables {
        name: "podinfo".into(),
        namespace: "test".into(),
        target: "podinfo-t".into(),
        service: "podinfo-s".into(),
        ingress: "podinfo-i".into(),
        route: "podinfo-r".into(),
        pods: "podinfo-t-5d8f9c7b6-[0-9a-z]{5}".into(),
        interval: "1m".into(),
        variables: BTreeMap::from([("a".into(), "eu".into()), ("dash-ed".into(), "x".into())]),
    }
}

#[test]
fn every_documented_form_renders_as_go_renders_it() {
    let cases = [
        ("up", "up"),
        ("{{ name }}.{{ namespace }}", "podinfo.test"),
        (
            "{{target}}|{{service}}|{{ingress}}|{{route}}",
            "podinfo-t|podinfo-s|podinfo-i|podinfo-r",
        ),
        (
            r#"rate(x{namespace="{{ namespace }}"}[{{ interval }}])"#,
            r#"rate(x{namespace="test"}[1m])"#,
        ),
        (r#"{pod=~"{{ pods }}"}"#, r#"{pod=~"podinfo-t-5d8f9c7b6-[0-9a-z]{5}"}"#),
        ("{{ variables.a }}", "eu"),
        (r#"{{ index variables "a" }}"#, "eu"),
        (r#"{{ index variables "dash-ed" }}"#, "x"),
        (r#"{{ printf "%s_%s" namespace target }}"#, "test_podinfo-t"),
        (r#"{{ target | printf "%q" }}"#, r#""podinfo-t""#),
        (r#"{{ if eq namespace "test" }}yes{{ else }}no{{ end }}"#, "yes"),
        ("a {{- /* trimmed */ -}} b", "ab"),
        (r#"{{- $r := printf "kube_%s" namespace }}{{ $r }}"#, "kube_test"),
        (
            "{{ range $k, $v := variables }}{{ $k }}={{ $v }};{{ end }}",
            "a=eu;dash-ed=x;",
        ),
        (r#"x{a=~"b{1,3}%"}"#, r#"x{a=~"b{1,3}%"}"#),
    ];
    for (source, expected) in cases {
        assert_eq!(render(source, &sample()).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn what_go_refuses_is_refused() {
    let cases = [
        "{{ variables.missing }}",
        "{{ unknown }}",
        "{{ .Name }}",
        "{{ name",
        "{{ name 1 }}",
        "{{ end }}",
        "sum(x) {{ end }} / 2",
        "{{ else }}",
    ];
    for source in cases {
        assert!(render(source, &sample()).is_err(), "{source}");
    }
}

#[test]
fn named_templates_are_refused_wherever_they_hide() {
    let cases = [
        r#"{{ define "x" }}{{ end }}"#,
        r#"{{ block "x" . }}{{ end }}"#,
        r#"{{ template "queryTemplate" }}"#,
        r#"{{ if true }}{{ else }}{{ range variables }}{{ template "queryTemplate" }}{{ end }}{{ end }}"#,
    ];
    for source in cases {
        assert!(
            matches!(
                render(source, &sample()),
                Err(RenderError::Parse(ParseError::Refused(_)))
            ),
            "{source}"
        );
    }
}

#[test]
fn output_beyond_the_limit_is_an_error_and_not_a_large_string() {
    let wide = "x".repeat(1024);
    let source = format!("{{{{ range 100 }}}}{wide}{{{{ end }}}}");
    assert_eq!(render(&source, &sample()), Err(RenderError::TooLong));
}

#[test]
fn loops_within_loops_are_bounded_in_time() {
    let source = "{{ range 9999 }}{{ range 9999 }}{{ range 9999 }}{{ end }}{{ end }}{{ end }}";
    assert!(matches!(render(source, &sample()), Err(RenderError::Execute(_))));
}

#[test]
fn syntax_is_checked_without_values() {
    assert!(parse("{{ variables.later }}", &QUERY).is_ok());
    assert!(parse("{{ nope }}", &QUERY).is_err());
    assert!(parse("{{ if false }}{{ (printf \"%s\" nope) }}{{ end }}", &QUERY).is_err());
}
