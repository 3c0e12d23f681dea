/** What `--help` says below the options: examples, and what the status means. */

export const PROGRAM_HELP = `
Examples:
  pawscope analyze office.pcapng
  pawscope findings --severity error
  pawscope check captures
`;

export const ANALYZE_HELP = `
Examples:
  pawscope analyze office.pcapng
  pawscope analyze -r gateway.pcap.gz --db case-4711.db --fail-on error
  pawscope analyze 'rotated/cap*.pcap.zst'
  ssh gateway tcpdump -i any -s 128 -w - tcp | pawscope analyze -
  pawscope analyze --db :memory: --format ndjson office.pcap | jq .title
  pawscope analyze --profile linux-3.10 --sysctl tcp_tw_recycle=1 office.pcap
  pawscope analyze --db :memory: --fail-on error --format junit office.pcap > office.xml

Exit status (of several, the first that applies):
  130, 143  stopped by SIGINT or SIGTERM; what was read has been analysed and kept
  2  usage, unreadable input, or a database that cannot be written
  1  there are findings at or above --fail-on, or not as many as --expect says
  3  done, but the input was damaged or cut short, the kernel dropped packets, or a rule failed
  0  done
`;

export const LIVE_HELP = `
Examples:
  pawscope live -i eth0
  pawscope live -i eth0 -i eth1 tcp port 443 and host 192.0.2.10
  pawscope live -i any -a duration:600 --db office.db --fail-on error
  pawscope live -i eth0 --format ndjson | jq -c '[.rule, .title]'

Ctrl-C ends it with a summary; SIGUSR1 prints how it goes. Root is given up once everything is open (-Z).

Exit status (of several, the first that applies):
  130, 143  stopped by SIGINT or SIGTERM; what was captured has been analysed and kept
  2  usage, an interface that cannot be captured on, or a database that cannot be written
  1  there are findings at or above --fail-on, or not as many as --expect says
  3  done, but the kernel dropped packets, an interface was lost, or a rule failed
  0  done
`;

export const INTERFACES_HELP = `
Examples:
  pawscope interfaces

Exit status: 0 done, 2 nothing can be captured on; what is missing is said on stderr.
`;

export const FINDINGS_HELP = `
Examples:
  pawscope findings
  pawscope findings case-4711.db --rule port-reuse --severity warning
  pawscope findings case-4711.db --client 192.0.2.10 --since 2026-11-21T07:00:00Z --format csv
  pawscope findings case-4711.db --run last --limit 20

Exit status: 0 done, 2 usage or a database that cannot be read.
`;

export const CHECK_HELP = `
Examples:
  pawscope check                                 # every capture below this folder
  pawscope check --update captures/new.pcap      # make its golden; read it before you commit it
  pawscope check captures --rule port-reuse --time-wait 120

Exit status (of several, the first that applies):
  2  usage, or a capture or golden that cannot be read
  1  findings are not as their golden says, or a golden or its capture is missing
  3  a rule failed
  0  all as their goldens say
`;

export const REPORT_HELP = `
Examples:
  pawscope report case-4711.db -o incident.html
  pawscope report case-4711.db --run 2 --format md > ticket.md
  pawscope report after.db --compare before.db -o fixed.html

Exit status: 0 done, 2 usage, a database that cannot be read, or a file that cannot be written.
`;

export const COLLECT_HELP = `
Examples:
  pawscope collect > host.json
  ssh server npx pawscope collect > server.json
  pawscope analyze --context server.json office.pcapng

Exit status: 0 done, 2 not on Linux, or /proc cannot be read.
`;

export const EXPLAIN_HELP = `
Examples:
  pawscope explain
  pawscope explain port-reuse
  pawscope explain 0477a892 --db case-4711.db
  pawscope explain 0477a892 --format json | jq .advice.checks

Exit status: 0 done, 2 no such rule or finding, or a database that cannot be read.
`;
