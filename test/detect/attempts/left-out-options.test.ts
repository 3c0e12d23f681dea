/** Options that a client leaves out at a later try. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accept, later, only, tries } from './told.ts';

test('only the answered SYN has no MPTCP: perhaps something drops SYNs with it', async () => {
  const stamps = (t: number): number[] => [
    8,
    10,
    ...[24, 16, 8, 0].map(shift => ((1_000_000 + t * 1000) >>> shift) & 255),
  ];
  const plain = (t: number): number[] => [2, 4, 5, 180, 4, 2, ...stamps(t), 0, 0, 0, 0, 1, 3, 3, 7];
  const MP_CAPABLE = [30, 4, 1, 0];
  const named =
    / or something drops SYNs with an unusual option, such as MPTCP or Fast Open, as only the answered one has none/;
  for (const [withOption, expected] of [
    [[true, true, true, false], true],
    [[true, true, false, false], false],
    [[true, true, true, true], false],
    [[false, false, false, false], false],
  ] as const) {
    const tried = tries([1, 2, 3]);
    for (const [i, syn] of tried.packets.entries()) {
      syn.options = withOption[i] ? [...plain(syn.t), ...MP_CAPABLE] : plain(syn.t);
    }
    const { title } = await only(accept(tried), later());
    assert.equal(named.test(title), expected, title);
  }
});
