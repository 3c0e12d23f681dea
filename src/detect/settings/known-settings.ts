/** What is known of the settings of a client and a server. Evidence against a setting takes it back. */
import { appended } from '../../base/appended.ts';
import { s32 } from '../../base/serial.ts';
import type { Nanos } from '../../base/time.ts';
import { type Ends, endsOf } from '../../flow/ends.ts';
import type { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Tracker } from '../../flow/tracker.ts';
import { Flag } from '../../wire/tcp.ts';
import { remarksOf } from '../attempts/remarks.ts';
import type { Note } from '../detector.ts';
import type { Confidence } from '../finding.ts';
import type { RememberedEvidence } from '../recycle/remembered-tsval.ts';
import { isForeignTtl } from '../resets/origin-hints.ts';

const { SideBit } = layout;

export type Setting = 'tcp_rfc1337' | 'tcp_tw_recycle' | 'time-wait' | 'tcp_tw_reuse' | 'tcp_timestamps';

/** What the packets have shown since they last showed the contrary. */
export interface Found {
  readonly end: 'client' | 'server';
  readonly value: number | string;
  /** For the title, if the value is described in words. */
  readonly words?: string;
  /** How it was shown, in a short word. */
  readonly proof: string;
  readonly confidence: Confidence;
  /** If it is seen again: one SYN-ACK may be an exception. */
  readonly repeated?: Confidence;
  /** The packet that proves it, with the ends of its connection, and further packets. */
  readonly ends: Ends;
  readonly raised: Note;
  readonly packets: readonly Note[];
  /** The remembered TSval with which the SYN was compared. */
  readonly remembered?: RememberedEvidence | undefined;
  /** Another host with the same address may be the one that remembers. */
  readonly mayBeSeveral?: boolean;
  /** For tcp_timestamps: the TTL of the SYN-ACK. */
  readonly ttl?: number | undefined;
  /** The answer may come from a SYN proxy. */
  readonly mayBeProxy?: boolean;
}

export interface Proof {
  /** What first showed the newest value with the best confidence. */
  readonly found: Found;
  readonly confidence: Confidence;
  /** How often the setting was seen. */
  readonly count: number;
}

export interface Awaited {
  readonly found: Found;
  /** When its connection was opened. */
  readonly opened: Nanos;
  confirmed: boolean;
}

/** Most connections that are waited for. A single one that continues is enough. */
const MOST_AWAITED = 8;

export class Known {
  readonly proofs = new Map<Setting, Proof>();
  /** For tcp_tw_recycle: proofs that hold if the server continues after its SYN-ACK, oldest first, and whether it did. */
  private awaited: readonly Awaited[] = [];
  /** Live runs: what attempts that are not over have shown of settings of which nothing was known. */
  private readonly early = new Map<Setting, { attempt: Attempt; found: Found }>();

  /** Whether anything is known, or may be yet. */
  get showsAny(): boolean {
    return this.proofs.size > 0 || this.awaited.length > 0 || this.early.size > 0;
  }

  /**
   * `underWay`: the attempt that shows it, if that is not over; it will be reported again when it is. Returns true if
   * this is news.
   */
  prove(setting: Setting, found: Found, underWay: Attempt | undefined): boolean {
    const { proofs, early } = this;
    const before = proofs.get(setting);
    if (underWay !== undefined) {
      if (before !== undefined || early.has(setting)) return false;
      early.set(setting, { attempt: underWay, found });
      remarksOf(underWay).shownEarly = this;
      return true;
    }
    if (before === undefined) {
      proofs.set(setting, firstProof(found));
      return true;
    }
    const { value } = before.found;
    // A finding shows packets that prove the setting in preference to packets that do not.
    const proves = found.confidence === 'proof' && before.confidence !== 'proof';
    const confidence = proves ? 'proof' : (found.repeated ?? before.confidence);
    const count = before.count + 1;
    // The packets on which the value rests are kept, not the newest ones: a setting may be seen at every SYN.
    const shown = value !== found.value || proves ? found : before.found;
    proofs.set(setting, { found: shown, confidence, count });
    return confidence !== before.confidence || value !== found.value;
  }

