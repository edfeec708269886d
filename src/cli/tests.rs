use super::*;

fn parsed(args: &[&str]) -> Result<Cli, clap::Error> {
    let args = std::iter::once("coalmine")
        .chain(args.iter().copied())
        .map(OsString::from);
    let matches = environment::read_by(Cli::command()).try_get_matches_from(argv::normalised(args))?;
    Cli::from_arg_matches(&matches)
}

#[test]
fn the_definition_is_sound() {
    environment::read_by(Cli::command()).debug_assert();
}

#[test]
fn a_deployment_written_for_flagger_starts() {
    let args = [
        "-log-level=info",
        "-mesh-provider=istio",
        "-metrics-server=http://prometheus:9090",
        "-enable-config-tracking=true",
        "-enable-leader-election",
        "-threadiness=2",
        "-slack-user=flagger",
        "-event-webhook=http://listener/",
        "-dry-run",
        "-port=8080",
        "-namespace=test",
        "-zap-encoding=json",
        "-selector-labels=app,name,app.kubernetes.io/name",
        "-no-cross-namespace-refs",
        "-ingress-annotations-prefix=custom.ingress.kubernetes.io",
        "-ingress-class=contour",
    ];
    let cli = parsed(&args).unwrap();
    assert!(matches!(cli.command, Command::Run(_)));
}

#[test]
fn what_limits_flagger_limits_both_halves_here() {
    let args = [
        "-namespace=test",
        "-no-cross-namespace-refs=true",
        "-enable-config-tracking=false",
    ];
    let Command::Run(limited) = parsed(&args).unwrap().command else {
        unreachable!()
    };
    let limits = limited.common.limits();
    assert_eq!(limits, (Some("test".to_owned()), true, false));
    let Command::Run(free) = parsed(&["-namespace=", "-no-cross-namespace-refs=false"])
        .unwrap()
        .command
    else {
        unreachable!()
    };
    assert_eq!(free.common.limits(), (None, false, true));
}

#[test]
fn a_flag_nobody_knows_is_an_error() {
    assert!(parsed(&["-no-such-flag=1"]).is_err());
}

#[test]
fn every_subcommand_is_there() {
    for name in ["webhook", "controller", "run", "crds", "version"] {
        assert!(parsed(&[name]).is_ok(), "{name}");
    }
}

#[test]
fn flags_can_be_set_by_the_environment_except_those_kubernetes_sets() {
    let command = environment::read_by(Cli::command());
    let run = command.find_subcommand("run").unwrap();
    let variable = |long: &str| {
        let arg = run.get_arguments().find(|arg| arg.get_long() == Some(long)).unwrap();
        arg.get_env().map(|name| name.to_string_lossy().into_owned())
    };
    assert_eq!(variable("kubeconfig").as_deref(), Some("COALMINE_KUBECONFIG"));
    assert_eq!(variable("failure-policy").as_deref(), Some("COALMINE_FAILURE_POLICY"));
    assert_eq!(variable("namespace").as_deref(), Some("POD_NAMESPACE"));
    assert_eq!(variable("port"), None);
}
