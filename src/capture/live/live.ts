/**
 * Live capture on one or more interfaces: opens them, ends them together, and reports their status. Each is an input
 * like any file (live-source.ts).
 */
import { CaptureError } from '../../base/errors.ts';
import type { Input } from '../capture-info.ts';
import { recordEnd } from '../format/pcap-layout.ts';
import { native } from '../native.ts';
import { RecordMerge } from '../record-merge.ts';
import type { Filled, HandleOptions } from './live-handle.ts';
import { LiveSource, type Session } from './live-source.ts';

export interface LiveOptions extends Omit<HandleOptions, 'device'> {
  devices: readonly string[];
  /** Number of frames after which the capture ends; undefined: no limit. */
  count?: number;
  /** What to do when an interface is lost. */
  onLost: 'exit' | 'retry';
  /** Receives one sentence for the user. */
  notice(text: string): void;
  /**
   * Receives whole records of nanosecond pcap in the order in which they are analysed, before the analysis: with one
   * source as they arrive, with several as they are read. `source` is the one whose records caused the call. `records`
   * is valid only during the call.
   */
  record?(records: Uint8Array, source: LiveSource): void;
}

/** Why nothing passes through an interface that is there. */
type Away = 'down' | 'without link';

export interface InterfaceStatus {
  name: string;
  state: 'capturing' | Away | 'lost';
  /** Frames analysed or waiting to be. */
  packets: number;
  /** Packets dropped because the kernel's ring was full, and packets dropped by the network card or its driver. */
  dropped: number;
  interfaceDropped: number;
  /** Bytes waiting to be analysed. */
  backlog: number;
}

const WATCH_MS = 1_000;
/** The machine counts as having slept when the wall clock advances this much more than the monotonic clock. */
const SLEPT_MS = 5_000;
const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;

const AWAY: Readonly<Record<Away, string>> = {
  down: 'the interface is down; waiting for it',
  'without link': 'the interface has no link, as without a cable; waiting for it',
};
const BACK: Readonly<Record<Away, string>> = {
  down: 'the interface is up again',
  'without link': 'the interface has a link again',
};

export class LiveSession implements Session {
  readonly sources: readonly LiveSource[];
  readonly retry: boolean;
  stopping = false;
  private readonly options: LiveOptions;
  private remaining: number;
  private readonly waiting = new Set<() => void>();
  private waking = false;
  private readonly away = new Map<LiveSource, Away>();
  /** What had no link at the last look. */
  private readonly unlinked = new Set<LiveSource>();
  private readonly watch: NodeJS.Timeout;
  private drift = Date.now() - performance.now();

  /** Throws a CaptureError, which says what to do, when an interface cannot be opened. */
  constructor(options: LiveOptions) {
    this.options = options;
    this.retry = options.onLost === 'retry';
    this.remaining = options.count ?? Number.POSITIVE_INFINITY;
    const sources: LiveSource[] = [];
    try {
      for (const device of options.devices) sources.push(this.open(device));
    } catch (error) {
      for (const source of sources) source.close();
      throw error;
    }
    this.sources = sources;
    if (sources.length > 1 && options.record !== undefined) this.recordInOrder();
    this.watch = setInterval(() => this.look(), WATCH_MS).unref();
  }

  /** Starts capturing on all interfaces. */
  begin(): void {
    for (const source of this.sources) source.begin();
  }

  get inputs(): Input[] {
    return this.sources.map(source => ({ name: source.name, live: source }));
  }

  get status(): InterfaceStatus[] {
    return this.sources.map(source => ({
      name: source.name,
      state: source.isLost ? 'lost' : (this.away.get(source) ?? 'capturing'),
      packets: source.packets,
      ...source.counters,
      backlog: source.backlog,
    }));
  }

