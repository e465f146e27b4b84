# Shows what a person wants to see of `cargo test -- --show-output`: progress, failures in full, results. Tests that
# were left out are gathered by their reason into the file `left_out`, as lines `COUNT<tab>REASON`.
#
# usage: awk -v left_out=FILE -f show-tests.awk < OUTPUT

function left(reason) {
    # `left out: TEST needs PEER`: what is needed is the reason, the tests are counted.
    if (match(reason, /^[a-z0-9_:]+ needs /)) reason = substr(reason, index(reason, " needs ") + 1)
    reasons[reason]++
}

/^left out: / { left(substr($0, 11)); if (part != "failures") next }
/^running [0-9]+ tests?$/ { total = $2; done = 0; part = "running"; next }
/^successes:$/ && part != "failures" { part = "successes"; next }
/^failures:$/ { part = "failures" }
/^test result: / { part = "results"; if (total > 0) print "  " $0; fflush(); next }

part == "failures" { print; next }
part == "running" && /^test .* \.\.\. / {
    done++
    if (/\.\.\. FAILED$/) print "  " $0
    if (done % 100 == 0 && done < total) print "  " done " of " total
    fflush()
    next
}
part == "running" && /has been running for over/ { print "  " $0; fflush() }

END { for (reason in reasons) printf "%d\t%s\n", reasons[reason], reason > left_out }
