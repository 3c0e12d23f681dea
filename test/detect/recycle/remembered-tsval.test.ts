/** What is shown of the connection whose TSval a tw_recycle server would remember, and what the comparison is said to be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import type { Rule } from '../../../src/detect/evidence.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { erasOf } from '../../../src/report/explain/eras.ts';
import { findingText } from '../../../src/report/explain/finding-text.ts';
import { decisionsOf } from '../../../src/report/explain/what-decided.ts';
import { plainStyle } from '../../../src/report/text-style.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readCaptures, readFindings } from '../../../src/store/reader.ts';
import type { CaptureRow, FindingOf } from '../../../src/store/rows.ts';
import { Store } from '../../../src/store/store.ts';
import { Conversation, clientCloses, type Setup, serverCloses } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { newRun } from '../../build/store-sample.ts';
import { follow } from '../../flow/follow.ts';

const ADDRESS = '192.0.2.10';
const ahead = (): Host => new Host(ADDRESS, { boot: 5_000_000 });
const behind = (): Host => new Host(ADDRESS, { boot: 2_000_000 });
const later = (): Conversation => new Conversation({ client: '192.0.2.99:5', at: 200 }).handshake();

type Stories = readonly Conversation[];

async function told(rule: string, ...stories: Stories): Promise<Finding> {
  const findings = (await follow([...stories, later()])).findings.filter(f => f.rule === rule);
  assert.ok(findings.length > 0, rule);
  return findings[0];
}

/** The first finding of the rule as it comes out of a database. */
async function stored<R extends Rule>(
  rule: R,
  ...stories: Stories
): Promise<{ finding: FindingOf<R>; captures: CaptureRow[] }> {
  const { findings, captures, origin } = await follow([...stories, later()]);
  const store = new Store(MEMORY, newRun({ captures, origin }));
  try {
    store.findings(findings);
    const [finding] = [...readFindings(store.database, { rules: [rule] })];
    assert.ok(finding, rule);
    return { finding: finding as FindingOf<R>, captures: readCaptures(store.database, [store.runId]) };
  } finally {
    store.close();
  }
}

const explained = async (rule: Rule, ...stories: Stories): Promise<string> => {
  const { finding, captures } = await stored(rule, ...stories);
  return findingText(finding, captures, plainStyle(100)).replaceAll(/\s+/g, ' ');
};

const closed = (setup: Setup = {}): Conversation => serverCloses({ client: ahead(), ...setup });
const bare = (at = 2): Conversation =>
  new Conversation({ client: new Host(ADDRESS, { timestamps: false }), clientPort: 41_000, at }).syn();
const older = (at = 2, port = 41_000): Conversation =>
  new Conversation({ client: behind(), clientPort: port, at }).syn();

const finOf = ({ packets }: Conversation) => packets.find(p => p.dport === 80 && p.flags.includes('F'))!;

test('a hazard shows the FIN whose TSval would be remembered, who closed first, and the SYN', async () => {
  const first = closed();
  const finding = await told('recycle-hazard', first, bare());
  assert.deepEqual(
    finding.packets.map(p => p.flags),
    ['FA', 'A', 'S'],
  );
  const [fin, ack] = finding.packets;
  assert.equal(fin!.tsval, finOf(first).tsval);
  assert.match(fin!.note, /^FIN of the connection from port 40000: tcp_tw_recycle=1 remembers its TSval$/);
  assert.match(ack!.note, /server, which closed first and holds TIME_WAIT/);
  assert.equal(finding.evidence.remembered_tsval, fin!.tsval);
  assert.ok(Math.abs(Number(finding.evidence.remembered_age) - (2 - finOf(first).t)) < 1e-6);
});

test('a FIN that came again with a newer TSval set nothing, and the packet that did is gone', async () => {
  const first = closed();
  first.finAgain('client');
  const finding = await told('recycle-hazard', first, bare());
  assert.equal(finding.evidence.remembered_tsval, finOf(first).tsval, 'as the kernel, which kept that of the first');
  assert.deepEqual(
    finding.packets.map(p => p.flags),
    ['S'],
  );
  assert.match(
    await explained('recycle-hazard', first, bare()),
    /that it closed first, 1\.\d+ s before the SYN \(that packet is not kept\)/,
  );
});

test('the comparison names the frame and both numbers, and the ladder stars them', async () => {
  const first = closed();
  const { finding, captures } = await stored('timestamp-regress', first, older());
  const [decision] = decisionsOf(finding, erasOf(finding));
  const { tsval: held, frame } = finding.packets[0];
  const { tsval } = finding.packets.find(p => p.flags === 'S')!;
  assert.ok(
    decision!.text.includes(`remembers TSval ${held} of this address, which the FIN in frame ${frame} brought`),
  );
  assert.ok(decision!.text.includes(`TSval ${tsval} of the SYN is`), decision!.text);
  assert.match(decision!.source, /TCP_PAWS_WINDOW = 1 tick, TCP_PAWS_MSL = 60 s/);
  const text = findingText(finding, captures, plainStyle(100));
  assert.ok(text.includes(`TSval *${held}*`) && text.includes(`TSval *${tsval}*`), text);
});