  /** As long as the server has not continued, a SYN proxy may have answered for it. Then what was found is proved. */
  await(found: Found, opened: Nanos): this {
    if (!this.awaitsMore) return this;
    const proved: Found = { ...found, confidence: 'proof', mayBeProxy: false };
    this.awaited = appended(this.awaited, { found: proved, opened, confirmed: false });
    return this;
  }

  get awaitsMore(): boolean {
    return this.awaited.length < MOST_AWAITED && this.confirmed === undefined;
  }

  private get confirmed(): Found | undefined {
    return this.awaited.find(waiting => waiting.confirmed)?.found;
  }

  /** The connections in which the server may still continue; none if it has continued in one of them. */
  get waitsFor(): readonly Awaited[] {
    return this.confirmed === undefined ? this.awaited : [];
  }

  /** Called if the server continued in this connection. Returns true if this is news. */
  confirm(flow: Flow): boolean {
    const { clientPort, serverPort } = endsOf(flow);
    const place = this.awaited.findIndex(
      ({ found: { ends }, opened }) =>
        opened === flow.opened && ends.clientPort === clientPort && ends.serverPort === serverPort,
    );
    const waiting = this.awaited[place];
    if (waiting === undefined || waiting.confirmed) return false;
    waiting.confirmed = true;
    // The oldest such connection is reported, in whatever order flows leave. So only those before it are still of
    // interest.
    this.awaited = this.awaited.slice(0, place + 1);
    return true;
  }

  /**
   * Whether the server uses timestamps although its SYN-ACK did not accept them, or the SYN-ACK had another TTL than
   * the server's later packets. Then a device changed the SYN-ACK, or answered in place of the server. With two capture
   * points each packet has two TTLs, which means nothing.
   */
  clearsTimestamps({ pair, client, server }: Flow, { pairs }: Tracker): boolean {
    const proof = this.proofs.get('tcp_timestamps');
    if (proof === undefined || !client.has(SideBit.TS_ON_SYN) || server.has(SideBit.TS_ON_SYN)) return false;
    if (server.has(SideBit.TS_LATER)) return true;
    const { ttl } = proof.found;
    const isControl = (server.sentFlags & (Flag.SYN | Flag.RST)) !== 0;
    return ttl !== undefined && !isControl && !pairs.isSeenTwice(pair) && isForeignTtl(server.ttl, ttl);
  }

  refute(setting: Setting): void {
    this.proofs.delete(setting);
    if (setting === 'tcp_tw_recycle') this.awaited = [];
  }

  forgetEarly(attempt: Attempt): void {
    for (const [setting, known] of this.early) if (known.attempt === attempt) this.early.delete(setting);
  }

  *standing(): Generator<[Setting, Proof]> {
    const { confirmed } = this;
    for (const [setting, proof] of this.proofs) {
      const isProved = setting === 'tcp_tw_recycle' && confirmed !== undefined;
      yield [setting, isProved ? { found: confirmed, confidence: confirmed.confidence, count: proof.count } : proof];
    }
    for (const [setting, { found }] of this.early) {
      if (!this.proofs.has(setting)) yield [setting, firstProof(found)];
    }
  }
}

const firstProof = (found: Found): Proof => ({ found, confidence: found.confidence, count: 1 });

/**
 * Whether the server has sent or acknowledged data, or opened its window. A proxy that answers SYNs does none of that
 * by itself.
 */
export function wentOn({ client, server }: Flow): boolean {
  if (server.nxt !== ((server.isn + 1) | 0) || s32(server.acked, client.isn) > 1) return true;
  const isSegment = server.packets > 1 && (server.sentFlags & (Flag.SYN | Flag.RST)) === 0;
  return isSegment && server.maxWindow > 0;
}
