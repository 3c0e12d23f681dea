import assert from 'node:assert/strict';
import { test } from 'node:test';
import { erasOf } from '../../../src/report/explain/eras.ts';
import { findingText } from '../../../src/report/explain/finding-text.ts';
import { decisionsOf } from '../../../src/report/explain/what-decided.ts';
import { plainStyle } from '../../../src/report/text-style.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readFindings } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { Conversation } from '../../build/conversation.ts';
import { stored } from '../../build/explained.ts';
import { newRun } from '../../build/store-sample.ts';
import { follow } from '../../flow/follow.ts';

test('only waits that double are said to', async () => {
  const { finding } = await stored('lab-answers-lost.pcap', 'unanswered-data');
  const said = (intervals: number[]): string =>
    decisionsOf({ ...finding, evidence: { ...finding.evidence, intervals, backoff: true } }, erasOf(finding))[0].text;
  const later = ': from the third on each wait about twice the last, a retransmission timer.';
  assert.equal(said([0.205, 0.208, 0.433, 0.832]), `Sent again after 0.205, 0.208, 0.433, 0.832 s${later}`);
  assert.equal(decisionsOf(finding, erasOf(finding))[0].text.endsWith(later), true);
  assert.match(said([0.2, 0.41, 0.8]), /: each wait about twice the last, a retransmission timer\.$/);
});

test('what sends again is cited by what it sends: data, keep-alives, probes of a closed window', async () => {
  const { finding } = await stored('lab-nat-silent.pcap', 'unanswered-data');
  const source = (carries: (typeof finding)['evidence']['carries']): string =>
    decisionsOf({ ...finding, evidence: { ...finding.evidence, carries } }, erasOf(finding))[0].source;
  assert.match(source('data'), /tcp_retransmit_timer/);
  assert.equal(source('fin'), source('data'));
  assert.match(source('keep-alive'), /RFC 1122 §4\.2\.3\.6; Linux tcp_keepalive_timer/);
  assert.match(source('window-probe'), /tcp_probe_timer/);
});

test('a SYN that a TIME_WAIT answered: the number that its ACK names, and that which the SYN calls for', async () => {
  const { finding, captures } = await stored('time-wait-collision-one-second.pcap', 'unanswered-syn');
  const text = findingText(finding, captures, plainStyle(100)).replaceAll(/\s+/g, ' ');
  const { seq } = finding.packets.find(p => p.flags === 'S')!;
  const { ack, frame } = finding.packets.find(p => p.flags === 'A')!;
  const said = `The ACK in frame ${frame} acknowledges ${ack}, where the SYN calls for ${seq + 1}: it answers for the old`;
  assert.ok(text.includes(said), text);
  const alone = { ...finding, evidence: { ...finding.evidence, syns: 1 } };
  assert.doesNotMatch(findingText(alone, captures, plainStyle(100)), /RFC 6298/, 'one SYN follows no timer');
});

test('an ACK that echoes the first of four SYN-ACKs shows that the client had heard it', async () => {
  const c = new Conversation({ at: 3 }).syn().synAck();
  const again = { seq: c.server.nxt - 1, tsecr: c.last.tsecr! };
  for (let i = 0; i < 3; i++) c.wait(2 ** i).send('server', 'SA', again);
  c.ack('client', { tsecr: c.packets[1].tsval! }).request().response();
  const { findings } = await follow(c.packets);
  const store = new Store(MEMORY, newRun());
  store.findings(findings);
  const [row] = readFindings(store.database, { rules: ['unanswered-syn'] });
  const texts = decisionsOf(row!, erasOf(row!)).map(({ text }) => text);
  store.close();
  assert.match(
    texts.join(' '),
    /that of the first SYN-ACK, out of 4: it had heard that, and what it answered then did not come/,
  );
});

test('an ACK that fits nothing captured is not explained by the rule of TIME_WAIT', async () => {
  const story = new Conversation().syn().send('server', 'A', { seq: 777_000, ack: 4_242_000, lost: true });
  const { findings } = await follow(story.bareRst('client', { seq: 4_242_000 }).wait(1).synAgain().synAck());
  const store = new Store(MEMORY, newRun());
  store.findings(findings);
  const [unknown] = readFindings(store.database, { rules: ['unanswered-syn'] });
  const [ack] = decisionsOf(unknown!, erasOf(unknown!));
  store.close();
  assert.match(ack!.text, /it answers something else\.$/);
  assert.equal(ack!.source, 'RFC 9293 §3.10.7.3 (an ACK that the SYN does not call for); what sent it is not known');
  const { finding: known } = await stored('time-wait-collision-one-second.pcap', 'unanswered-syn');
  assert.match(decisionsOf(known, erasOf(known))[0].source, /tcp_timewait_state_process/);
});
