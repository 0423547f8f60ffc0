// Stored events as sentences.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../../src/ground/address.ts';
import { eventSentence, isHappening, isRemark, loggedSentence } from '../../../src/region/records/events.ts';

test('a sentence is clean and bounded, and begins with the hardware address of an unknown machine', () => {
  const said = { code: 'rack', params: { text: `a\u001b${'x'.repeat(600)}` } } as const;
  assert.equal(eventSentence(said).length, 500);
  assert.match(eventSentence(said), /^a\\x1bx+…$/);
  assert.match(loggedSentence({ ...said, stranger: mac(0x525400000001) }), /^52:54:00:00:00:01: a/);
});

test('an import that ended as a whole failed, whatever it had imported', () => {
  const reason = { code: 'thread-ended', params: { said: '' } } as const;
  const sentence = (name: string): string => eventSentence({ code: 'image-left-out', params: { name, reason } });
  assert.equal(sentence(''), 'the import failed: the importing thread ended');
  assert.equal(sentence('site'), 'site was not imported: the importing thread ended');
});

test('a code of a later version is unknown', () => {
  assert.equal(isHappening({ code: 'toString', params: {} }), false);
  assert.equal(isRemark({ code: 'toString', params: {} }), false);
  assert.equal(isHappening({ code: 'has-started', params: {} }), false, 'a remark');
});
