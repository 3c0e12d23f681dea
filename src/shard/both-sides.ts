/**
 * Findings that are told twice, because a capture on a gateway (`-i any`), or a merged one, has both sides of a NAT or
 * balancer (docs/rules.md D0.3). The two sides have different addresses or ports, so they are different host pairs, and
 * only the findings meet in one place. A NAT leaves sequence numbers and TSvals as they are.
 */
import type { Finding } from '../detect/finding.ts';

/**
 * Findings after which `recent` becomes `earlier`, so that the last 2,048 to 4,096 are remembered: the copy of one comes as
 * soon as its packets did, with few others in between. To delete the first key of a Map for each finding is slow.
 */
const TURN = 2048;

interface Told extends Readonly<Tuple> {
  isCounted: boolean;
}

type Tuple = Pick<Finding, 'client' | 'clientPort' | 'server' | 'serverPort'>;

export class BothSides {
  /** Number of findings that were told for more than one tuple. */
  twice = 0;
  private recent = new Map<string, Told>();
  private earlier = new Map<string, Told>();

  note(finding: Finding): void {
    const numbers = numbersOf(finding);
    if (numbers === undefined) return;
    const told = this.recent.get(numbers) ?? this.earlier.get(numbers);
    if (told === undefined) this.remember(numbers, finding);
    else if (!told.isCounted && !isSameTuple(told, finding)) {
      told.isCounted = true;
      this.twice++;
    }
  }

  private remember(numbers: string, { client, clientPort, server, serverPort }: Tuple): void {
    this.recent.set(numbers, { client, clientPort, server, serverPort, isCounted: false });
    if (this.recent.size < TURN) return;
    this.earlier = this.recent;
    this.recent = new Map();
  }
}

const isSameTuple = (a: Tuple, b: Tuple): boolean =>
  a.clientPort === b.clientPort && a.serverPort === b.serverPort && a.client === b.client && a.server === b.server;

/** Scans send the same numbers to many hosts, but no timestamps: without those nothing is said. */
function numbersOf({ rule, evidence, packets }: Finding): string | undefined {
  const [first, last] = [packets[0], packets.at(-1)];
  if (first === undefined || last === undefined || (first.tsval ?? last.tsval) === null) return undefined;
  return `${rule} ${evidence.class} ${first.seq} ${first.tsval} ${last.flags} ${last.seq} ${last.ack} ${last.tsval}`;
}
