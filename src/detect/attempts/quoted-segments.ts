/**
 * The segments that ICMP errors have quoted so far, for rules that report a SYN only because of such an error. What the
 * error says is added to the finding later (findings/icmp-answer.ts).
 */
import type { Ends } from '../../flow/ends.ts';
import type { Hosts } from '../../wire/hosts.ts';
import { MOST_QUOTED, quotedSegment } from '../../wire/icmp-errors.ts';

export class QuotedSegments {
  private readonly hosts: Hosts;
  private readonly segments = new Set<string>();

  constructor(hosts: Hosts) {
    this.hosts = hosts;
  }

  /** The newest ones are kept. */
  add(segments: readonly string[] | undefined): void {
    for (const segment of segments ?? []) {
      this.segments.add(segment);
      if (this.segments.size > MOST_QUOTED) this.segments.delete(this.segments.keys().next().value!);
    }
  }

  get isEmpty(): boolean {
    return this.segments.size === 0;
  }

  hasSyn({ client, clientPort, server, serverPort, scope }: Ends, seq: number): boolean {
    return this.has(scope, client, clientPort, server, serverPort, seq);
  }

  hasSynAck({ client, clientPort, server, serverPort, scope }: Ends, seq: number): boolean {
    return this.has(scope, server, serverPort, client, clientPort, seq);
  }

  private has(scope: number, src: number, srcPort: number, dst: number, dstPort: number, seq: number): boolean {
    if (this.isEmpty) return false;
    const [from, to] = [this.hosts.text(src, scope), this.hosts.text(dst, scope)];
    return this.segments.has(quotedSegment(from, srcPort, to, dstPort, seq >>> 0));
  }
}
