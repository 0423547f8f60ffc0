// The parameters of an event are stored clean and bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventSentence, type Happening, type Remark } from '../../../src/region/records/events.ts';
import { packParams, packRemark, unpackHappening, unpackRemark } from '../../../src/store/operations/stored-event.ts';
import { spoken } from '../../support/sentences.ts';

const stored = (happening: Happening): Happening => unpackHappening(happening.code, packParams(happening));

test('the parameters of an event are restored unchanged, without undefined ones', () => {
  const said: Happening = {
    code: 'machine-displaced',
    params: { hostname: 'web1', systemId: 'abc', from: undefined, isProven: true, max: 3 },
  };
  assert.deepEqual(stored(said), { ...said, params: { hostname: 'web1', systemId: 'abc', isProven: true, max: 3 } });
});

test('texts are cleaned, at every depth', () => {
  const said = stored({ code: 'command', params: { command: 'deploy', comment: ' a\u001b[31m \n b\u202e ' } });
  assert.deepEqual(said.params, { command: 'deploy', comment: 'a\\x1b[31m b\\u202e' });
  const keys = stored({ code: 'owner-data-changed', params: { keys: ['a\u0000b', 'c  d'] } });
  assert.deepEqual(keys.params, { keys: ['a b', 'c d'] });
});

test('the texts of an event are bounded, one by one and all together, and so are lists', () => {
  const long = 'x'.repeat(5000);
  const keys = Array.from({ length: 5000 }, () => long);
  const packed = packParams({ code: 'owner-data-changed', params: { keys } });
  assert.ok(packed.length < 6000, `${packed.length} characters`);
  assert.equal(eventSentence(stored({ code: 'owner-data-changed', params: { keys } })).length, 500);
  assert.equal(eventSentence(stored({ code: 'rack', params: { text: long } })).length, 500);
});

test('an unknown code is shown unchanged', () => {
  assert.equal(eventSentence(unpackHappening('of-a-later-version', '{"odd":1}')), 'of-a-later-version');
});

test('an unknown code within a sentence is shown unchanged, too', () => {
  const later = { code: 'of-a-later-version', params: {} };
  const sentence = (code: string, params: unknown) => eventSentence(unpackHappening(code, JSON.stringify(params)));
  assert.match(sentence('work-restarted', { why: later }), /^of-a-later-version; /);
  assert.equal(sentence('enlistment-refused', { mac: 'aa', why: later }), 'aa: of-a-later-version');
});

test('a remark is kept as JSON, nothing as an empty text, and an unknown code is shown as it is', () => {
  const why: Remark = { code: 'power-failed', params: { task: 'cycle', detail: spoken('no route') } };
  assert.deepEqual(unpackRemark(packRemark(why)), why);
  assert.equal(packRemark(undefined), '');
  assert.equal(unpackRemark(''), undefined);
  const later = JSON.stringify({ code: 'of-a-later-version', params: {} });
  assert.deepEqual(unpackRemark(later), { code: 'said', params: { text: 'of-a-later-version' } });
});
