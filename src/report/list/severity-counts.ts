/** Counts findings by severity while they are written. */
import { SEVERITIES, type Severity } from '../../detect/finding.ts';
import { counted, thousands } from '../words.ts';

export class SeverityCounter {
  private readonly counts = new Map<Severity, number>();

  add(severity: Severity): void {
    this.counts.set(severity, (this.counts.get(severity) ?? 0) + 1);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, n) => sum + n, 0);
  }

  /** For example `3 findings: 1 error, 2 info`. */
  get text(): string {
    const parts = [...SEVERITIES]
      .reverse()
      .flatMap(severity => (this.counts.has(severity) ? [`${thousands(this.counts.get(severity)!)} ${severity}`] : []));
    return parts.length === 0 ? 'No findings' : `${counted(this.total, 'finding')}: ${parts.join(', ')}`;
  }
}
