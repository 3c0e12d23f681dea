/** The words of the outcomes that stand in the evidence of port-reuse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  firstAnswer,
  hasOldAck,
  isAcceptedLate,
  isRefused,
  isTakenOver,
  isUnseen,
  outcomeWords,
} from '../../../src/detect/reuse/outcome.ts';

test('the first step says whose numbers the answer has', () => {
  for (const [outcome, first] of [
    ['accepted', 'accepted'],
    ['accepted:tw-isn', 'accepted'],
    ['challenge-ack>rst>accepted', 'old-ack'],
    ['challenge-ack:unseen>rst', 'old-ack'],
    ['challenge-ack:foreign', 'foreign-ack'],
    ['syn-ack:old>accepted', 'old-syn-ack'],
    ['syn-ack:foreign', 'foreign-syn-ack'],
    ['refused', 'refused'],
    ['dropped', undefined],
    ['pending', undefined],
    ['unobservable', undefined],
    ['of-another-version', undefined],
  ] as const) {
    assert.equal(firstAnswer(outcome), first, outcome);
  }
});

test('accepted late is what was accepted after another answer, and a takeover is known by its ISN', () => {
  assert.deepEqual(
    ['accepted', 'challenge-ack>rst>accepted', 'challenge-ack>accepted:tw-isn', 'challenge-ack>rst'].map(
      isAcceptedLate,
    ),
    [false, true, true, false],
  );
  assert.deepEqual(['accepted:tw-isn', 'challenge-ack>accepted:tw-isn', 'accepted'].map(isTakenOver), [
    true,
    true,
    false,
  ]);
});

test('only an ACK of the old connection that was captured is one, and a refusal ends the outcome', () => {
  assert.deepEqual(['challenge-ack>rst', 'challenge-ack:unseen>rst', 'challenge-ack:foreign'].map(hasOldAck), [
    true,
    false,
    false,
  ]);
  assert.deepEqual(['refused', 'challenge-ack>rst>refused', 'accepted'].map(isRefused), [true, true, false]);
  assert.deepEqual(['pending', 'unobservable', 'dropped'].map(isUnseen), [true, true, false]);
});

test('an outcome is told step by step', () => {
  assert.equal(
    outcomeWords('challenge-ack>rst>accepted'),
    'answered with an ACK of the old connection, then reset by the client, then accepted',
  );
  assert.equal(outcomeWords('dropped'), 'not answered');
  assert.equal(outcomeWords('rst>of-another-version'), 'reset by the client, then of-another-version');
});
