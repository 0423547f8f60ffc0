// Stored events as sentences.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../../src/net/address.ts';
import { eventSentence, isHappening, isRemark, loggedSentence } from '../../../src/region/records/events.ts';

test('a sentence is clean and bounded, and begins with the hardware address of an unknown machine', () => {
  const said = { code: 'rack', params: { text: `a\u001b${'x'.repeat(600)}` } } as const;
  assert.equal(eventSentence(said).length, 500);
  assert.match(eventSentence(said), /^a\\x1bx+…$/);
  assert.match(loggedSentence({ ...said, stranger: mac(0x525400000001) }), /^52:54:00:00:00:01: a/);
});

test('a code of a later version is unknown', () => {
  assert.equal(isHappening({ code: 'toString', params: {} }), false);
  assert.equal(isRemark({ code: 'toString', params: {} }), false);
  assert.equal(isHappening({ code: 'has-started', params: {} }), false, 'a remark');
});
