import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findingText } from '../../../src/report/explain/finding-text.ts';
import { plainStyle } from '../../../src/report/text-style.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readCaptures, readFindings } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { exchange } from '../../build/conversation.ts';
import { newRun } from '../../build/store-sample.ts';
import { follow } from '../../flow/follow.ts';

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
