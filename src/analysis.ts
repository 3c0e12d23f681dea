/**
 * The analysis of the library: an async iterable of findings that reads no faster than findings are taken. Arguments
 * are checked at once; nothing is opened before the first finding is requested.
 */
import { type AnalyseResult, analyse as run, type Sink } from './analyse.ts';
import { epochNanos } from './base/time.ts';
import type { CaptureInfo } from './capture/capture-info.ts';
import { inputOf, type NamedSource, type Source } from './capture/library-source.ts';
import type { ContextEvidence, EvidenceOf, LossEvidence, Rule } from './detect/evidence.ts';
import type { Confidence, Finding as CoreFinding, FindingPacket, Severity } from './detect/finding.ts';
import { type Options, runOptions } from './options.ts';
import type { Tally } from './shard/tally.ts';

/** One packet that proves a finding; `capture` is its index in `captures` of the summary. */
export interface Packet extends Omit<FindingPacket, 'at'> {
  /** Nanoseconds since the epoch. */
  tsNs: bigint;
}

export interface FindingOf<R extends Rule> {
  /** The same in every run, however the capture is cut into files. */
  id: string;
  rule: R;
  severity: Severity;
  confidence: Confidence;
  /** The verdict in one sentence. */
  title: string;
  /** Times of the packet that raised it and of the last one that belongs to it, in nanoseconds since the epoch. */
  firstNs: bigint;
  lastNs: bigint;
  client: string;
  clientPort: number;
  server: string;
  serverPort: number;
  evidence: Readonly<EvidenceOf[R] & ContextEvidence & LossEvidence>;
  /** At most 8, in order of time. */
  packets: readonly Packet[];
}

/** A finding of any rule, discriminated by `rule`. */
export type Finding = { [R in Rule]: FindingOf<R> }[Rule];

/** The results of a finished analysis besides its findings. */
export interface Summary {
  /** `damaged`: an input was damaged or cut short, or packets were dropped; the notes of `captures` say which. */
  status: AnalyseResult['status'];
  /** In the order of the sources. */
  captures: readonly CaptureInfo[];
  /** Counters: `frames`, `segments`, `flows`, `findings.<rule>`, `skipped.<reason>`, … */
  tally: Readonly<Tally>;
  /** An error in Pawscope itself: the first event at which a rule threw. */
  fault: { rule: string; capture: number; frame: number; error: string } | undefined;
}

export interface Analysis extends AsyncIterable<Finding> {
  /** The findings; they can be iterated once. Leaving the loop ends the analysis, its threads and its streams. */
  [Symbol.asyncIterator](): AsyncGenerator<Finding, void, void>;
  /** Discards the findings not yet taken and resolves when everything is read; rejects with what ended the analysis. */
  summary(): Promise<Summary>;
}

/**
 * Analyses captures as one stream in time order. Throws an OptionError at once for an invalid source or option; the
 * loop throws a CaptureError when an input cannot be read, and `signal.reason` when it was aborted.
 */
export function analyse(
  source: Source | NamedSource | readonly (Source | NamedSource)[],
  options: Options = {},
): Analysis {
  const sources = Array.isArray(source) ? source : [source as Source | NamedSource];
  const inputs = sources.map((each, i) => inputOf(each, i + 1, sources.length));
  return new Running(inputs, runOptions(options), options);
}

/** With this many findings not yet taken, the analysis pauses, except for a few slabs that are being analysed. */
const MAX_WAITING = 1024;

class Running implements Analysis {
  private readonly inputs: readonly ReturnType<typeof inputOf>[];
  private readonly settings: ReturnType<typeof runOptions>;
  private readonly options: Options;
  private readonly stop = new AbortController();
  private readonly findings: AsyncGenerator<Finding, void, void>;
  private outcome: Promise<Summary> | undefined;
  private over = false;
  /** Why the analysis must end at once. */
  private aborted: { reason: unknown } | undefined;
  /** No more findings are wanted. */
  private left = false;
  private origin = 0;
  private waiting: CoreFinding[] = [];
  private taken = 0;
  private readonly sleepers: (() => void)[] = [];

