/** The part of `--help` below the options: examples, and the exit statuses. */

export const PROGRAM_HELP = `
Examples:
  pawscope analyze office.pcapng
  pawscope findings --severity error
  pawscope report -o incident.html
  pawscope check captures

More: pawscope COMMAND --help. All of it: man pawscope.
`;

export const ANALYZE_HELP = `
Examples:
  pawscope analyze -r gateway.pcap.gz --db case-4711.db --fail-on error
  pawscope analyze 'rotated/cap*.pcap.zst' -- tcp port 443
  ssh gateway tcpdump -i any -s 128 -w - tcp | pawscope analyze -
  pawscope analyze --profile linux-3.10 --sysctl tcp_tw_recycle=1 office.pcap

Exit status: 0 done, 1 by --fail-on or --expect, 2 usage or unreadable, 3 input
damaged or packets dropped, 129, 130, 143 by a signal (what was read is kept).
`;

export const LIVE_HELP = `
Examples:
  pawscope live -i eth0 -w ring.pcap -C 100 -W 20 tcp port 443
  pawscope live -i eth0 --format ndjson | jq -c '[.rule, .title]'

Ctrl-C ends it with a summary; SIGUSR1 prints its status.

Exit status: 0 done, 1 by --fail-on or --expect, 2 usage, or capturing or
storing failed, 3 packets or an interface lost, 129, 130 and 143 by a signal.
`;

export const INTERFACES_HELP = `
Examples:
  pawscope interfaces

Exit status: 0 done, 2 nothing can be captured on; stderr says what is missing.
`;

export const FINDINGS_HELP = `
Examples:
  pawscope findings case-4711.db --rule port-reuse --severity warning
  pawscope findings --client 192.0.2.10 --since 2026-11-21 --format csv
  pawscope findings --run last --limit 20

Exit status: 0 done, 2 usage or a database that cannot be read.
`;

export const CHECK_HELP = `
Examples:
  pawscope check                             # every capture below this folder
  pawscope check --update captures/new.pcap  # make its golden; read it
  pawscope check captures --rule port-reuse --time-wait 120

Exit status: 0 all match their goldens, 1 some differ, or a golden or capture is
missing, 2 usage or something cannot be read, 3 a rule failed.
`;

export const REPORT_HELP = `
Examples:
  pawscope report case-4711.db -o incident.html
  pawscope report case-4711.db --run 2 --format md > ticket.md
  pawscope report after.db --compare before.db -o fixed.html

Exit status: 0 done, 2 usage, or something cannot be read or written.
`;

export const COLLECT_HELP = `
Examples:
  pawscope collect > host.json
  ssh server npx pawscope collect > server.json
  pawscope analyze --context server.json office.pcapng

Exit status: 0 done, 2 not on Linux, or /proc cannot be read.
`;

export const COMPLETION_HELP = `
Examples:
  source <(pawscope completion bash)                      # or into ~/.bashrc
  pawscope completion zsh > ~/.zfunc/_pawscope            # a folder of $fpath
  pawscope completion fish > ~/.config/fish/completions/pawscope.fish

Exit status: 0 done, 2 usage.
`;

export const EXPLAIN_HELP = `
Examples:
  pawscope explain port-reuse
  pawscope explain 0477a892 --db case-4711.db
  pawscope explain 0477a892 --format json | jq .advice.checks

Exit status: 0 done, 2 no such rule or finding, or an unreadable database.
`;

export const SLICE_HELP = `
Examples:
  pawscope slice 0477a892 --db case-4711.db -o out.pcap
  pawscope slice 0477a892 -o - | tshark -r -

Exit status: 0 done, 2 no such finding, or its captures are gone, have changed
or cannot be read, 3 done but a capture was damaged or cut short.
`;

/** Exit statuses for the manual page. When several apply, the first one is returned. */
export const EXIT_STATUS: readonly (readonly [status: string, meaning: string])[] = [
  ['130, 143, 129', 'Stopped by SIGINT, SIGTERM or SIGHUP; what was read or captured is analysed and kept.'],
  ['2', 'Usage, input that cannot be read, or a database or file that cannot be written.'],
  ['1', 'There are findings at or above --fail-on, not as many as --expect says, or other ones than in a golden.'],
  ['3', 'Done, but input was damaged, cut short or not a capture, packets were lost or not kept, or a rule failed.'],
  ['0', 'Done.'],
];
