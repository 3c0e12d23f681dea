/** What a SYN carries that may be the reason why it is dropped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { later, only, tries } from './told.ts';

test('SYNs between routers without an answer: a key that differs may be the reason', async () => {
  const named = /; or the server expects another TCP MD5 or AO key, or none/;
  for (const serverPort of [179, 80]) {
    const finding = await only(tries([1, 3], { serverPort }), later());
    assert.equal(named.test(finding.title), serverPort === 179);
    assert.equal(finding.evidence.cause, 'unknown');
  }
  const { meaning, checks } = adviceFor(await only(tries([1, 3], { serverPort: 179 }), later()));
  assert.match(meaning, /TCP MD5 or AO key that differs/);
  assert.match(JSON.stringify(checks), /TcpExtTCPMD5NotFound/);
});