  /** Ends the capture; what has been captured can still be read. */
  stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    clearInterval(this.watch);
    for (const source of this.sources) source.stop();
  }

  close(): void {
    clearInterval(this.watch);
    for (const source of this.sources) source.close();
    for (const source of this.sources) source.recordRest();
  }

  /**
   * Wakes the readers in the next turn of the event loop: the addon delivers all full slots in one turn, and would not
   * end it while readers release slots.
   */
  wake(): void {
    if (this.waking) return;
    this.waking = true;
    setImmediate(() => {
      this.waking = false;
      for (const resolve of [...this.waiting]) resolve();
    });
  }

  activity(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.waiting.add(done);
    });
  }

  admit(source: LiveSource, filled: Filled): Filled | undefined {
    if (this.remaining === 0) return undefined;
    const wanted = filled.packets <= this.remaining ? filled : firstRecords(filled, this.remaining);
    if (source.recorded === undefined) this.options.record?.(wanted.bytes, source);
    this.remaining -= wanted.packets;
    if (this.remaining === 0) this.stop();
    return wanted;
  }

  notice(source: LiveSource, text: string): void {
    this.options.notice(`${source.name}: ${text}`);
  }

  private recordInOrder(): void {
    const { sources } = this;
    const started = sources.map(({ startedNs }) => startedNs);
    const { streams } = new RecordMerge(started, (records, i) => this.options.record?.(records, sources[i]));
    for (const [i, source] of sources.entries()) source.recorded = streams[i];
  }

  private open(device: string): LiveSource {
    if (isNoInterface(device)) {
      throw new CaptureError(device, 'is not a network interface; use one listed by "pawscope interfaces", or any');
    }
    try {
      return new LiveSource({ ...this.options, device }, this);
    } catch (error) {
      throw refusal(device, this.options.filter, error);
    }
  }

  private look(): void {
    for (const source of this.sources) {
      const before = this.away.get(source);
      const now = this.whyAway(source);
      if (now === before) continue;
      if ((now === 'down') !== (before === 'down')) source.isDown(now === 'down');
      if (now === undefined) this.away.delete(source);
      else this.away.set(source, now);
      if (source.isLost) continue;
      if (before !== undefined && now !== 'down') this.notice(source, BACK[before]);
      if (now !== undefined) this.notice(source, AWAY[now]);
    }
    const drift = Date.now() - performance.now();
    const slept = drift - this.drift;
    this.drift = drift;
    if (slept < SLEPT_MS) return;
    const text = `the clock advanced by ${(slept / 1e3).toFixed(0)} s while nothing ran: the machine slept, or its clock was set`;
    for (const source of this.sources) {
      this.notice(source, text);
      source.note({ kind: 'clock-step', text });
    }
  }

  /** A link is missed at the second look in a row: the kernel notices it a moment after the interface is up. */
  private whyAway(source: LiveSource): Away | undefined {
    const flags = source.isLost ? undefined : native('live capture').interfaceFlags(source.name);
    const isUp = flags === undefined || (flags & IFF_UP) !== 0;
    if (!isUp || flags === undefined || (flags & IFF_RUNNING) !== 0) this.unlinked.delete(source);
    else if (this.unlinked.has(source)) return 'without link';
    else this.unlinked.add(source);
    return isUp ? undefined : 'down';
  }
}

/** The first `count` records of a slot. */
function firstRecords(filled: Filled, count: number): Filled {
  const { bytes } = filled;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = 0;
  for (let i = 0; i < count; i++) end = recordEnd(view, end);
  return { ...filled, bytes: bytes.subarray(0, end), packets: count };
}

/**
 * What libpcap lists besides network interfaces: other buses, and netfilter's log and queue, whose packets it delivers
 * up to a second late and in part without a time of their own.
 */
const NO_NETWORK = /^(bluetooth|dbus-|nflog|nfqueue|usbmon|rdma)/;

/** Whether `device` is one of these and not an interface that happens to have such a name. */
export const isNoInterface = (device: string): boolean =>
  NO_NETWORK.test(device) && native('live capture').interfaceFlags(device) === undefined;

export const RIGHTS =
  'capturing needs root or the capability CAP_NET_RAW: run with sudo, or stay who you are with ' +
  '"sudo setpriv --reuid=$(id -u) --regid=$(id -g) --init-groups --inh-caps=+net_raw --ambient-caps=+net_raw ' +
  'pawscope ...", or under systemd with AmbientCapabilities=CAP_NET_RAW';

const ADVICE: Readonly<Record<string, string>> = {
  'no-device': 'there is no such interface; pawscope interfaces lists them',
  down: 'the interface is down; bring it up with: ip link set DEVICE up',
  permission: RIGHTS,
};

function refusal(device: string, filter: string, error: unknown): Error {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'filter') return new CaptureError(device, `the filter "${filter}" cannot be used: ${message}`);
  if (code === 'capture') return new CaptureError(device, `cannot be captured on: ${message}`);
  const advice = ADVICE[code];
  return advice === undefined ? (error as Error) : new CaptureError(device, advice.replace('DEVICE', device));
}
