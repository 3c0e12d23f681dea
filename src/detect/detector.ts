/**
 * What every rule consists of: metadata, shared by `explain`, the reports and the docs, and one function that makes an
 * observer for a shard. What an observer remembers belongs to one host pair, never to more.
 */
import type { Nanos } from '../base/time.ts';
import type { Ends } from '../flow/ends.ts';
import type { Observer } from '../flow/events.ts';
import type { Packet } from '../flow/packet.ts';
import type { Story } from '../flow/stories/story.ts';
import type { Hosts } from '../wire/hosts.ts';
import type { QuotedSegments } from './attempts/quoted-segments.ts';
import type { Clocks } from './clocks/clocks.ts';
import type { EvidenceOf, Rule } from './evidence.ts';
import type { Confidence, Severity } from './finding.ts';
import type { EvictedTable } from './memory/evicted.ts';
import type { AnsweredFins } from './overflow/standing.ts';
import type { RecycleTrials } from './recycle/recycle-trials.ts';
import type { WhatIf } from './what-if/what-if.ts';

export interface Meta<Id extends string = string> {
  /** Equals the file name and the page under docs/detectors/. */
  id: Id;
  title: string;
  /** Why one should care. */
  why: string;
  fix: string;
  doNot: string;
  references: readonly string[];
}

export interface Detector<Id extends string = string> {
  readonly meta: Meta<Id>;
  create(report: Report, settings: Settings): Observer;
}

export interface Settings {
  hosts: Hosts;
  timeWait: Nanos;
  /** Ephemeral ports of the clients, both ends included. */
  portRange: readonly [low: number, high: number];
  /** The machine of --profile and --sysctl, if one is given. */
  whatIf: WhatIf | undefined;
  /** What the connections of each client show of the clocks behind its address. */
  clocks: Clocks;
  /** The segments that ICMP errors quote. */
  quoted: QuotedSegments;
  /** What tcp_tw_recycle would do with each SYN, and what became of the SYN. */
  trials: RecycleTrials;
  /** For time-wait-overflow, which is judged over all shards (full-table.ts). `shown` has the ends of the first FIN. */
  fullTable: (shown: Pick<Draft, 'ends' | 'raised' | 'packets'>, fins: AnsweredFins) => void;
  /** Whether the run is over when `finish` is called; otherwise `finish` will be called again. */
  isLast: () => boolean;
  /** Live runs: `glance` is called as well. */
  glances: boolean;
  /** Asks all shards of a live run to judge soon, because a verdict on more than one host pair may be due. */
  judgeSoon: () => void;
  /** Something was forgotten early for lack of memory. It is counted as `evicted.<table>`. */
  evicted: (table: EvictedTable, rows?: number) => void;
  /**
   * True if the two hosts have reached the limit of findings of this rule. Then this finding has been counted, and is
   * not needed.
   */
  isPastLimit: (rule: Rule, ends: Ends) => boolean;
  /** Counts something that is not a finding, under this name of the tally. */
  counted: (name: string) => void;
}

/** A finding as a detector states it; the reporter adds id, addresses and order. */
export type Draft = { [R in Rule]: DraftOf<R> }[Rule];

interface DraftOf<R extends Rule> {
  rule: R;
  severity: Severity;
  confidence: Confidence;
  title: string;
  /** See finding.ts. */
  symptom?: string;
  /** The packet that raised it. */
  raised: Packet;
  ends: Ends;
  evidence: EvidenceOf[R];
  /** When the flow began, and how long the absence of something was watched, for findings that depend on either. */
  since?: Nanos;
  until?: Nanos;
  /** Time of its last packet, if that may not be among the packets shown. */
  lastAt?: Nanos;
  /** For a verdict during the run: nothing that comes later changes it. */
  isSettled?: boolean;
  /** Two to eight packets with a note each, in any order. */
  packets: readonly Note[];
}

export interface Note {
  packet: Packet;
  note: string;
}

/**
 * `story`: the story that the finding reports. Live the finding is reported with the story's present state, and again
 * whenever that has changed (story-findings.ts).
 */
export type Report = (draft: Draft, story?: Story) => void;