test('where another packet of the address is newer, both comparisons are written out', async () => {
  // The third host is further ahead, and its connection is still open: nothing of it is remembered.
  const open = new Conversation({ client: new Host(ADDRESS, { boot: 9e6 }), clientPort: 43_000, at: 1 }).handshake();
  const { finding } = await stored('timestamp-regress', closed(), open, older());
  const [newest, remembered] = decisionsOf(finding, erasOf(finding));
  assert.match(newest!.text, /which the same address sent/);
  assert.match(remembered!.text, /remembers TSval \d+ of this address, which the FIN in frame/);
  assert.notEqual(finding.evidence.previous_tsval, finding.evidence.remembered_tsval);
});

test('where the clients close first nothing is remembered, and that is why the SYN passes', async () => {
  const text = await explained('timestamp-regress', clientCloses({ client: ahead() }), older());
  assert.match(text, /closed no connection of this address first within the 60 s before: it remembers no TSval/);
  assert.match(text, /would let this SYN pass/);
});

test('a signature shows what set the TSval that its SYNs were dropped by', async () => {
  const rounds = [0, 10, 20, 30].flatMap((at, i) => [
    closed({ at, clientPort: 40_000 + i }),
    older(at + 3, 41_000 + i)
      .wait(1)
      .synAgain(),
  ]);
  const { finding, captures } = await stored('recycle-signature', ...rounds);
  const fins = finding.packets.filter(p => p.flags === 'FA');
  assert.equal(fins.length, 2, 'one for each attempt that is shown');
  const text = findingText(finding, captures, plainStyle(100));
  assert.ok(text.includes(`TSval *${fins[0].tsval}*`), text);
  assert.equal(finding.evidence.remembered_tsval, fins[0].tsval);
  assert.match(text.replaceAll(/\s+/g, ' '), /remembers TSval \d+ of this address, which the FIN in frame \d+ brought/);
});

test('accepted though the rule drops it: hazard, regress and the revealed setting say the same, as proof', async () => {
  const accepted = older().synAck().ack('client').request();
  const regress = await told('timestamp-regress', closed(), accepted);
  assert.match(regress.title, /; it was accepted: this is no such server$/);
  const { finding } = await stored('revealed-setting', closed(), accepted);
  assert.deepEqual(
    [finding.evidence.setting, finding.evidence.value, finding.confidence],
    ['tcp_tw_recycle', 0, 'proof'],
  );
  const text = await explained('revealed-setting', closed(), accepted);
  assert.match(text, /remembers TSval \d+ of this address, which the FIN in frame \d+ brought .* ticks below it/);
  assert.match(text, /it was accepted at once, in frame \d+: what answered at .* does not apply the check/);
});

test('without timestamps it speaks against 3.17 to 4.11 alone: older kernels let such SYNs pass', async () => {
  const accepted = bare().synAck().ack('client');
  const finding = await told('recycle-hazard', closed(), accepted);
  assert.match(
    finding.title,
    /Linux 3\.17 to 4\.11\) would drop it; it was accepted: this is no such server, or several/,
  );
  assert.match(adviceFor(finding).meaning, /Older kernels let SYNs without timestamps pass/);
  const all = (await follow([closed(), accepted, later()])).findings;
  assert.deepEqual(
    all.filter(f => f.rule === 'revealed-setting').map(f => f.evidence.setting),
    [],
  );
});

test('IPv6: 2.6.32 has no check there, so an accepted SYN is no proof against it', async () => {
  const server = '[2001:db8::80]:80';
  const first = closed({ client: new Host('2001:db8::10', { boot: 5e6 }), server });
  const next = new Conversation({ client: new Host('2001:db8::10', { boot: 2e6 }), clientPort: 41_000, at: 2, server });
  const finding = await told('revealed-setting', first, next.handshake());
  assert.equal(finding.confidence, 'strong');
});

test('an RST to such a SYN says nothing of the setting: a closed port never asks', async () => {
  const refused = older().refuse();
  const finding = await told('timestamp-regress', closed(), refused);
  assert.doesNotMatch(finding.title, /accepted/);
  assert.deepEqual([finding.evidence.answered, finding.evidence.accepted], [true, false]);
  assert.doesNotMatch(adviceFor(finding).meaning, /does not do it/);
  assert.doesNotMatch(await explained('timestamp-regress', closed(), refused), /does not apply the check/);
});

test('a SYN without an answer by the rule shows the comparison that kept it out', async () => {
  const rounds = [0, 10, 20, 30].flatMap((at, i) => [
    closed({ at, clientPort: 40_000 + i }),
    older(at + 3, 41_000 + i)
      .wait(1)
      .synAgain(),
  ]);
  const { finding, captures } = await stored('unanswered-syn', ...rounds);
  assert.equal(finding.evidence.cause, 'per-host-paws');
  const [fin] = finding.packets;
  assert.deepEqual([fin!.flags, fin!.tsval], ['FA', finding.evidence.remembered_tsval]);
  const text = findingText(finding, captures, plainStyle(100));
  assert.ok(text.includes(`TSval *${fin!.tsval}*`), text);
  assert.match(
    text.replaceAll(/\s+/g, ' '),
    /TSval \d+ of the SYN is [\d,]+ ticks below it: more than 1 tick, within 60 s/,
  );
});
