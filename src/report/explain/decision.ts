/** A comparison that decided a finding, written out with its numbers, and the rule or constant behind it. */
import type { PacketRow } from '../../store/rows.ts';
import { thousands } from '../words.ts';

export type Field = 'seq' | 'ack' | 'tsval' | 'tsecr';

export interface Decision {
  /** The comparison in one sentence. */
  text: string;
  /** Source of the rule or constant. */
  source: string;
  /** The fields of packets that it compares. */
  marks: readonly (readonly [PacketRow, Field])[];
}

export const ticks = (n: number): string => `${thousands(Math.abs(n))} tick${Math.abs(n) === 1 ? '' : 's'}`;
