/** `analyze office.pcap -- tcp port 443`: the words after `--` are a filter, as long as a capture is named before. */
import { UsageError } from './exit.ts';
import type { AnalyzeOptions } from './options.ts';

/** `operands` as the parser found them, the words after `--` among them. Without a capture before they are captures. */
export function withFilterWords(
  operands: readonly string[],
  options: AnalyzeOptions,
  argv: readonly string[],
): [captures: readonly string[], options: AnalyzeOptions] {
  const at = argv.indexOf('--');
  const count = at < 0 ? 0 : argv.length - at - 1;
  if (count === 0 || operands.length + options.read.length === count) return [operands, options];
  if (options.filter !== undefined) throw new UsageError('--filter and words after -- are both filters; give one');
  const captures = operands.slice(0, operands.length - count);
  return [captures, { ...options, filter: operands.slice(captures.length).join(' ') }];
}
