/**
 * Findings that are told twice, because a capture on a gateway (`-i any`), or a merged one, has both sides of a NAT or
 * balancer (docs/rules.md D0.3). The two sides have different addresses or ports, so they are different host pairs, and
 * only the findings meet in one place. A NAT leaves sequence numbers and TSvals as they are.
 */
import type { Finding } from '../detect/finding.ts';

/** Findings that are remembered: the copy of one comes as soon as its packets did, with few others in between. */
const KEPT = 4096;

interface Told {
  tuple: string;
  isCounted: boolean;
}

export class BothSides {
  /** Number of findings that were told for more than one tuple. */
  twice = 0;
  private readonly recent = new Map<string, Told>();

  note(finding: Finding): void {
    const { client, clientPort, server, serverPort } = finding;
    const numbers = numbersOf(finding);
    if (numbers === undefined) return;
    const tuple = `${client} ${clientPort} ${server} ${serverPort}`;
    const told = this.recent.get(numbers);
    if (told === undefined) {
      this.recent.set(numbers, { tuple, isCounted: false });
      if (this.recent.size > KEPT) this.recent.delete(this.recent.keys().next().value!);
    } else if (!told.isCounted && told.tuple !== tuple) {
      told.isCounted = true;
      this.twice++;
    }
  }
}

/** Scans send the same numbers to many hosts, but no timestamps: without those nothing is said. */
function numbersOf({ rule, evidence, packets }: Finding): string | undefined {
  const [first, last] = [packets[0], packets.at(-1)];
  if (first === undefined || last === undefined || (first.tsval ?? last.tsval) === null) return undefined;
  return `${rule} ${evidence.class} ${first.seq} ${first.tsval} ${last.flags} ${last.seq} ${last.ack} ${last.tsval}`;
}
