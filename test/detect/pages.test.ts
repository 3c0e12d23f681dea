/** Each rule has one page, and all pages answer the same questions in the same order: `explain` prints them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { detectors } from '../../src/detect/index.ts';
import { fixtures, goldenEvidence } from '../build/fixtures.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const SECTIONS = [
  'What it means',
  'Proved, likely, not visible',
  'Classes',
  'Evidence',
  'Severity',
  'Check',
  'Change',
  'Do not',
  'Sources',
];

/** The contract of the evidence: what each rule may say, whether or not a fixture makes it say so. */
const EVIDENCE: Readonly<Record<string, string>> = {
  'timestamp-regress':
    'delta gap same_tuple jitter zero recycle previous_tsval tsval unblock_in answered retransmissions',
  'recycle-hazard': 'recycle timestamps',
  'recycle-signature': 'bad_unanswered bad_answered good_answered good_unanswered',
  'shared-address': 'hosts_low hosts_high regime',
  'port-reuse': 'class age owner verdict rfc6191 client_isn tw_reuse outcome syns delay',
  'reset-close': 'class from idle effective hints',
  'unanswered-syn': 'cause syns delay schedule',
  'port-exhaustion': 'in_use capacity rate time_to_exhaustion signs',
  'time-wait-overflow': 'occupancy signs',
  'revealed-setting': 'setting value host proof count',
  'idle-timer': 'gap spread resets others known from',
  'unanswered-data':
    'class from carries bytes retransmissions lasted intervals backoff idle never closed heard_elsewhere answered_after after_ack new_port new_after moved_to gave_up icmp icmp_from loopback',
  'paws-drop': 'class from carries delta tsval ts_recent segments lasted age late effect',
};

const page = (id: string): string => readFileSync(join(ROOT, 'docs/detectors', `${id}.md`), 'utf8');
const section = (text: string, name: string): string => text.split(`## ${name}\n`)[1].split('\n## ')[0];
/** The list items of a section, each on one line. */
const items = (text: string): string[] => text.replace(/\n {2}/g, ' ').match(/^- .*$/gm) ?? [];

for (const { meta } of detectors) {
  const { id } = meta;

  test(`the page of ${id} answers every question, in order`, () => {
    const text = page(id);
    assert.ok(text.startsWith(`# ${id}\n\n*`), 'heading, then one sentence in italics');
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, SECTIONS);
    for (const name of SECTIONS) assert.notEqual(section(text, name).trim(), '', name);
  });

  test(`the page of ${id} explains every key of its evidence`, () => {
    const keys = section(page(id), 'Evidence')
      .split('\n')
      .map(line => line.split(' | ')[0])
      .join('\n');
    const seen = fixtures().flatMap(fixture => goldenEvidence(fixture, id).flatMap(Object.keys));
    for (const key of new Set([...(EVIDENCE[id]?.split(' ') ?? []), ...seen])) {
      assert.ok(keys.includes(`\`${key}\``), `${key} has no row in the table of the evidence`);
    }
  });

  test(`the page of ${id} names commands to check with, and the risk of each change`, () => {
    const checks = items(section(page(id), 'Check'));
    assert.ok(checks.length > 0);
    for (const check of checks) assert.match(check, /`[a-z]/, check);
    const changes = items(section(page(id), 'Change'));
    assert.ok(changes.length > 0);
    for (const change of changes) assert.match(change, /Risk: /, change);
  });

  test(`neither page nor advice of ${id} recommends what must not be done`, () => {
    const change = section(page(id), 'Change');
    assert.doesNotMatch(`${change}${meta.fix}`, /tcp_tw_recycle ?= ?1|tcp_timestamps ?= ?0/);
  });
}
