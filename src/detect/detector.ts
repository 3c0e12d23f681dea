/**
 * What every rule looks like: metadata that `explain`, the reports and the docs share, and one function that makes an
 * observer for a shard. What an observer remembers it keeps per host pair, never wider.
 */
import type { Nanos } from '../base/time.ts';
import type { Ends } from '../flow/ends.ts';
import type { Observer } from '../flow/events.ts';
import type { Packet } from '../flow/packet.ts';
import type { Story } from '../flow/story.ts';
import type { Hosts } from '../wire/hosts.ts';
import type { Clocks } from './clocks.ts';
import type { EvidenceOf, Rule } from './evidence.ts';
import type { Confidence, Severity } from './finding.ts';
import type { RecycleTrials } from './recycle-trials.ts';
import type { WhatIf } from './what-if.ts';

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
  /** The machine of --profile and --sysctl, when one was asked for. */
  whatIf: WhatIf | undefined;
  /** What the connections of each client say of the clocks behind its address. */
  clocks: Clocks;
  /** What tcp_tw_recycle would do with each SYN, and what became of it. */
  trials: RecycleTrials;
  /** For time-wait-overflow, which is judged over all shards (overflow.ts): the ends are those of the first FIN. */
  fullTable: (shown: Pick<Draft, 'ends' | 'raised' | 'packets'>, fins: AnsweredFins) => void;
  /** Whether the run is over when an observer is asked to judge (`finish`): else it will be asked again. */
  isLast: () => boolean;
  /** Live: observers are asked to `glance` as well. */
  glances: boolean;
  /** A verdict on more than one host pair may be due: live, all shards are asked to judge soon. */
  judgeSoon: () => void;
  /** Something was forgotten before its time, for want of memory: counted as `evicted.<table>`. */
  evicted: (table: string, rows?: number) => void;
  /** True where the hosts have as many findings of the rule as are told: this one has been counted, and that is all. */
  isPastLimit: (rule: Rule, ends: Ends) => boolean;
  /** Something was seen that is counted and not told: a name of the tally. */
  counted: (name: string) => void;
}

/** How often a host answered a FIN by RST where it should have held a TIME_WAIT, and in which seconds of the run. */
export interface AnsweredFins {
  ownerIsClient: boolean;
  count: number;
  seconds: readonly number[];
  /** Its TIME_WAITs that have not been told of yet: by how many they are more in which seconds. */
  standing: readonly (readonly [second: number, change: number])[];
  /** The same of those that have shown themselves (time-wait.ts, showsBucket). */
  shown: readonly (readonly [second: number, change: number])[];
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
  /** When its flow began, and until when it was watched for what did not come: where what it says rests on that. */
  since?: Nanos;
  until?: Nanos;
  /** Its last packet, where that may not be among those shown. */
  lastAt?: Nanos;
  /** Of a verdict while the run goes on: nothing that comes later changes it. */
  isSettled?: boolean;
  /** Two to eight packets with a note each, in any order. */
  packets: readonly Note[];
}

export interface Note {
  packet: Packet;
  note: string;
}

/** `story`: the one that it tells. Live it is told as it stands, and again when that has changed (story-findings.ts). */
export type Report = (draft: Draft, story?: Story) => void;
