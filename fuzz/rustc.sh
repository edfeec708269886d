#!/bin/sh
# Cargo calls this in place of rustc (RUSTC_WRAPPER). What reads the inputs is compiled with a fuzzer's instrumentation: it
# counts edges and compares, which libFuzzer reads. Nothing that a macro needs may be among it (serde_json is): a macro has no
# libFuzzer. The flags are of the stable toolchain. Everything else is compiled as ever.
compiler=$1
shift
case " $* " in
*' --crate-name coalmine '* | *' --crate-name coalmine_core '* | *' --crate-name coalmine_api '* | *' --crate-name coalmine_fuzz '* | *' --crate-name gotmpl '* | *' --crate-name regex_syntax '*)
	exec "$compiler" "$@" -Cpasses=sancov-module \
		-Cllvm-args=-sanitizer-coverage-level=3 \
		-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
		-Cllvm-args=-sanitizer-coverage-pc-table \
		-Cllvm-args=-sanitizer-coverage-trace-compares
	;;
*)
	exec "$compiler" "$@"
	;;
esac
