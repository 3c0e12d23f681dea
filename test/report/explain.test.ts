/** What `explain` prints: goldens beside the captures, and what must hold for every finding of every fixture. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { erasOf, raisedBy } from '../../src/report/explain/eras.ts';
import { findingJson, findingText } from '../../src/report/explain/finding-text.ts';
import { markdownText } from '../../src/report/explain/markdown.ts';
import { decisionsOf } from '../../src/report/explain/what-decided.ts';
import { packetLines } from '../../src/report/summary/packets.ts';
import { plainStyle, type TextStyle } from '../../src/report/text-style.ts';
import { whatIfSentence } from '../../src/report/what-if-text.ts';
import { MEMORY } from '../../src/store/database.ts';
import { readCaptures, readFindings } from '../../src/store/reader.ts';
import type { FindingRow } from '../../src/store/rows.ts';
import { Store } from '../../src/store/store.ts';
import { collect } from '../build/collect.ts';
import { Conversation, exchange } from '../build/conversation.ts';
import { EXPLAINED, explained, explainedFile, stored } from '../build/explained.ts';
import { fixtureNamed, fixtures } from '../build/fixtures.ts';
import { newRun } from '../build/store-sample.ts';
import { follow } from '../flow/follow.ts';

for (const [name, rule] of EXPLAINED) {
  test(`${rule} in ${name} is explained as the golden beside it`, async () => {
    assert.equal(await explained(name, rule), readFileSync(explainedFile(name), 'utf8'), 'npm run goldens');
  });
}

test('every finding of every fixture fits its width, and its ladder stands straight', async () => {
  for (const { inputs, name } of fixtures()) {
    const { findings, captures, origin } = await collect(inputs);
    const store = new Store(MEMORY, newRun({ captures, origin }));
    store.findings(findings);
    const rows = readCaptures(store.database, [store.runId]);
    for (const finding of readFindings(store.database, {})) {
      for (const width of [80, 120]) {
        const lines = findingText(finding, rows, plainStyle(width)).split('\n');
        const lanes = lines.filter(line => /[│┆]$/.test(line));
        assert.equal(lanes.filter(line => /[▶◀]/.test(line)).length, finding.packets.length, name);
        assert.equal(new Set(lanes.map(line => line.length)).size, 1, `${name}: ${finding.id} at ${width}`);
        assert.ok(
          lanes.every(line => line.length <= width),
          `${name}: ${finding.id} at ${width}`,
        );
      }
      JSON.parse(findingJson(finding, rows));
    }
    store.close();
  }
});

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

test('the old connection, the new one and other ports are told apart by their numbers', async () => {
  const collision = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  const eras = erasOf(collision.finding);
  assert.deepEqual(
    collision.finding.packets.map(packet => eras.of(packet)),
    ['old', 'old', 'new', 'old', 'old', 'new', 'new'],
  );
  const { finding } = await stored('lab-recycle-two-hosts.pcap', 'timestamp-regress');
  assert.equal(erasOf(finding).of(finding.packets[0]), 'other');
  const reset = await stored('reset-abort-when-idle.pcap', 'reset-close');
  assert.equal(erasOf(reset.finding).of(reset.finding.packets[0]), 'one');
  assert.equal(raisedBy(reset.finding)!.flags, 'RA');
});

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

test('a client that takes its TIME_WAIT over shows the 65537', async () => {
  const { finding } = await stored('lab-tw-reuse.pcap', 'port-reuse');
  const [isn] = decisionsOf(finding, erasOf(finding));
  assert.match(isn!.text, /4057258408 = 4057192871 \+ 65537/);
});

test('with several captures each packet names its own, however long the name', async () => {
  const { finding, captures } = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  const source = `${'rotated/'.repeat(20)}cap-0002.pcap`;
  const second = { ...captures[0], id: 99, source };
  const packets = finding.packets.map((packet, i) => (i < 3 ? packet : { ...packet, capture_id: 99 }));
  const lines = findingText({ ...finding, packets }, [...captures, second], plainStyle(80)).split('\n');
  const lanes = lines.filter(line => /[│┆]$/.test(line));
  assert.deepEqual([...new Set(lanes.map(line => line.length))], [80]);
  assert.equal(lanes.filter(line => line.includes('/cap-0002.pcap)')).length, 4);
});

test("a host's own context and the machine that was asked about have their own lines", async () => {
  const { finding, captures } = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  const context = {
    host: 'web1',
    end: 'server',
    says: 'confirmed',
    why: 'Linux 6.1 keeps TIME_WAIT for 60 s',
  } as const;
  const evidence = {
    ...finding.evidence,
    context,
    what_if: { profile: 'linux-3.10', verdict: 'drop', rule: 'listener' },
  } as const;
  const text = findingText({ ...finding, evidence }, captures, plainStyle(80));
  assert.match(text, /What the server says \(web1\)\n {2}confirmed: Linux 6\.1 keeps TIME_WAIT for 60 s\n/);
  assert.match(text, /What if: linux-3\.10\n {2}The SYN would be dropped, by the listener\.\n/);
  assert.doesNotMatch(text, /context=/);
});

test('a what-if is told in a sentence, of SYNs with what decides and of what comes later', () => {
  const reused = whatIfSentence({ verdict: 'challenge-ack', rule: 'time-wait', tw_reuse: 'no' });
  assert.match(
    reused,
    /^The SYN would be answered with an ACK of an older connection, by the TIME_WAIT of its tuple\. The/,
  );
  assert.equal(whatIfSentence({ verdict: 'ends-time-wait' }), 'The RST would end the TIME_WAIT.');
  assert.equal(
    whatIfSentence({ verdict: 'of-another-version', rule: 'new' }),
    'The SYN would be of-another-version, new.',
  );
});

test('ports that tcp_tw_reuse takes over allow more than a TIME_WAIT of any length does', async () => {
  const { inputs } = fixtureNamed('lab-tw-reuse-8-ports.pcap');
  const { finding } = await stored('lab-tw-reuse-8-ports.pcap', 'port-exhaustion');
  const decided = async (timeWait: number): Promise<string> => {
    const { findings } = await collect(inputs, { rules: ['port-exhaustion'], timeWait });
    const evidence = findings[0]!.evidence as typeof finding.evidence;
    return decisionsOf({ ...finding, evidence }, erasOf(finding))[0].text;
  };
  const sooner = /connections a second to one server port; the client took 32 ports over sooner, and closed 8\.0 conn/;
  assert.match(await decided(60), sooner);
  assert.match(await decided(60), /they would allow 0\.133 connections/);
  assert.match(await decided(120), sooner);
  assert.match(await decided(120), /they would allow 0\.067 connections/);
});

test('a finding of a rule that only another version has is explained without a comparison', async () => {
  const { finding, captures } = await stored('lab-tw-reuse.pcap', 'port-reuse');
  const newer = { ...finding, rule: 'from-the-future' as 'port-reuse' };
  assert.deepEqual(decisionsOf(newer, erasOf(newer)), []);
  const text = findingText(newer, captures, plainStyle(100));
  assert.doesNotMatch(text, /What decided/);
  assert.match(text, /A finding of the rule from-the-future, which this version does not know\./);
});

test('sums say their figures, and nothing of a capacity that is not known', async () => {
  const { finding: shared } = await stored('nat-second-client-unanswered.pcap', 'shared-address');
  const { finding: ports } = await stored('lab-tw-reuse-8-ports.pcap', 'port-exhaustion');
  const { finding: signature } = await stored('lab-recycle-modern-host.pcap', 'recycle-signature');
  const told = (finding: FindingRow): string => decisionsOf(finding, erasOf(finding)).at(-1)!.text;
  const { capacity: _, rate_limit: __, takeovers: ____, ...unlimited } = ports.evidence;
  assert.match(
    told({ ...ports, evidence: { ...unlimited, in_use: 27_700, capacity: 28_232, rate_limit: 470.533 } }),
    /27,700 of 28,232 ports .* 470\.5 connections/,
  );
  assert.match(told({ ...ports, evidence: { ...unlimited, in_use: 9 } }), /^9 ports .* is not known\.$/);
  const { hosts_differ: ___, ...replayed } = signature.evidence;
  assert.match(
    told({ ...signature, evidence: { ...replayed, syns: 12, foretold: 12, both_fates: true } }),
    /what became of 12 of 12\.$/,
  );
  assert.match(
    told({ ...signature, evidence: { ...replayed, both_fates: false, hosts_differ: ['TTL (62 against 63)'] } }),
    / also differ from the others in TTL \(62 against 63\), as hosts usually do: .* would look the same\.$/,
  );
  assert.match(
    told({ ...shared, evidence: { ...shared.evidence, flows: 26, lines: 26, reasons: [] } }),
    /^26 connections on 26 clock lines\.$/,
  );
});

test('numbers that decide are marked with and without colour', async () => {
  const { finding, captures } = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  assert.match(findingText(finding, captures, plainStyle(80)), /TSval \*10030055\*/);
  const colored: TextStyle = { ...plainStyle(80), mark: text => `<${text}>`, dim: text => `{${text}}` };
  assert.match(findingText(finding, captures, colored), /TSval <\*10030055\*>/);
});

