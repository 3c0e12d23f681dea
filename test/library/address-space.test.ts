import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { analyse } from '../../src/index.ts';
import { fixture } from '../cli/run.ts';

test('a program that has analysed capture after capture can still start others: address space is given back', async () => {
  for (let i = 0; i < 60; i++) {
    await analyse(fixture('time-wait-collision-one-second.pcap'), { workers: 0 }).summary();
    const { error } = spawnSync('true');
    assert.equal(error, undefined, `after ${i + 1}`);
  }
});
