/** Uses of ports are kept within a bound, and what says most stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PortUse } from '../../../src/detect/ports/port-use.ts';
import { PortUseTable } from '../../../src/detect/ports/port-use-table.ts';
import { PortWindow } from '../../../src/detect/ports/port-window.ts';

const MOST = 1000;
/** 64 ports of a server are kept. */
const PORTS = 80;

function useOf(port: number, opened: number): PortUse {
  const use = new PortUse(port, 0, 0);
  use.opened = opened;
  return use;
}

/** Every host is tried on every port, so often each. */
function scan(uses: PortUseTable, hosts: number, opened: number): void {
  for (let row = 1; row <= hosts; row++) {
    uses.begin(row, []);
    for (let port = 0; port < PORTS; port++) uses.put(row, useOf(port, opened));
    assert.ok(uses.size <= MOST, `${uses.size} uses`);
  }
}

test('of a scan no more is kept than there is room for, and a busy port stays', () => {
  let lost = 0;
  const uses = new PortUseTable(
    () => {},
    n => (lost += n),
    MOST,
  );
  const busy = useOf(80, 5000);
  uses.begin(0, [busy]);
  scan(uses, 200, 1);
  assert.equal(uses.find(0, 80), busy);
  assert.equal(lost, 0, 'ports that were tried once are no loss');
});

test('where all are used much those go all the same, which is said; not what is watched by the second', () => {
  let lost = 0;
  const uses = new PortUseTable(
    () => {},
    n => (lost += n),
    MOST,
  );
  const watched = useOf(80, 5000);
  watched.window = new PortWindow(0);
  uses.begin(0, [watched]);
  scan(uses, 50, 4000);
  assert.equal(uses.find(0, 80), watched);
  assert.ok(lost > 1000, String(lost));
});

test('what gives way to another, or goes with its row, is told', () => {
  const forgotten: number[] = [];
  const uses = new PortUseTable(
    ({ opened }) => forgotten.push(opened),
    () => {},
  );
  uses.begin(0, []);
  uses.put(0, useOf(80, 1));
  uses.put(0, useOf(80, 2));
  uses.put(0, useOf(443, 3));
  assert.deepEqual([forgotten, uses.size], [[1], 2]);
  uses.drop(0);
  assert.deepEqual([forgotten, uses.size, uses.has(0)], [[1, 2, 3], 0, false]);
});
