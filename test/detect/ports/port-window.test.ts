import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../../src/base/time.ts';
import { PortWindow } from '../../../src/detect/ports/port-window.ts';

/** Ports that are used for a minute each, one more every second. */
function filled(seconds: number): PortWindow {
  const window = new PortWindow(0);
  for (let at = 0; at < seconds; at++) {
    window.opened(at * SECOND);
    window.used(at * SECOND, (at + 60) * SECOND, at * SECOND);
    window.serverHeld(at * SECOND, (at + 60) * SECOND);
  }
  return window;
}

test('what is forgotten of a window changes nothing of the seconds after it', () => {
  const whole = [...filled(5_000).seconds()];
  const window = filled(5_000);
  window.forgetBefore(4_900);
  assert.deepEqual(
    [...window.seconds()].filter(({ at }) => at > 4_900),
    whole.filter(({ at }) => at > 4_900),
  );
  assert.deepEqual([window.inUseAt(4_999), window.most(4_999), window.since], [60, 60, 4_900]);
  window.used(5_000 * SECOND, Number.POSITIVE_INFINITY, undefined);
  assert.equal(window.inUseAt(5_100), 1, 'and it goes on');
});

test('a window of which nothing has come for long can be forgotten too', () => {
  const window = filled(10);
  window.forgetBefore(4_000);
  assert.deepEqual([window.inUseAt(4_000), window.most(4_100)], [0, 0]);
});

test('a window of weeks takes no more memory than one of an hour', () => {
  const window = new PortWindow(0);
  for (let day = 0; day < 21; day++) {
    for (let hour = 0; hour < 24; hour++) {
      const at = (day * 24 + hour) * 3_600;
      window.used(at * SECOND, (at + 60) * SECOND, at * SECOND);
      window.used((at + 3_500) * SECOND, (at + 3_560) * SECOND, undefined);
      assert.equal(window.inUseAt(at + 3_500), 1);
      window.forgetBefore(at + 3_600);
    }
  }
  assert.equal(window.takeClipped(), false, 'nothing was beyond what it holds');
  assert.ok([...window.seconds()].length < 3_600);
});
