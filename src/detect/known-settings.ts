/** What is known of the settings of a client and a server. What speaks against one takes it back. */
import { appended } from '../base/appended.ts';
import { s32 } from '../base/serial.ts';
import type { Nanos } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import { type Ends, endsOf } from '../flow/ends.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import type { Tracker } from '../flow/tracker.ts';
import { Flag } from '../wire/tcp.ts';
import type { Note } from './detector.ts';
import type { Confidence } from './finding.ts';
import type { RememberedEvidence } from './remembered-tsval.ts';
import { isForeignTtl } from './reset-hints.ts';
import type { Setting } from './revealed-setting.ts';

const { SideBit } = layout;

/** What the packets have shown, since they last showed the contrary. */
export interface Found {
  readonly end: 'client' | 'server';
  readonly value: number | string;
  /** For the title, of a value in words. */
  readonly words?: string;
  /** How, in a short word. */
  readonly proof: string;
  readonly confidence: Confidence;
  /** The packet that proves it, and what belongs to it. */
  readonly ends: Ends;
  readonly raised: Note;
  readonly packets: readonly Note[];
  /** What the SYN was held against. */
  readonly remembered?: RememberedEvidence | undefined;
  /** Who would remember may be another host of this address. */
  readonly mayBeSeveral?: boolean;
  /** With tcp_timestamps: of the SYN-ACK. */
  readonly ttl?: number | undefined;
  /** Who answered may be a SYN proxy. */
  readonly mayBeProxy?: boolean;
}

/** What first showed the newest value, with the best confidence, and how often the setting was seen. */
export type Proof = Omit<Found, 'confidence'> & { confidence: Confidence; count: number };

declare module '../flow/attempt.ts' {
  interface Remarks {
    /** Where something is kept that it has shown before it was over. */
    shownEarly?: Known;
  }
}

export interface Awaited {
  readonly found: Found;
  /** When its connection was opened. */
  readonly opened: Nanos;
  confirmed: boolean;
}

/** So many connections are waited for: one that goes on is enough. */
const MOST_AWAITED = 8;

export class Known {
  readonly proofs = new Map<Setting, Proof>();
  /** Of tcp_tw_recycle: what proves it if the server goes on after its SYN-ACK, oldest first, and whether it did. */
  private awaited: readonly Awaited[] = [];
  /** Live: what an attempt has shown that is not over, where nothing was known of that setting. */
  private readonly early = new Map<Setting, { attempt: Attempt; found: Found }>();

  /** `underWay`: the attempt that shows it, where it is not over: it will be told anew. True where it is news. */
  prove(setting: Setting, found: Found, underWay: Attempt | undefined): boolean {
    const { proofs, early } = this;
    const before = proofs.get(setting);
    if (underWay !== undefined) {
      if (before !== undefined || early.has(setting)) return false;
      early.set(setting, { attempt: underWay, found });
      underWay.remarks.shownEarly = this;
      return true;
    }
    if (before === undefined) {
      proofs.set(setting, { ...found, count: 1 });
      return true;
    }
    const { value } = before;
    // What proves it is shown in the place of what does not.
    const proves = found.confidence === 'proof' && before.confidence !== 'proof';
    const confidence = proves ? 'proof' : before.confidence;
    const count = before.count + 1;
    // Shown are the packets on which the value rests. A setting may be seen at every SYN.
    if (value !== found.value || proves) proofs.set(setting, { ...found, confidence, count });
    else before.count = count;
    return proves || value !== found.value;
  }

  /** Until the server has shown itself, a SYN proxy may have answered for it. */
  await(found: Found, opened: Nanos): this {
    if (this.awaitsMore) this.awaited = appended(this.awaited, { found, opened, confirmed: false });
    return this;
  }

  get awaitsMore(): boolean {
    return this.awaited.length < MOST_AWAITED && this.confirmed === undefined;
  }

  private get confirmed(): Found | undefined {
    return this.awaited.find(waiting => waiting.confirmed)?.found;
  }

  /** Connections of which it is not known yet whether the server goes on, while it does in none. */
  get waitsFor(): readonly Awaited[] {
    return this.confirmed === undefined ? this.awaited : [];
  }

  /** The server went on in this connection. True where it is news. */
  confirm(flow: Flow): boolean {
    const { clientPort, serverPort } = endsOf(flow);
    const place = this.awaited.findIndex(
      ({ found: { ends }, opened }) =>
        opened === flow.opened && ends.clientPort === clientPort && ends.serverPort === serverPort,
    );
    const waiting = this.awaited[place];
    if (waiting === undefined || waiting.confirmed) return false;
    waiting.confirmed = true;
    // The oldest is told, in whichever order flows leave: only those before it may still take its place.
    this.awaited = this.awaited.slice(0, place + 1);
    return true;
  }

  /**
   * The server uses timestamps that its SYN-ACK had not taken up, or the SYN-ACK had another TTL than what the server sends:
   * a device changed it, or answered in its place. At two capture points packets have two TTLs.
   */
  clearsTimestamps({ pair, client, server }: Flow, { pairs }: Tracker): boolean {
    const proof = this.proofs.get('tcp_timestamps');
    if (proof === undefined || !client.has(SideBit.TS_ON_SYN) || server.has(SideBit.TS_ON_SYN)) return false;
    if (server.has(SideBit.TS_LATER)) return true;
    const { ttl } = proof;
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
      yield [setting, isProved ? { ...confirmed, count: proof.count } : proof];
    }
    for (const [setting, { found }] of this.early) {
      if (!this.proofs.has(setting)) yield [setting, { ...found, count: 1 }];
    }
  }
}

/** The server has sent or taken data, or opened its window: a proxy that answers SYNs does none of that by itself. */
export function wentOn({ client, server }: Flow): boolean {
  if (server.nxt !== ((server.isn + 1) | 0) || s32(server.acked, client.isn) > 1) return true;
  const isSegment = server.packets > 1 && (server.sentFlags & (Flag.SYN | Flag.RST)) === 0;
  return isSegment && server.maxWindow > 0;
}
