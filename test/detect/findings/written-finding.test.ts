/** Written down and read again a finding is what it was, and in the database as well. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyse } from '../../../src/analyse.ts';
import type { Input } from '../../../src/capture/capture-info.ts';
import { valuesOf, WrittenFinding } from '../../../src/detect/findings/written-finding.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { Store } from '../../../src/store/store.ts';
import { collect } from '../../build/collect.ts';
import { Conversation } from '../../build/conversation.ts';
import { fixtures } from '../../build/fixtures.ts';
import { datagram, frameOf, frames } from '../../build/packet.ts';
import { pcap } from '../../build/pcap.ts';
import { newRun } from '../../build/store-sample.ts';
import { icmpUnreachable } from '../../build/tunnels.ts';

test('all findings of the fixtures survive a way through text', async () => {
  let seen = 0;
  for (const { inputs } of fixtures()) {
    const { findings, origin } = await collect(inputs);
    const numbering = { origin, firstCapture: 7 };
    for (const finding of findings) {
      const written = new WrittenFinding(structuredClone(valuesOf(finding, numbering)), numbering);
      assert.deepEqual(written.read(), finding);
      seen++;
    }
  }
  assert.ok(seen > 100);
});

/** The rows of the findings, and how many came written. */
async function stored(inputs: readonly Input[], workers: number): Promise<[rows: unknown[], written: number]> {
  let written = 0;
  let store: Store | undefined;
  const nothing = (): void => {};
  await analyse(
    inputs,
    { workers },
    {
      begin: (origin, captures) => {
        store = new Store(MEMORY, newRun({ origin, captures }));
      },
      numbering: () => store!.numbering,
      findings: batch => {
        written += batch.filter(finding => finding instanceof WrittenFinding).length;
        store!.findings(batch);
      },
      timeWaits: nothing,
      flows: nothing,
      clocks: nothing,
      curve: nothing,
      progress: nothing,
    },
  );
  const rows = store!.database.prepare('SELECT * FROM finding').all();
  store!.close();
  return [rows, written];
}

/** A SYN without an answer, and the ICMP error that says why. */
function rejected(): Input {
  const { packets } = new Conversation().syn().wait(1).synAgain();
  const later = new Conversation({ client: '192.0.2.99:5', at: 200 }).handshake().packets;
  const error = frameOf(1.5, icmpUnreachable('192.0.2.1', packets[0].src, datagram(packets[1])));
  return { name: 'rejected.pcap', bytes: pcap([...frames(packets), error, ...frames(later)]) };
}

const CASES = [
  ...fixtures().filter(({ name }) => name === 'many-faults.pcap' || name === 'rotated'),
  { name: 'rejected.pcap', inputs: [rejected()] },
];

for (const { name, inputs } of CASES) {
  test(`${name}: a thread writes down what the database has without`, async () => {
    const [rows, written] = await stored(inputs, 0);
    const [rowsOfThread, writtenByThread] = await stored(inputs, 1);
    assert.ok(rows.length > 0);
    assert.deepEqual(rowsOfThread, rows);
    // Where an ICMP error may say more of them, they are read.
    assert.deepEqual([written, writtenByThread], [0, name === 'rejected.pcap' ? 0 : rows.length]);
  });
}
