// JSON from outside is bounded before it is parsed, and the messages of racks are far within the bounds; those of machines:
// `bounded-facts.test.ts`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composeJsonFaultText } from '../../../src/ground/json-excess.ts';
import {
  BATCH_VALUES_MAX,
  ENTRIES_MAX,
  HEARTBEAT_VALUES_MAX,
  parseBatch,
} from '../../../src/region/racks/rack-news.ts';
import {
  cleanNote,
  cleanWords,
  JSON_DEPTH_MAX,
  JSON_VALUES_MAX,
  parseJson,
} from '../../../src/region/records/text-json.ts';

const list = (count: number): string => `[${Array.from({ length: count }, () => '1').join(',')}]`;

test('a text may have as many values as the bound and not one more, in any structure', () => {
  const cases: [string, number, string | undefined][] = [
    [list(JSON_VALUES_MAX), JSON_VALUES_MAX, undefined],
    [list(JSON_VALUES_MAX + 1), JSON_VALUES_MAX, `holds more than ${JSON_VALUES_MAX} values`],
    [list(JSON_VALUES_MAX + 1), JSON_VALUES_MAX + 1, undefined],
    ['{"a":1,"b":null,"c":true}', 3, undefined],
    ['{"a":1,"b":null,"c":true}', 2, 'holds more than 2 values'],
    ['{"a":{"b":{"c":1}}}', 3, undefined],
    ['{"a":{"b":{"c":1}}}', 2, 'holds more than 2 values'],
    ['{"a":",,,,[{","b":"\\",,,,","c,[":1}', 3, undefined],
    ['"1,2,3"', 0, undefined],
    ['[1,', 2, 'is not valid JSON'],
    ['['.repeat(JSON_DEPTH_MAX + 1), 100, `nests deeper than ${JSON_DEPTH_MAX} levels`],
  ];
  for (const [text, valuesMax, fault] of cases) {
    const parsed = parseJson(text, valuesMax);
    assert.equal(parsed.kind === 'fault' ? composeJsonFaultText(parsed.fault) : undefined, fault, text.slice(0, 40));
  }
});

test('a note keeps its lines and blanks, and words become one line', () => {
  for (const [text, note, words] of [
    ['Hall 1\n\n  row 2 \nend', 'Hall 1\n\n  row 2 \nend', 'Hall 1 row 2 end'],
    ['a\r\nb\r\n', 'a\nb', 'a b'],
    ['\n a \n', 'a', 'a'],
    ['a\rb\t\tc\0d\ufffde\u2028f\u2029g', 'a b c d e f g', 'a b c d e f g'],
    ['a\n\u001b[31mb\u202e', 'a\n\\x1b[31mb\\u202e', 'a \\x1b[31mb\\u202e'],
    [' \r\n ', '', ''],
  ] as const)
    assert.deepEqual([cleanNote(text, 300), cleanWords(text, 300)], [note, words], text);
  assert.equal(cleanNote('12345\n789\nb', 10), '12345\n789…');
});

test('the largest batch of a rack, and a heartbeat as long as its door takes, are within their bounds', () => {
  const report = {
    kind: 'k',
    at: 1,
    mac: '',
    address: '',
    text: 'x',
    level: 'INFO',
    of_a_later_rack: { a: 1, b: [1, 2] },
  };
  const entries = Array.from({ length: ENTRIES_MAX }, (_, sequence) => ({ sequence, kind: 'report', report }));
  const batch = parseJson(JSON.stringify({ source: 'u/1', missed: 0, entries }), BATCH_VALUES_MAX);
  assert.equal(batch.kind === 'value' && parseBatch('u', batch.value).ok, true);
  const reservation = { mac: '52:54:00:00:00:01', ip: '10.0.0.1' };
  const reservations = Array.from({ length: 1_048_576 / JSON.stringify([reservation]).length }, () => reservation);
  assert.equal(parseJson(JSON.stringify({ interfaces: [{ reservations }] }), HEARTBEAT_VALUES_MAX).kind, 'value');
});
