/**
 * `analyze office.pcap -- tcp port 443`: the words after `--` are a filter, provided that a capture is named before.
 */
import { existsSync } from 'node:fs';
import { UsageError } from './exit.ts';
import type { AnalyzeOptions } from './options.ts';

/** Words that begin a filter expression (pcap-filter(7)). */
const FILTER = /^(?:(?:not|src|dst|host|net|port|portrange|proto|tcp|udp|ip6?|icmp6?|vlan|ether)\b|[!(])/;

/**
 * Splits the operands into captures and filter. `operands` is what the parser found, including the words after `--`. If
 * no capture is named before `--`, the words after it are captures.
 */
export function withFilterWords(
  operands: readonly string[],
  options: AnalyzeOptions,
  argv: readonly string[],
): [captures: readonly string[], options: AnalyzeOptions] {
  const at = argv.indexOf('--');
  const count = at < 0 ? 0 : argv.length - at - 1;
  if (count === 0 || operands.length + options.read.length === count) {
    refuseFilterAmongCaptures(operands, options);
    return [operands, options];
  }
  if (options.filter !== undefined) throw new UsageError('--filter and words after -- are both filters; give one');
  const captures = operands.slice(0, operands.length - count);
  return [captures, { ...options, filter: operands.slice(captures.length).join(' ') }];
}

/** Throws a UsageError for `analyze office.pcap tcp port 443`, the syntax of tcpdump and `live`. */
function refuseFilterAmongCaptures(operands: readonly string[], { read }: AnalyzeOptions): void {
  const from = operands.findIndex(word => FILTER.test(word) && !existsSync(word));
  if (from < 0 || from + read.length === 0) return;
  const captures = [...read.map(file => `-r ${file}`), ...operands.slice(0, from)].join(' ');
  const filter = operands.slice(from).join(' ');
  throw new UsageError(
    `there is no file ${operands[from]}; if "${filter}" is a filter: pawscope analyze ${captures} --filter "${filter}"`,
  );
}
