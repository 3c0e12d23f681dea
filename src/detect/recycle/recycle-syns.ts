/**
 * What a server with net.ipv4.tcp_tw_recycle=1 would do with each SYN of an attempt (docs/rules.md D1.3), in words.
 * Each retransmitted SYN is checked again: the first may pass and later ones not, or the other way round.
 */
import { s32 } from '../../base/serial.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { remarksOf } from '../attempts/remarks.ts';
import { type Ground, isKnownBefore, type Recycle, type RecycleVerdict } from './recycle.ts';
import { MOST_SYNS, type Tried } from './recycle-tried.ts';
import { isByWhoRemembers, type Remembered } from './remembered-tsval.ts';

/** Evidence of findings about such an attempt. */
export type RecycleSyns = {
  /** Absent if the capture shows nothing of the server. */
  answered?: boolean;
  /** It was answered by a SYN-ACK. */
  accepted?: boolean;
  retransmissions: number;
  /**
   * The verdict of the rule of 3.17 to 4.11 on each SYN, in the order in which they were sent; absent if there was only
   * one.
   */
  recycle_syns?: readonly RecycleVerdict[];
  /**
   * For an attempt that was answered: a SYN that the rule drops was accepted, so whatever answers there does not apply
   * the rule.
   */
  disproved?: boolean;
  /**
   * `disproved` holds unless the address stands for several servers: no clock shows that the one that accepted is the
   * one that would remember.
   */
  several_servers?: true;
  /** The answer may come from a SYN proxy, as the SYN-ACK has window 0. */
  syn_proxy?: true;
};

export interface RecycleTold {
  /** `answered` and `accepted`, if the capture shows them. */
  answer: { answered: boolean; accepted: boolean } | undefined;
  evidence: Omit<RecycleSyns, 'answered' | 'accepted'>;
  /**
   * For example `a server with tcp_tw_recycle=1 (Linux 2.6.32 to 4.11) would drop this SYN`. `one`: words for a single
   * SYN.
   */
  text(one: string): string;
  /**
   * The rule may have cost this attempt time, or the connection, if the server applies it: a SYN that it drops, or may
   * drop, had no answer, and nothing disproves it.
   */
  mayHaveCost: boolean;
}

/** Most SYNs listed in the evidence: more than any schedule sends. */
const LISTED = 16;
/** Most rows of SYNs with the same fate that are described one by one. */
const TOLD_ROWS = 4;

const GROUNDS: Readonly<Record<Ground, string>> = {
  none: ' (as far as is seen it remembers no TSval then)',
  expired: ' (what it remembers is a minute old by then)',
  'not-behind': ' (no longer behind what it remembers)',
  unknown: '',
};

/** Kernels that have the rule for such SYNs. */
const EVERY_KERNEL = '2.6.32 to 4.11';
const NEWER_KERNELS = '3.17 to 4.11';

/**
 * An accepted SYN only says something about whoever accepted it: a device that ends connections for the server has its
 * own memory, or none. `mayBeProxy`: a SYN proxy sends a SYN-ACK with window 0, and asks the server only when the
 * client has answered.
 */
export const whoAnswers = (mayBeProxy: boolean): string =>
  `what answers at the server's address${mayBeProxy ? ', perhaps a SYN proxy,' : ''}`;
/** Used if the SYN may have reached another server than the one that remembers the address. */
export const OR_SEVERAL = ', or several servers share that address';

/** What is known about the first SYN: what the rule says, and the value with which it compares. */
interface First {
  recycle: Recycle;
  remembered: Remembered | undefined;
}

/** `heard`: the capture shows packets of the server to this client. */
export function recycleSyns(attempt: Attempt, { recycle: first, remembered }: First, heard: boolean): RecycleTold {
  const { tried } = remarksOf(attempt);
  const isOld = isKnownBefore(attempt.syn.tsval !== null, attempt.ends.scope);
  const kernels = isOld ? EVERY_KERNEL : NEWER_KERNELS;
  const fates = [first.verdicts['3.17'], ...(tried?.fates.slice(1) ?? [])];
  const grounds = [first.ground, ...(tried?.grounds.slice(1) ?? [])];
  const accepted = acceptedSyn(attempt, tried, fates);
  const disproved = accepted !== undefined && fates[accepted] === 'drop';
  const mayBeSeveral = disproved && !isByWhoRemembers(remembered, attempt);
  const mayBeProxy = disproved && attempt.acceptance?.mayBeProxy === true;
  const verdict = `this is no such server${mayBeProxy ? ', or a SYN proxy answers for it' : ''}${mayBeSeveral ? OR_SEVERAL : ''}`;
  const waited = attempt.answered ? fates.slice(0, accepted ?? fates.length - 1) : fates;
  const isShown = heard && !attempt.isPending;
  return {
    answer: isShown ? { answered: attempt.answered, accepted: attempt.delay !== undefined } : undefined,
    evidence: {
      retransmissions: attempt.syns - 1,
      ...(fates.length > 1 ? { recycle_syns: fates.slice(0, LISTED) } : {}),
      ...(attempt.answered && fates.includes('drop') ? { disproved } : {}),
      ...(mayBeSeveral ? { several_servers: true } : {}),
      ...(mayBeProxy ? { syn_proxy: true } : {}),
    },
    text: one => {
      if (!disproved) return fateText(fates, grounds, kernels, one);
      const isMixed = fates.some(fate => fate !== 'drop');
      return isMixed
        ? `SYN ${accepted + 1} was accepted, which ${serverOf(kernels)} would drop: ${verdict}`
        : `${fateText(fates, grounds, kernels, one)}${acceptedText(fates.length, accepted)}: ${verdict}`;
    },
    mayHaveCost: !disproved && waited.some(fate => fate === 'drop' || fate === 'phase'),
  };
}

