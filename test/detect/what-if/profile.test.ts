/** Which machines a what-if can be asked of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Machine, machineOf, PROFILES } from '../../../src/detect/what-if/profile.ts';

const machine = (profile: string | undefined, sysctls: Record<string, number> = {}): Machine => {
  const found = machineOf(profile, sysctls);
  if (typeof found === 'string') throw new Error(found);
  return found;
};

test('every profile is a machine with the settings of its kernel', () => {
  for (const { name } of PROFILES) assert.equal(machine(name).label, name);
  assert.equal(machine('linux-4.11').sysctls.tcp_tw_reuse, 0);
  assert.equal(machine('linux-4.19').sysctls.tcp_tw_reuse, 2);
});

test('a setting without a profile is asked of the newest kernel that has it', () => {
  assert.equal(machine(undefined, { tcp_tw_recycle: 1 }).label, 'linux-4.11 and tcp_tw_recycle=1');
  assert.equal(machine(undefined, { tcp_timestamps: 0 }).name, 'linux-6.18');
});

test('what a kernel does not have is refused in a sentence', () => {
  for (const [profile, sysctls, sentence] of [
    ['linux-9.9', {}, /^there is no profile linux-9\.9; there are linux-2\.6\.32, /],
    ['linux-4.19', { tcp_tw_recycle: 1 }, /^linux-4\.19 has no tcp_tw_recycle$/],
    ['linux-6.1', { tcp_tw_reuse_delay: 5 }, /^linux-6\.1 has no tcp_tw_reuse_delay$/],
    ['freebsd', { tcp_timestamps: 0 }, /^freebsd has no tcp_timestamps$/],
    ['linux-3.10', { tcp_tw_reuse: 2 }, /knows tcp_tw_reuse=0 and 1 only/],
    [
      undefined,
      { tcp_tw_recycle: 1, tcp_tw_reuse_delay: 5 },
      /^no kernel has all of tcp_tw_recycle, tcp_tw_reuse_delay$/,
    ],
    [undefined, { tcp_sack: 1 }, /^there is no what-if for tcp_sack; there are /],
    [undefined, { toString: 1 }, /^there is no what-if for toString/],
    [undefined, { tcp_rfc1337: 2 }, /^tcp_rfc1337 is a number from 0 to 1, not 2$/],
  ] as const) {
    assert.match(String(machineOf(profile, sysctls as Record<string, number>)), sentence);
  }
});