test('pages keep their commands whole and their tables inside the width', () => {
  const folder = new URL('../../../docs/detectors/', import.meta.url);
  for (const name of readdirSync(folder)) {
    const page = readFileSync(new URL(name, folder), 'utf8');
    for (const width of [80, 100]) {
      const lines = markdownText(page, plainStyle(width)).split('\n');
      assert.deepEqual(
        lines.filter(line => line.length > width && !/`[^`]+`/.test(line)),
        [],
        name,
      );
      const text = lines.join('\n');
      for (const [, command] of page.matchAll(/`((?:ss|nstat|sysctl|conntrack|tcpdump|ip) [^`\n]+)`/g)) {
        assert.ok(text.includes(`\`${command}\``), `${name}: ${command}`);
      }
    }
  }
});

test('Markdown of the pages becomes headings, lists and tables', () => {
  const page =
    '# a\n\n*one* and **two** with [a link](x.md)\nover lines\n\n- `x` item\n  goes on\n\n| k | v |\n|---|---|\n| `a` | b |';
  assert.equal(
    markdownText(page, plainStyle(80)),
    'a\n\n  one and two with a link over lines\n\n  - `x` item goes on\n\n  k    v\n  ───  ─\n  `a`  b\n',
  );
});

test('an RST after keep-alive probes in vain is not put down to a device whose timer is as long as their interval', async () => {
  const explainedOf = async (probes: number): Promise<string> => {
    const c = exchange().wait(75);
    for (let i = 0; i < probes; i++) c.send('server', 'A', { seq: c.server.nxt - 1 }).wait(75);
    const store = new Store(MEMORY, newRun());
    store.findings((await follow(c.rstFrom('server'))).findings);
    const [reset] = readFindings(store.database, { rules: ['reset-close'] });
    const text = findingText(reset!, readCaptures(store.database, [store.runId]), plainStyle(200));
    store.close();
    return text;
  };
  assert.match(await explainedOf(0), /It followed 75\.0\d+ s of silence, within 2 % of the idle timer of .*nginx/);
  assert.doesNotMatch(await explainedOf(3), /within 2 %/);
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

test('a clock that is behind across the wrap is told so that the sentence can be read', async () => {
  const { finding } = await stored('lab-recycle-modern-host.pcap', 'recycle-signature');
  const [decision] = decisionsOf(finding, erasOf(finding));
  assert.match(decision!.text, /ticks behind it \(across the wrap at 2\^32\): more than 1 tick, within 60 s\.$/);
});

test('a table of packets is never wider than the terminal: its notes go below where they do not fit', async () => {
  const { finding, captures } = await stored('lab-recycle-two-hosts.pcap', 'recycle-signature');
  for (const width of [90, 100, 120]) {
    const lines = packetLines(finding, captures, '    ', width);
    assert.ok(
      lines.every(line => line.length <= width),
      `${width}`,
    );
    assert.equal(lines.length, 1 + 2 * finding.packets.length);
  }
  assert.equal(packetLines(finding, captures, '    ', 200).length, 1 + finding.packets.length);
});