/**
 * Which SYN the SYN-ACK accepts; undefined if unknown. The server echoes the TSval of the SYN that it accepted. An RST
 * comes from a port without a listener, where the rule is not applied. Among SYNs with the same fate it makes no
 * difference.
 */
function acceptedSyn({ accepting }: Attempt, tried: Tried | undefined, fates: RecycleVerdict[]) {
  if (accepting === undefined || isCut(fates)) return undefined;
  if (fates.every(fate => fate === fates[0])) return fates.length - 1;
  const echo = accepting.packet.tsecr;
  const index = echo === null ? -1 : (tried?.tsvals.findIndex(tsval => s32(tsval, echo) === 0) ?? -1);
  return index < 0 ? undefined : index;
}

/** Further SYNs were not recorded. */
const isCut = (fates: readonly RecycleVerdict[]): boolean => fates.length === MOST_SYNS;

const serverOf = (kernels: string): string => `a server with tcp_tw_recycle=1 (Linux ${kernels})`;

const acceptedText = (syns: number, accepted: number): string =>
  syns === 1 ? '; it was accepted' : `; SYN ${accepted + 1} was accepted all the same`;

function fateText(
  fates: readonly RecycleVerdict[],
  grounds: readonly (Ground | undefined)[],
  kernels: string,
  one: string,
): string {
  const rows = rowsOf(fates, grounds);
  const fate = fates[0];
  const number = isCut(fates) ? `first ${fates.length}` : fates.length;
  const allSyns = `${isCut(fates) ? 'the' : 'all'} ${number} SYNs`;
  const all = fates.length === 1 ? one : `${allSyns} of this attempt`;
  const server = serverOf(kernels);
  if (fates.every(other => other === fate)) {
    switch (fate) {
      case 'drop':
        return `${server} would drop ${all}`;
      case 'phase':
        return `${server} might still drop ${all}`;
      case 'pass':
        return `nothing in this capture would make a server with tcp_tw_recycle=1 drop ${fates.length === 1 ? all : `any of the ${number} SYNs`}`;
      case 'tw-bucket':
        return `${fates.length === 1 ? 'it meets' : `${allSyns} meet`} a TIME_WAIT of ${fates.length === 1 ? 'its' : 'their'} own tuple, see port-reuse`;
    }
  }
  if (rows.length > TOLD_ROWS) {
    const dropped = fates.filter(other => other === 'drop').length;
    return `${server} would drop ${dropped} of the ${number} SYNs of this attempt`;
  }
  const told = rows.map(row => rowText(row));
  return `of the ${number} SYNs of this attempt ${server} would ${told.slice(0, -1).join(', ')} and ${told.at(-1)}`;
}

interface Row {
  fate: RecycleVerdict;
  ground: Ground | undefined;
  from: number;
  to: number;
}

/** Successive SYNs with the same fate, numbered from 1. */
function rowsOf(fates: readonly RecycleVerdict[], grounds: readonly (Ground | undefined)[]): Row[] {
  const rows: Row[] = [];
  for (const [i, fate] of fates.entries()) {
    const last = rows.at(-1);
    if (last?.fate === fate && last.ground === grounds[i]) last.to = i + 1;
    else rows.push({ fate, ground: grounds[i], from: i + 1, to: i + 1 });
  }
  return rows;
}

function rowText({ fate, ground, from, to }: Row): string {
  const syns = from === to ? `SYN ${from}` : `SYNs ${from} to ${to}`;
  switch (fate) {
    case 'drop':
      return `drop ${syns}`;
    case 'phase':
      return `perhaps drop ${syns}`;
    case 'pass':
      return `let ${syns} pass${GROUNDS[ground ?? 'unknown']}`;
    case 'tw-bucket':
      return `leave ${syns} to the TIME_WAIT of ${from === to ? 'its' : 'their'} own tuple`;
  }
}
