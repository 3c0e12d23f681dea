import assert from 'node:assert/strict';
import { test } from 'node:test';
import { erasOf } from '../../../src/report/explain/eras.ts';
import { decisionsOf } from '../../../src/report/explain/what-decided.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readFindings } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { Conversation } from '../../build/conversation.ts';
import { stored } from '../../build/explained.ts';
import { newRun } from '../../build/store-sample.ts';
import { follow } from '../../flow/follow.ts';

test('the comparison that decided is written out with both numbers and its constant', async () => {
  const { finding } = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  const [paws] = decisionsOf(finding, erasOf(finding));
  assert.match(paws!.text, /TSval 10030055 is 39,969,990 ticks below 50000045/);
  assert.match(paws!.source, /TCP_PAWS_WINDOW: 1 in open connections, 0 in TIME_WAIT/);
  assert.deepEqual(
    paws!.marks.map(([packet, field]) => packet[field]),
    [50000045, 10030055],
  );
});

test("the RST that answers an older attempt's ACK should end that attempt, as no TIME_WAIT is there", async () => {
  const old = new Conversation().syn().synAck();
  const next = old.reopen(0.1, { clientIsn: 7_777_777 }).syn();
  old.oldAck(next);
  next.bareRst('client', { seq: old.client.nxt }).wait(1).synAgain().synAck().ack('client');
  const { findings } = await follow(next.packets);
  const finding = findings.find(({ rule }) => rule === 'port-reuse')!;
  assert.equal(finding.evidence.class, 'syn-sent');
  const store = new Store(MEMORY, newRun());
  store.findings([finding]);
  const [row] = readFindings(store.database, {});
  const decision = decisionsOf(row!, erasOf(row!)).at(-1)!;
  store.close();
  assert.match(decision.text, /what the older attempt expects next: it should end the older attempt\.$/);
  assert.match(decision.source, /tcp_check_req/);
});

test('a client that takes its TIME_WAIT over shows the 65537', async () => {
  const { finding } = await stored('lab-tw-reuse.pcap', 'port-reuse');
  const [isn] = decisionsOf(finding, erasOf(finding));
  assert.match(isn!.text, /4057258408 = 4057192871 \+ 65537/);
});

test('where what came back is not what TIME_WAIT does, the rule is told as what it would have done', async () => {
  const said = async (fixture: string, outcome?: string): Promise<string> => {
    const { finding } = await stored(fixture, 'port-reuse');
    const evidence = outcome === undefined ? finding.evidence : { ...finding.evidence, outcome };
    return decisionsOf({ ...finding, evidence }, erasOf(finding))[0].text;
  };
  assert.match(await said('reuse-refused.pcap'), /the SYN would be taken\. The outcome does not match/);
  const collision = 'time-wait-collision-one-second.pcap';
  assert.match(await said(collision), /PAWS rejects the SYN, whatever its sequence number\.$/);
  assert.match(await said(collision, 'accepted'), /PAWS would reject the SYN.* does not match: the TIME_WAIT was gone/);
  assert.match(await said(collision, 'unobservable'), /PAWS would reject the SYN, whatever its sequence number\.$/);
  assert.match(await said(collision, 'challenge-ack:foreign>rst'), /PAWS would reject .* or another host answered\.$/);
});
