/**
 * Machines for what-ifs: facts about kernels and their settings, all from docs/rules.md (B1 to B5; D5 lists them by
 * profile). A profile is data; what-if.ts applies it.
 */
import { didYouMean } from '../../base/did-you-mean.ts';
import { type Nanos, SECOND } from '../../base/time.ts';

interface Profile {
  /** `linux-3.10`. */
  name: string;
  /** A number for comparisons, such as 310 for Linux 3.10; 0 if it is not Linux. */
  version: number;
  /** Which per-host check tcp_tw_recycle has (B1): 2.6.32 for IPv4 only, 3.17 also for SYNs without timestamps. */
  recycle: '2.6.32' | '3.13' | '3.17' | undefined;
  /** TIME_WAIT lasts between these times (B2); undefined: as long as --time-wait says. */
  timeWait: readonly [least: Nanos, most: Nanos] | undefined;
  /** What TIME_WAIT does with a SYN (B3). */
  synInTimeWait: 'linux' | 'bsd' | 'rfc6191' | 'rfc1122';
  /** When a client may take over its own TIME_WAIT (B5). */
  twReuse: '<=4.18' | '4.19' | '6.14' | undefined;
  /** How an open connection treats a SYN, or an RST in its window but not at the expected number (B3, B4). */
  inWindow: 'challenge-ack' | 'reset' | undefined;
}

/**
 * A profile with the settings in effect, defaults included. It has plain values only, because it is passed between
 * threads.
 */
export interface Machine extends Profile {
  /** `linux-3.10 and tcp_tw_recycle=1`. */
  label: string;
  sysctls: Readonly<Record<SysctlName, number>>;
}

const EIGHT_SLOTS = [52.5 * SECOND, 60 * SECOND] as const;
const TIMER_WHEEL = [60 * SECOND, 65.12 * SECOND] as const;
/** No kernel between 3.13 and 4.10 was read, so either may apply. */
const ONE_OR_THE_OTHER = [52.5 * SECOND, 65.12 * SECOND] as const;

const linux = (name: string, version: number, facts: Pick<Profile, 'timeWait' | 'recycle' | 'twReuse'>): Profile => ({
  name,
  version,
  ...facts,
  synInTimeWait: 'linux',
  inWindow: version < 306 ? 'reset' : 'challenge-ack',
});

const other = (name: string, synInTimeWait: Profile['synInTimeWait'], seconds: number | undefined): Profile => ({
  name,
  version: 0,
  recycle: undefined,
  // The timers of the BSDs tick twice a second.
  timeWait: seconds === undefined ? undefined : [seconds * SECOND, (seconds + 0.5) * SECOND],
  synInTimeWait,
  twReuse: undefined,
  inWindow: undefined,
});

const since4_12 = { recycle: undefined, timeWait: TIMER_WHEEL } as const;

/** Oldest first. */
export const PROFILES: readonly Profile[] = [
  linux('linux-2.6.32', 206, { recycle: '2.6.32', timeWait: EIGHT_SLOTS, twReuse: '<=4.18' }),
  linux('linux-3.10', 310, { recycle: '3.13', timeWait: EIGHT_SLOTS, twReuse: '<=4.18' }),
  linux('linux-3.17', 317, { recycle: '3.17', timeWait: ONE_OR_THE_OTHER, twReuse: '<=4.18' }),
  linux('linux-4.11', 411, { recycle: '3.17', timeWait: TIMER_WHEEL, twReuse: '<=4.18' }),
  linux('linux-4.19', 419, { ...since4_12, twReuse: '4.19' }),
  linux('linux-5.15', 515, { ...since4_12, twReuse: '4.19' }),
  linux('linux-6.1', 601, { ...since4_12, twReuse: '4.19' }),
  linux('linux-6.14', 614, { ...since4_12, twReuse: '6.14' }),
  linux('linux-6.18', 618, { ...since4_12, twReuse: '6.14' }),
  other('freebsd', 'bsd', 60),
  other('macos', 'bsd', 30),
  other('rfc6191', 'rfc6191', undefined),
  other('rfc1122', 'rfc1122', undefined),
];

interface Sysctl {
  from: number;
  to: number;
  /** Linux versions that have it. */
  since: number;
  until: number;
  standard: number;
}

const EVERY = { since: 0, until: Number.POSITIVE_INFINITY } as const;

/** Settings of net.ipv4 that affect a finding. */
export const SYSCTLS = {
  tcp_abort_on_overflow: { from: 0, to: 1, ...EVERY, standard: 0 },
  tcp_rfc1337: { from: 0, to: 1, ...EVERY, standard: 0 },
  tcp_timestamps: { from: 0, to: 2, ...EVERY, standard: 1 },
  tcp_tw_recycle: { from: 0, to: 1, since: 0, until: 411, standard: 0 },
  tcp_tw_reuse: { from: 0, to: 2, ...EVERY, standard: 0 },
  tcp_tw_reuse_delay: { from: 1, to: 60_000, since: 614, until: Number.POSITIVE_INFINITY, standard: 1000 },
} as const satisfies Record<string, Sysctl>;

type SysctlName = keyof typeof SYSCTLS;

const isKnown = (name: string): name is SysctlName => Object.hasOwn(SYSCTLS, name);

const has = (profile: Profile, { since, until }: Sysctl): boolean =>
  profile.version >= since && profile.version <= until;

/**
 * The machine, or a sentence that says why there is none. Without a profile it is the newest Linux that has all the
 * settings.
 */
export function machineOf(profile: string | undefined, sysctls: Readonly<Record<string, number>>): Machine | string {
  for (const [name, value] of Object.entries(sysctls)) {
    if (!isKnown(name)) {
      const hint = didYouMean(name, Object.keys(SYSCTLS)) ?? `there are ${Object.keys(SYSCTLS).join(', ')}`;
      return `there is no what-if for ${name}; ${hint}`;
    }
    const { from, to } = SYSCTLS[name];
    if (value < from || value > to) return `${name} is a number from ${from} to ${to}, not ${value}`;
  }
  const names = Object.keys(sysctls).filter(isKnown);
  const newest = PROFILES.findLast(
    ({ version }) => version > 0 && names.every(name => has({ version } as Profile, SYSCTLS[name])),
  );
  const chosen = profile === undefined ? newest : PROFILES.find(({ name }) => name === profile);
  if (chosen === undefined) {
    return profile === undefined
      ? `no kernel has all of ${names.join(', ')}`
      : `there is no profile ${profile}; there are ${PROFILES.map(({ name }) => name).join(', ')}`;
  }
  const foreign = names.find(name => chosen.version === 0 || !has(chosen, SYSCTLS[name]));
  if (foreign !== undefined) return `${chosen.name} has no ${foreign}`;
  if (sysctls.tcp_tw_reuse === 2 && chosen.version < 419) return `${chosen.name} knows tcp_tw_reuse=0 and 1 only`;
  return { ...chosen, label: label(chosen.name, sysctls), sysctls: { ...standards(chosen), ...sysctls } };
}

/** From 4.19 on the default of tcp_tw_reuse is 2, for loopback only. */
const standards = ({ version }: Profile): Record<SysctlName, number> => ({
  ...(Object.fromEntries(Object.entries(SYSCTLS).map(([name, { standard }]) => [name, standard])) as Record<
    SysctlName,
    number
  >),
  tcp_tw_reuse: version >= 419 ? 2 : 0,
});

const label = (name: string, sysctls: Readonly<Record<string, number>>): string =>
  [name, ...Object.entries(sysctls).map(([key, value]) => `${key}=${value}`)].join(' and ');
