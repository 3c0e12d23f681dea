/** What a host can be asked about a finding, and how it answers. */
import type { End } from '../../flow/ends.ts';
import type { Finding, Severity } from '../finding.ts';
import type { HostContext } from './host-context.ts';

/** The answer of a host about a finding. */
export interface Said {
  says: 'confirmed' | 'cannot' | 'unknown';
  why: string;
  /** Appended to the title; absent if the title claims nothing that this concerns. */
  clause?: string;
  /**
   * Replaces a title that names several causes, one of which the host refutes. The confidence is then `strong` at most.
   */
  title?: string;
  /** Most severe that the finding can still be, given this answer. */
  atMost?: Severity;
}

export interface Asked {
  finding: Finding;
  /** Milliseconds since the epoch. */
  at: number;
  end: End;
  host: HostContext;
}

export type Judge = (asked: Asked) => Said | undefined;

export const ip = (name: string): string => `net.ipv4.${name}`;

/** `Linux 5.15` of 5.15.0-91-generic. */
export const linux = ({ kernel }: HostContext): string => `Linux ${/^\d+\.\d+/.exec(kernel)?.[0]}`;

export function isAtLeast({ kernel }: HostContext, major: number, minor: number): boolean {
  const [own = 0, part = 0] = kernel.split(/\D/).map(Number);
  return own > major || (own === major && part >= minor);
}

export const setting = ({ sysctls }: HostContext, name: string): number | undefined => {
  const value = sysctls[ip(name)];
  return typeof value === 'number' ? value : undefined;
};

export const unknown = (why: string): Said => ({ says: 'unknown', why });

/** Judges by the value of a setting; `why` shows it. */
export const bySetting =
  (name: string, judge: (value: number, why: string, asked: Asked) => Said | undefined): Judge =>
  asked => {
    const value = setting(asked.host, name);
    return value === undefined ? unknown(`${name} could not be read there`) : judge(value, `${name}=${value}`, asked);
  };

/** What the packets show, whoever did it. */
export const symptomOf = ({ symptom, title }: Finding): string => symptom ?? title;