  constructor(inputs: Running['inputs'], settings: Running['settings'], options: Options) {
    this.inputs = inputs;
    this.settings = settings;
    this.options = options;
    this.findings = this.generate();
  }

  [Symbol.asyncIterator](): AsyncGenerator<Finding, void, void> {
    return this.findings;
  }

  async summary(): Promise<Summary> {
    this.leave(false);
    return this.start();
  }

  private async *generate(): AsyncGenerator<Finding, void, void> {
    const outcome = this.start();
    try {
      while (!this.left) {
        if (this.aborted === undefined && this.taken < this.waiting.length) yield this.take();
        else if (this.over || this.aborted !== undefined) break;
        else await this.change();
      }
      await outcome;
    } finally {
      this.leave(!this.over);
      await outcome.catch(() => {});
    }
  }

  private take(): Finding {
    const finding = publicFinding(this.waiting[this.taken++], this.origin);
    if (this.taken === this.waiting.length) {
      this.waiting = [];
      this.taken = 0;
      this.wake();
    }
    return finding;
  }

  /** Discards all findings from now on. `early`: also stops reading. */
  private leave(early: boolean): void {
    this.left = true;
    this.waiting = [];
    this.taken = 0;
    if (early) this.stop.abort();
    this.wake();
  }

  private start(): Promise<Summary> {
    if (this.outcome === undefined) {
      this.outcome = this.run();
      // Thrown to whoever iterates or calls `summary`; if nobody does, it must not be an unhandled rejection.
      this.outcome.catch(() => {});
    }
    return this.outcome;
  }

  private async run(): Promise<Summary> {
    const { signal } = this.options;
    const abort = (): void => {
      this.aborted = { reason: signal?.reason };
      this.stop.abort();
      this.wake();
    };
    try {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', abort);
      const inputs = this.inputs.map(open => open(this.stop.signal));
      const { fault, ...result } = await run(inputs, { ...this.settings, signal: this.stop.signal }, this.sink);
      if (this.aborted !== undefined) throw this.aborted.reason;
      return {
        ...result,
        fault: fault && { rule: fault.rule, capture: fault.capture, frame: fault.frame, error: fault.error },
      };
    } catch (error) {
      // When the analysis was aborted, a released stream looks empty: the error is not the real reason.
      throw this.aborted === undefined ? error : this.aborted.reason;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.over = true;
      this.wake();
    }
  }

  private readonly sink: Sink = {
    begin: origin => {
      this.origin = origin;
    },
    findings: batch => {
      if (this.left) return;
      for (const finding of batch) this.waiting.push(finding);
      this.wake();
    },
    timeWaits: () => {},
    flows: () => {},
    clocks: () => {},
    curve: () => {},
    room: async () => {
      while (this.waiting.length >= MAX_WAITING && this.aborted === undefined) await this.change();
      if (this.aborted !== undefined) throw this.aborted.reason;
    },
    progress: (consumed, total, frames) => this.options.onProgress?.({ consumed, total, frames }),
  };

  private change(): Promise<void> {
    return new Promise(resolve => this.sleepers.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.sleepers.splice(0)) resolve();
  }
}

function publicFinding(finding: CoreFinding, origin: number): Finding {
  const { id, rule, severity, confidence, title, client, clientPort, server, serverPort, evidence } = finding;
  return {
    id,
    rule,
    severity,
    confidence,
    title,
    firstNs: epochNanos(origin, finding.firstAt),
    lastNs: epochNanos(origin, finding.lastAt),
    client,
    clientPort,
    server,
    serverPort,
    evidence,
    packets: finding.packets.map(({ at, ...packet }) => ({ ...packet, tsNs: epochNanos(origin, at) })),
    // Drafts are typed by rule (detect/detector.ts), but the findings made from them are not.
  } as object as Finding;
}
