import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whatIfSentence } from '../../src/report/what-if-text.ts';

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
