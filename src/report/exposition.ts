/** Metrics in the Prometheus text exposition format 0.0.4; counters and gauges only. */
import { printable } from './printable.ts';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface Sample {
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/** All samples of one metric name. */
export interface Family {
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  samples: readonly Sample[];
}

/** Families without samples are left out. */
export const exposition = (families: readonly Family[]): string =>
  families
    .filter(({ samples }) => samples.length > 0)
    .map(
      ({ name, type, help, samples }) =>
        `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n` +
        samples.map(({ labels = {}, value }) => `${name}${labelText(labels)} ${number(value)}\n`).join(''),
    )
    .join('');

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

/**
 * Escapes a label value. A line feed has an escape of its own; other control characters must not reach the terminal of
 * whoever looks.
 */
const escapeLabel = (text: string): string =>
  escapeHelp(text.split('\n').map(printable).join('\n')).replaceAll('"', '\\"');

/** Prometheus parses numbers with Go's ParseFloat, which calls Infinity Inf. */
const number = (value: number): string => String(value).replace('Infinity', 'Inf');
