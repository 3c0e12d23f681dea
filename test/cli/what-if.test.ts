/** `analyze --profile` and `--sysctl` as people type them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { folder } from '../build/store-sample.ts';
import { fixture, pawscope } from './run.ts';

const RECYCLE = fixture('lab-recycle-two-hosts.pcap');

test('the summary says how many SYNs the machine would drop', t => {
  const args = ['analyze', '--profile', 'linux-3.10', '--sysctl', 'net.ipv4.tcp_tw_recycle=1', RECYCLE];
  assert.match(
    pawscope(folder(t), args).stdout,
    /\nWhat if\n {2}With linux-3\.10 and tcp_tw_recycle=1: 7 of 22 SYNs would be dropped, 15 accepted\.\n/,
  );
});

test('without the options there is no such section', t => {
  assert.doesNotMatch(pawscope(folder(t), ['analyze', RECYCLE]).stdout, /What if/);
});

test('machines that cannot be are one sentence and 2', t => {
  const cwd = folder(t);
  for (const [args, sentence] of [
    [['--profile', 'linux-9'], /Allowed choices are linux-2\.6\.32/],
    [['--profile', 'linux-5.15', '--sysctl', 'tcp_tw_recycle=1'], /linux-5\.15 has no tcp_tw_recycle/],
    [['--sysctl', 'tcp_sack=1'], /there is no what-if for tcp_sack/],
    [['--sysctl', 'tcp_rfc1337'], /It must be NAME=NUMBER/],
  ] as const) {
    const { status, stderr } = pawscope(cwd, ['analyze', ...args, RECYCLE]);
    assert.equal(status, 2);
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
  }
});
