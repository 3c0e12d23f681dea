/** Goals for Debian 12 with two cores and a warm page cache; the table marks the figures that miss them. */
import type { Profile } from '../traffic/traffic.ts';

export interface Goal {
  /** Least or most packets per second of the command divided by those of the row. */
  atLeast?: number;
  atMost?: number;
}

/** Names of the rows of the command with its defaults, and of the command on one core. */
export const OWN = 'pawscope';
export const ONE_CORE = 'pawscope, one core';

/** One core must reach at least 0.55 of the rate of all cores. */
const ONE_CORE_GOAL: Goal = { atMost: 1 / 0.55 };

const RATIOS: Readonly<Partial<Record<Profile, Readonly<Record<string, Goal>>>>> = {
  headers: { tcpdump: { atLeast: 1 }, softflowd: { atLeast: 6 }, tshark: { atLeast: 60 }, [ONE_CORE]: ONE_CORE_GOAL },
  troubled: { tcpdump: { atLeast: 0.7 } },
  full: { tcpdump: { atLeast: 1.2 } },
  flood: { softflowd: { atLeast: 3 } },
};

/** MiB of a full table: 4,000,000 flows at 160 bytes each. */
const FULL_TABLE = Math.round((4_000_000 * 160) / 2 ** 20);
/** Most memory in MiB. */
const RSS: Readonly<Partial<Record<Profile, number>>> = { headers: 400, troubled: 500, flood: FULL_TABLE };
/** Least packets per second. */
const SPEED: Readonly<Partial<Record<Profile, number>>> = { 'one-pair': 3e6 };

export interface Measured {
  name: string;
  ratio: number;
  packets_per_s: number;
  rss_mib: number;
}

/** The goals of a row, each with whether it is met. */
export function goalsOf(profile: string, row: Measured): { text: string; met: boolean }[] {
  const goals: { text: string; met: boolean }[] = [];
  const { atLeast, atMost } = RATIOS[profile as Profile]?.[row.name] ?? {};
  if (atLeast !== undefined) goals.push({ text: `>= ${atLeast.toFixed(1)} x`, met: row.ratio >= atLeast });
  if (atMost !== undefined) goals.push({ text: `<= ${atMost.toFixed(2)} x`, met: row.ratio <= atMost });
  if (row.name !== OWN) return goals;
  const speed = SPEED[profile as Profile];
  if (speed !== undefined) goals.push({ text: `>= ${speed / 1e6} Mpkt/s`, met: row.packets_per_s >= speed });
  const rss = RSS[profile as Profile];
  if (rss !== undefined) goals.push({ text: `<= ${rss} MiB`, met: row.rss_mib <= rss });
  return goals;
}
